"""What a number of a box's output gains with a number that the box reads, factor by factor."""

from __future__ import annotations

import numpy

import clearprop.layers as boxes
from clearprop.trace.parts import (
    Cell,
    Factor,
    normalized,
    output_factor,
    parameter,
    parameters_at,
    winner,
)
from clearprop.trace.record import Record
from clearprop.trace.substitution import computed

__all__ = ["input_slope", "parameter_slope"]


def input_slope(trace: Record, index: int, place: Cell, position: int, cell: Cell, value: float) -> tuple[Factor, ...]:
    """Return the factors of a slope: none where it is 1, the slope itself where there is nothing more to say.

    Parameters
    ----------
    trace, index : Record and int
        The node.
    place : tuple of int
        Where in its output.
    position, cell : int and tuple of int
        Which of its inputs, and where in it.
    value : float
        The slope.
    """
    node = trace.graph.nodes[index]
    layer = node.layer
    if isinstance(layer, boxes.TransposedDense):
        return (parameter(trace, index, "W").factor((place[1], cell[1])),)
    if isinstance(layer, boxes.Maxout):
        return (parameter(trace, index, "W").factor((cell[1], winner(trace, index, place))),)
    if isinstance(layer, boxes.MatMul):
        other = (*place[:-2], cell[-1], place[-1]) if position == 0 else (*place[:-1], cell[-2])
        return (output_factor(trace, node.inputs[1 - position], other),)
    if isinstance(layer, boxes.Multiply):
        return tuple(output_factor(trace, x, place) for k, x in enumerate(node.inputs) if k != position)
    if isinstance(layer, boxes.Scale):
        return tuple(item for _, item in parameters_at(trace, index, place))
    if isinstance(layer, boxes.Softmax | boxes.LogSoftmax):
        return _softmax_slope(trace, index, place, cell)
    if isinstance(layer, boxes.BatchNorm | boxes.LayerNorm):
        return _norm_slope(trace, index, place, cell)
    return _plain(f"d{node.name}{list(place)}/dx{list(cell)}", value)


def parameter_slope(trace: Record, index: int, place: Cell, local: str, cell: Cell, value: float) -> tuple[Factor, ...]:
    """Return the factors of a slope by a cell of a parameter, as `input_slope` does."""
    node = trace.graph.nodes[index]
    layer = node.layer
    if isinstance(layer, boxes.TransposedDense | boxes.Maxout) and local == "W":
        column = cell[1] if isinstance(layer, boxes.TransposedDense) else cell[0]
        return (output_factor(trace, node.inputs[0], (place[0], column)),)
    if isinstance(layer, boxes.Scale):
        return (output_factor(trace, node.inputs[0], place),)
    if isinstance(layer, boxes.PReLU):
        x = output_factor(trace, node.inputs[0], place)
        return (computed(min(0.0, x.value), "min(0, {x})", r"\min(0, <x>)", x=x),)
    if isinstance(layer, boxes.Parametric):
        x, h = output_factor(trace, node.inputs[0], place), value
        g = Factor(f"g({x.label})", x.value + h)
        return (computed(h, "({g} - {x})", "(<g> - <x>)", g=g, x=x),)
    if isinstance(layer, boxes.BatchNorm | boxes.LayerNorm) and local == "gain":
        x = output_factor(trace, node.inputs[0], place)
        z, mean, deviation = normalized(trace, index, place)
        numbers = {"x": x, "mean": Factor("mean", mean), "deviation": Factor("deviation", deviation)}
        return (computed(z, "({x} - {mean}) / {deviation}", r"\frac{<x> - <mean>}{<deviation>}", **numbers),)
    return _plain(f"d{node.name}{list(place)}/d{local}{list(cell)}", value)


def _plain(label: str, value: float) -> tuple[Factor, ...]:
    return () if value == 1.0 else (Factor(label, value),)


def _softmax_slope(trace: Record, index: int, place: Cell, cell: Cell) -> tuple[Factor, ...]:
    """Return h_i (1 - h_i) or - h_i h_j; of the logarithms 1 - e^h_i or - e^h_j."""
    h, other = output_factor(trace, index, place), output_factor(trace, index, cell)
    logarithm = isinstance(trace.graph.nodes[index].layer, boxes.LogSoftmax)
    label, latex = ("exp({h})", "e^{<h>}") if logarithm else ("{h}", "<h>")
    share = float(numpy.exp(other.value)) if logarithm else other.value
    one = "1 " if place == cell else ""
    rest = computed(float(place == cell) - share, f"({one}- {label})", f"({one}- {latex})", h=other)
    return (rest,) if logarithm else (h, rest)


def _norm_slope(trace: Record, index: int, place: Cell, cell: Cell) -> tuple[Factor, ...]:
    """Return gain / deviation, times 1 - (1 + z_i^2) / m or - (1 + z_i z_j) / m where m numbers have one deviation."""
    kept = trace.passed.forward.kept[index]
    (gain,) = (item for local, item in parameters_at(trace, index, place) if local == "gain")
    (z, _, deviation), (other, _, _) = normalized(trace, index, place), normalized(trace, index, cell)
    inverse = computed(
        1.0 / deviation, "1 / {deviation}", r"\frac{1}{<deviation>}", deviation=Factor("deviation", deviation)
    )
    if not (isinstance(trace.graph.nodes[index].layer, boxes.LayerNorm) or kept[2]):
        return gain, inverse  # running statistics do not depend on the rows
    m = kept[0].size // kept[1].size
    numbers = {"z": Factor(f"z{list(place)}", z), "w": Factor(f"z{list(cell)}", other), "m": Factor(str(m), float(m))}
    one = "1 " if place == cell else ""
    rest = computed(
        float(place == cell) - (1.0 + z * other) / m, f"({one}- (1 + {{z}} {{w}}) / {{m}})",
        rf"({one}- \frac{{1 + <z> \cdot <w>}}{{<m>}})", **numbers,
    )  # fmt: skip
    return gain, inverse, rest
