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


def measure_classes(p: Array, codes: Array, weight: Array | None = None) -> dict[str, float]:
    """Return accuracy and log loss, the mean of -log p of the right class.

    Parameters
    ----------
    p : array of shape (n, n_classes)
        Probabilities.
    codes : array of int of shape (n,)
        The right classes.
    weight : array of shape (n,) or None
        Weights of the rows, here and below.
    """
    lost = log_loss(codes, p, labels=numpy.arange(p.shape[1]), sample_weight=weight)
    return {"accuracy": float(accuracy_score(codes, p.argmax(axis=1), sample_weight=weight)), "log_loss": float(lost)}


def measure_labels(p: Array, y: Array, weight: Array | None = None) -> dict[str, float]:
    """Return the share of rows all of whose labels are right, and the log loss, mean over the labels, (n, n_labels)."""
    losses = [log_loss(own, found, labels=[0, 1], sample_weight=weight) for own, found in zip(y.T, p.T, strict=True)]
    return {"accuracy": float(accuracy_score(y, p > 0.5, sample_weight=weight)), "log_loss": float(numpy.mean(losses))}


def measure_quantiles(
    prediction: Array, y: Array, quantiles: Sequence[float], weight: Array | None = None
) -> dict[str, float]:
    """Return the pinball loss, mean over the quantiles, of predictions (n, n_quantiles) of numbers (n, 1)."""
    losses = [
        mean_pinball_loss(y, found, alpha=level, sample_weight=weight)
        for level, found in zip(quantiles, prediction.T, strict=True)
    ]
    return {"pinball_loss": float(numpy.mean(losses))}


def measure_numbers(prediction: Array, y: Array, weight: Array | None = None) -> dict[str, float]:
    """Return root mean squared error, mean absolute error and R^2 (0 for a single row), means over the outputs."""
    return {
        "rmse": float(root_mean_squared_error(y, prediction, sample_weight=weight)),
        "mae": float(mean_absolute_error(y, prediction, sample_weight=weight)),
        "r2": float(r2_score(y, prediction, sample_weight=weight)) if len(y) > 1 else 0.0,
    }
