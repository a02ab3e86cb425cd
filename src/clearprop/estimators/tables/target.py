"""What the network of a table learns: classes, labels that do not exclude one another, or numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy

from clearprop.errors import DataError
from clearprop.losses import AbsoluteError, BinaryCrossEntropy, CrossEntropy, Loss, Poisson, SquaredError

__all__ = ["OBJECTIVES", "ClassTarget", "NumberTarget"]

Array = Any

OBJECTIVES = {"squared_error": "rmse", "absolute_error": "mae", "poisson": "loss"}  # and what chooses the epoch


@dataclass(frozen=True)
class ClassTarget:
    """Classes, of which a row has one; or labels, of which it has any number.

    Attributes
    ----------
    labels : tuple of bool, int, float or str
        The classes, sorted; the outputs of the network are in this order.
    several : bool
        Whether a row may have several, or none.
    probability : bool
        Whether probabilities matter more than the winner: no label smoothing, and the loss chooses the epoch.
    """

    labels: tuple[Any, ...]
    several: bool = False
    probability: bool = False

    @property
    def n_outputs(self) -> int:
        """Outputs of the network."""
        return len(self.labels)

    def loss(self, smoothing: float) -> Loss:
        """Return the loss; labels that do not exclude one another are not smoothed."""
        if self.several:
            return BinaryCrossEntropy()
        return CrossEntropy(label_smoothing=0.0 if self.probability else smoothing)

    @property
    def monitor(self) -> str:
        """What chooses the epoch."""
        return "validation_loss" if self.probability else "validation_accuracy"


@dataclass(frozen=True)
class NumberTarget:
    """Numbers; the network learns (y - mean) / scale.

    Attributes
    ----------
    objective : str
        The loss.
    mean, scale : tuple of float
        Of each column; for counts the mean is 0 and the scale the mean.
    low, high : tuple of float
        The range of each column, which predictions do not leave.
    """

    objective: str
    mean: tuple[float, ...]
    scale: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]

    @classmethod
    def fit(cls, y: Array, weight: Array | None, objective: str) -> NumberTarget:
        """Return the target that fits numbers of shape (n, n_outputs)."""
        if objective == "poisson" and y.min() < 0.0:
            raise DataError(
                f"objective='poisson' needs y >= 0, got {y.min():g}; use 'squared_error' for other numbers."
            )
        with numpy.errstate(over="ignore", invalid="ignore"):
            mean = numpy.average(y, axis=0, weights=weight)
            scale = (
                mean if objective == "poisson" else numpy.sqrt(numpy.average((y - mean) ** 2, axis=0, weights=weight))
            )
        if not (numpy.isfinite(mean).all() and numpy.isfinite(scale).all()):
            raise DataError(f"y has numbers too large to scale, up to {numpy.abs(y).max():g}; rescale it.")
        scale = numpy.where(scale > 0.0, scale, 1.0)
        mean = numpy.zeros_like(mean) if objective == "poisson" else mean
        return cls(objective, *(tuple(map(float, values)) for values in (mean, scale, y.min(axis=0), y.max(axis=0))))

    @property
    def n_outputs(self) -> int:
        """Outputs of the network: one a column."""
        return len(self.mean)

    def loss(self, smoothing: float) -> Loss:
        """Return the loss."""
        return {"squared_error": SquaredError, "absolute_error": AbsoluteError, "poisson": Poisson}[self.objective]()

    @property
    def monitor(self) -> str:
        """What chooses the epoch."""
        return f"validation_{OBJECTIVES[self.objective]}"

    def encode(self, y: Array) -> Array:
        """Return the scaled target."""
        return (y - numpy.array(self.mean)) / numpy.array(self.scale)

    def decode(self, prediction: Array) -> Array:
        """Return what a prediction of the network means, within the range."""
        return numpy.clip(prediction * numpy.array(self.scale) + numpy.array(self.mean), self.low, self.high)
