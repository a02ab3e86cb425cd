"""Traces as text, dicts, JSON, data frames and HTML."""

from __future__ import annotations

import html
import itertools
import json
import math
from typing import Any

import numpy

from clearprop.engines import sparse
from clearprop.errors import MissingExtraError
from clearprop.trace.formulas import quantity_formula
from clearprop.trace.record import Record, split_name
from clearprop.trace.walk import walk

__all__ = ["plain", "to_dataframe", "to_dict", "to_html", "to_json", "to_text"]

SHOWN = 8  # rows and columns of a quantity that a notebook shows
NOT_FINITE = {math.inf: "Infinity", -math.inf: "-Infinity"}


def plain(value: Any) -> Any:
    """Return an array as nested lists of floats, with texts for numbers that JSON does not know."""
    array = _dense(value)
    if numpy.isfinite(array).all():
        return array.tolist()
    if array.ndim:
        return [plain(part) for part in array]
    return NOT_FINITE.get(float(array), "NaN")


def to_text(trace: Record) -> str:
    """Return a line a quantity: its name, shape and norm."""
    lines = [f"loss {trace.loss:.10g}, penalty {trace.penalty:.10g}"]
    for name in trace:
        value = trace[name]
        lines.append(f"{name:28} {value.shape!s:14} norm {numpy.linalg.norm(_dense(value)):.6g}")
    return "\n".join(lines)


def to_dict(trace: Record, notation: str) -> dict[str, Any]:
    """Return what `Trace.to_dict` promises."""
    program = trace.passed.executor.program
    phases = _phases(trace)
    quantities = [
        {
            "name": name,
            "phase": phases[name],
            "shape": list(trace[name].shape),
            "formula": quantity_formula(trace, name, notation).latex,
            "values": plain(trace[name]),
        }
        for name in trace
    ]
    nodes = [
        {"name": node.name, "box": trace.nodes[node.name].box, "shape": list(node.shape),
         "inputs": [trace.graph.nodes[place].name for place in node.inputs]}
        for node in trace.graph.nodes
    ]  # fmt: skip
    return {
        "loss": plain(trace.loss), "penalty": plain(trace.penalty), "loss_function": repr(program.loss),
        "optimizer": repr(trace.passed.optimizer), "step": trace.passed.step + 1, "dtype": program.dtype.name,
        "notation": notation, "nodes": nodes, "quantities": quantities,
    }  # fmt: skip


def to_json(trace: Record, notation: str) -> str:
    """Return `to_dict` as JSON."""
    return json.dumps(to_dict(trace, notation), allow_nan=False)


def to_dataframe(trace: Record) -> Any:
    """Return a data frame of one number a row."""
    try:
        import pandas
    except ImportError as error:
        raise MissingExtraError("to_dataframe needs pandas, which is not installed; run pip install pandas.") from error
    phases = _phases(trace)
    arrays = {name: _dense(trace[name]) for name in trace}
    where = [(name, split_name(name)[0], phases[name]) for name in arrays]
    frame = pandas.DataFrame(where, columns=["quantity", "node", "phase"])
    places = numpy.repeat(numpy.arange(len(arrays)), [array.size for array in arrays.values()])
    return (
        frame.take(places)
        .assign(
            cell=[cell for array in arrays.values() for cell in itertools.product(*map(range, array.shape))],
            value=numpy.concatenate([array.ravel().astype(numpy.float64) for array in arrays.values()]),
        )
        .reset_index(drop=True)
    )


def _phases(trace: Record) -> dict[str, str]:
    """Return in which phase of the pass each quantity is computed; parameters are given before it."""
    return {**dict.fromkeys(trace, "parameter"), **{step.name: step.phase for step in walk(trace)}}


def to_html(trace: Record) -> str:
    """Return a table of the steps, for notebooks."""
    lines = []
    for step in walk(trace):
        shown = quantity_formula(trace, step.name, "clearprop").mathml
        values = numpy.atleast_1d(_dense(trace[step.name]))
        part = numpy.array2string(values[:SHOWN], precision=4, max_line_width=100, threshold=SHOWN * SHOWN, edgeitems=2)
        lines.append(
            f"<tr><th scope='row'>{html.escape(step.name)}</th><td>{shown}</td><td>{html.escape(str(step.shape))}</td>"
            f"<td><pre>{html.escape(part)}</pre></td></tr>"
        )
    return (
        f"<table><caption>loss {trace.loss:.6g}, penalty {trace.penalty:.6g}</caption><thead><tr><th>quantity</th>"
        f"<th>formula</th><th>shape</th><th>values</th></tr></thead><tbody>{''.join(lines)}</tbody></table>"
    )


def _dense(value: Any) -> Any:
    return value.toarray() if sparse(value) else numpy.asarray(value)
