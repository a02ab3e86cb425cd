"""How fast a number of a box's output changes with a number that the box reads, factor by factor."""

from __future__ import annotations

import math
from typing import Any

import numpy

import clearprop.layers as boxes
from clearprop.layers.periodic import TURN
from clearprop.trace.parts import (
    Cell,
    Factor,
    joined,
    normalized,
    output_factor,
    parameter,
    parameters_at,
    product,
    sum_of_products,
    winner,
)
from clearprop.trace.record import Record
from clearprop.trace.substitution import computed, substituted

__all__ = ["input_slope", "parameter_slope", "square_distance", "wave"]

MINUS = Factor("-1", -1.0)
MINUS_TURN = Factor("-2 pi", -TURN, r"(- 2 \pi)")


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
    if isinstance(layer, boxes.RBF):
        weight, x = parameter(trace, index, "W").factor((cell[1], place[1])), output_factor(trace, node.inputs[0], cell)
        return output_factor(trace, index, place), _pull(trace, index, place, weight, x)
    if isinstance(layer, boxes.PeriodicEmbedding):
        return _periodic_slope(trace, index, place, cell)
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
    if isinstance(layer, boxes.RBF):
        h = output_factor(trace, index, place)
        if local == "sigma":
            return h, _widening(trace, index, place)
        x, weight = output_factor(trace, node.inputs[0], (place[0], cell[0])), parameter(trace, index, "W").factor(cell)
        return h, _pull(trace, index, place, x, weight)
    if isinstance(layer, boxes.PeriodicEmbedding) and local != "c":
        return _periodic_parameter_slope(trace, index, place, local, cell)
    if isinstance(layer, boxes.PReLU):
        x = output_factor(trace, node.inputs[0], place)
        return (computed(min(0.0, x.value), "min(0, {x})", r"\min(0, <x>)", x=x),)
    if isinstance(layer, boxes.Parametric):
        x = output_factor(trace, node.inputs[0], place)
        g = Factor(f"g({x.label})", x.value + value)
        return (computed(value, "({g} - {x})", "(<g> - <x>)", g=g, x=x),)
    if isinstance(layer, boxes.BatchNorm | boxes.LayerNorm) and local == "gain":
        x = output_factor(trace, node.inputs[0], place)
        z, mean, deviation = normalized(trace, index, place)
        numbers = {"x": x, "mean": Factor("mean", mean), "deviation": Factor("deviation", deviation)}
        return (computed(z, "({x} - {mean}) / {deviation}", r"\frac{<x> - <mean>}{<deviation>}", **numbers),)
    return _plain(f"d{node.name}{list(place)}/d{local}{list(cell)}", value)


def _plain(label: str, value: float) -> tuple[Factor, ...]:
    return () if value == 1.0 else (Factor(label, value),)


def square_distance(trace: Record, index: int, place: Cell) -> Factor:
    """Return q = ||x - W||^2 of a radial basis unit."""
    (row, unit), (source,), weights = place, trace.graph.nodes[index].inputs, parameter(trace, index, "W")
    x = [output_factor(trace, source, (row, i)) for i in range(len(weights.value))]
    pairs = [{"x": item.value, "W": weights.factor((i, unit)).value} for i, item in enumerate(x)]
    latex = joined([substituted("(<x> - <W>)^2", pair) for pair in pairs])
    return Factor(f"||x[{row}] - W[:, {unit}]||^2", sum((pair["x"] - pair["W"]) ** 2 for pair in pairs), latex)


def _pull(trace: Record, index: int, place: Cell, left: Factor, right: Factor) -> Factor:
    """Return 2 (left - right) / sigma^2."""
    sigma = parameter(trace, index, "sigma").factor((place[1],))
    return computed(
        2.0 * (left.value - right.value) / sigma.value**2, "2 ({left} - {right}) / {sigma}^2",
        r"\frac{2 \cdot (<left> - <right>)}{<sigma>^2}", left=left, right=right, sigma=sigma,
    )  # fmt: skip


def _widening(trace: Record, index: int, place: Cell) -> Factor:
    """Return 2 q / sigma^3."""
    q, sigma = square_distance(trace, index, place), parameter(trace, index, "sigma").factor((place[1],))
    value = 2.0 * q.value / sigma.value**3
    return computed(value, "2 {q} / {sigma}^3", r"\frac{2 \cdot (<q>)}{<sigma>^3}", q=q, sigma=sigma)


def wave(trace: Record, index: int, function: str, row: int, k: int, column: int) -> Factor:
    """Return the cosine or the sine (``"cos"``, ``"sin"``) of 2 pi w x + b in a periodic embedding."""
    (source,) = trace.graph.nodes[index].inputs
    x = output_factor(trace, source, (row, column))
    w, b = (parameter(trace, index, local).factor((k, column)) for local in ("w", "b"))
    phase = TURN * w.value * x.value + b.value
    latex = rf"\{function} \left( 2 \pi \cdot <w> \cdot <x> + <b> \right)"
    value = math.cos(phase) if function == "cos" else math.sin(phase)
    return computed(value, f"{function}(2 pi {{w}} {{x}} + {{b}})", latex, x=x, w=w, b=b)


def _periodic_slope(trace: Record, index: int, place: Cell, cell: Cell) -> tuple[Factor, ...]:
    """Return 1 for the number itself, else - 2 pi times the sum over k of W_k w_k sin(2 pi w_k x + b_k)."""
    layer: Any = trace.graph.nodes[index].layer
    row, column = cell
    group = place[1] // trace.graph.nodes[trace.graph.nodes[index].inputs[0]].shape[0]
    if group == 0:
        return ()
    weights, w = parameter(trace, index, "W"), parameter(trace, index, "w")
    terms = [
        product(
            weights.factor(((group - 1) * layer.frequencies + k, column)), w.factor((k, column)),
            wave(trace, index, "sin", row, k, column),
        )
        for k in range(layer.frequencies)
    ]  # fmt: skip
    total = math.fsum(term.value for term in terms)
    return MINUS_TURN, Factor("sum of W w sin(2 pi w x + b)", total, f"({sum_of_products(terms)})")


def _periodic_parameter_slope(trace: Record, index: int, place: Cell, local: str, cell: Cell) -> tuple[Factor, ...]:
    """Return cos(2 pi w x + b) for W, - W sin(2 pi w x + b) for b, and 2 pi x times that for w."""
    layer: Any = trace.graph.nodes[index].layer
    (source,), (row, column) = trace.graph.nodes[index].inputs, (place[0], cell[1])
    if local == "W":
        return (wave(trace, index, "cos", row, cell[0] % layer.frequencies, column),)
    group = place[1] // trace.graph.nodes[source].shape[0] - 1
    weight = parameter(trace, index, "W").factor((group * layer.frequencies + cell[0], column))
    inner = (MINUS,) if local == "b" else (MINUS_TURN, output_factor(trace, source, (row, column)))
    return weight, *inner, wave(trace, index, "sin", row, cell[0], column)


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
