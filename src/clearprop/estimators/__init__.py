"""Estimators with scikit-learn's contract; the only place that knows scikit-learn."""

from clearprop.estimators.autoencoder import AutoEncoder
from clearprop.estimators.classifier import MLPClassifier
from clearprop.estimators.regressor import MLPRegressor
from clearprop.estimators.rows import NetworkRows, input_names, network_of, network_rows
from clearprop.estimators.tables import Classifier, Regressor

__all__ = [
    "AutoEncoder",
    "Classifier",
    "MLPClassifier",
    "MLPRegressor",
    "NetworkRows",
    "Regressor",
    "input_names",
    "network_of",
    "network_rows",
]
