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
    import numpy

    from clearprop.cli.model_file import load_model

    stored = load_model(options.model)
    model = stored.model
    table = load_table(options.data, [*stored.missing, *options.na])
    columns: dict[str, Iterable[Any]] = {name: table.text(name) for name in options.keep}
    if options.proba and not hasattr(model, "predict_proba"):
        name = "the target" if stored.target is None else f"'{stored.target}'"
        raise ArgumentError(f"{name} is a number, so there are no probabilities; leave out --proba.")
    results = _columns("prediction", model.predict(table), range(model.target_.n_outputs))
    note_unseen(model.preprocessing_, table)
    if options.proba:
        p = numpy.vectorize("{:.9g}".format)(model.predict_proba(table))
        results |= _columns("probability", p, model.classes_.tolist())
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


def _columns(name: str, values: Any, labels: Iterable[Any]) -> dict[str, Iterable[Any]]:
    """Return the column of that name, or of a matrix the columns, as texts."""
    if values.ndim == 1:
        return {name: map(str, values.tolist())}
    return {f"{name}_{label}": map(str, column) for label, column in zip(labels, values.T.tolist(), strict=True)}
