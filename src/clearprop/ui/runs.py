"""A run as the page sees it."""

from __future__ import annotations

import copy
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from clearprop.engines import native
from clearprop.errors import UnknownNameError
from clearprop.network import Network
from clearprop.optimizers import Optimizer
from clearprop.state import TrainState
from clearprop.training import EpochReport
from clearprop.ui.history import History, Snapshot
from clearprop.ui.problems import Problem

__all__ = ["RunRecord"]

INTERVAL = 0.1  # seconds between two snapshots that no epoch's number asks for
RECENT = 3  # snapshots that pages can still ask about while training goes on; those of large networks are large


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
            known = next((one for one in self.recent if one.state.step == moment), None)
            if known is None and self.present not in self.recent:
                self.recent.append(self.present)
            return known or self.present
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
