"""What a loss is: the link from scores to predictions, the loss of a row, and its gradient at the scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from clearprop.config import Configurable
from clearprop.losses.targets import real_target

__all__ = ["Array", "Loss"]

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
