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
    """One vector a row, last axis fastest; the backward rule restores the shape.

    Forward and backward, with x and dx of shape (n, n_1, ..., n_k), h and dh (n, n_1 ... n_k), in the network's
    dtype::

        h = x reshaped        dx = dh reshaped

    The order is that of NumPy, PyTorch and Keras; MATLAB and Julia store the first axis fastest.

    Examples
    --------
    >>> import clearprop as cp
    >>> net = cp.Network([cp.Flatten()], inputs=(2, 2))
    >>> net.scores([[[1.0, 2.0], [3.0, 4.0]]]).tolist()
    [[1.0, 2.0, 3.0, 4.0]]

    References
    ----------
    ONNX operator Flatten with axis=1.
    """

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

    Forward and backward, with rows of h and dh of shape `shape` and x and dx as they come, in the network's dtype::

        h = x reshaped        dx = dh reshaped

    Parameters
    ----------
    shape : tuple of int >= 1
        Shape of a row of the output. No entry may be -1, unlike in NumPy.

    Raises
    ------
    ArgumentError
        For a shape that is no tuple of such integers.
    ShapeError
        If a row has another number of entries.

    Examples
    --------
    >>> import clearprop as cp
    >>> net = cp.Network([cp.Reshape((2, 2))], inputs=4)
    >>> net.scores([[1.0, 2.0, 3.0, 4.0]]).tolist()
    [[[1.0, 2.0], [3.0, 4.0]]]

    References
    ----------
    ONNX operator Reshape, with the axis of rows kept.
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
