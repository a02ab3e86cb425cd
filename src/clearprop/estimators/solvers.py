"""How the multi-layer perceptrons minimise the loss: L-BFGS on all rows, or epochs of updates."""

from __future__ import annotations

import itertools
import math
import warnings
from typing import Any

import numpy
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import shuffle
from sklearn.utils.optimize import _check_optimize_result

from clearprop.engines import Batch
from clearprop.errors import NonFiniteError
from clearprop.estimators.bookkeeping import EpochBookkeeping, HeldOut
from clearprop.estimators.hooks import Hooks
from clearprop.optimizers import LBFGS, Optimizer
from clearprop.state import TrainState
from clearprop.training.lbfgs import minimize
from clearprop.training.report import EpochReport
from clearprop.training.run import Run

__all__ = ["Solvers"]

Array = Any


class Solvers(EpochBookkeeping):
    """The side of an estimator that changes the parameters of `network_`, given rows that the network takes."""

    # parameters
    batch_size: int | str
    max_iter: int
    shuffle: bool

    _state: TrainState | None  # what the stochastic solvers remember from fit to fit

    def _fit_lbfgs(self, train: Batch, optimizer: LBFGS, hooks: Hooks) -> None:
        hooks.take(train, None, optimizer)
        epoch = hooks.begin()
        count = itertools.count(1)

        def after_iteration(loss: float) -> bool:
            nonlocal epoch
            number = next(count)
            report = EpochReport(number, number, loss, math.nan, math.nan, math.nan, math.nan, math.nan)
            stop = hooks.end(epoch, report)
            epoch = hooks.begin() if not stop else None
            return stop

        watched = after_iteration if hooks.root is not None else None
        result = minimize(self.network_, train, optimizer, self.max_iter, watched)
        hooks.end(epoch)
        self.n_iter_ = _check_optimize_result("lbfgs", result, self.max_iter)
        net = self.network_
        data, penalty = net.executor().loss(net.vector, net.buffer_vector, train, training=False, seed=0, step=0)
        self.loss_ = self._reported(data) + penalty

    def _fit_stochastic(
        self,
        train: Batch,
        held_out: HeldOut | None,
        optimizer: Optimizer,
        random_state: Any,
        incremental: bool,
        hooks: Hooks,
    ) -> None:
        self.n_iter_ = 0
        self.stopped_ = False
        if not incremental or not hasattr(self, "_reductions"):
            self._reductions = 0
        order = numpy.arange(train.n_rows)

        def next_order(epoch: int, n_rows: int) -> Array:
            nonlocal order
            order = shuffle(order, random_state=random_state) if self.shuffle else order
            return order

        state = self._state
        if state is not None and set(state.slots) != set(optimizer.new_slots(numpy, self.network_.vector)):
            state = None  # another solver than last time
        if state is not None:  # after pickling, or where the user set parameters since
            state.parameters, state.buffers = self.network_.vector, self.network_.buffer_vector
        rows = None if held_out is None else held_out[0]
        seed = int(random_state.randint(2**31)) if self._draws_noise() else 0
        epochs, batch_size = 1 if incremental else self.max_iter, self._rows_a_step(train)
        run = Run(self.network_, train, rows, optimizer, epochs, batch_size, next_order, (), seed, state, by_rows=True)
        self._state = run.state
        hooks.take(train, rows, optimizer, run.state)
        try:
            reports = run.reports()
            for _ in range(epochs):
                epoch = hooks.begin()
                try:
                    report = next(reports)
                except NonFiniteError as error:
                    self._diverged(error)
                    break
                self.stopped_ = self._take_note(report, train, held_out)
                if hooks.end(epoch, report) or self.stopped_:
                    break
            else:
                if not incremental:
                    warnings.warn(
                        f"Stochastic Optimizer: Maximum iterations ({self.max_iter}) reached and the optimization "
                        "hasn't converged yet.",
                        ConvergenceWarning,
                        stacklevel=4,
                    )
        except KeyboardInterrupt:
            warnings.warn("Training interrupted by user.", stacklevel=4)
        if self.early_stopping and (self.stopped_ or not incremental):
            self.network_.vector[...], self.network_.buffer_vector[...] = self._best

    def _draws_noise(self) -> bool:
        """Return whether the network draws random numbers beyond those that scikit-learn draws."""
        return any(node.layer is not None and node.layer.stochastic for node in self.network_.graph.nodes)

    def _rows_a_step(self, train: Batch) -> int:
        if isinstance(self.batch_size, str):
            return min(200, train.n_rows)
        if self.batch_size > train.n_rows:
            warnings.warn(
                "Got `batch_size` less than 1 or larger than sample size. It is going to be clipped", stacklevel=5
            )
        return min(int(self.batch_size), train.n_rows)

    def _diverged(self, error: NonFiniteError) -> None:
        """Stop at a number that is not finite: with early stopping the best parameters remain, else it is an error."""
        if not self.early_stopping or self.validation_scores_ is None:
            raise error
        self.validation_scores_.append(float("nan"))
        warnings.warn(f"{error} The best parameters so far are restored.", ConvergenceWarning, stacklevel=5)
