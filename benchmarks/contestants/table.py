"""What all contestants share that take a table as it is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy
import pandas
from pandas.api.types import is_numeric_dtype
from tabular import TableTask


def categorical(X: pandas.DataFrame) -> list[str]:
    """Return the columns that are not numbers."""
    return [name for name in X if not is_numeric_dtype(X[name])]


class TableContestant(ABC):
    """An estimator with its defaults; what its library asks to be done to a table is part of `fit` and `predict`.

    Besides defaults it is given the number of threads, a seed, and silence.

    Parameters
    ----------
    task : TableTask
        The split.
    threads : int
        Threads of `fit` and `predict`.
    """

    Task: ClassVar[type] = TableTask
    detail: ClassVar[str]

    def __init__(self, task: TableTask, threads: int) -> None:
        self.task, self.threads = task, threads

    @abstractmethod
    def make(self) -> Any:
        """Return the estimator."""

    def learn(self, X: pandas.DataFrame) -> pandas.DataFrame:
        """Return the training table as the library wants it, and remember what `prepare` needs to know."""
        return X

    def prepare(self, X: pandas.DataFrame) -> pandas.DataFrame:
        """Return another table as the library wants it."""
        return self.learn(X)

    def fit(self) -> None:
        """Train."""
        X = self.learn(self.task.X_train)
        self.model = self.make()
        self.model.fit(X, self.task.y_train)

    def predict(self) -> None:
        """Predict the classes or values of the test table."""
        self.predicted = self.model.predict(self.prepare(self.task.X_test))

    def prediction(self) -> list[float]:
        """Return what `predict` has found."""
        return numpy.asarray(self.predicted).reshape(len(self.task.y_test)).tolist()

    def intervals(self) -> list[list[float]]:
        """Return for each row of the test table an interval of 90 %, or nothing."""
        return []

    def probabilities(self) -> list[list[float]]:
        """Return the probabilities of the classes for the test table."""
        return numpy.asarray(self.model.predict_proba(self.prepare(self.task.X_test))).tolist()


class CategoryContestant(TableContestant):
    """A library that takes columns of pandas categories; levels that training did not see become missing values.

    Columns without a value in training are left out, as they end scikit-learn's and XGBoost's `fit` with an error, and
    the others lose their names, of which LightGBM and XGBoost refuse some signs.
    """

    def learn(self, X: pandas.DataFrame) -> pandas.DataFrame:
        """Return the table with categories, and remember them."""
        self.columns = [name for name in X if X[name].notna().any()]
        words = categorical(X[self.columns])
        self.categories = {name: pandas.CategoricalDtype(X[name].dropna().unique()) for name in words}
        return self.prepare(X)

    def prepare(self, X: pandas.DataFrame) -> pandas.DataFrame:
        """Return the table with the columns and categories of training."""
        names = [f"column_{place}" for place in range(len(self.columns))]
        return X[self.columns].astype(self.categories).set_axis(names, axis=1)
