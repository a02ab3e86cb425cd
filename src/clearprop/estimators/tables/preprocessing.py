"""The features of a table as the inputs of a network: fitted in one pass, kept as JSON, never pickled."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy
import scipy.sparse

from clearprop.errors import ModelFileError
from clearprop.estimators.tables.columns import (
    DATE_PARTS,
    CategoryColumn,
    NumberColumn,
    column_from_json,
)
from clearprop.estimators.tables.table import Table
from clearprop.summary import aligned
from clearprop.validation import show

__all__ = ["Preprocessing", "PreprocessingSummary"]

Array = Any
Column = NumberColumn | CategoryColumn

MAX_SHOWN = 5  # values in a message
FEW = 20  # rows; the texts of so few may all differ by chance


@dataclass(frozen=True)
class PreprocessingSummary:
    """What becomes of each column of a table: its kind, its inputs of the network, and how.

    Attributes
    ----------
    rows : tuple of (column, kind, inputs, how)
        A row a column, those that are left out at the end with 0 inputs.
    """

    rows: tuple[tuple[str, str, int, str], ...]

    def __str__(self) -> str:
        lines = [[name, kind, str(inputs), how] for name, kind, inputs, how in self.rows]
        return aligned([["column", "kind", "inputs", "how"], *lines], right=(2,))

    __repr__ = __str__


class Preprocessing:
    """The fitted preprocessing of a table's features.

    Numbers are centered, scaled by the distance of their quartiles and drawn in to (-3, 3); missing ones are filled
    with the median, and a flag says which they were. A category of two levels is a flag of -1 and 1, one of up to
    `max_flags` levels has a flag for each, and one of more is embedded by the network: an input of its own, one-hot
    in a sparse matrix. A missing category is a level of its own; a level that training did not have is 0 everywhere.
    Dates become numbers: the day, the month, the day of the week and the hour, where these differ.

    Attributes
    ----------
    columns : tuple of NumberColumn or CategoryColumn
        What is read, in the order of the table.
    dropped : mapping of str to str
        Columns that are not read, and why.
    max_flags : int
        Levels of a category up to which it becomes flags.
    numbers, flags : list of str
        What the inputs of the first two matrices are: ``age``; ``age is missing``, ``sex = male``.
    embedded : list of CategoryColumn
        The categories with a matrix of their own.
    """

    def __init__(self, columns: Sequence[Column], dropped: Mapping[str, str] | None = None, max_flags: int = 8) -> None:
        self.columns, self.dropped, self.max_flags = tuple(columns), dict(dropped or {}), max_flags
        self._numbers = [column for column in self.columns if isinstance(column, NumberColumn)]
        categories = [column for column in self.columns if isinstance(column, CategoryColumn)]
        self._flagged = [column for column in categories if len(column.levels) <= max_flags]
        self.embedded = [column for column in categories if len(column.levels) > max_flags]
        self.numbers = [column.label for column in self._numbers]
        self.flags = [f"{column.label} is missing" for column in self._numbers if column.gaps]
        for column in self._flagged:
            self.flags += _flag_names(column)

    @classmethod
    def fit(cls, table: Table, kinds: Mapping[str, str], *, max_flags: int = 8, robust: bool = True) -> Preprocessing:
        """Return the preprocessing that fits the rows of a table.

        Parameters
        ----------
        table : Table
            The training rows.
        kinds : mapping of str to {"number", "boolean", "category", "date"}
            The features and what they hold.
        max_flags : int, default=8
            Levels of a category up to which it becomes flags.
        robust : bool, default=True
            False for numbers that are standardised instead.
        """
        columns: list[Column] = []
        dropped: dict[str, str] = {}
        known: dict[bytes, str] = {}
        for name, kind in kinds.items():
            found: list[Column | None]
            if kind in ("category", "boolean"):
                found = [CategoryColumn.fit(table, name)]
            else:
                parts = DATE_PARTS if kind == "date" else ("",)
                found = [NumberColumn.fit(table, name, part, robust=robust) for part in parts]
            useful = [column for column in found if column is not None]
            if not useful:
                dropped[name] = "the same value in every row"
                continue
            if kind == "category" and len(set(table.categories(name))) == table.n_rows > FEW:
                dropped[name] = "another text in every row"
                continue
            values = b"".join(_bytes(column, table) for column in useful)
            if values in known:
                dropped[name] = f"the same as '{known[values]}'"
                continue
            known[values] = name
            columns += useful
        return cls(columns, dropped, max_flags)

    @property
    def n_inputs(self) -> list[int]:
        """Columns of each matrix that `transform` returns."""
        dense = [len(names) for names in (self.numbers, self.flags) if names]
        return (dense + [len(column.levels) for column in self.embedded]) or [1]

    @property
    def sources(self) -> list[list[str]]:
        """The column of the table that each column of each matrix comes from; empty where no column tells anything."""
        numbers = [column.name for column in self._numbers]
        flags = [column.name for column in self._numbers if column.gaps]
        flags += [column.name for column in self._flagged for _ in _flag_names(column)]
        embedded = [[column.name] * len(column.levels) for column in self.embedded]
        return [names for names in (numbers, flags) if names] + embedded

    @property
    def names(self) -> list[list[str]]:
        """What each column of each matrix that `transform` returns is; none where no column tells anything."""
        embedded = [[f"{column.name} = {level}" for level in _level_names(column)] for column in self.embedded]
        return [names for names in (self.numbers, self.flags) if names] + embedded

    def transform(self, table: Table) -> list[Array]:
        """Return what the network reads.

        Returns
        -------
        list of array
            float32 matrices of n rows: the numbers, the flags (each where there are any), and for each embedded
            category a SciPy CSR matrix of shape (n, levels) with one 1 a row, or none for a level never seen. Where
            no column tells anything, a column of zeros.
        """
        table.require(column.name for column in self.columns)
        scaled, flags = [], []
        for column in self._numbers:
            values, missing = column.transform(table)
            scaled.append(values)
            if column.gaps:
                flags.append(missing)
        for category in self._flagged:
            flags += _flag_values(category, category.transform(table))
        inputs = [
            numpy.stack(block, axis=1, dtype=numpy.float32, casting="unsafe") for block in (scaled, flags) if block
        ]
        inputs += [_one_hot(column.transform(table), len(column.levels)) for column in self.embedded]
        return inputs or [numpy.zeros((table.n_rows, 1), dtype=numpy.float32)]

    def unseen(self, table: Table) -> list[str]:
        """Return for each column with categories that training did not have a text that says which, and how often."""
        table.require(column.name for column in self.columns)
        notes = []
        for column in (*self._flagged, *self.embedded):
            found = Counter(column.read(table))
            for level in column.levels:
                del found[level]
            if found:
                values = ["(missing)" if level is None else level for level, _ in found.most_common(MAX_SHOWN)]
                notes.append(
                    f"'{column.name}': {found.total()} of {table.n_rows} rows hold values not seen, or rare, in "
                    f"training ({', '.join(values)}{', ...' if len(found) > MAX_SHOWN else ''})"
                )
        return notes

    def summary(self) -> PreprocessingSummary:
        """Return what becomes of each column; printed, it is a table."""
        rows = []
        for column in self.columns:
            if isinstance(column, NumberColumn):
                sign = "+" if column.center < 0.0 else "-"
                how = f"(x {sign} {abs(column.center):.4g}) / {column.spread:.4g}" + (
                    ", drawn in" if column.robust else ""
                )
                how += f"; {column.center:.4g} and a flag where missing" if column.gaps else ""
                rows.append((column.label, "number", 1 + column.gaps, how))
                continue
            levels = ["(missing)" if level is None else level for level in column.levels]
            shown = ", ".join(levels[:MAX_SHOWN]) + (f", ... ({len(levels)})" if len(levels) > MAX_SHOWN else "")
            if len(levels) > self.max_flags:
                rows.append((column.name, "category", len(levels), f"embedded: {shown}"))
            else:
                names = _flag_names(column)
                rows.append(
                    (column.name, "category", len(names), f"{'-1 and 1' if len(names) == 1 else 'flags'}: {shown}")
                )
        rows += [(name, "", 0, f"left out: {why}") for name, why in self.dropped.items()]
        return PreprocessingSummary(tuple(rows))

    def to_json(self) -> dict[str, Any]:
        """Return the fitted state as something the json module can write."""
        columns = [{"kind": column.kind, **asdict(column)} for column in self.columns]
        return {"columns": columns, "dropped": self.dropped, "max_flags": self.max_flags}

    @classmethod
    def from_json(cls, entry: Any) -> Preprocessing:
        """Return the preprocessing that `to_json` described, or raise `ModelFileError`."""
        if not isinstance(entry, dict) or not isinstance(entry.get("columns"), list):
            raise ModelFileError(f"the description of the features is damaged: {show(entry)}.")
        columns = [column_from_json(one) for one in entry["columns"]]
        if len({(column.name, getattr(column, "part", "")) for column in columns}) < len(columns):
            raise ModelFileError("a feature is described twice.")
        dropped, max_flags = entry.get("dropped"), entry.get("max_flags")
        texts = isinstance(dropped, dict) and all(isinstance(text, str) for text in dropped.values())
        if not texts or isinstance(max_flags, bool) or not isinstance(max_flags, int) or max_flags < 1:
            raise ModelFileError(f"the description of the features is damaged: {show(entry)}.")
        return cls(columns, dropped, max_flags)


def _level_names(column: CategoryColumn) -> list[str]:
    return ["(missing)" if level is None else level for level in column.levels]


def _flag_names(column: CategoryColumn) -> list[str]:
    levels = _level_names(column)
    return [f"{column.name} = {level}" for level in (levels[1:] if len(levels) == 2 else levels)]


def _flag_values(column: CategoryColumn, places: Array) -> list[Array]:
    """Return the flags of a column: of two levels -1 and 1, else 0 and 1 for each; 0 for a level never seen."""
    if len(column.levels) == 2:
        return [numpy.where(places < 0, 0.0, 2.0 * places - 1.0)]
    return [places == place for place in range(len(column.levels))]


def _one_hot(places: Array, n_levels: int) -> Any:
    known = places >= 0
    starts = numpy.concatenate([[0], numpy.cumsum(known)])
    values = numpy.ones(starts[-1], dtype=numpy.float32)
    return scipy.sparse.csr_matrix((values, places[known], starts), shape=(len(places), n_levels))


def _bytes(column: Column, table: Table) -> bytes:
    """Return what tells columns apart that are read in the same way."""
    if isinstance(column, NumberColumn):
        values, missing = column.transform(table)
        return b"".join([values.tobytes(), missing.tobytes()])
    return b"".join([repr(len(column.levels)).encode(), column.transform(table).tobytes()])
