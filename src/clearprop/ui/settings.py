"""The settings of a run on the page, checked one by one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

from clearprop.errors import ArgumentError
from clearprop.estimators.options import ACTIVATIONS
from clearprop.estimators.tables.recipe import OPTIMIZERS
from clearprop.optimizers import Optimizer
from clearprop.ui.problems import Problem, Source
from clearprop.validation import check_choice, check_integer, check_real, show

__all__ = ["CHOICES", "FREE", "LIMITS", "Settings"]

# "logistic" is another name of "sigmoid"
CHOICES = {"activations": sorted(set(ACTIVATIONS) - {"logistic"}), "optimizers": sorted(OPTIMIZERS)}
MIN_PACE = 1e-3  # epochs a second
LIMITS = {"layers": 8, "units": 512, "epochs": 1_000_000, "batch": 65_536, "seed": 2**53 - 1}
FREE = ("stop_loss", "max_epochs", "pace")  # what may change without another run


@dataclass(frozen=True)
class Settings:
    """How a run is made.

    Attributes
    ----------
    problem : str
        Name of the source of the rows.
    noise : float
        In percent, 0 to 50; of built-in sets alone.
    data_seed, weight_seed, order_seed : int
        Seeds of the rows and their split, of the initial parameters, and of the order of the rows.
    hidden : tuple of int
        Units of the hidden layers.
    activation : str or None
        Name of the box after each of them; None for the network of a saved model.
    optimizer : str
        Name of the optimizer.
    learning_rate, l2 : float
        The learning rate, and the strength of the penalty on the weights.
    batch_size : int
        Rows of an update.
    stop_loss : float or None
        The loss below which the run ends.
    max_epochs : int
        The epoch with which it ends.
    pace : float or None
        Epochs a second at most, so that there is something to watch; None for as many as go.

    Raises
    ------
    ArgumentError
        For a value out of bounds; it names the setting.
    """

    problem: str
    noise: float = 0.0
    data_seed: int = 0
    weight_seed: int = 0
    order_seed: int = 0
    hidden: tuple[int, ...] = (16, 8)
    activation: str | None = "tanh"
    optimizer: str = "adam"
    learning_rate: float = 0.003
    batch_size: int = 16
    l2: float = 0.0
    stop_loss: float | None = None
    max_epochs: int = 1000
    pace: float | None = None

    def __post_init__(self) -> None:
        check_real("settings", "noise", self.noise, low=0.0, high=50.0)
        for name in ("data_seed", "weight_seed", "order_seed"):
            self._check_count(name, 0, LIMITS["seed"])
        hidden = self.hidden
        if not isinstance(hidden, tuple) or len(hidden) > LIMITS["layers"]:
            raise ArgumentError(
                f"settings: hidden must be a list of at most {LIMITS['layers']} numbers of units, got {show(hidden)}."
            )
        for units in hidden:
            check_integer("settings", "hidden", units, minimum=1)
            if units > LIMITS["units"]:
                raise ArgumentError(f"settings: hidden must be at most {LIMITS['units']} units a layer, got {units}.")
        if self.activation is not None:
            check_choice("settings", "activation", self.activation, CHOICES["activations"])
        check_choice("settings", "optimizer", self.optimizer, CHOICES["optimizers"])
        check_real("settings", "learning_rate", self.learning_rate, low=0.0, high=1e6, closed="right")
        check_real("settings", "l2", self.l2, low=0.0, high=1e6)
        self._check_count("batch_size", 1, LIMITS["batch"])
        self._check_count("max_epochs", 1, LIMITS["epochs"])
        if self.stop_loss is not None:
            check_real("settings", "stop_loss", self.stop_loss)
        if self.pace is not None:
            check_real("settings", "pace", self.pace, low=MIN_PACE, high=1e6)

    def _check_count(self, name: str, low: int, high: int) -> None:
        value = check_integer("settings", name, getattr(self, name), minimum=low)
        if value > high:
            raise ArgumentError(f"settings: {name} must be at most {high}, got {show(value)}.")

    @classmethod
    def for_source(cls, source: Source, **changes: Any) -> Self:
        """Return the settings that suit a source."""
        return cls(source.name, **{**source.defaults, **changes})

    def changed(self, changes: Any, sources: Mapping[str, Source]) -> Settings:
        """Return the settings with what a JSON object says; another problem brings the settings that suit it."""
        if not isinstance(changes, dict):
            raise ArgumentError(f"settings: expected a JSON object, got {show(changes)}.")
        names = [field.name for field in fields(self)]
        for name in changes:
            check_choice("settings", "name", name, names)
        given = dict(changes)
        if isinstance(given.get("hidden"), list):
            given["hidden"] = tuple(given["hidden"])
        problem = given.pop("problem", self.problem)
        check_choice("settings", "problem", problem, sources)
        kept = asdict(self)
        if problem != self.problem:
            kept |= {"noise": 0.0, "activation": "tanh", "pace": None, **sources[problem].defaults}
        fixed = [name for name in given if name in sources[problem].fixed and given[name] != kept[name]]
        if fixed:
            raise ArgumentError(
                f"settings: {fixed[0]} is fixed for '{sources[problem].title}', got {show(given[fixed[0]])}; choose "
                "another problem to change it."
            )
        return Settings(**{**kept, **given, "problem": problem})

    def make_optimizer(self) -> Optimizer:
        """Return the optimizer."""
        _, make = OPTIMIZERS[self.optimizer]
        return make(self.learning_rate)

    def needs_another_run(self, other: Settings) -> bool:
        """Return whether more differs than how fast a run goes and when it ends."""
        return any(getattr(self, f.name) != getattr(other, f.name) for f in fields(self) if f.name not in FREE)

    def title(self, problem: Problem) -> str:
        """Return a short text that tells runs apart."""
        layers = "-".join(map(str, [len(problem.columns), *self.hidden, problem.n_outputs]))
        parts = [problem.name, *([layers, self.activation] if self.activation else []), self.optimizer]
        return f"{' '.join(parts)} {self.learning_rate:g}"
