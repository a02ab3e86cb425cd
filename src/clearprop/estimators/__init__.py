"""Estimators with scikit-learn's contract; the only place that knows scikit-learn."""

from clearprop.estimators.autoencoder import AutoEncoder
from clearprop.estimators.classifier import MLPClassifier
from clearprop.estimators.regressor import MLPRegressor

__all__ = ["AutoEncoder", "MLPClassifier", "MLPRegressor"]
