"""Boxes that tell a window of an image by one number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from clearprop.layers.base import Array, Context, Layer, Shape
from clearprop.layers.windows import Pair, check_pair, pair, slide, spread

__all__ = ["AveragePool2D", "MaxPool2D"]


@dataclass(frozen=True)
class _Pool2D(Layer):
    """The windows of both kinds of pooling."""

    size: Pair
    stride: Pair | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        check_pair(type(self).__name__, "size", self.size, minimum=1)
        if self.stride is not None:
            check_pair(type(self).__name__, "stride", self.stride, minimum=1)

    def output_shape(self, *shapes: Shape) -> Shape:
        """Return (channels, out_height, out_width)."""
        out = slide(self, shapes[0], self.size, self._step)
        return (shapes[0][0], *out)

    @property
    def _step(self) -> Pair:
        return self.size if self.stride is None else self.stride

    def _members(self, shape: Shape) -> list[tuple[slice, ...]]:
        """Return for each member of a window, row by row, where it lies in all windows of an array (n, *shape)."""
        (rows, columns), (down, right) = pair(self.size), pair(self._step)
        _, height, width = self.output_shape(shape)
        rest = slice(None), slice(None)
        return [(*rest, spread(u, height, down), spread(v, width, right)) for u in range(rows) for v in range(columns)]


def _as_ordered(xp: Any, values: Array, pattern: Array) -> Array:
    """Return `values` with the axes in the order that `pattern` has in memory: NumPy is slow where two orders meet."""
    ordered = xp.empty_like(pattern)
    ordered[...] = values
    return ordered


@dataclass(frozen=True)
class MaxPool2D(_Pool2D):
    """The largest entry of each window of an image, channel by channel.

    Forward, with x of shape (n, channels, height, width) and h (n, channels, out_height, out_width)::

        h[:, c, i, j] = max over u, v of x[:, c, stride i + u, stride j + v]

    Backward: dh goes to the largest entry, and 0 to the others; where windows overlap, an entry adds up what it gets.
    Where several entries are largest, the first of them row by row gets all: a subgradient, the one that PyTorch
    takes. All arrays have the network's dtype, float32 or float64.

    Parameters
    ----------
    size : int >= 1 or tuple of two
        Height and width of the window.
    stride : int >= 1 or tuple of two, or None
        How far the window moves, down and to the right; by default its size. What is left over at the lower and right
        edge is not seen: out_height = floor((height - size) / stride) + 1, as in PyTorch.
    name : str or None
        Name of the node.

    Raises
    ------
    ArgumentError
        For arguments outside these ranges.
    ShapeError
        If a row is not an image (channels, height, width), or the window does not fit into it.

    Examples
    --------
    >>> import clearprop as cp
    >>> net = cp.Network([cp.MaxPool2D(2), cp.Flatten()], inputs=(1, 2, 4))
    >>> image = [[1.0, 5.0, 3.0, 3.0], [2.0, 4.0, 0.0, 3.0]]
    >>> trace = net.trace([[image]], [[4.0, 1.0]])
    >>> trace["max_pool2d_1.a"].tolist(), trace["input_1.dx"].tolist()  # dh = (1, 2); the first 3 of three gets all
    ([[[[5.0, 3.0]]]], [[[[0.0, 1.0, 2.0, 0.0], [0.0, 0.0, 0.0, 0.0]]]])

    References
    ----------
    Scherer, Mueller and Behnke (2010), "Evaluation of pooling operations in convolutional architectures".
    """

    def forward(self, ctx: Context, p: Mapping[str, Array], *xs: Array) -> tuple[Array, Any]:
        """Return h; keeps x and, for each member of a window but the first, whether it exceeds all before it."""
        xp, (x,) = ctx.xp, xs
        first, *others = self._members(x.shape[1:])
        h, exceeds = x[first], []
        for member in others:
            exceeds.append(x[member] > h)
            h = xp.maximum(h, x[member])
        return h, (x, exceeds)

    def backward(
        self, ctx: Context, p: Mapping[str, Array], kept: Any, dh: Array
    ) -> tuple[tuple[Array | None, ...], dict[str, Array]]:
        """Return dx: the last member that exceeds all before it is the first of the largest, and gets dh."""
        xp, (x, exceeds) = ctx.xp, kept
        # forward: h = max over u, v of x
        first, *others = self._members(x.shape[1:])
        dx, rest = xp.zeros_like(x), _as_ordered(xp, dh, x[first])
        for member, won in zip(reversed(others), reversed(exceeds), strict=True):
            share = rest * xp.astype(won, rest.dtype)  # several times as fast as where() with NumPy
            dx[member] += share
            rest = rest - share
        dx[first] += rest
        return (dx,), {}


@dataclass(frozen=True)
class AveragePool2D(_Pool2D):
    """The mean of each window of an image, channel by channel: LeNet's subsampling.

    Forward, with x of shape (n, channels, height, width) and h (n, channels, out_height, out_width)::

        h[:, c, i, j] = mean over u, v of x[:, c, stride i + u, stride j + v]

    Backward: each entry of a window gets dh / (number of entries of a window); where windows overlap, an entry adds up
    what it gets. All arrays have the network's dtype, float32 or float64.

    In LeNet-5 the sum of a window was multiplied by a coefficient and added to a bias, both trained and one a channel.
    A Scale box after this one trains a coefficient for each entry; there is no bias here.

    Parameters
    ----------
    size : int >= 1 or tuple of two
        Height and width of the window.
    stride : int >= 1 or tuple of two, or None
        How far the window moves, down and to the right; by default its size. What is left over at the lower and right
        edge is not seen: out_height = floor((height - size) / stride) + 1, as in PyTorch.
    name : str or None
        Name of the node.

    Raises
    ------
    ArgumentError
        For arguments outside these ranges.
    ShapeError
        If a row is not an image (channels, height, width), or the window does not fit into it.

    Examples
    --------
    >>> import clearprop as cp
    >>> net = cp.Network([cp.AveragePool2D(2), cp.Flatten()], inputs=(1, 2, 4))
    >>> image = [[1.0, 5.0, 3.0, 3.0], [2.0, 4.0, 0.0, 2.0]]
    >>> trace = net.trace([[image]], [[1.0, 6.0]])
    >>> trace["average_pool2d_1.a"].tolist(), trace["input_1.dx"].tolist()  # dh = (2, -4)
    ([[[[3.0, 2.0]]]], [[[[0.5, 0.5, -1.0, -1.0], [0.5, 0.5, -1.0, -1.0]]]])

    References
    ----------
    LeCun, Bottou, Bengio and Haffner (1998), "Gradient-based learning applied to document recognition", section II.
    """

    def forward(self, ctx: Context, p: Mapping[str, Array], *xs: Array) -> tuple[Array, Any]:
        """Return h; keeps x for its shape."""
        (x,) = xs
        first, *others = self._members(x.shape[1:])
        total = x[first]
        for member in others:
            total = total + x[member]
        return total / (1 + len(others)), x

    def backward(
        self, ctx: Context, p: Mapping[str, Array], kept: Any, dh: Array
    ) -> tuple[tuple[Array | None, ...], dict[str, Array]]:
        """Return dx: the sum of dh / (entries of a window) over the windows of each entry."""
        x, members = kept, self._members(kept.shape[1:])
        # forward: h = (sum over u, v of x) / (entries of a window)
        dx, share = ctx.xp.zeros_like(x), _as_ordered(ctx.xp, dh / len(members), x[members[0]])
        for member in members:
            dx[member] += share
        return (dx,), {}
