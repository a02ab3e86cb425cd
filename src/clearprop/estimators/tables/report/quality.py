"""How good predictions are: metrics as tables, and the pictures that go with them."""

from __future__ import annotations

from typing import Any

import numpy
from sklearn.metrics import (
    accuracy_score,
    confusion_matrix,
    log_loss,
    multilabel_confusion_matrix,
    recall_score,
    roc_auc_score,
)

from clearprop.errors import DataError
from clearprop.estimators.tables.measures import measure_classes, measure_numbers
from clearprop.estimators.tables.report.markup import Markup, facts, grid, paragraph, section, table
from clearprop.estimators.tables.report.pictures import confusion, reliability, residual_histogram, residuals
from clearprop.validation import show

__all__ = ["calibration_error", "judge_classes", "judge_labels", "judge_numbers"]

Array = Any

N_BINS = 15  # of the calibration error
N_MISTAKES = 10  # shown
MAX_OUTPUTS = 4  # with pictures of their own


def judge_classes(y: Array, p: Array, classes: Array) -> list[Markup]:
    """Return what the probabilities of classes, of which each row has one, are worth.

    Raises
    ------
    DataError
        If y holds a class that is not one of `classes`.
    """
    unknown = sorted(set(y.tolist()) - set(classes.tolist()), key=str)
    if unknown:
        raise DataError(
            f"y holds {show(unknown[0])}, which is none of the {len(classes)} classes of training; leave such rows out."
        )
    codes, chosen = numpy.searchsorted(classes, y), p.argmax(axis=1)
    confidence, correct = p.max(axis=1), codes == chosen
    measured = measure_classes(p, codes)
    metrics = [
        ("accuracy", measured["accuracy"]),
        ("balanced accuracy", _balanced_accuracy(codes, chosen)),
        ("log loss", measured["log_loss"]),
    ]
    if len(classes) == 2:
        metrics.append(("ROC AUC", _auc(codes, p[:, 1])))
    metrics.append(("expected calibration error", calibration_error(confidence, correct)))
    counts = confusion_matrix(codes, chosen, labels=range(len(classes)))
    numpy.fill_diagonal(counts, 0)
    worst = numpy.argsort(-counts, axis=None, kind="stable")[:N_MISTAKES]
    mistakes = [
        (str(classes[true]), str(classes[taken]), int(counts[true, taken]))
        for true, taken in zip(*numpy.unravel_index(worst, counts.shape), strict=True)
        if counts[true, taken]
    ]
    told = (
        table("The most frequent mistakes", ["true class", "predicted class", "rows"], mistakes)
        if mistakes
        else paragraph("No row was predicted wrong.")
    )
    return [
        section("Metrics", facts(metrics)),
        section("Right and wrong", grid([confusion(y, classes[chosen], classes), told])),
        section("Reliability of the probabilities", reliability(confidence, correct)),
    ]


def judge_labels(y: Array, p: Array) -> list[Markup]:
    """Return what the probabilities of labels that do not exclude one another are worth.

    Raises
    ------
    DataError
        If y holds anything but 0 and 1.
    """
    if not numpy.isin(y, (0, 1)).all():
        raise DataError("y must hold labels, 0 or 1, as in training; got other numbers.")
    chosen = p > 0.5
    correct, confidence = y == chosen, numpy.maximum(p, 1.0 - p)
    head = ["label", "accuracy", "balanced accuracy", "log loss", "ROC AUC", "calibration error", "right yes",
            "wrong yes", "right no", "wrong no"]  # fmt: skip
    rows: list[list[Any]] = []
    for label, ((no, wrong_yes), (wrong_no, yes)) in enumerate(multilabel_confusion_matrix(y, chosen)):
        own, taken = y[:, label], chosen[:, label]
        rows.append(
            [
                str(label),
                accuracy_score(own, taken),
                _balanced_accuracy(own, taken),
                log_loss(own, p[:, label], labels=[0, 1]),
                _auc(own, p[:, label]),
                calibration_error(confidence[:, label], correct[:, label]),
                *map(int, (yes, wrong_yes, no, wrong_no)),
            ]
        )
    exact = [("rows with all labels right", float(correct.all(axis=1).mean())), ("right labels", float(correct.mean()))]
    return [
        section("Metrics", facts(exact), table("Each label on its own", head, rows)),
        section("Reliability of the probabilities", reliability(confidence.ravel(), correct.ravel())),
    ]


def judge_numbers(y: Array, predicted: Array) -> list[Markup]:
    """Return what predictions of numbers, both of shape (n, n_outputs), are worth."""
    names = ["y"] if y.shape[1] == 1 else [f"output {place}" for place in range(y.shape[1])]
    measured = [measure_numbers(found, own) for own, found in zip(y.T, predicted.T, strict=True)]
    metrics: list[list[tuple[str, float]]] = [
        [("RMSE", found["rmse"]), ("MAE", found["mae"]), ("R²", found["r2"] if len(y) > 1 else numpy.nan)]
        for found in measured
    ]
    if len(names) == 1:
        shown = facts(metrics[0])
    else:
        rows: list[list[Any]] = [
            [name, *(value for _, value in found)] for name, found in zip(names, metrics, strict=True)
        ]
        shown = table("Each output on its own", ["output", *(name for name, _ in metrics[0])], rows)
    pictures: list[Markup] = []
    for name, own, found in list(zip(names, y.T, predicted.T, strict=True))[:MAX_OUTPUTS]:
        pictures += [residuals(own, found, name), residual_histogram(own, found, name)]
    told = (
        [paragraph(f"The first {MAX_OUTPUTS} of {len(names)} outputs are drawn.")] if len(names) > MAX_OUTPUTS else []
    )
    return [section("Metrics", shown), section("Residuals", *told, grid(pictures))]


def calibration_error(confidence: Array, correct: Array) -> float:
    """Return the expected calibration error, in bins of equal width.

    It is sum_b n_b / n |accuracy_b - confidence_b| over the bins b of the confidence (Guo et al. 2017, "On calibration
    of modern neural networks", section 2).
    """
    bins = numpy.minimum((confidence * N_BINS).astype(int), N_BINS - 1)
    gaps = numpy.bincount(bins, weights=correct - confidence)
    return float(numpy.abs(gaps).sum() / len(confidence))


def _balanced_accuracy(y: Array, chosen: Array) -> float:
    """Return the mean recall of the classes that occur."""
    return float(recall_score(y, chosen, labels=numpy.unique(y), average="macro"))


def _auc(y: Array, p: Array) -> float:
    """Return the area under the ROC curve, NaN where y is the same everywhere."""
    return float(roc_auc_score(y, p)) if len(numpy.unique(y)) == 2 else numpy.nan
