"""Where the number in a cell comes from: its terms, factor by factor, and its formula with the numbers put in."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy

import clearprop.layers as boxes
from clearprop.layers.windows import pair
from clearprop.trace.formulas import Formula, box_formula, left_side, quantity_formula
from clearprop.trace.forward_terms import box_numbers, forward_terms, window_pixel
from clearprop.trace.loss_terms import at_scores, loss_terms, prediction_terms
from clearprop.trace.notation import Symbols, number, operand
from clearprop.trace.parts import (
    Cell,
    Factor,
    Part,
    Term,
    delta_factor,
    factor,
    output_factor,
    parameter,
    parameters_at,
    pass_back,
    place_of,
    product,
    sum_of_products,
)
from clearprop.trace.record import LOSS_QUANTITIES, Record, split_name
from clearprop.trace.slopes import input_slope, parameter_slope
from clearprop.trace.step_terms import step_terms
from clearprop.trace.substitution import substituted

__all__ = ["Explanation", "Factor", "Term", "explain"]

MAX_UNITS = 4096  # backward passes made to tell the contributions of single numbers apart; beyond it those of rows


@dataclass(frozen=True)
class Explanation:
    r"""Where one number of a trace comes from.

    Attributes
    ----------
    name : str
        The quantity, such as ``"dense_1.a"``.
    cell : tuple of int
        The place of the number in it.
    value : float
        The number.
    formula : Formula
        The formula of the whole quantity.
    substituted : Formula
        The formula of this cell with the numbers put in.
    terms : tuple of Term
        What the number is the sum of, each with its factors.
    note : str
        What else there is to know; mostly nothing.

    Examples
    --------
    >>> import clearprop as cp
    >>> net = cp.Network([cp.Dense(1, initializer=cp.Constant(2.0)), cp.ReLU()], inputs=2)
    >>> found = net.trace([[3.0, -1.0]], [5.0]).explain("dense_1.a", (0, 0))
    >>> [[factor.value for factor in term.factors] for term in found.terms]
    [[3.0, 2.0], [-1.0, 2.0], [0.0]]
    >>> print(found.substituted.latex)
    \left[ \mathbf{a}^{(1)} \right]_{0,0} = 3 \cdot 2 + ({-1}) \cdot 2 + 0 = 4
    """

    name: str
    cell: Cell
    value: float
    formula: Formula
    substituted: Formula
    terms: tuple[Term, ...]
    note: str = ""

    @property
    def sum(self) -> float:
        """What the terms add up to: the value, but for rounding."""
        return math.fsum(term.value for term in self.terms)

    def to_dict(self) -> dict[str, Any]:
        """Return all of it as dicts and lists of plain numbers and texts, formulas as LaTeX."""
        terms = [
            {"factors": [{"label": f.label, "value": f.value} for f in term.factors], "value": term.value}
            for term in self.terms
        ]
        return {
            "name": self.name, "cell": list(self.cell), "value": self.value, "formula": self.formula.latex,
            "substituted": self.substituted.latex, "terms": terms, "sum": self.sum, "note": self.note,
        }  # fmt: skip


def explain(trace: Record, name: str, cell: Cell, notation: str) -> Explanation:
    """Return where the number at `cell` of a quantity comes from; the name and the cell are checked already."""
    value = float(trace[name][cell])
    part = _part(trace, name, cell)
    symbol = left_side(trace, name, Symbols(trace.graph, notation))
    place = ",".join(map(str, cell))
    right = part.latex or sum_of_products(part.terms) or "0"
    result = number(value) if right in (number(value), operand(value)) else f"{right} = {number(value)}"
    shown = Formula(rf"\left[ {symbol} \right]_{{{place}}} = {result}")
    return Explanation(name, cell, value, quantity_formula(trace, name, notation), shown, part.terms, part.note)


def _part(trace: Record, name: str, cell: Cell) -> Part:
    """Return the terms of a cell."""
    if name in LOSS_QUANTITIES:
        return prediction_terms(trace, cell) if name == "loss.prediction" else loss_terms(trace, cell)
    node, quantity = split_name(name)
    index, traced = place_of(trace, node), trace.nodes[node]
    local, _, what = quantity.partition(".")
    if local in traced.parameters:
        if what == "":
            return Part((product(factor(name, traced.parameters[local].value, cell)),))
        if what == "gradient":
            return _gradient(trace, f"{node}.{local}", cell)
        return step_terms(trace, node, local, what, cell)
    if quantity == traced.symbol:
        return forward_terms(trace, index, cell)
    return _derivative(trace, index, cell) if quantity == "f'" else _delta(trace, index, cell)


def _derivative(trace: Record, index: int, cell: Cell) -> Part:
    node = trace.graph.nodes[index]
    assert node.layer is not None
    (source,) = node.inputs
    a, h = output_factor(trace, source, cell), output_factor(trace, index, cell)
    slope = float(trace[f"{node.name}.f'"][cell])
    learned = list(parameters_at(trace, index, cell))
    numbers = {**box_numbers(trace, index, cell), "x": a.value, "h": h.value}
    numbers |= {name: item.value for name, item in learned}
    template = box_formula(trace, node.layer).derivative or ""
    if isinstance(node.layer, boxes.Parametric):
        context: Any = trace.passed.forward.contexts[index]
        _, kept = node.layer.activation.forward(context, {}, numpy.array([a.value]))
        numbers["slope"] = float(node.layer.activation.derivative(context, kept)[0])
        template = r"1 - <alpha> + <alpha> \cdot <slope>"
    return Part((Term((a, *(item for _, item in learned)), slope),), substituted(template, numbers))


def _delta(trace: Record, index: int, cell: Cell) -> Part:
    terms: list[Term] = []
    latex = ""
    if index == len(trace.graph.nodes) - 1:
        term, latex = at_scores(trace, cell)
        terms.append(term)
    for reader, node in enumerate(trace.graph.nodes):
        if trace.nodes[node.name].delta is None or node.layer is None:
            continue
        for position, source in enumerate(node.inputs):
            if source == index:
                terms += _through(trace, reader, position, cell)
                latex = ""
    return Part(tuple(terms), latex)


def _through(trace: Record, reader: int, position: int, cell: Cell) -> Iterator[Term]:
    """Yield what the gradient at a box's output contributes to a cell of one of its inputs."""
    node = trace.graph.nodes[reader]
    layer, row = node.layer, cell[0]
    if isinstance(layer, boxes.Dense):
        weights, scale = parameter(trace, reader, "W"), layer.factor(trace.graph.nodes[node.inputs[0]].shape[0])
        for unit in range(layer.units):
            factors = (delta_factor(trace, reader, (row, unit)), weights.factor((cell[1], unit)))
            yield product(*factors, *_scale(scale))
        return
    if isinstance(layer, boxes.Conv2D):
        weights = parameter(trace, reader, "W")
        for unit, u, v, i, j in _reached(layer, node.shape, cell):
            yield product(delta_factor(trace, reader, (row, unit, i, j)), weights.factor((unit, cell[1], u, v)))
        return
    if layer is not None and layer.is_activation:
        derivative = trace.nodes[node.name].derivative
        yield product(delta_factor(trace, reader, cell), factor(f"{node.name}.f'", derivative, cell))
        return
    for place, dxs, _ in _unit_passes(trace, reader, row):
        if dxs[position] is not None and dxs[position][cell] != 0.0:
            slope = input_slope(trace, reader, place, position, cell, float(dxs[position][cell]))
            yield product(delta_factor(trace, reader, place), *slope)


def _reached(layer: boxes.Conv2D, shape: tuple[int, ...], cell: Cell) -> Iterator[tuple[int, ...]]:
    """Yield the filter, the place in its kernel and the place in its output, for all that read a pixel."""
    (height, width), strides, paddings = pair(layer.kernel), pair(layer.stride), pair(layer.padding)
    for unit, u, v in numpy.ndindex(shape[0], height, width):
        moves = [divmod(at + pad - k, by) for at, pad, k, by in zip(cell[2:], paddings, (u, v), strides, strict=True)]
        if all(rest == 0 and 0 <= at < size for (at, rest), size in zip(moves, shape[1:], strict=True)):
            yield unit, u, v, moves[0][0], moves[1][0]


def _scale(scale: float) -> tuple[Factor, ...]:
    return () if scale == 1.0 else (Factor("1/sqrt(n_in)", scale),)


def _unit_passes(trace: Record, index: int, row: int | None) -> Iterator[tuple[Cell, Any, Any]]:
    """Yield the backward pass of each unit gradient at a box's output that counts: its cell, dx and gradients.

    The pass is linear in the gradient at the output, so the passes of its cells are the slopes of the output by all
    that the box reads. `row` limits the cells to those of a row, unless the box joins rows.
    """
    node = trace.graph.nodes[index]
    delta: Any = trace.nodes[node.name].delta
    joins = isinstance(node.layer, boxes.BatchNorm) and trace.passed.training
    for place in map(tuple, numpy.argwhere(delta)):
        cell = tuple(int(i) for i in place)
        if row is not None and cell[0] != row and not joins:
            continue
        unit = numpy.zeros_like(delta)
        unit[cell] = 1.0
        yield cell, *pass_back(trace, index, unit)


def _gradient(trace: Record, name: str, cell: Cell) -> Part:
    """Return the terms of a parameter's gradient, over the rows and over the nodes that use the parameter."""
    terms: list[Term] = []
    note = ""
    for index, names in enumerate(trace.graph.names()):
        for local, used in names.items():
            if used == name and trace.nodes[trace.graph.nodes[index].name].delta is not None:
                found, single = _gradient_at(trace, index, local, cell)
                terms += found
                note = note if single else "the terms are the contributions of rows"
    return Part(tuple(terms), note=note)


def _gradient_at(trace: Record, index: int, local: str, cell: Cell) -> tuple[list[Term], bool]:
    node = trace.graph.nodes[index]
    layer, n_rows = node.layer, trace.passed.batch.n_rows
    delta: Any = trace.nodes[node.name].delta
    if isinstance(layer, boxes.Dense):
        place, source = (cell[-1],), node.inputs[0]
        scale = layer.factor(trace.graph.nodes[source].shape[0])
        deltas = [delta_factor(trace, index, (row, *place)) for row in range(n_rows)]
        if local == "b":
            return [product(d) for d in deltas], True
        xs = [output_factor(trace, source, (row, cell[0])) for row in range(n_rows)]
        return [product(x, d, *_scale(scale)) for x, d in zip(xs, deltas, strict=True)], True
    if isinstance(layer, boxes.Conv2D) and delta[:, 0].size <= MAX_UNITS:
        terms = []
        for row, i, j in numpy.ndindex(n_rows, *node.shape[1:]):
            d = delta_factor(trace, index, (row, cell[0], i, j))
            if local == "b":
                terms.append(product(d))
                continue
            pixel = window_pixel(layer, trace.graph.nodes[node.inputs[0]].shape, (i, j), cell[2:])
            if pixel is not None:
                terms.append(product(output_factor(trace, node.inputs[0], (row, cell[1], *pixel)), d))
        return terms, True
    if numpy.count_nonzero(delta) <= MAX_UNITS:
        return [
            product(
                delta_factor(trace, index, place),
                *parameter_slope(trace, index, place, local, cell, float(gradients[local][cell])),
            )
            for place, _, gradients in _unit_passes(trace, index, None)
            if gradients[local][cell] != 0.0
        ], True
    terms = []
    for row in range(n_rows):
        alone = numpy.zeros_like(delta)
        alone[row] = delta[row]
        _, gradients = pass_back(trace, index, alone)
        terms.append(product(Factor(f"contribution of row {row}", float(gradients[local][cell]))))
    return terms, False
