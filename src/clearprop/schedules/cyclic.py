"""Schedules along cosines, which end with the run."""

from __future__ import annotations

import math
from dataclasses import dataclass

from clearprop.schedules.base import Schedule
from clearprop.validation import check_real

__all__ = ["CosLog4", "Cosine", "OneCycle"]


@dataclass(frozen=True)
class Cosine(Schedule):
    """minimum + (rate - minimum) (1 + cos(pi t)) / 2, t from 0 to 1 (Loshchilov and Hutter 2017, eq. 5).

    The last update has the rate `minimum`; with PyTorch's CosineAnnealingLR it has so for T_max = steps - 1.

    Parameters
    ----------
    rate, steps
        As in `Schedule`.
    minimum : float in [0, rate], default=0.0
        Rate of the last step.

    Examples
    --------
    >>> [round(Cosine(1.0, steps=5)(step), 4) for step in range(5)]
    [1.0, 0.8536, 0.5, 0.1464, 0.0]
    """

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

    The paper goes along straight lines. PyTorch's OneCycleLR ends at peak / (div_factor * final_div_factor), 25 times
    lower by default.

    Parameters
    ----------
    peak, steps
        Highest rate, > 0, and the length as in `Schedule`.
    warm : float in (0, 1), default=0.3
        Share of the steps spent going up.
    start_divisor, end_divisor : float > 0, default=25, 1e4
        Peak over first and over last rate.

    Examples
    --------
    >>> schedule = OneCycle(1.0, steps=5, warm=0.5, start_divisor=10.0, end_divisor=100.0)
    >>> [round(schedule(step), 4) for step in range(5)]
    [0.1, 0.55, 1.0, 0.505, 0.01]
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
    """rate (1 - cos(2 pi log2(1 + 15 t))) / 2: four cycles, each twice as long (Holzmueller et al. 2024, sec. 3).

    Parameters
    ----------
    rate, steps
        As in `Schedule`; `rate` is the highest one, and the first and last are 0.

    Examples
    --------
    >>> [round(CosLog4(1.0, steps=16)(step), 4) for step in (0, 1, 3, 7, 15)]  # the ends of the cycles
    [0.0, 0.0, 0.0, 0.0, 0.0]
    """

    rate: float
    steps: int | None = None

    def __post_init__(self) -> None:
        self._check_rate("rate")
        self._check_steps(self.steps)

    def __call__(self, step: int) -> float:
        """Return the rate of a step."""
        t = self._progress(step)
        return self.rate * 0.5 * (1.0 - math.cos(2.0 * math.pi * math.log2(1.0 + 15.0 * t)))
