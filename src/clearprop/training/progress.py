"""A progress bar on a terminal, silence elsewhere."""

from __future__ import annotations

import sys
from typing import Any

from clearprop.training.callbacks import Callback

__all__ = ["ProgressBar"]


class ProgressBar(Callback):
    """Shows epoch, loss and the time that remains on standard error, if that is a terminal."""

    def setup(self, estimator: Any, context: Any) -> None:
        """Open the bar."""
        self._bar = None
        if not sys.stderr.isatty():
            return
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn("epoch {task.completed}/{task.total}"), BarColumn(), TextColumn("{task.description}"))
        self._bar = Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True)
        self._bar.start()
        self._task = self._bar.add_task("", total=context.max_subtasks)

    def on_fit_task_end(self, estimator: Any, context: Any) -> None:
        """Advance the bar after an epoch."""
        if self._bar is None or context.report is None or context.parent is None:
            return
        report = context.report
        text = f"loss {report.loss:.4g}"
        if report.validation_loss is not None:
            text += f", validation {report.validation_loss:.4g}"
        self._bar.update(self._task, advance=1, description=text)

    def teardown(self, estimator: Any, context: Any) -> None:
        """Close the bar."""
        if self._bar is not None:
            self._bar.stop()
