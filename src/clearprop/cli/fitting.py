"""A model on its way: the rows that it learns from, those that it is validated on, and how good it is on these."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy

from clearprop import __version__
from clearprop.cli.model_file import StoredModel
from clearprop.cli.problem import Problem, known_rows
from clearprop.cli.reporting import tell_of_training
from clearprop.errors import NonFiniteError
from clearprop.estimators import Classifier, Regressor
from clearprop.estimators.tables.measures import measure_classes, measure_numbers
from clearprop.estimators.tables.table import Table
from clearprop.estimators.tables.training import held_out_scores

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
        return cls(problem, model, kept, held_out)

    def run(self) -> bool:
        """Train, say how it went, and return whether the user interrupted it."""
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
        tell_of_training(self.model, time.perf_counter() - began)
        return any(member.stopped == "interrupted" for member in self.model.members_)

    def validate(self) -> tuple[dict[str, float], int]:
        """Return the metrics on rows, each by the networks that did not learn from it, and how many rows these are."""
        model = self.model
        table, y = self.others or self.rows
        if self.others is not None:
            found = model.predict_proba(table) if isinstance(model, Classifier) else model.predict(table)
        else:
            rows, scores = held_out_scores(model.members_, model.preprocessing_.transform(table))
            found, y = model.target_.prediction(scores), y[rows]
            if isinstance(model, Regressor):
                found = model.target_.decode(found)[:, 0]
        if isinstance(model, Classifier):
            return measure_classes(found, numpy.searchsorted(model.classes_, y)), len(y)
        return measure_numbers(found, y), len(y)

    def stored(self, missing: Iterable[str], metrics: dict[str, float], n_validation: int) -> StoredModel:
        """Return the trained model and its record, with what `validate` returned."""
        record = {
            "clearprop": __version__,
            "source": self.problem.features.source,
            "rows": len(self.rows[1]),
            "validation_rows": n_validation,
            "validation": metrics,
            "recipe": asdict(self.model.recipe),
        }
        self.model.set_params(verbose=False)  # what was shown is no part of the model
        return StoredModel(self.model, self.problem.target, tuple(sorted(missing)), record)
