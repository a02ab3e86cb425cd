"""How good defaults are on tables: clearprop's `Classifier` and `Regressor` beside scikit-learn and boosted trees.

    python benchmarks/accuracy.py --data FOLDER                            # all sets, three splits (an hour)
    python benchmarks/accuracy.py --data FOLDER --json all.json --plot all.svg
    python benchmarks/accuracy.py --data FOLDER --presets balanced --peers none --with all.json

FOLDER holds classification/*.parquet and regression/*.parquet. The column ``target`` is the target; of the others,
those that are not numbers are categories, and values may be missing.

Everybody gets the same splits: 25 % of the rows are for the test, drawn with the seeds 0, 1 and 2, stratified for
classes. Everybody runs with defaults and is given no more than the number of threads, the split's seed as its own, and
what its library's documentation asks to be done to a table (`contestants` says what). The error of a split is

- for classes the error rate: wrong rows / rows;
- for values RMSE / std: sqrt(mean((y - prediction)^2)) / sqrt(mean((y - mean(y))^2)), both over the test rows, so that
  who predicts their mean has 1.

The error on a set is the mean over its splits. The summary is the shifted geometric mean over the sets of Holzmueller,
Grinsztajn and Steinwart (2024), exp(mean(log(error + 0.01))), taken of the errors that the table shows. (Their own
figures take the logarithm of each split's error.) Log loss and calibration error (15 bins, most probable class) are
means over splits, then over sets, and so is the coverage of 90 % intervals. Seconds of `fit` and `predict` include what
is done to the table; they are means over splits, then totals over sets. Each contestant has a process of its own that
is held to the threads and makes a small fit beforehand, so that loading libraries does not count.

Who fails on a set is shown as failed there, and has no summary. Progress goes to standard error, and --json is written
after every set. Figures of an earlier run are shown beside new ones by --with.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import numpy
from accuracy_report import draw_errors, print_kind
from contestants import PRESETS, TABLE_PEERS
from measure import Worker, WorkerError, machine, say
from options import add_threads, check_threads, granted_cpus, names
from report import write_json
from scores import Column, Score, read_runs
from tabular import (
    KINDS,
    TableTask,
    calibration_error,
    coverage,
    error_rate,
    find_sets,
    log_loss,
    relative_rmse,
    warm_up_task,
)

CONTESTANTS = {**PRESETS, **TABLE_PEERS}


class Crew(ExitStack):
    """The workers of all contestants; one whose process has ended is replaced when it is needed again.

    Parameters
    ----------
    threads : int
        Threads of each.
    scratch : Path
        A folder for compiled code, and for the small task on which a new worker warms up.
    """

    def __init__(self, threads: int, scratch: Path) -> None:
        super().__init__()
        self.threads, self.cache = threads, scratch / "cache"
        self.small = warm_up_task().save(scratch)
        self.workers: dict[str, Worker] = {}

    def worker(self, key: str) -> Worker:
        """Return the worker of a contestant, or raise `WorkerError` if its library is not installed."""
        worker = self.workers.get(key)
        if worker is None or worker.process.poll() is not None:
            worker = self.enter_context(Worker(CONTESTANTS[key], self.threads, self.cache))
            self.workers[key] = worker
            with suppress(WorkerError):  # what fails here is told by the first set
                for method, *arguments in (("prepare", str(self.small)), ("fit",), ("predict",)):
                    worker.call(method, *arguments)
        return worker


def measure(crew: Crew, key: str, task: TableTask, folder: Path) -> Score:
    """Fit a contestant to a split, and judge its predictions."""
    score = Score(task.kind, task.name, task.seed, key)
    try:
        worker = crew.worker(key)
        score.detail = worker.call("prepare", str(folder))["result"]
        worker.fall_asleep()
        score.fit_seconds = worker.call("fit")["seconds"]
        worker.fall_asleep()
        score.predict_seconds = worker.call("predict")["seconds"]
        predicted = numpy.asarray(worker.call("prediction")["result"])
        if task.is_regression:
            score.error = relative_rmse(task.y_test, predicted)
            if intervals := worker.call("intervals")["result"]:
                score.coverage = coverage(task.y_test, numpy.asarray(intervals))
        else:
            score.error = error_rate(task.y_test, predicted)
            probabilities = numpy.asarray(worker.call("probabilities")["result"])
            if probabilities.shape != (len(task.y_test), task.y_train.max() + 1):
                raise WorkerError(f"probabilities have the shape {probabilities.shape}")
            score.log_loss = log_loss(task.y_test, probabilities)
            score.calibration_error = calibration_error(task.y_test, probabilities)
        if not numpy.isfinite([score.error, score.log_loss or 0.0]).all():
            raise WorkerError("predictions are not finite")
    except WorkerError as error:
        score.status = str(error)
    return score


def names_or_none(known: Sequence[str]) -> Any:
    """Return the reader of a comma-separated list of known names, or of "none"."""
    read = names(known)
    return lambda text: [] if text == "none" else read(text)


def arguments() -> argparse.Namespace:
    """Return the arguments of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        usage="%(prog)s --data FOLDER [options]",
    )
    parser.add_argument("--data", type=Path, required=True, metavar="FOLDER", help="where the sets are")
    for option, known in (("--presets", PRESETS), ("--peers", TABLE_PEERS)):
        keys = list(known)
        parser.add_argument(
            option, type=names_or_none(keys), default=keys, help=f"of {','.join(keys)}, or none; default all"
        )
    parser.add_argument("--sets", metavar="NAMES", help="names of files, without .parquet; default all")
    parser.add_argument("--splits", type=lambda text: [int(seed) for seed in text.split(",")], default=[0, 1, 2])
    add_threads(parser, default=granted_cpus())
    parser.add_argument(
        "--with", type=Path, action="append", default=[], dest="earlier", metavar="FILE",
        help="--json of an earlier run, from which to take those who are not measured now; may be repeated",
    )  # fmt: skip
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw the errors (.svg, .png)")
    given = parser.parse_args()
    check_threads(parser, given)
    given.paths = find_sets(given.data)
    if not given.paths:
        parser.error(f"--data: {given.data} holds no classification/*.parquet and no regression/*.parquet")
    if given.sets:
        try:
            chosen = names(given.paths)(given.sets)
        except argparse.ArgumentTypeError as error:
            parser.error(f"--sets: {error}")
        given.paths = {name: path for name, path in given.paths.items() if name in chosen}
    return given


def earlier_runs(given: argparse.Namespace) -> tuple[list[dict[str, Any]], list[Score]]:
    """Return what earlier runs tell of those who are not measured now: where they ran, and their scores."""
    taken = {*given.presets, *given.peers}
    runs, scores = [], []
    for path in given.earlier:
        for run, found in read_runs(path):
            keys = [key for key in run["contestants"] if key not in taken]
            if keys:
                taken.update(keys)
                runs.append({**run, "contestants": keys})
            scores += [score for score in found if score.contestant in keys]
    return runs, scores


def print_all(given: argparse.Namespace, runs: Sequence[dict[str, Any]], scores: Sequence[Score]) -> None:
    """Print where everybody ran and the tables, and draw the picture."""
    for run in runs:
        labels = ", ".join(CONTESTANTS[key].label for key in run["contestants"])
        about = (
            f"{run['cpu']}, threads: {run['threads']}, load before: {run['load_before']:.1f}, Python {run['python']}"
        )
        print(f"{about}, {run['date']}: {labels}")
    print(", ".join(sorted({score.detail for score in scores if score.detail})))
    measured = {key for run in runs for key in run["contestants"]}
    by_kind: dict[str, dict[str, Column]] = {}
    for kind in KINDS:
        sets = [name for name, path in given.paths.items() if path.parent.name == kind]
        if sets:
            by_kind[kind] = {
                key: Column.of(who.label, [score for score in scores if score.contestant == key], sets, given.splits)
                for key, who in CONTESTANTS.items()
                if key in measured
            }
            print_kind(kind, by_kind[kind], sets)
    if given.plot:
        draw_errors(given.plot, by_kind)


def main() -> None:
    """Measure what the command line asks for."""
    given = arguments()
    runs, scores = earlier_runs(given)
    keys = [*given.presets, *given.peers]
    if keys:
        runs.append({**machine(), "threads": given.threads, "contestants": keys})
    with tempfile.TemporaryDirectory() as folder, Crew(given.threads, Path(folder)) as crew:
        for name, path in given.paths.items():
            for seed in given.splits if keys else []:
                task = TableTask.split(path, seed)
                saved = task.save(Path(folder))
                for key in keys:
                    score = measure(crew, key, task, saved)
                    scores.append(score)
                    say(f"{name}, split {seed}, {key}: {score}")
            if given.json:
                write_json(given.json, {"runs": runs, "rows": scores})
    print_all(given, runs, scores)


if __name__ == "__main__":
    main()
