"""Layers whose units are not a weighted sum and an activation: maxout and radial basis functions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from clearprop.initializers import Constant, Glorot, Initializer, Normal
from clearprop.layers.base import Array, Context, Layer, Shape, require_vector
from clearprop.parameters import Parameter
from clearprop.validation import check_instance, check_integer

__all__ = ["RBF", "Maxout"]


@dataclass(frozen=True)
class Maxout(Layer):
    """Units that are the largest of several affine maps.

    Forward, with x (n, n_in), W (n_in, units pieces), b (units pieces,), the pieces of a unit side by side::

        a = x W + b        h_u = max over the pieces of unit u

    Backward: dh goes to the winning piece (the first of them in a tie, a valid subgradient); with da so filled,
    dx, dW and db are those of `Dense`. h and dh have shape (n, units); all arrays have the network's dtype.

    Parameters
    ----------
    units, pieces : int >= 1
        Number of outputs, and of affine maps a unit.
    initializer, bias_initializer : Initializer, default=Glorot(), Constant(0.0)
        How W and b start.

    Raises
    ------
    ArgumentError
        For arguments outside these ranges.
    ShapeError
        If a row is not a vector; put Flatten() before it.

    Examples
    --------
    >>> import clearprop as cp
    >>> net = cp.Network([cp.Maxout(1, pieces=2)], inputs=1)
    >>> net.parameters["maxout_1.W"][...] = [[1.0, -1.0]]
    >>> net.scores([[-2.0], [3.0]]).tolist()  # max(x, -x) = |x|
    [[2.0], [3.0]]
    >>> net.gradient([[-2.0]], [1.0])[1]["maxout_1.W"].tolist()  # dh = 1 goes to the second piece
    [[0.0, -2.0]]

    References
    ----------
    Goodfellow et al. (2013), "Maxout networks".
    """

    units: int
    pieces: int
    initializer: Initializer = Glorot()
    bias_initializer: Initializer = Constant(0.0)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_integer("Maxout", "units", self.units, minimum=1)
        check_integer("Maxout", "pieces", self.pieces, minimum=1)
        check_instance("Maxout", "initializer", self.initializer, Initializer, "Glorot()")
        check_instance("Maxout", "bias_initializer", self.bias_initializer, Initializer, "Constant(0.0)")

    def output_shape(self, *shapes: Shape) -> Shape:
        """Return (units,)."""
        require_vector(self, shapes[0])
        return (self.units,)

    def parameters(self, *shapes: Shape) -> dict[str, Parameter]:
        """Return W of shape (n_in, units * pieces) and b of shape (units * pieces,)."""
        n_in, n_out = require_vector(self, shapes[0]), self.units * self.pieces
        fans: dict[str, Any] = {"fan_in": n_in, "fan_out": self.units}
        return {
            "W": Parameter((n_in, n_out), self.initializer, decays=True, **fans),
            "b": Parameter((n_out,), self.bias_initializer, **fans),
        }

    def forward(self, ctx: Context, p: Mapping[str, Array], *xs: Array) -> tuple[Array, Any]:
        """Return the largest piece of every unit; keeps x and the winners."""
        xp, (x,) = ctx.xp, xs
        a = xp.reshape(x @ p["W"] + p["b"], (-1, self.units, self.pieces))
        winner = xp.expand_dims(xp.argmax(a, axis=-1), axis=-1)
        return xp.max(a, axis=-1), (x, winner)

    def backward(
        self, ctx: Context, p: Mapping[str, Array], kept: Any, dh: Array
    ) -> tuple[tuple[Array | None, ...], dict[str, Array]]:
        """Return dx, dW and db through the winning pieces."""
        xp, (x, winner) = ctx.xp, kept
        pieces = xp.arange(self.pieces, dtype=winner.dtype, device=winner.device)
        won = xp.astype(winner == pieces, dh.dtype)
        # forward: h = max over pieces of (x W + b)
        da = xp.reshape(won * xp.expand_dims(dh, axis=-1), (-1, self.units * self.pieces))
        dx = da @ p["W"].T if ctx.wants_dx else None
        return (dx,), {"W": x.T @ da, "b": xp.sum(da, axis=0)}


@dataclass(frozen=True)
class RBF(Layer):
    """Radial basis function units.

    Forward, with x (n, n_in), centers W (n_in, units) and widths sigma (units,)::

        q_u = ||x - W_u||^2        h_u = exp(-q_u / sigma_u^2)

    Backward, with s_u = dh_u h_u / sigma_u^2::

        dx = 2 (s W^T - x sum_u s_u)        dW = 2 (x^T s - W sum over rows of s)
        dsigma_u = 2 / sigma_u sum over rows of s_u q_u

    h, q and s have shape (n, units); all arrays have the network's dtype. Centers and widths are not penalised by the
    network's penalty: pulling a center to 0 has no meaning. Texts that write exp(-q / (2 s^2)) have sigma = sqrt(2) s;
    scikit-learn's kernels have gamma = 1 / sigma^2.

    Parameters
    ----------
    units : int >= 1
        Number of outputs.
    initializer : Initializer, default=Normal(1.0)
        How the centers start.
    width_initializer : Initializer, default=Constant(1.0)
        How the widths start, in the units of x; they must not be 0.

    Raises
    ------
    ArgumentError
        For arguments outside these ranges.
    ShapeError
        If a row is not a vector; put Flatten() before it.

    Examples
    --------
    >>> import clearprop as cp
    >>> net = cp.Network([cp.RBF(1, initializer=cp.Constant(2.0))], inputs=1)
    >>> print(net.scores([[1.0], [2.0], [3.0]]).ravel().round(4))  # exp(-1) = 0.3679
    [0.3679 1.     0.3679]

    References
    ----------
    Broomhead and Lowe (1988), "Multivariable functional interpolation and adaptive networks".
    """

    units: int
    initializer: Initializer = Normal(1.0)
    width_initializer: Initializer = Constant(1.0)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_integer("RBF", "units", self.units, minimum=1)
        check_instance("RBF", "initializer", self.initializer, Initializer, "Normal(1.0)")
        check_instance("RBF", "width_initializer", self.width_initializer, Initializer, "Constant(1.0)")

    def output_shape(self, *shapes: Shape) -> Shape:
        """Return (units,)."""
        require_vector(self, shapes[0])
        return (self.units,)

    def parameters(self, *shapes: Shape) -> dict[str, Parameter]:
        """Return W of shape (n_in, units), a center a column, and sigma of shape (units,)."""
        n_in = require_vector(self, shapes[0])
        return {
            "W": Parameter((n_in, self.units), self.initializer, fan_in=n_in, fan_out=self.units),
            "sigma": Parameter((self.units,), self.width_initializer),
        }

    def forward(self, ctx: Context, p: Mapping[str, Array], *xs: Array) -> tuple[Array, Any]:
        """Return h; keeps x, q and h."""
        xp, (x,) = ctx.xp, xs
        difference = xp.expand_dims(x, axis=-1) - p["W"]
        q = xp.sum(difference * difference, axis=1)
        h = xp.exp(-q / (p["sigma"] * p["sigma"]))
        return h, (x, q, h)

    def backward(
        self, ctx: Context, p: Mapping[str, Array], kept: Any, dh: Array
    ) -> tuple[tuple[Array | None, ...], dict[str, Array]]:
        """Return dx, dW and dsigma."""
        xp, (x, q, h), w, sigma = ctx.xp, kept, p["W"], p["sigma"]
        # forward: h = exp(-q / sigma^2), q = ||x - W||^2
        s = dh * h / (sigma * sigma)
        dx = 2 * (s @ w.T - x * xp.sum(s, axis=1, keepdims=True)) if ctx.wants_dx else None
        dw = 2 * (x.T @ s - w * xp.sum(s, axis=0))
        return (dx,), {"W": dw, "sigma": 2 / sigma * xp.sum(s * q, axis=0)}
