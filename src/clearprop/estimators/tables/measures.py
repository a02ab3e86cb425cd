"""How good predictions of rows are whose target is known."""

from __future__ import annotations

import math
from typing import Any

import numpy

__all__ = ["measure_classes", "measure_numbers"]

Array = Any

LEAST = float(numpy.finfo(numpy.float32).tiny)  # what a probability of 0 counts as, lest one row make all infinite


def measure_classes(p: Array, codes: Array) -> dict[str, float]:
    """Return accuracy and log loss, the mean of -log p of the right class.

    Parameters
    ----------
    p : array of shape (n, n_classes)
        Probabilities.
    codes : array of int of shape (n,)
        The right classes.
    """
    right = p[numpy.arange(len(codes)), codes]
    accuracy = float(numpy.mean(p.argmax(axis=1) == codes))
    return {"accuracy": accuracy, "log_loss": -float(numpy.log(numpy.maximum(right, LEAST)).mean())}


def measure_numbers(prediction: Array, y: Array) -> dict[str, float]:
    """Return root mean squared error, mean absolute error and R^2 (0 for a constant target), of shape (n,) each."""
    residual = y - prediction
    total = float(numpy.sum((y - y.mean()) ** 2))
    return {
        "rmse": math.sqrt(float(numpy.mean(residual**2))),
        "mae": float(numpy.mean(numpy.abs(residual))),
        "r2": 1.0 - float(numpy.sum(residual**2)) / total if total > 0.0 else 0.0,
    }
