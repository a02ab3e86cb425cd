"""What a loss is: the link from scores to predictions, the loss of a row, and its gradient at the scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy

from clearprop.config import Configurable
from clearprop.errors import DataError

__all__ = ["Array", "Loss", "first_row", "real_target"]

Array = Any


@dataclass(frozen=True)
class Loss(Configurable):
    """Base of all losses.

    Scores are the output of the network, shape (n, n_outputs). The loss of a row sums over its outputs; the loss of
    a batch is the weighted mean over its rows, sum(w l) / sum(w), which the engine takes: the 1/n stands there alone.
    PyTorch and Keras average regression and binary losses over the outputs too.

    `values` returns l, shape (n,), and `gradient` ds = dl/dscores, shape (n, n_outputs), in the dtype of the scores,
    float32 or float64. Targets have the shape of the scores, or (n,) where there is one output, unless a loss says
    otherwise.

    Raises
    ------
    DataError
        From `target`, for targets of another shape, that are no numbers or not finite, or outside the loss's range.

    Examples
    --------
    >>> import clearprop as cp
    >>> net = cp.Network([cp.Identity()], inputs=1, loss=cp.SquaredError())
    >>> net.loss([[1.0], [2.0]], [0.0, 0.0], sample_weight=[1.0, 3.0])  # (1 * 0.5 + 3 * 2) / 4
    1.625
    """

    link: ClassVar[str | None] = None  # the box that computes `prediction`, where there is one
    classes: ClassVar[bool] = False  # whether every row has exactly one class

    def check_outputs(self, n_outputs: int) -> None:
        """Raise `ArgumentError` if the loss makes no sense for that many outputs."""

    def target(self, y: Any, n_rows: int, n_outputs: int, dtype: Any) -> Any:
        """Return `y` as the NumPy array that `values` and `gradient` take, or raise `DataError`."""
        return real_target(type(self).__name__, y, n_rows, n_outputs, dtype)

    def prediction(self, xp: Any, scores: Array) -> Array:
        """Return the link of the scores: identity by default."""
        return scores

    def values(self, xp: Any, scores: Array, y: Array) -> Array:
        """Return the loss of every row, shape (n,)."""
        raise NotImplementedError

    def gradient(self, xp: Any, scores: Array, y: Array) -> Array:
        """Return the derivative of every row's loss at its scores, shape (n, n_outputs)."""
        raise NotImplementedError


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
