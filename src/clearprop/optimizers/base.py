"""What an optimizer is: hyperparameters, and a rule on the flat vector of parameters."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from clearprop.config import Configurable
from clearprop.errors import ArgumentError
from clearprop.parameters import Layout
from clearprop.schedules import Rate, resolve
from clearprop.validation import check_real, show

__all__ = ["Array", "Optimizer"]

Array = Any


@dataclass(frozen=True)
class Optimizer(Configurable):
    """Base of all optimizers: w <- w - eta (a direction made of g), with the gradient g and the learning rate eta.

    An optimizer holds no arrays. What it remembers between steps lies in named *slots*, vectors like the parameters,
    which belong to the training state. w, g and the slots have shape (n_parameters,) and the network's dtype, float32
    or float64. Clipping comes first: by value, then by norm, then `update`.

    Parameters
    ----------
    learning_rate : float > 0, Schedule or callable
        A number, one of `clearprop.schedules`, or any function of the step (counted from 0).
    clip_norm : float > 0 or None
        Gradients whose Euclidean norm (over all parameters) is larger are scaled down to it.
    clip_value : float > 0 or None
        Each entry of the gradient is limited to [-clip_value, clip_value], before the norm is taken.
    rate_factors : mapping of str to float >= 0, or None
        Factors on the learning rate, for a parameter (``"dense_1.W"``), a node (``"dense_1"``) or all parameters of a
        local name (``"b"``); the most specific one counts.

    Raises
    ------
    ArgumentError
        For arguments outside these ranges; in training, for rate_factors that name nothing in the network.

    Examples
    --------
    >>> import numpy
    >>> import clearprop as cp
    >>> cp.SGD(0.1, clip_norm=1.0).clip(numpy, numpy.array([3.0, 4.0])).round(4).tolist()  # norm 5
    [0.6, 0.8]

    References
    ----------
    Pascanu, Mikolov and Bengio (2013), "On the difficulty of training recurrent neural networks", section 3.2 (norm).
    """

    learning_rate: Rate = 1e-3
    clip_norm: float | None = field(default=None, kw_only=True)
    clip_value: float | None = field(default=None, kw_only=True)
    rate_factors: Mapping[str, float] | None = field(default=None, kw_only=True)

    slots: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        owner = type(self).__name__
        if isinstance(self.learning_rate, type) or not callable(self.learning_rate):
            check_real(owner, "learning_rate", self.learning_rate, low=0.0, closed="neither")
        for name in ("clip_norm", "clip_value"):
            if getattr(self, name) is not None:
                check_real(owner, name, getattr(self, name), low=0.0, closed="neither")
        if self.rate_factors is not None:
            if not isinstance(self.rate_factors, Mapping):
                raise ArgumentError(
                    f"{owner}: rate_factors must be a mapping such as {{'b': 0.1}}, got {show(self.rate_factors)}."
                )
            for key, factor in self.rate_factors.items():
                check_real(owner, f"rate_factors[{key!r}]", factor, low=0.0)

    def rate(self, steps: int | None) -> Callable[[int], float]:
        """Return the learning rate as a function of the step, for a run of so many steps."""
        return resolve(self.learning_rate, steps)

    def new_slots(self, xp: Any, w: Array) -> dict[str, Array]:
        """Return the slots of a run that begins."""
        return {name: xp.zeros_like(w) for name in self.slots}

    def update(self, xp: Any, w: Array, g: Array, slots: dict[str, Array], step: int, rate: Any, decays: Array) -> None:
        """Change the parameters `w` and the slots in place.

        Parameters
        ----------
        xp : namespace
            The Array API namespace.
        w, g : array of shape (n_parameters,)
            Parameters and gradient.
        slots : dict of str to array of shape (n_parameters,)
            What the optimizer remembers.
        step : int
            Number of this update, counted from 1.
        rate : float or array of shape (n_parameters,)
            Learning rate.
        decays : array of shape (n_parameters,)
            1 where weight decay applies, else 0.
        """
        raise NotImplementedError

    def corrected(self, slots: Mapping[str, Array], step: int) -> dict[str, Array]:
        """Return the slots after update number `step`, without the bias of their start at 0 where the rule corrects it.

        `update` computes the same in fewer operations; this is for whoever wants to see it.
        """
        return {}

    def clip(self, xp: Any, g: Array) -> Array:
        """Return the gradient, limited by value and by norm."""
        if self.clip_value is not None:
            g = xp.clip(g, -self.clip_value, self.clip_value)
        if self.clip_norm is not None:
            norm = math.sqrt(float(xp.sum(g * g)))
            if norm == math.inf:  # squares overflow where entries do not
                g = g / xp.max(xp.abs(g))
                g = g * (self.clip_norm / math.sqrt(float(xp.sum(g * g))))
            elif norm > self.clip_norm:
                g = g * (self.clip_norm / norm)
        return g

    def factors(self, layout: Layout, ones: Any) -> Any:
        """Return the factor on the learning rate of every entry, or None where all are 1.

        `ones` is a NumPy vector of ones of the size and dtype of the parameters, and is written to.
        """
        if not self.rate_factors:
            return None
        unused = set(self.rate_factors)
        for slot in layout.values():
            node, _, local = slot.name.rpartition(".")
            for key in (local, node, slot.name):
                if key in self.rate_factors:
                    ones[slot.start : slot.stop] = self.rate_factors[key]
                    unused.discard(key)
        if unused:
            known = ", ".join(layout)
            raise ArgumentError(
                f"{type(self).__name__}: rate_factors names {', '.join(map(repr, sorted(unused)))}, which is no "
                f"parameter, node or local name of this network; it has {known}."
            )
        return ones
