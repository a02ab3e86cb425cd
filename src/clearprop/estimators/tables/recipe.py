"""How the networks of a table are built and trained, as a set of parts that can each be left out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from clearprop.config import Configurable
from clearprop.errors import ArgumentError
from clearprop.estimators.options import ACTIVATIONS
from clearprop.estimators.tables.preprocessing import Preprocessing
from clearprop.estimators.tables.target import ClassTarget, NumberTarget
from clearprop.graph import Input
from clearprop.initializers import Constant, LeCun, Normal
from clearprop.layers import Activation, Concatenate, Dense, Dropout, Parametric, PeriodicEmbedding, Scale
from clearprop.network import Network
from clearprop.optimizers import SGD, AdaGrad, Adam, AdamW, Optimizer, RMSProp
from clearprop.penalties import L2
from clearprop.schedules import CosLog4
from clearprop.validation import check_bool, check_choice, check_integer, check_real, show

__all__ = ["OPTIMIZERS", "PRESETS", "Recipe"]

EMBEDDING = 8  # numbers that a category of many levels becomes
FEW_ROWS, MANY_ROWS = 1000, 16_384  # between which a preset takes its number of epochs

# By name: a learning rate that suits NTK-parametrized boxes, and what makes the optimizer.
OPTIMIZERS: dict[str, tuple[float, Callable[..., Optimizer]]] = {
    "adamw": (0.04, AdamW),
    "adam": (0.04, Adam),
    "sgd": (0.5, SGD),
    "momentum": (0.2, lambda rate, **options: SGD(rate, momentum=0.9, **options)),
    "nesterov": (0.2, lambda rate, **options: SGD(rate, momentum=0.9, nesterov=True, **options)),
    "rmsprop": (0.01, RMSProp),
    "adagrad": (0.1, AdaGrad),
}


@dataclass(frozen=True)
class Recipe(Configurable):
    """RealMLP-TD (Holzmueller et al. 2024), each part of which can be left out.

    Parameters
    ----------
    hidden : tuple of int
        Units of the hidden layers.
    activation : str or None
        One of the names that `MLPClassifier` takes; by default ``"selu"`` for classes and ``"mish"`` for numbers.
    parametric : bool
        Whether each unit learns how much of the activation it takes, where that is one that takes each number alone.
    periodic : bool
        Whether numbers are embedded by cosines of learned frequencies.
    scale : bool
        Whether every input has a learned factor.
    ntk : bool
        Whether weights have deviation 1 and products are divided by sqrt(n_in); else the deviation is 1 / sqrt(n_in).
    data_driven : bool
        Whether weights and biases are fitted to the data before the first update.
    robust : bool
        Whether numbers are scaled by quartiles and drawn in, instead of standardised.
    max_flags : int
        Levels of a category up to which it becomes flags.
    dropout, weight_decay, label_smoothing : float
        The usual ones.
    l2 : float
        Strength of a penalty on the weights, which is a part of the loss.
    optimizer : str
        One of `OPTIMIZERS`.
    learning_rate : tuple of two floats
        Highest learning rate, for classes and for numbers.
    schedule : bool
        Whether the learning rate follows `CosLog4`; else it is constant.
    beta_2 : float
        AdamW's memory of the squared gradient.
    batch_size, epochs : int
        Rows of an update, and passes over the rows.
    epoch_by : {"error", "loss"}
        What chooses the epoch on the rows held out: the error rate of classes (of probabilities, if they are the
        objective, the loss), or always the loss. A network that stands alone does better by the loss.
    adaptive : bool
        Whether fewer than 1,000 rows get more epochs, up to four times as many, and more than 16,384 fewer.
    patience : int or None
        Epochs without a better validation after which training stops.
    members : int
        Networks, whose predictions are averaged.

    References
    ----------
    Holzmueller et al. (2024), "Better by default: strong pre-tuned MLPs and boosted trees on tabular data".
    """

    hidden: tuple[int, ...] = (256, 256, 256)
    activation: str | None = None
    parametric: bool = True
    periodic: bool = True
    scale: bool = True
    ntk: bool = True
    data_driven: bool = True
    robust: bool = True
    max_flags: int = 8
    dropout: float = 0.15
    weight_decay: float = 0.02
    label_smoothing: float = 0.1
    l2: float = 0.0
    optimizer: str = "adamw"
    learning_rate: tuple[float, float] = (0.04, 0.2)
    schedule: bool = True
    beta_2: float = 0.95
    batch_size: int = 256
    epochs: int = 256
    epoch_by: str = "error"
    adaptive: bool = False
    patience: int | None = None
    members: int = 1

    def __post_init__(self) -> None:
        if not isinstance(self.hidden, tuple):
            raise ArgumentError(f"Recipe: hidden must be a tuple of integers, got {show(self.hidden)}.")
        for units in self.hidden:
            check_integer("Recipe", "hidden", units, minimum=1)
        if self.activation is not None:
            check_choice("Recipe", "activation", self.activation, ACTIVATIONS)
        for name in ("parametric", "periodic", "scale", "ntk", "data_driven", "robust", "schedule", "adaptive"):
            check_bool("Recipe", name, getattr(self, name))
        for name in ("max_flags", "batch_size", "epochs", "members"):
            check_integer("Recipe", name, getattr(self, name), minimum=1)
        for name in ("dropout", "label_smoothing", "beta_2"):
            check_real("Recipe", name, getattr(self, name), low=0.0, high=1.0, closed="left")
        for name in ("weight_decay", "l2"):
            check_real("Recipe", name, getattr(self, name), low=0.0)
        check_choice("Recipe", "optimizer", self.optimizer, OPTIMIZERS)
        check_choice("Recipe", "epoch_by", self.epoch_by, ("error", "loss"))
        if self.patience is not None:
            check_integer("Recipe", "patience", self.patience, minimum=1)
        if not isinstance(self.learning_rate, tuple) or len(self.learning_rate) != 2:
            raise ArgumentError(
                "Recipe: learning_rate must be a tuple of two numbers, for classes and for numbers, got "
                f"{show(self.learning_rate)}."
            )
        for rate in self.learning_rate:
            check_real("Recipe", "learning_rate", rate, low=0.0, closed="neither")

    def for_rows(self, n_rows: int) -> Recipe:
        """Return the recipe with the number of epochs that it has for so many rows."""
        if not self.adaptive:
            return self
        share = min(max(FEW_ROWS / n_rows, 1.0), 4.0) * min(MANY_ROWS / n_rows, 1.0)
        return replace(self, epochs=max(1, round(share * self.epochs)), adaptive=False)

    def monitor(self, target: ClassTarget | NumberTarget) -> str:
        """Return the name of the quantity that chooses the epoch."""
        return "validation_loss" if self.epoch_by == "loss" else target.monitor

    def activation_for(self, *, classes: bool) -> str:
        """Return the name of the activation, for classes or for numbers."""
        return self.activation or ("selu" if classes else "mish")

    def network(self, preprocessing: Preprocessing, target: ClassTarget | NumberTarget, seed: int) -> Network:
        """Return the network, untrained."""
        widths = preprocessing.n_inputs
        nodes: list[Any] = [Input(width) for width in widths]
        if preprocessing.numbers and self.periodic:
            nodes[0] = PeriodicEmbedding(name="periodic")(nodes[0])
        for place in range(len(widths) - len(preprocessing.embedded), len(widths)):
            nodes[place] = Dense(EMBEDDING, bias=False, initializer=Normal(1.0))(nodes[place])
        h = nodes[0] if len(nodes) == 1 else Concatenate()(*nodes)
        if self.scale:
            h = Scale()(h)
        activation: Any = ACTIVATIONS[self.activation_for(classes=isinstance(target, ClassTarget))]()
        parametric = self.parametric and isinstance(activation, Activation) and not activation.stochastic
        weights = Normal(1.0) if self.ntk else LeCun("normal")
        for units in self.hidden:
            h = Dense(units, ntk=self.ntk, initializer=weights, bias_initializer=Normal(1.0))(h)
            h = (Parametric(activation) if parametric else activation)(h)
            if self.dropout:
                h = Dropout(self.dropout)(h)
        h = Dense(target.n_outputs, ntk=self.ntk, initializer=Constant(0.0))(h)
        penalty = L2(self.l2) if self.l2 else None
        return Network(h, loss=target.loss(self.label_smoothing), penalty=penalty, seed=seed)

    def make_optimizer(self, net: Network, target: ClassTarget | NumberTarget) -> Optimizer:
        """Return the optimizer, with factors on the learning rates of some boxes; AdamW decays the weights."""
        rate = self.learning_rate[0 if isinstance(target, ClassTarget) else 1]
        factors = {"s": 6.0, "b": 0.1, "alpha": 0.1, "periodic": 0.1}
        known = {key for name in net.parameters for key in (name.rpartition(".")[0], name.rpartition(".")[2])}
        options = {"beta_2": self.beta_2, "weight_decay": self.weight_decay} if self.optimizer == "adamw" else {}
        _, make = OPTIMIZERS[self.optimizer]
        return make(
            CosLog4(rate) if self.schedule else rate,
            rate_factors={key: factor for key, factor in factors.items() if key in known},
            **options,
        )


PRESETS = {
    "fast": Recipe(parametric=False, periodic=False, data_driven=False, dropout=0.0, weight_decay=0.0,
                   learning_rate=(0.04, 0.07), epochs=32, epoch_by="loss", adaptive=True),
    "balanced": Recipe(members=4, adaptive=True),
    "best": Recipe(members=10, adaptive=True),
}  # fmt: skip
