"""The view of one row on its way through the network and back, from the network's trace."""

from __future__ import annotations

import functools
import math
from dataclasses import asdict
from typing import Any

import numpy

from clearprop.engines import sparse
from clearprop.errors import ArgumentError
from clearprop.estimators.tables.training import as_fed
from clearprop.trace import NOTATIONS, Formula, Trace, TraceStep
from clearprop.trace.record import split_name
from clearprop.ui.views.look import Look
from clearprop.validation import check_choice, check_integer

__all__ = ["as_rows", "check", "explain", "formulas", "label", "step", "window"]

Array = Any
SIDE = 32  # rows and columns of a window
MAX_TERMS = 200  # of an explanation


@functools.lru_cache(maxsize=2)  # a row is asked about many times, and a trace is several times as large as its network
def trace_of(look: Look, row: int) -> Trace:
    """Return the trace of one row, with the update that the run's optimizer would make of it next."""
    batch = look.row(row)
    step: dict[str, Any] = {} if look.optimizer is None else {"optimizer": look.optimizer, "state": look.state}
    return look.network.trace(as_fed(batch.inputs), batch.target, **step)


def step(look: Look, row: int) -> dict[str, Any]:
    """Return the walk of one row: what it holds, what becomes of it, and each quantity on the way."""
    trace, batch, problem = trace_of(look, row), look.row(row), look.problem
    return {
        "row": row,
        "moment": look.state.step,
        "target": label(look, look.truth(batch.target)[0]),
        "values": dict(zip(problem.columns, look.matrix(batch.inputs)[0].tolist(), strict=True)),
        "raw": {name: text for name, [text] in look.texts(numpy.array([row])).items()} or None,
        "prediction": problem.unscale(trace.prediction[0]) if problem.task == "regression" else trace.prediction[0],
        "loss": trace.loss,
        "penalty": trace.penalty,
        "steps": [_entry(look, trace, item, 0, 0) for item in trace.steps()],
    }


def window(look: Look, row: int, name: str, top: int, left: int) -> dict[str, Any]:
    """Return one quantity of the walk, from another place on."""
    trace = trace_of(look, row)
    found = next((item for item in trace.steps() if item.name == name), None)
    if found is None:  # the value of a parameter, which no step computes
        shape, (node, _) = trace[name].shape, split_name(name)
        found = TraceStep(name, node, trace.nodes[node].box, "forward", f"Value of {name}", shape)
    return _entry(look, trace, found, top, left)


def explain(look: Look, row: int, name: str, cell: tuple[int, ...], notation: str) -> dict[str, Any]:
    """Return where one number comes from, term by term."""
    check_choice("cell", "notation", notation, NOTATIONS)
    found = trace_of(look, row).explain(name, cell, notation)
    answer = found.to_dict()
    terms, rest = answer["terms"][:MAX_TERMS], found.terms[MAX_TERMS:]
    if rest:
        value = math.fsum(term.value for term in rest)
        terms.append({"factors": [{"label": f"and {len(rest)} more", "value": value}], "value": value})
    formulas = {"formula": _formula(found.formula), "substituted": _formula(found.substituted)}
    return {**answer, **formulas, "terms": terms, "n_terms": len(found.terms)}


def check(look: Look, row: int, name: str, cell: tuple[int, ...]) -> dict[str, Any]:
    """Return one number of a derivative beside its finite difference."""
    found = trace_of(look, row).check(name, cell)
    return {"analytic": found.analytic, "numeric": found.numeric, "error": found.error}


def formulas(look: Look, notation: str) -> dict[str, Any]:
    """Return the formula of every quantity."""
    check_choice("formulas", "notation", notation, NOTATIONS)
    trace = trace_of(look, 0)
    return {"notation": notation, "formulas": {name: _formula(trace.formula(name, notation)) for name in trace}}


def label(look: Look, value: Any) -> Any:
    """Return the class of a number, or the number of a regression."""
    classes = look.problem.classes
    return float(value) if classes is None else classes[int(value)]


def as_rows(values: Array) -> Array:
    """Return an array as a matrix whose rows are runs along its last axis."""
    if sparse(values):
        return values.toarray()
    return values.reshape(-1, values.shape[-1]) if values.ndim > 1 else values.reshape(1, -1)


def _formula(formula: Formula) -> dict[str, str]:
    return {"latex": formula.latex, "mathml": _mathml(formula)}


@functools.lru_cache(maxsize=4096)
def _mathml(formula: Formula) -> str:
    return formula.mathml


def _entry(look: Look, trace: Trace, item: TraceStep, top: int, left: int) -> dict[str, Any]:
    """Return a window of a quantity; its cell in row r and column c is number r * shape[-1] + c of the array."""
    flat = as_rows(trace[item.name])
    for what, start, size in (("top", top, flat.shape[0]), ("left", left, flat.shape[1])):
        check_integer("values", what, start, minimum=0)
        if start >= max(size, 1):
            raise ArgumentError(f"values: {what} must be from 0 to {size - 1}, got {start}.")
    rows, columns = _labels(look, item.name, item.shape)
    return {
        **asdict(item),
        "checkable": trace.checkable(item.name),
        "top": top,
        "left": left,
        "values": flat[top : top + SIDE, left : left + SIDE],
        "row_labels": rows[top : top + SIDE],
        "column_labels": columns[left : left + SIDE],
    }


def _labels(look: Look, name: str, shape: tuple[int, ...]) -> tuple[list[str], list[str]]:
    """Return what the rows and the columns of a quantity are called; without names of their own, by their numbers."""
    n_columns = shape[-1] if shape else 1
    n_rows = math.prod(shape) // max(n_columns, 1) if len(shape) > 1 else 1
    rows, columns = [str(place) for place in range(n_rows)], [str(place) for place in range(n_columns)]
    graph, inputs, parts = look.network.graph, _input_names(look), name.split(".")
    node = next((node for node in graph.nodes if node.name == parts[0]), None)
    if parts[0] in inputs and len(inputs[parts[0]]) == n_columns:
        columns = inputs[parts[0]]
    elif node is not None and parts[1] == "W" and len(shape) == 2:
        source = inputs.get(graph.nodes[node.inputs[0]].name, [])
        rows = source if len(source) == n_rows else rows
    classes = look.problem.classes
    if (node is graph.output or name == "loss.prediction") and classes is not None and len(classes) == n_columns:
        columns = [str(one) for one in classes]
    return rows, columns


def _input_names(look: Look) -> dict[str, list[str]]:
    """Return the names of the columns of each input."""
    found, start = {}, 0
    for place in look.network.graph.inputs:
        node = look.network.graph.nodes[place]
        stop = start + math.prod(node.shape)
        found[node.name] = list(look.problem.columns[start:stop])
        start = stop
    return found
