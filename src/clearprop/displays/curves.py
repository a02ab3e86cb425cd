"""The loss by epoch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy

from clearprop.displays.base import BLUE, GREY, INK, VERMILLION, Axes, Display
from clearprop.errors import ArgumentError
from clearprop.training import EpochReport

__all__ = ["LossCurveDisplay"]

Array = Any
LOG_FROM = 100.0  # ratio of the largest loss to the smallest from which the axis is logarithmic


class LossCurveDisplay(Display):
    """The loss of each epoch, on the rows of training and on those held out, a line a network.

    The line of the rows held out is dashed, and a diamond marks the epoch whose parameters were kept. Where losses
    differ by a factor of 100 or more, their axis is logarithmic.

    Parameters
    ----------
    loss : sequence of array-like of shape (n_epochs,)
        The loss in training, one curve a network.
    validation_loss : sequence of array-like of shape (n_epochs,)
        The loss of rows held out, one curve a network; empty where there are none.
    best_epoch : sequence of int
        The epoch that each network has the parameters of, counted from 1; empty where that is the last.

    Attributes
    ----------
    loss, validation_loss : tuple of array
        The curves.
    best_epoch : tuple of int
        The epochs marked.
    ax_, figure_ : matplotlib Axes and Figure
        After `plot`.

    Examples
    --------
    >>> import clearprop as cp
    >>> net = cp.Network([cp.Dense(1)], inputs=1)
    >>> reports = net.fit([[0.0], [1.0]], [1.0, 3.0], epochs=5)
    >>> display = cp.LossCurveDisplay.from_reports(reports)
    >>> len(display.loss[0]), display.ax_.get_xlabel()
    (5, 'epoch')
    """

    def __init__(
        self,
        loss: Sequence[Any],
        validation_loss: Sequence[Any] = (),
        best_epoch: Sequence[int] = (),
    ) -> None:
        self.loss = tuple(numpy.asarray(curve, dtype=float) for curve in loss)
        self.validation_loss = tuple(numpy.asarray(curve, dtype=float) for curve in validation_loss)
        self.best_epoch = tuple(best_epoch)

    @classmethod
    def from_reports(cls, reports: Sequence[EpochReport], *, ax: Any = None) -> Self:
        """Draw the loss of a run of `clearprop.train`, or of what ``net.fit`` returned.

        Parameters
        ----------
        reports : sequence of EpochReport
            At least one.
        ax : matplotlib Axes or None
            Where; by default a figure of its own.
        """
        if not reports:
            raise ArgumentError("LossCurveDisplay: reports must hold at least one epoch, got none; pass net.fit(...).")
        held_out = [report.validation_loss for report in reports if report.validation_loss is not None]
        return cls([[report.loss for report in reports]], [held_out] if held_out else []).plot(ax)

    @classmethod
    def from_estimator(cls, estimator: Any, *, ax: Any = None) -> Self:
        """Draw the loss that a fitted estimator remembers of its training.

        Parameters
        ----------
        estimator : MLPClassifier, MLPRegressor, Classifier, Regressor or AutoEncoder
            Fitted.
        ax : matplotlib Axes or None
            Where; by default a figure of its own.

        Raises
        ------
        ArgumentError
            If it remembers none, as after ``solver="lbfgs"``.
        """
        from clearprop.estimators import network_of  # scikit-learn is imported for estimators alone

        network_of(estimator)  # names what is not fitted, and other kinds of estimators
        if hasattr(estimator, "members_"):
            curves = [member.history for member in estimator.members_]
            loss, watched = ([history[name] for history in curves] for name in ("loss", "validation_loss"))
            return cls(loss, watched, [member.best_epoch for member in estimator.members_]).plot(ax)
        if not getattr(estimator, "loss_curve_", None):
            raise ArgumentError(
                f"LossCurveDisplay: this {type(estimator).__name__} keeps no loss_curve_; solver='lbfgs' knows no "
                "epochs, so fit with another solver."
            )
        held_out = getattr(estimator, "validation_loss_curve_", None)
        early = held_out and estimator.early_stopping
        best = [int(numpy.nanargmax(estimator.validation_scores_)) + 1] if early else []
        return cls([estimator.loss_curve_], [held_out] if held_out else [], best).plot(ax)

    def _draw(self, ax: Axes) -> None:
        several = len(self.loss) > 1
        style: dict[str, Any] = {"linewidth": 1.2 if several else 2.0, "alpha": 0.75 if several else 1.0}
        for place, curve in enumerate(self.loss):
            ax.plot(_epochs(curve), curve, color=BLUE, label=None if place else "rows of training", **style)
        for place, curve in enumerate(self.validation_loss):
            name = None if place else "rows held out"
            ax.plot(_epochs(curve), curve, "--", color=VERMILLION, label=name, **style)
        marked = self.validation_loss or self.loss
        for place, (curve, best) in enumerate(zip(marked, self.best_epoch, strict=False)):
            name = None if place else "epoch that was kept"
            ax.plot(best, curve[best - 1], "D", color=INK, markersize=5.0, label=name, linestyle="none", zorder=3)
        values = numpy.concatenate(self.loss + self.validation_loss)
        positive = values[numpy.isfinite(values)]
        if positive.size and positive.min() > 0.0 and positive.max() >= LOG_FROM * positive.min():
            ax.set_yscale("log")
        ax.xaxis.get_major_locator().set_params(integer=True)
        ax.grid(axis="y")
        ax.set(xlabel="epoch", ylabel="loss", title="Loss by epoch")
        ax.margins(x=0.02)
        if several:
            ax.text(1.0, 1.02, f"{len(self.loss)} networks", transform=ax.transAxes, ha="right", color=GREY)
        ax.legend(loc="upper right")


def _epochs(curve: Array) -> Array:
    return numpy.arange(1, len(curve) + 1)
