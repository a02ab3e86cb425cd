"""A model on its way: the rows that it learns from, those that it is validated on, and how good it is on these."""

from __future__ import annotations

import copy
import time
import warnings
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from clearprop import __version__
from clearprop.cli.model_file import StoredModel
from clearprop.cli.problem import Problem, known_rows
from clearprop.errors import NonFiniteError
from clearprop.estimators import Classifier, Regressor
from clearprop.estimators.tables.preprocessing import Preprocessing
from clearprop.estimators.tables.table import Table

__all__ = ["Fit"]

Array = Any


@dataclass(frozen=True)
class Fit:
    """A model and its rows.

    Attributes
    ----------
    problem : Problem
        What is to be learned.
    model : Classifier or Regressor
        What learns it.
    rows : tuple of Table and array
        Features and target to learn from.
    others : tuple of Table and array, or None
        Those to validate on; None where each network is validated on its share of `rows`.
    """

    problem: Problem
    model: Classifier | Regressor
    rows: tuple[Table, Array]
    others: tuple[Table, Array] | None = None

    @classmethod
    def of(
        cls, problem: Problem, model: Classifier | Regressor, validation: float | Table | None = None, seed: int = 0
    ) -> Fit:
        """Return the fit of a model to all rows, or to those that a share or another table leaves."""
        rows = problem.features, problem.y
        if validation is None:
            return cls(problem, model, rows)
        if isinstance(validation, Table):
            other, notes = known_rows(validation, problem.target)
            notes += problem.preprocessing.unseen(other)
            told = [*problem.notes, *(f"{other.source}: {text}" for text in notes)]
            return cls(replace(problem, notes=told), model, rows, (other, problem.encode(other)))
        kept, held_out = ((rows[0].take(chosen), rows[1][chosen]) for chosen in problem.split(validation, seed))
        table, _ = kept
        preprocessing = Preprocessing.fit(table, {name: table.kind(name) for name in table.columns})
        return cls(replace(problem, preprocessing=preprocessing), model, kept, held_out)

    def run(self) -> float:
        """Train, and return the seconds that it took."""
        began = time.perf_counter()
        X_val, y_val = self.others or (None, None)
        try:
            with warnings.catch_warnings():
                for told in ("Training interrupted by user", "The number of unique classes"):
                    warnings.filterwarnings("ignore", message=told)  # the user is told in our own words
                self.model.fit(*self.rows, X_val=X_val, y_val=y_val)
        except NonFiniteError as error:
            raise NonFiniteError(
                f"training diverged in epoch {error.epoch}, batch {error.batch}: '{error.node}' is not finite. Nothing "
                "was saved; try a lower --lr."
            ) from error
        return time.perf_counter() - began

    @property
    def interrupted(self) -> bool:
        """Whether the user interrupted the training."""
        return any(member.stopped == "interrupted" for member in self.model.members_)

    @property
    def n_validation(self) -> int:
        """Rows that the trained networks were validated on."""
        if self.others is not None:
            return len(self.others[1])
        return sum(len(member.held_out) for member in self.model.members_)

    def stored(self, missing: Iterable[str]) -> StoredModel:
        """Return the trained model and its record."""
        record = {
            "clearprop": __version__,
            "source": self.problem.features.source,
            "rows": len(self.rows[1]),
            "validation_rows": self.n_validation,
        }
        model = copy.copy(self.model).set_params(verbose=False)  # what was shown is no part of the model
        return StoredModel(model, self.problem.target, tuple(sorted(missing)), record)
