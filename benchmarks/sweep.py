"""Never slower than any peer? Many shapes of networks, each measured briefly."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from contest import admit, microseconds, reference_losses, training_job
from contestants import REFERENCE, Contestant
from measure import Spread, Worker, WorkerError, interleave, number, say
from nets import Net, Task
from report import print_table

WIDTHS, DEPTHS, BATCHES = (8, 32, 128, 512, 2048), (1, 3, 6), (16, 256, 4096)
N_INPUTS, N_OUTPUTS = 64, 10
OPERATIONS = 4e9  # of an epoch, about, within 1 to 64 steps
SECONDS = 0.1


@dataclass
class Shape:
    """What was found about a shape.

    Attributes
    ----------
    net : str
        Width x depth, batch.
    steps : dict of str to Spread
        Microseconds a step, by contestant.
    statuses : dict of str to str
        Why a contestant has no time.
    faster : dict of str to float
        The contestants that are faster than clearprop, and their time in multiples of its.
    """

    net: str
    steps: dict[str, Spread] = field(default_factory=dict)
    statuses: dict[str, str] = field(default_factory=dict)
    faster: dict[str, float] = field(default_factory=dict)


def shapes() -> list[Net]:
    """Return the networks of the sweep: 64 inputs, equal hidden layers, 10 classes."""
    nets = []
    for width in WIDTHS:
        for depth in DEPTHS:
            for batch_size in BATCHES:
                sizes = (N_INPUTS, *[width] * depth, N_OUTPUTS)
                steps = OPERATIONS / Net("", sizes, batch_size, 1).operations
                nets.append(
                    Net(f"{width}x{depth}, batch {batch_size}", sizes, batch_size, min(64, max(1, round(steps))))
                )
    return nets


def run(contestants: Mapping[str, Contestant], threads: int, repeats: int, scratch: Path) -> list[Shape]:
    """Measure all shapes at equal threads, one process a contestant, and print the table."""
    found = []
    with ExitStack() as stack:
        workers, absent = {}, {}
        for key, who in contestants.items():
            try:
                workers[key] = stack.enter_context(Worker(who, threads, scratch / "cache"))
            except WorkerError as error:
                absent[key] = str(error)
        reference = stack.enter_context(Worker(REFERENCE, threads, scratch / "cache"))
        for net in shapes():
            say(net.name)
            found.append(_measure(net, contestants, reference, workers, absent, repeats, scratch))
    peers = {key: who.label for key, who in contestants.items() if key != "clearprop"}
    print(f"\nMicroseconds a step of clearprop, others as multiples of it; {threads} threads\n")
    print_table(("shape", "clearprop us", *peers.values(), ""), [_cells(shape, list(peers)) for shape in found])
    losing = sum(bool(shape.faster) for shape in found)
    print(f"\n{losing} of {len(found)} shapes have somebody faster than clearprop")
    return found


def _measure(
    net: Net,
    contestants: Mapping[str, Contestant],
    reference: Worker,
    workers: Mapping[str, Worker],
    absent: Mapping[str, str],
    repeats: int,
    scratch: Path,
) -> Shape:
    folder = scratch / net.name
    Task.make(net).save(folder)
    losses = reference_losses(reference, folder, contestants.values())
    shape, jobs = Shape(net.name, statuses=dict(absent)), {}
    for key, worker in workers.items():
        try:
            admit(worker, net, folder, losses[contestants[key].epsilon_hat])
            jobs[key] = training_job(worker, net, SECONDS)
        except WorkerError as error:
            shape.statuses[key] = str(error)
    shape.steps = {key: microseconds(wall) for key, (wall, _) in interleave(jobs, repeats).items()}
    own = shape.steps.get("clearprop")
    if own is not None:
        ratios = {key: step.median / own.median for key, step in shape.steps.items()}
        shape.faster = {key: ratio for key, ratio in ratios.items() if ratio < 1}
    return shape


def _cells(shape: Shape, peers: list[str]) -> list[str]:
    own = shape.steps.get("clearprop")
    cells = [shape.net, number(own.median) if own else shape.statuses["clearprop"]]
    for key in peers:
        step = shape.steps.get(key)
        if step is None:
            cells.append(shape.statuses[key])
        else:
            cells.append(number(step.median / own.median) if own else f"{number(step.median)} us")
    return [*cells, f"LOSES to {', '.join(shape.faster)}" if shape.faster else ""]
