"""The calls of scikit-learn's callbacks during a fit."""

from __future__ import annotations

from typing import Any

from clearprop.engines import Batch
from clearprop.optimizers import LBFGS, Optimizer
from clearprop.state import TrainState
from clearprop.training.report import EpochReport

__all__ = ["Hooks"]


class Hooks:
    """Calls the hooks of an estimator's callbacks, where it has any.

    Parameters
    ----------
    model : estimator
        With `set_callbacks` of `sklearn.callback.CallbackSupportMixin`, and a `_snapshot` of its fitted attributes.
    X, y : array-like
        What the user gave to fit; callbacks that score read them.
    incremental : bool
        Whether this is `partial_fit`, which calls no hooks.
    n_epochs : int or None
        Epochs at most, where that is known.
    """

    def __init__(self, model: Any, X: Any, y: Any, incremental: bool, n_epochs: int | None) -> None:
        self.model, self.X, self.y = model, X, y
        self.root: Any = None
        if not incremental and getattr(model, "_skl_callbacks", None):
            self.root = model._init_callback_context(max_subtasks=n_epochs)
            self.root.report = None
            self._begin(self.root)

    def _begin(self, context: Any) -> None:
        context.call_on_fit_task_begin(estimator=self.model, X=self.X, y=self.y)

    def take(
        self, rows: Batch, held_out: Batch | None, optimizer: Optimizer | LBFGS, state: TrainState | None = None
    ) -> None:
        """Let callbacks see what the network reads, as those of `clearprop.train` do."""
        if self.root is None:
            return
        names = getattr(self.model, "feature_names_in_", None)
        self.root.rows, self.root.held_out, self.root.optimizer = rows, held_out, optimizer
        self.root.state = state
        self.root.columns = None if names is None else tuple(map(str, names))

    def begin(self) -> Any:
        """Call the hooks before an epoch and return its context."""
        if self.root is None:
            return None
        epoch = self.root.subcontext(task_name="epoch")
        self._begin(epoch)
        return epoch

    def end(self, context: Any, report: EpochReport | None = None) -> bool:
        """Call the hooks after an epoch, or after the fit; return whether one of them wants to stop."""
        if context is None:
            return False
        context.report = self.root.report = report or self.root.report
        snapshot = self.model._snapshot
        return bool(
            context.call_on_fit_task_end(estimator=self.model, X=self.X, y=self.y, reconstruction_attributes=snapshot)
        )
