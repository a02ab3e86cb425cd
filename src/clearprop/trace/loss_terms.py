"""Where a prediction, a loss and the gradient at the scores come from."""

from __future__ import annotations

from typing import Any

import numpy

from clearprop.losses import Quantile, SparseReconstruction
from clearprop.trace.formulas import substituted
from clearprop.trace.notation import Symbols, function_name, number, operand
from clearprop.trace.parts import Cell, Factor, Part, Term, cells, factor, joined, product
from clearprop.trace.record import Record
from clearprop.trace.rules import LOSSES, LossFormula

__all__ = ["at_scores", "loss_terms", "prediction_terms"]


def prediction_terms(trace: Record, cell: Cell) -> Part:
    """Return the link of a score, or of all scores of the row."""
    last = trace.graph.output.name
    loss, scores, (row, column) = trace.passed.executor.program.loss, trace.scores, cell
    linked = range(scores.shape[1])
    if isinstance(loss, SparseReconstruction):
        n = scores.shape[1] - loss.units
        loss, linked = (loss.loss, range(n)) if column < n else (loss, range(column, column + 1))
    found = LOSSES.get(type(loss))
    value, name = float(trace.prediction[cell]), f"{last}.{trace.nodes[last].symbol}"
    factors = tuple(factor(name, scores, (row, k)) for k in linked)
    if found is None and loss.link:
        return Part((Term(factors, value),), _function(loss.link, factors))
    template = "<s>" if found is None else found.predicted
    numbers: dict[str, Any] = {"s": float(scores[cell])}
    if "<sum>" in template:
        numbers["sum"] = joined([substituted("e^{<s>}", {"s": item.value}) for item in factors])
    else:
        factors = (factor(name, scores, cell),)
    return Part((Term(factors, value),), substituted(template, numbers))


def loss_terms(trace: Record, cell: Cell) -> Part:
    """Return the loss of a row: what its outputs add to it, or a function of all of them."""
    (row,) = cell
    loss, value = trace.passed.executor.program.loss, float(trace.losses[row])
    factors = tuple(factor("loss.prediction", trace.prediction, (row, *c)) for c in cells(trace.scores.shape[1:]))
    factors += tuple(Factor(f"target[{row}]", float(t)) for t in numpy.ravel(trace.passed.batch.target[row]))
    found = LOSSES.get(type(loss))
    if found is None or found.output is None:
        return Part((Term(factors, value),), _function(type(loss).__name__, factors))
    outputs = (_output(trace, found, row, k) for k in range(trace.scores.shape[1]))
    return Part((Term(factors, value),), joined([text for text in outputs if text]) or "0")


def _output(trace: Record, found: LossFormula, row: int, column: int) -> str:
    """Return what an output adds to the loss of a row, with numbers."""
    loss = trace.passed.executor.program.loss
    target = _target(trace, row, column)
    template = found.at_zero if target == 0.0 and found.at_zero is not None else found.output
    numbers: dict[str, Any] = {
        **Symbols(trace.graph, "clearprop").of_layer(loss), "s": float(trace.scores[row, column]),
        "p": float(trace.prediction[row, column]), "t": target,
    }  # fmt: skip
    if isinstance(loss, Quantile):
        numbers["q"] = loss.quantiles(trace.scores.shape[1])[column]
    return substituted(template or "", numbers)


def _target(trace: Record, row: int, column: int) -> float:
    """Return the target of an output, that of a class as 0 or 1, smoothed where the loss does so."""
    loss, target = trace.passed.executor.program.loss, trace.passed.batch.target
    if target.shape == trace.scores.shape and not getattr(loss, "label_smoothing", 0.0):
        return float(target[row, column])
    return float(trace.prediction[row, column]) - _slope(trace, (row, column))


def _slope(trace: Record, cell: Cell) -> float:
    return float(trace.passed.executor.program.loss.gradient(numpy, trace.scores, trace.passed.batch.target)[cell])


def at_scores(trace: Record, cell: Cell) -> tuple[Term, str]:
    """Return the share of the row times the derivative of its loss."""
    loss, batch, node = trace.passed.executor.program.loss, trace.passed.batch, trace.graph.output.name
    share, slope = float(batch.shares()[cell[0]]), _slope(trace, cell)
    label = "1/n" if batch.weight is None else f"weight[{cell[0]}] / sum of weights"
    term = product(Factor(label, share), Factor(f"dloss[{cell[0]}]/d{node}{list(cell)}", slope))
    found = LOSSES.get(type(loss))
    if found is None or found.gradient != "<p> - <t>":
        return term, ""
    difference = substituted("<p> - <t>", {"p": float(trace.prediction[cell]), "t": _target(trace, *cell)})
    return term, rf"{operand(share)} \cdot ({difference})"


def _function(name: str, factors: tuple[Factor, ...]) -> str:
    return f"{function_name(name)}({', '.join(number(item.value) for item in factors)})"
