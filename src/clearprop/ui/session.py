"""Runs on the page: what is known of each, which one is looked at, and who is told when something changes."""

from __future__ import annotations

import copy
import itertools
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from clearprop.engines import native
from clearprop.errors import ArgumentError, UnknownNameError
from clearprop.network import Network
from clearprop.optimizers import Optimizer
from clearprop.state import TrainState
from clearprop.trace import NOTATIONS
from clearprop.training import EpochReport
from clearprop.ui.description import describe_network
from clearprop.ui.history import History, Snapshot
from clearprop.ui.problems import Problem
from clearprop.ui.settings import CHOICES

__all__ = ["ACTIONS", "RunRecord", "Session"]

MAX_RUNS = 20  # that are kept
ACTIONS = ("play", "pause", "batch", "epoch", "rewind", "stop")
RECENT = 8  # snapshots that a page can still ask about, while training goes on
INTERVAL = 0.1  # seconds between two events, and between two snapshots that no epoch's number asks for


@dataclass(eq=False)
class RunRecord:
    """A run as the page sees it: never the living network, only copies of its numbers.

    Attributes
    ----------
    id : str
        Its number.
    title : str
        What tells it from others.
    settings : dict
        How it was made.
    problem : Problem
        Its rows.
    network : Network
        A copy of the network, into which snapshots are put.
    optimizer : Optimizer or None
        What makes its updates.
    n_batches : int
        Batches of an epoch.
    history : History
        Its curve and snapshots.
    present : Snapshot
        The latest one.
    status : {"idle", "running", "paused", "finished", "diverged"}
        How it stands.
    message : str or None
        Why it stands so.
    seconds : float
        Spent on training.
    """

    id: str
    title: str
    settings: Mapping[str, Any]
    problem: Problem
    network: Network
    optimizer: Optimizer | None
    n_batches: int
    history: History
    present: Snapshot
    status: str = "idle"
    message: str | None = None
    seconds: float = 0.0
    taken: float = field(default_factory=time.monotonic)  # when the latest snapshot was
    recent: deque[Snapshot] = field(default_factory=lambda: deque(maxlen=RECENT))  # of those that were looked at

    def __post_init__(self) -> None:
        with native.threads(1):  # what is only looked at leaves the processors to training
            self.network.executor()

    def snapshot(self, epoch: int | None = None, moment: int | None = None) -> Snapshot:
        """Return the snapshot of a recorded epoch, or of a moment (a step) looked at lately, or else the latest one."""
        if epoch is None:
            if self.present not in self.recent:
                self.recent.append(self.present)
            return next((one for one in reversed(self.recent) if one.state.step == moment), self.present)
        found = self.history.snapshots.get(epoch)
        if found is None:
            nearest = min(self.history.snapshots, key=lambda other: abs(other - epoch))
            raise UnknownNameError(f"epoch {epoch} is not recorded; the nearest one is {nearest}.")
        return found

    def network_at(self, epoch: int | None = None) -> tuple[Network, TrainState]:
        """Return the network and the state of a recorded epoch, or the latest ones."""
        snapshot = self.snapshot(epoch)
        return self.network_with(snapshot), snapshot.state

    def network_with(self, snapshot: Snapshot) -> Network:
        """Return the network with the numbers of a snapshot."""
        network = copy.copy(self.network)  # shares all but the numbers
        network.vector, network.buffer_vector = snapshot.state.parameters, snapshot.state.buffers
        return network

    def note(
        self, state: TrainState, batch: int, report: EpochReport | None, version: int, *, stops: bool = False
    ) -> bool:
        """Note where training stands; return whether the curve was thinned out.

        A copy is taken where an epoch is one to keep, where training stops, or where the last one is old: often enough
        to look at, and at most a hundredth of the time.
        """
        thinned = report is not None and self.history.add(report, version)
        if report is not None:
            self.seconds += report.seconds
        kept = report is not None and self.history.wants(report.epoch)
        began = time.monotonic()
        if kept or stops or began - self.taken >= INTERVAL:
            self.present = Snapshot(state.copy(), batch)
            ended = time.monotonic()
            self.taken = ended + max(0.0, 100.0 * (ended - began) - INTERVAL)
        if kept or (stops and batch == 0):
            self.history.keep(self.present)
        if stops:
            self.history.finish(version)
            self.recent.clear()
        return thinned

    def summary(self) -> dict[str, Any]:
        """Return the line of the table of runs."""
        curve = self.history.curve
        return {
            "id": self.id,
            "title": self.title,
            "status": self.status,
            "settings": self.settings,
            "epoch": self.present.state.epoch,
            "loss": curve["loss"][-1] if curve["loss"] else None,
            "validation_loss": curve["validation_loss"][-1] if curve["validation_loss"] else None,
        }

    def describe(self, after: int = -1) -> dict[str, Any]:
        """Return the run with what its curve has gained since a version."""
        first, curve = self.history.since(after)
        state = self.present.state
        return {
            "id": self.id,
            "status": self.status,
            "message": self.message,
            "epoch": state.epoch,
            "step": state.step,
            "batch": self.present.batch,
            "n_batches": self.n_batches,
            "recorded": sorted(self.history.snapshots),
            "curve": {"from": first, **curve},
            "seconds": self.seconds,
        }


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
