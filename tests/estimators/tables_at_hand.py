"""Tables for tests."""

from __future__ import annotations

from collections.abc import Sequence

from clearprop.estimators.tables.table import Table


def text_table(**columns: Sequence[str]) -> Table:
    """A table as a CSV file gives it."""
    n_rows = len(next(iter(columns.values())))
    return Table("t.csv", columns, {}, range(2, n_rows + 2))
