"""Where a prediction, a loss and the gradient at the scores come from."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy

from clearprop.losses import Loss, Quantile, SparseReconstruction
from clearprop.trace.notation import Symbols, function_name, number, operand
from clearprop.trace.parts import Cell, Factor, Part, Term, cells, factor, joined, product
from clearprop.trace.record import Record
from clearprop.trace.rules import HINGE_OF_CLASSES, loss_formula
from clearprop.trace.substitution import substituted

__all__ = ["at_scores", "loss_terms", "prediction_terms"]


def _loss_at(trace: Record, column: int) -> tuple[Loss, int]:
    """Return the loss that a score counts in, and of how many it is; what counts a code is `SparseReconstruction`."""
    loss: Loss = trace.passed.executor.program.loss
    n = trace.scores.shape[1]
    while isinstance(loss, SparseReconstruction) and column < n - loss.units:
        n -= loss.units
        loss = loss.loss
    return loss, n


def prediction_terms(trace: Record, cell: Cell) -> Part:
    """Return the link of a score, or of all scores of the row."""
    last, (row, column) = trace.graph.output.name, cell
    loss, n = _loss_at(trace, column)
    found = loss_formula(loss, n)
    value, name = float(trace.prediction[cell]), f"{last}.{trace.nodes[last].symbol}"
    factors = tuple(factor(name, trace.scores, (row, k)) for k in range(n))
    if found is None and loss.link:
        return Part((Term(factors, value),), _function(loss.link, (item.value for item in factors)))
    template = "<s>" if found is None else found.predicted
    numbers: dict[str, Any] = {"s": float(trace.scores[cell])}
    if "<sum>" in template:
        numbers["sum"] = joined([substituted("e^{<s>}", {"s": item.value}) for item in factors])
    else:
        factors = (factor(name, trace.scores, cell),)
    return Part((Term(factors, value),), substituted(template, numbers))


def loss_terms(trace: Record, cell: Cell) -> Part:
    """Return the loss of a row: what its outputs add to it, or a function of all of them."""
    (row,) = cell
    loss, value = trace.passed.executor.program.loss, float(trace.losses[row])
    predictions = tuple(factor("loss.prediction", trace.prediction, (row, *c)) for c in cells(trace.scores.shape[1:]))
    targets = tuple(Factor(f"target[{row}]", float(t)) for t in numpy.ravel(trace.passed.batch.target[row]))
    text = _value(trace, row, loss, trace.scores.shape[1])
    return Part((Term((*predictions, *targets), value),), text)


def _value(trace: Record, row: int, loss: Loss, n: int) -> str:
    """Return the loss of the first `n` scores of a row, with numbers."""
    found = loss_formula(loss, n)
    if isinstance(loss, SparseReconstruction):
        n -= loss.units
        return joined([_value(trace, row, loss.loss, n), *(_output(trace, row, n + k) for k in range(loss.units))])
    if found is HINGE_OF_CLASSES:
        return rf"\max(0, {_shortfall(trace, row, n)})"
    if found is None:
        targets = numpy.ravel(trace.passed.batch.target[row])
        return _function(type(loss).__name__, [*trace.prediction[row, :n], *targets])
    return joined([text for text in (_output(trace, row, column) for column in range(n)) if text]) or "0"


def _output(trace: Record, row: int, column: int) -> str:
    """Return what an output adds to the loss of a row, with numbers."""
    found, numbers = loss_formula(*_loss_at(trace, column)), _numbers(trace, row, column)
    assert found is not None
    at_zero = numbers.get("t") == 0.0 and found.at_zero is not None
    return substituted((found.at_zero if at_zero else found.output) or "", numbers)


def _slope(trace: Record, row: int, column: int) -> str:
    """Return the derivative of the loss of a row at a score, with numbers; nothing for a loss that is not ours."""
    loss, n = _loss_at(trace, column)
    found = loss_formula(loss, n)
    if found is HINGE_OF_CLASSES:
        loser, winner = _rivals(trace, row, n)
        inside = rf"\mathbf{{1}}[{_shortfall(trace, row, n)} > 0]"
        return {loser: inside, winner: f"- {inside}"}.get(column, "0")
    return "" if found is None else substituted(found.slope or found.gradient, _numbers(trace, row, column))


def _numbers(trace: Record, row: int, column: int) -> dict[str, Any]:
    """Return the numbers of the markers of an output's loss."""
    loss, n = _loss_at(trace, column)
    numbers: dict[str, Any] = {
        **Symbols(trace.graph, "clearprop").of_layer(loss), "s": float(trace.scores[row, column]),
        "p": float(trace.prediction[row, column]),
    }  # fmt: skip
    if not isinstance(loss, SparseReconstruction):
        numbers["t"] = _target(trace, row, column)
    if isinstance(loss, Quantile):
        numbers["q"] = loss.quantiles(n)[column]
    return numbers


def _target(trace: Record, row: int, column: int) -> float:
    """Return the target of an output, that of a class as 0 or 1, smoothed where the loss does so."""
    loss, n = _loss_at(trace, column)
    smoothing = getattr(loss, "label_smoothing", 0.0)
    target = trace.passed.batch.target[row]
    if target.ndim == 0 and n > 1:  # the number of a class
        target = target == numpy.arange(n)
    return float((1.0 - smoothing) * numpy.ravel(target)[column] + smoothing / n)


def _rivals(trace: Record, row: int, n: int) -> tuple[int, int]:
    """Return the best of the other classes and the right class, between which a hinge is."""
    right = int(trace.passed.batch.target[row])
    others = trace.scores[row, :n].copy()
    others[right] = -numpy.inf
    return int(others.argmax()), right


def _shortfall(trace: Record, row: int, n: int) -> str:
    """Return what is missing from the margin of a hinge of several classes, with numbers."""
    loser, winner = (float(trace.scores[row, column]) for column in _rivals(trace, row, n))
    return substituted("1 + <loser> - <winner>", {"loser": loser, "winner": winner})


def at_scores(trace: Record, cell: Cell) -> tuple[Term, str]:
    """Return the share of the row times the derivative of its loss."""
    loss, batch, node = trace.passed.executor.program.loss, trace.passed.batch, trace.graph.output.name
    share, slope = float(batch.shares()[cell[0]]), float(loss.gradient(numpy, trace.scores, batch.target)[cell])
    label = "1/n" if batch.weight is None else f"weight[{cell[0]}] / sum of weights"
    term = product(Factor(label, share), Factor(f"dloss[{cell[0]}]/d{node}{list(cell)}", slope))
    text = _slope(trace, *cell)
    return term, rf"{operand(share)} \cdot ({text})" if text else ""


def _function(name: str, values: Iterable[float]) -> str:
    return f"{function_name(name)}({', '.join(map(number, values))})"
