"""MLPClassifier beside scikit-learn's, in float64: the same random_state, and so the same losses."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from contest import GATE_EPOCHS, SECONDS, departure, training_job
from contestants import ESTIMATORS
from measure import Spread, Worker, interleave, number, say
from nets import Net, Task
from report import print_table

NETS = ("small", "mnist", "wide")
TOLERANCE = 1e-6  # both draw the same numbers and round to 1e-16; 1e-6 leaves room for three epochs of growth


@dataclass
class Fit:
    """What an estimator took for an epoch.

    Attributes
    ----------
    net, contestant, label, status, threads
        As in `contest.Row`.
    epoch, cpu_epoch : Spread or None
        Wall and CPU milliseconds of an epoch.
    departure : float
        Largest relative difference of the two loss curves.
    ratio : float or None
        The time in multiples of clearprop's.
    """

    net: str
    contestant: str
    label: str
    status: str
    threads: int
    departure: float
    epoch: Spread | None = None
    cpu_epoch: Spread | None = None
    ratio: float | None = None


def run(nets: Sequence[Net], threads: int, repeats: int, scratch: Path) -> list[Fit]:
    """Measure both estimators on those of the networks that are meant for it, and print the table."""
    rows: list[Fit] = []
    for net in nets:
        if net.name in NETS:
            rows += _fit(net, threads, repeats, scratch)
    print("\nMLPClassifier.fit in float64, equal losses\n")
    print_table(
        ("net", "contestant", "ms/epoch [quartiles]", "CPU ms/epoch", "times clearprop"), [_cells(row) for row in rows]
    )
    return rows


def _fit(net: Net, threads: int, repeats: int, scratch: Path) -> list[Fit]:
    folder = scratch / net.name
    Task.make(net).save(folder)
    with ExitStack() as stack:
        workers = {key: stack.enter_context(Worker(who, threads, scratch)) for key, who in ESTIMATORS.items()}
        curves = {}
        for key, worker in workers.items():
            say(f"{net}: {worker.label}")
            worker.call("prepare", str(folder))
            curves[key] = worker.call("train", GATE_EPOCHS)["result"]
        gap = departure(curves["clearprop"], curves["sklearn"])
        status = "ok" if gap <= TOLERANCE else f"loss differs: {gap:.1e}"
        rows = [Fit(net.name, key, worker.label, status, threads, gap) for key, worker in workers.items()]
        if status != "ok":
            return rows
        jobs = {key: training_job(worker, net, SECONDS) for key, worker in workers.items()}
        times = interleave(jobs, repeats)
    for row in rows:
        row.epoch, row.cpu_epoch = (
            Spread(*(1e3 * net.n_batches * value for value in (spread.low, spread.median, spread.high)))
            for spread in times[row.contestant]
        )
        row.ratio = times[row.contestant][0].median / times["clearprop"][0].median
    return rows


def _cells(row: Fit) -> list[str]:
    if row.epoch is None or row.cpu_epoch is None:
        return [row.net, row.label, row.status, "", ""]
    return [row.net, row.label, str(row.epoch), number(row.cpu_epoch.median), number(row.ratio)]
