"""Boxes that disturb their input in training and leave it alone in prediction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from clearprop.layers.base import Array, Context, Layer, like
from clearprop.validation import check_real

__all__ = ["Dropout", "GaussianNoise"]


@dataclass(frozen=True)
class Dropout(Layer):
    """Entries set to 0 at random in training, the others scaled up to keep the mean (inverted dropout).

    Forward in training: h = m x with m = 0 with probability `rate`, else 1 / (1 - rate). Backward: dx = m dh.
    In prediction h = x.

    Parameters
    ----------
    rate : float in [0, 1)
        Share of the entries that are dropped.

    References
    ----------
    Srivastava et al. (2014), "Dropout: a simple way to prevent neural networks from overfitting".
    """

    rate: float
    stochastic: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        check_real("Dropout", "rate", self.rate, low=0.0, high=1.0, closed="left")

    def forward(self, ctx: Context, p: Mapping[str, Array], *xs: Array) -> tuple[Array, Any]:
        """Return m x in training, x in prediction; keeps m."""
        (x,) = xs
        if not ctx.training or self.rate == 0.0:
            return x, None
        mask = like(ctx, (ctx.noise("uniform", x.shape) >= self.rate) / (1.0 - self.rate), x)
        return x * mask, mask

    def backward(
        self, ctx: Context, p: Mapping[str, Array], kept: Any, dh: Array
    ) -> tuple[tuple[Array | None, ...], dict[str, Array]]:
        """Return m dh."""
        return (dh if kept is None else dh * kept,), {}


@dataclass(frozen=True)
class GaussianNoise(Layer):
    """h = x + deviation z with standard normal z in training, h = x in prediction; dx = dh.

    Parameters
    ----------
    deviation : float
        Standard deviation of the noise.
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
