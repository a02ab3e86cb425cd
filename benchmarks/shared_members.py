"""Members that share their weights (TabM-mini) beside networks of their own, on tables of numbers.

    python benchmarks/shared_members.py --data FOLDER               # the first split (10 minutes)
    python benchmarks/shared_members.py --data FOLDER --members 8

FOLDER, splits and errors are those of `accuracy.py`. Everybody trains by the full recipe, without its data-driven
start, in one thread, as many fits at a time as there are threads:

- single: one network, validated on a fifth of the rows;
- separate: networks of their own, each validated on another part of the rows, whose predictions are averaged (what the
  presets do);
- shared: one network, validated on a fifth, in which each member has a factor of its own for each input, +1 or -1 at
  the start, and a last layer of its own, while all share the weights in between (Gorishniy, Kotelnikov and Babenko
  2025, "TabM", section 3). Training minimises the sum of the members' losses, prediction is their mean; the epoch is
  chosen by the mean of the members' squared errors.
"""

from __future__ import annotations

import argparse
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy
from measure import say
from options import add_threads, check_threads, granted_cpus
from report import print_table
from tabular import TableTask, find_sets, relative_rmse, shifted_geometric_mean

import clearprop as cp
from clearprop.engines import native
from clearprop.estimators.tables import Preprocessing, Recipe
from clearprop.estimators.tables.frame import table_of
from clearprop.estimators.tables.target import NumberTarget
from clearprop.estimators.tables.training import Task, as_fed, train_members

FULL = Recipe(data_driven=False)
WAYS = ("single", "separate", "shared")


@dataclass(frozen=True)
class SharedTarget(NumberTarget):
    """Numbers that every member predicts; together they predict the mean."""

    members: int = 1

    @property
    def n_outputs(self) -> int:
        """Outputs of the network: one a member."""
        return self.members

    def decode(self, prediction: Any) -> Any:
        """Return the mean of the members in the units of the table."""
        return super().decode(prediction.mean(axis=1, keepdims=True))


def shared_network(preprocessing: Preprocessing, target: SharedTarget, seed: int) -> cp.Network:
    """Return the network of `FULL` with members that share its hidden layers."""
    nodes = [cp.Input(width) for width in preprocessing.n_inputs]
    if preprocessing.numbers:
        nodes[0] = cp.PeriodicEmbedding(name="periodic")(nodes[0])
    inputs = nodes[0] if len(nodes) == 1 else cp.Concatenate()(*nodes)
    normal = cp.Normal(1.0)
    hidden = [(cp.Dense(units, ntk=True, initializer=normal, bias_initializer=normal), cp.Parametric(cp.Mish()))
              for units in FULL.hidden]  # fmt: skip
    outputs = []
    for _ in range(target.members):
        h = cp.Scale()(inputs)
        for dense, activation in hidden:
            h = cp.Dropout(FULL.dropout)(activation(dense(h)))
        outputs.append(cp.Dense(1, ntk=True, initializer=cp.Constant(0.0))(h))
    net = cp.Network(cp.Concatenate()(*outputs), loss=cp.SquaredError(), seed=seed)
    signs = numpy.random.default_rng(seed)
    for name, factors in net.parameters.items():
        if name.endswith(".s"):
            factors *= signs.choice([-1.0, 1.0], size=factors.shape)
    return net


def fit(job: tuple[Path, int, str, int]) -> tuple[float, float]:
    """Return the error of a way on a split, and the seconds of its training."""
    path, split, way, members = job
    task, recipe, build = TableTask.split(path, split), FULL, FULL.network
    table, y = table_of(task.X_train), task.y_train[:, None]
    target = NumberTarget.fit(y, None, "squared_error")
    if way == "separate":
        recipe = replace(FULL, members=members)
    elif way == "shared":
        target = SharedTarget(target.objective, target.mean, target.scale, target.low, target.high, members=members)
        build = shared_network
    preprocessing = Preprocessing.fit(table, {name: table.kind(name) for name in table.columns})
    rows = Task(preprocessing.transform(table), target.encode(y).astype(numpy.float32), None, None, target)
    with native.threads(1):
        began = time.perf_counter()
        trained = train_members(recipe, lambda seed: build(preprocessing, target, seed), rows, split)
        seconds = time.perf_counter() - began
        fed = as_fed(preprocessing.transform(table_of(task.X_test)))
        predicted = target.decode(target.mean_prediction(member.scores(fed) for member in trained))
    return relative_rmse(task.y_test, predicted[:, 0]), seconds


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, metavar="FOLDER", help="where the sets are")
    parser.add_argument("--members", type=int, default=4, help="how many; default 4")
    parser.add_argument("--splits", type=lambda text: [int(seed) for seed in text.split(",")], default=[0])
    add_threads(parser, default=granted_cpus())
    given = parser.parse_args()
    check_threads(parser, given)
    sets = {name: path for name, path in find_sets(given.data).items() if path.parent.name == "regression"}
    jobs = [(path, split, way, given.members) for path in sets.values() for split in given.splits for way in WAYS]
    errors: dict[tuple[str, str], list[float]] = {}
    seconds = dict.fromkeys(WAYS, 0.0)
    with ProcessPoolExecutor(given.threads) as pool:
        for (path, split, way, _), (error, took) in zip(jobs, pool.map(fit, jobs), strict=True):
            errors.setdefault((path.stem, way), []).append(error)
            seconds[way] += took
            say(f"{path.stem}, split {split}, {way}: {error:.4f} in {took:.0f} s")
    means = {key: float(numpy.mean(values)) for key, values in errors.items()}
    rows = [[name, *(f"{means[name, way]:.4f}" for way in WAYS)] for name in sets]
    overall = [shifted_geometric_mean([means[name, way] for name in sets]) for way in WAYS]
    rows.append(["shifted geometric mean", *(f"{value:.4f}" for value in overall)])
    rows.append(["fit, total s", *(f"{seconds[way]:.0f}" for way in WAYS)])
    print_table(("set", *WAYS), rows)


if __name__ == "__main__":
    main()
