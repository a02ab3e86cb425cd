"""What the user is told about a training."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from clearprop.cli.options import note
from clearprop.errors import NonFiniteError

if TYPE_CHECKING:
    from clearprop.estimators.table_training import TableTraining

__all__ = ["announce", "report_training"]

INTERVAL = 10.0  # seconds between two lines where there is no progress bar


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


def report_training(training: TableTraining, quiet: bool = False) -> bool:
    """Train, say how it goes, and return whether the user interrupted it.

    On a terminal there is a progress bar; elsewhere, as in a log file, there is a line every `INTERVAL` seconds.
    """
    began = said = time.perf_counter()
    bar = sys.stderr.isatty()
    reports = training.reports(progress=not quiet)
    interrupted = False
    try:
        for report in reports:
            now = time.perf_counter()
            if not bar and now - said >= INTERVAL:
                said = now
                validation = f", validation loss {report.validation_loss:.6g}" if training.n_validation else ""
                note(f"epoch {report.epoch}: loss {report.loss:.6g}{validation}")
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
