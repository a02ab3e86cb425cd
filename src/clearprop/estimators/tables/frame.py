"""Tables from what people hold in memory: data frames of pandas, polars and pyarrow, arrays and lists."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from decimal import Decimal
from numbers import Real
from typing import Any

import narwhals
import narwhals.exceptions
import numpy

from clearprop.errors import DataError
from clearprop.estimators.tables.table import Table, are_dates, are_numbers
from clearprop.validation import show

__all__ = ["column_of", "is_frame", "table_of"]

Array = Any
Column = tuple[Sequence[Any] | Array, str]

DAY = 86_400_000.0  # milliseconds


def is_frame(X: Any) -> bool:
    """Return whether X is a data frame of a library that narwhals knows."""
    try:
        return isinstance(narwhals.from_native(X, eager_only=True, pass_through=True), narwhals.DataFrame)
    except narwhals.exceptions.DuplicateError:
        names = list(map(str, X.columns))
        raise DataError(f"X: two columns are called '{max(names, key=names.count)}'; rename one.") from None


def table_of(X: Any) -> Table:
    """Return a data frame, or an array of shape (n, n_features), as a table.

    What a column holds is told from its type: numbers (and durations, in days), booleans, dates (in days since 1970,
    UTC), else categories. A column of objects is what all of them are, and texts that are all ISO dates are dates; in
    an array of texts, which has room for nothing else, those that are all numbers are numbers. Columns of an array are
    called ``x0``, ``x1`` and so on.

    Raises
    ------
    DataError
        For columns that hold lists, structures or the like.
    """
    frame = narwhals.from_native(X, eager_only=True, pass_through=True)
    if isinstance(frame, narwhals.DataFrame):
        read = {str(series.name): column_of(series) for series in frame.iter_columns()}
    else:
        read = {f"x{place}": _array_column(column, f"x{place}") for place, column in enumerate(numpy.asarray(X).T)}
    columns = {name: values for name, (values, _) in read.items()}
    if not columns:
        raise DataError(f"X has 0 feature(s) (shape={numpy.shape(X)}) while a minimum of 1 is required; add a column.")
    kinds = {name: kind for name, (_, kind) in read.items()}
    return Table("X", columns, kinds, missing=frozenset(), in_memory=True)


def column_of(series: Any) -> Column:
    """Return the values of a narwhals series, and what they are."""
    dtype, missing = series.dtype, series.is_null().to_numpy()
    if dtype.is_numeric():
        return numpy.asarray(series.cast(narwhals.Float64).to_numpy(), dtype=numpy.float64), "number"
    if isinstance(dtype, narwhals.Date | narwhals.Datetime | narwhals.Duration):
        length = isinstance(dtype, narwhals.Duration)
        time = series.dt.total_milliseconds() if length else series.dt.timestamp("ms")
        days = time.cast(narwhals.Float64).to_numpy() / DAY
        return numpy.where(missing, numpy.nan, days), "number" if length else "date"
    values = [None if gone else value for value, gone in zip(series.to_list(), missing, strict=True)]
    if isinstance(dtype, narwhals.Categorical | narwhals.Enum):
        return _texts(values)
    return _objects(values, str(series.name))


def _array_column(column: Array, name: str) -> Column:
    kind = column.dtype.kind
    if kind in "iuf":
        return column.astype(numpy.float64), "number"
    if kind == "b":
        return column.astype(numpy.float64), "boolean"
    if kind == "M":
        days = column.astype("datetime64[ms]").astype(numpy.float64) / DAY
        return numpy.where(numpy.isnat(column), numpy.nan, days), "date"
    if kind == "U" and are_numbers(set(column.tolist())):
        return column.tolist(), "number"
    return _objects([None if value is None or value != value else value for value in column.tolist()], name)


def _objects(values: Sequence[Any], name: str) -> Column:
    """Return values, None where they are missing, as what all of them are."""
    kinds = {type(value) for value in values if value is not None}
    if kinds <= {bool, numpy.bool} and kinds:
        return numpy.array(values, dtype=numpy.float64), "boolean"
    if all(issubclass(kind, Real | Decimal) for kind in kinds):
        return numpy.array(values, dtype=numpy.float64), "number"
    if all(issubclass(kind, datetime.date) for kind in kinds):
        days = numpy.array([_utc(value) for value in values], dtype="datetime64[ms]").astype(numpy.float64) / DAY
        return numpy.where([value is None for value in values], numpy.nan, days), "date"
    for value in values:
        if isinstance(value, list | tuple | set | dict | numpy.ndarray):
            raise DataError(
                f"X: column '{name}' holds {show(value)}; split it into columns of numbers, texts or dates."
            )
    if kinds == {str} and are_dates({value for value in values if value is not None}):
        return values, "date"
    return _texts(values)


def _texts(values: Sequence[Any]) -> Column:
    return [None if value is None else str(value) for value in values], "category"


def _utc(value: Any) -> Any:
    zoned = isinstance(value, datetime.datetime) and value.tzinfo is not None
    return value.astimezone(datetime.UTC).replace(tzinfo=None) if zoned else value
