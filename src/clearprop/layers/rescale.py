"""A fixed affine map of every number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from clearprop.layers.base import Array, Context, Layer
from clearprop.validation import check_real

__all__ = ["Rescale"]


@dataclass(frozen=True)
class Rescale(Layer):
    """h = factor x + offset elementwise, dx = factor dh, with two fixed numbers; `Scale` is the box that learns.

    It makes 1 - z of a gate, 1 / sqrt(d) of attention and x / 255 of pixels. x, h, dx and dh have the same shape
    (n, ...) and the network's dtype, float32 or float64.

    Parameters
    ----------
    factor : float, default=1.0
        What every number is multiplied by.
    offset : float, default=0.0
        What is then added.

    Raises
    ------
    ArgumentError
        For numbers that are not finite.

    Examples
    --------
    >>> import clearprop as cp
    >>> trace = cp.Network([cp.Rescale(-1.0, 1.0)], inputs=2).trace([[0.25, 1.0]], [[0.5, 1.0]])
    >>> trace["rescale_1.h"].tolist(), trace["input_1.dx"].tolist()
    ([[0.75, 0.0]], [[-0.25, 1.0]])

    References
    ----------
    Goodfellow, Bengio and Courville (2016), "Deep learning", section 12.2.1, on scaled inputs.
    """

    factor: float = 1.0
    offset: float = 0.0

    elementwise: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        check_real("Rescale", "factor", self.factor)
        check_real("Rescale", "offset", self.offset)

    def forward(self, ctx: Context, p: Mapping[str, Array], *xs: Array) -> tuple[Array, Any]:
        """Return factor x + offset."""
        # Python's float, unlike NumPy's, leaves the dtype of an array alone
        return float(self.factor) * xs[0] + float(self.offset), None

    def backward(
        self, ctx: Context, p: Mapping[str, Array], kept: Any, dh: Array
    ) -> tuple[tuple[Array | None, ...], dict[str, Array]]:
        """Return dx = factor dh."""
        # forward: h = factor x + offset
        return (float(self.factor) * dh,), {}
