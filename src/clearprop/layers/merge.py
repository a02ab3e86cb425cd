"""Boxes with two or more inputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from clearprop.errors import ShapeError
from clearprop.layers.base import Array, Context, Layer, Shape

__all__ = ["Add", "Concatenate", "Multiply"]


@dataclass(frozen=True)
class _Pointwise(Layer):
    """What boxes that join inputs of one shape, entry by entry, share."""

    n_inputs: ClassVar[int | None] = None

    def output_shape(self, *shapes: Shape) -> Shape:
        """Return the common shape."""
        if any(shape != shapes[0] for shape in shapes):
            raise ShapeError(f"{type(self).__name__} needs equal shapes")
        return shapes[0]


@dataclass(frozen=True)
class Add(_Pointwise):
    """h = x_1 + ... + x_k, dx_i = dh: the box of residual connections.

    The x_i and h have the same shape (n, ...) and the network's dtype; nothing is broadcast, unlike in PyTorch.

    Raises
    ------
    ShapeError
        For fewer than two inputs, or inputs of different shapes.

    Examples
    --------
    >>> import clearprop as cp
    >>> x = cp.Input(2)
    >>> net = cp.Network(cp.Add()(x, cp.ReLU()(x)))
    >>> trace = net.trace([[-1.0, 3.0]], [[0.0, 0.0]])
    >>> trace["add_1.a"].tolist(), trace["input_1.dx"].tolist()  # dx = dh + dh f'
    ([[-1.0, 6.0]], [[-1.0, 12.0]])

    References
    ----------
    He et al. (2016), "Deep residual learning for image recognition", section 3.2.
    """

    def forward(self, ctx: Context, p: Mapping[str, Array], *xs: Array) -> tuple[Array, Any]:
        """Return the sum."""
        total = xs[0]
        for x in xs[1:]:
            total = total + x
        return total, len(xs)

    def backward(
        self, ctx: Context, p: Mapping[str, Array], kept: Any, dh: Array
    ) -> tuple[tuple[Array | None, ...], dict[str, Array]]:
        """Return dh for every input."""
        return (dh,) * kept, {}


@dataclass(frozen=True)
class Multiply(_Pointwise):
    """h = x_1 ... x_k elementwise, dx_i = dh times the other inputs: the multiplicative unit of gates and attention.

    The x_i and h have the same shape (n, ...) and the network's dtype; nothing is broadcast, unlike in PyTorch.

    Raises
    ------
    ShapeError
        For fewer than two inputs, or inputs of different shapes.

    Examples
    --------
    >>> import clearprop as cp
    >>> x = cp.Input(1)
    >>> net = cp.Network(cp.Multiply()(x, x))
    >>> trace = net.trace([[3.0]], [8.0])  # h = 9, dh = 1
    >>> trace["input_1.dx"].tolist()  # 2 x dh
    [[6.0]]

    References
    ----------
    Rumelhart, Hinton and McClelland (1986), "A general framework for parallel distributed processing": sigma-pi units.
    """

    def forward(self, ctx: Context, p: Mapping[str, Array], *xs: Array) -> tuple[Array, Any]:
        """Return the product; keeps the inputs."""
        product = xs[0]
        for x in xs[1:]:
            product = product * x
        return product, xs

    def backward(
        self, ctx: Context, p: Mapping[str, Array], kept: Any, dh: Array
    ) -> tuple[tuple[Array | None, ...], dict[str, Array]]:
        """Return dh times the product of the other inputs, without dividing (an input may be 0)."""
        gradients = []
        for index in range(len(kept)):
            dx = dh
            for other, x in enumerate(kept):
                if other != index:
                    dx = dx * x
            gradients.append(dx)
        return tuple(gradients), {}


@dataclass(frozen=True)
class Concatenate(Layer):
    """The inputs side by side along the first axis of a row; the backward rule cuts dh at the same places.

    Forward and backward, with x_i of shape (n, n_i, ...), h (n, sum of n_i, ...), all in the network's dtype::

        h = [x_1, ..., x_k]        [dx_1, ..., dx_k] = dh

    For images (channels, height, width) this joins channels. Keras joins along the last axis by default, and
    ``torch.cat`` along the axis of rows.

    Raises
    ------
    ShapeError
        For fewer than two inputs, or inputs whose shapes differ in another axis than the first.

    Examples
    --------
    >>> import clearprop as cp
    >>> x = cp.Input(2)
    >>> net = cp.Network(cp.Concatenate()(x, cp.Abs()(x)))
    >>> net.scores([[-1.0, 3.0]]).tolist()
    [[-1.0, 3.0, 1.0, 3.0]]

    References
    ----------
    Huang et al. (2017), "Densely connected convolutional networks", section 3.
    """

    n_inputs: ClassVar[int | None] = None

    def output_shape(self, *shapes: Shape) -> Shape:
        """Return the shape with the first axes added up."""
        if any(shape[1:] != shapes[0][1:] or not shape for shape in shapes):
            raise ShapeError("Concatenate needs shapes that agree except in the first axis")
        return (sum(shape[0] for shape in shapes), *shapes[0][1:])

    def forward(self, ctx: Context, p: Mapping[str, Array], *xs: Array) -> tuple[Array, Any]:
        """Return the inputs side by side; keeps their widths."""
        return ctx.xp.concat(xs, axis=1), tuple(x.shape[1] for x in xs)

    def backward(
        self, ctx: Context, p: Mapping[str, Array], kept: Any, dh: Array
    ) -> tuple[tuple[Array | None, ...], dict[str, Array]]:
        """Return the pieces of dh."""
        gradients, start = [], 0
        for width in kept:
            gradients.append(dh[:, start : start + width, ...])
            start += width
        return tuple(gradients), {}
