"""The view of the rows: what the network says of them, and where it errs."""

from __future__ import annotations

from typing import Any

import numpy

from clearprop.errors import ArgumentError
from clearprop.training.metrics import evaluate
from clearprop.ui.views.histogram import histogram
from clearprop.ui.views.look import Look
from clearprop.ui.views.tracing import label
from clearprop.validation import check_choice, check_integer

__all__ = ["data"]

Array = Any
MAX_ROWS = 50_000  # that are measured
MAX_LIMIT = 200  # rows of an answer
MAX_CLASSES = 50  # of a confusion matrix
MAX_POINTS = 500  # of the residuals


def data(look: Look, order: str, offset: int, limit: int, part: str) -> dict[str, Any]:
    """Return some rows of a part with their predictions, and measures of all its rows.

    Parameters
    ----------
    look : Look
        What is looked at.
    order : {"row", "worst"}
        By their numbers, or by their losses, the largest first.
    offset, limit : int
        Which of them.
    part : {"train", "validation"}
        Which rows.
    """
    check_choice("data", "order", order, ("row", "worst"))
    check_choice("data", "part", part, ("train", "validation"))
    check_integer("data", "offset", offset, minimum=0)
    check_integer("data", "limit", limit, minimum=1)
    if limit > MAX_LIMIT:
        raise ArgumentError(f"data: limit must be at most {MAX_LIMIT}, got {limit}.")
    problem, loss = look.problem, look.network.loss_function
    first, stop = (0, problem.n_rows) if part == "train" else (problem.n_rows, problem.n_all)
    if first == stop:
        raise ArgumentError("data: there are no rows to validate on; look at part=train.")
    stop = min(stop, first + MAX_ROWS)
    batch = look.batch.take(slice(first, stop))
    prediction = look.prediction(batch.inputs)
    losses = loss.values(numpy, look.scores(batch.inputs), batch.target)
    decided, truth = look.decided(prediction), look.truth(batch.target)
    places = numpy.arange(len(losses))
    if order == "worst":
        places = numpy.argsort(-losses, kind="stable")  # what is not finite comes last
    classes = problem.classes
    probability = None if classes is None else look.probability(prediction)
    shown = places[offset : offset + limit]
    texts = look.texts(first + shown)
    values = list(zip(*texts.values(), strict=True)) if texts else look.matrix(batch.take(shown).inputs)
    rows = [
        {
            "row": first + place,
            "values": values[number],
            "target": label(look, truth[place]),
            "prediction": label(look, decided[place]),
            "probabilities": None if probability is None else probability[place],
            "loss": losses[place],
            "right": None if classes is None else bool(truth[place] == decided[place]),
        }
        for number, place in enumerate(shown.tolist())
    ]
    names = ("accuracy",) if problem.metric == "accuracy" else ("r2", "mae", "rmse")
    metrics = evaluate(names, loss, prediction, batch.target, batch.weight)
    metrics |= {name: metrics[name] * problem.scale for name in ("mae", "rmse") if name in metrics}
    return {
        "columns": list(texts or problem.columns),
        "total": len(losses),
        "rows": rows,
        "classes": classes,
        "confusion": None if classes is None else _confusion(truth, decided, len(classes)),
        "residuals": _residuals(decided, truth) if classes is None else None,
        "metrics": {"loss": float((batch.shares() * losses).sum()), **metrics},
    }


def _confusion(truth: Array, decided: Array, n_classes: int) -> Array | None:
    """Return how many rows of each class (down) were taken for each class (across)."""
    if n_classes > MAX_CLASSES:
        return None
    counts = numpy.zeros((n_classes, n_classes), dtype=numpy.int64)
    numpy.add.at(counts, (truth, decided), 1)
    return counts


def _residuals(predicted: Array, truth: Array) -> dict[str, Any]:
    """Return target less prediction, of some rows against the prediction and of all as a histogram."""
    residual = truth - predicted
    chosen = numpy.unique(numpy.linspace(0, len(residual) - 1, min(MAX_POINTS, len(residual))).round().astype(int))
    return {"prediction": predicted[chosen], "residual": residual[chosen], "histogram": histogram(residual)}
