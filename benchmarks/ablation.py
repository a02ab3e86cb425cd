"""What each trick of RealMLP is worth on tables: one at a time is switched off, and the error grows by so many percent.

    python benchmarks/ablation.py --data FOLDER                         # one network a fit, three splits (an hour)
    python benchmarks/ablation.py --data FOLDER --json all.json         # goes on where an earlier run has ended
    python benchmarks/ablation.py --data FOLDER --tricks dropout,scale --splits 0

FOLDER, splits, errors and the shifted geometric mean are those of `accuracy.py`. Every fit is one network of the full
recipe (`Recipe()`) in one thread, as many at a time as there are threads. Beside each growth stands its standard error:
that of the mean over sets and splits of the differences of log(error + 0.01).

The paper's figures are those of RealMLP-TD on its own sets (Holzmueller, Grinsztajn and Steinwart 2024, the table of
the ablations). There the learning rate was tuned again for each row; here it stays, but for NTK: the other
parametrization has W of deviation 1 / sqrt(n_in), so that Adam's steps are made smaller by sqrt(256), the width.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

from measure import say
from options import add_threads, check_threads, granted_cpus, names
from report import print_table, write_json
from tabular import KINDS, SHIFT, TableTask, error_rate, find_sets, relative_rmse, shifted_geometric_mean

import clearprop as cp
from clearprop.engines import native
from clearprop.estimators.tables import Recipe

FULL, WHOLE = Recipe(), "full recipe"
WITHOUT: dict[str, tuple[Recipe, tuple[float, float | None]]] = {  # and what the paper saw, in percent by kind
    "periodic embedding": (replace(FULL, periodic=False), (2.3, 20.6)),
    "beta_2 = 0.95 (0.999 instead)": (replace(FULL, beta_2=0.999), (2.0, 22.8)),
    "schedule (constant rate)": (replace(FULL, schedule=False), (1.8, 13.4)),
    "label smoothing": (replace(FULL, label_smoothing=0.0), (1.8, None)),
    "scale layer": (replace(FULL, scale=False), (1.4, 1.0)),
    "data-driven start": (replace(FULL, data_driven=False), (0.9, 1.2)),
    "dropout": (replace(FULL, dropout=0.0), (0.8, 0.8)),
    "weight decay": (replace(FULL, weight_decay=0.0), (0.8, 0.9)),
    "NTK parametrization": (replace(FULL, ntk=False, learning_rate=(0.04 / 16, 0.2 / 16)), (1.1, 1.3)),
    "parametric activation": (replace(FULL, parametric=False), (0.5, 4.8)),
    "robust scaling (standardised)": (replace(FULL, robust=False), (2.1, 8.7)),
}
ALL = {WHOLE: FULL, **{trick: recipe for trick, (recipe, _) in WITHOUT.items()}}
SPARED = {"label smoothing": "regression"}  # where a trick plays no part


def fit(job: tuple[str, Path, int]) -> float:
    """Return the error of a recipe on a split."""
    trick, path, seed = job
    task = TableTask.split(path, seed)
    make = cp.Regressor if task.is_regression else cp.Classifier
    with native.threads(1):
        model = make(ALL[trick], random_state=seed).fit(task.X_train, task.y_train)
        predicted = model.predict(task.X_test)
    return (relative_rmse if task.is_regression else error_rate)(task.y_test, predicted)


def jobs(given: argparse.Namespace) -> Iterator[tuple[str, Path, int]]:
    """Yield what is to be fitted: a trick, a set, a split."""
    for seed in given.splits:
        for path in given.paths.values():
            for trick in (WHOLE, *given.tricks):
                if path.parent.name != SPARED.get(trick):
                    yield trick, path, seed


def cells(errors: dict[tuple[str, str, int], float], trick: str, kind: str, paths: list[Path]) -> str:
    """Return by how many percent the error of a kind grows without a trick, and its standard error."""
    if kind == SPARED.get(trick):
        return "-"
    pairs = [
        (error, errors[WHOLE, name, seed])
        for (other, name, seed), error in errors.items()
        if other == trick and name in {path.stem for path in paths}
    ]
    growth = [math.log((without + SHIFT) / (full + SHIFT)) for without, full in pairs]
    if not growth:
        return "-"
    deviation = statistics.stdev(growth) / math.sqrt(len(growth)) if len(growth) > 1 else math.nan
    return f"{100 * math.expm1(statistics.mean(growth)):+.1f} ± {100 * deviation:.1f}"


def print_all(given: argparse.Namespace, errors: dict[tuple[str, str, int], float]) -> None:
    """Print the table."""
    by_kind = {kind: [path for path in given.paths.values() if path.parent.name == kind] for kind in KINDS}
    for kind, paths in by_kind.items():
        means = [statistics.mean(errors[WHOLE, path.stem, seed] for seed in given.splits) for path in paths]
        if means:
            print(f"full recipe, {kind}: shifted geometric mean {shifted_geometric_mean(means):.4f}")
    print("\nGrowth of the error in percent where a trick is left out\n")
    rows = []
    for trick in given.tricks:
        row = [trick]
        for place, (kind, paths) in enumerate(by_kind.items()):
            paper = WITHOUT[trick][1][place]
            row += [cells(errors, trick, kind, paths), "-" if paper is None else f"+{paper}"]
        rows.append(row)
    print_table(("without", "classification", "paper", "regression", "paper"), rows)


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, metavar="FOLDER", help="where the sets are")
    parser.add_argument("--tricks", type=names(WITHOUT), default=list(WITHOUT), help="some of the table's rows")
    parser.add_argument("--splits", type=lambda text: [int(seed) for seed in text.split(",")], default=[0, 1, 2])
    add_threads(parser, default=granted_cpus())
    parser.add_argument("--json", type=Path, metavar="FILE", help="read what is known, and write all errors")
    given = parser.parse_args()
    check_threads(parser, given)
    given.paths = find_sets(given.data)
    errors: dict[tuple[str, str, int], float] = {}
    if given.json and given.json.exists():
        errors = {tuple(row[:3]): row[3] for row in json.loads(given.json.read_text())["rows"]}
    missing = [job for job in jobs(given) if (job[0], job[1].stem, job[2]) not in errors]
    with ProcessPoolExecutor(given.threads) as pool:
        for place, (job, error) in enumerate(zip(missing, pool.map(fit, missing), strict=True), 1):
            trick, path, seed = job
            errors[trick, path.stem, seed] = error
            say(f"{place} of {len(missing)}: {path.stem}, split {seed}, {trick}: {error:.4f}")
            if given.json:
                rows: list[Any] = [[*key, value] for key, value in errors.items()]
                write_json(given.json, {"rows": rows})
    print_all(given, errors)


if __name__ == "__main__":
    main()
