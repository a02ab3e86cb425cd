"""Where an output comes from: the terms of each kind of box, forward."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy

import clearprop.layers as boxes
from clearprop.layers.rectifiers import SELU_ALPHA, SELU_SCALE
from clearprop.layers.windows import pair
from clearprop.trace.formulas import box_formula
from clearprop.trace.notation import Symbols, function_name, number
from clearprop.trace.parts import (
    Cell,
    Factor,
    Part,
    Term,
    local_parameters,
    normalized,
    output_factor,
    parameter,
    parameters_at,
    pass_back,
    product,
    winner,
)
from clearprop.trace.record import Record
from clearprop.trace.slopes import square_distance, wave
from clearprop.trace.substitution import computed, substituted

__all__ = ["box_numbers", "forward_terms", "window_pixel"]

SELECTS = (  # each output is a sum of inputs with fixed weights
    boxes.Add, boxes.Concatenate, boxes.Flatten, boxes.Reshape, boxes.Slice, boxes.Transpose, boxes.Sum, boxes.Mean,
    boxes.AveragePool2D, boxes.MaxPool2D, boxes.Dropout,
)  # fmt: skip
ONE_BY_ONE = {  # an output as a function of one input, of parameters and of statistics
    boxes.Scale: r"<s> \cdot <x>",
    boxes.PReLU: r"\max(0, <x>) + <slope> \cdot \min(0, <x>)",
    boxes.BatchNorm: r"<gain> \cdot \frac{<x> - <mean>}{<deviation>} + <bias>",
    boxes.LayerNorm: r"<gain> \cdot \frac{<x> - <mean>}{<deviation>} + <bias>",
    boxes.Softmax: r"\frac{e^{<x>}}{<sum>}",
    boxes.LogSoftmax: r"<x> - \ln(<sum>)",
    boxes.GaussianNoise: r"<x> + <noise>",
    boxes.Parametric: r"(1 - <alpha>) \cdot <x> + <alpha> \cdot <g>",
}


def forward_terms(trace: Record, index: int, cell: Cell) -> Part:
    """Return the terms of a cell of a node's output."""
    node = trace.graph.nodes[index]
    layer = node.layer
    if layer is None:
        return Part((product(output_factor(trace, index, cell)),))
    if isinstance(layer, boxes.Dense | boxes.TransposedDense | boxes.Maxout | boxes.Conv2D | boxes.MatMul):
        return Part(tuple(_products(trace, index, layer, cell)))
    if isinstance(layer, boxes.Multiply):
        return Part((product(*(output_factor(trace, source, cell) for source in node.inputs)),))
    if isinstance(layer, boxes.Embedding):
        code = output_factor(trace, node.inputs[0], cell[:-1])
        return Part((product(parameter(trace, index, "W").factor((int(code.value), cell[-1]))),), note=f"{code.label}")
    if isinstance(layer, boxes.RBF):
        return _radial(trace, index, cell)
    if isinstance(layer, boxes.PeriodicEmbedding):
        return Part(tuple(_periodic(trace, index, layer, cell)))
    if isinstance(layer, SELECTS):
        return Part(tuple(_selected(trace, index, cell)))
    if isinstance(layer, tuple(ONE_BY_ONE)) or layer.is_activation:
        return _one_by_one(trace, index, layer, cell)
    return _whatever_matters(trace, index, cell)


def _products(trace: Record, index: int, layer: Any, cell: Cell) -> Iterator[Term]:
    """Yield input times weight, and the bias."""
    node = trace.graph.nodes[index]
    row, unit = cell[0], cell[1]
    (first, *others), shape = node.inputs, trace.graph.nodes[node.inputs[0]].shape
    if isinstance(layer, boxes.MatMul):
        *batch, line, column = cell[1:]
        for k in range(shape[-1]):
            left, right = (row, *batch, line, k), (row, *batch, k, column)
            yield product(output_factor(trace, first, left), output_factor(trace, others[0], right))
        return
    weights = parameter(trace, index, "W")
    if isinstance(layer, boxes.Conv2D):
        for c, u, v in numpy.ndindex(weights.value.shape[1:]):
            pixel = window_pixel(layer, shape, cell[2:], (u, v))
            if pixel is not None:
                yield product(output_factor(trace, first, (row, c, *pixel)), weights.factor((unit, c, u, v)))
    else:
        if isinstance(layer, boxes.Maxout):
            unit = winner(trace, index, cell)
        scale = layer.factor(shape[0]) if isinstance(layer, boxes.Dense) else 1.0
        extra = () if scale == 1.0 else (Factor("1/sqrt(n_in)", scale),)
        for k in range(shape[0]):
            place = (unit, k) if isinstance(layer, boxes.TransposedDense) else (k, unit)
            yield product(output_factor(trace, first, (row, k)), weights.factor(place), *extra)
    if "b" in local_parameters(trace, index):
        yield product(parameter(trace, index, "b").factor((unit,)))


def window_pixel(layer: boxes.Conv2D, shape: tuple[int, ...], place: Cell, offset: Cell) -> Cell | None:
    """Return the pixel that a filter reads for a place of its output, at an offset; None in the padding."""
    (down, across), (above, before) = pair(layer.stride), pair(layer.padding)
    i, j = down * place[0] + offset[0] - above, across * place[1] + offset[1] - before
    return (i, j) if 0 <= i < shape[1] and 0 <= j < shape[2] else None


def _radial(trace: Record, index: int, cell: Cell) -> Part:
    """Return the function of the distance that a radial basis unit is."""
    (row, unit), (source,) = cell, trace.graph.nodes[index].inputs
    q, sigma = square_distance(trace, index, cell), parameter(trace, index, "sigma").factor((unit,))
    h = computed(
        output_factor(trace, index, cell).value, "exp(-{q} / {sigma}^2)",
        r"\exp \left( - \frac{<q>}{<sigma>^2} \right)", q=q, sigma=sigma,
    )  # fmt: skip
    weights = parameter(trace, index, "W")
    pairs = ((output_factor(trace, source, (row, i)), weights.factor((i, unit))) for i in range(len(weights.value)))
    return Part((Term((*itertools.chain(*pairs), sigma), h.value),), h.latex)


def _periodic(trace: Record, index: int, layer: boxes.PeriodicEmbedding, cell: Cell) -> Iterator[Term]:
    """Yield a number of the row as it is, or weights times cosines and a bias."""
    (row, place), (source,) = cell, trace.graph.nodes[index].inputs
    group, column = divmod(place, trace.graph.nodes[source].shape[0])
    if group == 0:
        yield product(output_factor(trace, source, (row, column)))
        return
    weights = parameter(trace, index, "W")
    for k in range(layer.frequencies):
        weight = weights.factor(((group - 1) * layer.frequencies + k, column))
        yield product(weight, wave(trace, index, "cos", row, k, column))
    yield product(parameter(trace, index, "c").factor((group - 1, column)))


def _selected(trace: Record, index: int, cell: Cell) -> Iterator[Term]:
    """Yield the inputs that a sum, a mean or a choice takes, with their weights: the slopes of a linear box."""
    dxs, _ = pass_back(trace, index, _unit(trace, index, cell))
    for source, dx in zip(trace.graph.nodes[index].inputs, dxs, strict=True):
        weights: Any = dx
        for place in numpy.argwhere(weights):
            at = tuple(map(int, place))
            weight = float(weights[at])
            yield product(output_factor(trace, source, at), *(() if weight == 1.0 else (Factor("weight", weight),)))


def _unit(trace: Record, index: int, cell: Cell) -> Any:
    """Return the gradient that is 1 in one cell of a node's output."""
    unit = numpy.zeros_like(trace.passed.forward.outputs[index])
    unit[cell] = 1.0
    return unit


def _one_by_one(trace: Record, index: int, layer: Any, cell: Cell) -> Part:
    node = trace.graph.nodes[index]
    x, h = output_factor(trace, node.inputs[0], cell), output_factor(trace, index, cell)
    known = [("x", x), *((name, p) for name, p in parameters_at(trace, index, cell))]
    if isinstance(layer, boxes.BatchNorm | boxes.LayerNorm):
        _, mean, deviation = normalized(trace, index, cell)
        known += [("mean", Factor("mean", mean)), ("deviation", Factor("deviation", deviation))]
    elif isinstance(layer, boxes.Softmax | boxes.LogSoftmax):
        share = h.value if isinstance(layer, boxes.Softmax) else numpy.exp(h.value)
        known.append(("sum", Factor("sum of exponentials", float(numpy.exp(x.value) / share))))
    elif isinstance(layer, boxes.GaussianNoise):
        known.append(("noise", Factor("noise", h.value - x.value)))
    elif isinstance(layer, boxes.Parametric):
        context: Any = trace.passed.forward.contexts[index]
        inner, _ = layer.activation.forward(context, {}, numpy.array([x.value]))
        known.append(("g", Factor("g(x)", float(inner[0]))))
    template = next((ONE_BY_ONE[kind] for kind in type(layer).__mro__ if kind in ONE_BY_ONE), None)
    if template is None:
        template = box_formula(trace, layer).forward.replace("<xs,>", "<x>")
    numbers = {**box_numbers(trace, index, cell), **{name: item.value for name, item in known}}
    return Part((Term(tuple(item for _, item in known), h.value),), substituted(template, numbers))


def box_numbers(trace: Record, index: int, cell: Cell) -> dict[str, Any]:
    """Return the numbers of a box that are no cells of a trace: its fields, SELU's constants, RReLU's slope."""
    layer, derivative = trace.graph.nodes[index].layer, list(trace.nodes.values())[index].derivative
    numbers: dict[str, Any] = {"lambda": SELU_SCALE, "alpha": SELU_ALPHA, "r": "r"}
    if derivative is not None and output_factor(trace, trace.graph.nodes[index].inputs[0], cell).value <= 0.0:
        numbers["r"] = float(derivative[cell])  # elsewhere the slope that was drawn does not matter
    return {**numbers, **Symbols(trace.graph, "clearprop").of_layer(layer)}


def _whatever_matters(trace: Record, index: int, cell: Cell) -> Part:
    """Return one term of all numbers of the row on which the output depends, where no rule says more."""
    node = trace.graph.nodes[index]
    dxs, gradients = pass_back(trace, index, _unit(trace, index, cell))
    factors = [
        output_factor(trace, source, tuple(map(int, place)))
        for source, dx in zip(node.inputs, dxs, strict=True)
        if dx is not None
        for place in numpy.argwhere(dx)
    ]
    for local, gradient in gradients.items():
        seen = parameter(trace, index, local)
        factors += [seen.factor(tuple(map(int, place))) for place in numpy.argwhere(gradient)]
    value = float(trace.passed.forward.outputs[index][cell])
    arguments = ", ".join(number(item.value) for item in factors)
    return Part((Term(tuple(factors), value),), f"{function_name(type(node.layer).__name__)}({arguments})")
