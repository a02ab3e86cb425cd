"""The features of a table as numbers: medians for gaps, scaling, one column a category; kept as JSON, never pickled."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from clearprop.errors import DataError, ModelFileError
from clearprop.estimators.table_data import Table
from clearprop.validation import show

__all__ = ["CategoryColumn", "Columns", "NumberColumn"]

Array = Any

MAX_LEVELS = 1000  # of one column; rarer ones are treated like levels never seen
MAX_SHOWN = 5  # values in a message
FAR = 1e6  # standard deviations; beyond it values count as this far, so that float32 never overflows


@dataclass(frozen=True)
class NumberColumn:
    """A column of numbers, or of booleans as 0 and 1.

    Attributes
    ----------
    name : str
        Its name.
    kind : {"number", "boolean"}
        What it holds.
    median : float
        What stands in for a missing value.
    mean, scale : float
        The network reads (value - mean) / scale.
    gaps : bool
        Whether training had missing values; a further input then says which they were.
    """

    name: str
    kind: str
    median: float
    mean: float
    scale: float
    gaps: bool


@dataclass(frozen=True)
class CategoryColumn:
    """A column of categories; the network reads one input a level, and zeros for a level never seen.

    Attributes
    ----------
    name : str
        Its name.
    levels : tuple of str or None
        The categories; None stands for a missing value.
    """

    name: str
    levels: tuple[str | None, ...]

    kind = "category"


class Columns:
    """The fitted preprocessing of the features, by scikit-learn.

    Parameters
    ----------
    columns : sequence of NumberColumn or CategoryColumn
        The features in the order of the table. The network reads the numbers first, then which of them were missing,
        then the categories.

    Attributes
    ----------
    inputs : list of str
        What each input of the network is: ``age``, ``age is missing``, ``sex = male``.
    """

    def __init__(self, columns: Sequence[NumberColumn | CategoryColumn]) -> None:
        self.columns = tuple(columns)
        self.numbers = [column for column in self.columns if isinstance(column, NumberColumn)]
        self.categories = [column for column in self.columns if isinstance(column, CategoryColumn)]
        self.inputs = [column.name for column in self.numbers]
        self.inputs += [f"{column.name} is missing" for column in self.numbers if column.gaps]
        for column in self.categories:
            self.inputs += [f"{column.name} = {'(missing)' if level is None else level}" for level in column.levels]
        if self.numbers:
            # The public way to a fitted imputer: two rows whose medians and gaps are those of the training data.
            medians = numpy.array([column.median for column in self.numbers])
            gaps = numpy.array([numpy.nan if column.gaps else column.median for column in self.numbers])
            rows = numpy.stack([medians, gaps])
            self._imputer = SimpleImputer(strategy="median").fit(rows)
            self._indicator = MissingIndicator(features="missing-only", error_on_new=False).fit(rows)
            self._scaler = StandardScaler().fit(rows[:1])
            self._scaler.mean_ = numpy.array([column.mean for column in self.numbers])
            self._scaler.scale_ = numpy.array([column.scale for column in self.numbers])
            self._scaler.var_ = self._scaler.scale_**2
        if self.categories:
            levels = [numpy.array(column.levels, dtype=object) for column in self.categories]
            self._encoder = OneHotEncoder(
                categories=levels, handle_unknown="ignore", sparse_output=False, dtype=numpy.float32
            ).fit(numpy.array([[column.levels[0] for column in self.categories]], dtype=object))

    @classmethod
    def fit(cls, table: Table, kinds: dict[str, str]) -> Columns:
        """Return the preprocessing that fits the rows of a table.

        Parameters
        ----------
        table : Table
            The training rows.
        kinds : dict of str to {"number", "boolean", "category"}
            The features and what they hold.
        """
        fitted: list[NumberColumn | CategoryColumn] = []
        for name, kind in kinds.items():
            if kind == "category":
                counts = Counter(table.categories(name).tolist()).most_common(MAX_LEVELS)
                levels = sorted((level for level, _ in counts), key=lambda level: (level is None, level or ""))
                fitted.append(CategoryColumn(name, tuple(levels)))
                continue
            values = table.numbers(name, boolean=kind == "boolean")[:, None]
            filled = (imputer := SimpleImputer(strategy="median", keep_empty_features=True)).fit_transform(values)
            with numpy.errstate(over="ignore", invalid="ignore"):
                scaler = StandardScaler().fit(filled)
            numbers = float(imputer.statistics_[0]), float(scaler.mean_[0]), float(scaler.scale_[0])
            if not all(map(math.isfinite, numbers)):
                raise DataError(f"{table.source}: '{name}' has numbers too large to scale; drop or rescale it.")
            fitted.append(NumberColumn(name, kind, *numbers, gaps=bool(numpy.isnan(values).any())))
        return cls(fitted)

    def transform(self, table: Table) -> Array:
        """Return what the network reads, float32 of shape (n_rows, n_inputs)."""
        table.require(column.name for column in self.columns)
        blocks = []
        if self.numbers:
            values = numpy.stack([table.numbers(c.name, boolean=c.kind == "boolean") for c in self.numbers], axis=1)
            blocks += [self._scaler.transform(self._imputer.transform(values)), self._indicator.transform(values)]
        if self.categories:
            blocks.append(self._encoder.transform(numpy.stack([table.categories(c.name) for c in self.categories], 1)))
        return numpy.clip(numpy.concatenate(blocks, axis=1), -FAR, FAR).astype(numpy.float32)

    def unseen(self, table: Table) -> list[str]:
        """Return for each column with categories that training did not have a text that says which, and how often."""
        notes = []
        for column in self.categories:
            table.require([column.name])
            found = Counter(table.categories(column.name).tolist())
            for level in column.levels:
                del found[level]
            if found:
                values = ["(missing)" if level is None else level for level, _ in found.most_common(MAX_SHOWN)]
                rare = " or rare there" if len(column.levels) >= MAX_LEVELS else ""
                notes.append(
                    f"'{column.name}': {found.total()} of {table.n_rows} rows hold values not seen in training{rare} "
                    f"({', '.join(values)}{', ...' if len(found) > MAX_SHOWN else ''})"
                )
        return notes

    def to_json(self) -> list[dict[str, Any]]:
        """Return the fitted state as something the json module can write."""
        return [{"kind": column.kind, **vars(column)} for column in self.columns]

    @classmethod
    def from_json(cls, entries: Any) -> Columns:
        """Return the preprocessing that `to_json` described, or raise `ModelFileError`."""
        if not isinstance(entries, list) or not entries:
            raise ModelFileError(f"columns must be a list of features, got {show(entries)}.")
        columns = [_column(entry) for entry in entries]
        names = [column.name for column in columns]
        if len(set(names)) < len(names):
            raise ModelFileError("a feature is described twice.")
        return cls(columns)


def _column(entry: Any) -> NumberColumn | CategoryColumn:
    damaged = ModelFileError(f"the description of a feature is damaged: {show(entry)}.")
    if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
        raise damaged
    name, kind = entry["name"], entry.get("kind")
    if kind == "category":
        levels = entry.get("levels")
        if not isinstance(levels, list) or not levels or len(set(map(repr, levels))) < len(levels):
            raise damaged
        if not all(level is None or isinstance(level, str) for level in levels):
            raise damaged
        return CategoryColumn(name, tuple(levels))
    numbers: list[Any] = [entry.get(key) for key in ("median", "mean", "scale")]
    finite = all(isinstance(value, float) and math.isfinite(value) for value in numbers)
    gaps = entry.get("gaps")
    if kind not in ("number", "boolean") or not finite or not numbers[2] > 0.0 or not isinstance(gaps, bool):
        raise damaged
    median, mean, scale = numbers
    return NumberColumn(name, kind, median, mean, scale, gaps)
