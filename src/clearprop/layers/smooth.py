"""Smooth activations without an upper bound."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy

from clearprop.layers.base import Activation, Array, Context, like
from clearprop.numerics import logistic, softplus

__all__ = ["GELU", "Mish", "SiLU", "Softplus"]


def normal_cdf(ctx: Context, a: Array) -> Array:
    """Return the standard normal distribution function; the Array API has no erf, so each library's own is taken."""
    special = getattr(ctx.xp, "special", None)
    if special is None:
        from scipy.special import ndtr  # 0.1 s, for this box alone

        return like(ctx, ndtr(numpy.asarray(a)), a)
    return special.ndtr(a)  # PyTorch


@dataclass(frozen=True)
class Softplus(Activation):
    """h = log(1 + exp(a)), f'(a) = sigmoid(a).

    a and h have shape (n, ...) and the network's dtype, float32 or float64. Nothing overflows. PyTorch's Softplus is
    the identity above 20; this one is exact everywhere.

    Examples
    --------
    >>> import clearprop as cp
    >>> trace = cp.Network([cp.Softplus()], inputs=2).trace([[0.0, 1000.0]], [[0.0, 0.0]])
    >>> print(trace["softplus_1.h"][0, 0].round(4), trace["softplus_1.h"][0, 1])  # log 2
    0.6931 1000.0
    >>> trace["softplus_1.f'"].tolist()
    [[0.5, 1.0]]

    References
    ----------
    Dugas et al. (2001), "Incorporating second-order functional knowledge for better option pricing".
    """

    def forward(self, ctx: Context, p: Mapping[str, Array], *xs: Array) -> tuple[Array, Any]:
        """Return h; keeps a."""
        return softplus(ctx.xp, xs[0]), xs[0]

    def derivative(self, ctx: Context, kept: Any) -> Array:
        """Return sigmoid(a)."""
        return logistic(ctx.xp, kept)


@dataclass(frozen=True)
class GELU(Activation):
    """h = a Phi(a), f'(a) = Phi(a) + a phi(a), with the normal distribution function Phi and density phi.

    a and h have shape (n, ...) and the network's dtype, float32 or float64. This is the exact form, the default of
    PyTorch and Keras, not the tanh approximation, the default of JAX.

    Examples
    --------
    >>> import clearprop as cp
    >>> trace = cp.Network([cp.GELU()], inputs=2).trace([[-1.0, 1.0]], [[0.0, 0.0]])
    >>> print(trace["gelu_1.h"].round(4), trace["gelu_1.f'"].round(4))  # Phi(1) = 0.8413, phi(1) = 0.2420
    [[-0.1587  0.8413]] [[-0.0833  1.0833]]

    References
    ----------
    Hendrycks and Gimpel (2016), "Gaussian error linear units".
    """

    def forward(self, ctx: Context, p: Mapping[str, Array], *xs: Array) -> tuple[Array, Any]:
        """Return h; keeps a and Phi(a)."""
        (a,) = xs
        cdf = normal_cdf(ctx, a)
        return a * cdf, (a, cdf)

    def derivative(self, ctx: Context, kept: Any) -> Array:
        """Return Phi(a) + a phi(a)."""
        a, cdf = kept
        return cdf + a * ctx.xp.exp(-0.5 * a * a) / math.sqrt(2 * math.pi)


@dataclass(frozen=True)
class SiLU(Activation):
    """h = a s, f'(a) = s (1 + a (1 - s)), with s = sigmoid(a).

    a and h have shape (n, ...) and the network's dtype, float32 or float64.

    Examples
    --------
    >>> import math
    >>> import clearprop as cp
    >>> trace = cp.Network([cp.SiLU()], inputs=2).trace([[0.0, math.log(3.0)]], [[0.0, 0.0]])
    >>> print(trace["silu_1.h"].round(4), trace["silu_1.f'"].round(4))  # 3/4 log 3 = 0.824
    [[0.    0.824]] [[0.5   0.956]]

    References
    ----------
    Elfwing, Uchibe and Doya (2018); Ramachandran, Zoph and Le (2017) call it Swish.
    """

    def forward(self, ctx: Context, p: Mapping[str, Array], *xs: Array) -> tuple[Array, Any]:
        """Return h; keeps a and s."""
        (a,) = xs
        s = logistic(ctx.xp, a)
        return a * s, (a, s)

    def derivative(self, ctx: Context, kept: Any) -> Array:
        """Return s (1 + a (1 - s))."""
        a, s = kept
        return s * (1 + a * (1 - s))


@dataclass(frozen=True)
class Mish(Activation):
    """h = a t, f'(a) = t + a (1 - t^2) sigmoid(a), with t = tanh(softplus(a)).

    a and h have shape (n, ...) and the network's dtype, float32 or float64.

    Examples
    --------
    >>> import clearprop as cp
    >>> trace = cp.Network([cp.Mish()], inputs=2).trace([[0.0, 1.0]], [[0.0, 0.0]])
    >>> print(trace["mish_1.h"].round(4), trace["mish_1.f'"].round(4))  # tanh(log 2) = 0.6
    [[0.     0.8651]] [[0.6   1.049]]

    References
    ----------
    Misra (2019), "Mish: a self regularized non-monotonic activation function".
    """

    def forward(self, ctx: Context, p: Mapping[str, Array], *xs: Array) -> tuple[Array, Any]:
        """Return h; keeps a and t."""
        (a,) = xs
        t = ctx.xp.tanh(softplus(ctx.xp, a))
        return a * t, (a, t)

    def derivative(self, ctx: Context, kept: Any) -> Array:
        """Return t + a (1 - t^2) sigmoid(a)."""
        a, t = kept
        return t + a * (1 - t * t) * logistic(ctx.xp, a)
