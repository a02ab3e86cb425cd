"""Learning rates as functions of the step; any callable ``rate(step: int) -> float`` serves as well.

`step` counts updates from 0. Schedules that end somewhere have `steps`, their length; left at None, `clearprop.train`
fills in the number of updates of the run.
"""

from clearprop.schedules.base import ConstantRate, Rate, Schedule, WarmUp, resolve
from clearprop.schedules.cyclic import Cosine, CosLog4, OneCycle
from clearprop.schedules.decaying import ExponentialDecay, InverseScaling, ReduceOnPlateau, StepDecay

__all__ = [
    "Schedule", "Rate", "resolve",
    "ConstantRate", "InverseScaling", "StepDecay", "ExponentialDecay", "ReduceOnPlateau",
    "Cosine", "OneCycle", "CosLog4", "WarmUp",
]  # fmt: skip
