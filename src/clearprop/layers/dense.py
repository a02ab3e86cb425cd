"""The fully connected box."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from clearprop.initializers import Constant, Glorot, Initializer
from clearprop.layers.base import Array, Context, Layer, Shape, require_vector
from clearprop.parameters import Parameter
from clearprop.penalties import Constraint, Penalty
from clearprop.validation import check_bool, check_instance, check_integer

__all__ = ["Dense"]


@dataclass(frozen=True)
class Dense(Layer):
    """An affine map of each row.

    Forward, with x of shape (n, n_in), W (n_in, n_out), b (n_out,)::

        a = x W + b

    Backward, with da of shape (n, n_out)::

        dx = da W^T        dW = x^T da        db = sum over rows of da

    In the NTK parametrization a = x W / sqrt(n_in) + b, and dx and dW have the same factor: W starts with entries of
    unit variance at any width, and the learning rate need not change with the width.

    All arrays have the network's dtype, float32 or float64. Lecture notes that write a = W x + b with columns, and
    PyTorch's Linear.weight, use the transpose of this W; scikit-learn and Keras have this one.

    Parameters
    ----------
    units : int >= 1
        Number of outputs.
    bias : bool, default=True
        Whether there is a b.
    initializer : Initializer, default=Glorot()
        How W starts. PyTorch starts uniform within +-1 / sqrt(n_in) instead.
    bias_initializer : Initializer, default=Constant(0.0)
        How b starts.
    penalty : Penalty or None
        Penalty on W, in place of the network's; b is never penalised.
    constraint : Constraint or None
        Constraint on W, in place of the network's.
    ntk : bool, default=False
        Whether to divide x W by sqrt(n_in); give it an initializer of unit variance such as ``Normal(1.0)``.
    name : str or None
        Name of the node.

    Raises
    ------
    ArgumentError
        For arguments outside these ranges.
    ShapeError
        If a row is not a vector; put Flatten() before it.

    Notes
    -----
    `x` may also be a SciPy sparse matrix, where the layer stands at the input of a network.

    Examples
    --------
    >>> import clearprop as cp
    >>> net = cp.Network([cp.Dense(2)], inputs=3)
    >>> {name: view.shape for name, view in net.parameters.items()}
    {'dense_1.W': (3, 2), 'dense_1.b': (2,)}
    >>> net = cp.Network([cp.Dense(1, initializer=cp.Constant(2.0))], inputs=2)
    >>> loss, gradient = net.gradient([[1.0, 3.0]], [5.0])  # a = 8, da = 3
    >>> gradient["dense_1.W"].tolist(), gradient["dense_1.b"].tolist()
    ([[3.0], [9.0]], [3.0])

    References
    ----------
    Rumelhart, Hinton and Williams (1986), "Learning representations by back-propagating errors"; Jacot, Gabriel and
    Hongler (2018), "Neural tangent kernel", section 2, for the parametrization.
    """

    units: int
    bias: bool = True
    initializer: Initializer = Glorot()
    bias_initializer: Initializer = Constant(0.0)
    penalty: Penalty | None = None
    constraint: Constraint | None = None
    ntk: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        check_integer("Dense", "units", self.units, minimum=1)
        check_bool("Dense", "bias", self.bias)
        check_bool("Dense", "ntk", self.ntk)
        check_instance("Dense", "initializer", self.initializer, Initializer, "Glorot()")
        check_instance("Dense", "bias_initializer", self.bias_initializer, Initializer, "Constant(0.1)")
        if self.penalty is not None:
            check_instance("Dense", "penalty", self.penalty, Penalty, "L2(1e-4)")
        if self.constraint is not None:
            check_instance("Dense", "constraint", self.constraint, Constraint, "MaxNorm(2.0)")

    def output_shape(self, *shapes: Shape) -> Shape:
        """Return (units,)."""
        require_vector(self, shapes[0])
        return (self.units,)

    def parameters(self, *shapes: Shape) -> dict[str, Parameter]:
        """Return W of shape (n_in, units) and b of shape (units,)."""
        n_in = require_vector(self, shapes[0])
        fans: dict[str, Any] = {"fan_in": n_in, "fan_out": self.units}
        weights = Parameter(
            (n_in, self.units),
            self.initializer,
            decays=True,
            penalty=self.penalty,
            constraint=self.constraint,
            **fans,
        )
        if not self.bias:
            return {"W": weights}
        return {"W": weights, "b": Parameter((self.units,), self.bias_initializer, **fans)}

    def factor(self, n_in: int) -> float:
        """Return what x W is multiplied by."""
        return 1.0 / math.sqrt(n_in) if self.ntk else 1.0

    def forward(self, ctx: Context, p: Mapping[str, Array], *xs: Array) -> tuple[Array, Any]:
        """Return a = factor x W + b; keeps x."""
        (x,) = xs
        a = x @ p["W"]
        if self.ntk:
            a = a * self.factor(x.shape[1])
        return (a + p["b"] if self.bias else a), x

    def backward(
        self, ctx: Context, p: Mapping[str, Array], kept: Any, dh: Array
    ) -> tuple[tuple[Array | None, ...], dict[str, Array]]:
        """Return dx = factor da W^T, dW = factor x^T da, db = sum of da."""
        x, da = kept, dh
        # forward: a = factor x W + b
        scaled = da * self.factor(x.shape[1]) if self.ntk else da
        dx = scaled @ p["W"].T if ctx.wants_dx else None
        gradients = {"W": x.T @ scaled}
        if self.bias:
            gradients["b"] = ctx.xp.sum(da, axis=0)
        return (dx,), gradients
