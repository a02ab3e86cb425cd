"""What one epoch of training reports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from clearprop.errors import ArgumentError
from clearprop.state import TrainState

__all__ = ["EpochReport"]


@dataclass(frozen=True)
class EpochReport:
    """One epoch of training.

    Attributes
    ----------
    epoch : int
        Epochs done, counted from 1 and through continued training.
    step : int
        Updates done.
    loss : float
        The objective: data loss plus penalties, the mean over the epoch's batches as they were before each update.
    data_loss, penalty : float
        Its two parts.
    gradient_norm : float
        Euclidean norm of the last batch's gradient, before clipping.
    learning_rate : float
        Learning rate of the last update.
    seconds : float
        Duration of the epoch, validation included.
    validation_loss : float or None
        Data loss of the validation rows after the epoch, where there are any.
    metrics : mapping of str to float
        The metrics asked for, on the validation rows (``"validation_accuracy"``) or else on the training rows
        (``"accuracy"``).
    state : TrainState
        The living state of the run; hand it to `clearprop.train` to continue where this run ends.

    Examples
    --------
    >>> import clearprop as cp
    >>> net = cp.Network([cp.Dense(1, initializer=cp.Constant(0.0))], inputs=1)
    >>> report = net.fit([[1.0]], [2.0], optimizer=cp.SGD(0.5), epochs=1)[0]  # the score was 0, dW = db = -2
    >>> report.epoch, report.loss, round(report.gradient_norm, 4)
    (1, 2.0, 2.8284)
    """

    epoch: int
    step: int
    loss: float
    data_loss: float
    penalty: float
    gradient_norm: float
    learning_rate: float
    seconds: float
    validation_loss: float | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    state: TrainState | None = field(default=None, repr=False, compare=False)

    def value(self, name: str) -> float:
        """Return a quantity by name: ``loss``, ``validation_loss``, or a metric.

        Raises
        ------
        ArgumentError
            If the report has no such quantity.
        """
        known: dict[str, float] = {"loss": self.loss, "data_loss": self.data_loss, **self.metrics}
        if self.validation_loss is not None:
            known["validation_loss"] = self.validation_loss
        if name not in known:
            raise ArgumentError(f"no quantity {name!r} in the reports of this run; there are {', '.join(known)}.")
        return known[name]
