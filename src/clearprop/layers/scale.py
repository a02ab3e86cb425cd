"""A learned factor for every feature."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from clearprop.initializers import Constant, Initializer
from clearprop.layers.base import Array, Context, Layer, Shape
from clearprop.parameters import Parameter
from clearprop.validation import check_instance

__all__ = ["Scale"]


@dataclass(frozen=True)
class Scale(Layer):
    """h = s x elementwise; dx = dh s, ds = sum over rows of dh x.

    At the input it lets the network weigh its features. x and h have shape (n, ...), s that of a row; all have the
    network's dtype. s is not penalised.

    Parameters
    ----------
    initializer : Initializer, default=Constant(1.0)
        How s starts; ArgumentError for anything else.

    Examples
    --------
    >>> import clearprop as cp
    >>> net = cp.Network([cp.Scale(cp.Constant(2.0))], inputs=2)
    >>> loss, gradient = net.gradient([[1.0, 3.0]], [[0.0, 5.0]])  # h = (2, 6), dh = (2, 1)
    >>> gradient["scale_1.s"].tolist()
    [2.0, 3.0]

    References
    ----------
    Holzmueller et al. (2024), "Better by default: strong pre-tuned MLPs and boosted trees on tabular data", section 3.
    """

    initializer: Initializer = Constant(1.0)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_instance("Scale", "initializer", self.initializer, Initializer, "Constant(1.0)")

    def parameters(self, *shapes: Shape) -> dict[str, Parameter]:
        """Return s of the shape of a row."""
        return {"s": Parameter(shapes[0], self.initializer)}

    def forward(self, ctx: Context, p: Mapping[str, Array], *xs: Array) -> tuple[Array, Any]:
        """Return s x; keeps x."""
        return xs[0] * p["s"], xs[0]

    def backward(
        self, ctx: Context, p: Mapping[str, Array], kept: Any, dh: Array
    ) -> tuple[tuple[Array | None, ...], dict[str, Array]]:
        """Return dx = dh s and ds = sum of dh x."""
        return (dh * p["s"],), {"s": ctx.xp.sum(dh * kept, axis=0)}
