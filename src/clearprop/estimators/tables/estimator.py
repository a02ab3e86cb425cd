"""What `Classifier` and `Regressor` share: a table in, networks and their preprocessing out."""

from __future__ import annotations

import os
from abc import abstractmethod
from contextlib import nullcontext
from numbers import Real
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import (
    _check_sample_weight,
    check_array,
    check_is_fitted,
    column_or_1d,
    validate_data,
)

from clearprop.errors import ArgumentError, DataError
from clearprop.estimators.rows import Names
from clearprop.estimators.tables.attributions import gradients_times_inputs
from clearprop.estimators.tables.frame import is_frame, table_of
from clearprop.estimators.tables.preprocessing import Preprocessing
from clearprop.estimators.tables.recipe import PRESETS, Recipe
from clearprop.estimators.tables.saving import SavedEstimator
from clearprop.estimators.tables.table import Table
from clearprop.estimators.tables.target import ClassTarget, NumberTarget
from clearprop.estimators.tables.training import HeldOut, Task, as_fed, train_members
from clearprop.training.progress import progress

if TYPE_CHECKING:
    from clearprop.estimators.tables.report import Report

__all__ = ["TableEstimator"]

Array = Any


class TableEstimator(SavedEstimator):
    """Base of `Classifier` and `Regressor`."""

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "preset": [StrOptions(set(PRESETS)), Recipe],
        "categorical_features": ["array-like", None],
        "time_limit": [Interval(Real, 0, None, closed="neither"), None],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    target_: ClassTarget | NumberTarget

    preset: Any
    categorical_features: Any
    time_limit: float | None
    random_state: Any
    verbose: Any

    @property
    def recipe(self) -> Recipe:
        """How networks are going to be built and trained."""
        return self.preset if isinstance(self.preset, Recipe) else PRESETS[self.preset]

    def _rows(self, X: Any, y: Any, sample_weight: Any) -> tuple[Table, Any, Array | None]:
        """Return the table, the target and the weights of all rows that have a weight."""
        self.__dict__.pop("members_", None)  # a fit that fails leaves no model that is made of two
        if y is None:
            raise DataError(f"{type(self).__name__} requires y to be passed, but the target y is None.")
        table = self._table(X, reset=True)
        y = _column(table, y, "y")
        if sample_weight is None:
            return table, y, None
        weight = _check_sample_weight(sample_weight, y, ensure_non_negative=True)
        counts = numpy.flatnonzero(weight)
        return table.take(counts), y[counts], weight[counts]

    def _validation_rows(self, X: Any, y: Any, trained: Array) -> tuple[Table, Array] | None:
        """Return the table and the target of rows to validate on, where the user gave some, with one as in training."""
        if (X is None) != (y is None):
            raise ArgumentError("fit: X_val and y_val belong together; give both or neither.")
        if X is None:
            return None
        table = self._table(X, reset=False)
        y = _column(table, y, "y_val")
        if y.shape[1:] != trained.shape[1:]:
            raise DataError(f"fit: y_val must be of the form of y, shape {trained.shape}; got shape {y.shape}.")
        return table, y

    def _table(self, X: Any, reset: bool) -> Table:
        """Return X as a table, checked by scikit-learn's rules; of a `Table` columns are taken by their names."""
        if isinstance(X, Table):
            table = X
            if reset:
                self.feature_names_in_ = numpy.array(list(X.columns), dtype=object)
                self.n_features_in_ = len(X.columns)
        elif is_frame(X):
            validate_data(self, X, skip_check_array=True, reset=reset)
            table = table_of(X)
        else:
            table = table_of(validate_data(self, X, dtype=None, ensure_all_finite="allow-nan", reset=reset))
        if not reset or self.categorical_features is None:  # once fitted, each column knows how it is read
            return table
        names = numpy.array(list(table.columns), dtype=object)
        chosen = numpy.asarray(self.categorical_features)
        if chosen.size and chosen.dtype.kind not in "UO":
            try:
                chosen = names[chosen]
            except IndexError as error:
                raise ArgumentError(f"categorical_features do not fit {len(names)} columns: {error}.") from None
        return table.with_categories(map(str, chosen))

    def _fit(
        self,
        table: Table,
        y: Array,
        weight: Array | None,
        classes: Array | None,
        validation: tuple[Table, Array, Array | None] | None = None,
    ) -> Self:
        """Fit the preprocessing and the networks to rows whose target `target_` has encoded."""
        seed = int(check_random_state(self.random_state).randint(2**31))
        self.recipe_ = recipe = self.recipe.for_rows(table.n_rows)
        kinds = {name: table.kind(name) for name in table.columns}
        self.preprocessing_ = Preprocessing.fit(table, kinds, max_flags=recipe.max_flags, robust=recipe.robust)
        others = None
        if validation is not None:
            other, other_y, other_weight = validation
            others = Task(self.preprocessing_.transform(other), other_y, other_weight, None, self.target_)
        task = Task(self.preprocessing_.transform(table), y, weight, classes, self.target_, others)
        with progress(recipe.members * recipe.epochs) if self.verbose else nullcontext() as tell:
            members = train_members(
                recipe,
                lambda seed: recipe.network(self.preprocessing_, self.target_, seed),
                task,
                seed,
                self.time_limit,
                tell,
            )
        self._learn_from_held_out(task.held_out(members))
        self.members_ = members
        return self

    @abstractmethod
    def _learn_from_held_out(self, rows: HeldOut) -> None:
        """Measure the networks on rows that they have not learned from, and learn how far they can be trusted."""

    def _mean_prediction(self, X: Any) -> Array:
        """Return the mean of what the networks predict, float64 of shape (n, n_outputs)."""
        check_is_fitted(self, "members_")
        fed = as_fed(self.preprocessing_.transform(self._table(X, reset=False)))
        return self.target_.mean_prediction(member.scores(fed) for member in self.members_)

    @abstractmethod
    def _encode(self, y: Any, name: str = "y_val") -> Array:
        """Return a target that was not trained on, called `name`, as the networks learn it."""

    def _network_rows(self, X: Any, y: Any) -> tuple[Any, Array]:
        table = self._table(X, reset=False)
        y = _column(table, y, "y")
        n_columns = y.shape[1] if y.ndim == 2 else 1
        if n_columns != self.target_.n_columns:
            raise DataError(f"y must have {self.target_.n_columns} column(s), as in training, got shape {y.shape}.")
        return as_fed(self.preprocessing_.transform(table)), self._encode(y, "y")

    def _input_names(self) -> Names:
        return tuple(map(tuple, self.preprocessing_.names))

    def attributions(self, X: Any) -> Array:
        """Return what each column contributes to each prediction: gradient times input.

        The networks read the inputs x, of which a column j of the table has one or several: a number and whether it is
        missing, the flags or the one-hot code of a category, the parts of a date. With the score s::

            A_ij = mean over the networks of the sum over the inputs k of column j of ds_i/dx_ik x_ik

        If s were linear, it would fall by A_ij if these inputs went to 0: a number to its median (x is what
        ``preprocessing_`` makes of it), a flag to 0, a category to one that training did not have. For a classifier s
        is the score, before softmax, of the class that is predicted, less the mean of all classes' scores; of labels
        that do not exclude one another each has a score, before the sigmoid. For a regressor s is the prediction in the
        units of y, before it is kept to the range of training.

        Parameters
        ----------
        X : data frame, or array-like of shape (n, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n, n_features) or (n, n_features, n_outputs)
            float64, in the order of the table's columns, 0 for those that are left out; with an axis more for several
            labels or outputs.

        References
        ----------
        Simonyan, Vedaldi and Zisserman (2014), "Deep inside convolutional networks", section 3, for the gradient;
        Shrikumar, Greenside and Kundaje (2017), "Learning important features through propagating activation
        differences", section 2, for its product with the input.
        """
        check_is_fitted(self, "members_")
        networks, table = [member.network for member in self.members_], self._table(X, reset=False)
        found = gradients_times_inputs(networks, self.preprocessing_, table, self.target_)
        return found[0] if len(found) == 1 else numpy.moveaxis(found, 0, -1)

    def report(self, X: Any, y: Any, path: str | os.PathLike[str] | None = None) -> Report:
        """Return a page that tells what the model is worth on rows that it has not seen.

        It has metrics, the confusion matrix or the residuals, the reliability of probabilities, the columns that
        matter, the learning curves and the preprocessing. It is one HTML file that asks for nothing else.

        Parameters
        ----------
        X : data frame, or array-like of shape (n, n_features)
            Rows.
        y : array-like of shape (n,) or (n, n_outputs)
            Their classes, labels or numbers, as in training.
        path : path-like or None
            Where the page is written to as well.

        Returns
        -------
        Report
            The page: notebooks show it, ``save(path)`` writes it.

        Raises
        ------
        DataError
            If y does not fit the training's: by its shape, or by a class that was not there.
        MissingExtraError
            If matplotlib, which draws the pictures, is not installed.
        """
        # scikit-learn's inspection and displays take longer to load than all that fitting needs
        from clearprop.estimators.tables.report import make_report

        check_is_fitted(self, "members_")
        report = make_report(self, X, y)
        if path is not None:
            report.save(path)
        return report

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        return tags


def _column(table: Table, y: Any, name: str) -> Any:
    """Return a target as an array, checked by scikit-learn's rules; a matrix of one column as that column."""
    y = check_array(y, ensure_2d=False, dtype=None, input_name=name)
    if y.dtype.kind in "mM":
        raise DataError(f"{name} holds dates or durations; make numbers of them, such as days, or texts for classes.")
    if len(y) != table.n_rows:
        raise DataError(f"X has {table.n_rows} rows, {name} has {len(y)}; give each row its target.")
    return column_or_1d(y, warn=True) if y.ndim == 2 and y.shape[1] == 1 else y
