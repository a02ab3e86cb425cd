"""How fast prediction is, beside scikit-learn, PyTorch and ONNX Runtime.

    python benchmarks/prediction.py                         # tiny to wide, 1 to 10,000 rows (several minutes)
    python benchmarks/prediction.py --nets tiny,small --rows 1,10000 --repeats 3 --json prediction.json

Two tables: networks, all of which compute the scores (`net.predict` checks its rows and applies the softmax besides),
and estimators, whose `predict` returns classes or values. Everybody runs with 1 thread and with --threads, in processes
of their own that take turns; the better one is printed. No figure is printed for outputs that differ.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy
from contest import microseconds
from contestants import PREDICTIONS, SCORES, Contestant
from measure import Job, Spread, Worker, WorkerError, calibrated, interleave, machine, number, say
from nets import NETS, Net, Task
from options import add_common, check_common, names
from report import print_table, write_json

N_ROWS = (1, 10, 100, 1000, 10_000)
SECONDS = 0.1  # a repeat takes at least this long
# sums of up to 800 products that are rounded to float32 differ by a few 1e-6 of the largest score
TOLERANCE = 1e-5


@dataclass
class Time:
    """What a contestant took for one call with some rows.

    Attributes
    ----------
    net, contestant, label : str
        Name of the network, key and label of the contestant.
    status : str
        "ok", or why there is no figure.
    rows : int
        Rows of a call.
    gap : float or None
        Largest difference of an output, in multiples of the largest output.
    call : Spread or None
        Microseconds a call.
    threads : int or None
        The better number of threads.
    """

    net: str
    contestant: str
    label: str
    status: str
    rows: int
    gap: float | None = None
    call: Spread | None = None
    threads: int | None = None


def expected(task: Task, link: bool) -> Any:
    """Return the outputs for all rows in float64: scores, or with `link` the probabilities of classes."""
    h = task.X.astype(numpy.float64)
    for layer, (W, b) in enumerate(task.parameters, 1):
        h = h @ W + b
        if layer < len(task.parameters):
            h = numpy.maximum(h, 0.0)
    if link and not task.is_regression:
        h = numpy.exp(h - h.max(axis=1, keepdims=True))
        h /= h.sum(axis=1, keepdims=True)
    return h


def measure(
    net: Net, contestants: Mapping[str, Contestant], n_rows: Sequence[int], threads: int, repeats: int, scratch: Path
) -> list[Time]:
    """Measure all contestants on a network, for all numbers of rows."""
    folder = scratch / net.name
    task = Task.make(net)
    if not folder.exists():
        task.save(folder)
    wanted = {link: expected(task, link) for link in {who.link for who in contestants.values()}}
    times = {}
    for key, who in contestants.items():
        for rows in n_rows:
            times[key, rows] = Time(net.name, key, who.label, "ok", rows)
    with ExitStack() as stack:
        jobs: dict[tuple[str, int, int], Job] = {}
        for key, who in contestants.items():
            for count in sorted({1, threads}):
                say(f"{net}: {who.label}, threads: {count}")
                try:
                    worker = stack.enter_context(Worker(who, count, scratch / "cache"))
                    worker.call("prepare", str(folder))
                    for rows in n_rows:
                        gap = _gap(worker, rows, wanted[who.link])
                        times[key, rows].gap = max(gap, times[key, rows].gap or 0.0)
                        jobs[key, rows, count] = Job(worker, "run", (rows, 1), 1)
                except WorkerError as error:
                    for rows in n_rows:
                        times[key, rows].status = str(error)
        for rows in n_rows:
            say(f"{net}: {rows} rows, {repeats} repeats in turn")
            ready = {place: job for place, job in jobs.items() if place[1] == rows and times[place[:2]].status == "ok"}
            for (key, _, count), (call, _) in interleave(_calibrate(ready), repeats).items():
                time = times[key, rows]
                if time.call is None or call.median * 1e6 < time.call.median:
                    time.call, time.threads = microseconds(call), count
    return list(times.values())


def _gap(worker: Worker, rows: int, wanted: Any) -> float:
    """Return how far the outputs are from what is expected, or raise `WorkerError` if that is too far."""
    outputs = numpy.asarray(worker.call("outputs", rows)["result"])
    gap = float(numpy.abs(outputs - wanted[:rows]).max() / numpy.abs(wanted).max())
    if not gap <= TOLERANCE:
        raise WorkerError(f"outputs differ: {gap:.1e}")
    return gap


def _calibrate(jobs: Mapping[Any, Job]) -> dict[Any, Job]:
    ready = {}
    for place, job in jobs.items():
        rows = job.arguments[0]
        calls = calibrated(job.worker, "run", (rows,), SECONDS)
        ready[place] = replace(job, arguments=(rows, calls), units=calls)
    return ready


def print_times(title: str, times: Sequence[Time], n_rows: Sequence[int]) -> None:
    """Print a table: microseconds a call by rows, threads in brackets, and rows a second for the largest call."""
    found = {(time.net, time.contestant, time.rows): time for time in times}
    table = []
    for net, key in dict.fromkeys((time.net, time.contestant) for time in times):
        group = [found[net, key, rows] for rows in n_rows]
        cells = [f"{number(time.call.median)} ({time.threads})" if time.call else time.status for time in group]
        last = group[-1]
        speed = number(last.rows / last.call.median) if last.call else ""
        table.append([net, group[0].label, *cells, speed])
    print(f"\n{title}\n")
    columns = [f"{rows:,} row{'s' if rows > 1 else ''}" for rows in n_rows]
    print_table(("net", "contestant", *columns, f"million rows/s at {n_rows[-1]:,}"), table)


def row_counts(text: str) -> list[int]:
    """Return the numbers of rows that were asked for, in ascending order."""
    counts = sorted(int(part) for part in text.split(","))
    if not 1 <= counts[0] <= counts[-1] <= N_ROWS[-1]:
        raise argparse.ArgumentTypeError(f"rows must be between 1 and {N_ROWS[-1]}")
    return counts


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    known = [name for name in NETS if name != "huge"]
    parser.add_argument("--nets", type=names(known), default=known, help=f"of {','.join(known)}; default all")
    parser.add_argument("--rows", type=row_counts, default=list(N_ROWS), help="rows of a call; default 1,10,...,10000")
    add_common(parser)
    given = parser.parse_args()
    check_common(parser, given)
    about: dict[str, Any] = {**machine(), "threads": given.threads, "repeats": given.repeats}
    print(f"{about['cpu']}, {about['cpus']} CPUs, Python {about['python']}, {about['date']}")
    results = {}
    with tempfile.TemporaryDirectory() as scratch:
        for title, contestants in (("Networks", SCORES), ("Estimators", PREDICTIONS)):
            times: list[Time] = []
            for name in given.nets:
                net = replace(NETS[name], n_batches=-(-N_ROWS[-1] // NETS[name].batch_size))
                times += measure(net, contestants, given.rows, given.threads, given.repeats, Path(scratch))
            print_times(f"{title}: microseconds a call (threads, of 1 and {given.threads})", times, given.rows)
            results[title.lower()] = times
    if given.json:
        write_json(given.json, {"machine": about, **results})


if __name__ == "__main__":
    main()
