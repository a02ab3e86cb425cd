"""Optimizers that scale the step of every parameter by the history of its gradient."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from clearprop.optimizers.base import Array, Optimizer
from clearprop.schedules import Rate
from clearprop.validation import check_bool, check_real

__all__ = ["AdaGrad", "Adam", "AdamW", "RMSProp"]


@dataclass(frozen=True)
class AdaGrad(Optimizer):
    """s <- s + g^2, w <- w - eta g / (sqrt(s) + epsilon): a rate a parameter, smaller the more it has moved.

    Shapes, dtypes and the keyword arguments are those of `Optimizer`. s starts at 0, as in PyTorch; Keras and optax
    start it at 0.1.

    Parameters
    ----------
    learning_rate : float > 0, Schedule or callable, default=0.01
        eta.
    epsilon : float >= 0, default=1e-10
        Keeps the division finite; ArgumentError outside the range.

    Examples
    --------
    >>> import numpy
    >>> import clearprop as cp
    >>> optimizer, w = cp.AdaGrad(0.5), numpy.array([1.0])
    >>> slots = optimizer.new_slots(numpy, w)
    >>> for step, g in enumerate([3.0, 4.0], start=1):  # moves by 0.5 * 3 / 3, then by 0.5 * 4 / 5
    ...     optimizer.update(numpy, w, numpy.array([g]), slots, step=step, rate=0.5, decays=w)
    ...     print(w.round(4))
    [0.5]
    [0.1]

    References
    ----------
    Duchi, Hazan and Singer (2011), "Adaptive subgradient methods for online learning and stochastic optimization".
    """

    learning_rate: Rate = 0.01
    epsilon: float = 1e-10

    slots: ClassVar[tuple[str, ...]] = ("square_sum",)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_real("AdaGrad", "epsilon", self.epsilon, low=0.0)

    def update(self, xp: Any, w: Array, g: Array, slots: dict[str, Array], step: int, rate: Any, decays: Array) -> None:
        """Add g^2 to the sum, then move `w`."""
        total = slots["square_sum"]
        total += g * g
        w -= rate * g / (xp.sqrt(total) + self.epsilon)


@dataclass(frozen=True)
class RMSProp(Optimizer):
    """s <- alpha s + (1 - alpha) g^2, w <- w - eta g / (sqrt(s) + epsilon): AdaGrad with a memory that fades.

    Shapes, dtypes and the keyword arguments are those of `Optimizer`; s starts at 0. epsilon stands outside the root,
    as in PyTorch; TensorFlow has it inside.

    Parameters
    ----------
    learning_rate : float > 0, Schedule or callable, default=0.01
        eta.
    alpha : float in [0, 1), default=0.99
        Memory of the squared gradient; Keras calls it rho and has 0.9. ArgumentError outside the range.
    epsilon : float >= 0, default=1e-8
        Keeps the division finite; ArgumentError outside the range.

    Examples
    --------
    >>> import numpy
    >>> import clearprop as cp
    >>> optimizer, w = cp.RMSProp(0.5, alpha=0.75), numpy.array([1.0])
    >>> slots = optimizer.new_slots(numpy, w)
    >>> optimizer.update(numpy, w, numpy.array([2.0]), slots, step=1, rate=0.5, decays=w)
    >>> slots["square_mean"].tolist(), w.round(4).tolist()  # s = 4 / 4, the step 0.5 * 2 / 1
    ([1.0], [0.0])

    References
    ----------
    Tieleman and Hinton (2012), "Neural networks for machine learning", lecture 6.5.
    """

    learning_rate: Rate = 0.01
    alpha: float = 0.99
    epsilon: float = 1e-8

    slots: ClassVar[tuple[str, ...]] = ("square_mean",)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_real("RMSProp", "alpha", self.alpha, low=0.0, high=1.0, closed="left")
        check_real("RMSProp", "epsilon", self.epsilon, low=0.0)

    def update(self, xp: Any, w: Array, g: Array, slots: dict[str, Array], step: int, rate: Any, decays: Array) -> None:
        """Mix g^2 into the mean, then move `w`."""
        mean = slots["square_mean"]
        mean *= self.alpha
        mean += (1 - self.alpha) * (g * g)
        w -= rate * g / (xp.sqrt(mean) + self.epsilon)


@dataclass(frozen=True)
class Adam(Optimizer):
    """Adam (Kingma and Ba 2015, algorithm 1): gradient descent on means of the gradient and of its square.

    ::

        m <- beta_1 m + (1 - beta_1) g        v <- beta_2 v + (1 - beta_2) g^2
        w <- w - eta m_hat / (sqrt(v_hat) + epsilon),    m_hat = m / (1 - beta_1^t),  v_hat = v / (1 - beta_2^t)

    m and v start at 0; t counts updates from 1. Shapes, dtypes and the keyword arguments are those of `Optimizer`.

    Parameters
    ----------
    learning_rate : float > 0, Schedule or callable, default=1e-3
        eta.
    beta_1, beta_2 : float in [0, 1), default=0.9, 0.999
        Memory of the gradient and of its square.
    epsilon : float >= 0, default=1e-8
        Keeps the division finite.
    epsilon_hat : bool, default=False
        Add epsilon to sqrt(v) before the bias correction instead of after it: the form at the end of section 2 of the
        paper, w <- w - eta sqrt(1 - beta_2^t) / (1 - beta_1^t) m / (sqrt(v) + epsilon), which scikit-learn,
        TensorFlow and ONNX use. PyTorch and optax use the other one.

    Raises
    ------
    ArgumentError
        For arguments outside these ranges.

    Examples
    --------
    The first step has the length eta, whatever the size of the gradient:

    >>> import numpy
    >>> import clearprop as cp
    >>> optimizer, w = cp.Adam(0.1), numpy.array([1.0, 1.0])
    >>> slots = optimizer.new_slots(numpy, w)
    >>> optimizer.update(numpy, w, numpy.array([5.0, -0.001]), slots, step=1, rate=0.1, decays=w)
    >>> w.round(4).tolist()
    [0.9, 1.1]

    References
    ----------
    Kingma and Ba (2015), "Adam: a method for stochastic optimization".
    """

    learning_rate: Rate = 1e-3
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-8
    epsilon_hat: bool = False

    slots: ClassVar[tuple[str, ...]] = ("mean", "square_mean")

    def __post_init__(self) -> None:
        super().__post_init__()
        owner = type(self).__name__
        check_real(owner, "beta_1", self.beta_1, low=0.0, high=1.0, closed="left")
        check_real(owner, "beta_2", self.beta_2, low=0.0, high=1.0, closed="left")
        check_real(owner, "epsilon", self.epsilon, low=0.0)
        check_bool(owner, "epsilon_hat", self.epsilon_hat)

    def update(self, xp: Any, w: Array, g: Array, slots: dict[str, Array], step: int, rate: Any, decays: Array) -> None:
        """Update both means, then move `w`."""
        m, v = slots["mean"], slots["square_mean"]
        m *= self.beta_1
        m += (1 - self.beta_1) * g
        v *= self.beta_2
        v += (1 - self.beta_2) * (g * g)
        correction_1, correction_2 = 1 - self.beta_1**step, math.sqrt(1 - self.beta_2**step)
        epsilon = self.epsilon if self.epsilon_hat else self.epsilon * correction_2
        w -= (rate * (correction_2 / correction_1)) * m / (xp.sqrt(v) + epsilon)

    def corrected(self, slots: Mapping[str, Array], step: int) -> dict[str, Array]:
        """Return m_hat and v_hat."""
        betas = {"mean": self.beta_1, "square_mean": self.beta_2}
        return {name: slots[name] / (1 - beta**step) for name, beta in betas.items()}


@dataclass(frozen=True)
class AdamW(Adam):
    """Adam with decoupled weight decay: w <- w - eta weight_decay w on weights (never biases), then Adam's step.

    The decay is multiplied by the whole learning rate eta, as in PyTorch, Keras and optax; in the paper only by its
    schedule, not by the base rate. PyTorch decays biases too, unless told otherwise.

    Parameters
    ----------
    weight_decay : float >= 0, default=0.01
        Strength of the decay; ArgumentError outside the range. The other arguments are those of `Adam`.

    Examples
    --------
    Without a gradient only the decay is left, w (1 - eta weight_decay):

    >>> import numpy
    >>> import clearprop as cp
    >>> optimizer, w = cp.AdamW(0.5, weight_decay=0.5), numpy.array([4.0, 4.0])
    >>> slots, decays = optimizer.new_slots(numpy, w), numpy.array([1.0, 0.0])  # a weight and a bias
    >>> optimizer.update(numpy, w, numpy.zeros(2), slots, step=1, rate=0.5, decays=decays)
    >>> w.tolist()
    [3.0, 4.0]

    References
    ----------
    Loshchilov and Hutter (2019), "Decoupled weight decay regularization", algorithm 2.
    """

    weight_decay: float = 0.01

    def __post_init__(self) -> None:
        super().__post_init__()
        check_real("AdamW", "weight_decay", self.weight_decay, low=0.0)

    def update(self, xp: Any, w: Array, g: Array, slots: dict[str, Array], step: int, rate: Any, decays: Array) -> None:
        """Shrink the weights, then take Adam's step."""
        w -= (rate * self.weight_decay) * decays * w
        super().update(xp, w, g, slots, step, rate, decays)
