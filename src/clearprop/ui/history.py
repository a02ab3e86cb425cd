"""What the page remembers of a run: its curve and snapshots of its state, both bounded."""

from __future__ import annotations

import bisect
from dataclasses import dataclass
from typing import Any

from clearprop.state import TrainState
from clearprop.training import EpochReport

__all__ = ["History", "Snapshot"]

MAX_SNAPSHOTS = 100
MAX_BYTES = 16 * 2**20  # of the snapshots of one run, where more than two fit into it
MAX_POINTS = 2000  # of a curve
FIELDS = ("epoch", "loss", "validation_loss", "metrics", "gradient_norm", "learning_rate")


@dataclass(frozen=True, eq=False)
class Snapshot:
    """A copy of a run's state; nothing changes it.

    Attributes
    ----------
    state : TrainState
        Parameters, buffers and what the optimizer remembers.
    batch : int
        Batches done of the epoch under way.
    """

    state: TrainState
    batch: int = 0


class History:
    """Curve and snapshots of a run.

    Epochs whose number is a multiple of a stride are kept; when there are too many, the stride doubles. So a run of any
    length takes a bounded number of copies for each doubling of its length, and which epochs are kept depends on
    nothing else. A caller holds the session's lock.

    Parameters
    ----------
    metric : str or None
        Name of the metric that reports have, with or without ``validation_``.
    """

    def __init__(self, metric: str | None) -> None:
        self.metric = metric
        self.curve: dict[str, list[Any]] = {name: [] for name in FIELDS}
        self.stamps: list[int] = []  # of each point the version of the session that has it
        self.snapshots: dict[int, Snapshot] = {}
        self._curve_stride = self._stride = 1
        self._last: EpochReport | None = None

    def add(self, report: EpochReport, version: int) -> bool:
        """Note the report of an epoch; return whether older points were thinned out."""
        self._last = report
        return report.epoch % self._curve_stride == 0 and self._append(report, version)

    def finish(self, version: int) -> None:
        """Note the last report, where it fell between two points of the curve."""
        if self._last is not None and (not self.stamps or self.curve["epoch"][-1] < self._last.epoch):
            self._append(self._last, version)

    def _append(self, report: EpochReport, version: int) -> bool:
        measured = {name.removeprefix("validation_"): value for name, value in report.metrics.items()}
        metric = None if self.metric is None else measured.get(self.metric)
        values = (
            report.epoch, report.loss, report.validation_loss, metric, report.gradient_norm, report.learning_rate,
        )  # fmt: skip
        for name, value in zip(FIELDS, values, strict=True):
            self.curve[name].append(value)
        self.stamps.append(version)
        if len(self.stamps) <= MAX_POINTS:
            return False
        self._curve_stride *= 2
        kept = [place for place, epoch in enumerate(self.curve["epoch"]) if epoch % self._curve_stride == 0]
        self.curve = {name: [values[place] for place in kept] for name, values in self.curve.items()}
        self.stamps = [version] * len(kept)
        return True

    def wants(self, epoch: int) -> bool:
        """Return whether the epoch is one of those to keep."""
        return epoch % self._stride == 0

    def keep(self, snapshot: Snapshot) -> None:
        """Keep the snapshot of an epoch's end."""
        self.snapshots[snapshot.state.epoch] = snapshot
        state = snapshot.state
        size = state.parameters.nbytes + state.buffers.nbytes + sum(slot.nbytes for slot in state.slots.values())
        limit = max(3, min(MAX_SNAPSHOTS, MAX_BYTES // max(size, 1)))
        while len(self.snapshots) > limit:
            self._stride *= 2
            last = max(self.snapshots)
            self.snapshots = {
                epoch: found for epoch, found in self.snapshots.items() if epoch % self._stride == 0 or epoch == last
            }

    def since(self, version: int) -> tuple[int, dict[str, Any]]:
        """Return the number of the first point that is newer than a version, and the curve from there."""
        first = bisect.bisect_right(self.stamps, version)
        part: dict[str, Any] = {name: values[first:] for name, values in self.curve.items()}
        if not any(value is not None for value in part["validation_loss"]):
            part["validation_loss"] = [] if part["epoch"] == [] else None
        return first, {**part, "metric": self.metric}
