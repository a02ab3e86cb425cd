"""What `Classifier` and `Regressor` share: a table in, networks and their preprocessing out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import nullcontext
from numbers import Real
from typing import Any, ClassVar, Self

import numpy
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import (
    _check_sample_weight,
    check_array,
    check_consistent_length,
    check_is_fitted,
    column_or_1d,
    validate_data,
)

from clearprop.errors import DataError
from clearprop.estimators.table_data import Table
from clearprop.estimators.tables.frame import is_frame, table_of
from clearprop.estimators.tables.preprocessing import Preprocessing
from clearprop.estimators.tables.recipe import PRESETS, Recipe
from clearprop.estimators.tables.target import ClassTarget, NumberTarget
from clearprop.estimators.tables.training import HeldOut, Member, Task, train_members
from clearprop.training.progress import progress_bar

__all__ = ["TableEstimator"]

Array = Any


class TableEstimator(ABC, BaseEstimator):
    """Base of `Classifier` and `Regressor`."""

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "preset": [StrOptions(set(PRESETS)), Recipe],
        "categorical_features": ["array-like", None],
        "time_limit": [Interval(Real, 0, None, closed="neither"), None],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    preset: Any
    categorical_features: Any
    time_limit: float | None
    random_state: Any
    verbose: Any
    target_: ClassTarget | NumberTarget
    members_: list[Member]

    @property
    def recipe(self) -> Recipe:
        """How the networks are built and trained."""
        return self.preset if isinstance(self.preset, Recipe) else PRESETS[self.preset]

    def _rows(self, X: Any, y: Any, sample_weight: Any) -> tuple[Table, Any, Array | None]:
        """Return the table, the target and the weights of all rows that have a weight."""
        if y is None:
            raise DataError(f"{type(self).__name__} requires y to be passed, but the target y is None.")
        table = self._table(X, reset=True)
        y = check_array(y, ensure_2d=False, dtype=None, input_name="y")
        check_consistent_length(X, y)
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        if sample_weight is None:
            return table, y, None
        weight = _check_sample_weight(sample_weight, y, ensure_non_negative=True)
        counts = numpy.flatnonzero(weight)
        return table.take(counts), y[counts], weight[counts]

    def _table(self, X: Any, reset: bool) -> Table:
        """Return X as a table, checked by scikit-learn's rules for shapes and names."""
        if is_frame(X):
            validate_data(self, X, skip_check_array=True, reset=reset)
        else:
            X = validate_data(self, X, dtype=None, ensure_all_finite="allow-nan", reset=reset)
        table = table_of(X)
        if self.categorical_features is None:
            return table
        names = list(table.columns)
        chosen = numpy.asarray(self.categorical_features)
        return table.with_categories(map(str, chosen) if chosen.dtype.kind in "UO" else numpy.array(names)[chosen])

    def _fit(self, table: Table, y: Array, weight: Array | None, classes: Array | None) -> Self:
        """Fit the preprocessing and the networks to rows whose target `target_` has encoded."""
        recipe, seed = self.recipe, int(check_random_state(self.random_state).randint(2**31))
        kinds = {name: table.kind(name) for name in table.columns}
        self.preprocessing_ = Preprocessing.fit(table, kinds, max_flags=recipe.max_flags, robust=recipe.robust)
        task = Task(self.preprocessing_.transform(table), y, weight, classes, self.target_)
        with progress_bar(recipe.members * recipe.epochs) if self.verbose else nullcontext() as tell:
            self.members_ = train_members(
                recipe,
                lambda seed: recipe.network(self.preprocessing_, self.target_, seed),
                task,
                seed,
                self.time_limit,
                tell,
            )
        self._learn_from_held_out(task.held_out(self.members_))
        return self

    @abstractmethod
    def _learn_from_held_out(self, rows: HeldOut) -> None:
        """Learn how far the networks can be trusted from rows that they have not learned from."""

    def _mean_prediction(self, X: Any) -> Array:
        """Return the mean of what the networks predict, float64 of shape (n, n_outputs)."""
        check_is_fitted(self)
        inputs = self.preprocessing_.transform(self._table(X, reset=False))
        fed = inputs if len(inputs) > 1 else inputs[0]
        predictions = (self.target_.prediction(member.scores(fed)) for member in self.members_)
        return sum(predictions) / len(self.members_)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        return tags
