"""Boxes that change the shape of a row and nothing else."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from clearprop.errors import ArgumentError, ShapeError
from clearprop.layers.base import Array, Context, Layer, Shape
from clearprop.validation import check_integer, show

__all__ = ["Flatten", "Reshape"]


@dataclass(frozen=True)
class Flatten(Layer):
    """One vector a row, last axis fastest; the backward rule restores the shape."""

    def output_shape(self, *shapes: Shape) -> Shape:
        """Return (number of entries,)."""
        return (math.prod(shapes[0]),)

    def forward(self, ctx: Context, p: Mapping[str, Array], *xs: Array) -> tuple[Array, Any]:
        """Return the rows as vectors; keeps the shape."""
        (x,) = xs
        return ctx.xp.reshape(x, (x.shape[0], math.prod(x.shape[1:]))), x.shape

    def backward(
        self, ctx: Context, p: Mapping[str, Array], kept: Any, dh: Array
    ) -> tuple[tuple[Array | None, ...], dict[str, Array]]:
        """Return dh in the shape of the input."""
        return (ctx.xp.reshape(dh, kept),), {}


@dataclass(frozen=True)
class Reshape(Layer):
    """Rows of another shape with the same number of entries, last axis fastest.

    Parameters
    ----------
    shape : tuple of int
        Shape of a row of the output.
    """

    shape: tuple[int, ...]

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.shape, tuple):
            raise ArgumentError(
                f"Reshape: shape must be a tuple of integers such as (1, 28, 28), got {show(self.shape)}."
            )
        for index, size in enumerate(self.shape):
            check_integer("Reshape", f"shape[{index}]", size, minimum=1)

    def output_shape(self, *shapes: Shape) -> Shape:
        """Return the shape asked for."""
        if math.prod(shapes[0]) != math.prod(self.shape):
            raise ShapeError(f"Reshape to {self.shape} needs {math.prod(self.shape)} entries a row, got {shapes[0]}")
        return self.shape

    def forward(self, ctx: Context, p: Mapping[str, Array], *xs: Array) -> tuple[Array, Any]:
        """Return the rows in their new shape; keeps the old one."""
        (x,) = xs
        return ctx.xp.reshape(x, (x.shape[0], *self.shape)), x.shape

    def backward(
        self, ctx: Context, p: Mapping[str, Array], kept: Any, dh: Array
    ) -> tuple[tuple[Array | None, ...], dict[str, Array]]:
        """Return dh in the shape of the input."""
        return (ctx.xp.reshape(dh, kept),), {}
