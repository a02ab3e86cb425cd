"""Measures of how good predictions are, by name."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy

from clearprop.errors import ArgumentError
from clearprop.losses import BinaryCrossEntropy, Hinge, Loss
from clearprop.validation import check_choice

__all__ = ["METRICS", "check_metrics", "evaluate", "is_better_greater", "reported"]

Array = Any


def _mean(values: Array, weight: Array | None) -> float:
    return float(numpy.average(values, weights=weight))


def accuracy(loss: Loss, prediction: Array, target: Array, weight: Array | None) -> float:
    """Return the weighted share of rows whose class is right, or with BinaryCrossEntropy all of whose labels are."""
    if prediction.shape[1] == 1 or isinstance(loss, BinaryCrossEntropy):
        threshold = 0.0 if isinstance(loss, Hinge) else 0.5
        labels = target.reshape(prediction.shape) > 0.5
        return _mean(((prediction > threshold) == labels).all(axis=1), weight)
    classes = target if target.ndim == 1 else target.argmax(axis=1)
    return _mean(prediction.argmax(axis=1) == classes, weight)


def mean_absolute_error(loss: Loss, prediction: Array, target: Array, weight: Array | None) -> float:
    """Return the weighted mean of |prediction - target|."""
    return _mean(numpy.abs(prediction - target).mean(axis=1), weight)


def root_mean_squared_error(loss: Loss, prediction: Array, target: Array, weight: Array | None) -> float:
    """Return the root of the weighted mean of (prediction - target)^2."""
    return math.sqrt(_mean(((prediction - target) ** 2).mean(axis=1), weight))


def r2(loss: Loss, prediction: Array, target: Array, weight: Array | None) -> float:
    """Return 1 - residual / total sum of squares, averaged over outputs; a constant target counts as 0."""
    residual = numpy.average((target - prediction) ** 2, weights=weight, axis=0)
    mean = numpy.average(target, weights=weight, axis=0)
    total = numpy.average((target - mean) ** 2, weights=weight, axis=0)
    varies = total > 0.0
    return float(numpy.where(varies, 1.0 - residual / numpy.where(varies, total, 1.0), 0.0).mean())


Metric = Callable[[Loss, Array, Array, Array | None], float]
METRICS: dict[str, tuple[Metric, bool]] = {  # name: (function, whether greater is better)
    "accuracy": (accuracy, True),
    "r2": (r2, True),
    "mae": (mean_absolute_error, False),
    "rmse": (root_mean_squared_error, False),
}


def check_metrics(names: Any, target: Array) -> tuple[str, ...]:
    """Return the names of metrics as a tuple, or raise `ArgumentError` for one unknown or unfit for the target."""
    given: list[Any] = list(names) if isinstance(names, Iterable) and not isinstance(names, str) else [names]
    for name in given:
        check_choice("train", "metrics", name, METRICS)
        if name == "accuracy" and not ((target >= 0).all() and (target.ndim == 1 or (target <= 1).all())):
            raise ArgumentError("train: metrics: 'accuracy' needs classes, got other numbers; use 'r2' instead.")
        if name != "accuracy" and target.ndim == 1:
            raise ArgumentError(f"train: metrics: {name!r} needs numbers, got classes; use 'accuracy' instead.")
    return tuple(given)


def reported(names: tuple[str, ...], held_out: bool) -> tuple[str, ...]:
    """Return the names of the quantities that a run with these metrics reports."""
    if not held_out:
        return ("loss", "data_loss", *names)
    return ("loss", "data_loss", "validation_loss", *(f"validation_{name}" for name in names))


def is_better_greater(name: str) -> bool:
    """Return whether greater values of a metric or loss are better."""
    plain = name.removeprefix("validation_")
    return plain in METRICS and METRICS[plain][1]


def evaluate(
    names: tuple[str, ...], loss: Loss, prediction: Array, target: Array, weight: Array | None
) -> dict[str, float]:
    """Return the metrics of those names."""
    return {name: METRICS[name][0](loss, prediction, target, weight) for name in names}
