"""Callbacks, with the hooks of `sklearn.callback`: one class serves `clearprop.train` and the estimators."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from clearprop.engines import Batch
from clearprop.errors import ArgumentError
from clearprop.optimizers import LBFGS, Optimizer
from clearprop.state import TrainState
from clearprop.training.report import EpochReport
from clearprop.validation import show

__all__ = ["Callback", "CallbackContext", "CallbackList"]


@dataclass
class CallbackContext:
    """Where in the run a hook is called.

    Attributes
    ----------
    task_name : str
        ``"fit"`` for the whole run, ``"epoch"`` for an epoch.
    task_id : int
        Number of the epoch within the run, counted from 0.
    max_subtasks : int
        Number of epochs of the run; 0 for an epoch.
    parent : CallbackContext or None
        The context of the run, for an epoch.
    report : EpochReport or None
        What the epoch reported, when it ends.
    rows, held_out : Batch or None
        The rows to train on and those to validate on, as the network takes them; of the whole run.
    optimizer : Optimizer or LBFGS or None
        What makes the updates; of the whole run.
    state : TrainState or None
        The living state of the whole run; None where the estimators' L-BFGS trains.
    columns : tuple of str or None
        Names of the columns of X, where it has any; of the whole run.
    """

    task_name: str
    task_id: int = 0
    max_subtasks: int = 0
    parent: CallbackContext | None = field(default=None, repr=False)
    report: EpochReport | None = None
    rows: Batch | None = field(default=None, repr=False)
    held_out: Batch | None = field(default=None, repr=False)
    optimizer: Optimizer | LBFGS | None = None
    state: TrainState | None = field(default=None, repr=False)
    columns: tuple[str, ...] | None = None


class Callback:
    """Base of callbacks; override the hooks you need.

    The first argument of a hook is the network (for `clearprop.train`) or the estimator (for its `set_callbacks`). The
    second says where in the run it is called: ``context.task_name`` is ``"fit"`` or ``"epoch"``, and ``context.report``
    is the `EpochReport` of an epoch that ends.

    Raises
    ------
    ArgumentError
        From `clearprop.train`, for callbacks that are classes or lack a hook.

    Examples
    --------
    >>> import clearprop as cp
    >>> class StopBelow(cp.Callback):
    ...     def on_fit_task_end(self, estimator, context):
    ...         return context.task_name == "epoch" and context.report.loss < 0.1
    >>> net = cp.Network([cp.Dense(1, initializer=cp.Constant(0.0), bias=False)], inputs=1)
    >>> reports = net.fit([[1.0]], [2.0], optimizer=cp.SGD(0.5), epochs=50, callbacks=[StopBelow()])
    >>> [report.loss for report in reports]  # each epoch halves the residual 2
    [2.0, 0.5, 0.125, 0.03125]
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        unknown = [name for name in vars(cls) if name.startswith("on_") and not hasattr(Callback, name)]
        if unknown:
            raise ArgumentError(
                f"class {cls.__name__}: no hook is called '{unknown[0]}'; there are on_fit_task_begin and "
                "on_fit_task_end, with context.task_name 'fit' or 'epoch'."
            )

    def setup(self, estimator: Any, context: Any) -> None:
        """Called before the run."""

    def on_fit_task_begin(self, estimator: Any, context: Any) -> None:
        """Called when the run or an epoch begins."""

    def on_fit_task_end(self, estimator: Any, context: Any) -> bool | None:
        """Called when the run or an epoch ends; return True to stop training."""
        return None

    def teardown(self, estimator: Any, context: Any) -> None:
        """Called after the run, also when it failed."""


class CallbackList:
    """The callbacks of one run."""

    def __init__(
        self, callbacks: Any, estimator: Any, context: CallbackContext, built_in: tuple[Callback, ...] = ()
    ) -> None:
        if not isinstance(callbacks, Iterable):
            raise ArgumentError(f"train: callbacks must be a list of callbacks, got {show(callbacks)}; put it into [].")
        self.callbacks = (*callbacks, *built_in)
        hooks = [name for name in vars(Callback) if not name.startswith("_")]
        for callback in self.callbacks:
            missing = [name for name in hooks if not callable(getattr(callback, name, None))]
            if missing or isinstance(callback, type):
                raise ArgumentError(
                    f"train: callbacks must be instances with the hooks {', '.join(hooks)}, got {show(callback)}; "
                    "derive from clearprop.Callback."
                )
        self.estimator = estimator
        self.run = context

    def begin(self) -> None:
        """Call the hooks before the first epoch."""
        for callback in self.callbacks:
            callback.setup(self.estimator, self.run)
            callback.on_fit_task_begin(self.estimator, self.run)

    def begin_epoch(self, number: int) -> CallbackContext:
        """Call the hooks before an epoch and return its context."""
        context = CallbackContext("epoch", task_id=number, parent=self.run)
        for callback in self.callbacks:
            callback.on_fit_task_begin(self.estimator, context)
        return context

    def end_epoch(self, context: CallbackContext, report: EpochReport) -> bool:
        """Call the hooks after an epoch; return whether one of them wants to stop."""
        context.report = self.run.report = report
        answers = [callback.on_fit_task_end(self.estimator, context) for callback in self.callbacks]
        return any(answers)

    def end(self) -> None:
        """Call the hooks after the last epoch."""
        for callback in self.callbacks:
            callback.on_fit_task_end(self.estimator, self.run)

    def teardown(self) -> None:
        """Call the last hooks."""
        for callback in self.callbacks:
            callback.teardown(self.estimator, self.run)
