"""An epoch of a run: the learning rates of its updates, the order of its rows, and its batches."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy

from clearprop.engines import EpochLoss
from clearprop.errors import ArgumentError
from clearprop.optimizers import Optimizer
from clearprop.schedules import ReduceOnPlateau
from clearprop.schedules.base import ConstantRate
from clearprop.state import TrainState
from clearprop.streams import Purpose, Stream
from clearprop.training.report import EpochReport
from clearprop.validation import check_real, show

if TYPE_CHECKING:
    from clearprop.training.run import Run

__all__ = ["Epoch", "Order"]

Order = Callable[[int, int], Any]  # (epoch, n_rows) -> the order of the rows


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
        self.rates = _rates(rate, range(self.state.step, self.state.step + self.n_batches), self.state)
        self.order = _order(run.shuffle, self.state, run.data.n_rows)
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


def _rates(rate: Any, steps: range, state: TrainState) -> Any:
    """Return the learning rates of the updates `steps`, a float64 array."""
    if isinstance(rate, ReduceOnPlateau):
        return numpy.full(len(steps), rate.reduced(state.reductions))
    if isinstance(rate, ConstantRate):
        return numpy.full(len(steps), rate.rate)
    values = [rate(step) for step in steps]
    try:
        rates = numpy.array(values, dtype=numpy.float64)
        if rates.ndim == 1 and numpy.isfinite(rates).all() and (rates >= 0.0).all():
            return rates
    except (TypeError, ValueError):
        pass
    # what is wrong with which of them
    named = zip(steps, values, strict=True)
    checked = (check_real("train", f"learning_rate({step})", value, low=0.0) for step, value in named)
    return numpy.fromiter(checked, numpy.float64)


def _order(shuffle: bool | Order, state: TrainState, n_rows: int) -> Any:
    if callable(shuffle):
        given = shuffle(state.epoch, n_rows)
        try:
            order = numpy.asarray(given)
        except ValueError:  # lists of unequal length
            order = numpy.empty(0)
        if order.shape != (n_rows,) or order.dtype.kind not in "iu" or order.min() < 0 or order.max() >= n_rows:
            raise ArgumentError(
                f"train: shuffle must return {n_rows} row numbers from 0 to {n_rows - 1}, got {show(given)}."
            )
        return order
    if shuffle:
        return Stream(state.seed, Purpose.SHUFFLE, epoch=state.epoch).permutation(n_rows)
    return numpy.arange(n_rows)
