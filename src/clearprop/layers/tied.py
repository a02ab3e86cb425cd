"""The fully connected box with a transposed matrix, its own or another node's: the decoder of an auto-encoder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from clearprop.initializers import Constant, Glorot, Initializer
from clearprop.layers.base import Array, Context, Layer, Shape, require_vector
from clearprop.parameters import Parameter
from clearprop.validation import check_bool, check_instance, check_integer, check_name

__all__ = ["TransposedDense"]


@dataclass(frozen=True)
class TransposedDense(Layer):
    """An affine map with the transpose of a matrix, which may be that of an earlier `Dense`: tied weights.

    Forward, with x of shape (n, n_in), W (units, n_in), b (units,)::

        a = x W^T + b

    Backward, with da of shape (n, units)::

        dx = da W        dW = da^T x        db = sum over rows of da

    Where W is another node's, its gradient is the sum of both nodes' dW. All arrays have the network's dtype, float32
    or float64.

    Parameters
    ----------
    units : int >= 1
        Number of outputs: where W is an encoder's, the number of its inputs.
    of : str or None
        Name of the node before this one whose W is meant, such as ``"dense_1"``; by default the box has a W of its
        own. A factor of that node (``ntk``) is not repeated here.
    bias : bool, default=True
        Whether there is a b, which is never shared.
    initializer : Initializer, default=Glorot()
        How a W of its own starts.
    bias_initializer : Initializer, default=Constant(0.0)
        How b starts.
    name : str or None
        Name of the node.

    Raises
    ------
    ArgumentError
        For arguments outside these ranges, and where a network has no W of such a node before this one.
    ShapeError
        If a row is not a vector, or W has another shape than (units, n_in).

    Examples
    --------
    An auto-encoder of 3 numbers with a code of 2; its decoder has no matrix of its own:

    >>> import clearprop as cp
    >>> net = cp.Network([cp.Dense(2), cp.Tanh(), cp.TransposedDense(3, of="dense_1")], inputs=3)
    >>> {name: view.shape for name, view in net.parameters.items()}
    {'dense_1.W': (3, 2), 'dense_1.b': (2,), 'transposed_dense_1.b': (3,)}
    >>> x = [[0.5, -1.0, 2.0], [1.0, 0.0, 0.5]]
    >>> cp.check_gradient(net, x, x).error < 1e-6
    True

    References
    ----------
    Vincent, Larochelle, Lajoie, Bengio and Manzagol (2010), "Stacked denoising autoencoders", section 2.2.
    """

    units: int
    of: str | None = None
    bias: bool = True
    initializer: Initializer = Glorot()
    bias_initializer: Initializer = Constant(0.0)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_integer("TransposedDense", "units", self.units, minimum=1)
        check_name("TransposedDense", self.of, argument="of")
        check_bool("TransposedDense", "bias", self.bias)
        check_instance("TransposedDense", "initializer", self.initializer, Initializer, "Glorot()")
        check_instance("TransposedDense", "bias_initializer", self.bias_initializer, Initializer, "Constant(0.1)")

    def output_shape(self, *shapes: Shape) -> Shape:
        """Return (units,)."""
        require_vector(self, shapes[0])
        return (self.units,)

    def parameters(self, *shapes: Shape) -> dict[str, Parameter]:
        """Return W of shape (units, n_in), its own or another node's, and b of shape (units,)."""
        n_in = require_vector(self, shapes[0])
        fans: dict[str, Any] = {"fan_in": n_in, "fan_out": self.units}
        tied = None if self.of is None else f"{self.of}.W"
        weights = Parameter((self.units, n_in), self.initializer, decays=True, tied=tied, **fans)
        if not self.bias:
            return {"W": weights}
        return {"W": weights, "b": Parameter((self.units,), self.bias_initializer, **fans)}

    def forward(self, ctx: Context, p: Mapping[str, Array], *xs: Array) -> tuple[Array, Any]:
        """Return a = x W^T + b; keeps x."""
        (x,) = xs
        a = x @ p["W"].T
        return (a + p["b"] if self.bias else a), x

    def backward(
        self, ctx: Context, p: Mapping[str, Array], kept: Any, dh: Array
    ) -> tuple[tuple[Array | None, ...], dict[str, Array]]:
        """Return dx = da W, dW = da^T x, db = sum of da."""
        x, da = kept, dh
        # forward: a = x W^T + b
        dx = da @ p["W"] if ctx.wants_dx else None
        gradients = {"W": da.T @ x}
        if self.bias:
            gradients["b"] = ctx.xp.sum(da, axis=0)
        return (dx,), gradients
