"""Tables read from CSV and Parquet files; complaints name file, line and column."""

from __future__ import annotations

import csv
import gzip
import io
import sys
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from clearprop.errors import DataError, MissingExtraError
from clearprop.estimators.tables.table import MISSING, Table

__all__ = ["read_table"]

Array = Any

GZIP = b"\x1f\x8b"  # how such a file begins


def read_table(path: str | Path, missing: Iterable[str] = ()) -> Table:
    """Read a CSV file (``,`` ``;`` or tab; gzip is fine) or a Parquet file.

    Parameters
    ----------
    path : path-like
        The file, or ``-`` for standard input. Parquet and gzip are known by their content, whatever the name.
    missing : iterable of str
        Texts that stand for a missing value besides `MISSING`.

    Raises
    ------
    DataError
        If the file cannot be read, or is not a table with a header and at least one row.
    MissingExtraError
        If it is a Parquet file and pyarrow is not installed.
    """
    standard_input = str(path) == "-"
    path = Path("standard input" if standard_input else path)
    try:
        data = sys.stdin.buffer.read() if standard_input else path.read_bytes()
    except OSError as error:
        raise DataError(f"cannot read '{path}': {error.strerror}; give a CSV or Parquet file.") from error
    if data[:2] == GZIP:
        try:
            data = gzip.decompress(data)
        except (OSError, EOFError, zlib.error) as error:
            raise DataError(f"{path.name} cannot be unpacked with gzip: {error}; write it again.") from None
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
    delimiter = _delimiter(head)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True, strict=True)
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
    return Table(source, named, {}, lines, missing, notes, decimal_comma=delimiter == ";")


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
    texts = [None if value is None else str(value) for value in column.to_pylist()]
    return texts, "date" if types.is_date(column.type) or types.is_timestamp(column.type) else "category"
