"""Learning rates as functions of the step; any callable ``rate(step: int) -> float`` serves as well.

`step` counts updates from 0. Schedules that end somewhere have `steps`, their length; left at None, `clearprop.train`
fills in the number of updates of the run.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from clearprop.config import Configurable
from clearprop.errors import ArgumentError
from clearprop.validation import check_integer, check_real, show

__all__ = [
    "ConstantRate",
    "CosLog4",
    "Cosine",
    "ExponentialDecay",
    "InverseScaling",
    "OneCycle",
    "ReduceOnPlateau",
    "Schedule",
    "StepDecay",
    "WarmUp",
    "resolve",
]


@dataclass(frozen=True)
class Schedule(Configurable):
    """Base of all schedules."""

    def __call__(self, step: int) -> float:
        """Return the learning rate of the update number `step`, counted from 0."""
        raise NotImplementedError

    def _check_rate(self, *names: str) -> None:
        for name in names:
            check_real(type(self).__name__, name, getattr(self, name), low=0.0, closed="neither")

    def _check_steps(self, steps: int | None) -> None:
        if steps is not None:
            check_integer(type(self).__name__, "steps", steps, minimum=1)

    def _progress(self, step: int) -> float:
        """Return how much of the schedule is over, from 0 at the first to 1 at the last step."""
        steps = getattr(self, "steps", None)
        if steps is None:
            raise ArgumentError(
                f"{type(self).__name__}: steps is not known; pass steps=..., or let clearprop.train fill it in."
            )
        return min(step / max(int(steps) - 1, 1), 1.0)


Rate = float | Schedule | Callable[[int], float]


@dataclass(frozen=True)
class ConstantRate(Schedule):
    """rate, at every step."""

    rate: float

    def __post_init__(self) -> None:
        self._check_rate("rate")

    def __call__(self, step: int) -> float:
        """Return the rate."""
        return self.rate


@dataclass(frozen=True)
class InverseScaling(Schedule):
    """rate / (step + 1) ** power.

    Examples
    --------
    >>> InverseScaling(0.1)(3)
    0.05
    """

    rate: float
    power: float = 0.5

    def __post_init__(self) -> None:
        self._check_rate("rate")
        check_real("InverseScaling", "power", self.power, low=0.0)

    def __call__(self, step: int) -> float:
        """Return the rate of a step."""
        return float(self.rate / (step + 1) ** self.power)


@dataclass(frozen=True)
class StepDecay(Schedule):
    """rate * factor ** (step // every)."""

    rate: float
    every: int
    factor: float = 0.1

    def __post_init__(self) -> None:
        self._check_rate("rate", "factor")
        check_integer("StepDecay", "every", self.every, minimum=1)

    def __call__(self, step: int) -> float:
        """Return the rate of a step."""
        return float(self.rate * self.factor ** (step // self.every))


@dataclass(frozen=True)
class ExponentialDecay(Schedule):
    """rate * decay ** step."""

    rate: float
    decay: float

    def __post_init__(self) -> None:
        self._check_rate("rate", "decay")

    def __call__(self, step: int) -> float:
        """Return the rate of a step."""
        return float(self.rate * self.decay**step)


@dataclass(frozen=True)
class Cosine(Schedule):
    """minimum + (rate - minimum) (1 + cos(pi t)) / 2, t from 0 to 1 (Loshchilov and Hutter 2017, eq. 5)."""

    rate: float
    steps: int | None = None
    minimum: float = 0.0

    def __post_init__(self) -> None:
        self._check_rate("rate")
        self._check_steps(self.steps)
        check_real("Cosine", "minimum", self.minimum, low=0.0, high=self.rate)

    def __call__(self, step: int) -> float:
        """Return the rate of a step."""
        t = self._progress(step)
        return self.minimum + (self.rate - self.minimum) * 0.5 * (1.0 + math.cos(math.pi * t))


@dataclass(frozen=True)
class OneCycle(Schedule):
    """Up from peak / start_divisor to peak, then down to peak / end_divisor, both along a cosine (Smith 2018).

    `warm` is the share of the steps spent going up.
    """

    peak: float
    steps: int | None = None
    warm: float = 0.3
    start_divisor: float = 25.0
    end_divisor: float = 1e4

    def __post_init__(self) -> None:
        self._check_rate("peak", "start_divisor", "end_divisor")
        self._check_steps(self.steps)
        check_real("OneCycle", "warm", self.warm, low=0.0, high=1.0, closed="neither")

    def __call__(self, step: int) -> float:
        """Return the rate of a step."""
        t = self._progress(step)
        if t < self.warm:
            first, last, share = self.peak / self.start_divisor, self.peak, t / self.warm
        else:
            first, last, share = self.peak, self.peak / self.end_divisor, (t - self.warm) / (1.0 - self.warm)
        return last + (first - last) * 0.5 * (1.0 + math.cos(math.pi * share))


@dataclass(frozen=True)
class CosLog4(Schedule):
    """rate (1 - cos(2 pi log2(1 + 15 t))) / 2: four cycles, each twice as long (Holzmueller et al. 2024, sec. 3)."""

    rate: float
    steps: int | None = None

    def __post_init__(self) -> None:
        self._check_rate("rate")
        self._check_steps(self.steps)

    def __call__(self, step: int) -> float:
        """Return the rate of a step."""
        t = self._progress(step)
        return self.rate * 0.5 * (1.0 - math.cos(2.0 * math.pi * math.log2(1.0 + 15.0 * t)))


@dataclass(frozen=True)
class WarmUp(Schedule):
    """Another schedule, multiplied by (step + 1) / warm_steps until that reaches 1."""

    schedule: Schedule | float
    warm_steps: int

    def __post_init__(self) -> None:
        check_integer("WarmUp", "warm_steps", self.warm_steps, minimum=1)
        if not isinstance(self.schedule, Schedule):
            check_real("WarmUp", "schedule", self.schedule, low=0.0, closed="neither")

    def __call__(self, step: int) -> float:
        """Return the rate of a step."""
        rate = self.schedule(step) if isinstance(self.schedule, Schedule) else float(self.schedule)
        return rate * min((step + 1) / self.warm_steps, 1.0)


@dataclass(frozen=True)
class ReduceOnPlateau(Schedule):
    """rate, multiplied by `factor` after each `patience` epochs in which the loss fell by less than `tolerance`.

    The loss is the validation loss where there is one, else the training loss. The number of reductions is part of
    the training state, so a resumed run goes on where it stopped. The rate never falls below `minimum`.
    """

    rate: float
    factor: float = 0.2
    patience: int = 5
    tolerance: float = 1e-4
    minimum: float = 1e-6

    def __post_init__(self) -> None:
        self._check_rate("rate")
        check_real("ReduceOnPlateau", "factor", self.factor, low=0.0, high=1.0, closed="neither")
        check_integer("ReduceOnPlateau", "patience", self.patience, minimum=1)
        check_real("ReduceOnPlateau", "tolerance", self.tolerance, low=0.0)
        check_real("ReduceOnPlateau", "minimum", self.minimum, low=0.0)

    def __call__(self, step: int) -> float:
        """Return the rate before any reduction."""
        return self.rate

    def reduced(self, reductions: int) -> float:
        """Return the rate after a number of reductions."""
        return max(self.rate * self.factor**reductions, min(self.minimum, self.rate))


def resolve(rate: Any, steps: int | None = None) -> Schedule | Callable[[int], float]:
    """Return a learning rate, given as a number, a schedule or a callable, as a function of the step.

    Parameters
    ----------
    rate : float, Schedule or callable
        What the user gave.
    steps : int or None
        Number of updates of the run, for schedules that were not told their length.
    """
    if isinstance(rate, WarmUp) and isinstance(rate.schedule, Schedule):
        return dataclasses.replace(rate, schedule=_with_length(rate.schedule, steps))
    if isinstance(rate, Schedule):
        return _with_length(rate, steps)
    if callable(rate):
        return rate  # type: ignore[no-any-return]
    if isinstance(rate, bool) or not isinstance(rate, int | float):
        raise ArgumentError(f"learning_rate must be a number > 0, a schedule or a callable, got {show(rate)}.")
    return ConstantRate(float(rate))


def _with_length(schedule: Schedule, steps: int | None) -> Schedule:
    if steps is not None and getattr(schedule, "steps", 0) is None:
        return dataclasses.replace(schedule, **{"steps": steps})
    return schedule
