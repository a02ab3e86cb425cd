"""Boxes that disturb their input in training and leave it alone in prediction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from clearprop.layers.base import Array, Context, Layer, like
from clearprop.validation import check_real

__all__ = ["Dropout", "GaussianNoise"]

N_INTEGERS = 2**16  # which the noise function draws from


@dataclass(frozen=True)
class Dropout(Layer):
    """Entries set to 0 at random in training, the others scaled up to keep the mean (inverted dropout).

    Forward in training, with a random 16-bit number u for each entry::

        s = min(round(2^16 rate), 2^16 - 1) / 2^16        m = 0 where u < 2^16 s, else 1 / (1 - s)        h = m x

    Backward: dx = m dh. In prediction h = x. x, m and h have shape (n, ...) and the network's dtype. s is the multiple
    of 2^-16 below 1 that is nearest to `rate`; an entry is dropped with probability s exactly, so the mean of m is 1.

    The paper's p is the probability to keep an entry, 1 - rate, and it scales in prediction instead; PyTorch and Keras
    do as here.

    Parameters
    ----------
    rate : float in [0, 1)
        Share of the entries that are dropped; ArgumentError outside the range.

    Attributes
    ----------
    share : float
        s, the rate as a multiple of 2^-16.

    Examples
    --------
    >>> import clearprop as cp
    >>> net = cp.Network([cp.Dropout(0.5)], inputs=4)
    >>> net.scores([[1.0] * 4]).tolist()
    [[1.0, 1.0, 1.0, 1.0]]
    >>> h = net.trace([[1.0] * 4], [[0.0] * 4], training=True)["dropout_1.a"]
    >>> set(h.ravel().tolist()) <= {0.0, 2.0}
    True

    References
    ----------
    Srivastava et al. (2014), "Dropout: a simple way to prevent neural networks from overfitting".
    """

    rate: float
    stochastic: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        check_real("Dropout", "rate", self.rate, low=0.0, high=1.0, closed="left")

    @property
    def share(self) -> float:
        """The share of the entries that are dropped: the rate as a multiple of 2^-16."""
        return min(round(N_INTEGERS * self.rate), N_INTEGERS - 1) / N_INTEGERS

    def forward(self, ctx: Context, p: Mapping[str, Array], *xs: Array) -> tuple[Array, Any]:
        """Return m x in training, x in prediction; keeps m."""
        (x,) = xs
        if not ctx.training or self.share == 0.0:
            return x, None
        kept = ctx.noise("integers", x.shape) >= int(N_INTEGERS * self.share)
        mask = like(ctx, kept, x) / (1.0 - self.share)
        return x * mask, mask

    def backward(
        self, ctx: Context, p: Mapping[str, Array], kept: Any, dh: Array
    ) -> tuple[tuple[Array | None, ...], dict[str, Array]]:
        """Return m dh."""
        return (dh if kept is None else dh * kept,), {}


@dataclass(frozen=True)
class GaussianNoise(Layer):
    """h = x + deviation z with standard normal z in training, h = x in prediction; dx = dh.

    x, z and h have shape (n, ...) and the network's dtype, float32 or float64. Small noise at the inputs acts like a
    penalty on the slope of the network (Bishop 1995).

    Parameters
    ----------
    deviation : float >= 0
        Standard deviation of the noise, in the units of x; ArgumentError outside the range.

    Examples
    --------
    >>> import clearprop as cp
    >>> net = cp.Network([cp.GaussianNoise(0.1)], inputs=2)
    >>> net.scores([[1.0, 2.0]]).tolist()
    [[1.0, 2.0]]
    >>> h = net.trace([[1.0, 2.0]], [[0.0, 0.0]], training=True)["gaussian_noise_1.a"]
    >>> bool((h != [[1.0, 2.0]]).all())
    True

    References
    ----------
    Bishop (1995), "Training with noise is equivalent to Tikhonov regularization".
    """

    deviation: float
    stochastic: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        check_real("GaussianNoise", "deviation", self.deviation, low=0.0)

    def forward(self, ctx: Context, p: Mapping[str, Array], *xs: Array) -> tuple[Array, Any]:
        """Return x, with noise in training."""
        (x,) = xs
        if not ctx.training:
            return x, None
        return x + like(ctx, self.deviation * ctx.noise("normal", x.shape), x), None

    def backward(
        self, ctx: Context, p: Mapping[str, Array], kept: Any, dh: Array
    ) -> tuple[tuple[Array | None, ...], dict[str, Array]]:
        """Return dh."""
        return (dh,), {}
