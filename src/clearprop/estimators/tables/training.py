"""Networks for the rows of a table, each validated on rows that the others learn from, trained side by side."""

from __future__ import annotations

import math
import threading
import time
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy

from clearprop.engines import native
from clearprop.errors import DataError
from clearprop.estimators.tables.recipe import Recipe
from clearprop.estimators.tables.target import ClassTarget, NumberTarget
from clearprop.network import Network
from clearprop.training import EpochReport
from clearprop.training.data import deal_rows, spare_classes
from clearprop.training.initialization import initialize_from_data
from clearprop.training.metrics import is_better_greater
from clearprop.training.run import Run

__all__ = ["STOPPED", "HeldOut", "Member", "Task", "as_fed", "train_members"]

Array = Any

STOPPED = ("epochs", "patience", "time limit", "interrupted")  # why training may end
N_PARTS = 5  # of the rows, on one of which a single network is validated


def as_fed(inputs: Sequence[Array]) -> Any:
    """Return matrices as a network takes them: one as it is, several as a list."""
    return inputs[0] if len(inputs) == 1 else inputs


@dataclass(frozen=True)
class Task:
    """What is to be learned.

    Attributes
    ----------
    inputs : sequence of array
        What the network reads, one array an input.
    y : array
        The target as the loss takes it.
    weight : array of shape (n,) or None
        Weights of the rows.
    classes : array of int of shape (n,) or None
        Classes of the rows, of which each network gets its share.
    target : ClassTarget or NumberTarget
        What the outputs of the networks mean.
    validation : Task or None
        Other rows, which every network is validated on instead of some of these.
    """

    inputs: Sequence[Array]
    y: Array
    weight: Array | None
    classes: Array | None
    target: ClassTarget | NumberTarget
    validation: Task | None = None

    def rows(self, rows: Array) -> tuple[Any, Array, Array | None]:
        """Return X, y and the weights of some rows."""
        X = as_fed([x[rows] for x in self.inputs])
        return X, self.y[rows], None if self.weight is None else self.weight[rows]

    def held_out(self, members: Sequence[Member]) -> HeldOut:
        """Return all rows that members were validated on, with the scores that these give them."""
        if self.validation is not None:
            X, y, weight = self.validation.rows(slice(None))
            return HeldOut(numpy.stack([member.scores(X) for member in members]), y, weight)
        rows = numpy.concatenate([member.held_out for member in members])
        scores = numpy.concatenate([member.scores(self.rows(member.held_out)[0]) for member in members])
        return HeldOut(scores[None], *self.rows(rows)[1:])


@dataclass(frozen=True)
class HeldOut:
    """Rows that networks were validated on, and what these make of them.

    Attributes
    ----------
    scores : array of shape (n_networks, n, n_outputs)
        Of all networks that have not learned from the rows, float64.
    y : array
        Targets, as the networks learn them.
    weight : array of shape (n,) or None
        Weights.
    """

    scores: Array
    y: Array
    weight: Array | None


@dataclass
class Member:
    """A network, the rows that it is validated on, and how its training went.

    Attributes
    ----------
    network : Network
        At the end with the parameters of its best epoch, the last of them where several are equal.
    held_out : array of int
        Rows that it was validated on; none where these were other rows.
    history : dict of str to list of float
        Losses and the quantity that chose the epoch, one entry an epoch.
    best_epoch : int
        The epoch whose parameters the network has, counted from 1.
    stopped : str
        Why training ended, one of `STOPPED`.
    """

    network: Network
    held_out: Array
    history: dict[str, list[float]] = field(default_factory=dict)
    best_epoch: int = 0
    stopped: str = "interrupted"

    def scores(self, X: Any) -> Array:
        """Return the scores of rows, float64 of shape (n, n_outputs)."""
        return self.network.scores(X).astype(numpy.float64)

    def train(self, recipe: Recipe, task: Task, seed: int, stops: Callable[[EpochReport], str | None]) -> None:
        """Train on all other rows until `stops` gives a reason after an epoch, and keep the best parameters."""
        net = self.network
        rows = net.batch(*task.rows(numpy.setdiff1d(numpy.arange(len(task.y)), self.held_out)))
        if recipe.data_driven:
            initialize_from_data(net, rows.inputs, seed)
        monitor = recipe.monitor(task.target)
        metric = monitor.removeprefix("validation_")
        validation = task.rows(self.held_out) if task.validation is None else task.validation.rows(slice(None))
        best, better_epoch, kept = math.inf, 0, net.vector.copy()
        run = Run(
            net,
            rows,
            net.batch(*validation),
            recipe.make_optimizer(net, task.target),
            recipe.epochs,
            recipe.batch_size,
            shuffle=True,
            metrics=() if metric == "loss" else (metric,),
            seed=seed,
        )
        reports = run.reports()
        try:
            for report in reports:
                values = {name: report.value(name) for name in ("loss", "validation_loss", monitor)}
                cost = report.value(monitor) * (-1.0 if is_better_greater(monitor) else 1.0)
                if cost < best:
                    better_epoch = report.epoch
                if cost <= best:
                    kept[...] = net.vector
                    best, self.best_epoch = cost, report.epoch
                self.history = {name: [*self.history.get(name, []), value] for name, value in values.items()}
                reason = stops(report)
                if reason is None and recipe.patience is not None and report.epoch - better_epoch >= recipe.patience:
                    reason = "patience"
                if reason is not None:
                    self.stopped = reason
                    break
            else:
                self.stopped = "epochs"
        finally:
            reports.close()
            net.vector[...] = kept


def train_members(
    recipe: Recipe,
    build: Callable[[int], Network],
    task: Task,
    seed: int,
    time_limit: float | None = None,
    tell: Callable[[EpochReport], None] | None = None,
) -> list[Member]:
    """Return trained networks.

    Several are validated on parts of the rows that do not overlap, and trained at the same time, each in one thread; a
    single one is validated on a fifth of the rows and trained in all threads. What comes out does not depend on the
    number of threads, unless a time limit ends it, of which each that has to wait for a thread gets its share. Limit
    and interrupts are looked at after each epoch; those come out that have learned for one. Where none has, the
    interrupt does.
    """
    held_out = _held_out_rows(task, recipe.members, seed)
    members = [Member(build(seed + place), rows) for place, rows in enumerate(held_out)]
    n_threads = native.setting().threads
    limit = math.inf if time_limit is None else time_limit / math.ceil(len(members) / n_threads)
    stop, begin = threading.Event(), time.monotonic()

    def run(place: int) -> None:
        began = time.monotonic()
        if time_limit is not None and began - begin >= time_limit and any(member.best_epoch for member in members):
            return

        def stops(report: EpochReport) -> str | None:
            if tell is not None:
                tell(report)
            if stop.is_set():
                return "interrupted"
            return "time limit" if time.monotonic() - began >= limit else None

        members[place].train(recipe, task, seed + place, stops)

    try:
        if len(members) == 1:
            run(0)
            return members
        with native.threads(1), ThreadPoolExecutor(n_threads) as pool:
            runs = [pool.submit(run, place) for place in range(len(members))]
            try:
                for future in runs:
                    future.result()
            except BaseException:
                stop.set()
                pool.shutdown(cancel_futures=True)
                raise
    except KeyboardInterrupt:
        if not any(member.best_epoch for member in members):
            raise
        warnings.warn("Training interrupted by user.", stacklevel=4)
    return [member for member in members if member.best_epoch]


def _held_out_rows(task: Task, n_members: int, seed: int) -> list[Array]:
    """Return for each network the rows that it is validated on; none where there are other rows for that.

    No class is held out as a whole, if that can be helped.
    """
    n_rows = len(task.y)
    if task.validation is not None:
        return [numpy.empty(0, dtype=numpy.int64)] * n_members
    if n_rows < 2:
        raise DataError(
            f"a table needs two rows or more, one to learn from and one to validate on; got n_samples={n_rows}."
        )
    parts = deal_rows(n_rows, min(n_members if n_members > 1 else N_PARTS, n_rows), task.classes, seed)[:n_members]
    if task.classes is None:
        return parts
    spared = [spare_classes(part, task.classes) for part in parts]
    return [few if few.size else part for few, part in zip(spared, parts, strict=True)]
