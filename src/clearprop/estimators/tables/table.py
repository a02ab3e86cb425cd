"""Tables: columns by name, what kind of values they hold, and complaints that name file, line and column."""

from __future__ import annotations

import contextlib
import datetime
import difflib
import math
import re
import shlex
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import numpy

from clearprop.errors import DataError
from clearprop.validation import show

__all__ = ["MISSING", "TRUTH", "Table", "are_dates", "are_numbers", "closest"]

Array = Any

MISSING = ("", "NA", "NaN", "nan", "null", "NULL")
TRUTH: Mapping[str, float | None] = {"true": 1.0, "false": 0.0}
DATE = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")  # how a date begins
EXACT = 2**53  # up to which every integer is a float64
PADDED = re.compile("[+-]?0[0-9]+")  # 007 is a code: as a number it would be the same as 7


def closest(name: str, names: Iterable[str]) -> str:
    """Return ``"; did you mean 'species'?"``, or the names that there are where none is close.

    Examples
    --------
    >>> closest("specie", ["petal_length", "species"])
    "; did you mean 'species'?"
    """
    known = list(names)
    folded = {other.casefold(): other for other in known}
    near = difflib.get_close_matches(name.casefold(), folded, n=1)
    if near:
        return f"; did you mean '{folded[near[0]]}'?"
    listed = ", ".join(f"'{other}'" for other in known[:8])
    return f"; there are {listed}{f' and {len(known) - 8} more' if len(known) > 8 else ''}."


@dataclass(frozen=True)
class Table:
    """Named columns of equal length.

    Attributes
    ----------
    source : str
        Name of the file, or of the argument, for messages.
    columns : mapping of str to sequence
        The values: texts (None where a Parquet file has a null), or a NumPy array of booleans, integers or floats.
    kinds : mapping of str to str
        What the source itself says a column is: ``"number"``, ``"boolean"``, ``"date"`` or ``"category"``. A CSV file
        says nothing.
    lines : sequence of int or None
        The line of every row in a text file.
    missing : frozenset of str
        Texts that stand for a missing value.
    notes : tuple of str
        What reading has left out.
    decimal_comma : bool
        Whether texts such as ``3,14`` may be numbers, as in files that separate their columns by ``;``.
    in_memory : bool
        Whether it is no file; messages then name no option of the command line.
    """

    source: str
    columns: Mapping[str, Sequence[Any] | Array]
    kinds: Mapping[str, str]
    lines: Sequence[int] | None = None
    missing: frozenset[str] = frozenset(MISSING)
    notes: tuple[str, ...] = ()
    decimal_comma: bool = False
    in_memory: bool = False

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return len(next(iter(self.columns.values())))

    def place(self, row: int, name: str) -> str:
        """Return where a value stands, as ``iris.csv:88 'petal_length'``."""
        where = f"{self.source} row {row + 1}" if self.lines is None else f"{self.source}:{self.lines[row]}"
        return f"{where} '{name}'"

    def require(self, names: Iterable[str]) -> None:
        """Raise `DataError` unless the table has all these columns."""
        absent = [name for name in dict.fromkeys(names) if name not in self.columns]
        if absent:
            more = f" (and {len(absent) - 1} more)" if len(absent) > 1 else ""
            raise DataError(f"no column '{absent[0]}'{more} in {self.source}{closest(absent[0], self.columns)}")

    def select(self, names: Iterable[str]) -> Table:
        """Return the table of some columns."""
        self.require(names := list(names))
        return replace(self, columns={name: self.columns[name] for name in names})

    def take(self, rows: Array) -> Table:
        """Return the table of some rows, given by an array of their numbers."""
        columns = {
            name: values[rows] if isinstance(values, numpy.ndarray) else [values[row] for row in rows]
            for name, values in self.columns.items()
        }
        lines = None if self.lines is None else [self.lines[row] for row in rows]
        return replace(self, columns=columns, lines=lines)

    def with_categories(self, names: Iterable[str]) -> Table:
        """Return the table with these columns read as categories, whatever they look like; booleans are so already."""
        self.require(names := list(names))
        chosen = [name for name in names if self.kinds.get(name) != "boolean"]
        return replace(self, kinds={**self.kinds, **dict.fromkeys(chosen, "category")})

    def present(self, name: str) -> Array:
        """Return the numbers of the rows whose value in a column is not missing."""
        self.require([name])
        values = self.columns[name]
        if isinstance(values, numpy.ndarray):
            return numpy.flatnonzero(values == values)
        return numpy.flatnonzero([not self.is_missing(value) for value in values])

    def is_missing(self, value: Any) -> bool:
        """Return whether a text stands for a missing value."""
        return value is None or value in self.missing

    def text(self, name: str) -> list[str]:
        """Return a column as it stood in the file."""
        self.require([name])
        return ["" if value is None else str(value) for value in _plain(self.columns[name])]

    def kind(self, name: str) -> str:
        """Return what the values of a column are: ``"number"``, ``"boolean"``, ``"date"`` or ``"category"``.

        Raises
        ------
        DataError
            If most values are numbers and some are not, which is a slip more often than a set of categories.
        """
        if name in self.kinds:
            return self.kinds[name]
        values = self.columns[name]
        present = self._present(name)
        if present and all(value.casefold() in TRUTH for value in present):
            return "boolean"
        if are_dates(present):
            return "date"
        if _padded(present) is not None:
            return "category"
        number = self._number_reader(name)
        others = {value for value in present if number(value) is None}
        if not others:
            return "number"
        rows = [row for row, value in enumerate(values) if value in others]
        if 2 * len(rows) >= sum(not self.is_missing(value) for value in values):
            return "category"
        raise DataError(f"{self._not_a_number(rows[0], name)} Or --categorical {name} if its numbers are names.")

    def padded(self, name: str) -> str | None:
        """Return a text of the column that is a whole number with leading zeros, or None."""
        if name in self.kinds:
            return None
        return _padded(self._present(name))

    def has_commas(self, name: str) -> bool:
        """Return whether a column of numbers is read with decimal commas."""
        return name not in self.kinds and self._number_reader(name) is _comma_number

    def _present(self, name: str) -> set[str]:
        """Return the different texts of a column, without those that stand for a missing value."""
        return set(self.columns[name]).difference(self.missing, [None])

    def _number_reader(self, name: str) -> Callable[[str], float | None]:
        """Return what reads the numbers of a text column: with a decimal comma where that fits more of its texts."""
        if not self.decimal_comma:
            return _number
        present = self._present(name)
        fits = {read: sum(read(text) is not None for text in present) for read in (_number, _comma_number)}
        return max(fits, key=fits.__getitem__)  # the point where both fit alike

    def numbers(self, name: str, boolean: bool = False) -> Array:
        """Return a column as float64 with NaN for missing values; true and false count as 1 and 0 on request."""
        values = self.columns[name]
        if isinstance(values, numpy.ndarray):
            result = values.astype(numpy.float64)
        elif (plain := self._all_numbers(values)) is not None:
            result = plain
        else:
            known = TRUTH if boolean else {}
            read = self._number_reader(name)
            result = numpy.empty(len(values))
            for row, value in enumerate(values):
                number = math.nan if self.is_missing(value) else known.get(value.casefold(), read(value))
                if number is None:
                    raise DataError(self._not_a_number(row, name))
                result[row] = number
        infinite = numpy.flatnonzero(numpy.isinf(result))
        if infinite.size:
            raise DataError(f"{self.place(int(infinite[0]), name)} is infinite; numbers must be finite, or be missing.")
        return result

    def days(self, name: str) -> Array:
        """Return a column of dates as days since 1970 (UTC), float64 with NaN for missing ones."""
        values = self.columns[name]
        if isinstance(values, numpy.ndarray):
            return values.astype(numpy.float64)
        result = numpy.full(len(values), math.nan)
        for row, value in enumerate(values):
            if self.is_missing(value):
                continue
            day = _day(value)
            if day is None:
                raise DataError(
                    f"{self.place(row, name)} is {show(value)}, not a date such as 2026-01-31 or 2026-01-31T12:30. "
                    f"{self._remedy(value)}"
                )
            result[row] = day
        return result

    def _all_numbers(self, values: Sequence[Any]) -> Array | None:
        """Return texts as numbers, quickly, where every one is a number and none stands for a missing value."""
        if not any(value is None or "_" in value for value in values) and self.missing.isdisjoint(values):
            with contextlib.suppress(ValueError):
                return numpy.fromiter(map(float, values), numpy.float64, len(values))
        return None

    def _not_a_number(self, row: int, name: str) -> str:
        value = self.columns[name][row]
        return f"{self.place(row, name)} is {show(value)}, not a number. {self._remedy(value)}"

    def _remedy(self, value: str) -> str:
        return "Use None for missing." if self.in_memory else f"Use --na {shlex.quote(value)} for missing."

    def categories(self, name: str) -> Array:
        """Return a column as an object array of texts, None for missing values."""
        texts = (str(value) if value is not None else None for value in _plain(self.columns[name]))
        result = numpy.empty(self.n_rows, dtype=object)
        result[:] = [None if self.is_missing(text) else text for text in texts]
        return result

    def labels(self, name: str) -> list[Any]:
        """Return a column as class labels: bool, int, float or str, and None for missing ones."""
        kind = self.kind(name)
        if kind in ("category", "date"):
            return list(self.categories(name))
        numbers = self.numbers(name, boolean=kind == "boolean")
        present = numbers[~numpy.isnan(numbers)]
        convert: Callable[[float], Any] = float
        if kind == "boolean":
            convert = bool
        elif (present == numpy.floor(present)).all():
            convert = int
            if (numpy.abs(present) >= EXACT).any():  # as a float64 such a number may be another
                return [None if self.is_missing(text) else int(Decimal(text)) for text in self.text(name)]
        return [None if math.isnan(number) else convert(number) for number in numbers.tolist()]


def _plain(values: Sequence[Any] | Array) -> list[Any]:
    """Return Python objects; whole floats as integers and NaN as None, so that CSV and Parquet name them alike."""
    if not isinstance(values, numpy.ndarray):
        return list(values)
    if values.dtype.kind != "f":
        return list(values.tolist())
    return [None if math.isnan(v) else int(v) if v.is_integer() else v for v in values.tolist()]


def _number(text: str) -> float | None:
    if "_" in text:  # Python would read 1_000 as a number
        return None
    try:
        return float(text)
    except ValueError:
        return None


def are_dates(texts: Collection[str]) -> bool:
    """Return whether there are texts, and all of them dates such as 2026-01-31 or 2026-01-31T12:30."""
    return bool(texts) and all(_day(text) is not None for text in texts)


def are_numbers(texts: Collection[str]) -> bool:
    """Return whether there are texts, and all of them numbers without leading zeros."""
    return bool(texts) and _padded(texts) is None and all(_number(text) is not None for text in texts)


def _day(text: str) -> float | None:
    """Return a date as days since 1970 (UTC), or None for another text."""
    if not DATE.match(text):
        return None
    try:
        moment = datetime.datetime.fromisoformat(text)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)).timestamp() / 86400.0


def _padded(texts: Iterable[str]) -> str | None:
    return min(filter(PADDED.fullmatch, texts), default=None)


def _comma_number(text: str) -> float | None:
    return None if "." in text else _number(text.replace(",", "."))
