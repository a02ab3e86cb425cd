"""How a table's network is built and trained, by names and numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy

from clearprop.errors import ArgumentError
from clearprop.estimators.options import ACTIVATIONS
from clearprop.estimators.table_target import Classes, Values
from clearprop.layers import Dense
from clearprop.network import Network
from clearprop.optimizers import LBFGS, SGD, AdaGrad, Adam, AdamW, Optimizer, RMSProp
from clearprop.penalties import L2
from clearprop.validation import check_choice, check_integer, check_real

__all__ = ["OPTIMIZERS", "Recipe"]

OPTIMIZERS: dict[str, tuple[float, Any]] = {  # name: (default learning rate, what makes it)
    "adam": (1e-3, Adam),
    "adamw": (1e-3, AdamW),
    "sgd": (0.05, SGD),
    "momentum": (0.02, lambda rate: SGD(rate, momentum=0.9)),
    "nesterov": (0.02, lambda rate: SGD(rate, momentum=0.9, nesterov=True)),
    "rmsprop": (1e-3, RMSProp),
    "adagrad": (0.02, AdaGrad),
    "lbfgs": (math.nan, lambda _: LBFGS()),
}


@dataclass(frozen=True)
class Recipe:
    """How a table's network is built and trained.

    Parameters
    ----------
    hidden : tuple of int, default=(64, 32)
        Units of the hidden layers; empty for a linear model.
    activation : str, default="relu"
        One of the names that `MLPClassifier` takes.
    loss : str or None
        One of `LOSSES` for the task; by default cross_entropy or squared_error.
    optimizer : str, default="adam"
        One of `OPTIMIZERS`.
    learning_rate : float or None
        By default that of `OPTIMIZERS`.
    batch_size : int or None
        By default a hundredth of the rows, between 16 and 256.
    epochs : int, default=500
        Passes over the rows at most.
    l2 : float, default=1e-4
        Strength of the penalty on the weights.
    patience : int, default=20
        Epochs without a better validation loss after which training stops.
    seed : int, default=0
        Seed of the split, the initial weights and the order of the rows.
    """

    hidden: tuple[int, ...] = (64, 32)
    activation: str = "relu"
    loss: str | None = None
    optimizer: str = "adam"
    learning_rate: float | None = None
    batch_size: int | None = None
    epochs: int = 500
    l2: float = 1e-4
    patience: int = 20
    seed: int = 0

    def __post_init__(self) -> None:
        for units in self.hidden:
            check_integer("Recipe", "hidden", units, minimum=1)
        check_choice("Recipe", "activation", self.activation, ACTIVATIONS)
        check_choice("Recipe", "optimizer", self.optimizer, OPTIMIZERS)
        if self.learning_rate is not None:
            check_real("Recipe", "learning_rate", self.learning_rate, low=0.0, closed="neither")
            if self.optimizer == "lbfgs":
                raise ArgumentError("Recipe: lbfgs takes no learning rate; leave it out, or choose another optimizer.")
        if self.batch_size is not None:
            check_integer("Recipe", "batch_size", self.batch_size, minimum=1)
        check_integer("Recipe", "epochs", self.epochs, minimum=1)
        check_real("Recipe", "l2", self.l2, low=0.0)
        check_integer("Recipe", "patience", self.patience, minimum=1)
        check_integer("Recipe", "seed", self.seed)

    def network(self, n_inputs: int, target: Classes | Values) -> Network:
        """Return the network, untrained; float64 for L-BFGS, whose line search needs the digits."""
        layers: list[Any] = []
        for units in self.hidden:
            layers += [Dense(units), ACTIVATIONS[self.activation]()]
        return Network(
            [*layers, Dense(target.n_outputs)],
            inputs=n_inputs,
            loss=target.loss(self.loss),
            penalty=L2(self.l2) if self.l2 else None,
            seed=self.seed,
            dtype=numpy.float64 if self.optimizer == "lbfgs" else numpy.float32,
        )

    def make_optimizer(self) -> Optimizer | LBFGS:
        """Return the optimizer."""
        rate, make = OPTIMIZERS[self.optimizer]
        made: Optimizer | LBFGS = make(rate if self.learning_rate is None else self.learning_rate)
        return made
