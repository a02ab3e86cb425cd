"""The target of a table: class labels of any type, or numbers that are standardised for the network."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy
from sklearn.preprocessing import StandardScaler

from clearprop.errors import ArgumentError, DataError, ModelFileError
from clearprop.estimators.table_data import Table, closest
from clearprop.losses import (
    AbsoluteError,
    BinaryCrossEntropy,
    CrossEntropy,
    Hinge,
    Huber,
    Loss,
    Poisson,
    SquaredError,
)
from clearprop.network import Network
from clearprop.validation import show

__all__ = ["LOSSES", "Classes", "Values", "has_target", "infer_task", "target_from_json"]

Array = Any

LOSSES = {
    "classification": ("cross_entropy", "hinge"),
    "regression": ("squared_error", "absolute_error", "huber", "poisson"),
}
MANY = 10  # whole numbers with more distinct values than this are a quantity


@dataclass(frozen=True)
class Classes:
    """A target of class labels.

    Attributes
    ----------
    name : str
        The column.
    labels : tuple of bool, int, float or str
        The classes, sorted; the network's outputs are in this order, or one output says how likely the second is.
    """

    name: str
    labels: tuple[Any, ...]

    task: ClassVar[str] = "classification"

    @classmethod
    def fit(cls, table: Table, name: str) -> Classes:
        """Return the classes that a column holds."""
        counts = Counter(table.labels(name))
        if len(counts) < 2:
            only = show(next(iter(counts)))
            raise DataError(f"{table.source}: '{name}' is {only} in every row; classification needs two classes.")
        return cls(name, tuple(sorted(counts)))

    @property
    def n_outputs(self) -> int:
        """Outputs of the network: one for two classes, else one a class."""
        return 1 if len(self.labels) == 2 else len(self.labels)

    def loss(self, name: str | None) -> Loss:
        """Return the loss of that name."""
        if name == "hinge":
            return Hinge()
        return BinaryCrossEntropy() if self.n_outputs == 1 else CrossEntropy()

    def encode(self, table: Table) -> Array:
        """Return the number of every row's class."""
        numbers = {label: number for number, label in enumerate(self.labels)}
        if isinstance(self.labels[0], str):
            found = table.categories(self.name).tolist()
        else:
            by_text = {str(label): label for label in self.labels}  # a Parquet file may hold 1 as "1"
            found = [by_text.get(label, label) for label in table.labels(self.name)]
        for row, label in enumerate(found):
            if label not in numbers:
                hint = closest(str(label), map(str, self.labels))
                raise DataError(
                    f"{table.place(row, self.name)} is {show(label)}, a class the model does not know{hint}"
                )
        return numpy.array([numbers[label] for label in found])

    def decode(self, net: Network, X: Array) -> list[Any]:
        """Return the label of every row."""
        scores = net.scores(X)
        winners = scores[:, 0] > 0 if self.n_outputs == 1 else scores.argmax(axis=1)
        return [self.labels[int(number)] for number in winners]

    def probabilities(self, net: Network, X: Array) -> dict[Any, Array]:
        """Return for every label the probabilities of the rows."""
        if isinstance(net.loss_function, Hinge):
            raise ArgumentError("a network trained with hinge gives no probabilities; train with --loss cross_entropy.")
        p = net.predict(X)
        p = numpy.concatenate([1 - p, p], axis=1) if self.n_outputs == 1 else p
        return dict(zip(self.labels, p.T, strict=True))

    def measure(self, net: Network, X: Array, table: Table) -> dict[str, float]:
        """Return accuracy and, where there are probabilities, log loss (the mean of -log p of the right class)."""
        y, scores = self.encode(table), net.scores(X)
        winners = scores[:, 0] > 0 if self.n_outputs == 1 else scores.argmax(axis=1)
        metrics = {"accuracy": float(numpy.mean(winners == y))}
        if not isinstance(net.loss_function, Hinge):
            target = net.loss_function.target(y, len(y), self.n_outputs, net.dtype)
            values = net.loss_function.values(numpy, scores, target)
            metrics["log_loss"] = float(values.mean(dtype=numpy.float64))
        return metrics

    def to_json(self) -> dict[str, Any]:
        """Return the target as something the json module can write."""
        return {"task": self.task, "name": self.name, "labels": list(self.labels)}


@dataclass(frozen=True)
class Values:
    """A target of numbers; the network learns (value - mean) / scale.

    Attributes
    ----------
    name : str
        The column.
    mean, scale : float
        Of the training rows.
    """

    name: str
    mean: float
    scale: float

    task: ClassVar[str] = "regression"
    n_outputs: ClassVar[int] = 1

    @classmethod
    def fit(cls, table: Table, name: str, loss: str | None) -> Values:
        """Return the scaling of a column; for the Poisson loss it keeps 0 where it is."""
        y = _numbers(table, name)
        if loss == "poisson":
            low = int(numpy.argmin(y))
            if y[low] < 0:
                raise DataError(f"{table.place(low, name)} is {y[low]:g}; --loss poisson needs numbers >= 0.")
            return cls(name, 0.0, float(y.mean()) or 1.0)
        with numpy.errstate(over="ignore", invalid="ignore"):
            scaler = StandardScaler().fit(y[:, None])
        mean, scale = float(scaler.mean_[0]), float(scaler.scale_[0])
        if not (math.isfinite(mean) and math.isfinite(scale)):
            raise DataError(f"{table.source}: '{name}' has numbers too large to scale; rescale it.")
        return cls(name, mean, scale)

    def loss(self, name: str | None) -> Loss:
        """Return the loss of that name."""
        kinds: dict[str, type[Loss]] = {"absolute_error": AbsoluteError, "huber": Huber, "poisson": Poisson}
        return kinds.get(name or "", SquaredError)()

    def encode(self, table: Table) -> Array:
        """Return the scaled target, shape (n_rows,)."""
        return (_numbers(table, self.name) - self.mean) / self.scale

    def decode(self, net: Network, X: Array) -> list[float]:
        """Return the prediction of every row in the target's own units."""
        scaled = net.predict(X)[:, 0].astype(numpy.float64)
        return list((scaled * self.scale + self.mean).tolist())

    def probabilities(self, net: Network, X: Array) -> dict[Any, Array]:
        """Refuse: numbers have no probabilities."""
        raise ArgumentError(f"'{self.name}' is a number, so there are no probabilities; leave out --proba.")

    def measure(self, net: Network, X: Array, table: Table) -> dict[str, float]:
        """Return root mean squared error, mean absolute error and R^2 (0 for a constant target)."""
        y, prediction = _numbers(table, self.name), numpy.array(self.decode(net, X))
        residual = y - prediction
        total = float(numpy.sum((y - y.mean()) ** 2))
        return {
            "rmse": math.sqrt(float(numpy.mean(residual**2))),
            "mae": float(numpy.mean(numpy.abs(residual))),
            "r2": 1.0 - float(numpy.sum(residual**2)) / total if total > 0.0 else 0.0,
        }

    def to_json(self) -> dict[str, Any]:
        """Return the target as something the json module can write."""
        return {"task": self.task, "name": self.name, "mean": self.mean, "scale": self.scale}


def _numbers(table: Table, name: str) -> Array:
    return table.numbers(name, boolean=table.kind(name) == "boolean")


def has_target(table: Table, name: str) -> Array:
    """Return the numbers of the rows whose target is not missing; `DataError` where there are none."""
    table.require([name])
    values = table.columns[name]
    if isinstance(values, numpy.ndarray):
        present = values == values
    else:
        present = numpy.array([not table.is_missing(value) for value in values])
    if not present.any():
        raise DataError(f"{table.source}: '{name}' is missing in every row; it is what the network is to learn.")
    return numpy.flatnonzero(present)


def infer_task(table: Table, name: str) -> str:
    """Return ``"classification"`` for texts, booleans and few distinct whole numbers, else ``"regression"``."""
    labels: Sequence[Any] = table.labels(name)
    n_distinct = len(set(labels))
    if isinstance(labels[0], bool | str):
        return "classification"
    few = isinstance(labels[0], int) and n_distinct <= MANY and 2 * n_distinct <= len(labels)
    return "classification" if few else "regression"


def target_from_json(entry: Any) -> Classes | Values:
    """Return the target that `to_json` described, or raise `ModelFileError`."""
    damaged = ModelFileError(f"the description of the target is damaged: {show(entry)}.")
    if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
        raise damaged
    if entry.get("task") == "classification":
        labels = entry.get("labels")
        if not isinstance(labels, list) or len(labels) < 2 or len(set(map(repr, labels))) < len(labels):
            raise damaged
        if not all(isinstance(label, bool | int | float | str) for label in labels):
            raise damaged
        return Classes(entry["name"], tuple(labels))
    mean, scale = entry.get("mean"), entry.get("scale")
    if entry.get("task") != "regression" or not isinstance(mean, float) or not isinstance(scale, float):
        raise damaged
    if not (math.isfinite(mean) and math.isfinite(scale) and scale > 0.0):
        raise damaged
    return Values(entry["name"], mean, scale)
