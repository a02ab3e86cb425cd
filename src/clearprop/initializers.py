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
    """Base of all initializers: `values` returns a float64 array of the shape asked for."""

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

    Examples
    --------
    >>> from clearprop.streams import Purpose, Stream
    >>> Constant(0.1).values(Stream(0, Purpose.INITIALIZE), (2,), 1, 2).tolist()
    [0.1, 0.1]
    """

    value: float = 0.0

    def __post_init__(self) -> None:
        check_real("Constant", "value", self.value)

    def values(self, stream: Stream, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Any:
        """Return the starting values."""
        return numpy.full(shape, self.value)


@dataclass(frozen=True)
class Uniform(Initializer):
    """Small random numbers, uniform in [-bound, bound)."""

    bound: float = 0.05

    def __post_init__(self) -> None:
        check_real("Uniform", "bound", self.bound, low=0.0)

    def values(self, stream: Stream, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Any:
        """Return the starting values."""
        return self.bound * (2.0 * stream.uniform(shape) - 1.0)


@dataclass(frozen=True)
class Normal(Initializer):
    """Small random numbers, normal with mean 0 and the given standard deviation."""

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
    """Variance 2 / (fan_in + fan_out), for tanh and linear units (Glorot and Bengio 2010, eq. 16)."""

    def variance(self, fan_in: int, fan_out: int) -> float:
        """Return the variance of an entry."""
        return 2.0 / (fan_in + fan_out)


@dataclass(frozen=True)
class He(_VarianceScaling):
    """Variance 2 / fan_in, for ReLU units (He et al. 2015, eq. 10)."""

    def variance(self, fan_in: int, fan_out: int) -> float:
        """Return the variance of an entry."""
        return 2.0 / fan_in


@dataclass(frozen=True)
class LeCun(_VarianceScaling):
    """Variance 1 / fan_in, for SELU units (LeCun et al. 1998, "Efficient BackProp", eq. 16)."""

    def variance(self, fan_in: int, fan_out: int) -> float:
        """Return the variance of an entry."""
        return 1.0 / fan_in


@dataclass(frozen=True)
class Orthogonal(Initializer):
    """A matrix with orthonormal columns (or rows, if it is wide), times `gain` (Saxe et al. 2014).

    Axes after the first count as one: the parameter is seen as a matrix of ``shape[0]`` rows.
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
