"""Rectifiers: piecewise linear activations and their smooth relatives with one exponential side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from clearprop.errors import ArgumentError
from clearprop.initializers import Constant, Initializer
from clearprop.layers.base import Activation, Array, Context, Layer, Shape, like
from clearprop.parameters import Parameter
from clearprop.validation import check_instance, check_real

__all__ = ["ELU", "SELU", "Abs", "LeakyReLU", "PReLU", "RReLU", "ReLU"]

SELU_ALPHA = 1.6732632423543772848170429916717
SELU_SCALE = 1.0507009873554804934193349852946


@dataclass(frozen=True)
class ReLU(Activation):
    """h = max(a, 0), f'(a) = 1 where a > 0, else 0 (the subgradient at 0 is 0, as in PyTorch, TensorFlow and JAX).

    a and h have shape (n, ...) and the network's dtype, float32 or float64. NaN stays NaN.

    Examples
    --------
    >>> import clearprop as cp
    >>> trace = cp.Network([cp.ReLU()], inputs=3).trace([[-2.0, 0.0, 3.0]], [[0.0] * 3])
    >>> trace["relu_1.h"].tolist(), trace["relu_1.f'"].tolist()
    ([[0.0, 0.0, 3.0]], [[0.0, 0.0, 1.0]])

    References
    ----------
    Nair and Hinton (2010), "Rectified linear units improve restricted Boltzmann machines".
    """

    def forward(self, ctx: Context, p: Mapping[str, Array], *xs: Array) -> tuple[Array, Any]:
        """Return h; keeps h (which is > 0 exactly where a is)."""
        (a,) = xs
        # not where(a > 0, a, 0): a NaN has to stay one; and maximum() is ten times as fast as where() with NumPy
        h = ctx.xp.maximum(a, ctx.xp.zeros((), dtype=a.dtype, device=a.device))
        return h, h

    def derivative(self, ctx: Context, kept: Any) -> Array:
        """Return 1 where h > 0, else 0."""
        return ctx.xp.astype(kept > 0, kept.dtype)


@dataclass(frozen=True)
class LeakyReLU(Activation):
    """h = a where a > 0, else slope a; f'(a) = 1 or slope (at 0: slope, as in PyTorch and TensorFlow; JAX takes 1).

    a and h have shape (n, ...) and the network's dtype, float32 or float64.

    Parameters
    ----------
    slope : float, default=0.01
        Slope below 0, any finite number (else ArgumentError). 0.01 is PyTorch's default; Keras has 0.3.

    Examples
    --------
    >>> import clearprop as cp
    >>> trace = cp.Network([cp.LeakyReLU(0.25)], inputs=3).trace([[-2.0, 0.0, 3.0]], [[0.0] * 3])
    >>> trace["leaky_relu_1.h"].tolist(), trace["leaky_relu_1.f'"].tolist()
    ([[-0.5, 0.0, 3.0]], [[0.25, 0.25, 1.0]])

    References
    ----------
    Maas, Hannun and Ng (2013), "Rectifier nonlinearities improve neural network acoustic models".
    """

    slope: float = 0.01

    def __post_init__(self) -> None:
        super().__post_init__()
        check_real("LeakyReLU", "slope", self.slope)

    def forward(self, ctx: Context, p: Mapping[str, Array], *xs: Array) -> tuple[Array, Any]:
        """Return h; keeps a."""
        (a,) = xs
        return ctx.xp.where(a > 0, a, self.slope * a), a

    def derivative(self, ctx: Context, kept: Any) -> Array:
        """Return 1 where a > 0, else slope."""
        one = ctx.xp.ones_like(kept)
        return ctx.xp.where(kept > 0, one, self.slope * one)


@dataclass(frozen=True)
class RReLU(Activation):
    """A leaky ReLU whose slope is drawn anew in training, uniform in [lower, upper), and is their mean in prediction.

    h = a where a > 0, else slope a, one slope an entry; f'(a) = 1 or the slope drawn in the forward pass (also at 0).
    a and h have shape (n, ...) and the network's dtype. Bounds and mean are PyTorch's; the paper divides a by a number
    drawn from [3, 8), and by their mean 5.5 in prediction, which is a slope of 0.18 instead of 0.23.

    Parameters
    ----------
    lower, upper : float, default=1/8, 1/3
        Range of the slope, finite; ArgumentError for upper < lower.

    Examples
    --------
    >>> import clearprop as cp
    >>> net = cp.Network([cp.RReLU(0.25, 0.75)], inputs=2)
    >>> net.scores([[-2.0, 3.0]]).tolist()  # prediction: slope 0.5
    [[-1.0, 3.0]]
    >>> slope = net.trace([[-2.0, 3.0]], [[0.0, 0.0]], training=True)["rrelu_1.f'"][0, 0]
    >>> bool(0.25 <= slope < 0.75)
    True

    References
    ----------
    Xu et al. (2015), "Empirical evaluation of rectified activations in convolutional network".
    """

    lower: float = 1 / 8
    upper: float = 1 / 3
    stochastic: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        check_real("RReLU", "lower", self.lower)
        if check_real("RReLU", "upper", self.upper) < self.lower:
            raise ArgumentError(f"RReLU: upper must be >= lower = {self.lower:g}, got {self.upper:g}.")

    def forward(self, ctx: Context, p: Mapping[str, Array], *xs: Array) -> tuple[Array, Any]:
        """Return h; keeps f'(a)."""
        (a,) = xs
        one = ctx.xp.ones_like(a)
        if ctx.training:
            slope = self.lower + (self.upper - self.lower) * like(ctx, ctx.noise("uniform", a.shape), a)
        else:
            slope = 0.5 * (self.lower + self.upper) * one
        derivative = ctx.xp.where(a > 0, one, slope)
        return a * derivative, derivative

    def derivative(self, ctx: Context, kept: Any) -> Array:
        """Return 1 where a > 0, else the slope that was drawn."""
        return kept


@dataclass(frozen=True)
class PReLU(Layer):
    """A leaky ReLU whose slope is learned, one a unit (one a channel for images).

    Forward: h = a where a > 0, else slope a. Backward::

        da = dh where a > 0, else dh slope        dslope = sum over rows of dh min(a, 0)

    a and h have shape (n, n_units) or (n, n_channels, ...), slope (n_units,) or (n_channels, 1, ...), all in the
    network's dtype. At a = 0 the slope is taken, as in PyTorch. The slope is not penalised (He et al. 2015,
    section 2.1). PyTorch learns one slope for the whole layer unless told otherwise; Keras one an entry, from 0.

    Parameters
    ----------
    initializer : Initializer, default=Constant(0.25)
        How the slope starts; ArgumentError for anything else.

    Examples
    --------
    >>> import clearprop as cp
    >>> net = cp.Network([cp.PReLU(cp.Constant(0.5))], inputs=1)
    >>> loss, gradient = net.gradient([[-2.0]], [0.0])  # h = dh = -1
    >>> gradient["prelu_1.slope"].tolist()
    [2.0]

    References
    ----------
    He et al. (2015), "Delving deep into rectifiers".
    """

    initializer: Initializer = Constant(0.25)

    learns_elementwise: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        check_instance("PReLU", "initializer", self.initializer, Initializer, "Constant(0.25)")

    def parameters(self, *shapes: Shape) -> dict[str, Parameter]:
        """Return slope of shape (n_units,), or (n_channels, 1, 1) for images."""
        (shape,) = shapes
        return {"slope": Parameter((shape[0], *(1 for _ in shape[1:])), self.initializer)}

    def forward(self, ctx: Context, p: Mapping[str, Array], *xs: Array) -> tuple[Array, Any]:
        """Return h; keeps a."""
        (a,) = xs
        return ctx.xp.where(a > 0, a, p["slope"] * a), a

    def backward(
        self, ctx: Context, p: Mapping[str, Array], kept: Any, dh: Array
    ) -> tuple[tuple[Array | None, ...], dict[str, Array]]:
        """Return da and dslope."""
        xp, a, slope = ctx.xp, kept, p["slope"]
        # forward: h = where(a > 0, a, slope a)
        da = xp.where(a > 0, dh, dh * slope)
        dslope = xp.where(a > 0, xp.zeros_like(a), dh * a)
        summed = (0, *range(2, a.ndim))
        return (da,), {"slope": xp.reshape(xp.sum(dslope, axis=summed), slope.shape)}


@dataclass(frozen=True)
class Abs(Activation):
    """h = |a|, f'(a) = sign(a) (the subgradient at 0 is 0, as in PyTorch).

    a and h have shape (n, ...) and the network's dtype, float32 or float64.

    Examples
    --------
    >>> import clearprop as cp
    >>> trace = cp.Network([cp.Abs()], inputs=3).trace([[-2.0, 0.0, 3.0]], [[0.0] * 3])
    >>> trace["abs_1.h"].tolist(), trace["abs_1.f'"].tolist()
    ([[2.0, 0.0, 3.0]], [[-1.0, 0.0, 1.0]])

    References
    ----------
    Jarrett et al. (2009), "What is the best multi-stage architecture for object recognition?", absolute value
    rectification.
    """

    def forward(self, ctx: Context, p: Mapping[str, Array], *xs: Array) -> tuple[Array, Any]:
        """Return h; keeps a."""
        return ctx.xp.abs(xs[0]), xs[0]

    def derivative(self, ctx: Context, kept: Any) -> Array:
        """Return sign(a)."""
        return ctx.xp.sign(kept)


@dataclass(frozen=True)
class ELU(Activation):
    """h = a where a > 0, else alpha (exp(a) - 1); f'(a) = 1 or alpha exp(a) (at 0: alpha).

    a and h have shape (n, ...) and the network's dtype, float32 or float64.

    Parameters
    ----------
    alpha : float >= 0, default=1.0
        Minus the limit of h for a -> -infinity; ArgumentError outside the range.

    Examples
    --------
    >>> import clearprop as cp
    >>> trace = cp.Network([cp.ELU()], inputs=2).trace([[-1.0, 2.0]], [[0.0, 0.0]])
    >>> print(trace["elu_1.h"].round(4), trace["elu_1.f'"].round(4))  # exp(-1) = 0.3679
    [[-0.6321  2. ]] [[0.3679 1. ]]

    References
    ----------
    Clevert, Unterthiner and Hochreiter (2016), "Fast and accurate deep network learning by exponential linear units".
    """

    alpha: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_real("ELU", "alpha", self.alpha, low=0.0)

    def forward(self, ctx: Context, p: Mapping[str, Array], *xs: Array) -> tuple[Array, Any]:
        """Return h; keeps a."""
        xp, (a,) = ctx.xp, xs
        negative = xp.where(a > 0, xp.zeros_like(a), a)
        return xp.where(a > 0, a, self.alpha * xp.expm1(negative)), a

    def derivative(self, ctx: Context, kept: Any) -> Array:
        """Return 1 where a > 0, else alpha exp(a)."""
        xp, a = ctx.xp, kept
        negative = xp.where(a > 0, xp.zeros_like(a), a)
        return xp.where(a > 0, xp.ones_like(a), self.alpha * xp.exp(negative))


@dataclass(frozen=True)
class SELU(Activation):
    """h = scale (a where a > 0, else alpha (exp(a) - 1)), with the two constants that keep mean 0 and variance 1.

    f'(a) = scale where a > 0, else scale alpha exp(a) (also at 0), with scale = 1.0507 and alpha = 1.6733 rounded.
    a and h have shape (n, ...) and the network's dtype. The constants hold for weights that start as
    ``LeCun("normal")``.

    Examples
    --------
    >>> import clearprop as cp
    >>> trace = cp.Network([cp.SELU()], inputs=2).trace([[-100.0, 1.0]], [[0.0, 0.0]])
    >>> print(trace["selu_1.h"].round(4), trace["selu_1.f'"].round(4))  # lowest value: -scale alpha
    [[-1.7581  1.0507]] [[0.     1.0507]]

    References
    ----------
    Klambauer et al. (2017), "Self-normalizing neural networks", eq. 2.
    """

    def forward(self, ctx: Context, p: Mapping[str, Array], *xs: Array) -> tuple[Array, Any]:
        """Return h; keeps a."""
        h, kept = ELU(SELU_ALPHA).forward(ctx, p, *xs)
        return SELU_SCALE * h, kept

    def derivative(self, ctx: Context, kept: Any) -> Array:
        """Return scale where a > 0, else scale alpha exp(a)."""
        return SELU_SCALE * ELU(SELU_ALPHA).derivative(ctx, kept)
