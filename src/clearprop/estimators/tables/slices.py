"""A plane through a table: two columns of numbers vary, the others are held still."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy

from clearprop.errors import DataError
from clearprop.estimators.tables.columns import CategoryColumn
from clearprop.estimators.tables.estimator import TableEstimator
from clearprop.estimators.tables.table import Table

__all__ = ["TableSlice", "feature_table", "slice_table"]

Array = Any


@dataclass(frozen=True)
class TableSlice:
    """A plane through a table.

    Attributes
    ----------
    plane : Table
        A row for each pair of values, those of the first column varying fastest.
    axes : pair of array
        The values of the two columns.
    names : pair of str
        The two columns.
    fixed : dict of str to value
        The other columns, and where they are held: at the median of numbers and dates, or the most frequent text.
    points : array of shape (n_rows, 2)
        The rows' own values of the two columns, NaN where they are missing.
    """

    plane: Table
    axes: tuple[Array, Array]
    names: tuple[str, str]
    fixed: dict[str, Any]
    points: Array


def slice_table(table: Table, names: Sequence[str], span: Callable[[Array], Array]) -> TableSlice:
    """Return the plane of two columns through the middle of a table.

    Parameters
    ----------
    table : Table
        The rows.
    names : pair of str
        The columns that vary, numbers both.
    span : callable
        From the values of a column to those that it takes in the plane.

    Raises
    ------
    DataError
        If one of the columns holds no numbers, or none in these rows.
    """
    first, second = names
    points = numpy.stack([_numbers(table, name) for name in (first, second)], axis=1)
    across, up = (span(column[numpy.isfinite(column)]) for column in points.T)
    size = len(across) * len(up)
    columns: dict[str, Any] = {first: numpy.tile(across, len(up)), second: numpy.repeat(up, len(across))}
    fixed: dict[str, Any] = {}
    kinds = {**table.kinds, first: "number", second: "number"}
    for name in table.columns:
        if name in columns:
            continue
        if table.kind(name) == "number":
            fixed[name], kinds[name] = _median(table.numbers(name)), "number"
            columns[name] = numpy.full(size, fixed[name])
        else:
            row = _usual_row(table, name)
            fixed[name] = table.text(name)[row]
            columns[name] = table.select([name]).take(numpy.full(size, row)).columns[name]
    plane = replace(table, columns={name: columns[name] for name in table.columns}, kinds=kinds, lines=None)
    return TableSlice(plane, (across, up), (first, second), fixed, points)


def feature_table(estimator: TableEstimator, X: Any) -> Table:
    """Return the columns that a fitted estimator reads, with those that it reads as categories marked as such."""
    read = estimator.preprocessing_.columns
    categories = [column.name for column in read if isinstance(column, CategoryColumn)]
    names = dict.fromkeys(column.name for column in read)
    return estimator._table(X, reset=False).select(names).with_categories(categories)


def _numbers(table: Table, name: str) -> Array:
    kind = table.kind(name)
    if kind != "number":
        raise DataError(f"'{name}' is no column of numbers but of the kind '{kind}'; let another one vary.")
    values = table.numbers(name)
    if not numpy.isfinite(values).any():
        raise DataError(f"'{name}' is missing in all of these rows; let another one vary.")
    return values


def _median(values: Array) -> float:
    known = values[numpy.isfinite(values)]
    return float(numpy.median(known)) if known.size else float("nan")


def _usual_row(table: Table, name: str) -> int:
    """Return a row with the middle one of the dates of a column, or with the most frequent of its texts."""
    known = table.present(name)
    if not known.size:
        return 0
    if table.kind(name) == "date":
        order = numpy.argsort(table.days(name)[known], kind="stable")
        return int(known[order[len(known) // 2]])
    texts = table.take(known).text(name)
    return int(known[texts.index(Counter(texts).most_common(1)[0][0])])
