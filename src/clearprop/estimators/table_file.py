"""Tables from CSV and Parquet files: columns by name, and complaints that name file, line and column."""

from __future__ import annotations

import contextlib
import csv
import difflib
import io
import math
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy

from clearprop.errors import DataError, MissingExtraError
from clearprop.validation import show

__all__ = ["MISSING", "Table", "closest", "read_table"]

Array = Any

MISSING = ("", "NA", "NaN", "nan", "null", "NULL")
TRUTH: Mapping[str, float | None] = {"true": 1.0, "false": 0.0}


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
        Name of the file, for messages.
    columns : mapping of str to sequence
        The values: texts (None where a Parquet file has a null), or a NumPy array of booleans, integers or floats.
    kinds : mapping of str to str
        What the file itself says a column is: ``"number"``, ``"boolean"`` or ``"category"``. A CSV file says nothing.
    lines : sequence of int or None
        The line of every row in a text file.
    missing : frozenset of str
        Texts that stand for a missing value.
    notes : tuple of str
        What reading has left out.
    """

    source: str
    columns: Mapping[str, Sequence[Any] | Array]
    kinds: Mapping[str, str]
    lines: Sequence[int] | None = None
    missing: frozenset[str] = frozenset(MISSING)
    notes: tuple[str, ...] = ()

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
        absent = [name for name in names if name not in self.columns]
        if absent:
            more = f" (and {len(absent) - 1} more)" if len(absent) > 1 else ""
            raise DataError(f"no column '{absent[0]}'{more} in {self.source}{closest(absent[0], self.columns)}")

    def take(self, rows: Array) -> Table:
        """Return the table of some rows, given by an array of their numbers."""
        columns = {
            name: values[rows] if isinstance(values, numpy.ndarray) else [values[row] for row in rows]
            for name, values in self.columns.items()
        }
        lines = None if self.lines is None else [self.lines[row] for row in rows]
        return replace(self, columns=columns, lines=lines)

    def with_categories(self, names: Iterable[str]) -> Table:
        """Return the table with these columns read as categories, whatever they look like."""
        self.require(names := list(names))
        return replace(self, kinds={**self.kinds, **dict.fromkeys(names, "category")})

    def is_missing(self, value: Any) -> bool:
        """Return whether a text stands for a missing value."""
        return value is None or value in self.missing

    def text(self, name: str) -> list[str]:
        """Return a column as it stood in the file."""
        self.require([name])
        return ["" if value is None else str(value) for value in _plain(self.columns[name])]

    def kind(self, name: str) -> str:
        """Return what the values of a column are: ``"number"``, ``"boolean"`` or ``"category"``.

        Raises
        ------
        DataError
            If most values are numbers and some are not, which is a slip more often than a set of categories.
        """
        if name in self.kinds:
            return self.kinds[name]
        values = self.columns[name]
        present = set(values).difference(self.missing, [None])
        if present and all(value.casefold() in TRUTH for value in present):
            return "boolean"
        others = {value for value in present if _number(value) is None}
        if not others:
            return "number"
        rows = [row for row, value in enumerate(values) if value in others]
        if 2 * len(rows) >= sum(not self.is_missing(value) for value in values):
            return "category"
        raise DataError(f"{self._not_a_number(rows[0], name)} Or --categorical {name} if its numbers are names.")

    def numbers(self, name: str, boolean: bool = False) -> Array:
        """Return a column as float64 with NaN for missing values; true and false count as 1 and 0 on request."""
        values = self.columns[name]
        if isinstance(values, numpy.ndarray):
            result = values.astype(numpy.float64)
        elif (plain := self._all_numbers(values)) is not None:
            result = plain
        else:
            known = TRUTH if boolean else {}
            result = numpy.empty(len(values))
            for row, value in enumerate(values):
                number = math.nan if self.is_missing(value) else known.get(value.casefold(), _number(value))
                if number is None:
                    raise DataError(self._not_a_number(row, name))
                result[row] = number
        infinite = numpy.flatnonzero(numpy.isinf(result))
        if infinite.size:
            raise DataError(f"{self.place(int(infinite[0]), name)} is infinite; numbers must be finite, or be missing.")
        return result

    def _all_numbers(self, values: Sequence[Any]) -> Array | None:
        """Return texts as numbers, quickly, where every one is a number and none stands for a missing value."""
        if not any(value is None or "_" in value for value in values) and self.missing.isdisjoint(values):
            with contextlib.suppress(ValueError):
                return numpy.fromiter(map(float, values), numpy.float64, len(values))
        return None

    def _not_a_number(self, row: int, name: str) -> str:
        value = self.columns[name][row]
        return f"{self.place(row, name)} is {show(value)}, not a number. Use --na {shlex.quote(value)} for missing."

    def categories(self, name: str) -> Array:
        """Return a column as an object array of texts, None for missing values."""
        texts = (str(value) if value is not None else None for value in _plain(self.columns[name]))
        result = numpy.empty(self.n_rows, dtype=object)
        result[:] = [None if self.is_missing(text) else text for text in texts]
        return result

    def labels(self, name: str) -> list[Any]:
        """Return a column as class labels: bool, int, float or str, and None for missing ones."""
        kind = self.kind(name)
        if kind == "category":
            return list(self.categories(name))
        numbers = self.numbers(name, boolean=kind == "boolean")
        present = numbers[~numpy.isnan(numbers)]
        convert: Callable[[float], Any] = float
        if kind == "boolean":
            convert = bool
        elif (present == numpy.floor(present)).all():
            convert = int
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


def read_table(path: str | Path, missing: Iterable[str] = ()) -> Table:
    """Read a CSV file (``,`` ``;`` or tab) or a Parquet file.

    Parameters
    ----------
    path : path-like
        The file; Parquet is known by its content, whatever the name.
    missing : iterable of str
        Texts that stand for a missing value besides `MISSING`.

    Raises
    ------
    DataError
        If the file cannot be read, or is not a table with a header and at least one row.
    MissingExtraError
        If it is a Parquet file and pyarrow is not installed.
    """
    path = Path(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"cannot read '{path}': {error.strerror}; give a CSV or Parquet file.") from error
    parquet = data[:4] == b"PAR1"
    if not parquet and path.suffix.casefold() in (".parquet", ".pq"):
        raise DataError(f"{path.name} is not a Parquet file, or is damaged; write it again.")
    read = _read_parquet if parquet else _read_csv
    return read(data, path.name, frozenset(MISSING) | set(missing))


def _read_csv(data: bytes, source: str, missing: frozenset[str]) -> Table:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise DataError(f"{source}:{line} is not UTF-8 text; save it as CSV in UTF-8, or as Parquet.") from None
    head = next((line for line in text.splitlines() if line.strip()), "")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(head), skipinitialspace=True, strict=True)
    header: list[str] = []
    rows: list[list[str]] = []
    lines: list[int] = []
    line = 1
    try:
        for fields in reader:
            fields = [field.strip() for field in fields]
            if not header:
                header = fields
            elif fields and len(fields) != len(header):
                raise DataError(f"{source}:{line} has {_fields(len(fields))}, the header has {len(header)}.")
            elif fields:
                rows.append(fields)
                lines.append(line)
            line = reader.line_num + 1
    except csv.Error as error:
        raise DataError(f"{source}:{line} cannot be read: {error}; check the quotes.") from None
    _check_header(header, source)
    if not rows:
        raise DataError(f"{source} has a header and no rows; give at least one row.")
    named = {name: column for name, column in zip(header, zip(*rows, strict=True), strict=True) if name}
    notes = tuple(f"column {place} has no name: left out" for place, name in enumerate(header, 1) if not name)
    return Table(source, named, {}, lines, missing, notes)


def _fields(count: int) -> str:
    return "1 field" if count == 1 else f"{count} fields"


def _delimiter(head: str) -> str:
    """Return the separator that the header has most of, outside of quotes; a comma where it has none."""
    bare = "".join(head.split('"')[::2])
    return max(",;\t", key=bare.count)


def _check_header(header: Sequence[str], source: str) -> None:
    if not any(header):
        raise DataError(f"{source} is empty; expected a header line with the names of the columns, then the rows.")
    named = [name for name in header if name]
    for name in named:
        if named.count(name) > 1:
            places = " and ".join(str(place) for place, other in enumerate(header, 1) if other == name)
            raise DataError(f"{source} has the column '{name}' more than once ({places}); rename all but one.")


def _read_parquet(data: bytes, source: str, missing: frozenset[str]) -> Table:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise MissingExtraError(
            f"{source} is a Parquet file, which needs pyarrow; pip install 'clearprop[parquet]', or give a CSV file."
        ) from None
    try:
        table = pyarrow.parquet.read_table(io.BytesIO(data))
    except (pyarrow.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0]
        raise DataError(f"{source} cannot be read as Parquet: {reason}; write it again.") from None
    _check_header(table.column_names, source)
    if table.num_rows == 0:
        raise DataError(f"{source} has no rows; give at least one row.")
    columns, kinds = {}, {}
    for name, column in zip(table.column_names, table.columns, strict=True):
        columns[name], kinds[name] = _from_arrow(pyarrow, column)
    return Table(source, columns, kinds, None, missing)


def _from_arrow(pyarrow: Any, column: Any) -> tuple[Sequence[Any] | Array, str]:
    """Return the values and the kind of a column."""
    types = pyarrow.types
    if types.is_boolean(column.type):
        values = column.cast(pyarrow.int8()) if column.null_count else column  # with nulls: floats with NaN
        return values.to_numpy(), "boolean"
    if types.is_decimal(column.type) or types.is_null(column.type) or types.is_float16(column.type):
        column = column.cast(pyarrow.float64())
    if types.is_integer(column.type) or types.is_floating(column.type):
        return column.to_numpy(), "number"
    return [None if value is None else str(value) for value in column.to_pylist()], "category"
