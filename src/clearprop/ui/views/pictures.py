"""The view of a network at work: what it says of the plane of two columns, and how its units are joined."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy

from clearprop.errors import ArgumentError
from clearprop.ui.views.look import MAX_NUMBERS, Look
from clearprop.validation import check_choice

__all__ = ["live"]

Array = Any
GRID = 40  # points along each axis
MAX_ROWS = 500
MAX_SHOWN = 16  # units of a layer in the diagram
MARGIN = 0.05  # of the range of a column, on each side


def live(look: Look, x: str | None, y: str | None) -> dict[str, Any]:
    """Return surface, points and diagram.

    Parameters
    ----------
    look : Look
        What is looked at.
    x, y : str or None
        The columns of the axes; by default the two that vary most.
    """
    columns = look.problem.columns
    rows = look.some(MAX_ROWS)
    batch = look.batch.take(rows)
    matrix = look.matrix(batch.inputs)
    found: dict[str, Any] = {"surface": None, "diagram": diagram(look)}
    if len(columns) < 2:
        return {**found, "surface_reason": "the network reads one column; a surface needs two.", "points": None}
    by_spread = numpy.argsort(-matrix.std(axis=0), kind="stable").tolist()
    proposed = [columns[place] for place in sorted(by_spread[:2])]
    x = x or next(name for name in proposed if name != y)
    y = y or next(name for name in proposed if name != x)
    for name, value in (("x", x), ("y", y)):
        check_choice("live", name, value, columns)
    if x == y:
        raise ArgumentError(f"live: x and y must be two columns, got '{x}' twice.")
    axes = columns.index(x), columns.index(y)
    found["points"] = {
        "x": matrix[:, axes[0]],
        "y": matrix[:, axes[1]],
        "target": look.truth(batch.target),
        "prediction": look.decided(look.prediction(batch.inputs)),
        "validation": rows >= look.problem.n_rows,
    }
    if look.network.graph.codes():
        return {**found, "surface_reason": "the network reads codes of categories, and there is nothing between them."}
    if GRID**2 * len(columns) > MAX_NUMBERS:
        return {**found, "surface_reason": f"the network reads {len(columns)} columns, too many for a surface."}
    return {**found, "surface": surface(look, matrix, axes)}


def surface(look: Look, matrix: Array, axes: tuple[int, int]) -> dict[str, Any]:
    """Return what the network says of a grid of two columns, the others at their medians."""
    columns = look.problem.columns
    ranges = []
    for place in axes:
        low, high = float(matrix[:, place].min()), float(matrix[:, place].max())
        margin = MARGIN * (high - low) or 1.0
        ranges.append(numpy.linspace(low - margin, high + margin, GRID))
    middle = numpy.median(matrix, axis=0)
    grid = numpy.tile(middle, (GRID * GRID, 1))
    grid[:, axes[0]], grid[:, axes[1]] = numpy.tile(ranges[0], GRID), numpy.repeat(ranges[1], GRID)
    prediction = look.prediction(look.from_matrix(grid))
    fixed = {name: middle[place] for place, name in enumerate(columns) if place not in axes}
    found = {
        "x": ranges[0], "y": ranges[1], "x_name": columns[axes[0]], "y_name": columns[axes[1]], "fixed": fixed,
    }  # fmt: skip
    if look.problem.task == "regression":
        return {**found, "kind": "value", "z": look.decided(prediction).reshape(GRID, GRID)}
    probability = look.probability(prediction)
    if probability.shape[1] == 2:
        return {**found, "kind": "binary", "z": probability[:, 1].reshape(GRID, GRID)}
    winner = probability.argmax(axis=1)
    best = probability.max(axis=1).reshape(GRID, GRID)
    return {**found, "kind": "classes", "z": winner.reshape(GRID, GRID), "probability": best}


def diagram(look: Look) -> dict[str, Any]:
    """Return the layers that have weights, with the inputs, and the weights between the units that are shown.

    The mean output of a layer is that of the activation behind it, where nothing else reads what the layer puts out.
    """
    net = look.network
    nodes, parameters = net.graph.nodes, net.parameters
    outputs = look.outputs(look.batch.take(look.some(MAX_ROWS)).inputs)
    readers = Counter(place for node in nodes for place in node.inputs)
    alone: set[int] = set()  # a layer and those behind it, one after another, that alone pass on its units
    of: dict[int, int] = {}  # of every node the layer whose numbers it passes on
    layers: list[dict[str, Any]] = []
    edges: list[dict[str, Any]] = []
    shown: list[Array] = []
    for place, node in enumerate(nodes):
        weights: Any = parameters.get(f"{node.owner}.W")
        joined = weights is not None and weights.ndim == 2 and len(node.shape) == 1
        if node.layer is not None and not joined:
            before = node.inputs[0]
            of[place] = of[before]
            if before in alone and readers[before] == 1 and node.shape == nodes[before].shape and len(node.inputs) == 1:
                alone.add(place)
                if node.layer.is_activation:
                    layers[of[place]]["mean"] = _mean(outputs[node.name], shown[of[place]])
            continue
        if joined:
            alone.add(place)
        of[place], units = len(layers), int(numpy.prod(node.shape))
        chosen = _spread(units)
        shown.append(chosen)
        mean = _mean(outputs[node.name], chosen)
        box = "Input" if node.layer is None else type(node.layer).__name__
        layers.append({"name": node.name, "box": box, "n_units": units, "shown": chosen, "mean": mean})
        for source in dict.fromkeys(of[other] for other in node.inputs):
            if weights.shape == (layers[source]["n_units"], units):
                part = weights[numpy.ix_(shown[source], chosen)]
                edges.append({"from": layers[source]["name"], "to": node.name, "weights": part})
    return {"layers": layers, "edges": edges}


def _mean(output: Array, chosen: Array) -> Array:
    return numpy.asarray(output.mean(axis=0)).reshape(-1)[chosen].astype(numpy.float64)


def _spread(count: int) -> Array:
    """Return the numbers of the units to show, spread evenly where there are many."""
    return numpy.linspace(0, count - 1, min(count, MAX_SHOWN)).round().astype(numpy.int64)
