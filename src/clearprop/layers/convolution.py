"""The convolution box."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from clearprop.initializers import Constant, Glorot, Initializer
from clearprop.layers.base import Array, Context, Layer, Shape
from clearprop.layers.windows import Pair, check_pair, pair, slide, spread
from clearprop.parameters import Parameter
from clearprop.penalties import Constraint, Penalty
from clearprop.validation import check_bool, check_instance, check_integer

__all__ = ["Conv2D"]

IMAGES_LAST, IMAGES_FIRST = (1, 2, 3, 0), (3, 0, 1, 2)


@dataclass(frozen=True)
class Conv2D(Layer):
    """Filters that slide over images: at each place an affine map of what lies under the window.

    Forward, with x of shape (n, channels, height, width), zeros around it where there is padding, W (filters, channels,
    kernel_height, kernel_width), b (filters,) and a (n, filters, out_height, out_width)::

        a[:, f, i, j] = b[f] + sum over c, u, v of W[f, c, u, v] x[:, c, stride i + u - padding, stride j + v - padding]

    The sum is one matrix product: with the windows of the places as the columns of a matrix X (channels kernel_height
    kernel_width, places n) and W as a matrix of one row a filter, a = W X + b. Backward, with da of the shape of a as
    a matrix (filters, places n)::

        dX = W^T da        dW = da X^T        db = sum over images and places of da

    and every entry of x adds up its entries of dX, one from each window that it lies in.

    All arrays have the network's dtype, float32 or float64. As in PyTorch, ONNX and Keras the filter is not turned
    around: mathematics calls this the cross-correlation. Keras has images (n, height, width, channels), and W
    (kernel_height, kernel_width, channels, filters).

    Parameters
    ----------
    filters : int >= 1
        Number of channels of the output.
    kernel : int >= 1 or tuple of two
        Height and width of the window.
    stride : int >= 1 or tuple of two, default=1
        How far the window moves, down and to the right. What is left over at the lower and right edge is not seen:
        out_height = floor((height + 2 padding - kernel_height) / stride) + 1, as in PyTorch.
    padding : int >= 0 or tuple of two, default=0
        Rows of zeros above and below, and columns of zeros on the left and on the right.
    bias : bool, default=True
        Whether there is a b.
    initializer : Initializer, default=Glorot()
        How W starts, with fan_in = channels kernel_height kernel_width and fan_out = filters kernel_height
        kernel_width. PyTorch starts uniform within +-1 / sqrt(fan_in) instead.
    bias_initializer : Initializer, default=Constant(0.0)
        How b starts.
    penalty : Penalty or None
        Penalty on W, in place of the network's; b is never penalised.
    constraint : Constraint or None
        Constraint on W, in place of the network's.
    name : str or None
        Name of the node.

    Raises
    ------
    ArgumentError
        For arguments outside these ranges.
    ShapeError
        If a row is not an image (channels, height, width), or the window does not fit into it.

    Notes
    -----
    X repeats each entry of x up to kernel_height kernel_width times. It is therefore made for one row of places at a
    time, which the cache of a processor can hold, and made anew by the backward pass. Inside the box images are the
    last axis, so that each stride copies long runs of numbers whatever the size of the image.

    Examples
    --------
    >>> import clearprop as cp
    >>> net = cp.Network([cp.Conv2D(1, (1, 2), bias=False)], inputs=(1, 1, 4))
    >>> net.parameters["conv2d_1.W"][...] = [-1.0, 1.0]  # the difference of neighbours
    >>> net.scores([[[[1.0, 2.0, 4.0, 8.0]]]]).tolist()
    [[[[1.0, 2.0, 4.0]]]]

    LeNet-5's first layer keeps the size of the image:

    >>> cp.Conv2D(6, 5, padding=2)(cp.Input((1, 28, 28))).shape
    (6, 28, 28)

    References
    ----------
    LeCun, Bottou, Bengio and Haffner (1998), "Gradient-based learning applied to document recognition", section II;
    Chellapilla, Puri and Simard (2006), "High performance convolutional neural networks for document processing", for
    the matrix product.
    """

    filters: int
    kernel: Pair
    stride: Pair = 1
    padding: Pair = 0
    bias: bool = True
    initializer: Initializer = Glorot()
    bias_initializer: Initializer = Constant(0.0)
    penalty: Penalty | None = None
    constraint: Constraint | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        check_integer("Conv2D", "filters", self.filters, minimum=1)
        check_pair("Conv2D", "kernel", self.kernel, minimum=1)
        check_pair("Conv2D", "stride", self.stride, minimum=1)
        check_pair("Conv2D", "padding", self.padding, minimum=0)
        check_bool("Conv2D", "bias", self.bias)
        check_instance("Conv2D", "initializer", self.initializer, Initializer, "Glorot()")
        check_instance("Conv2D", "bias_initializer", self.bias_initializer, Initializer, "Constant(0.1)")
        if self.penalty is not None:
            check_instance("Conv2D", "penalty", self.penalty, Penalty, "L2(1e-4)")
        if self.constraint is not None:
            check_instance("Conv2D", "constraint", self.constraint, Constraint, "MaxNorm(2.0)")

    def output_shape(self, *shapes: Shape) -> Shape:
        """Return (filters, out_height, out_width)."""
        return (self.filters, *slide(self, shapes[0], self.kernel, self.stride, self.padding))

    def parameters(self, *shapes: Shape) -> dict[str, Parameter]:
        """Return W of shape (filters, channels, kernel_height, kernel_width) and b of shape (filters,)."""
        (channels, _, _), (height, width) = shapes[0], pair(self.kernel)
        fans: dict[str, Any] = {"fan_in": channels * height * width, "fan_out": self.filters * height * width}
        weights = Parameter(
            (self.filters, channels, height, width),
            self.initializer,
            decays=True,
            penalty=self.penalty,
            constraint=self.constraint,
            **fans,
        )
        if not self.bias:
            return {"W": weights}
        return {"W": weights, "b": Parameter((self.filters,), self.bias_initializer, **fans)}

    def forward(self, ctx: Context, p: Mapping[str, Array], *xs: Array) -> tuple[Array, Any]:
        """Return a = W X + b; keeps x with its padding, images last."""
        xp, (x,) = ctx.xp, xs
        n, (_, height, width) = x.shape[0], self.output_shape(x.shape[1:])
        padded, w = self._padded(xp, x), xp.reshape(p["W"], (self.filters, -1))
        b = xp.expand_dims(p["b"], axis=1) if self.bias else None
        a = xp.empty((self.filters, height, width * n), dtype=x.dtype, device=x.device)
        for i, columns in enumerate(self._columns(xp, padded, height, width)):
            row = w @ columns
            a[:, i, :] = row if b is None else row + b
        return xp.permute_dims(xp.reshape(a, (self.filters, height, width, n)), IMAGES_FIRST), (padded, x.shape)

    def backward(
        self, ctx: Context, p: Mapping[str, Array], kept: Any, dh: Array
    ) -> tuple[tuple[Array | None, ...], dict[str, Array]]:
        """Return dx, whose entries add up those of dX = W^T da, dW = da X^T and db = sum of da."""
        xp, (padded, shape) = ctx.xp, kept
        n, _, height, width = dh.shape
        da = xp.reshape(xp.permute_dims(dh, IMAGES_LAST), (self.filters, height, width * n))
        w = xp.reshape(p["W"], (self.filters, -1))
        dw, dpadded = xp.zeros_like(w), xp.zeros_like(padded) if ctx.wants_dx else None
        for i, columns in enumerate(self._columns(xp, padded, height, width)):
            # forward: a = W X + b
            dw += da[:, i, :] @ columns.T
            if dpadded is not None:
                dcolumns = xp.reshape(w.T @ da[:, i, :], (padded.shape[0], *pair(self.kernel), width, n))
                for v, place in enumerate(self._places(i, width)):
                    dpadded[place] += dcolumns[:, :, v, :, :]
        gradients = {"W": xp.reshape(dw, p["W"].shape)}
        if self.bias:
            gradients["b"] = xp.sum(da, axis=(1, 2))
        return (None if dpadded is None else xp.permute_dims(dpadded[self._inside(shape)], IMAGES_FIRST),), gradients

    def _inside(self, shape: Shape) -> tuple[slice, ...]:
        """Return where x of the given shape stands in the padded array."""
        above, left = pair(self.padding)
        return slice(None), slice(above, above + shape[2]), slice(left, left + shape[3]), slice(None)

    def _padded(self, xp: Any, x: Array) -> Array:
        """Return x with its padding, images last: (channels, height + 2 padding, width + 2 padding, n)."""
        n, channels, height, width = x.shape
        above, left = pair(self.padding)
        padded = xp.zeros((channels, height + 2 * above, width + 2 * left, n), dtype=x.dtype, device=x.device)
        padded[self._inside(x.shape)] = xp.permute_dims(x, IMAGES_LAST)
        return padded

    def _places(self, i: int, width: int) -> list[tuple[slice, ...]]:
        """Return for each column of the kernel what it sees of the padded array from the places of row i."""
        (rows, columns), (down, right) = pair(self.kernel), pair(self.stride)
        every, under = slice(None), slice(down * i, down * i + rows)
        return [(every, under, spread(v, width, right), every) for v in range(columns)]

    def _columns(self, xp: Any, padded: Array, height: int, width: int) -> Iterator[Array]:
        """Yield X for each row of places, (channels kernel_height kernel_width, width n); the array is used again."""
        channels, n = padded.shape[0], padded.shape[3]
        columns = xp.empty((channels, *pair(self.kernel), width, n), dtype=padded.dtype, device=padded.device)
        for i in range(height):
            for v, place in enumerate(self._places(i, width)):
                columns[:, :, v, :, :] = padded[place]
            yield xp.reshape(columns, (-1, width * n))
