"""Boxes for rows that are matrices or arrays of more axes: products, pieces, and the order of axes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from clearprop.errors import ArgumentError, ShapeError
from clearprop.layers.base import Array, Context, Layer, Shape
from clearprop.validation import check_integer, show

__all__ = ["MatMul", "Slice", "Transpose"]


@dataclass(frozen=True)
class MatMul(Layer):
    """The matrix product of two inputs, row by row: the multiplicative box of attention.

    Forward, with A of shape (n, p, q), B (n, q, r) and H (n, p, r)::

        H = A B

    Backward, with dH of shape (n, p, r)::

        dA = dH B^T        dB = A^T dH

    All arrays have the network's dtype. Axes between the rows and the matrices, such as heads, must be equal in both
    inputs: nothing is broadcast, unlike in NumPy and PyTorch.

    Raises
    ------
    ShapeError
        For another number of inputs than two, rows that are no matrices, or matrices that do not fit.

    Examples
    --------
    >>> import clearprop as cp
    >>> a, b = cp.Input((1, 2)), cp.Input((2, 1))
    >>> net = cp.Network(cp.Flatten()(cp.MatMul()(a, b)))
    >>> trace = net.trace(([[[1.0, 2.0]]], [[[3.0], [4.0]]]), [10.0])  # h = 3 + 8, dh = 1
    >>> trace["input_1.dx"].tolist(), trace["input_2.dx"].tolist()
    ([[[3.0, 4.0]]], [[[1.0], [2.0]]])

    References
    ----------
    Giles (2008), "Collected matrix derivative results for forward and reverse mode algorithmic differentiation",
    section 2.2.2. ONNX operator MatMul.
    """

    n_inputs: ClassVar[int | None] = 2

    def output_shape(self, *shapes: Shape) -> Shape:
        """Return (..., p, r)."""
        first, second = shapes
        fits = len(first) == len(second) >= 2 and first[:-2] == second[:-2] and first[-1] == second[-2]
        if not fits:
            raise ShapeError("MatMul needs rows of shapes (..., p, q) and (..., q, r)")
        return (*first[:-1], second[-1])

    def forward(self, ctx: Context, p: Mapping[str, Array], *xs: Array) -> tuple[Array, Any]:
        """Return the products; keeps the inputs."""
        return xs[0] @ xs[1], xs

    def backward(
        self, ctx: Context, p: Mapping[str, Array], kept: Any, dh: Array
    ) -> tuple[tuple[Array | None, ...], dict[str, Array]]:
        """Return dA = dH B^T and dB = A^T dH."""
        a, b = kept
        # forward: H = A B
        return (dh @ ctx.xp.matrix_transpose(b), ctx.xp.matrix_transpose(a) @ dh), {}


@dataclass(frozen=True)
class Slice(Layer):
    """Entries start to stop - 1 along an axis of a row; the backward rule puts zeros around dh.

    Forward and backward, with x and dx of shape (n, ..., k, ...), h and dh (n, ..., stop - start, ...), in the
    network's dtype::

        h = x[start:stop]        dx[start:stop] = dh, 0 elsewhere

    Parameters
    ----------
    start, stop : int, 0 <= start < stop
        First entry, and the one after the last. They do not count from the end when negative, unlike in Python.
    axis : int >= 0, default=0
        Axis of a row: 0 is the first one after the axis of rows.

    Raises
    ------
    ArgumentError
        For arguments outside these ranges.
    ShapeError
        If a row has no such axis, or it is shorter than `stop`.

    Examples
    --------
    >>> import clearprop as cp
    >>> trace = cp.Network([cp.Slice(1, 3)], inputs=4).trace([[1.0, 2.0, 3.0, 4.0]], [[0.0, 0.0]])
    >>> trace["slice_1.a"].tolist(), trace["input_1.dx"].tolist()
    ([[2.0, 3.0]], [[0.0, 2.0, 3.0, 0.0]])

    References
    ----------
    ONNX operator Slice with steps of 1.
    """

    start: int
    stop: int
    axis: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_integer("Slice", "start", self.start, minimum=0)
        check_integer("Slice", "stop", self.stop, minimum=int(self.start) + 1)
        check_integer("Slice", "axis", self.axis, minimum=0)

    @property
    def _index(self) -> tuple[Any, ...]:
        return (*(slice(None),) * (self.axis + 1), slice(self.start, self.stop), ...)

    def output_shape(self, *shapes: Shape) -> Shape:
        """Return the shape with stop - start entries along the axis."""
        (shape,) = shapes
        if self.axis >= len(shape) or self.stop > shape[self.axis]:
            raise ShapeError(f"{self!r} needs rows with {self.stop} or more entries along axis {self.axis}")
        return (*shape[: self.axis], self.stop - self.start, *shape[self.axis + 1 :])

    def forward(self, ctx: Context, p: Mapping[str, Array], *xs: Array) -> tuple[Array, Any]:
        """Return the entries; keeps the shape."""
        (x,) = xs
        return x[self._index], x.shape

    def backward(
        self, ctx: Context, p: Mapping[str, Array], kept: Any, dh: Array
    ) -> tuple[tuple[Array | None, ...], dict[str, Array]]:
        """Return dh with zeros around it."""
        dx = ctx.xp.zeros(kept, dtype=dh.dtype, device=dh.device)
        # forward: h = x[start:stop]
        dx[self._index] = dh
        return (dx,), {}


@dataclass(frozen=True)
class Transpose(Layer):
    """The axes of a row in another order; the backward rule restores the order.

    Forward and backward, with x and dx of shape (n, k_0, k_1, ...), h and dh (n, k_axes[0], k_axes[1], ...), in the
    network's dtype::

        h[..., i_axes[0], i_axes[1], ...] = x[..., i_0, i_1, ...]        dx = dh with the axes put back

    Parameters
    ----------
    axes : tuple of int or None
        Which axis of x each axis of h is, such as (1, 0); None reverses them, as in NumPy. The axis of rows stays where
        it is and is not counted.

    Raises
    ------
    ArgumentError
        For anything but each of 0, 1, ..., k - 1 once.
    ShapeError
        If a row has another number of axes.

    Examples
    --------
    >>> import clearprop as cp
    >>> net = cp.Network([cp.Transpose()], inputs=(2, 3))
    >>> net.scores([[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]]).tolist()
    [[[1.0, 4.0], [2.0, 5.0], [3.0, 6.0]]]

    References
    ----------
    ONNX operator Transpose, with the axis of rows kept.
    """

    axes: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.axes is None:
            return
        if not isinstance(self.axes, tuple):
            raise ArgumentError(
                f"Transpose: axes must be None or a tuple of integers such as (1, 0), got {show(self.axes)}."
            )
        for index, axis in enumerate(self.axes):
            check_integer("Transpose", f"axes[{index}]", axis, minimum=0)
        if sorted(self.axes) != list(range(len(self.axes))):
            raise ArgumentError(f"Transpose: axes must hold each of 0, 1, ... once, got {show(self.axes)}.")

    def _order(self, n_axes: int) -> tuple[int, ...]:
        return tuple(reversed(range(n_axes))) if self.axes is None else self.axes

    def output_shape(self, *shapes: Shape) -> Shape:
        """Return the sizes in their new order."""
        (shape,) = shapes
        order = self._order(len(shape))
        if len(order) != len(shape):
            raise ShapeError(f"{self!r} needs rows with {len(order)} axes")
        return tuple(shape[axis] for axis in order)

    def forward(self, ctx: Context, p: Mapping[str, Array], *xs: Array) -> tuple[Array, Any]:
        """Return x with the axes in their new order; keeps that order."""
        order = (0, *(axis + 1 for axis in self._order(xs[0].ndim - 1)))
        return ctx.xp.permute_dims(xs[0], order), order

    def backward(
        self, ctx: Context, p: Mapping[str, Array], kept: Any, dh: Array
    ) -> tuple[tuple[Array | None, ...], dict[str, Array]]:
        """Return dh with the axes put back."""
        # forward: axis i of h is axis kept[i] of x
        return (ctx.xp.permute_dims(dh, tuple(kept.index(axis) for axis in range(len(kept)))),), {}
