"""Runs on the page: which one is looked at, and who is told when something changes."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from typing import Any

from clearprop.errors import ArgumentError, UnknownNameError
from clearprop.trace import NOTATIONS
from clearprop.ui.description import describe_network
from clearprop.ui.history import Snapshot
from clearprop.ui.runs import RunRecord
from clearprop.ui.settings import CHOICES

__all__ = ["ACTIONS", "Session"]

MAX_RUNS = 20  # that are kept
ACTIONS = ("play", "pause", "batch", "epoch", "rewind", "stop")
INTERVAL = 0.1  # seconds between two events


class Session:
    """The runs of a page.

    Attributes
    ----------
    mode : {"live", "watch"}
        Whether the page trains, or looks at a training of the user's program.
    runs : dict of str to RunRecord
        The last ones, by number.
    current : RunRecord
        The one that is looked at.
    version : int
        Grows with every change.
    """

    mode = "live"

    def __init__(self) -> None:
        self.changed = threading.Condition(threading.RLock())
        self.runs: dict[str, RunRecord] = {}
        self.current: RunRecord
        self.version = 0
        self._numbers = itertools.count(1)
        self._reset = self._listed = 0  # the versions in which the whole state, or the list of runs, changed last
        self._listeners: set[Callable[[], None]] = set()
        self._told = 0.0

    # ---- what changes

    def control(self, action: str) -> None:
        """Do one of `ACTIONS`."""
        raise NotImplementedError

    def change(self, settings: Any) -> None:
        """Make another run of settings, a JSON object."""
        raise ArgumentError("the page looks at a training of your program, so its settings stand there.")

    def close(self) -> None:
        """Stop."""

    def _show(self, run: RunRecord) -> None:
        """Look at a run from now on; the oldest ones are forgotten."""
        with self.changed:
            self.current = self.runs[run.id] = run
            while len(self.runs) > MAX_RUNS:
                del self.runs[next(iter(self.runs))]
            self._touch(reset=True, now=True)

    def _touch(self, *, reset: bool = False, listed: bool = False, now: bool = False) -> None:
        """Count a change and tell the listeners of it, ten times a second at most unless it matters at once."""
        with self.changed:
            self.version += 1
            self._reset = self.version if reset else self._reset
            self._listed = self.version if reset or listed else self._listed
            if not self._listeners:
                return
            time_now = time.monotonic()
            if not now and time_now - self._told < INTERVAL:
                return
            self._told = time_now
            listeners = list(self._listeners)
        for listener in listeners:
            listener()

    def listen(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call `listener` after changes, in whatever thread; return what ends that."""
        with self.changed:
            self._listeners = {*self._listeners, listener}

        def leave() -> None:
            with self.changed:
                self._listeners = self._listeners - {listener}

        return leave

    # ---- what is seen

    @property
    def spares_products(self) -> bool:
        """Whether nothing in this process needs NumPy's matrix products but looks at runs."""
        return False

    @property
    def hurries(self) -> bool:
        """Whether a training is under way that takes all the time it can get."""
        return bool(self.runs) and self.current.status == "running"

    def run(self, number: str | None) -> RunRecord:
        """Return a run, by default the current one."""
        with self.changed:
            if not self.runs:
                raise UnknownNameError("there is no training yet; load the page again when one has begun.")
            if number is None:
                return self.current
            if number not in self.runs:
                raise UnknownNameError(f"no run {number!r}; there are {', '.join(self.runs)}.")
            return self.runs[number]

    def snapshot(
        self, number: str | None = None, epoch: int | None = None, moment: int | None = None
    ) -> tuple[RunRecord, Snapshot]:
        """Return a run and its snapshot of an epoch or of a moment looked at lately, by default the latest one."""
        with self.changed:
            run = self.run(number)
            return run, run.snapshot(epoch, moment)

    def state(self, number: str | None = None) -> dict[str, Any]:
        """Return the whole state, with a run in its middle, by default the current one."""
        with self.changed:
            run = self.run(number)
            problem = run.problem
            return {
                "version": self.version,
                "mode": self.mode,
                "problem": {
                    "name": problem.name,
                    "title": problem.title,
                    "task": problem.task,
                    "n_rows": problem.n_rows,
                    "n_validation": problem.n_validation,
                    "columns": problem.columns,
                    "classes": problem.classes,
                    "target": problem.target,
                    "scale": problem.scale,
                    "center": problem.center,
                    "built_in": problem.built_in,
                },
                "choices": self._choices(),
                "settings": run.settings,
                "network": describe_network(run.network),
                "run": run.describe(),
                "runs": [other.summary() for other in self.runs.values()],
            }

    def _choices(self) -> dict[str, Any]:
        notations = [{"name": name, "title": notation.title} for name, notation in NOTATIONS.items()]
        return {"problems": [], **CHOICES, "notations": notations}

    def event(self, after: int) -> dict[str, Any]:
        """Return what has changed since a version."""
        with self.changed:
            reset = after < self._reset or after > self.version
            run = self.run(None).describe(-1 if reset else after)
            event = {"version": self.version, "reset": reset, "run": run}
            if after < self._listed:
                event["runs"] = [run.summary() for run in self.runs.values()]
            return event
