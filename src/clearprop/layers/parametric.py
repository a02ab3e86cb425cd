"""Any elementwise activation, with a learned share of its input."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from clearprop.errors import ArgumentError
from clearprop.initializers import Constant, Initializer
from clearprop.layers.base import Activation, Array, Context, Layer, Shape
from clearprop.parameters import Parameter
from clearprop.validation import check_instance, show

__all__ = ["Parametric"]


@dataclass(frozen=True)
class Parametric(Layer):
    """h = (1 - alpha) a + alpha g(a): each unit learns how much of an activation g it wants.

    Backward::

        da = dh (1 - alpha + alpha g'(a))        dalpha = sum over rows of dh (g(a) - a)

    a and h have shape (n, ...), alpha that of a row; all have the network's dtype. alpha starts at 1, where h = g(a);
    at 0 the unit is linear. It is not penalised. At a kink of g its own subgradient is taken. ``Parametric(ReLU())``
    is a `PReLU` of slope 1 - alpha.

    Parameters
    ----------
    activation : Activation
        g, one of the elementwise activations without parameters, such as ``SELU()``; RReLU, which draws random
        numbers, is refused, as is anything else (ArgumentError).
    initializer : Initializer, default=Constant(1.0)
        How alpha starts; ArgumentError for anything else.

    Examples
    --------
    >>> import clearprop as cp
    >>> net = cp.Network([cp.Parametric(cp.ReLU(), cp.Constant(0.75))], inputs=2)
    >>> net.scores([[-2.0, 3.0]]).tolist()
    [[-0.5, 3.0]]
    >>> loss, gradient = net.gradient([[-2.0, 3.0]], [[0.0, 0.0]])  # dh = h, g(a) - a = (2, 0)
    >>> gradient["parametric_1.alpha"].tolist()
    [-1.0, 0.0]

    References
    ----------
    Holzmueller et al. (2024), "Better by default: strong pre-tuned MLPs and boosted trees on tabular data", section 3.
    """

    activation: Activation
    initializer: Initializer = Constant(1.0)

    learns_elementwise: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        check_instance("Parametric", "activation", self.activation, Activation, "SELU()")
        if self.activation.stochastic:
            raise ArgumentError(
                f"Parametric: activation must be without random numbers, got {show(self.activation)}; pass for "
                "example LeakyReLU()."
            )
        check_instance("Parametric", "initializer", self.initializer, Initializer, "Constant(1.0)")

    def parameters(self, *shapes: Shape) -> dict[str, Parameter]:
        """Return alpha of the shape of a row."""
        return {"alpha": Parameter(shapes[0], self.initializer)}

    def forward(self, ctx: Context, p: Mapping[str, Array], *xs: Array) -> tuple[Array, Any]:
        """Return h; keeps a, g(a) and what g keeps."""
        (a,), alpha = xs, p["alpha"]
        g, kept = self.activation.forward(ctx, {}, a)
        return (1 - alpha) * a + alpha * g, (a, g, kept)

    def backward(
        self, ctx: Context, p: Mapping[str, Array], kept: Any, dh: Array
    ) -> tuple[tuple[Array | None, ...], dict[str, Array]]:
        """Return da and dalpha."""
        (a, g, kept_by_g), alpha = kept, p["alpha"]
        # forward: h = (1 - alpha) a + alpha g(a)
        da = dh * (1 - alpha + alpha * self.activation.derivative(ctx, kept_by_g))
        return (da,), {"alpha": ctx.xp.sum(dh * (g - a), axis=0)}
