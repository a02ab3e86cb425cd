"""What a box (layer) is: a frozen dataclass with a forward and a backward rule."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

from clearprop.config import Configurable
from clearprop.errors import ArgumentError, NoGradientError, ShapeError
from clearprop.parameters import Parameter
from clearprop.validation import check_name

__all__ = ["Activation", "Array", "Context", "Layer", "Shape", "default_noise", "like"]

Array = Any  # an array of the Array API standard: NumPy, PyTorch, array_api_strict
Shape = tuple[int, ...]  # of one row, without the axis of rows
Noise = Callable[[str, Shape], Array]


def default_noise(kind: str, shape: Shape) -> Array:
    """Refuse to make random numbers: the context of a pass says where they come from."""
    raise ArgumentError("this box draws random numbers in training; give its context a noise function.")


@dataclass(slots=True)
class Context:
    """What a box is told beside its arrays.

    Attributes
    ----------
    xp : namespace
        The Array API namespace of the arrays.
    training : bool
        Whether this pass trains (dropout drops, batch statistics are used) or predicts.
    buffers : mapping of str to array
        What the box remembers but does not learn; written in place by `forward` in training.
    noise : callable
        ``noise("uniform" | "normal", shape)`` returns a float64 NumPy array, ``noise("integers", shape)`` a uint16
        one with numbers from 0 to 65535. The default raises `ArgumentError`.
    wants_dx : bool
        False where nobody will read the gradient at the inputs, so that `backward` may return None for it.

    Examples
    --------
    A network makes the contexts of its boxes; to call a box by hand, make one yourself.

    >>> import numpy
    >>> import clearprop as cp
    >>> h, kept = cp.ReLU().forward(cp.Context(numpy), {}, numpy.array([[-2.0, 3.0]]))
    >>> h.tolist()
    [[0.0, 3.0]]
    """

    xp: Any
    training: bool = False
    buffers: Mapping[str, Array] = field(default_factory=dict)
    noise: Noise = default_noise
    wants_dx: bool = True


class _Node(Protocol):
    def ancestors(self) -> list[Any]: ...
    def append(self, layer: Layer, nodes: tuple[Any, ...]) -> Any: ...


@dataclass(frozen=True)
class Layer(Configurable):
    """Base of all boxes: h = f(x_1, ..., x_k, parameters), one row for each row of the inputs.

    A subclass is a frozen dataclass that defines `forward` and `backward`, and `output_shape` and `parameters` where
    the defaults (shape unchanged, nothing to learn) do not fit. Shapes leave out the axis of rows: an input of shape
    (n_in,) is an array (n, n_in). All arrays have the network's dtype, float32 or float64; a box never writes to its
    inputs.

    Parameters
    ----------
    name : str or None
        Name of the node in the network; by default the class in snake case and a number, as in ``dense_1``.

    Raises
    ------
    ArgumentError
        For a name that is not made of ASCII letters, digits and _, or begins with a digit; when a layer is called on
        anything but nodes.
    ShapeError
        When a layer is called on nodes whose number or shapes do not fit.

    Examples
    --------
    What a network asks of a box, by hand:

    >>> import numpy
    >>> import clearprop as cp
    >>> box, ctx = cp.Multiply(), cp.Context(numpy)
    >>> box.output_shape((1,), (1,)), box.parameters((1,), (1,))
    ((1,), {})
    >>> h, kept = box.forward(ctx, {}, numpy.array([[2.0]]), numpy.array([[3.0]]))
    >>> (dx_1, dx_2), gradients = box.backward(ctx, {}, kept, numpy.array([[10.0]]))
    >>> h.tolist(), dx_1.tolist(), dx_2.tolist(), gradients
    ([[6.0]], [[30.0]], [[20.0]], {})
    """

    name: str | None = field(default=None, kw_only=True)

    n_inputs: ClassVar[int | None] = 1  # None: two or more
    elementwise: ClassVar[bool] = False  # h_i depends on a_i alone, without parameters
    learns_elementwise: ClassVar[bool] = False  # h_i depends on a_i, and on what was learned for unit i
    stochastic: ClassVar[bool] = False  # training and prediction differ
    reads_codes: ClassVar[bool] = False  # inputs are whole numbers, at which there is no gradient

    def __post_init__(self) -> None:
        check_name(type(self).__name__, self.name)

    def __call__(self, *nodes: _Node) -> Any:
        """Append a node with this layer to the graph that `nodes` belong to, and return it."""
        if not nodes or not all(hasattr(node, "ancestors") for node in nodes):  # a list has an append
            got = ", ".join(type(node).__name__ for node in nodes) or "nothing"
            raise ArgumentError(
                f"{type(self).__name__}: a layer is called on nodes, got {got}; begin with x = clearprop.Input(n), "
                "and put layers into a Network to apply them to arrays."
            )
        return nodes[0].append(self, nodes)

    @property
    def is_activation(self) -> bool:
        """Whether h_i depends on no other input than a_i."""
        return self.elementwise or self.learns_elementwise

    @classmethod
    def kind(cls) -> str:
        """Return the class name in snake case: ``LayerNorm`` is ``layer_norm``, ``ReLU`` is ``relu``."""
        return re.sub(r"(?<=[a-z0-9])(?=[A-Z][a-z])", "_", cls.__name__).lower()

    def output_shape(self, *shapes: Shape) -> Shape:
        """Return the shape of the output; raise `ShapeError` for inputs that do not fit."""
        return shapes[0]

    def parameters(self, *shapes: Shape) -> dict[str, Parameter]:
        """Return what the box learns, by local name."""
        return {}

    def buffers(self, *shapes: Shape) -> dict[str, Parameter]:
        """Return what the box remembers but does not learn, by local name."""
        return {}

    def forward(self, ctx: Context, p: Mapping[str, Array], *xs: Array) -> tuple[Array, Any]:
        """Return the output and what `backward` will need."""
        raise NotImplementedError

    def backward(
        self, ctx: Context, p: Mapping[str, Array], kept: Any, dh: Array
    ) -> tuple[tuple[Array | None, ...], dict[str, Array]]:
        """Return the gradients at the inputs, and at the parameters."""
        raise NoGradientError(f"{type(self).__name__} has no gradient; use it in networks that only predict.")


@dataclass(frozen=True)
class Activation(Layer):
    """Base of the elementwise activations h = f(a): a subclass gives `forward` and `derivative`.

    Backward, where a, h, f'(a), dh and da all have shape (n, ...) and the network's dtype, float32 or float64::

        da = dh f'(a)

    Where f has a kink, `derivative` returns one of the subgradients; each box says which.

    Examples
    --------
    A trace shows h and f'(a) of every activation:

    >>> import clearprop as cp
    >>> trace = cp.Network([cp.ReLU()], inputs=2).trace([[-2.0, 3.0]], [[0.0, 1.0]])
    >>> [trace[f"relu_1.{what}"].tolist() for what in ("h", "f'", "dh")]
    [[[0.0, 3.0]], [[0.0, 1.0]], [[0.0, 2.0]]]
    >>> trace["input_1.dx"].tolist()  # dh f'
    [[0.0, 2.0]]
    """

    elementwise: ClassVar[bool] = True

    def derivative(self, ctx: Context, kept: Any) -> Array:
        """Return f'(a) from what `forward` kept."""
        raise NotImplementedError

    def backward(
        self, ctx: Context, p: Mapping[str, Array], kept: Any, dh: Array
    ) -> tuple[tuple[Array | None, ...], dict[str, Array]]:
        """Return da = dh f'(a)."""
        return (dh * self.derivative(ctx, kept),), {}


def like(ctx: Context, values: Any, x: Array) -> Array:
    """Return NumPy `values` as an array of the namespace, dtype and device of `x`."""
    return ctx.xp.asarray(values, dtype=x.dtype, device=x.device)


def require_vector(layer: Layer, shape: Shape) -> int:
    """Return the width of a vector input; raise `ShapeError` for anything else."""
    if len(shape) != 1:
        raise ShapeError(f"{type(layer).__name__} takes one vector a row, got shape {shape}; put Flatten() before it.")
    return shape[0]
