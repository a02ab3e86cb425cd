"""``clearprop evaluate``: the metrics of a model on rows whose target is known."""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence

from clearprop.cli.options import (
    Parser,
    add_missing,
    add_quiet,
    complain,
    load_table,
    note,
    note_unseen,
    show_metrics,
)
from clearprop.errors import ArgumentError

__all__ = ["run"]

GREATER_IS_BETTER = {"accuracy": True, "log_loss": False, "rmse": False, "mae": False, "r2": True}


def limit(text: str) -> tuple[str, float]:
    """Return the metric and the limit of ``accuracy=0.9``."""
    name, _, number = text.partition("=")
    name = name.strip().casefold()
    try:
        value = float(number)
    except ValueError:
        value = math.nan
    if name not in GREATER_IS_BETTER or not math.isfinite(value):
        known = ", ".join(GREATER_IS_BETTER)
        raise argparse.ArgumentTypeError(f"must be METRIC=NUMBER with a metric of {known}, got {text!r}")
    return name, value


def run(arguments: Sequence[str]) -> int:
    """Run the verb and return its exit code."""
    parser = Parser(
        "evaluate",
        "Measure a model on rows whose target is known: accuracy and log_loss for classes,\n"
        "rmse, mae and r2 for numbers.",
    )
    parser.add_argument("model", metavar="MODEL", help="what 'clearprop train' wrote")
    parser.add_argument("data", metavar="DATA", help="CSV or Parquet with the target's column, - for standard input")
    parser.add_argument("--target", metavar="COL", help="the column to compare with; default: the one trained on")
    parser.add_argument(
        "--fail-under",
        metavar="METRIC=NUMBER",
        type=limit,
        action="append",
        default=[],
        help="exit with code 7 if the metric is worse (for rmse, mae and log_loss: greater); may be repeated",
    )
    add_missing(parser)
    add_quiet(parser)
    options = parser.read(arguments)

    from clearprop.cli.model_file import load_model
    from clearprop.cli.problem import class_codes, known_rows, numbers
    from clearprop.estimators.tables.measures import measure_classes, measure_numbers

    stored = load_model(options.model)
    model, target = stored.model, stored.one_target(options.target)
    table = load_table(options.data, [*stored.missing, *options.na])
    known, notes = known_rows(table, target)
    if stored.task == "classification":
        codes = class_codes(known, target, model.classes_.tolist())
        metrics = measure_classes(model.predict_proba(known), codes)
    else:
        metrics = measure_numbers(model.predict(known), numbers(known, target))
    for name, _ in options.fail_under:
        if name not in metrics:
            raise ArgumentError(f"--fail-under {name}: this model has {', '.join(metrics)}.")
    for text in notes:
        note(f"note: {text}")
    note(f"{stored.task} of '{target}' on {known.n_rows} rows of {table.source}")
    note_unseen(model.preprocessing_, known)
    show_metrics(metrics)
    missed = False
    for name, value in options.fail_under:
        worse = metrics[name] < value if GREATER_IS_BETTER[name] else metrics[name] > value
        if worse:
            side = "under" if GREATER_IS_BETTER[name] else "over"
            complain(f"failed: {name} is {metrics[name]:.6g}, {side} {value:g}")
        missed = missed or worse
    return 7 if missed else 0
