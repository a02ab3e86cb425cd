"""How much memory training takes beyond what the libraries take when they are imported."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from contestants import Contestant
from measure import Worker, WorkerError, number, say
from nets import Net, Task
from report import print_table

EPOCHS = 2
SLOTS = 2  # Adam remembers two numbers a parameter


@dataclass
class Growth:
    """Peak memory of a training run beyond that of the process after its imports, in MB.

    Attributes
    ----------
    net, contestant, label, status : str
        As in `contest.Row`.
    bound : float
        data + 1.2 (parameters (1 + slots + 2)) itemsize + 64 MB: parameters, what Adam remembers, and two more copies.
    megabytes : float or None
        What was measured.
    """

    net: str
    contestant: str
    label: str
    status: str
    bound: float
    megabytes: float | None = None


def bound(task: Task) -> float:
    """Return what clearprop may take, in MB."""
    data = task.X.nbytes + task.y.nbytes + task.orders.nbytes
    return (data + 1.2 * task.net.n_parameters * (1 + SLOTS + 2) * task.X.itemsize) / 1e6 + 64


def run(nets: Sequence[Net], contestants: Mapping[str, Contestant], threads: int, scratch: Path) -> list[Growth]:
    """Measure the growth of every contestant on every network in a fresh process, and print the table."""
    rows = []
    for net in nets:
        folder = scratch / net.name
        task = Task.make(net)
        task.save(folder)
        for key, who in contestants.items():
            say(f"{net}: {who.label}")
            row = Growth(net.name, key, who.label, "ok", bound(task))
            try:
                with Worker(who, threads, scratch / "cache") as worker:
                    worker.call("prepare", str(folder))
                    row.megabytes = worker.call("train", EPOCHS)["peak"] - worker.rss
            except WorkerError as error:
                row.status = str(error)
            rows.append(row)
    print("\nPeak memory of loading the data and training, beyond the process after its imports\n")
    print_table(("net", "contestant", "MB", "bound MB", ""), [_cells(row) for row in rows])
    return rows


def _cells(row: Growth) -> list[str]:
    if row.megabytes is None:
        return [row.net, row.label, row.status, "", ""]
    if row.contestant != "clearprop":
        return [row.net, row.label, number(row.megabytes), "", ""]
    verdict = "within" if row.megabytes <= row.bound else "OVER"
    return [row.net, row.label, number(row.megabytes), number(row.bound), verdict]
