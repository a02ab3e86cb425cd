"""scikit-learn's estimators for tables."""

from __future__ import annotations

from typing import Any

import sklearn
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from contestants.table import CategoryContestant, TableContestant, categorical


class Constant(TableContestant):
    """The mean, or the most frequent class: whoever is worse has learned nothing."""

    detail = f"scikit-learn {sklearn.__version__}"

    def make(self) -> Any:
        """Return the estimator."""
        return DummyRegressor() if self.task.is_regression else DummyClassifier()


class HistGradientBoosting(CategoryContestant):
    """`HistGradientBoostingClassifier` or `-Regressor`, which recognise columns of categories by default."""

    detail = f"scikit-learn {sklearn.__version__}"

    def make(self) -> Any:
        """Return the estimator; its threads are those of the environment."""
        make = HistGradientBoostingRegressor if self.task.is_regression else HistGradientBoostingClassifier
        return make(random_state=self.task.seed)


class MLP(TableContestant):
    """`MLPClassifier` or `MLPRegressor` after what they cannot do without: medians for gaps, one-hot categories."""

    detail = f"scikit-learn {sklearn.__version__}"

    def make(self) -> Any:
        """Return the pipeline."""
        words = categorical(self.task.X_train)
        numbers = [name for name in self.task.X_train if name not in words]
        encoder = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
        columns = ColumnTransformer([("numbers", self.make_numbers(), numbers), ("words", encoder, words)])
        return make_pipeline(columns, self.make_network())

    def make_numbers(self) -> Any:
        """Return what is done to columns of numbers."""
        return SimpleImputer(strategy="median")

    def make_network(self) -> Any:
        """Return the network."""
        return (MLPRegressor if self.task.is_regression else MLPClassifier)(random_state=self.task.seed)


class ScaledMLP(MLP):
    """The same where someone knows that networks want standardised numbers, and a standardised target."""

    def make_numbers(self) -> Any:
        """Return what is done to columns of numbers."""
        return make_pipeline(super().make_numbers(), StandardScaler())

    def make_network(self) -> Any:
        """Return the network."""
        network = super().make_network()
        if self.task.is_regression:
            return TransformedTargetRegressor(network, transformer=StandardScaler())
        return network
