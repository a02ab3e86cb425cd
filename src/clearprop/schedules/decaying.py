"""Schedules that only fall, and need not know how long the run is."""

from __future__ import annotations

from dataclasses import dataclass

from clearprop.schedules.base import Schedule
from clearprop.validation import check_integer, check_real

__all__ = ["ExponentialDecay", "InverseScaling", "ReduceOnPlateau", "StepDecay"]


@dataclass(frozen=True)
class InverseScaling(Schedule):
    """rate / (step + 1) ** power.

    scikit-learn's "invscaling" counts rows instead of updates, and changes the rate once an epoch.

    Parameters
    ----------
    rate : float > 0
        Rate of the first step.
    power : float >= 0, default=0.5
        Exponent; Robbins and Monro (1951) ask for more than 0.5 and at most 1.

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
    """rate * factor ** (step // every); PyTorch's StepLR, there counted in epochs.

    Parameters
    ----------
    rate, factor : float > 0
        Rate of the first steps, and what multiplies it (default 0.1).
    every : int >= 1
        Updates between two changes.

    Examples
    --------
    >>> [StepDecay(1.0, every=2, factor=0.5)(step) for step in range(5)]
    [1.0, 1.0, 0.5, 0.5, 0.25]
    """

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
    """rate * decay ** step; Keras takes step / decay_steps for the exponent, PyTorch's ExponentialLR the epoch.

    Parameters
    ----------
    rate, decay : float > 0
        Rate of the first step, and what multiplies it at every update.

    Examples
    --------
    >>> [ExponentialDecay(1.0, 0.5)(step) for step in range(4)]
    [1.0, 0.5, 0.25, 0.125]
    """

    rate: float
    decay: float

    def __post_init__(self) -> None:
        self._check_rate("rate", "decay")

    def __call__(self, step: int) -> float:
        """Return the rate of a step."""
        return float(self.rate * self.decay**step)


@dataclass(frozen=True)
class ReduceOnPlateau(Schedule):
    """rate, multiplied by `factor` after each `patience` epochs in which the loss fell by less than `tolerance`.

    The loss is the validation loss where there is one, else the training loss. The number of reductions is part of
    the training state, so a resumed run goes on where it stopped. The rate never falls below `minimum`.

    Parameters
    ----------
    rate : float > 0
        Rate before any reduction.
    factor : float in (0, 1), default=0.2
        The default divides by 5, as scikit-learn's "adaptive" does; PyTorch's is 0.1.
    patience : int >= 1, default=5
        Epochs in a row without progress; PyTorch waits for one more.
    tolerance : float >= 0, default=1e-4
        In the units of the loss; PyTorch's is a share of the best loss.
    minimum : float >= 0, default=1e-6
        Lowest rate.

    Examples
    --------
    >>> [ReduceOnPlateau(1.0, factor=0.5, minimum=0.2).reduced(n) for n in range(4)]
    [1.0, 0.5, 0.25, 0.2]
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
