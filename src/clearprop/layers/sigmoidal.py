"""Bounded activations, the step among them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from clearprop.layers.base import Activation, Array, Context, Layer

__all__ = ["HardTanh", "Identity", "Sigmoid", "Step", "Tanh", "logistic"]


def logistic(xp: Any, a: Array) -> Array:
    """Return 1 / (1 + exp(-a)) without overflow: only exponentials of negative numbers are taken."""
    e = xp.exp(-xp.abs(a))
    return xp.where(a >= 0, 1 / (1 + e), e / (1 + e))


@dataclass(frozen=True)
class Identity(Activation):
    """h = a, f'(a) = 1."""

    def forward(self, ctx: Context, p: Mapping[str, Array], *xs: Array) -> tuple[Array, Any]:
        """Return a."""
        return xs[0], xs[0]

    def derivative(self, ctx: Context, kept: Any) -> Array:
        """Return 1."""
        return ctx.xp.ones_like(kept)


@dataclass(frozen=True)
class Step(Layer):
    """The threshold unit of the perceptron (Rosenblatt 1958): h = 1 where a >= 0, else 0.

    It has no useful gradient, so a network with it predicts but does not train: asking for its gradient is an error.
    """

    elementwise: ClassVar[bool] = True

    def forward(self, ctx: Context, p: Mapping[str, Array], *xs: Array) -> tuple[Array, Any]:
        """Return 1 where a >= 0, else 0."""
        (a,) = xs
        return ctx.xp.astype(a >= 0, a.dtype), None


@dataclass(frozen=True)
class Sigmoid(Activation):
    """h = 1 / (1 + exp(-a)), f'(a) = h (1 - h)."""

    def forward(self, ctx: Context, p: Mapping[str, Array], *xs: Array) -> tuple[Array, Any]:
        """Return h; keeps h."""
        h = logistic(ctx.xp, xs[0])
        return h, h

    def derivative(self, ctx: Context, kept: Any) -> Array:
        """Return h (1 - h)."""
        return kept * (1 - kept)


@dataclass(frozen=True)
class Tanh(Activation):
    """h = tanh(a) = 2 sigmoid(2 a) - 1, f'(a) = 1 - h^2."""

    def forward(self, ctx: Context, p: Mapping[str, Array], *xs: Array) -> tuple[Array, Any]:
        """Return h; keeps h."""
        h = ctx.xp.tanh(xs[0])
        return h, h

    def derivative(self, ctx: Context, kept: Any) -> Array:
        """Return 1 - h^2."""
        return 1 - kept * kept


@dataclass(frozen=True)
class HardTanh(Activation):
    """h = min(max(a, -1), 1), f'(a) = 1 where -1 < a < 1, else 0 (the subgradient at -1 and 1 is 0)."""

    def forward(self, ctx: Context, p: Mapping[str, Array], *xs: Array) -> tuple[Array, Any]:
        """Return h; keeps a."""
        (a,) = xs
        one = ctx.xp.ones_like(a)
        return ctx.xp.where(a < -1, -one, ctx.xp.where(a > 1, one, a)), a

    def derivative(self, ctx: Context, kept: Any) -> Array:
        """Return 1 inside, 0 outside and at the corners."""
        return ctx.xp.astype((kept > -1) & (kept < 1), kept.dtype)
