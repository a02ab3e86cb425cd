"""Losses for numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from clearprop.errors import DataError
from clearprop.losses.base import Array, Loss
from clearprop.losses.targets import first_row
from clearprop.validation import check_real

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
    """l = sum_k max(q r, (q - 1) r) with r = y - s: its optimum is the quantile q (the pinball loss).

    ds = -q where s < y, 1 - q where s > y, 0 where they are equal. s, y and ds have shape (n, n_outputs), l (n,), in
    the network's dtype.

    Parameters
    ----------
    quantile : float in (0, 1), default=0.5
        The quantile to predict; 0.5 is half the absolute error. ArgumentError outside the range.

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

    quantile: float = 0.5

    def __post_init__(self) -> None:
        check_real("Quantile", "quantile", self.quantile, low=0.0, high=1.0, closed="neither")

    def values(self, xp: Any, scores: Array, y: Array) -> Array:
        """Return sum max(q r, (q - 1) r)."""
        r = y - scores
        return xp.sum(xp.where(r >= 0, self.quantile * r, (self.quantile - 1) * r), axis=1)

    def gradient(self, xp: Any, scores: Array, y: Array) -> Array:
        """Return -q below the target, 1 - q above it."""
        above = xp.sign(scores - y)
        return xp.where(above > 0, (1 - self.quantile) * above, self.quantile * above)


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
