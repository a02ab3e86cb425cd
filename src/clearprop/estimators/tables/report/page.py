"""The report of a table model: one HTML page that needs nothing else."""

from __future__ import annotations

import html
import os
from dataclasses import dataclass
from importlib.resources import files
from string import Template
from typing import Any

import numpy
from sklearn.utils.validation import check_array, check_consistent_length, column_or_1d

from clearprop import __version__
from clearprop.errors import DataError
from clearprop.estimators.tables.frame import is_frame
from clearprop.estimators.tables.report.importance import what_matters
from clearprop.estimators.tables.report.markup import Markup, facts, grid, number, paragraph, section, table
from clearprop.estimators.tables.report.pictures import learning_curves
from clearprop.estimators.tables.report.quality import judge_classes, judge_labels, judge_numbers
from clearprop.estimators.tables.target import NumberTarget
from clearprop.files import write_atomically

__all__ = ["Report", "make_report"]

Array = Any


@dataclass(frozen=True, repr=False)
class Report:
    """A page that tells what a model is worth; a notebook shows it.

    Attributes
    ----------
    html : str
        The whole page. It asks for nothing else, runs no script, and holds no markup from the data.

    Examples
    --------
    >>> import clearprop as cp
    >>> X, y = [[1.0], [2.0], [3.0], [4.0]] * 5, ["small", "small", "large", "large"] * 5
    >>> report = cp.Classifier(preset="fast", random_state=0).fit(X, y).report(X, y)
    >>> report.html.splitlines()[:2]
    ['<!DOCTYPE html>', '<html lang="en">']
    """

    html: str

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the page to a file, at once or not at all."""
        write_atomically(path, self.html.encode())

    def _repr_html_(self) -> str:
        """Return the page in a frame of its own, so that its style stays there."""
        frame = 'sandbox="" title="Report" style="width: 100%; height: 40rem; border: 0"'
        return f'<iframe srcdoc="{html.escape(self.html)}" {frame}></iframe>'

    def __repr__(self) -> str:
        return f"<Report, {len(self.html):,} characters of HTML; save(path) writes it>"


def make_report(model: Any, X: Any, y: Any) -> Report:
    """Return what a fitted `Classifier` or `Regressor` is worth on rows; see `Classifier.report`."""
    target = model.target_
    if isinstance(target, NumberTarget) and len(target.quantiles) > 1:
        raise DataError(f"report: the model predicts {len(target.quantiles)} quantiles; fit one with a single one.")
    kind = numpy.float64 if isinstance(target, NumberTarget) else None
    y = check_array(y, ensure_2d=False, dtype=kind, input_name="y")
    check_consistent_length(X, y)
    X = X if is_frame(X) else numpy.asarray(X)
    predicted = model.predict(X)
    if y.ndim == 2 and predicted.ndim == 1:
        y = column_or_1d(y)
    if y.shape != predicted.shape:
        raise DataError(f"y must have shape {predicted.shape}, as in training, got {y.shape}.")
    if isinstance(target, NumberTarget):
        sections = judge_numbers(y.reshape(len(y), -1), predicted.reshape(len(y), -1))
    elif target.several:
        sections = judge_labels(y, model.predict_proba(X))
    else:
        sections = judge_classes(y, model.predict_proba(X), model.classes_)
    sections += [what_matters(model, X, y), _training(model), _preprocessing(model)]
    name = type(model).__name__
    described = [
        ("preset", model.preset if isinstance(model.preset, str) else "a recipe of its own"),
        ("objective", target.objective.replace("_", " ")),
        ("networks", len(model.members_)),
        ("columns", model.n_features_in_),
        ("rows in this report", len(y)),
    ]
    page = Template(files(__package__).joinpath("page.html").read_text(encoding="utf-8"))
    return Report(
        page.substitute(
            title=f"{name} on {number(len(y))} row{'s' if len(y) > 1 else ''}",
            summary=facts(described),
            sections="\n".join(sections),
            footer=f"Made by clearprop {__version__}.",
        )
    )


def _training(model: Any) -> Markup:
    """Return learning curves, and the epoch of each network."""
    members, monitor = model.members_, model.recipe_.monitor(model.target_)
    what = monitor.removeprefix("validation_")
    pictures = [learning_curves(members, quantity) for quantity in dict.fromkeys(("loss", what))]
    rows = []
    for place, member in enumerate(members, 1):
        values, epoch = member.history[monitor], member.best_epoch
        rows.append([f"network {place}", len(member.held_out), len(values), epoch, values[epoch - 1]])
    told = f"A network has the parameters of the epoch whose {what} on rows held out was best."
    if isinstance(model.target_, NumberTarget):
        told += " Here the target is scaled, as the networks learn it."
    head = ["network", "rows held out", "epochs", "chosen epoch", f"{what} on them"]
    return section("Training", paragraph(told), grid(pictures), table("The networks", head, rows))


def _preprocessing(model: Any) -> Markup:
    """Return what becomes of each column."""
    head = ["column", "kind", "inputs", "how"]
    rows = model.preprocessing_.summary().rows
    return section("Preprocessing", table("What becomes of each column", head, rows))
