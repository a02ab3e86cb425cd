"""How good predictions of rows are whose target is known, by scikit-learn's metrics."""

from __future__ import annotations

from typing import Any

from sklearn.metrics import accuracy_score, log_loss, mean_absolute_error, r2_score, root_mean_squared_error

__all__ = ["measure_classes", "measure_numbers"]

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
    return {"accuracy": float(accuracy), "log_loss": float(log_loss(codes, p, labels=range(p.shape[1])))}


def measure_numbers(prediction: Array, y: Array) -> dict[str, float]:
    """Return root mean squared error, mean absolute error and R^2 (0 for a single row), of shape (n,) each."""
    return {
        "rmse": float(root_mean_squared_error(y, prediction)),
        "mae": float(mean_absolute_error(y, prediction)),
        "r2": float(r2_score(y, prediction)) if len(y) > 1 else 0.0,
    }
