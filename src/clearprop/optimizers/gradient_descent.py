"""Gradient descent: plain, with momentum, with Nesterov's momentum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from clearprop.errors import ArgumentError
from clearprop.optimizers.base import Array, Optimizer
from clearprop.schedules import Rate
from clearprop.validation import check_bool, check_real

__all__ = ["SGD"]


@dataclass(frozen=True)
class SGD(Optimizer):
    """Gradient descent: full batch, one example or mini-batch by the `batch_size` of the training loop.

    Without momentum w <- w - eta g. With momentum mu the velocity v starts at 0 and::

        v <- mu v - eta g        w <- w + v                  (classical)
        v <- mu v - eta g        w <- w + mu v - eta g       (Nesterov)

    as in scikit-learn and in Sutskever et al. (2013). PyTorch keeps v / -eta instead: the same path as long as the
    learning rate is constant. Shapes, dtypes and the keyword arguments are those of `Optimizer`.

    Parameters
    ----------
    learning_rate : float > 0, Schedule or callable, default=0.01
        eta.
    momentum : float in [0, 1], default=0.0
        mu.
    nesterov : bool, default=False
        Whether to look ahead.

    Raises
    ------
    ArgumentError
        For arguments outside these ranges, and for nesterov without momentum.

    Examples
    --------
    >>> import numpy
    >>> w, slots = numpy.array([1.0]), {}
    >>> SGD(0.5).update(numpy, w, numpy.array([0.2]), slots, step=1, rate=0.5, decays=w)
    >>> w.tolist()
    [0.9]

    References
    ----------
    Robbins and Monro (1951); Polyak (1964) for momentum; Sutskever et al. (2013), "On the importance of initialization
    and momentum in deep learning", eq. 1 to 4.
    """

    learning_rate: Rate = 0.01
    momentum: float = 0.0
    nesterov: bool = False

    slots: ClassVar[tuple[str, ...]] = ("velocity",)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_real("SGD", "momentum", self.momentum, low=0.0, high=1.0)
        check_bool("SGD", "nesterov", self.nesterov)
        if self.nesterov and self.momentum == 0.0:
            raise ArgumentError("SGD: nesterov=True needs momentum > 0, got momentum=0; pass for example momentum=0.9.")

    def new_slots(self, xp: Any, w: Array) -> dict[str, Array]:
        """Return the velocity, where there is momentum."""
        return super().new_slots(xp, w) if self.momentum else {}

    def update(self, xp: Any, w: Array, g: Array, slots: dict[str, Array], step: int, rate: Any, decays: Array) -> None:
        """Move `w` along the velocity, or straight down the gradient."""
        if not self.momentum:
            w -= rate * g
            return
        velocity = slots["velocity"]
        move = rate * g
        velocity *= self.momentum
        velocity -= move
        if self.nesterov:
            w += self.momentum * velocity
            w -= move
        else:
            w += velocity
