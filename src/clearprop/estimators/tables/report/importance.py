"""Which columns of a table matter: permutation importances and mean attributions, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import narwhals
import numpy
from sklearn.inspection import permutation_importance
from sklearn.utils import resample

from clearprop.estimators.tables.frame import is_frame
from clearprop.estimators.tables.report.markup import Markup, bar, paragraph, section, table
from clearprop.estimators.tables.target import ClassTarget

__all__ = ["column_importances", "what_matters"]

Array = Any

MAX_ROWS, MIN_ROWS = 1000, 100  # that are looked at
MAX_CELLS = 100_000  # of these rows, unless they are fewer than the least
MAX_COLUMNS = 20  # that are shuffled and shown
N_REPEATS = 5  # of shuffling


def what_matters(model: Any, X: Any, y: Array) -> Markup:
    """Return the columns with the largest attributions, and what shuffling them costs."""
    names = list(model._table(X, reset=False).columns)
    n_rows, most = len(y), min(MAX_ROWS, max(MIN_ROWS, MAX_CELLS // len(names)))
    if n_rows > most:
        X, y = resample(X, y, replace=False, n_samples=most, random_state=0)
    sizes = numpy.abs(model.attributions(X)).mean(axis=0)
    sizes = sizes if sizes.ndim == 1 else sizes.mean(axis=1)
    shown = numpy.argsort(-sizes, kind="stable")[:MAX_COLUMNS].tolist()
    head = ["column", "mean |attribution|", ""]
    rows: list[list[Any]] = [[names[place], float(sizes[place]), bar(sizes[place], sizes.max())] for place in shown]
    told = [
        "An attribution is gradient times input: what a column adds to the score of the class that is predicted for a "
        "row, or to the number."
    ]
    if len(y) > 1:
        score = "accuracy" if isinstance(model.target_, ClassTarget) else "R²"
        found = column_importances(model, X, y, shown, N_REPEATS)
        means, deviations = found.importances_mean, found.importances_std
        largest = (means + deviations).max()
        head[1:1] = [f"loss of {score}", ""]
        for row, mean, deviation in zip(rows, means, deviations, strict=True):
            row[1:1] = [Markup(f"{mean:.4f} ± {deviation:.4f}"), bar(mean, largest, deviation)]
        rows = [rows[place] for place in numpy.argsort(-means, kind="stable")]
        told.append(
            f"The loss of {score} is the permutation importance: how much worse the model is after the values of the "
            f"column have been shuffled among the rows, mean and standard deviation of {N_REPEATS} times."
        )
    if len(names) > MAX_COLUMNS:
        told.append(f"These are the {MAX_COLUMNS} of {len(names):,} columns with the largest attributions.")
    if n_rows > most:
        told.append(f"All of it is of {most:,} of the {n_rows:,} rows, drawn at random.")
    return section("What matters", paragraph(" ".join(told)), table("Columns, by what they matter", head, rows))


def column_importances(model: Any, X: Any, y: Array, places: Sequence[int], n_repeats: int) -> Any:
    """Return what ``permutation_importance(model, X, y)`` finds for some columns of any table.

    scikit-learn's function shuffles pandas data frames and arrays, and all their columns. Here it shuffles the numbers
    of the rows, and the table is made of them when it is scored.

    Parameters
    ----------
    model : estimator
        Which scores the rows with its own ``score``.
    X, y
        Rows, as a data frame or an array, and their target.
    places : sequence of int
        The columns, by their place in the table.
    n_repeats : int
        How often each is shuffled.
    """

    def score(model: Any, rows: Array, y: Array) -> float:
        return float(model.score(_take(X, places, rows), y))

    rows = numpy.repeat(numpy.arange(len(y))[:, None], len(places), axis=1)
    return permutation_importance(model, rows, y, scoring=score, n_repeats=n_repeats, random_state=0)


def _take(X: Any, places: Sequence[int], rows: Array) -> Any:
    """Return X with some columns in an order of their own, given by a column of `rows` each."""
    if not is_frame(X):
        X = X.copy()
        for place, order in zip(places, rows.T, strict=True):
            X[:, place] = X[order, place]
        return X
    frame = narwhals.from_native(X, eager_only=True)
    shuffled = [frame[:, place][order.tolist()] for place, order in zip(places, rows.T, strict=True)]
    return frame.with_columns(*shuffled).to_native()
