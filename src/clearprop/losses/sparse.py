"""A reconstruction whose code is penalised: the loss of sparse auto-encoders."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from clearprop.errors import ArgumentError
from clearprop.losses.base import Array, Loss
from clearprop.losses.regression import SquaredError
from clearprop.validation import check_instance, check_integer, check_real

__all__ = ["SparseReconstruction"]


@dataclass(frozen=True)
class SparseReconstruction(Loss):
    """The loss of some scores, plus an L1 penalty on the others, which are the code that the network found.

    The last `units` columns of the scores are the code h; the others, z, have targets. With l_z the loss of a row
    of z::

        l = l_z + strength * sum_j |h_j|        ds = (dl_z/dz, strength * sign(h)), sign(0) = 0

    Scores have shape (n, n_outputs), y (n, n_outputs - units), l (n,), in the network's dtype. As every loss it is a
    mean over rows, so the penalty does not grow with the batch. The prediction is z after its own link, and h.

    Small codes with large weights behind them cost little: hold the decoder's weights back, by a penalty on them, or by
    tying them to the encoder's. The penalty of Ng's lecture notes, the divergence of each unit's mean over all rows
    from a small number, is no sum over rows, and not this one.

    Parameters
    ----------
    units : int >= 1
        Length of the code.
    strength : float >= 0
        How much the code counts.
    loss : Loss, default=SquaredError()
        Loss of the other scores.

    Raises
    ------
    ArgumentError
        For arguments outside these ranges, and for a network with no more than `units` outputs.

    Examples
    --------
    An auto-encoder that puts out its code beside the reconstruction:

    >>> import clearprop as cp
    >>> x = cp.Input(4)
    >>> h = cp.ReLU()(cp.Dense(8)(x))
    >>> z = cp.TransposedDense(4, of="dense_1")(h)
    >>> net = cp.Network(cp.Concatenate()(z, h), loss=cp.SparseReconstruction(8, 0.1))
    >>> rows = [[1.0, -1.0, 0.5, 2.0], [0.0, 3.0, -1.0, 0.5]]
    >>> net.predict(rows).shape, cp.check_gradient(net, rows, rows).error < 1e-6
    ((2, 12), True)

    References
    ----------
    Goodfellow, Bengio and Courville (2016), "Deep learning", section 14.2.1.
    """

    units: int
    strength: float
    loss: Loss = SquaredError()

    def __post_init__(self) -> None:
        check_integer("SparseReconstruction", "units", self.units, minimum=1)
        check_real("SparseReconstruction", "strength", self.strength, low=0.0)
        check_instance("SparseReconstruction", "loss", self.loss, Loss, "SquaredError()")

    def check_outputs(self, n_outputs: int) -> None:
        """Raise `ArgumentError` unless there are scores beside the code."""
        if n_outputs <= self.units:
            raise ArgumentError(
                f"SparseReconstruction: a code of {self.units} needs a network with more outputs, got {n_outputs}; end "
                "with Concatenate()(reconstruction, code)."
            )
        self.loss.check_outputs(n_outputs - self.units)

    def target(self, y: Any, n_rows: int, n_outputs: int, dtype: Any) -> Any:
        """Return `y` as `loss` takes it for the scores that are not the code."""
        return self.loss.target(y, n_rows, n_outputs - self.units, dtype)

    def prediction(self, xp: Any, scores: Array) -> Array:
        """Return z after the link of `loss`, and h."""
        z, h = self._split(scores)
        return xp.concat([self.loss.prediction(xp, z), h], axis=1)

    def values(self, xp: Any, scores: Array, y: Array) -> Array:
        """Return l_z + strength * sum |h|."""
        z, h = self._split(scores)
        return self.loss.values(xp, z, y) + self.strength * xp.sum(xp.abs(h), axis=1)

    def gradient(self, xp: Any, scores: Array, y: Array) -> Array:
        """Return (dl_z/dz, strength * sign(h))."""
        z, h = self._split(scores)
        return xp.concat([self.loss.gradient(xp, z, y), self.strength * xp.sign(h)], axis=1)

    def _split(self, scores: Array) -> tuple[Array, Array]:
        """Return z and h."""
        start = scores.shape[1] - self.units
        return scores[:, :start], scores[:, start:]
