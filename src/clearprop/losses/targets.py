"""What losses take as y: numbers, class numbers and distributions, checked before anything is computed with them."""

from __future__ import annotations

from typing import Any

import numpy

from clearprop.errors import DataError
from clearprop.validation import show

__all__ = ["class_numbers", "distributions", "first_row", "real_target"]


def first_row(bad: Any) -> int:
    """Return the first row of a boolean array in which anything is True."""
    return int(numpy.flatnonzero(bad.reshape(bad.shape[0], -1).any(axis=1))[0])


def real_target(owner: str, y: Any, n_rows: int, n_outputs: int, dtype: Any) -> Any:
    """Return `y` as finite numbers of shape (n_rows, n_outputs), or raise `DataError`."""
    y = numpy.asarray(y)
    if y.dtype.kind not in "biuf":
        raise DataError(
            f"{owner}: y must hold numbers, got dtype {y.dtype}; encode classes as 0, 1, 2, ... (MLPClassifier takes "
            "any labels), and pass y.toarray() for a sparse y."
        )
    given = y.shape
    if y.ndim == 1 and n_outputs == 1:
        y = y[:, None]
    if y.shape != (n_rows, n_outputs):
        expected = f"({n_rows}, {n_outputs})" + (f" or ({n_rows},)" if n_outputs == 1 else "")
        hint = "; for class numbers pass loss=CrossEntropy()" if given == (n_rows,) and n_outputs > 1 else ""
        raise DataError(
            f"{owner}: y must have shape {expected}, got {given}; one row of y belongs to one row of X{hint}."
        )
    y = y.astype(dtype, copy=False)
    bad = ~numpy.isfinite(y)
    if bad.any():
        raise DataError(
            f"{owner}: y must be finite, got {y[bad].ravel()[0]} in row {first_row(bad)}; drop or fill such rows."
        )
    return y


def class_numbers(owner: str, y: Any, n_rows: int, n_classes: int) -> Any:
    """Return `y`, a vector or a column, as a vector of class numbers 0 to n_classes - 1, or raise `DataError`."""
    y = numpy.asarray(y)
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.shape != (n_rows,):
        raise DataError(
            f"{owner}: y must hold one class number a row, shape ({n_rows},), or one column a class, "
            f"shape ({n_rows}, {n_classes}); got {y.shape}."
        )
    if y.dtype.kind not in "biuf":
        raise DataError(
            f"{owner}: y must hold class numbers 0 to {n_classes - 1}, got dtype {y.dtype} such as "
            f"{show(y[:1].tolist()[0])}; encode labels with numpy.unique(y, return_inverse=True), or use "
            "MLPClassifier, which takes any labels."
        )
    with numpy.errstate(invalid="ignore"):
        numbers = y.astype(numpy.int64)
    bad = (numbers != y) | (numbers < 0) | (numbers >= n_classes)
    if bad.any():
        row = first_row(bad)
        raise DataError(
            f"{owner}: y must hold class numbers 0 to {n_classes - 1} for {n_classes} classes, got {y[row]} in row "
            f"{row}; the network needs an output for each class."
        )
    return numbers


def distributions(owner: str, y: Any, n_rows: int, n_outputs: int, dtype: Any) -> Any:
    """Return `y` as rows of numbers >= 0 that sum to 1, or raise `DataError`."""
    y = real_target(owner, y, n_rows, n_outputs, dtype)
    total = y.sum(axis=1)
    bad = (y < 0).any(axis=1) | (numpy.abs(total - 1) > 1e-3)
    if bad.any():
        row = first_row(bad)
        raise DataError(
            f"{owner}: each row of y must be >= 0 and sum to 1, got {show(y[row].tolist())} in row {row}; "
            "divide each row by its sum, or use BinaryCrossEntropy for labels that do not exclude each other."
        )
    return y / total[:, None]  # the gradient p - y needs sums of 1 to the last bit
