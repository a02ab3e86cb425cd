"""What the network of a table learns: classes, labels that do not exclude one another, or numbers."""

from __future__ import annotations

import math
import types
import typing
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy
from scipy.optimize import minimize_scalar

from clearprop.config import Configurable, from_config
from clearprop.errors import ArgumentError, DataError, ModelFileError
from clearprop.losses import AbsoluteError, BinaryCrossEntropy, CrossEntropy, Loss, Poisson, Quantile, SquaredError
from clearprop.validation import check_real, show

__all__ = ["OBJECTIVES", "ClassTarget", "NumberTarget", "target_from_config"]

Array = Any

EXPONENTS = (-4.0, 4.0)  # temperatures from 1 / 55 to 55
TINY = float(numpy.finfo(numpy.float64).tiny)  # lest a probability of 0 make a mean infinite
# and what chooses the epoch
OBJECTIVES = {"squared_error": "rmse", "absolute_error": "mae", "poisson": "loss", "quantile": "loss"}


class Target(Configurable, ABC):
    """What the outputs of networks mean."""

    @abstractmethod
    def prediction(self, scores: Array) -> Array:
        """Return what scores of a network mean, float64 of shape (n, n_outputs)."""

    def mean_prediction(self, scores: Iterable[Array]) -> Array:
        """Return the mean of what the scores of several networks mean, float64 of shape (n, n_outputs)."""
        return numpy.mean([self.prediction(own) for own in scores], axis=0)


@dataclass(frozen=True)
class ClassTarget(Target):
    """Classes, of which a row has one; or labels, of which it has any number.

    Attributes
    ----------
    labels : tuple of bool, int, float or str
        The classes, sorted; the outputs of the network are in this order.
    several : bool
        Whether a row may have several, or none.
    probability : bool
        Whether probabilities matter more than the winner: no label smoothing, and the loss chooses the epoch.
    temperature : float
        What the scores of the networks are divided by before they become probabilities.
    """

    labels: tuple[Any, ...]
    several: bool = False
    probability: bool = False
    temperature: float = 1.0

    def __post_init__(self) -> None:
        if len(set(self.labels)) < max(len(self.labels), 1 if self.several else 2):
            raise ArgumentError(f"ClassTarget: labels must be two or more that differ, got {show(self.labels)}.")
        check_real("ClassTarget", "temperature", self.temperature, low=0.0, closed="neither")

    @property
    def objective(self) -> str:
        """What matters, as `Classifier` calls it."""
        return "probability" if self.probability else "error"

    @property
    def n_outputs(self) -> int:
        """Outputs of the network."""
        return len(self.labels)

    @property
    def n_columns(self) -> int:
        """Columns of the target: one of classes, or one a label."""
        return len(self.labels) if self.several else 1

    def loss(self, smoothing: float) -> Loss:
        """Return the loss; labels that do not exclude one another are not smoothed."""
        if self.several:
            return BinaryCrossEntropy()
        return CrossEntropy(label_smoothing=0.0 if self.probability else smoothing)

    @property
    def monitor(self) -> str:
        """What chooses the epoch."""
        return "validation_loss" if self.probability else "validation_accuracy"

    def prediction(self, scores: Array) -> Array:
        """Return the probabilities, float64 of shape (n, n_outputs), that scores of a network mean."""
        return self.loss(0.0).prediction(numpy, scores / self.temperature)

    def calibrate(self, scores: Array, y: Array, weight: Array | None) -> ClassTarget:
        """Return the target with the temperature that fits rows that the networks have not learned from.

        It minimises the cross-entropy of the mean prediction (Guo et al. 2017, "On calibration of modern neural
        networks"), of which each class is given a row of its own beforehand, as in Laplace's rule: where all n rows are
        right, the probability of the right one of k classes becomes (n + 1) / (n + k) at most and not 1.

        Parameters
        ----------
        scores : array of shape (n_networks, n, n_outputs)
            What networks make of the rows, float64.
        y : array of shape (n,), or (n, n_outputs) of 0 and 1
            Classes, or labels.
        weight : array of shape (n,) or None
            Weights of the rows.
        """
        n_values = 2 if self.several else self.n_outputs
        truth = y if self.several else numpy.eye(self.n_outputs)[y]
        truth = (len(y) * truth + 1.0) / (len(y) + n_values)

        def cost(exponent: float) -> float:
            p = numpy.clip(replace(self, temperature=math.exp(exponent)).mean_prediction(scores), TINY, 1.0)
            lost = -(truth * numpy.log(p)).sum(axis=1)
            if self.several:
                lost -= ((1.0 - truth) * numpy.log(numpy.maximum(1.0 - p, TINY))).sum(axis=1)
            return float(numpy.average(lost, weights=weight))

        return replace(self, temperature=math.exp(minimize_scalar(cost, bounds=EXPONENTS, method="bounded").x))

    def slopes(self, scores: Array, prediction: Array) -> Array:
        """Return the derivatives by the scores of what attributions explain, shape (n_explained, n, n_outputs).

        That is each label's score; or one number, the score of the class with the highest `prediction` less the mean of
        all scores, because softmax does not see what all of them have in common.
        """
        unit = numpy.eye(self.n_outputs)
        if self.several:
            return numpy.broadcast_to(unit[:, None], (self.n_outputs, *scores.shape))
        return (unit - 1.0 / self.n_outputs)[prediction.argmax(axis=1)][None]


@dataclass(frozen=True)
class NumberTarget(Target):
    """Numbers; the network learns (y - mean) / scale.

    Attributes
    ----------
    objective : str
        The loss.
    mean, scale : tuple of float
        Of each column; for counts the mean is 0 and the scale the mean.
    low, high : tuple of float
        The range of each column, which predictions do not leave.
    quantiles : tuple of float
        What is predicted of a single column, in ascending order, where the objective is ``"quantile"``.
    """

    objective: str
    mean: tuple[float, ...]
    scale: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    quantiles: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if self.objective not in OBJECTIVES:
            raise ArgumentError(f"NumberTarget: objective must be one of {', '.join(OBJECTIVES)}.")
        if not len(self.mean) == len(self.scale) == len(self.low) == len(self.high) > 0 or min(self.scale) <= 0.0:
            raise ArgumentError("NumberTarget: each column needs a mean, a scale > 0 and a range.")
        if (self.objective == "quantile") != bool(self.quantiles) or (self.quantiles and len(self.mean) > 1):
            raise ArgumentError("NumberTarget: quantiles are those of a single column, where they are the objective.")

    @classmethod
    def fit(cls, y: Array, weight: Array | None, objective: str, quantiles: tuple[float, ...] = ()) -> NumberTarget:
        """Return the target that fits numbers of shape (n, n_columns)."""
        if quantiles and y.shape[1] > 1:
            raise DataError(
                f"objective='quantile' takes one column, got y of shape {y.shape}; fit a Regressor for each column."
            )
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
        low, high = y.min(axis=0), y.max(axis=0)
        return cls(objective, _floats(mean), _floats(scale), _floats(low), _floats(high), quantiles)

    @property
    def n_outputs(self) -> int:
        """Outputs of the network: one a column, or one a quantile."""
        return len(self.quantiles or self.mean)

    @property
    def n_columns(self) -> int:
        """Columns of the target."""
        return len(self.mean)

    def loss(self, smoothing: float) -> Loss:
        """Return the loss."""
        if self.quantiles:
            return Quantile(self.quantiles)
        return {"squared_error": SquaredError, "absolute_error": AbsoluteError, "poisson": Poisson}[self.objective]()

    @property
    def monitor(self) -> str:
        """What chooses the epoch."""
        return f"validation_{OBJECTIVES[self.objective]}"

    def encode(self, y: Array) -> Array:
        """Return the scaled target, of shape (n, n_outputs)."""
        scaled = (y - numpy.array(self.mean)) / numpy.array(self.scale)
        return numpy.broadcast_to(scaled, (len(y), self.n_outputs))

    def prediction(self, scores: Array) -> Array:
        """Return the scaled prediction, float64 of shape (n, n_outputs), that scores of a network mean."""
        return self.loss(0.0).prediction(numpy, scores)

    def unscale(self, y: Array) -> Array:
        """Return scaled numbers in the units of the table."""
        return y * numpy.array(self.scale) + numpy.array(self.mean)

    def decode(self, prediction: Array) -> Array:
        """Return what a scaled prediction means, within the range; quantiles in ascending order."""
        y = numpy.clip(self.unscale(prediction), self.low, self.high)
        return numpy.sort(y, axis=1) if self.quantiles else y

    def bounds(self, prediction: Array) -> tuple[Array, Array]:
        """Return the lowest and the highest of the decoded quantiles, or twice the prediction, (n, n_columns)."""
        return (prediction[:, :1], prediction[:, -1:]) if self.quantiles else (prediction, prediction)

    def slopes(self, scores: Array, prediction: Array) -> Array:
        """Return the derivatives of the outputs, in the units of y, by the scores, shape (n_outputs, n, n_outputs)."""
        scores = scores.astype(numpy.float64)
        slope = numpy.array(self.scale) * (
            numpy.exp(scores) if self.objective == "poisson" else numpy.ones_like(scores)
        )
        return numpy.eye(self.n_outputs)[:, None] * slope


def target_from_config(config: Any) -> ClassTarget | NumberTarget:
    """Return the target that `to_config` described; its fields must be of their types, or it is a `ModelFileError`."""
    target = from_config(config, Configurable)
    if isinstance(target, ClassTarget | NumberTarget):
        kinds = typing.get_type_hints(type(target))
        if all(_is(getattr(target, name), kinds[name]) for name in config if name != "kind"):
            return target
    raise ModelFileError(f"the description of the target is damaged: {show(config)}.")


def _is(value: Any, kind: Any) -> bool:
    """Return whether a value is of an annotated type; of any type are booleans, finite numbers and texts."""
    if typing.get_origin(kind) is tuple:
        return isinstance(value, tuple) and all(_is(item, typing.get_args(kind)[0]) for item in value)
    if isinstance(kind, types.UnionType):
        return any(_is(value, one) for one in typing.get_args(kind))
    if kind is Any:
        return any(_is(value, one) for one in (bool, int, float, str))
    return type(value) is kind and (kind is not float or math.isfinite(value))


def _floats(values: Array) -> tuple[float, ...]:
    return tuple(map(float, values))
