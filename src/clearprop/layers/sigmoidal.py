"""Bounded activations, the step among them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from clearprop.layers.base import Activation, Array, Context, Layer
from clearprop.numerics import logistic

__all__ = ["HardTanh", "Identity", "Sigmoid", "Step", "Tanh"]


@dataclass(frozen=True)
class Identity(Activation):
    """h = a, f'(a) = 1.

    a and h have shape (n, ...) and the network's dtype, float32 or float64. A linear unit, where a table or a loop
    wants an activation.

    Examples
    --------
    >>> import clearprop as cp
    >>> trace = cp.Network([cp.Identity()], inputs=2).trace([[-2.0, 3.0]], [[0.0, 0.0]])
    >>> trace["identity_1.h"].tolist(), trace["identity_1.f'"].tolist()
    ([[-2.0, 3.0]], [[1.0, 1.0]])

    References
    ----------
    Widrow and Hoff (1960), "Adaptive switching circuits", the linear unit.
    """

    def forward(self, ctx: Context, p: Mapping[str, Array], *xs: Array) -> tuple[Array, Any]:
        """Return a."""
        return xs[0], xs[0]

    def derivative(self, ctx: Context, kept: Any) -> Array:
        """Return 1."""
        return ctx.xp.ones_like(kept)


@dataclass(frozen=True)
class Step(Layer):
    """The threshold unit of the perceptron: h = 1 where a >= 0, else 0.

    a and h have shape (n, ...) and the network's dtype, float32 or float64. It has no useful gradient, so a network
    with it predicts but does not train: asking for its gradient is an error. Texts differ in h(0): 1 here; 0 or 1/2
    elsewhere.

    Raises
    ------
    NoGradientError
        In a backward pass.

    Examples
    --------
    >>> import clearprop as cp
    >>> unit = cp.Dense(1, initializer=cp.Constant(1.0), bias_initializer=cp.Constant(-2.0))
    >>> net = cp.Network([unit, cp.Step()], inputs=2)
    >>> net.scores([[0, 0], [0, 1], [1, 0], [1, 1]]).ravel().tolist()  # logical and
    [0.0, 0.0, 0.0, 1.0]

    References
    ----------
    Rosenblatt (1958), "The perceptron"; McCulloch and Pitts (1943).
    """

    elementwise: ClassVar[bool] = True

    def forward(self, ctx: Context, p: Mapping[str, Array], *xs: Array) -> tuple[Array, Any]:
        """Return 1 where a >= 0, else 0."""
        (a,) = xs
        return ctx.xp.astype(a >= 0, a.dtype), None


@dataclass(frozen=True)
class Sigmoid(Activation):
    """h = 1 / (1 + exp(-a)), f'(a) = h (1 - h).

    a and h have shape (n, ...) and the network's dtype, float32 or float64. Only exponentials of negative numbers are
    taken, so nothing overflows. At the output it belongs to the loss: BinaryCrossEntropy applies it by itself.

    Examples
    --------
    >>> import math
    >>> import clearprop as cp
    >>> trace = cp.Network([cp.Sigmoid()], inputs=2).trace([[0.0, math.log(3.0)]], [[0.0, 0.0]])
    >>> print(trace["sigmoid_1.h"].round(4), trace["sigmoid_1.f'"].round(4))
    [[0.5  0.75]] [[0.25   0.1875]]

    References
    ----------
    Rumelhart, Hinton and Williams (1986), "Learning representations by back-propagating errors", eq. 2.
    """

    def forward(self, ctx: Context, p: Mapping[str, Array], *xs: Array) -> tuple[Array, Any]:
        """Return h; keeps h."""
        h = logistic(ctx.xp, xs[0])
        return h, h

    def derivative(self, ctx: Context, kept: Any) -> Array:
        """Return h (1 - h)."""
        return kept * (1 - kept)


@dataclass(frozen=True)
class Tanh(Activation):
    """h = tanh(a) = 2 sigmoid(2 a) - 1, f'(a) = 1 - h^2.

    a and h have shape (n, ...) and the network's dtype, float32 or float64. LeCun et al. (1998) scale it to
    1.7159 tanh(2 a / 3); PyTorch, Keras and this package do not.

    Examples
    --------
    >>> import math
    >>> import clearprop as cp
    >>> trace = cp.Network([cp.Tanh()], inputs=2).trace([[0.0, math.log(2.0)]], [[0.0, 0.0]])
    >>> print(trace["tanh_1.h"].round(4), trace["tanh_1.f'"].round(4))
    [[0.  0.6]] [[1.   0.64]]

    References
    ----------
    LeCun et al. (1998), "Efficient BackProp", section 4.4.
    """

    def forward(self, ctx: Context, p: Mapping[str, Array], *xs: Array) -> tuple[Array, Any]:
        """Return h; keeps h."""
        h = ctx.xp.tanh(xs[0])
        return h, h

    def derivative(self, ctx: Context, kept: Any) -> Array:
        """Return 1 - h^2."""
        return 1 - kept * kept


@dataclass(frozen=True)
class HardTanh(Activation):
    """h = min(max(a, -1), 1), f'(a) = 1 where -1 < a < 1, else 0 (the subgradient at -1 and 1 is 0, as in PyTorch).

    a and h have shape (n, ...) and the network's dtype, float32 or float64.

    Examples
    --------
    >>> import clearprop as cp
    >>> trace = cp.Network([cp.HardTanh()], inputs=3).trace([[-2.0, 0.5, 1.0]], [[0.0] * 3])
    >>> trace["hard_tanh_1.h"].tolist(), trace["hard_tanh_1.f'"].tolist()
    ([[-1.0, 0.5, 1.0]], [[0.0, 1.0, 0.0]])

    References
    ----------
    Collobert (2004), "Large scale machine learning", thesis.
    """

    def forward(self, ctx: Context, p: Mapping[str, Array], *xs: Array) -> tuple[Array, Any]:
        """Return h; keeps a."""
        (a,) = xs
        one = ctx.xp.ones_like(a)
        return ctx.xp.where(a < -1, -one, ctx.xp.where(a > 1, one, a)), a

    def derivative(self, ctx: Context, kept: Any) -> Array:
        """Return 1 inside, 0 outside and at the corners."""
        return ctx.xp.astype((kept > -1) & (kept < 1), kept.dtype)
