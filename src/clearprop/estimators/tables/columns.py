"""Columns of a table as a network reads them: numbers scaled and drawn in, categories as codes."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy

from clearprop.errors import DataError, ModelFileError
from clearprop.estimators.tables.table import Table
from clearprop.validation import show

__all__ = ["DATE_PARTS", "CategoryColumn", "NumberColumn", "column_from_json"]

Array = Any

CLIP = 3.0  # what scaled numbers approach, however far away they are
FAR = 1e6  # spreads; values beyond it count as this far, so that nothing overflows
DATE_PARTS = ("day", "month", "weekday", "hour")
SPELLINGS = {"false": "false", "true": "true", "0": "false", "1": "true"}  # of booleans
MAX_LEVELS = 1000  # of one column; rarer ones are treated like levels never seen


@dataclass(frozen=True)
class NumberColumn:
    """A column of numbers, or a part of a column of dates.

    The network reads z / sqrt(1 + (z / 3)^2), which lies between -3 and 3, of z = (value - center) / spread.

    Attributes
    ----------
    name : str
        The column of the table.
    part : str
        Of a date: ``"day"`` (since 1970, with its fraction), ``"month"``, ``"weekday"`` or ``"hour"``; else empty.
    center : float
        The median, which also stands in for a missing value.
    spread : float
        Distance of the quartiles; where they are equal, half the range.
    gaps : bool
        Whether training had missing values; a further input then says which they were.
    robust : bool
        False for the mean and the standard deviation instead, and z as it is.
    """

    name: str
    part: str
    center: float
    spread: float
    gaps: bool
    robust: bool = True

    kind: ClassVar[str] = "number"

    @classmethod
    def fit(cls, table: Table, name: str, part: str = "", *, robust: bool = True) -> NumberColumn | None:
        """Return the column that fits the rows, or None where it tells nothing: all values are the same."""
        values = _read(table, name, part)
        missing = numpy.isnan(values)
        present = values[~missing]
        gaps = bool(missing.any()) and part in ("", DATE_PARTS[0])  # the parts of a date are missing together
        if present.size == 0:
            return None
        low, high = float(present.min()), float(present.max())
        if low == high:
            return cls(name, part, low, 1.0, gaps, robust) if gaps else None
        filled = numpy.where(missing, numpy.median(present), values)
        with numpy.errstate(over="ignore", invalid="ignore"):
            if robust:
                first, center, third = (float(value) for value in numpy.quantile(filled, (0.25, 0.5, 0.75)))
                spread = third - first if third > first else high / 2.0 - low / 2.0
            else:
                center, spread = float(filled.mean()), float(filled.std())
        if not (math.isfinite(center) and math.isfinite(spread) and spread > 0.0):
            raise DataError(f"{table.source}: '{name}' has numbers too large to scale; drop or rescale it.")
        return cls(name, part, center, spread, gaps, robust)

    @property
    def label(self) -> str:
        """What its input is called: ``age``, or ``born (month)``."""
        return f"{self.name} ({self.part})" if self.part else self.name

    def transform(self, table: Table) -> tuple[Array, Array]:
        """Return the scaled values, float64 of shape (n,), and where they are missing."""
        values = _read(table, self.name, self.part)
        missing = numpy.isnan(values)
        with numpy.errstate(over="ignore"):
            z = (numpy.where(missing, self.center, values) - self.center) / self.spread
        z = numpy.clip(z, -FAR, FAR)
        return z / numpy.sqrt(1.0 + (z / CLIP) ** 2) if self.robust else z, missing


@dataclass(frozen=True)
class CategoryColumn:
    """A column of categories, texts or booleans.

    Attributes
    ----------
    name : str
        The column of the table.
    levels : tuple of str or None
        The categories of training, sorted; None stands for a missing value.
    """

    name: str
    levels: tuple[str | None, ...]

    kind: ClassVar[str] = "category"

    @classmethod
    def fit(cls, table: Table, name: str) -> CategoryColumn | None:
        """Return the column with the levels of the rows, or None where there is only one."""
        counts = Counter(read_levels(table, name, table.kind(name) == "boolean")).most_common(MAX_LEVELS)
        if len(counts) < 2:
            return None
        return cls(name, tuple(sorted((level for level, _ in counts), key=lambda level: (level is None, level or ""))))

    @property
    def label(self) -> str:
        """What its inputs have in common: the name."""
        return self.name

    def transform(self, table: Table) -> Array:
        """Return the place of every row's level in `levels`, -1 for a level never seen."""
        places = {level: place for place, level in enumerate(self.levels)}
        return numpy.array([places.get(level, -1) for level in self.read(table)], dtype=numpy.int64)

    def read(self, table: Table) -> list[str | None]:
        """Return the level of every row, None where missing."""
        return read_levels(table, self.name, {"false", "true"}.issuperset(filter(None, self.levels)))


def read_levels(table: Table, name: str, boolean: bool) -> list[str | None]:
    """Return a column as texts, None where missing; booleans are ``"false"`` and ``"true"`` in any spelling."""
    if table.kinds.get(name) == "boolean":
        names = {0.0: "false", 1.0: "true"}
        return [names.get(value) for value in table.numbers(name).tolist()]
    texts: list[str | None] = list(table.categories(name))
    if not boolean:
        return texts
    return [text and SPELLINGS.get(text.casefold(), text) for text in texts]


def _read(table: Table, name: str, part: str) -> Array:
    """Return a column of numbers, or a part of a column of dates, float64 with NaN for missing values."""
    if not part:
        return table.numbers(name)
    days = table.days(name)
    if part == "day":
        return days
    missing = numpy.isnan(days)
    whole = numpy.floor(numpy.where(missing, 0.0, days))
    if part == "month":
        values = whole.astype("datetime64[D]").astype("datetime64[M]").astype(numpy.int64) % 12 + 1.0
    elif part == "weekday":
        values = (whole + 3.0) % 7.0  # 1970 began on a Thursday; Monday is 0
    else:
        values = 24.0 * (days - whole)
    return numpy.where(missing, numpy.nan, values)


def column_from_json(entry: Any) -> NumberColumn | CategoryColumn:
    """Return the column that its entry in a model file describes, or raise `ModelFileError`."""
    damaged = ModelFileError(f"the description of a feature is damaged: {show(entry)}.")
    if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
        raise damaged
    name, kind = entry["name"], entry.get("kind")
    if kind == "category":
        levels = entry.get("levels")
        if not isinstance(levels, list) or len(levels) < 2 or len(set(map(repr, levels))) < len(levels):
            raise damaged
        if not all(level is None or isinstance(level, str) for level in levels):
            raise damaged
        return CategoryColumn(name, tuple(levels))
    numbers: list[Any] = [entry.get("center"), entry.get("spread")]
    part, flags = entry.get("part"), [entry.get("gaps"), entry.get("robust")]
    finite = all(isinstance(value, float) and math.isfinite(value) for value in numbers)
    if kind != "number" or part not in ("", *DATE_PARTS) or not finite or not numbers[1] > 0.0:
        raise damaged
    if not all(isinstance(flag, bool) for flag in flags):
        raise damaged
    (center, spread), (gaps, robust) = numbers, flags
    return NumberColumn(name, part, center, spread, bool(gaps), bool(robust))
