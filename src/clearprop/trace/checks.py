"""A finite difference for any single derivative of a trace."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy

from clearprop.engines.array import ArrayExecutor
from clearprop.errors import ArgumentError
from clearprop.trace.parts import Cell, place_of
from clearprop.trace.record import Record, split_name

__all__ = ["CellCheck", "check_cell", "is_derivative"]

WIDTH = 1e-4  # of the steps, relative to numbers above 1: h^4 and eps / h are then both below 1e-11
DELTAS = ("delta", "dh", "dx")


@dataclass(frozen=True)
class CellCheck:
    """A derivative and its finite difference.

    Attributes
    ----------
    name : str
        The quantity.
    cell : tuple of int
        The place in it.
    analytic, numeric : float
        What the backward pass gave, and central differences with four points.
    error : float
        Their distance, relative to the largest number of the quantity. Of the rounding of float32, 1e-6 or so, and more
        where a prediction is almost its target, as digits of p - y are lost then; at a kink, such as that of ReLU at 0,
        the difference takes the mean of both sides.
    """

    name: str
    cell: Cell
    analytic: float
    numeric: float
    error: float


def is_derivative(trace: Record, name: str) -> bool:
    """Return whether a quantity is the derivative of something by a number that can be moved."""
    node, quantity = split_name(name)
    if quantity in DELTAS:
        return place_of(trace, node) not in trace.graph.codes()
    return quantity == "f'" or quantity.endswith((".gradient", ".penalty", ".total"))


def check_cell(trace: Record, name: str, cell: Cell) -> CellCheck:
    """Return the number at `cell` of a derivative beside its finite difference; name and cell are checked already."""
    if not is_derivative(trace, name):
        known = ", ".join(item for item in trace if is_derivative(trace, item))
        raise ArgumentError(f"trace: check takes a derivative, got {name!r}; there are {known}.")
    passed = trace.passed
    program = replace(passed.executor.program, dtype=numpy.float64)
    double = ArrayExecutor(program)
    node, quantity = split_name(name)
    local, _, what = quantity.partition(".")
    with numpy.errstate(all="ignore"):
        if what:
            moved, function = _by_parameter(trace, double, f"{node}.{local}", what)
        elif quantity == "f'":
            moved, function = _slope(trace, double, place_of(trace, node), cell)
        else:
            moved, function = _by_output(trace, double, place_of(trace, node))
        numeric = _difference(moved, cell, function)
    analytic, largest = float(trace[name][cell]), float(numpy.abs(trace[name]).max())
    return CellCheck(name, cell, analytic, numeric, abs(analytic - numeric) / max(largest, 1e-5))


def _difference(values: Any, cell: Cell, function: Callable[[], float]) -> float:
    middle = float(values[cell])
    h = WIDTH * max(abs(middle), 1.0)
    found = []
    for step in (1, -1, 2, -2):
        values[cell] = middle + step * h
        found.append(function())
    values[cell] = middle
    up, down, far_up, far_down = found
    return (8.0 * (up - down) - (far_up - far_down)) / (12.0 * h)


def _by_parameter(trace: Record, double: ArrayExecutor, name: str, what: str) -> tuple[Any, Callable[[], float]]:
    passed, batch = trace.passed, trace.passed.batch.astype(numpy.float64)
    vector, buffers = passed.parameters.astype(numpy.float64), passed.buffers.astype(numpy.float64)

    def losses() -> float:
        data, penalty = double.loss(
            vector, buffers.copy(), batch, training=passed.training, seed=passed.seed, step=passed.step
        )
        return {"gradient": data, "penalty": penalty, "total": data + penalty}[what]

    return double.layout.views(vector)[name], losses


def _by_output(trace: Record, double: ArrayExecutor, index: int) -> tuple[Any, Callable[[], float]]:
    """Return the output of a node and the loss as a function of it: what is computed after it follows."""
    passed, batch = trace.passed, trace.passed.batch.astype(numpy.float64)
    vector, buffers = passed.parameters.astype(numpy.float64), passed.buffers.astype(numpy.float64)
    where: dict[str, Any] = {"training": passed.training, "seed": passed.seed, "step": passed.step}
    output = numpy.array(double.forward(vector, buffers.copy(), batch.inputs, **where).outputs[index])
    share = batch.shares()

    def loss() -> float:
        outputs = double.forward(vector, buffers.copy(), batch.inputs, given={index: output}, **where).outputs
        return float(double.program.loss.values(numpy, outputs[-1], batch.target) @ share)

    return output, loss


def _slope(trace: Record, double: ArrayExecutor, index: int, cell: Cell) -> tuple[Any, Callable[[], float]]:
    """Return the input of an activation and its output in a cell as a function of it."""
    passed, batch = trace.passed, trace.passed.batch.astype(numpy.float64)
    vector, buffers = passed.parameters.astype(numpy.float64), passed.buffers.astype(numpy.float64)
    where: dict[str, Any] = {"training": passed.training, "seed": passed.seed, "step": passed.step}
    (source,) = double.graph.nodes[index].inputs
    a = numpy.array(double.forward(vector, buffers.copy(), batch.inputs, **where).outputs[source])

    def value() -> float:
        passed_again = double.forward(vector, buffers.copy(), batch.inputs, given={source: a}, **where)
        return float(passed_again.outputs[index][cell])

    return a, value
