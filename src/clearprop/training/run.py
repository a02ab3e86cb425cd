"""A training run, and an epoch of it that may be run in parts."""

from __future__ import annotations

import math
import time
from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import Any

import numpy

from clearprop.engines import Batch, EpochLoss
from clearprop.errors import ArgumentError
from clearprop.network import Network
from clearprop.optimizers import LBFGS, Optimizer
from clearprop.schedules import ReduceOnPlateau
from clearprop.state import TrainState
from clearprop.training.lbfgs import check_trainable, iterations
from clearprop.training.metrics import evaluate
from clearprop.training.order import Order, row_order, update_rates
from clearprop.training.report import EpochReport

__all__ = ["Epoch", "Run"]


@dataclass
class Run:
    """A training run, ready to go."""

    net: Network
    data: Batch
    held_out: Batch | None
    optimizer: Optimizer | LBFGS
    epochs: int
    batch_size: int
    shuffle: bool | Order
    metrics: tuple[str, ...]
    seed: int
    state: TrainState | None = None
    by_rows: bool = False  # weigh the batches of an epoch's loss by their rows, as scikit-learn does, not their weights

    def __post_init__(self) -> None:
        net, optimizer = self.net, self.optimizer
        if isinstance(optimizer, LBFGS):
            check_trainable(net)
            if self.state is not None:
                raise ArgumentError("train: LBFGS takes no state, SciPy keeps its memory to itself; leave state out.")
        fresh = {} if isinstance(optimizer, LBFGS) else optimizer.new_slots(numpy, net.vector)
        if self.state is None:
            self.state = TrainState(net.vector, net.buffer_vector, fresh, seed=self.seed)
        elif not (
            numpy.array_equal(self.state.parameters, net.vector)
            and numpy.array_equal(self.state.buffers, net.buffer_vector)
        ):
            raise ArgumentError("train: state belongs to another network; pass the state of a report of this one.")
        elif set(self.state.slots) != set(fresh):
            raise ArgumentError(
                f"train: state remembers {sorted(self.state.slots)}, but {type(optimizer).__name__} needs "
                f"{sorted(fresh)}; continue with the same optimizer or without state."
            )
        elif self.state.parameters is not net.vector:  # a copy's, or one that was pickled: it stays as it is
            self.state = replace(self.state.copy(), parameters=net.vector, buffers=net.buffer_vector)

    def reports(self) -> Generator[EpochReport]:
        """Yield the reports of all epochs."""
        return self._lbfgs() if isinstance(self.optimizer, LBFGS) else self._stochastic(self.optimizer)

    def _stochastic(self, optimizer: Optimizer) -> Generator[EpochReport]:
        rate = self.rate(optimizer)
        for _ in range(self.epochs):
            yield Epoch(self, optimizer, rate).finish()

    def rate(self, optimizer: Optimizer) -> Any:
        """Return the learning rate of the updates that are still to come, a schedule or a constant."""
        assert self.state is not None
        return optimizer.rate(self.state.step + self.epochs * self.n_batches)

    @property
    def n_batches(self) -> int:
        """Batches of an epoch."""
        return math.ceil(self.data.n_rows / self.batch_size)

    def batch_shares(self, order: Any) -> Any:
        """Return what each batch counts in the loss of the epoch."""
        starts = numpy.arange(0, len(order), self.batch_size)
        if self.by_rows or self.data.weight is None:
            totals = numpy.minimum(starts + self.batch_size, len(order)) - starts
        else:
            totals = numpy.add.reduceat(self.data.weight[order].astype(numpy.float64), starts)
        return totals / totals.sum()

    def _lbfgs(self) -> Generator[EpochReport]:
        assert self.state is not None
        net, state = self.net, self.state
        assert isinstance(self.optimizer, LBFGS)
        began = time.perf_counter()
        for loss in iterations(net, self.data, self.optimizer, self.epochs):
            state.step += 1
            state.epoch += 1
            penalty, _ = net.reference().penalty(net.vector, self.data.total_weight)
            yield self.report(loss - penalty, penalty, math.nan, math.nan, began, None)
            began = time.perf_counter()

    def report(
        self, data: float, penalty: float, norm: float, learning_rate: float, began: float, rate: Any
    ) -> EpochReport:
        """Return the report of an epoch with these losses, which began at that time; the held-out rows are measured."""
        assert self.state is not None
        net, state, held_out = self.net, self.state, self.held_out
        validation_loss, measured = None, {}
        if held_out is not None or self.metrics:
            rows, prefix = (self.data, "") if held_out is None else (held_out, "validation_")
            with numpy.errstate(all="ignore"):  # the report shows what is not finite, and training stops at it
                scores = net.executor().scores(net.vector, net.buffer_vector, rows.inputs)
                if held_out is not None:
                    values = net.loss_function.values(numpy, scores, rows.target)
                    validation_loss = float(numpy.average(values, weights=rows.weight))
                prediction = net.loss_function.prediction(numpy, scores)
                found = evaluate(self.metrics, net.loss_function, prediction, rows.target, rows.weight)
            measured = {f"{prefix}{name}": value for name, value in found.items()}
        if isinstance(rate, ReduceOnPlateau):
            _watch_plateau(rate, state, data + penalty if validation_loss is None else validation_loss)
        return EpochReport(
            epoch=state.epoch,
            step=state.step,
            loss=data + penalty,
            data_loss=data,
            penalty=penalty,
            gradient_norm=norm,
            learning_rate=learning_rate,
            seconds=time.perf_counter() - began,
            validation_loss=validation_loss,
            metrics=measured,
            state=state,
        )


class Epoch:
    """An epoch under way: its batches may be run one at a time, and leave the same bits as all at once.

    Parameters
    ----------
    run : Run
        Whose next epoch it is; not one of L-BFGS.
    optimizer : Optimizer
        The run's.
    rate : schedule or constant
        What `Run.rate` returned when the run began.
    """

    def __init__(self, run: Run, optimizer: Optimizer, rate: Any) -> None:
        began = time.perf_counter()
        assert run.state is not None
        self.run, self.optimizer, self.rate, self.state = run, optimizer, rate, run.state
        self.executor = run.net.executor(optimizer)
        self.n_batches, self.n_done = run.n_batches, 0
        self.rates = update_rates(rate, range(self.state.step, self.state.step + self.n_batches), self.state)
        self.order = row_order(run.shuffle, self.state, run.data.n_rows)
        self.parts: list[EpochLoss] = []
        self.seconds = time.perf_counter() - began

    def advance(self, n_batches: int) -> EpochReport | None:
        """Run so many batches more, or those that are left; return the report once the last one is done."""
        began = time.perf_counter() - self.seconds
        run, first, last = self.run, self.n_done, min(self.n_done + n_batches, self.n_batches)
        order = self.order[first * run.batch_size : last * run.batch_size]
        part = self.executor.run_epoch(
            self.state, self.optimizer, run.data, order, run.batch_size, self.rates[first:last],
            first_batch=first + 1, ends=last == self.n_batches,
        )  # fmt: skip
        self.parts.append(part)
        self.n_done = last
        self.seconds = time.perf_counter() - began
        return self._report(began, part.gradient_norm) if last == self.n_batches else None

    def finish(self) -> EpochReport:
        """Run the batches that are left and return the report."""
        report = self.advance(self.n_batches)
        assert report is not None
        return report

    def _report(self, began: float, gradient_norm: float) -> EpochReport:
        shares = self.run.batch_shares(self.order)
        data = float(numpy.concatenate([part.data for part in self.parts]) @ shares)
        penalty = float(numpy.concatenate([part.penalty for part in self.parts]) @ shares)
        return self.run.report(data, penalty, gradient_norm, float(self.rates[-1]), began, self.rate)


def _watch_plateau(rate: ReduceOnPlateau, state: TrainState, loss: float) -> None:
    if loss < state.best - rate.tolerance:
        state.waiting = 0
    else:
        state.waiting += 1
    state.best = min(state.best, loss)
    if state.waiting >= rate.patience:
        state.reductions += 1
        state.waiting = 0
