"""What a schedule is, and how a number or a callable becomes one."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from clearprop.config import Configurable
from clearprop.errors import ArgumentError
from clearprop.validation import check_integer, check_real, show

__all__ = ["ConstantRate", "Rate", "Schedule", "WarmUp", "resolve"]


@dataclass(frozen=True)
class Schedule(Configurable):
    """Base of all schedules: a learning rate as a function of the step.

    Parameters
    ----------
    rate : float > 0
        Where the schedule starts, or what it scales; of the size of a learning rate.
    steps : int >= 1 or None
        Length, for schedules that end; t = step / (steps - 1) runs from 0 to 1 and stays at 1.

    Raises
    ------
    ArgumentError
        For arguments outside their ranges; when called, if `steps` is still None.

    Examples
    --------
    >>> import clearprop as cp
    >>> optimizer = cp.SGD(learning_rate=lambda step: 0.1 if step < 100 else 0.01)
    >>> cp.StepDecay(0.1, every=100)(99), cp.StepDecay(0.1, every=100)(100)
    (0.1, 0.010000000000000002)
    """

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
class WarmUp(Schedule):
    """Another schedule, multiplied by (step + 1) / warm_steps until that reaches 1 (Goyal et al. 2017, section 2.2).

    The other schedule begins at step 0 as well; it does not wait for the end of the warm-up, as it does in optax.

    Parameters
    ----------
    schedule : Schedule, or float > 0
        What is multiplied.
    warm_steps : int >= 1
        Updates of the warm-up.

    Examples
    --------
    >>> [WarmUp(1.0, 4)(step) for step in range(5)]
    [0.25, 0.5, 0.75, 1.0, 1.0]
    """

    schedule: Schedule | float
    warm_steps: int

    def __post_init__(self) -> None:
        check_integer("WarmUp", "warm_steps", self.warm_steps, minimum=1)
        if not isinstance(self.schedule, Schedule):
            check_real("WarmUp", "schedule", self.schedule, low=0.0, closed="neither")
        if hasattr(self.schedule, "reduced"):
            raise ArgumentError(
                f"WarmUp: schedule cannot be {self.schedule!r}, which follows the loss and not the step; use it alone."
            )

    def __call__(self, step: int) -> float:
        """Return the rate of a step."""
        rate = self.schedule(step) if isinstance(self.schedule, Schedule) else float(self.schedule)
        return rate * min((step + 1) / self.warm_steps, 1.0)


def resolve(rate: Any, steps: int | None = None) -> Schedule | Callable[[int], float]:
    """Return a learning rate, given as a number, a schedule or a callable, as a function of the step.

    Parameters
    ----------
    rate : float, Schedule or callable
        What the user gave.
    steps : int or None
        Number of updates of the run, for schedules that were not told their length.
    """
    if isinstance(rate, Schedule):
        return _with_length(rate, steps)
    if callable(rate):
        return cast(Callable[[int], float], rate)
    if isinstance(rate, bool) or not isinstance(rate, int | float):
        raise ArgumentError(f"learning_rate must be a number > 0, a schedule or a callable, got {show(rate)}.")
    return ConstantRate(float(rate))


def _with_length(schedule: Schedule, steps: int | None) -> Schedule:
    if isinstance(schedule, WarmUp) and isinstance(schedule.schedule, Schedule):
        return dataclasses.replace(schedule, schedule=_with_length(schedule.schedule, steps))
    if steps is not None and getattr(schedule, "steps", 0) is None:
        return dataclasses.replace(schedule, **{"steps": steps})
    return schedule
