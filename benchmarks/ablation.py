"""What each trick of RealMLP is worth on tables: one at a time is switched off, and the error grows by so many percent.

    python benchmarks/ablation.py --data FOLDER                          # one network a fit, three splits (an hour)
    python benchmarks/ablation.py --data FOLDER --json all.json         # goes on where an earlier run has ended
    python benchmarks/ablation.py --data FOLDER --tricks dropout,scale --splits 0

FOLDER, splits, errors and the shifted geometric mean are those of `accuracy.py`. Every fit is one network of the full
recipe (`Recipe()`) in one thread, as many at a time as there are threads. The growth is that of exp(log(error + 0.01)),
means over splits and then over sets; beside it stands the standard error of the latter mean.

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
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from measure import say
from options import add_threads, check_threads, granted_cpus, names
from report import print_table, write_json
from tabular import KINDS, SHIFT, TableTask, error_rate, find_sets, relative_rmse, shifted_geometric_mean

import clearprop as cp
from clearprop.engines import native
from clearprop.estimators.tables import Recipe

FULL, WHOLE = Recipe(), "full"


@dataclass(frozen=True)
class Trick:
    """A part of the recipe.

    Attributes
    ----------
    title : str
        What it is called.
    without : Recipe
        The recipe without it.
    paper : tuple of float or None
        By how many percent the error grew without it in the paper, for classes and for numbers; None where it plays no
        part.
    """

    title: str
    without: Recipe
    paper: tuple[float, float | None]


TRICKS = {
    "periodic": Trick("periodic embedding", replace(FULL, periodic=False), (2.3, 20.6)),
    "beta_2": Trick("beta_2 = 0.95 (0.999 instead)", replace(FULL, beta_2=0.999), (2.0, 22.8)),
    "schedule": Trick("schedule (constant rate)", replace(FULL, schedule=False), (1.8, 13.4)),
    "smoothing": Trick("label smoothing", replace(FULL, label_smoothing=0.0), (1.8, None)),
    "scale": Trick("scale layer", replace(FULL, scale=False), (1.4, 1.0)),
    "data_driven": Trick("data-driven start", replace(FULL, data_driven=False), (0.9, 1.2)),
    "dropout": Trick("dropout", replace(FULL, dropout=0.0), (0.8, 0.8)),
    "weight_decay": Trick("weight decay", replace(FULL, weight_decay=0.0), (0.8, 0.9)),
    "ntk": Trick("NTK parametrization", replace(FULL, ntk=False, learning_rate=(0.04 / 16, 0.2 / 16)), (1.1, 1.3)),
    "parametric": Trick("parametric activation", replace(FULL, parametric=False), (0.5, 4.8)),
    "robust": Trick("robust scaling (standardised)", replace(FULL, robust=False), (2.1, 8.7)),
}


def fit(job: tuple[str, Path, int]) -> float:
    """Return the error of a recipe on a split."""
    trick, path, seed = job
    task = TableTask.split(path, seed)
    make = cp.Regressor if task.is_regression else cp.Classifier
    with native.threads(1):
        model = make(FULL if trick == WHOLE else TRICKS[trick].without, random_state=seed).fit(
            task.X_train, task.y_train
        )
        predicted = model.predict(task.X_test)
    return (relative_rmse if task.is_regression else error_rate)(task.y_test, predicted)


def jobs(given: argparse.Namespace) -> Iterator[tuple[str, Path, int]]:
    """Yield what is to be fitted: a trick, a set, a split."""
    for seed in given.splits:
        for path in given.paths.values():
            for trick in (WHOLE, *given.tricks):
                if trick == WHOLE or TRICKS[trick].paper[KINDS.index(path.parent.name)] is not None:
                    yield trick, path, seed


def growth(errors: dict[tuple[str, str, int], float], trick: str, sets: list[str], splits: list[int]) -> str:
    """Return by how many percent the error grows without a trick, and the standard error of that over the sets."""
    grown = [
        statistics.mean(
            math.log((errors[trick, name, seed] + SHIFT) / (errors[WHOLE, name, seed] + SHIFT)) for seed in splits
        )
        for name in sets
    ]
    deviation = statistics.stdev(grown) / math.sqrt(len(grown)) if len(grown) > 1 else math.nan
    return f"{100 * math.expm1(statistics.mean(grown)):+.1f} ± {100 * deviation:.1f}"


def print_all(given: argparse.Namespace, errors: dict[tuple[str, str, int], float]) -> None:
    """Print the table."""
    by_kind = {kind: [path.stem for path in given.paths.values() if path.parent.name == kind] for kind in KINDS}
    for kind, sets in by_kind.items():
        means = [statistics.mean(errors[WHOLE, name, seed] for seed in given.splits) for name in sets]
        if means:
            print(f"full recipe, {kind}: shifted geometric mean {shifted_geometric_mean(means):.4f}")
    print("\nGrowth of the error in percent where a trick is left out\n")
    rows = []
    for key in given.tricks:
        row = [TRICKS[key].title]
        for (_, sets), paper in zip(by_kind.items(), TRICKS[key].paper, strict=True):
            played = paper is not None and sets
            row += [growth(errors, key, sets, given.splits) if played else "-", f"+{paper}" if played else "-"]
        rows.append(row)
    print_table(("without", "classification", "paper", "regression", "paper"), rows)


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, metavar="FOLDER", help="where the sets are")
    parser.add_argument("--tricks", type=names(TRICKS), default=list(TRICKS), help=f"of {','.join(TRICKS)}")
    parser.add_argument("--splits", type=lambda text: [int(seed) for seed in text.split(",")], default=[0, 1, 2])
    add_threads(parser, default=granted_cpus())
    parser.add_argument("--json", type=Path, metavar="FILE", help="read what is known, and write all errors")
    given = parser.parse_args()
    check_threads(parser, given)
    given.paths = find_sets(given.data)
    errors: dict[tuple[str, str, int], float] = {}
    if given.json and given.json.exists():
        earlier = json.loads(given.json.read_text())
        if earlier["recipe"] != repr(FULL):
            parser.error(f"--json: {given.json} is of another recipe, {earlier['recipe']}; give another name")
        errors = {tuple(row[:3]): row[3] for row in earlier["rows"]}
    missing = [job for job in jobs(given) if (job[0], job[1].stem, job[2]) not in errors]
    with ProcessPoolExecutor(given.threads) as pool:
        for place, (job, error) in enumerate(zip(missing, pool.map(fit, missing), strict=True), 1):
            trick, path, seed = job
            errors[trick, path.stem, seed] = error
            say(f"{place} of {len(missing)}: {path.stem}, split {seed}, {trick}: {error:.4f}")
            if given.json:
                rows: list[Any] = [[*key, value] for key, value in errors.items()]
                write_json(given.json, {"recipe": repr(FULL), "rows": rows})
    print_all(given, errors)


if __name__ == "__main__":
    main()
