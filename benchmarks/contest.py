"""The training table: every contestant on one network, at equal threads and at its own best number of threads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contestants import REFERENCE, SGEMM, Contestant
from measure import Disturbance, Job, Spread, Worker, WorkerError, calibrated, interleave, number, say
from nets import Net, Task
from report import print_table

GATE_EPOCHS = 3
SECONDS = 0.2  # a repeat takes at least this long


@dataclass
class Row:
    """What was found about a contestant on a network; None where there is nothing to say.

    Attributes
    ----------
    net, contestant : str
        Name of the network, key of the contestant.
    label : str
        What the tables call it.
    status : str
        "ok", or why there are no figures.
    threads : int
        Threads of all contestants alike; `best_threads` is the better one of 1 and this.
    """

    net: str
    contestant: str
    label: str
    status: str
    threads: int
    detail: str = ""
    import_seconds: float | None = None
    first_seconds: float | None = None
    departure: float | None = None
    step: Spread | None = None
    cpu_step: Spread | None = None
    gigaflops: float | None = None
    peak_share: float | None = None
    sgemm_share: float | None = None
    peak_megabytes: float | None = None
    ratio: float | None = None
    best_step: Spread | None = None
    best_threads: int | None = None
    best_ratio: float | None = None


def tolerance(net: Net) -> float:
    """Return how far the losses of a network may depart from the reference, relatively.

    Rounding to float32 departs by up to 1e-6 in networks up to 256 units wide, another order of rows by 1e-3 and more,
    a learning rate 1 % larger by 4e-3. In wider ones Adam's first steps, which are the signs of gradients too small for
    float32 to know their signs, depart by up to 1e-3, another order of rows by 5e-2. With six hidden layers of 32 or
    128 units, clearprop, PyTorch, JAX and scikit-learn were all seen to depart by 2e-4 to 1e-3.
    """
    return 1e-4 if max(net.sizes[1:]) <= 256 and len(net.sizes) <= 5 else 2e-3


def departure(losses: Sequence[float], reference: Sequence[float]) -> float:
    """Return the largest relative difference of two loss curves."""
    gaps = [abs(a - b) / abs(b) for a, b in zip(losses, reference, strict=True)]
    return max(gap if gap == gap else float("inf") for gap in gaps)


def reference_losses(worker: Worker, folder: Path, contestants: Iterable[Contestant]) -> dict[bool, list[float]]:
    """Return the losses of the first epochs by the places of epsilon, in float64, by clearprop's array engine."""
    worker.call("prepare", str(folder))
    places = {who.epsilon_hat for who in contestants}
    return {place: worker.call("losses", GATE_EPOCHS, place)["result"] for place in places}


def admit(worker: Worker, net: Net, folder: Path, reference: Sequence[float]) -> dict[str, Any]:
    """Run the first epochs; return what they took and how far their losses depart from the reference.

    Raises
    ------
    WorkerError
        If the losses differ, or the contestant fails.
    """
    prepared = worker.call("prepare", str(folder))
    first = worker.call("train", 1)
    worker.call("reset")
    gap = departure(worker.call("train", GATE_EPOCHS)["result"], reference)
    found = {
        "detail": prepared["result"],
        "import_seconds": worker.import_seconds,
        "first_seconds": prepared["seconds"] + first["seconds"],
        "departure": gap,
    }
    if gap > tolerance(net):
        raise WorkerError(f"loss differs: {gap:.1e}")
    return found


def training_job(worker: Worker, net: Net, seconds: float) -> Job:
    """Return the training of as many epochs as make a repeat, counted in steps."""
    epochs = calibrated(worker, "train", (), seconds)
    return Job(worker, "train", (epochs,), epochs * net.n_batches, resets=True)


def train_net(
    net: Net, contestants: Mapping[str, Contestant], threads: int, repeats: int, scratch: Path
) -> tuple[list[Row], dict[str, Any]]:
    """Measure all contestants on a network.

    Parameters
    ----------
    net : Net
        The network.
    contestants : mapping of str to Contestant
        Who takes part.
    threads : int
        Threads of everybody; each is tried with one thread too.
    repeats : int
        How often everybody takes a turn.
    scratch : Path
        A folder for the task and for compiled code.

    Returns
    -------
    rows : list of Row
        One for each contestant.
    yardsticks : dict
        GF/s of sgemm and of fused multiply-adds in the same run, what computed the former, and how many CPUs were busy
        with other things.
    """
    folder, cache = scratch / net.name, scratch / "cache"
    Task.make(net).save(folder)
    say(f"{net}: float64 reference")
    with Worker(REFERENCE, threads, cache) as worker:
        reference = reference_losses(worker, folder, contestants.values())
    rows = {key: Row(net.name, key, who.label, "ok", threads) for key, who in contestants.items()}
    jobs: dict[tuple[str, int], Job] = {}
    with ExitStack() as stack:
        for count in sorted({threads, 1}, reverse=True):
            for key, who in contestants.items():
                row = rows[key]
                if row.status != "ok":
                    continue
                say(f"{net}: {who.label}, threads: {count}")
                try:
                    worker = stack.enter_context(Worker(who, count, cache))
                    found = admit(worker, net, folder, reference[who.epsilon_hat])
                    jobs[key, count] = training_job(worker, net, SECONDS)
                except WorkerError as error:
                    row.status = str(error)
                    jobs.pop((key, threads), None)
                    continue
                if count == threads:
                    for name, value in found.items():
                        setattr(row, name, value)
        sgemm = stack.enter_context(Worker(SGEMM, threads, cache))
        blas = sgemm.call("prepare", str(folder))["result"]
        jobs["sgemm", threads] = Job(sgemm, "run", (), sgemm.call("operations")["result"] / 1e9)
        say(f"{net}: {repeats} repeats in turn")
        own = jobs.get(("clearprop", threads))
        peaks = [own.worker.call("fma_peak")["result"]] if own else []
        with Disturbance(job.worker for job in jobs.values()) as others:
            times = interleave(jobs, repeats)
        # the better of two: where the processors of a virtual machine share a core for a while, it is half the peak
        peaks += [own.worker.call("fma_peak")["result"]] if own else []
        peak = max((found for found in peaks if found is not None), default=None)
        for row in rows.values():
            if row.status == "ok":
                row.peak_megabytes = jobs[row.contestant, threads].worker.call("reset")["peak"]
    yardsticks = {
        "sgemm": 1 / times["sgemm", threads][0].median,
        "fma_peak": peak,
        "blas": blas,
        "others_cpus": others.cpus,
    }
    for row in rows.values():
        if row.status == "ok":
            _fill(row, net, times, yardsticks)
    _compare(rows)
    return list(rows.values()), yardsticks


def _fill(row: Row, net: Net, times: Mapping[Any, tuple[Spread, Spread]], yardsticks: Mapping[str, Any]) -> None:
    row.step, row.cpu_step = (microseconds(spread) for spread in times[row.contestant, row.threads])
    row.gigaflops = net.operations / row.step.median / 1e3
    row.sgemm_share = row.gigaflops / yardsticks["sgemm"]
    row.peak_share = row.gigaflops / yardsticks["fma_peak"] if yardsticks["fma_peak"] else None
    tried = {count: microseconds(times[row.contestant, count][0]) for count in {row.threads, 1}}
    row.best_threads = min(tried, key=lambda count: tried[count].median)
    row.best_step = tried[row.best_threads]


def microseconds(spread: Spread) -> Spread:
    """Return seconds as microseconds."""
    return Spread(spread.low * 1e6, spread.median * 1e6, spread.high * 1e6)


def _compare(rows: Mapping[str, Row]) -> None:
    own = rows.get("clearprop")
    for row in rows.values():
        if own is not None and own.step and own.best_step and row.step and row.best_step:
            row.ratio = row.step.median / own.step.median
            row.best_ratio = row.best_step.median / own.best_step.median


COLUMNS = (
    "contestant", "us/step [quartiles]", "GF/s", "of FMA peak", "of sgemm", "CPU us/step", "peak MB", "import s",
    "first epoch s", "times clearprop", "best us/step (threads)", "best times clearprop",
)  # fmt: skip


def print_net(net: Net, rows: Sequence[Row], yardsticks: Mapping[str, Any]) -> None:
    """Print the table of a network."""
    print(
        f"\n{net}: {number(net.operations / 1e6)} million operations a step; sgemm {number(yardsticks['sgemm'])} GF/s "
        f"by {yardsticks['blas']}; FMA peak {number(yardsticks['fma_peak'])} GF/s; threads: {rows[0].threads}; "
        f"{yardsticks['others_cpus']:.2f} CPUs busy with other things meanwhile\n"
    )
    print_table(COLUMNS, [_cells(row) for row in rows])


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.0%}"


def _cells(row: Row) -> list[str]:
    if row.step is None or row.cpu_step is None or row.best_step is None:
        return [row.label, row.status, *["-"] * (len(COLUMNS) - 2)]
    return [
        row.label,
        str(row.step),
        number(row.gigaflops),
        _share(row.peak_share),
        _share(row.sgemm_share),
        number(row.cpu_step.median),
        f"{row.peak_megabytes:.0f}",
        number(row.import_seconds),
        number(row.first_seconds),
        number(row.ratio),
        f"{number(row.best_step.median)} ({row.best_threads})",
        number(row.best_ratio),
    ]


def print_summary(rows: Sequence[Row]) -> None:
    """Print how many times clearprop's time everybody takes, each at its own best number of threads."""
    labels = {row.contestant: row.label for row in rows if row.contestant != "clearprop"}
    found = {(row.net, row.contestant): row for row in rows}
    table = []
    for net in dict.fromkeys(row.net for row in rows):
        own = found.get((net, "clearprop"))
        best = own.best_step.median if own and own.best_step else None
        cells = [number(found[net, key].best_ratio) for key in labels]
        table.append([net, number(best), *cells])
    print("\nTime of a step, each at its own best number of threads: clearprop in us, the others as multiples of it\n")
    print_table(("net", "clearprop us", *labels.values()), table)
