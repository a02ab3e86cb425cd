"""A pytest plugin that puts clearprop's estimators in the place of scikit-learn's."""

import sklearn.neural_network

import clearprop

sklearn.neural_network.MLPClassifier = clearprop.MLPClassifier
sklearn.neural_network.MLPRegressor = clearprop.MLPRegressor
