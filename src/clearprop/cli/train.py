"""``clearprop train``: fit a model to a table and write a model file."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import importlib
import itertools
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clearprop.cli.config import configured
from clearprop.cli.options import (
    Parser,
    add_missing,
    add_quiet,
    check_output,
    complain,
    integer,
    load_table,
    model_name,
    names,
    note,
    note_engine,
    program,
    real,
    show_metrics,
)
from clearprop.cli.reporting import announce, plural, tell_of_training
from clearprop.errors import ArgumentError

if TYPE_CHECKING:
    from clearprop.cli.problem import Problem
    from clearprop.estimators import Classifier, Regressor

__all__ = ["run"]

ACTIVATIONS = (
    "abs", "elu", "gelu", "hard_tanh", "identity", "leaky_relu", "log_softmax", "logistic", "mish", "prelu", "relu",
    "rrelu", "selu", "sigmoid", "silu", "softmax", "softplus", "tanh",
)  # fmt: skip
LOSSES = ("cross_entropy", "squared_error", "absolute_error", "poisson")
CAUTION = 20  # validation rows; one of fewer moves the accuracy by more than 5 %
OPTIMIZERS = ("adamw", "adam", "sgd", "momentum", "nesterov", "rmsprop", "adagrad")
PRESETS = ("fast", "balanced", "best")


def run(arguments: Sequence[str]) -> int:
    """Run the verb and return its exit code."""
    parser = make_parser()
    given = [*configured(parser, arguments), *arguments]
    _check_hidden(parser, given)
    options = parser.read(given)
    sources = [options.data, *([options.valid] if isinstance(options.valid, str) else [])]
    if sources.count("-") > 1:
        raise ArgumentError("DATA and --valid cannot both be standard input; give a file for one of them.")
    out = check_output(options.out or model_name(options.data), options.force, sources)

    from clearprop.cli.fitting import Fit
    from clearprop.cli.problem import Problem

    table = load_table(options.data, options.na)
    problem = Problem.of(
        table,
        options.target,
        task=options.task,
        loss=options.loss,
        features=options.features,
        drop=options.drop,
        categorical=options.categorical,
    )
    validation = load_table(options.valid, options.na) if isinstance(options.valid, str) else options.valid
    fit = Fit.of(problem, make_model(options, problem), validation, options.seed)
    announce(fit, inferred=options.task is None)
    note_engine()
    with _threads(options.threads):
        try:
            tell_of_training(fit.model, fit.run())
        except KeyboardInterrupt:
            complain("interrupted before any network had learned for an epoch; nothing saved")
            return 130
    interrupted, count = fit.interrupted, fit.n_validation
    several = fit.others is None and len(fit.model.members_) > 1
    who = "each by the network whose epoch it chose" if several else "which also chose the epoch"
    note(f"on {plural(count, 'validation row')}, {who} (for a figure that did not choose: evaluate on other rows):")
    if count < CAUTION:
        note(f"note: {count} {'is' if count == 1 else 'are'} few, so these figures are rough")
    show_metrics(fit.model.validation_metrics_)
    finished = out if interrupted and out.exists() else None
    if finished is not None:  # a model that is complete is worth more than a part of its successor
        out = out.with_name(f"{out.stem}.interrupted.clearprop")
    fit.stored(table.missing).save(out)
    what = (" (the best parameters so far)" if interrupted else "") + (f"; {finished} is as before" if finished else "")
    (complain if interrupted else note)(f"saved {out}{what}")
    where = shlex.quote(str(out))
    for begin, verb in (("next: ", "inspect {}"), (" " * 6, "evaluate {} OTHER.csv"), (" " * 6, "predict {} NEW.csv")):
        note(f"{begin}{program()} {verb.format(where)}")
    return 130 if interrupted else 0


def make_model(options: argparse.Namespace, problem: Problem) -> Classifier | Regressor:
    """Return the estimator that the options ask for: a preset, with what they change of its recipe."""
    from clearprop.estimators import Classifier, Regressor
    from clearprop.estimators.tables.recipe import OPTIMIZERS, PRESETS

    changes = {
        name: getattr(options, name)
        for name in ("hidden", "activation", "l2", "optimizer", "batch_size", "epochs", "patience")
        if getattr(options, name) is not None
    }
    if "epochs" in changes:
        changes["adaptive"] = False
    recipe, rate = PRESETS[options.preset], options.lr
    if rate is None and options.optimizer is not None and options.optimizer != recipe.optimizer:
        rate, _ = OPTIMIZERS[options.optimizer]
    if rate is not None:
        changes["learning_rate"] = (rate, rate)
    shared: dict[str, Any] = {
        "preset": dataclasses.replace(recipe, **changes) if changes else options.preset,
        "categorical_features": [name for name in options.categorical if name in problem.features.columns] or None,
        "time_limit": options.time_limit,
        "random_state": options.seed,
        "verbose": not options.quiet,
    }
    if problem.task == "classification":
        return Classifier(**shared)
    return Regressor(**shared, objective=options.loss or "squared_error")


def make_parser() -> Parser:
    """Return the parser of the verb."""
    parser = Parser(
        "train",
        "Fit a model to a table and write a model file. It needs no option but the target.\n\n"
        "The file keeps the scaling of numbers, the categories of texts and the training record, so that\n"
        "'clearprop predict' needs nothing else. Columns are found by name.",
    )
    parser.add_argument(
        "data", metavar="DATA", help="CSV (comma, semicolon, tab) or Parquet, with a header; - is standard input"
    )
    group = parser.add_argument_group("data")
    add = group.add_argument
    add("--target", metavar="COL", required=True, help="the column to predict")
    add("--task", choices=("classification", "regression"), help="default: told from the values of the target")
    add("--features", metavar="COL,...", type=names, help="columns to learn from; default: all others")
    add("--drop", metavar="COL,...", type=names, default=[], help="columns not to learn from")
    add(
        "--categorical", metavar="COL,...", type=names, default=[], help="columns whose numbers are names of categories"
    )
    add(
        "--valid",
        metavar="SHARE|FILE",
        type=share_or_file,
        help="rows to validate all networks on: a share of DATA or another file; default: another share for each",
    )
    add_missing(group)
    add = parser.add_argument_group("network").add_argument
    add("--preset", metavar="NAME", choices=PRESETS, default="balanced", help="how much time to spend: fast, balanced "
        "(default) or best; what follows changes it")  # fmt: skip
    add("--hidden", metavar="N,...", type=units, help="units of the hidden layers, or none")
    add("--activation", metavar="NAME", choices=ACTIVATIONS, help=", ".join(ACTIVATIONS))
    add("--loss", metavar="NAME", choices=LOSSES, help=", ".join(LOSSES))
    add("--l2", metavar="X", type=real(positive=False), help="penalty on the weights")
    add = parser.add_argument_group("training").add_argument
    add("--time-limit", metavar="SECONDS", type=real(positive=True), help="end after so long with the best so far")
    add("--optimizer", metavar="NAME", choices=OPTIMIZERS, help=", ".join(OPTIMIZERS))
    add(
        "--lr",
        metavar="X",
        type=real(positive=True),
        help="highest learning rate; the default depends on the optimizer",
    )
    add("--batch-size", metavar="N", type=integer(1), help="rows of an update")
    add("--epochs", metavar="N", type=integer(1), help="passes over the rows")
    add("--patience", metavar="N", type=integer(1), help="stop after so many epochs without a better validation "
        "figure; default: never")  # fmt: skip
    add("--seed", metavar="N", type=integer(0), default=0, help="the same seed and data give the same model; default 0")
    add("--threads", metavar="N", type=integer(1), help="threads to compute with; default: all")
    group = parser.add_argument_group("files")
    add = group.add_argument
    add("--config", metavar="F.toml", help="options as 'hidden = [32, 16]'; the command line wins")
    add("--out", metavar="FILE", help="the model file; default: the name of DATA with .clearprop, in this folder")
    add("--force", action="store_true", help="replace FILE if it exists")
    add_quiet(group)
    return parser


def units(text: str) -> tuple[int, ...]:
    """Return the sizes of ``32,16``; ``none`` is a linear model."""
    if text.strip().casefold() in ("", "none"):
        return ()
    try:
        sizes = tuple(int(part) for part in text.split(","))
    except ValueError:
        sizes = (0,)
    if min(sizes) < 1:
        raise argparse.ArgumentTypeError(f"must be whole numbers >= 1 such as 32,16, or none, got {text!r}")
    return sizes


def _check_hidden(parser: Parser, given: Sequence[str]) -> None:
    """Answer ``--hidden 64 32``, whose 32 would be taken for DATA."""
    for place, text in enumerate(given):
        if text.partition("=")[0] != "--hidden":
            continue
        value = [text.partition("=")[2]] if "=" in text else []
        sizes = list(itertools.takewhile(lambda text: text.strip(",").isdigit(), given[place + 1 :]))
        sizes = value + (sizes if not value or value[0].strip(",").isdigit() else [])
        if len(sizes) > 1 and not Path(sizes[-1]).exists():
            parser.error(f"--hidden takes one list; write {','.join(size.strip(',') for size in sizes)}")


def share_or_file(text: str) -> float | str:
    """Return a share of the rows, or the name of a file."""
    try:
        share = float(text)
    except ValueError:
        return text
    if not 0.0 < share < 1.0:
        raise argparse.ArgumentTypeError(
            f"must be a share above 0 and below 1, or a file, got {text!r}: rows that are not learned from choose the "
            "epoch"
        )
    return share


@contextlib.contextmanager
def _threads(count: int | None) -> Iterator[None]:
    """Hold the native engine and the numeric libraries to so many threads."""
    if count is None:
        yield
        return
    native = importlib.import_module("clearprop.engines.native")
    threadpoolctl = importlib.import_module("threadpoolctl")  # comes with scikit-learn
    with native.threads(count), threadpoolctl.threadpool_limits(limits=count):
        yield
