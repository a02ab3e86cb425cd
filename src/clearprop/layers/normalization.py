"""Normalization over the batch and over the features of a row."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from clearprop.initializers import Constant
from clearprop.layers.base import Array, Context, Layer, Shape
from clearprop.parameters import Parameter
from clearprop.validation import check_real

__all__ = ["BatchNorm", "LayerNorm"]

ONE, ZERO = Constant(1.0), Constant(0.0)


def _normalize_backward(xp: Any, z: Array, dz: Array, deviation: Array, axes: tuple[int, ...]) -> Array:
    """Return dx for z = (x - mean) / deviation, mean and deviation taken over `axes`.

    dx = (dz - mean(dz) - z mean(dz z)) / deviation
    """
    mean_dz = xp.mean(dz, axis=axes, keepdims=True)
    mean_dz_z = xp.mean(dz * z, axis=axes, keepdims=True)
    return (dz - mean_dz - z * mean_dz_z) / deviation


@dataclass(frozen=True)
class BatchNorm(Layer):
    """Each feature (each channel of an image) normalized over the batch, then scaled and shifted.

    Forward in training, with mean and (biased) variance over the rows::

        z = (x - mean) / sqrt(variance + epsilon)        h = gain z + bias

    and the running statistics move: running <- (1 - momentum) running + momentum batch. In prediction the running
    statistics take the place of the batch's. Backward in training, with dz = dh gain::

        dx = (dz - mean(dz) - z mean(dz z)) / sqrt(variance + epsilon)
        dgain = sum of dh z        dbias = sum of dh

    x and h have shape (n, n_features) or (n, n_channels, ...), where means and sums run over rows and positions; gain,
    bias and the running statistics (n_features,) or (n_channels, 1, ...). All have the network's dtype.

    A batch that holds a single value a feature has no variance; it is normalized by the running statistics, which stay
    as they are (PyTorch refuses it).

    The running variance is the biased one, as in ONNX; the paper's algorithm 2 and PyTorch multiply it by n / (n - 1).
    In Keras and ONNX momentum is the weight of the old statistics, 1 - momentum here.

    Parameters
    ----------
    momentum : float in [0, 1], default=0.1
        Weight of a new batch in the running statistics; ArgumentError outside the range.
    epsilon : float > 0, default=1e-5
        Added to the variance; ArgumentError outside the range. Keras has 1e-3.

    Examples
    --------
    >>> import clearprop as cp
    >>> net = cp.Network([cp.BatchNorm()], inputs=1)
    >>> trace = net.trace([[1.0], [3.0]], [0.0, 0.0], training=True)  # mean 2, variance 1
    >>> print(trace["batch_norm_1.a"].ravel().round(4))
    [-1.  1.]
    >>> print(net.scores([[1.0], [3.0]]).ravel().round(4))  # running mean 0, variance 1
    [1. 3.]

    References
    ----------
    Ioffe and Szegedy (2015), "Batch normalization: accelerating deep network training", algorithms 1 and 2.
    """

    momentum: float = 0.1
    epsilon: float = 1e-5
    stochastic: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        check_real("BatchNorm", "momentum", self.momentum, low=0.0, high=1.0)
        check_real("BatchNorm", "epsilon", self.epsilon, low=0.0, closed="neither")

    def _size(self, shape: Shape) -> Shape:
        return (shape[0], *(1 for _ in shape[1:]))

    def parameters(self, *shapes: Shape) -> dict[str, Parameter]:
        """Return gain and bias, one a feature or channel."""
        size = self._size(shapes[0])
        return {"gain": Parameter(size, ONE), "bias": Parameter(size, ZERO)}

    def buffers(self, *shapes: Shape) -> dict[str, Parameter]:
        """Return running_mean and running_variance, one a feature or channel."""
        size = self._size(shapes[0])
        return {"running_mean": Parameter(size, ZERO), "running_variance": Parameter(size, ONE)}

    def forward(self, ctx: Context, p: Mapping[str, Array], *xs: Array) -> tuple[Array, Any]:
        """Return h; keeps z and the deviation."""
        xp, (x,), running = ctx.xp, xs, ctx.buffers
        batch = ctx.training and math.prod((x.shape[0], *x.shape[2:])) > 1
        if batch:
            axes = (0, *range(2, x.ndim))
            mean = xp.mean(x, axis=axes, keepdims=True)
            centered = x - mean
            variance = xp.mean(centered * centered, axis=axes, keepdims=True)
            for name, value in (("running_mean", mean), ("running_variance", variance)):
                new = (1 - self.momentum) * running[name] + self.momentum * value[0, ...]
                running[name][...] = new
        else:
            centered, variance = x - running["running_mean"], running["running_variance"]
        deviation = xp.sqrt(variance + self.epsilon)
        z = centered / deviation
        return z * p["gain"] + p["bias"], (z, deviation, batch)

    def backward(
        self, ctx: Context, p: Mapping[str, Array], kept: Any, dh: Array
    ) -> tuple[tuple[Array | None, ...], dict[str, Array]]:
        """Return dx, dgain and dbias; running statistics are constants."""
        xp, (z, deviation, batch), gain = ctx.xp, kept, p["gain"]
        axes = (0, *range(2, z.ndim))
        gradients = {
            "gain": xp.reshape(xp.sum(dh * z, axis=axes), gain.shape),
            "bias": xp.reshape(xp.sum(dh, axis=axes), gain.shape),
        }
        # forward: h = gain z + bias, z = (x - mean) / deviation
        dz = dh * gain
        dx = _normalize_backward(xp, z, dz, deviation, axes) if batch else dz / deviation
        return (dx,), gradients


@dataclass(frozen=True)
class LayerNorm(Layer):
    """Each row normalized over its features, then scaled and shifted feature by feature.

    Forward, with mean and (biased) variance over all entries of a row::

        z = (x - mean) / sqrt(variance + epsilon)        h = gain z + bias

    Backward, with dz = dh gain and means over the row::

        dx = (dz - mean(dz) - z mean(dz z)) / sqrt(variance + epsilon)
        dgain = sum over rows of dh z        dbias = sum over rows of dh

    x and h have shape (n, ...), gain and bias that of a row; all have the network's dtype. Keras normalizes over the
    last axis alone by default, and its epsilon is 1e-3.

    Parameters
    ----------
    epsilon : float > 0, default=1e-5
        Added to the variance; ArgumentError outside the range.

    Examples
    --------
    >>> import clearprop as cp
    >>> net = cp.Network([cp.LayerNorm()], inputs=2)
    >>> print(net.scores([[1.0, 3.0], [10.0, 30.0]]).round(4))
    [[-1.  1.]
     [-1.  1.]]

    References
    ----------
    Ba, Kiros and Hinton (2016), "Layer normalization".
    """

    epsilon: float = 1e-5

    def __post_init__(self) -> None:
        super().__post_init__()
        check_real("LayerNorm", "epsilon", self.epsilon, low=0.0, closed="neither")

    def parameters(self, *shapes: Shape) -> dict[str, Parameter]:
        """Return gain and bias of the shape of a row."""
        return {"gain": Parameter(shapes[0], ONE), "bias": Parameter(shapes[0], ZERO)}

    def forward(self, ctx: Context, p: Mapping[str, Array], *xs: Array) -> tuple[Array, Any]:
        """Return h; keeps z and the deviation."""
        xp, (x,) = ctx.xp, xs
        axes = tuple(range(1, x.ndim))
        centered = x - xp.mean(x, axis=axes, keepdims=True)
        deviation = xp.sqrt(xp.mean(centered * centered, axis=axes, keepdims=True) + self.epsilon)
        z = centered / deviation
        return z * p["gain"] + p["bias"], (z, deviation)

    def backward(
        self, ctx: Context, p: Mapping[str, Array], kept: Any, dh: Array
    ) -> tuple[tuple[Array | None, ...], dict[str, Array]]:
        """Return dx, dgain and dbias."""
        xp, (z, deviation) = ctx.xp, kept
        # forward: h = gain z + bias, z = (x - mean) / deviation
        dx = _normalize_backward(xp, z, dh * p["gain"], deviation, tuple(range(1, z.ndim)))
        return (dx,), {"gain": xp.sum(dh * z, axis=0), "bias": xp.sum(dh, axis=0)}
