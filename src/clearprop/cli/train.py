"""``clearprop train``: fit a network to a table and write a model file."""

from __future__ import annotations

import argparse
import contextlib
import csv
import importlib
import io
import shlex
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clearprop.cli.options import (
    Parser,
    add_missing,
    check_output,
    integer,
    load_table,
    names,
    note,
    program,
    real,
    save_model,
    show_metrics,
)
from clearprop.errors import ArgumentError, NonFiniteError

if TYPE_CHECKING:
    from clearprop.estimators.table_training import TableTraining

__all__ = ["report_training", "run"]

ACTIVATIONS = ("relu", "tanh", "sigmoid", "gelu", "silu", "elu", "selu", "leaky_relu", "mish", "softplus")
LOSSES = ("cross_entropy", "hinge", "squared_error", "absolute_error", "huber", "poisson")
OPTIMIZERS = ("adam", "adamw", "sgd", "momentum", "nesterov", "rmsprop", "adagrad", "lbfgs")


def run(arguments: Sequence[str]) -> int:
    """Run the verb and return its exit code."""
    parser = make_parser()
    options = parser.parse_args([*_configured(parser, arguments), *arguments])
    out = options.out or f"{Path(options.data).stem}.clearprop"
    sources = [options.data, *([options.valid] if isinstance(options.valid, str) else [])]
    out = check_output(out, options.force, sources)

    from clearprop.estimators.table_recipe import Recipe
    from clearprop.estimators.table_training import TableTraining

    recipe = Recipe(
        hidden=options.hidden,
        activation=options.activation,
        loss=options.loss,
        optimizer=options.optimizer,
        learning_rate=options.lr,
        batch_size=options.batch_size,
        epochs=options.epochs,
        l2=options.l2,
        patience=options.patience,
        seed=options.seed,
    )
    table = load_table(options.data, options.na)
    validation = load_table(options.valid, options.na) if isinstance(options.valid, str) else options.valid
    training = TableTraining(
        table,
        options.target,
        task=options.task,
        features=options.features,
        drop=options.drop,
        categorical=options.categorical,
        validation=validation,
        recipe=recipe,
    )
    announce(training, inferred=options.task is None)
    with _threads(options.threads):
        interrupted = report_training(training)
    if interrupted and not training.model.record["epochs"]:
        note("interrupted before the first epoch ended; nothing saved")
        return 130
    metrics = training.validate()
    if metrics:
        note(f"on {training.n_validation} validation rows:")
        show_metrics(metrics)
    save_model(training.model, out)
    note(f"saved {out}" + (" (the best parameters so far)" if interrupted else ""))
    where, data = shlex.quote(str(out)), shlex.quote(options.data)
    note(f"next: {program()} inspect {where}\n      {program()} predict {where} {data}")
    return 130 if interrupted else 0


def make_parser() -> Parser:
    """Return the parser of the verb."""
    parser = Parser(
        "train",
        "Fit a network to a table and write a model file.\n\n"
        "The file keeps the scaling of numbers, the categories of texts and the training record, so that\n"
        "'clearprop predict' needs nothing else. Columns are found by name.",
    )
    parser.add_argument("data", metavar="DATA", help="CSV (comma, semicolon or tab) or Parquet, with a header")
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
        default=0.2,
        help="rows to validate on: a share of DATA (0 for none) or another file; default 0.2",
    )
    add_missing(group)
    add = parser.add_argument_group("network").add_argument
    add("--hidden", metavar="N,...", type=units, default=(64, 32), help="units of the hidden layers, or none; "
        "default 64,32")  # fmt: skip
    add("--activation", metavar="NAME", choices=ACTIVATIONS, default="relu", help=", ".join(ACTIVATIONS))
    add("--loss", metavar="NAME", choices=LOSSES, help=", ".join(LOSSES))
    add("--l2", metavar="X", type=real(positive=False), default=1e-4, help="penalty on the weights; default 1e-4")
    add = parser.add_argument_group("training").add_argument
    add("--optimizer", metavar="NAME", choices=OPTIMIZERS, default="adam", help=", ".join(OPTIMIZERS))
    add("--lr", metavar="X", type=real(positive=True), help="learning rate; the default depends on the optimizer")
    add("--batch-size", metavar="N", type=integer(1), help="rows of an update; default: 1%% of the rows, 16 to 256")
    add("--epochs", metavar="N", type=integer(1), default=500, help="passes over the rows at most; default 500")
    add("--patience", metavar="N", type=integer(1), default=20, help="stop after so many epochs without a better "
        "validation loss; default 20")  # fmt: skip
    add("--seed", metavar="N", type=integer(0), default=0, help="the same seed and data give the same model; default 0")
    add("--threads", metavar="N", type=integer(1), help="threads to compute with; default: all")
    add = parser.add_argument_group("files").add_argument
    add("--config", metavar="F.toml", help="options as 'hidden = [32, 16]'; the command line wins")
    add("--out", metavar="FILE", help="the model file; default: the name of DATA with .clearprop, in this folder")
    add("--force", action="store_true", help="replace FILE if it exists")
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


def share_or_file(text: str) -> float | str:
    """Return a share of the rows, or the name of a file."""
    try:
        share = float(text)
    except ValueError:
        return text
    if not 0.0 <= share < 1.0:
        raise argparse.ArgumentTypeError(f"must be a share from 0 to below 1, or a file, got {text!r}")
    return share


def _configured(parser: Parser, arguments: Sequence[str]) -> Iterator[str]:
    """Yield the options of ``--config F.toml`` as if they had been typed before the others."""
    finder = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    finder.add_argument("--config")
    try:
        path = finder.parse_known_args(list(arguments))[0].config
    except argparse.ArgumentError:  # the real parser says so better
        return
    if path is None:
        return
    import tomllib

    try:
        settings = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ArgumentError(f"--config: cannot read '{path}': {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ArgumentError(f"--config: {path} is not TOML: {error}.") from error
    known = {option[2:] for option in parser._option_string_actions if option.startswith("--")} - {"config", "help"}
    for key, value in settings.items():
        option = key.replace("_", "-")
        if option not in known:
            import difflib

            near = difflib.get_close_matches(option, known, n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"there are {', '.join(sorted(known))}."
            raise ArgumentError(f"{path}: no option '{key}'; {hint}")
        if option == "force":
            if not isinstance(value, bool):
                raise ArgumentError(f"{path}: force must be true or false, got {value!r}.")
            if value:
                yield "--force"
        else:
            yield f"--{option}={_as_text(path, key, value)}"


def _as_text(path: str, key: str, value: Any) -> str:
    items = value if isinstance(value, list) else [value]
    if not all(isinstance(item, str | int | float) and not isinstance(item, bool) for item in items):
        raise ArgumentError(f"{path}: {key} must be a number, a text or a list of them, got {value!r}.")
    if not isinstance(value, list):
        return str(value)
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="").writerow(items)
    return buffer.getvalue()


@contextlib.contextmanager
def _threads(count: int | None) -> Iterator[None]:
    """Hold the numeric libraries to so many threads."""
    if count is None:
        yield
        return
    threadpoolctl = importlib.import_module("threadpoolctl")  # comes with scikit-learn
    with threadpoolctl.threadpool_limits(limits=count):
        yield


def announce(training: TableTraining, inferred: bool) -> None:
    """Say what is going to be learned from what."""
    model, recipe = training.model, training.recipe
    for text in training.notes:
        note(f"note: {text}")
    kinds = [column.kind for column in model.columns.columns]
    counts = [(kinds.count(kind), kind) for kind in ("number", "boolean", "category")]
    features = ", ".join(f"{count} {_plural(kind, count)}" for count, kind in counts if count)
    task = f"{training.task} of '{model.target.name}'"
    labels = getattr(model.target, "labels", ())
    if labels:
        shown = ", ".join(map(str, labels[:10])) + (", ..." if len(labels) > 10 else "")
        task += f", {len(labels)} classes ({shown})"
    doubtful = inferred and not isinstance(labels and labels[0], str | bool)
    hint = "; told from its values, --task overrides" if doubtful else ""
    sizes = " -> ".join(map(str, [len(model.columns.inputs), *recipe.hidden, model.target.n_outputs]))
    note(f"task:     {task}{hint}")
    note(f"rows:     {training.n_rows} to train on, {training.n_validation} to validate on")
    note(f"features: {features}")
    note(f"network:  {sizes}, {recipe.activation}, {model.network.n_parameters:,} parameters")


def _plural(kind: str, count: int) -> str:
    return kind if count == 1 else {"category": "categories"}.get(kind, f"{kind}s")


def report_training(training: TableTraining) -> bool:
    """Train, say how it went, and return whether the user interrupted it."""
    began = time.perf_counter()
    reports = training.reports(progress=True)
    interrupted = False
    try:
        for _ in reports:
            pass
    except KeyboardInterrupt:
        interrupted = True
    except NonFiniteError as error:
        remedy = "another --optimizer" if training.recipe.optimizer == "lbfgs" else "a lower --lr"
        raise NonFiniteError(
            f"training diverged in epoch {error.epoch}, batch {error.batch}: '{error.node}' is not finite. Nothing was "
            f"saved; try {remedy}."
        ) from error
    finally:
        reports.close()
    record = training.model.record
    how = {"patience": "no better for a while", "epochs": "all done", "interrupted": "interrupted"}[record["stopped"]]
    seconds = time.perf_counter() - began
    best = f", best epoch {record['best_epoch']}" if training.n_validation else ""
    note(f"trained:  {record['epochs']} {_plural('epoch', record['epochs'])} in {seconds:.1f} s ({how}){best}")
    return interrupted
