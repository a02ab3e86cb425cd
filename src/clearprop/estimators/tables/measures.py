"""How good predictions of rows are whose target is known, by scikit-learn's metrics."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy
from sklearn.metrics import (
    accuracy_score,
    log_loss,
    mean_absolute_error,
    mean_pinball_loss,
    r2_score,
    root_mean_squared_error,
)

__all__ = ["measure_classes", "measure_labels", "measure_numbers", "measure_quantiles"]

Array = Any


def measure_classes(p: Array, codes: Array) -> dict[str, float]:
    """Return accuracy and log loss, the mean of -log p of the right class.

    Parameters
    ----------
    p : array of shape (n, n_classes)
        Probabilities.
    codes : array of int of shape (n,)
        The right classes.
    """
    accuracy = accuracy_score(codes, p.argmax(axis=1))
    return {"accuracy": float(accuracy), "log_loss": float(log_loss(codes, p, labels=numpy.arange(p.shape[1])))}


def measure_labels(p: Array, y: Array) -> dict[str, float]:
    """Return the share of rows all of whose labels are right, and the log loss, mean over the labels, (n, n_labels)."""
    losses = [log_loss(own, found, labels=[0, 1]) for own, found in zip(y.T, p.T, strict=True)]
    return {"accuracy": float(accuracy_score(y, p > 0.5)), "log_loss": float(numpy.mean(losses))}


def measure_quantiles(prediction: Array, y: Array, quantiles: Sequence[float]) -> dict[str, float]:
    """Return the pinball loss, mean over the quantiles, of predictions (n, n_quantiles) of numbers (n, 1)."""
    losses = [mean_pinball_loss(y, found, alpha=level) for level, found in zip(quantiles, prediction.T, strict=True)]
    return {"pinball_loss": float(numpy.mean(losses))}


def measure_numbers(prediction: Array, y: Array) -> dict[str, float]:
    """Return root mean squared error, mean absolute error and R^2 (0 for a single row), means over the outputs."""
    return {
        "rmse": float(root_mean_squared_error(y, prediction)),
        "mae": float(mean_absolute_error(y, prediction)),
        "r2": float(r2_score(y, prediction)) if len(y) > 1 else 0.0,
    }
