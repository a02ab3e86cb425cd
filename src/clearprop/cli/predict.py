"""``clearprop predict``: predictions for the rows of a table, as CSV."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from clearprop.cli.options import (
    Parser,
    add_missing,
    add_quiet,
    check_output,
    load_model,
    load_table,
    names,
    note,
    note_unseen,
    write_text,
)
from clearprop.errors import ArgumentError

__all__ = ["run"]


def run(arguments: Sequence[str]) -> int:
    """Run the verb and return its exit code."""
    parser = Parser("predict", "Predict the rows of a table. The result is CSV, on standard output by default.")
    parser.add_argument("model", metavar="MODEL", help="what 'clearprop train' wrote")
    parser.add_argument("data", metavar="DATA", help="CSV or Parquet, - for standard input; columns are found by name")
    parser.add_argument("--proba", action="store_true", help="also give the probability of every class")
    parser.add_argument("--keep", metavar="COL,...", type=names, default=[], help="columns of DATA to copy, e.g. an id")
    parser.add_argument("--out", metavar="FILE", default="-", help="where to write; - is standard output (default)")
    parser.add_argument("--force", action="store_true", help="replace FILE if it exists")
    add_missing(parser)
    add_quiet(parser)
    options = parser.read(arguments)

    if options.out != "-":
        check_output(options.out, options.force, [options.model, options.data])
    model = load_model(options.model)
    table = load_table(options.data, [*model.missing, *options.na])
    columns: dict[str, Iterable[Any]] = {name: table.text(name) for name in options.keep}
    results: dict[str, Iterable[Any]] = {"prediction": map(_text, model.predict(table))}
    note_unseen(model, table)
    if options.proba:
        probabilities = model.probabilities(table)
        for label, p in probabilities.items():
            results[f"probability_{label}"] = [f"{value:.9g}" for value in p.tolist()]
    clash = next((name for name in columns if name in results), None)
    if clash is not None:
        raise ArgumentError(f"--keep '{clash}': the result has a column of that name; rename yours.")
    columns |= results
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    if options.out == "-":
        sys.stdout.write(buffer.getvalue())
    else:
        write_text(options.out, buffer.getvalue())
        note(f"wrote {table.n_rows} predictions to {options.out}")
    return 0


def _text(value: Any) -> str:
    """Return a label as it is, and a number with the digits that float32 can hold."""
    return f"{value:.9g}" if isinstance(value, float) else str(value)
