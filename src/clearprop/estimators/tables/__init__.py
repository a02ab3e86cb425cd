"""Estimators for tables as they are: preprocessing, recipe, target and networks in one model."""

from clearprop.estimators.tables.classifier import Classifier
from clearprop.estimators.tables.preprocessing import Preprocessing
from clearprop.estimators.tables.recipe import PRESETS, Recipe
from clearprop.estimators.tables.regressor import Regressor

__all__ = ["PRESETS", "Classifier", "Preprocessing", "Recipe", "Regressor"]
