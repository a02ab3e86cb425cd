"""``clearprop explain``: every quantity of one row's pass through a model."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from clearprop.cli.options import (
    Parser,
    add_missing,
    add_quiet,
    check_output,
    integer,
    load_table,
    note,
    real,
    write_text,
)
from clearprop.errors import ArgumentError

if TYPE_CHECKING:
    import argparse

    from clearprop.estimators import Classifier, NetworkRows, Regressor
    from clearprop.estimators.tables.table import Table
    from clearprop.trace import Trace, TraceStep

__all__ = ["run"]

SHOWN = 6  # numbers of a quantity that a terminal shows
CHECKED = 100  # numbers of each derivative that --check compares, evenly spread
NOTATIONS = ("clearprop", "larochelle", "ufldl", "cmu", "toronto", "deep_learning_book")


def _parser() -> Parser:
    parser = Parser(
        "explain",
        "Show every quantity of one row's pass through a model, forward and backward, with its\n"
        "formula: activations, gradients, and what one step of an optimizer would change.",
    )
    parser.add_argument("model", metavar="MODEL", help="what 'clearprop train' wrote, or net.save")
    parser.add_argument("data", metavar="DATA", help="CSV or Parquet with the target's column, - for standard input")
    parser.add_argument("--row", metavar="N", type=integer(0), required=True, help="which row of DATA, counted from 0")
    parser.add_argument("--target", metavar="COL", help="the target's column; default: the one trained on")
    parser.add_argument("--layer", metavar="NODE", help="this node alone, such as dense_1")
    parser.add_argument(
        "--check", action="store_true", help="compare derivatives with finite differences and show the largest error"
    )
    parser.add_argument(
        "--notation", choices=NOTATIONS, default="clearprop", metavar="NAME",
        help=f"whose symbols: {', '.join(NOTATIONS)}",
    )  # fmt: skip
    parser.add_argument("--optimizer", choices=("sgd", "adam"), default="sgd", help="whose step; default: sgd")
    parser.add_argument("--lr", metavar="RATE", type=real(True), default=0.01, help="learning rate; default: 0.01")
    parser.add_argument("--json", action="store_true", help="all numbers as JSON, on standard output")
    parser.add_argument("--html", metavar="FILE", help="a page that needs nothing else")
    parser.add_argument("--force", action="store_true", help="replace FILE if it exists")
    add_missing(parser)
    add_quiet(parser)
    return parser


def run(arguments: Sequence[str]) -> int:
    """Run the verb and return its exit code."""
    options = _parser().read(arguments)
    if options.html is not None:
        check_output(options.html, options.force, [options.model, options.data], option="--html")

    from clearprop.optimizers import SGD, Adam
    from clearprop.trace.export import plain

    found, about, model = _row(options)
    optimizer = {"sgd": SGD, "adam": Adam}[options.optimizer](options.lr)
    trace = found.network.trace(found.X, found.y, optimizer=optimizer)
    if options.layer not in (None, "loss", *trace.nodes):
        raise ArgumentError(f"--layer '{options.layer}': there is no such node; there are {', '.join(trace.nodes)}.")
    steps = [step for step in trace.steps() if options.layer in (None, step.node)]
    errors = _errors(trace, steps, not options.quiet) if options.check else {}
    if options.html is not None:
        from clearprop.cli.explain_page import explain_page

        page = explain_page(trace, steps, options.notation, _heading(about), model, found.names, errors)
        write_text(options.html, page)
        note(f"wrote {options.html}")
    if options.json:
        whole = trace.to_dict(options.notation)
        if options.layer is not None:
            whole["quantities"] = [q for q in whole["quantities"] if q["name"].partition(".")[0] == options.layer]
        names = [list(names) for names in found.names]
        checked = {name: plain(error) for name, error in errors.items()}
        print(json.dumps({**about, "columns": names, **whole, "errors": checked}, allow_nan=False))
    elif options.html is None:
        print(_heading(about))
        if model:
            print(model)
        _show(trace, steps, options.notation, errors)
    return 0


def _row(options: argparse.Namespace) -> tuple[NetworkRows, dict[str, Any], str]:
    """Return the model's network with the row as it reads it, the row as it stands in the table, and `_meaning`."""
    from clearprop.cli.model_file import StoredModel, read_file
    from clearprop.cli.rows import as_network_rows, model_rows

    _, stored = read_file(options.model)
    table = load_table(options.data, [*getattr(stored, "missing", ()), *options.na])
    row = model_rows(stored, table, options.target).only(options.row)
    found = as_network_rows(stored, row)
    values = {name: table.text(name)[options.row] for name in table.columns}
    target, model = options.target, ""
    if isinstance(stored, StoredModel):
        target = stored.one_target(target)
        model = _meaning(stored.model, row.X, target)
    return found, {"source": table.source, "row": options.row, "target": target, "values": values}, model


def _meaning(model: Classifier | Regressor, row: Table, target: str) -> str:
    """Return what a model predicts of a row, and what lies between that and the numbers of its network."""
    from clearprop.estimators import Regressor

    if isinstance(model, Regressor):
        mean, scale = model.target_.mean[0], model.target_.scale[0]
        learned = f"({target} {'+' if mean < 0.0 else '-'} {abs(mean):.6g}) / {scale:.6g}"
        return f"the model predicts {model.predict(row).ravel()[0]:.6g}; what its network learns is {learned}"
    probabilities = model.predict_proba(row)[0]
    best = f"{model.classes_[probabilities.argmax()]} with probability {probabilities.max():.6g}"
    return f"the model predicts {best}; for that it divides scores by its temperature, {model.target_.temperature:.6g}"


def _heading(about: Mapping[str, Any]) -> str:
    """Return which row it is, and what its target is."""
    return f"row {about['row']} of {about['source']}: {about['target']} is {about['values'][about['target']]}"


def _errors(trace: Trace, steps: Sequence[TraceStep], shows: bool) -> dict[str, float]:
    """Return the largest error of each derivative among the steps; a large network takes its time."""
    from rich.console import Console
    from rich.progress import track

    names = [step.name for step in steps if trace.checkable(step.name)]
    console, silent = Console(stderr=True), not (shows and sys.stderr.isatty())
    shown = track(names, "checking derivatives", console=console, transient=True, disable=silent)
    return {name: _largest_error(trace, name) for name in shown}


def _largest_error(trace: Trace, name: str) -> float:
    """Return how far a derivative is from finite differences, at most, relative to its largest number."""
    import numpy

    size = trace[name].size
    places = numpy.unique(numpy.linspace(0, size - 1, min(size, CHECKED)).astype(int))
    cells = (numpy.unravel_index(place, trace[name].shape) for place in places)
    return float(numpy.max([trace.check(name, tuple(map(int, cell))).error for cell in cells]))  # NaN is the largest


def _show(trace: Trace, steps: Sequence[TraceStep], notation: str, errors: Mapping[str, float]) -> None:
    """Print the steps, phase by phase, as wide as the terminal."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from clearprop.trace import PHASES

    console = Console(highlight=False, soft_wrap=not sys.stdout.isatty(), width=None if sys.stdout.isatty() else 160)
    for phase, title in PHASES.items():
        here = [step for step in steps if step.phase == phase]
        if not here:
            continue
        table = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left", title_style="bold", pad_edge=False)
        table.add_column("quantity", no_wrap=True)
        table.add_column("formula", overflow="fold")
        table.add_column("shape", no_wrap=True)
        table.add_column("numbers", overflow="fold")
        if errors:
            table.add_column("error", justify="right", no_wrap=True)
        for step in here:
            cells = [step.name, trace.formula(step.name, notation).text, _shape(step), _numbers(trace[step.name])]
            if errors:
                cells.append(f"{errors[step.name]:.1e}" if step.name in errors else "")
            table.add_row(*map(Text, cells))
        console.print(table)
    print(f"loss {trace.loss:.6g}, penalty {trace.penalty:.6g}")


def _shape(step: TraceStep) -> str:
    return " x ".join(map(str, step.shape))


def _numbers(values: Any) -> str:
    from clearprop.engines import sparse

    flat = (values.toarray() if sparse(values) else values).ravel()
    shown = "  ".join(f"{value + 0.0:.5g}" for value in flat[:SHOWN])  # -0 + 0 is 0
    return shown if flat.size <= SHOWN else f"{shown}  and {flat.size - SHOWN:,} more"
