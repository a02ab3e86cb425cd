"""The health of layers: which units are dead or saturated, and the sizes of what passes through."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy

from clearprop.diagnosis.report import LayerHealth
from clearprop.engines import sparse
from clearprop.layers import Context, Layer
from clearprop.trace import Trace
from clearprop.trace.parts import local_parameters

__all__ = ["FLAT", "MOST_ROWS", "layer_health", "moments", "unit_shares"]

Array = Any

FLAT = 0.05  # of the steepest slope: below it a unit counts as flat
MOST_ROWS = 0.95  # on so many of the rows a saturated unit is flat
PROBES = numpy.linspace(-10.0, 10.0, 4001)  # 0 among them; every activation of ours is steepest within


def layer_health(trace: Trace) -> tuple[LayerHealth, ...]:
    """Return the health of every node of a graph.

    Parameters
    ----------
    trace : Trace
        A pass in prediction mode, with the update of an optimizer.
    """
    layout = trace.passed.executor.layout
    weights = {name for name, slot in layout.items() if slot.parameter.decays}

    def total(name: str) -> Array:
        return trace.get(f"{name}.total", trace[f"{name}.gradient"])

    layers = []
    for place, node in enumerate(trace.graph.nodes):
        passed = trace.nodes[node.name]
        own = [name for name in layout if name.rpartition(".")[0] == node.name]
        heavy = [name for name in own if name in weights]
        weight = norm(trace[name] for name in heavy)
        learned = local_parameters(trace, place)
        dead, saturated = _silent_units(node.layer, passed.output, passed.derivative, learned)
        mean, deviation = moments(passed.output)
        layers.append(
            LayerHealth(
                node.name,
                passed.box,
                math.prod(node.shape),
                dead,
                saturated,
                float(mean),
                float(deviation),
                None if passed.delta is None else norm([passed.delta]),
                norm(map(total, own)) if own else None,
                norm(trace[name] for name in own) if own else None,
                norm(trace[f"{name}.update"] for name in own) if own else None,
                norm(trace[f"{name}.update"] for name in heavy) / weight if weight else None,
            )
        )
    return tuple(layers)


def unit_shares(
    layer: Layer, output: Array, derivative: Array, parameters: Mapping[str, Array] | None = None
) -> tuple[Array, Array]:
    """Return for each unit on how many of the rows it is off, and on how many it is flat.

    Off is h = 0 with f'(a) = 0, as for a ReLU below 0; flat is a slope f'(a) whose size is below 5 % of its maximum.
    The maximum is taken from the box itself, of its slopes at a from -10 to 10 and on the rows at hand. Where it is 0,
    as for the zeros that a recurrent network starts from, there is nothing that a unit could lose: none is off or flat.

    Parameters
    ----------
    layer : Layer
        An activation.
    output, derivative : array of shape (n, ...)
        Its h and f'(a).
    parameters : mapping of str to array or None
        What it has learned, by local name.

    Returns
    -------
    two arrays of shape (n_units,)
        Shares from 0 to 1.
    """
    h, slope = (array.reshape(len(array), -1) for array in (output, numpy.abs(derivative)))
    seen = slope.max(axis=0 if parameters else None, initial=0.0)
    steepest = numpy.fmax(_steepest(layer, parameters or {}, output.shape[1:]), seen)
    off = ((h == 0) & (slope == 0) & (steepest > 0)).mean(axis=0)
    flat = (slope < FLAT * steepest).mean(axis=0)
    return off, flat


def _silent_units(
    layer: Layer | None, output: Array, derivative: Array | None, parameters: Mapping[str, Array]
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the dead and the saturated units, none of a node without f'."""
    if layer is None or derivative is None:
        return (), ()
    off, flat = unit_shares(layer, output, derivative, parameters)
    dead = off == 1.0
    return tuple(numpy.flatnonzero(dead).tolist()), tuple(numpy.flatnonzero((flat >= MOST_ROWS) & ~dead).tolist())


def _steepest(layer: Layer, parameters: Mapping[str, Array], shape: tuple[int, ...]) -> Array:
    """Return the steepest slope of an activation at the probes: one number, or where it learns one for each unit."""
    ctx = Context(numpy)
    probes = PROBES
    if parameters:
        probes = numpy.broadcast_to(PROBES.reshape(-1, *(1 for _ in shape)), (len(PROBES), *shape))
    with numpy.errstate(all="ignore"):  # a user's own box may not be defined at all probes
        _, kept = layer.forward(ctx, parameters, probes)
        (slope, *_), _ = layer.backward(ctx, parameters, kept, numpy.ones_like(probes))
    return numpy.fmax.reduce(numpy.abs(numpy.asarray(slope)).reshape(len(PROBES), -1))


def norm(arrays: Iterable[Array]) -> float:
    """Return the Euclidean norm over arrays, in float64, of which no square overflows."""
    flat = [numpy.ravel(array).astype(numpy.float64) for array in arrays]
    size = max((float(numpy.abs(array).max(initial=0.0)) for array in flat), default=0.0)
    if not 0.0 < size < math.inf:
        return size
    return size * math.sqrt(sum(float(numpy.sum((array / size) ** 2)) for array in flat))


def moments(x: Array, axis: int | None = None) -> tuple[Array, Array]:
    """Return mean and standard deviation in float64, of all entries or of the columns of a matrix (``axis=0``)."""
    if not sparse(x):
        x = x.astype(numpy.float64)
        return x.mean(axis), x.std(axis)
    x = x.tocsr().astype(numpy.float64)
    count = x.shape[0] if axis == 0 else x.shape[0] * x.shape[1]
    mean, square = (numpy.asarray(power.sum(axis)).ravel() / count for power in (x, x.multiply(x)))
    deviation = numpy.sqrt(numpy.maximum(square - mean**2, 0.0))
    return (mean, deviation) if axis == 0 else (mean[0], deviation[0])
