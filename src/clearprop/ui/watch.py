"""A training of the user's program, watched: what the page knows comes from callbacks."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from typing import Any

import numpy
import scipy.sparse

from clearprop.engines import Batch, sparse
from clearprop.errors import ArgumentError
from clearprop.losses import BinaryCrossEntropy, CrossEntropy
from clearprop.network import Network
from clearprop.optimizers import Optimizer
from clearprop.state import TrainState
from clearprop.training import EpochReport
from clearprop.training.data import class_numbers
from clearprop.ui.history import History, Snapshot
from clearprop.ui.problems import Problem, class_names, distinct
from clearprop.ui.runs import RunRecord
from clearprop.ui.session import Session

__all__ = ["WatchSession", "watched_problem"]

Array = Any
MAX_NUMBERS = 2**22  # of the user's rows that the page keeps


class WatchSession(Session):
    """Runs of the user's program; the page can hold them up and end them."""

    mode = "watch"

    def __init__(self) -> None:
        super().__init__()
        self._held = self._ended = False
        self._step = 0  # updates before the epoch under way

    def begin(self, title: str, problem: Problem, net: Network, optimizer: Any, state: TrainState, epochs: int) -> None:
        """Look at another run, which is about to begin; one that goes on is looked at no more."""
        stochastic = optimizer if isinstance(optimizer, Optimizer) else None
        start = Snapshot(state.copy())
        history = History(problem.metric)
        history.keep(start)
        settings = {
            "problem": problem.name, "noise": 0.0, "data_seed": 0, "weight_seed": net.seed, "order_seed": 0,
            "hidden": (), "activation": None, "optimizer": repr(optimizer), "learning_rate": None, "batch_size": None,
            "l2": None, "stop_loss": None, "max_epochs": epochs, "pace": None,
        }  # fmt: skip
        run = RunRecord(
            str(next(self._numbers)), title, settings, problem, net.copy(), stochastic, 1, history, start, "running"
        )
        with self.changed:
            if self.runs and self.current.status in ("running", "paused"):
                self.current.status, self.current.message = "finished", "left for another training"
            self._held = self._ended = False
            self._step = state.step
            self._show(run)
            self.changed.notify_all()

    def observe(self, state: TrainState, report: EpochReport) -> bool:
        """Note the end of an epoch, wait while the page holds training up, and return whether the page ends it."""
        with self.changed:
            run = self.current
            run.n_batches, self._step = report.step - self._step, report.step
            if run.optimizer is not None and report.learning_rate > 0.0:  # a schedule may not know its length here
                run.optimizer = replace(run.optimizer, learning_rate=report.learning_rate)
            self._touch(reset=run.note(state, 0, report, self.version + 1))
            if self._held:
                self._rest("paused", state)
                while self._held and not self._ended and self.current is run:
                    self.changed.wait(0.2)  # and let Ctrl-C in
                if self.current is not run:
                    return False
                run.status = "running"
                self._touch(listed=True, now=True)
            return self._ended

    def finish(self, state: TrainState, status: str, message: str | None) -> None:
        """Note the end of the run."""
        with self.changed:
            self.current.message = message
            self._rest(status, state)

    def control(self, action: str) -> None:
        """Hold training up at the end of the epoch, let it go on, or end it there."""
        if action not in ("play", "pause", "stop"):
            raise ArgumentError(f"control: your program trains; the page can pause, play and stop it, got {action!r}.")
        with self.changed:
            self.run(None)  # or there is nothing to hold up
            self._held, self._ended = action == "pause", self._ended or action == "stop"
            self.changed.notify_all()

    def close(self) -> None:
        """Let training go on."""
        with self.changed:
            self._held = False
            self.changed.notify_all()

    def _rest(self, status: str, state: TrainState) -> None:
        self.current.note(state, 0, None, self.version + 1, stops=True)
        self.current.status = status
        self._touch(listed=True, now=True)


def watched_problem(
    net: Network, rows: Batch, held_out: Batch | None, columns: tuple[str, ...] | None, classes: Any
) -> Problem:
    """Return the rows of a training as a problem; of very many, the first ones."""
    widths = [math.prod(net.graph.nodes[place].shape) for place in net.graph.inputs]
    limit = max(500, MAX_NUMBERS // sum(widths))
    parts = [part.take(slice(0, limit)) for part in (rows, held_out) if part is not None]
    inputs = tuple(_joined(blocks) for blocks in zip(*(part.inputs for part in parts), strict=True))
    target = numpy.concatenate([part.target for part in parts])
    weight = None
    if any(part.weight is not None for part in parts):
        weight = numpy.concatenate([numpy.ones(part.n_rows) if part.weight is None else part.weight for part in parts])
    names = distinct(columns) if columns is not None and len(columns) == sum(widths) else None
    loss, n_outputs = net.loss_function, math.prod(net.graph.output.shape)
    numbered = isinstance(loss, BinaryCrossEntropy | CrossEntropy) and class_numbers(parts[0]) is not None
    known: Any = None
    if numbered:
        n_classes = max(n_outputs, 2)
        named = classes is not None and len(classes) == n_classes
        known = class_names(classes.tolist()) if named else tuple(range(n_classes))
    shown = f" (the first {limit} of {rows.n_rows})" if rows.n_rows > limit else ""
    return Problem(
        "watched", f"your program's rows{shown}", "classification" if numbered else "regression",
        "y" if numbered or n_outputs == 1 else "y[0]",  # views of rows show the first of several numbers
        names or tuple(f"x{number}" for number in range(1, sum(widths) + 1)), known, inputs, target,
        parts[0].n_rows, loss, n_outputs, net.dtype, False, None, weight=weight,
    )  # fmt: skip


def _joined(blocks: tuple[Array, ...]) -> Array:
    if sparse(blocks[0]):
        return scipy.sparse.vstack(list(itertools.chain(blocks))).tocsr()
    return numpy.concatenate(blocks)
