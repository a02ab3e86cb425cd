"""How far training is: a progress bar on a terminal, lines or silence elsewhere."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from clearprop.training.callbacks import Callback
from clearprop.training.report import EpochReport

__all__ = ["ProgressBar", "progress", "progress_bar"]

INTERVAL = 10.0  # seconds between two lines where there is no progress bar


@contextlib.contextmanager
def progress_bar(n_epochs: int) -> Iterator[Callable[[EpochReport], None]]:
    """Show epochs, loss and the time that remains on standard error, if that is a terminal.

    Yields what is to be called with the report of each epoch, from any thread.
    """
    if not sys.stderr.isatty():
        yield lambda report: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("epoch {task.completed}/{task.total}"), BarColumn(), TextColumn("{task.description}"))
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=n_epochs)

        def advance(report: EpochReport) -> None:
            bar.update(task, advance=1, description=_losses(report))

        yield advance


@contextlib.contextmanager
def progress(n_epochs: int) -> Iterator[Callable[[EpochReport], None]]:
    """Show the `progress_bar`, or where there is no terminal, as in a log file, a line every `INTERVAL` seconds."""
    if sys.stderr.isatty():
        with progress_bar(n_epochs) as advance:
            yield advance
        return
    said, done, lock = time.monotonic(), 0, threading.Lock()

    def count(report: EpochReport) -> None:
        nonlocal said, done
        with lock:
            done += 1
            if time.monotonic() - said >= INTERVAL:
                said = time.monotonic()
                print(f"epoch {done}/{n_epochs}: {_losses(report)}", file=sys.stderr, flush=True)

    yield count


def _losses(report: EpochReport) -> str:
    validation = "" if report.validation_loss is None else f", validation {report.validation_loss:.4g}"
    return f"loss {report.loss:.4g}{validation}"


class ProgressBar(Callback):
    """Shows the `progress_bar` of a run."""

    def __init__(self) -> None:
        self._shown = contextlib.ExitStack()

    def setup(self, estimator: Any, context: Any) -> None:
        """Open the bar."""
        self._advance = self._shown.enter_context(progress_bar(context.max_subtasks))

    def on_fit_task_end(self, estimator: Any, context: Any) -> None:
        """Advance the bar after an epoch."""
        if context.report is not None and context.parent is not None:
            self._advance(context.report)

    def teardown(self, estimator: Any, context: Any) -> None:
        """Close the bar."""
        self._shown.close()
