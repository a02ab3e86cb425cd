"""How parameters start."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy

from clearprop.config import Configurable
from clearprop.streams import Stream
from clearprop.validation import check_choice, check_real

__all__ = ["Constant", "Glorot", "He", "Initializer", "LeCun", "Normal", "Orthogonal", "Uniform"]

DISTRIBUTIONS = ("uniform", "normal")


@dataclass(frozen=True)
class Initializer(Configurable):
    """Base of all initializers: `values` returns a float64 array of the shape asked for.

    Examples
    --------
    >>> import clearprop as cp
    >>> net = cp.Network([cp.Dense(2, initializer=cp.Constant(0.5), bias_initializer=cp.Constant(0.1))], inputs=1)
    >>> net.scores([[2.0]]).tolist()
    [[1.100000023841858, 1.100000023841858]]
    """

    def values(self, stream: Stream, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Any:
        """Return the starting values.

        Parameters
        ----------
        stream : Stream
            Where the random numbers come from.
        shape : tuple of int
            Shape of the parameter.
        fan_in, fan_out : int
            Number of inputs of a unit and number of units that an input feeds.
        """
        raise NotImplementedError


@dataclass(frozen=True)
class Constant(Initializer):
    """Every entry is `value`; 0 for most biases, or 0.1 so that ReLU units start active.

    Parameters
    ----------
    value : float, default=0.0
        Any finite number; ArgumentError for others.

    Examples
    --------
    >>> from clearprop.streams import Purpose, Stream
    >>> Constant(0.1).values(Stream(0, Purpose.INITIALIZE), (2,), 1, 2).tolist()
    [0.1, 0.1]

    References
    ----------
    Goodfellow, Bengio and Courville (2016), "Deep learning", section 8.4, for the 0.1.
    """

    value: float = 0.0

    def __post_init__(self) -> None:
        check_real("Constant", "value", self.value)

    def values(self, stream: Stream, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Any:
        """Return the starting values."""
        return numpy.full(shape, self.value)


@dataclass(frozen=True)
class Uniform(Initializer):
    """Small random numbers, uniform in [-bound, bound).

    Parameters
    ----------
    bound : float >= 0, default=0.05
        Largest absolute value, the default that of Keras; ArgumentError outside the range.

    Examples
    --------
    >>> import clearprop as cp
    >>> net = cp.Network([cp.Dense(100, initializer=cp.Uniform(0.1))], inputs=50)
    >>> W = net.parameters["dense_1.W"]
    >>> bool((abs(W) <= 0.1).all() and abs(W).max() > 0.099)
    True
    """

    bound: float = 0.05

    def __post_init__(self) -> None:
        check_real("Uniform", "bound", self.bound, low=0.0)

    def values(self, stream: Stream, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Any:
        """Return the starting values."""
        return self.bound * (2.0 * stream.uniform(shape) - 1.0)


@dataclass(frozen=True)
class Normal(Initializer):
    """Small random numbers, normal with mean 0 and the given standard deviation.

    They are not truncated, unlike Keras' TruncatedNormal.

    Parameters
    ----------
    deviation : float >= 0, default=0.01
        Standard deviation; ArgumentError outside the range.

    Examples
    --------
    >>> import clearprop as cp
    >>> net = cp.Network([cp.Dense(100, initializer=cp.Normal(0.5))], inputs=100)
    >>> print(net.parameters["dense_1.W"].std().round(2))
    0.5

    References
    ----------
    Krizhevsky, Sutskever and Hinton (2012), "ImageNet classification with deep convolutional neural networks", section
    5.
    """

    deviation: float = 0.01

    def __post_init__(self) -> None:
        check_real("Normal", "deviation", self.deviation, low=0.0)

    def values(self, stream: Stream, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Any:
        """Return the starting values."""
        return self.deviation * stream.normal(shape)


@dataclass(frozen=True)
class _VarianceScaling(Initializer):
    """Numbers of mean 0 whose variance depends on the fans."""

    distribution: str = "uniform"

    def __post_init__(self) -> None:
        check_choice(type(self).__name__, "distribution", self.distribution, DISTRIBUTIONS)

    def variance(self, fan_in: int, fan_out: int) -> float:
        """Return the variance of an entry."""
        raise NotImplementedError

    def values(self, stream: Stream, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Any:
        """Return the starting values; a uniform variable on [-c, c] has variance c**2 / 3."""
        deviation = math.sqrt(self.variance(fan_in, fan_out))
        if self.distribution == "normal":
            return deviation * stream.normal(shape)
        return math.sqrt(3.0) * deviation * (2.0 * stream.uniform(shape) - 1.0)


@dataclass(frozen=True)
class Glorot(_VarianceScaling):
    """Variance 2 / (fan_in + fan_out), for tanh and linear units (Glorot and Bengio 2010, eq. 16).

    Uniform numbers lie within +-sqrt(6 / (fan_in + fan_out)). scikit-learn has 2 for the 6 with logistic units, and
    draws biases as well. The normal numbers of Keras are truncated; these are not.

    Parameters
    ----------
    distribution : {"uniform", "normal"}, default="uniform"
        Kind of random numbers; ArgumentError for others.

    Examples
    --------
    >>> import clearprop as cp
    >>> net = cp.Network([cp.Dense(300, initializer=cp.Glorot())], inputs=300)
    >>> W = net.parameters["dense_1.W"]
    >>> print(abs(W).max().round(3), W.var().round(5))  # sqrt(6 / 600) = 0.1, 2 / 600 = 0.00333
    0.1 0.00333

    References
    ----------
    Glorot and Bengio (2010), "Understanding the difficulty of training deep feedforward neural networks".
    """

    def variance(self, fan_in: int, fan_out: int) -> float:
        """Return the variance of an entry."""
        return 2.0 / (fan_in + fan_out)


@dataclass(frozen=True)
class He(_VarianceScaling):
    """Variance 2 / fan_in, for ReLU units (He et al. 2015, eq. 10).

    Uniform numbers lie within +-sqrt(6 / fan_in). The normal numbers of Keras are truncated; these are not.

    Parameters
    ----------
    distribution : {"uniform", "normal"}, default="uniform"
        Kind of random numbers; ArgumentError for others.

    Examples
    --------
    Behind ReLU units it keeps the mean square of the activations through the layers (here 1):

    >>> import numpy
    >>> import clearprop as cp
    >>> boxes = [box for _ in range(5) for box in (cp.ReLU(), cp.Dense(1000, initializer=cp.He("normal")))]
    >>> a = cp.Network(boxes, inputs=1000).scores(numpy.random.default_rng(0).standard_normal((10, 1000)))
    >>> bool(0.8 < (a * a).mean() < 1.25)
    True

    References
    ----------
    He et al. (2015), "Delving deep into rectifiers", section 2.2.
    """

    def variance(self, fan_in: int, fan_out: int) -> float:
        """Return the variance of an entry."""
        return 2.0 / fan_in


@dataclass(frozen=True)
class LeCun(_VarianceScaling):
    """Variance 1 / fan_in, for SELU units (LeCun et al. 1998, "Efficient BackProp", eq. 16).

    Uniform numbers lie within +-sqrt(3 / fan_in). The normal numbers of Keras are truncated; these are not.

    Parameters
    ----------
    distribution : {"uniform", "normal"}, default="uniform"
        Kind of random numbers; ArgumentError for others.

    Examples
    --------
    >>> import clearprop as cp
    >>> net = cp.Network([cp.Dense(300, initializer=cp.LeCun())], inputs=300)
    >>> W = net.parameters["dense_1.W"]
    >>> print(abs(W).max().round(3), W.var().round(4))  # sqrt(3 / 300) = 0.1, 1 / 300 = 0.0033
    0.1 0.0033
    """

    def variance(self, fan_in: int, fan_out: int) -> float:
        """Return the variance of an entry."""
        return 1.0 / fan_in


@dataclass(frozen=True)
class Orthogonal(Initializer):
    """A matrix with orthonormal columns (or rows, if it is wide), times `gain` (Saxe et al. 2014).

    Axes after the first count as one: the parameter is seen as a matrix of ``shape[0]`` rows, as in PyTorch; Keras
    splits before the last axis.

    Parameters
    ----------
    gain : float, default=1.0
        Factor, any finite number; ArgumentError for others.

    Examples
    --------
    >>> import clearprop as cp
    >>> net = cp.Network([cp.Dense(2, initializer=cp.Orthogonal())], inputs=3)
    >>> W = net.parameters["dense_1.W"]
    >>> print(abs(W.T @ W).round(4))
    [[1. 0.]
     [0. 1.]]

    References
    ----------
    Saxe, McClelland and Ganguli (2014), "Exact solutions to the nonlinear dynamics of learning in deep linear neural
    networks".
    """

    gain: float = 1.0

    def __post_init__(self) -> None:
        check_real("Orthogonal", "gain", self.gain)

    def values(self, stream: Stream, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Any:
        """Return the starting values, from the QR decomposition of a normal matrix with its signs fixed."""
        rows, columns = shape[0], math.prod(shape[1:])
        normal = stream.normal((max(rows, columns), min(rows, columns)))
        q, r = numpy.linalg.qr(normal)
        q = q * numpy.where(numpy.diagonal(r) < 0.0, -1.0, 1.0)
        return self.gain * (q if rows >= columns else q.T).reshape(shape)
