"""What the estimators do after every epoch: curves, scores, and scikit-learn's rules for stopping."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

import numpy
from sklearn.metrics import get_scorer

from clearprop.engines import Batch
from clearprop.losses import SquaredError
from clearprop.network import Network
from clearprop.training.report import EpochReport

__all__ = ["EpochBookkeeping", "HeldOut"]

Array = Any
HeldOut = tuple[Batch, Array, Array]  # the rows as the network takes them, and X and y as `score` takes them


class EpochBookkeeping:
    """The fitted attributes of a stochastic solver, and how an epoch changes them."""

    # parameters
    solver: Any
    learning_rate: str
    learning_rate_init: float
    power_t: float
    tol: float
    verbose: Any
    early_stopping: bool
    n_iter_no_change: float
    scoring: Any

    # fitted attributes
    network_: Network
    n_outputs_: int
    n_iter_: int
    t_: int
    loss_: float
    score: Callable[..., float]
    _reductions: int  # of an adaptive learning rate

    def _start_curves(self, first: bool) -> None:
        """Make the fitted attributes that a stochastic solver fills, where they are missing."""
        if first or not hasattr(self, "loss_curve_"):
            self.loss_curve_: list[float] = []
            self.validation_loss_curve_: list[float] | None = None
            self.validation_scores_: list[float] | None = None
            self.best_validation_score_: float | None = None
            self.best_loss_: float | None = None
            self._no_improvement_count = 0
        if self.early_stopping:
            self.best_loss_ = None
            if self.best_validation_score_ is None:
                self.validation_scores_, self.best_validation_score_ = [], -numpy.inf
                self._best = self.network_.vector.copy(), self.network_.buffer_vector.copy()
        elif self.best_loss_ is None:
            self.best_loss_ = numpy.inf

    def _rate(self, step: int) -> float:
        """Return the learning rate of the epoch under way."""
        rate = float(self.learning_rate_init)
        if self.solver == "sgd" and self.learning_rate == "invscaling" and self.t_ > 0:
            return float(rate / (self.t_ + 1) ** float(self.power_t))
        if self.solver == "sgd" and self.learning_rate == "adaptive":
            return float(rate / 5.0**self._reductions)
        return rate

    def _reported(self, data_loss: float) -> float:
        """Return the loss of the data as scikit-learn reports it: squared errors are averaged over the outputs."""
        averaged = isinstance(self.network_.loss_function, SquaredError)
        return data_loss / self.n_outputs_ if averaged else data_loss

    def _take_note(self, report: EpochReport, train: Batch, held_out: HeldOut | None) -> bool:
        """Record an epoch and return whether to stop, by scikit-learn's rules."""
        self.n_iter_ += 1
        self.t_ += train.n_rows
        self.loss_ = self._reported(report.data_loss) + report.penalty
        self.loss_curve_.append(self.loss_)
        self._say(f"Iteration {self.n_iter_}, loss = {self.loss_:.8f}")
        if held_out is not None:
            self._score_epoch(report, held_out)
        self._count_no_improvement()
        if self._no_improvement_count <= self.n_iter_no_change:
            return False
        what = "Validation score" if self.early_stopping else "Training loss"
        message = f"{what} did not improve more than tol={self.tol:f} for {self.n_iter_no_change} consecutive epochs."
        adaptive = self.solver == "sgd" and self.learning_rate == "adaptive"
        if adaptive and self._rate(0) > 1e-6:
            self._reductions += 1
            self._no_improvement_count = 0
            self._say(f"{message} Setting learning rate to {self._rate(0):f}")
            return False
        self._say(f"{message} {'Learning rate too small. ' if adaptive else ''}Stopping.")
        return True

    def _say(self, message: str) -> None:
        if self.verbose:
            print(message)

    def _score_epoch(self, report: EpochReport, held_out: HeldOut) -> None:
        rows, X, y = held_out
        if self.validation_loss_curve_ is None:
            self.validation_loss_curve_ = []
        if self.validation_scores_ is None:
            self.validation_scores_ = []
        assert report.validation_loss is not None
        self.validation_loss_curve_.append(self._reported(report.validation_loss))
        if not math.isfinite(report.validation_loss):
            score = math.nan
        elif self.scoring == "loss":
            score = -self.validation_loss_curve_[-1]
        else:
            # X went through validation already and has lost its column names
            nameless = copy.copy(self)
            vars(nameless).pop("feature_names_in_", None)
            scorer = get_scorer(self.scoring) if isinstance(self.scoring, str) else self.scoring
            weights = {} if rows.weight is None else {"sample_weight": rows.weight}
            if scorer is None:
                score = float(nameless.score(X, y, **weights))
            elif isinstance(self.scoring, str):
                score = float(scorer(nameless, X, y, **weights))
            else:  # a callable of the user's may not know weights
                score = float(scorer(nameless, X, y))
        self.validation_scores_.append(score)
        self._say(f"Validation score: {score:f}")

    def _count_no_improvement(self) -> None:
        if self.early_stopping:
            assert self.validation_scores_ is not None
            score, best = self.validation_scores_[-1], self.best_validation_score_
            assert best is not None
            self._no_improvement_count = self._no_improvement_count + 1 if score < best + self.tol else 0
            if score > best:
                self.best_validation_score_ = score
                self._best = self.network_.vector.copy(), self.network_.buffer_vector.copy()
            return
        assert self.best_loss_ is not None
        stuck = self.loss_curve_[-1] > self.best_loss_ - self.tol
        self._no_improvement_count = self._no_improvement_count + 1 if stuck else 0
        self.best_loss_ = min(self.best_loss_, self.loss_curve_[-1])
