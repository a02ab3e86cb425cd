"""Boxes with two or more inputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from clearprop.errors import ShapeError
from clearprop.layers.base import Array, Context, Layer, Shape

__all__ = ["Add", "Concatenate", "Multiply"]


def _require_equal(layer: Layer, shapes: tuple[Shape, ...]) -> Shape:
    if any(shape != shapes[0] for shape in shapes):
        raise ShapeError(f"{type(layer).__name__} needs equal shapes")
    return shapes[0]


@dataclass(frozen=True)
class Add(Layer):
    """h = x_1 + ... + x_k, dx_i = dh: the box of residual connections."""

    n_inputs: ClassVar[int | None] = None

    def output_shape(self, *shapes: Shape) -> Shape:
        """Return the common shape."""
        return _require_equal(self, shapes)

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
class Multiply(Layer):
    """h = x_1 ... x_k elementwise, dx_i = dh times the other inputs: the multiplicative unit of gates and attention."""

    n_inputs: ClassVar[int | None] = None

    def output_shape(self, *shapes: Shape) -> Shape:
        """Return the common shape."""
        return _require_equal(self, shapes)

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
    """The inputs side by side along the first axis of a row; the backward rule cuts dh at the same places."""

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
