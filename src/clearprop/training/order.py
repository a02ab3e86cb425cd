"""The order in which an epoch takes its rows, and the learning rates of its updates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy

from clearprop.errors import ArgumentError
from clearprop.schedules import ReduceOnPlateau
from clearprop.schedules.base import ConstantRate
from clearprop.state import TrainState
from clearprop.streams import Purpose, Stream
from clearprop.validation import check_real, show

__all__ = ["Order", "row_order", "update_rates"]

Order = Callable[[int, int], Any]  # (epoch, n_rows) -> the order of the rows


def update_rates(rate: Any, steps: range, state: TrainState) -> Any:
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


def row_order(shuffle: bool | Order, state: TrainState, n_rows: int) -> Any:
    """Return the numbers of the rows in the order in which the next epoch takes them."""
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
