"""The tables on which defaults are compared: their splits, and how predictions are judged."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy
import pandas
from sklearn.model_selection import train_test_split

from clearprop.estimators.tables.report import quality

KINDS = ("classification", "regression")
TARGET = "target"
TEST_SHARE = 0.25
SHIFT = 0.01  # of the geometric mean, so that a set on which the error is near 0 does not outweigh all others


@dataclass(frozen=True)
class TableTask:
    """A split of a table.

    Attributes
    ----------
    kind, name : str
        "classification" or "regression", and the name of the set.
    seed : int
        Of the split, and of all that a contestant draws.
    X_train, X_test : pandas.DataFrame
        The columns as they came.
    y_train, y_test : ndarray
        Classes numbered from 0 in the order of their names (int64), or values (float64).
    """

    kind: str
    name: str
    seed: int
    X_train: pandas.DataFrame
    y_train: Any
    X_test: pandas.DataFrame
    y_test: Any

    @property
    def is_regression(self) -> bool:
        """Whether the target is a value and not a class."""
        return self.kind == "regression"

    @classmethod
    def split(cls, path: Path, seed: int) -> TableTask:
        """Return a split of the Parquet file ``kind/name.parquet``: 25 % test, stratified for classes."""
        X = pandas.read_parquet(path)
        y, kind = X.pop(TARGET), path.parent.name
        if kind == "regression":
            y = y.to_numpy(numpy.float64)
        else:
            y = numpy.unique(y.astype(str), return_inverse=True)[1].astype(numpy.int64)
        train, test = train_test_split(
            numpy.arange(len(y)), test_size=TEST_SHARE, random_state=seed, stratify=None if kind == "regression" else y
        )
        parts = X.iloc[train].reset_index(drop=True), y[train], X.iloc[test].reset_index(drop=True), y[test]
        return cls(kind, path.stem, seed, *parts)

    def save(self, scratch: Path) -> Path:
        """Write both parts to ``scratch/kind/name/seed`` and return that folder."""
        folder = scratch / self.kind / self.name / str(self.seed)
        folder.mkdir(parents=True)
        for part, X, y in (("train", self.X_train, self.y_train), ("test", self.X_test, self.y_test)):
            X.assign(**{TARGET: y}).to_parquet(folder / f"{part}.parquet")
        return folder

    @classmethod
    def load(cls, folder: Path) -> TableTask:
        """Read what `save` has written."""
        kind, name, seed = folder.parts[-3:]
        parts: list[Any] = []
        for part in ("train", "test"):
            X = pandas.read_parquet(folder / f"{part}.parquet")
            y = X.pop(TARGET).to_numpy()
            parts += [X, y]
        return cls(kind, name, int(seed), *parts)


def find_sets(data: Path) -> dict[str, Path]:
    """Return the files of the sets by name, classification first."""
    paths = [path for kind in KINDS for path in sorted((data / kind).glob("*.parquet"))]
    return {path.stem: path for path in paths}


def error_rate(y: Any, predicted: Any) -> float:
    """Return the share of wrong classes."""
    return float(numpy.mean(y != predicted))


def relative_rmse(y: Any, predicted: Any) -> float:
    """Return sqrt(mean((y - predicted)^2)) / sqrt(mean((y - mean(y))^2)), so that 1 is who predicts the mean of `y`."""
    return float(numpy.sqrt(numpy.mean((y - predicted) ** 2)) / numpy.std(y))


def log_loss(y: Any, probabilities: Any) -> float:
    """Return -mean(log(p of the true class)), where p is at least the float64 epsilon as in scikit-learn."""
    true = probabilities[numpy.arange(len(y)), y]
    return float(-numpy.log(numpy.maximum(true, numpy.finfo(numpy.float64).eps)).mean())


def calibration_error(y: Any, probabilities: Any) -> float:
    """Return the expected calibration error of the most probable class, in 15 bins of equal width."""
    return quality.calibration_error(probabilities.max(axis=1), probabilities.argmax(axis=1) == y)


def coverage(y: Any, intervals: Any) -> float:
    """Return the share of values that lie within their interval, an array of shape (n, 2)."""
    return float(numpy.mean((intervals[:, 0] <= y) & (y <= intervals[:, 1])))


def shifted_geometric_mean(errors: Sequence[float]) -> float:
    """Return exp(mean(log(error + 0.01))), with an error a set (Holzmueller et al. 2024)."""
    return math.exp(numpy.mean(numpy.log(numpy.asarray(errors) + SHIFT)))


def warm_up_task() -> TableTask:
    """Return a task of a number, a category and two classes in 64 rows, to load what libraries load late."""
    X = pandas.DataFrame({"number": numpy.arange(64.0), "word": ["a", "b"] * 32})
    y = numpy.tile([0, 0, 1, 1], 16)
    return TableTask("classification", "warm_up", 0, X, y, X, y)
