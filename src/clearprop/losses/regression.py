"""Losses for numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from clearprop.errors import ArgumentError, DataError
from clearprop.losses.base import Array, Loss
from clearprop.losses.targets import first_row
from clearprop.validation import check_real, show

__all__ = ["AbsoluteError", "Huber", "Poisson", "Quantile", "SquaredError"]


@dataclass(frozen=True)
class SquaredError(Loss):
    """l = 1/2 sum_k (s_k - y_k)^2, ds = s - y: the negative log-likelihood of a Gaussian of unit variance.

    The likelihood is meant up to a constant. s, y and ds have shape (n, n_outputs), l (n,), in the network's dtype.
    scikit-learn reports this loss divided by the number of outputs; PyTorch's MSELoss is 2 l / n_outputs.

    Examples
    --------
    >>> import clearprop as cp
    >>> net = cp.Network([cp.Dense(1, initializer=cp.Constant(2.0))], inputs=1, loss=cp.SquaredError())
    >>> net.loss([[1.0], [2.0]], [0.0, 4.0])  # scores 2 and 4
    1.0

    References
    ----------
    Bishop (2006), "Pattern recognition and machine learning", section 5.2.
    """

    def values(self, xp: Any, scores: Array, y: Array) -> Array:
        """Return 1/2 sum (s - y)^2."""
        residual = scores - y
        return 0.5 * xp.sum(residual * residual, axis=1)

    def gradient(self, xp: Any, scores: Array, y: Array) -> Array:
        """Return s - y."""
        return scores - y


@dataclass(frozen=True)
class AbsoluteError(Loss):
    """l = sum_k |s_k - y_k|, ds = sign(s - y) (0 where they are equal): its optimum is the median.

    s, y and ds have shape (n, n_outputs), l (n,), in the network's dtype. PyTorch's L1Loss is l / n_outputs.

    Examples
    --------
    >>> import numpy
    >>> import clearprop as cp
    >>> s, y = numpy.array([[1.0, 4.0], [2.0, 2.0]]), numpy.array([[3.0, 3.0], [2.0, 2.0]])
    >>> loss = cp.AbsoluteError()
    >>> loss.values(numpy, s, y).tolist(), loss.gradient(numpy, s, y).tolist()
    ([3.0, 0.0], [[-1.0, 1.0], [0.0, 0.0]])

    References
    ----------
    Bishop (2006), "Pattern recognition and machine learning", section 1.5.5.
    """

    def values(self, xp: Any, scores: Array, y: Array) -> Array:
        """Return sum |s - y|."""
        return xp.sum(xp.abs(scores - y), axis=1)

    def gradient(self, xp: Any, scores: Array, y: Array) -> Array:
        """Return sign(s - y)."""
        return xp.sign(scores - y)


@dataclass(frozen=True)
class Huber(Loss):
    """l = sum_k r^2 / 2 where |r| <= delta, else delta (|r| - delta / 2), with r = s - y; ds = r clipped to +-delta.

    s, y and ds have shape (n, n_outputs), l (n,), in the network's dtype. PyTorch's HuberLoss is l / n_outputs, its
    SmoothL1Loss that divided by delta.

    Parameters
    ----------
    delta : float > 0, default=1.0
        Where the loss turns from squared to absolute, in the units of y; ArgumentError outside the range.

    Examples
    --------
    >>> import numpy
    >>> import clearprop as cp
    >>> s, y = numpy.array([[0.5], [3.0]]), numpy.array([[0.0], [0.0]])
    >>> loss = cp.Huber()
    >>> loss.values(numpy, s, y).tolist(), loss.gradient(numpy, s, y).tolist()
    ([0.125, 2.5], [[0.5], [1.0]])

    References
    ----------
    Huber (1964), "Robust estimation of a location parameter".
    """

    delta: float = 1.0

    def __post_init__(self) -> None:
        check_real("Huber", "delta", self.delta, low=0.0, closed="neither")

    def values(self, xp: Any, scores: Array, y: Array) -> Array:
        """Return r^2 / 2 near 0 and delta (|r| - delta / 2) beyond."""
        r = xp.abs(scores - y)
        return xp.sum(xp.where(r <= self.delta, 0.5 * r * r, self.delta * (r - 0.5 * self.delta)), axis=1)

    def gradient(self, xp: Any, scores: Array, y: Array) -> Array:
        """Return r, clipped to +-delta."""
        r = scores - y
        return xp.where(xp.abs(r) <= self.delta, r, self.delta * xp.sign(r))


@dataclass(frozen=True)
class Quantile(Loss):
    """l = sum_k max(q_k r_k, (q_k - 1) r_k) with r = y - s: its optimum are the quantiles q_k (the pinball loss).

    ds_k = -q_k where s_k < y_k, 1 - q_k where s_k > y_k, 0 where they are equal. s, y and ds have shape
    (n, n_outputs), l (n,), in the network's dtype.

    Parameters
    ----------
    quantile : float in (0, 1), or tuple of them, default=0.5
        The quantile to predict, or one for each output; 0.5 is half the absolute error. ArgumentError outside the
        range, or where there are not as many as outputs.

    Examples
    --------
    >>> import numpy
    >>> import clearprop as cp
    >>> s, y = numpy.array([[1.0], [3.0]]), numpy.array([[2.0], [2.0]])  # one too low, one too high
    >>> loss = cp.Quantile(0.75)
    >>> loss.values(numpy, s, y).tolist(), loss.gradient(numpy, s, y).tolist()
    ([0.75, 0.25], [[-0.75], [0.25]])

    References
    ----------
    Koenker and Bassett (1978), "Regression quantiles".
    """

    quantile: float | tuple[float, ...] = 0.5

    def __post_init__(self) -> None:
        for level in self.quantile if isinstance(self.quantile, tuple) else (self.quantile,):
            check_real("Quantile", "quantile", level, low=0.0, high=1.0, closed="neither")

    def quantiles(self, n_outputs: int) -> list[float]:
        """Return the quantile of every output."""
        levels = self.quantile if isinstance(self.quantile, tuple) else (self.quantile,) * n_outputs
        return [float(level) for level in levels]

    def check_outputs(self, n_outputs: int) -> None:
        """Raise `ArgumentError` unless there is a quantile for every output."""
        if len(self.quantiles(n_outputs)) != n_outputs:
            raise ArgumentError(
                f"Quantile: quantile must be a number or have one for each of the {n_outputs} outputs, got "
                f"{show(self.quantile)}."
            )

    def values(self, xp: Any, scores: Array, y: Array) -> Array:
        """Return sum max(q r, (q - 1) r)."""
        q, r = self._levels(xp, scores), y - scores
        return xp.sum(xp.where(r >= 0, q * r, (q - 1) * r), axis=1)

    def gradient(self, xp: Any, scores: Array, y: Array) -> Array:
        """Return -q below the target, 1 - q above it."""
        q, above = self._levels(xp, scores), xp.sign(scores - y)
        return xp.where(above > 0, (1 - q) * above, q * above)

    def _levels(self, xp: Any, scores: Array) -> Array:
        return xp.asarray(self.quantiles(scores.shape[1]), dtype=scores.dtype)


@dataclass(frozen=True)
class Poisson(Loss):
    """Half the Poisson deviance for counts, with the exponential as link: the prediction is exp(s).

    l = sum_k (exp(s_k) - y_k s_k + y_k log y_k - y_k), ds = exp(s) - y, for y >= 0 (0 log 0 is 0). s, y and ds have
    shape (n, n_outputs), l (n,), in the network's dtype. The last two terms do not depend on the network; they make a
    perfect prediction cost 0, as in scikit-learn (PyTorch's PoissonNLLLoss leaves them out).

    Raises
    ------
    DataError
        For a negative target.

    Examples
    --------
    >>> import numpy
    >>> import clearprop as cp
    >>> s, y = numpy.array([[0.0], [0.0]]), numpy.array([[1.0], [0.0]])  # predictions exp(0) = 1
    >>> loss = cp.Poisson()
    >>> loss.values(numpy, s, y).tolist(), loss.gradient(numpy, s, y).tolist()
    ([0.0, 1.0], [[0.0], [1.0]])

    References
    ----------
    McCullagh and Nelder (1989), "Generalized linear models", chapter 6.
    """

    def target(self, y: Any, n_rows: int, n_outputs: int, dtype: Any) -> Any:
        """Return y as numbers >= 0."""
        y = super().target(y, n_rows, n_outputs, dtype)
        if (y < 0).any():
            raise DataError(
                f"Poisson: y must be >= 0, got {y[y < 0].ravel()[0]} in row {first_row(y < 0)}; "
                "use SquaredError for targets of both signs."
            )
        return y

    def prediction(self, xp: Any, scores: Array) -> Array:
        """Return exp(s)."""
        return xp.exp(scores)

    def values(self, xp: Any, scores: Array, y: Array) -> Array:
        """Return half the deviance."""
        positive = xp.where(y > 0, y, xp.ones_like(y))
        return xp.sum(xp.exp(scores) - y * scores + y * xp.log(positive) - y, axis=1)

    def gradient(self, xp: Any, scores: Array, y: Array) -> Array:
        """Return exp(s) - y."""
        return xp.exp(scores) - y
