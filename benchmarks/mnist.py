"""The ladder of published test errors on MNIST, climbed with clearprop: several seeds, mean and spread, time.

    python benchmarks/mnist.py --data FOLDER                          # all rungs, seeds 0, 1 and 2
    python benchmarks/mnist.py --data FOLDER --rungs units,dropout --seeds 0 --json mnist.json

FOLDER holds the four IDX files (`clearprop.datasets.load_mnist` says where to get them). All rungs but the last are
permutation-invariant: they know nothing of where a pixel lies. Each trains on all 60,000 images for a fixed number of
epochs, and what counts is the error after the last one: no epoch and no seed is chosen on the test images.
Progress goes to standard error.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from measure import machine
from options import names
from report import print_table, write_json

import clearprop as cp


@dataclass(frozen=True)
class Rung:
    """A recipe, and the error that was published for its kind.

    Attributes
    ----------
    title : str
        What the table calls it.
    layers : callable
        Returns the boxes.
    optimizer : Optimizer
        Its schedule runs over all epochs.
    epochs, batch_size : int
        How long, and rows of an update.
    published : float
        Test error in per cent.
    source : str
        Who published it.
    constraint : Constraint or None
        Of all weights.
    """

    title: str
    layers: Callable[[], list[Any]]
    optimizer: Any
    epochs: int
    batch_size: int
    published: float
    source: str
    constraint: Any = None


@dataclass(frozen=True)
class Climb:
    """One run of a rung: test error in per cent, training loss of the last epoch, seconds."""

    rung: str
    seed: int
    error: float
    loss: float
    seconds: float


def hidden(units: int, n_layers: int, dropout: float = 0.0) -> list[Any]:
    """Return hidden layers of ReLU units, and the output layer."""
    layers: list[Any] = []
    for _ in range(n_layers):
        layers += [cp.Dense(units, initializer=cp.He()), cp.ReLU(), *([cp.Dropout(dropout)] if dropout else [])]
    return [*layers, cp.Dense(10)]


def noisy() -> list[Any]:
    """Return hidden layers with batch norm, noise of standard deviation 0.3 everywhere, and the output layer."""
    layers: list[Any] = [cp.GaussianNoise(0.3)]
    for units in (1000, 500, 250, 250, 250):
        layers += [cp.Dense(units, bias=False), cp.BatchNorm(), cp.GaussianNoise(0.3), cp.ReLU()]
    return [*layers, cp.Dense(10)]


def lenet() -> list[Any]:
    """Return LeNet-5 as it is built today: 6-16-120-84-10, tanh, subsampling by averages, 61,706 parameters.

    As in the paper, pixels are standardised first (mean 0.1307, standard deviation 0.3081 of the training images).
    """
    return [
        *[cp.Rescale(1 / 0.3081, -0.1307 / 0.3081), cp.Reshape((1, 28, 28))],
        *[cp.Conv2D(6, 5, padding=2), cp.Tanh(), cp.AveragePool2D(2)],
        *[cp.Conv2D(16, 5), cp.Tanh(), cp.AveragePool2D(2), cp.Flatten()],
        *[cp.Dense(120), cp.Tanh(), cp.Dense(84), cp.Tanh(), cp.Dense(10)],
    ]


RUNGS = {
    "units": Rung(
        "800 hidden units", lambda: hidden(800, 1), cp.Adam(cp.Cosine(1e-3)), 20, 128,
        1.6, "Simard et al. 2003",
    ),
    "dropout": Rung(
        "3 x 1024 ReLU, dropout", lambda: [cp.Dropout(0.2), *hidden(1024, 3, dropout=0.5)],
        cp.Adam(cp.Cosine(1e-3)), 60, 128, 1.25, "Srivastava et al. 2014",
    ),
    "max_norm": Rung(
        "3 x 1024 ReLU, dropout, max-norm", lambda: [cp.Dropout(0.2), *hidden(1024, 3, dropout=0.5)],
        cp.Adam(cp.Cosine(1e-3)), 60, 128, 1.06, "Srivastava et al. 2014", cp.MaxNorm(2.0),
    ),
    "noise": Rung(
        "1000-500-250-250-250, batch norm, noise", noisy, cp.Adam(cp.Cosine(2e-3)), 60, 100,
        0.80, "Rasmus et al. 2015",
    ),
    "lenet": Rung(
        "LeNet-5", lenet, cp.AdamW(cp.Cosine(2e-3), weight_decay=0.05), 20, 64, 0.95, "LeCun et al. 1998",
    ),
}  # fmt: skip


def climb(name: str, seed: int, data: Any) -> Climb:
    """Train one rung and return its error on the test images."""
    rung = RUNGS[name]
    net = cp.Network(rung.layers(), inputs=784, loss=cp.CrossEntropy(), constraint=rung.constraint, seed=seed)
    began = time.perf_counter()
    report = None
    for report in cp.train(
        net,
        data.X_train,
        data.y_train,
        optimizer=rung.optimizer,
        epochs=rung.epochs,
        batch_size=rung.batch_size,
        seed=seed,
    ):
        seconds = time.perf_counter() - began
        print(f"{name}, seed {seed}: epoch {report.epoch}, loss {report.loss:.4f}, {seconds:.0f} s", file=sys.stderr)
    seconds = time.perf_counter() - began
    assert report is not None
    error = 100 * float((net.predict(data.X_test).argmax(axis=1) != data.y_test).mean())
    return Climb(name, seed, error, report.loss, seconds)


def print_climbs(climbs: Sequence[Climb]) -> None:
    """Print a table: a row a rung, with the mean over the seeds and the standard deviation."""
    table = []
    for name in dict.fromkeys(found.rung for found in climbs):
        rung, group = RUNGS[name], [found for found in climbs if found.rung == name]
        errors = [found.error for found in group]
        spread = f"{statistics.stdev(errors):.2f}" if len(errors) > 1 else "-"
        each = " ".join(f"{error:.2f}" for error in errors)
        seconds = statistics.mean(found.seconds for found in group)
        table.append(
            [rung.title, f"{statistics.mean(errors):.2f}", spread, each, f"{rung.published:.2f}", rung.source,
             str(rung.epochs), f"{seconds:.0f}"]
        )  # fmt: skip
    print()
    print_table(("recipe", "error %", "+-", "by seed", "published %", "by", "epochs", "seconds"), table)


def main() -> None:
    """Climb what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, metavar="FOLDER", help="where the IDX files are")
    parser.add_argument("--rungs", type=names(RUNGS), default=list(RUNGS), help=f"of {','.join(RUNGS)}; default all")
    parser.add_argument("--seeds", type=lambda text: [int(seed) for seed in text.split(",")], default=[0, 1, 2])
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures")
    given = parser.parse_args()
    about = machine()
    print(f"{about['cpu']}, {about['cpus']} CPUs, Python {about['python']}, {about['date']}")
    data = cp.datasets.load_mnist(given.data)
    climbs = [climb(name, seed, data) for name in given.rungs for seed in given.seeds]
    print_climbs(climbs)
    if given.json:
        write_json(given.json, {"machine": about, "rows": [asdict(found) for found in climbs]})


if __name__ == "__main__":
    main()
