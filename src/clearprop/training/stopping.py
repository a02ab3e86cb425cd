"""Early stopping with the best parameters restored."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from clearprop.errors import ArgumentError
from clearprop.state import TrainState
from clearprop.training.metrics import is_better_greater
from clearprop.training.report import EpochReport
from clearprop.validation import check_bool, check_integer, check_real, show

__all__ = ["EarlyStopping", "Watch"]


@dataclass(frozen=True)
class EarlyStopping:
    """Stop when a quantity has not improved for a while.

    A patience of k stops after k epochs in a row in which the quantity did not beat its best value so far by more than
    `tolerance`. As in scikit-learn, the best value moves with every improvement, however small; in Keras only with
    those that count.

    Parameters
    ----------
    patience : int >= 1, default=10
        Epochs to wait for an improvement.
    tolerance : float >= 0, default=0.0
        An improvement counts if it is larger than this, in the units of the quantity.
    monitor : str or None
        Quantity of the report to watch: ``"validation_loss"`` (the default where there are validation rows),
        ``"loss"`` (the default elsewhere), or a metric such as ``"validation_accuracy"``.
    restore_best : bool, default=True
        At the end, put back the parameters of the best epoch.

    Raises
    ------
    ArgumentError
        For arguments outside these ranges; in training, if the reports have no such quantity.

    Examples
    --------
    At a learning rate of 2.5 the score overshoots further each time, so no epoch beats the first one:

    >>> import clearprop as cp
    >>> net = cp.Network([cp.Dense(1, bias=False)], inputs=1)
    >>> len(net.fit([[1.0]], [2.0], optimizer=cp.SGD(2.5), epochs=50, early_stopping=cp.EarlyStopping(patience=3)))
    4

    References
    ----------
    Prechelt (1998), "Early stopping - but when?".
    """

    patience: int = 10
    tolerance: float = 0.0
    monitor: str | None = None
    restore_best: bool = True

    def __post_init__(self) -> None:
        check_integer("EarlyStopping", "patience", self.patience, minimum=1)
        check_real("EarlyStopping", "tolerance", self.tolerance, low=0.0)
        if self.monitor is not None and not isinstance(self.monitor, str):
            raise ArgumentError(
                "EarlyStopping: monitor must be a name such as 'validation_loss' or 'validation_accuracy', or None, "
                f"got {show(self.monitor)}."
            )
        check_bool("EarlyStopping", "restore_best", self.restore_best)


@dataclass
class Watch:
    """An `EarlyStopping` at work on one run."""

    rule: EarlyStopping
    best: float = math.inf
    waiting: int = 0
    state: TrainState | None = field(default=None, repr=False)
    kept: TrainState | None = field(default=None, repr=False)

    def stops(self, report: EpochReport) -> bool:
        """Take note of a report, and return whether patience is exhausted."""
        default = "loss" if report.validation_loss is None else "validation_loss"
        name = self.rule.monitor or default
        value = report.value(name)
        cost = -value if is_better_greater(name) else value
        improved = cost < self.best - self.rule.tolerance
        if cost < self.best:
            self.best = cost
            self.state = report.state
            self.kept = None if report.state is None else report.state.copy()
        self.waiting = 0 if improved else self.waiting + 1
        return self.waiting >= self.rule.patience

    def restore(self) -> None:
        """Put back the parameters of the best epoch, and with them the state of the run: it can go on from there."""
        if self.rule.restore_best and self.state is not None and self.kept is not None:
            self.state.restore(self.kept)
