"""Sums and means over axes of a row."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from clearprop.errors import ArgumentError, ShapeError
from clearprop.layers.base import Array, Context, Layer, Shape
from clearprop.validation import check_integer, show

__all__ = ["Mean", "Sum"]


@dataclass(frozen=True)
class _Reduction(Layer):
    """What sums and means over axes share."""

    axis: int | tuple[int, ...]

    def __post_init__(self) -> None:
        super().__post_init__()
        owner, axes = type(self).__name__, self.axis
        if not isinstance(axes, tuple):
            check_integer(owner, "axis", axes, minimum=0)
            return
        for index, axis in enumerate(axes):
            check_integer(owner, f"axis[{index}]", axis, minimum=0)
        if not axes or len(set(axes)) < len(axes):
            raise ArgumentError(f"{owner}: axis must be an integer or a tuple of different ones, got {show(axes)}.")

    @property
    def _gone(self) -> tuple[int, ...]:
        """The axes of an array, with that of rows in front, that the box takes away."""
        return tuple(axis + 1 for axis in (self.axis if isinstance(self.axis, tuple) else (self.axis,)))

    def output_shape(self, *shapes: Shape) -> Shape:
        """Return the shape without the axes that are taken away."""
        shape, gone = shapes[0], self._gone
        if max(gone) > len(shape) or len(gone) == len(shape):
            raise ShapeError(f"{type(self).__name__} needs rows with axis {self.axis} and one that is left over")
        return tuple(size for place, size in enumerate(shape, start=1) if place not in gone)

    def _repeated(self, ctx: Context, dh: Array, shape: Shape) -> Array:
        """Return dh repeated along the axes that the forward pass took away from `shape`."""
        kept = tuple(1 if place in self._gone else size for place, size in enumerate(shape))
        return ctx.xp.broadcast_to(ctx.xp.reshape(dh, kept), shape)


@dataclass(frozen=True)
class Sum(_Reduction):
    """The sum over one or more axes of a row.

    Forward and backward, with x and dx of shape (n, ..., k, ...), h and dh the same without the axis of k, in the
    network's dtype::

        h = sum over i of x_i        dx_i = dh

    Parameters
    ----------
    axis : int >= 0 or tuple of int
        Axes of a row that are summed away: 0 is the first one after the axis of rows.

    Raises
    ------
    ArgumentError
        For an axis that is no such integer, or occurs twice.
    ShapeError
        If a row has no such axis, or no axis would be left: Dense(1) has a number a row.

    Examples
    --------
    >>> import clearprop as cp
    >>> trace = cp.Network([cp.Sum(0)], inputs=(3, 2)).trace([[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]], [[8.0, 13.0]])
    >>> trace["sum_1.a"].tolist(), trace["input_1.dx"].tolist()
    ([[9.0, 12.0]], [[[1.0, -1.0], [1.0, -1.0], [1.0, -1.0]]])

    References
    ----------
    ONNX operator ReduceSum with keepdims=0.
    """

    def forward(self, ctx: Context, p: Mapping[str, Array], *xs: Array) -> tuple[Array, Any]:
        """Return the sums; keeps the shape."""
        return ctx.xp.sum(xs[0], axis=self._gone), xs[0].shape

    def backward(
        self, ctx: Context, p: Mapping[str, Array], kept: Any, dh: Array
    ) -> tuple[tuple[Array | None, ...], dict[str, Array]]:
        """Return dh for every summand."""
        return (self._repeated(ctx, dh, kept),), {}


@dataclass(frozen=True)
class Mean(_Reduction):
    """The mean over one or more axes of a row; over height and width it is global average pooling.

    Forward and backward, with x and dx of shape (n, ..., k, ...), h and dh the same without the axis of k, in the
    network's dtype::

        h = sum over i of x_i / k        dx_i = dh / k

    Parameters
    ----------
    axis : int >= 0 or tuple of int
        Axes of a row to average over: 0 is the first one after the axis of rows.

    Raises
    ------
    ArgumentError
        For an axis that is no such integer, or occurs twice.
    ShapeError
        If a row has no such axis, or no axis would be left: Dense(1) has a number a row.

    Examples
    --------
    >>> import clearprop as cp
    >>> trace = cp.Network([cp.Mean(0)], inputs=(2, 2)).trace([[[1.0, 2.0], [3.0, 4.0]]], [[0.0, 5.0]])
    >>> trace["mean_1.a"].tolist(), trace["input_1.dx"].tolist()
    ([[2.0, 3.0]], [[[1.0, -1.0], [1.0, -1.0]]])

    References
    ----------
    Lin, Chen and Yan (2014), "Network in network", section 3.2. ONNX operator ReduceMean with keepdims=0.
    """

    def forward(self, ctx: Context, p: Mapping[str, Array], *xs: Array) -> tuple[Array, Any]:
        """Return the means; keeps the shape."""
        return ctx.xp.mean(xs[0], axis=self._gone), xs[0].shape

    def backward(
        self, ctx: Context, p: Mapping[str, Array], kept: Any, dh: Array
    ) -> tuple[tuple[Array | None, ...], dict[str, Array]]:
        """Return dh / k for every summand."""
        count = math.prod(kept[axis] for axis in self._gone)
        return (self._repeated(ctx, dh / count, kept),), {}
