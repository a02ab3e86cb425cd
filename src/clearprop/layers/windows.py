"""Windows that slide over images: what convolution and pooling share."""

from __future__ import annotations

from numbers import Integral
from typing import Any

from clearprop.errors import ArgumentError, ShapeError
from clearprop.layers.base import Layer, Shape
from clearprop.validation import show

__all__ = ["Pair", "check_pair", "pair", "slide", "spread"]

Pair = int | tuple[int, int]  # (vertical, horizontal), or a number for both


def check_pair(owner: str, name: str, value: Any, minimum: int) -> None:
    """Raise `ArgumentError` unless `value` is an integer or a tuple of two of them."""
    numbers = value if isinstance(value, tuple) else (value, value)
    if len(numbers) != 2 or any(isinstance(n, bool) or not isinstance(n, Integral) or n < minimum for n in numbers):
        raise ArgumentError(
            f"{owner}: {name} must be an integer >= {minimum}, or a tuple of two (vertical, horizontal), got "
            f"{show(value)}."
        )


def pair(value: Pair) -> tuple[int, int]:
    """Return `value` as (vertical, horizontal)."""
    return value if isinstance(value, tuple) else (value, value)


def slide(layer: Layer, shape: Shape, window: Pair, stride: Pair, padding: Pair = 0) -> tuple[int, int]:
    """Return how many windows fit into a padded image, vertically and horizontally.

    What is left over at the bottom and on the right is not seen: floor((size + 2 padding - window) / stride) + 1.

    Raises
    ------
    ShapeError
        If a row is not an image (channels, height, width), or no window fits.
    """
    kind = type(layer).__name__
    if len(shape) != 3:
        example = (1, *shape) if len(shape) == 2 else (1, 28, 28)
        raise ShapeError(
            f"{kind} takes an image (channels, height, width) a row; put a box such as Reshape({example}) before it"
        )
    rows, columns = pair(window)
    height, width = (size + 2 * around for size, around in zip(shape[1:], pair(padding), strict=True))
    if rows > height or columns > width:
        raise ShapeError(
            f"{kind}: a window of {rows} x {columns} does not fit into an image of {height} x {width}"
            f"{' with its padding' if padding else ''}; take a smaller window or a larger image"
        )
    down, right = pair(stride)
    return (height - rows) // down + 1, (width - columns) // right + 1


def spread(first: int, count: int, stride: int) -> slice:
    """Return the slice of `count` places along an axis, `stride` apart."""
    return slice(first, first + (count - 1) * stride + 1, stride)
