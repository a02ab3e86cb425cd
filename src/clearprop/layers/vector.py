"""Activations of whole vectors: each output depends on every input."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from clearprop.layers.base import Array, Context, Layer
from clearprop.numerics import log_softmax, softmax

__all__ = ["LogSoftmax", "Softmax"]


@dataclass(frozen=True)
class Softmax(Layer):
    """Softmax along the last axis, as a hidden box (at the output it belongs to the loss).

    Forward: h_i = exp(a_i) / sum_j exp(a_j). The Jacobian dh_i/da_j = h_i (delta_ij - h_j) gives the backward rule::

        da = h (dh - sum_j dh_j h_j)

    a and h have shape (n, ..., k) and the network's dtype, float32 or float64. The largest a is subtracted first, so
    nothing overflows. The last axis is also the default of Keras, JAX and ONNX (from opset 13); PyTorch asks for it.

    Examples
    --------
    >>> import math
    >>> import clearprop as cp
    >>> trace = cp.Network([cp.Softmax()], inputs=2).trace([[0.0, math.log(3.0)]], [[0.25, -0.25]])
    >>> print(trace["softmax_1.a"].round(4))
    [[0.25 0.75]]
    >>> print(trace["input_1.dx"].round(4))  # dh = (0, 1), sum of dh h = 0.75
    [[-0.1875  0.1875]]

    References
    ----------
    Bridle (1990), "Probabilistic interpretation of feedforward classification network outputs".
    """

    def forward(self, ctx: Context, p: Mapping[str, Array], *xs: Array) -> tuple[Array, Any]:
        """Return h; keeps h."""
        h = softmax(ctx.xp, xs[0])
        return h, h

    def backward(
        self, ctx: Context, p: Mapping[str, Array], kept: Any, dh: Array
    ) -> tuple[tuple[Array | None, ...], dict[str, Array]]:
        """Return da = h (dh - sum dh h)."""
        h = kept
        return (h * (dh - ctx.xp.sum(dh * h, axis=-1, keepdims=True)),), {}


@dataclass(frozen=True)
class LogSoftmax(Layer):
    """h_i = a_i - log sum_j exp(a_j) along the last axis; da = dh - softmax(a) sum_j dh_j.

    a and h have shape (n, ..., k) and the network's dtype, float32 or float64. The largest a is subtracted first: log
    0 does not occur, which it may in the logarithm of `Softmax`.

    Examples
    --------
    >>> import clearprop as cp
    >>> trace = cp.Network([cp.LogSoftmax()], inputs=2).trace([[0.0, 0.0]], [[-1.0, 0.0]])
    >>> print(trace["log_softmax_1.a"].round(4))  # -log 2
    [[-0.6931 -0.6931]]
    >>> trace["input_1.dx"].tolist()  # dh = (1 - log 2, -log 2), halves of their sum taken off
    [[0.5, -0.5]]

    References
    ----------
    Goodfellow, Bengio and Courville (2016), "Deep learning", section 4.1.
    """

    def forward(self, ctx: Context, p: Mapping[str, Array], *xs: Array) -> tuple[Array, Any]:
        """Return h; keeps h."""
        h = log_softmax(ctx.xp, xs[0])
        return h, h

    def backward(
        self, ctx: Context, p: Mapping[str, Array], kept: Any, dh: Array
    ) -> tuple[tuple[Array | None, ...], dict[str, Array]]:
        """Return da = dh - exp(h) sum dh."""
        return (dh - ctx.xp.exp(kept) * ctx.xp.sum(dh, axis=-1, keepdims=True),), {}
