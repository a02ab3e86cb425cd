"""The view of the layers: how their numbers are distributed, and which units do not work."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy

from clearprop.diagnosis import diagnose_trace, unit_shares
from clearprop.estimators.tables.training import as_fed
from clearprop.trace.parts import local_parameters
from clearprop.trace.quantities import NodeTrace
from clearprop.ui.views.histogram import histogram
from clearprop.ui.views.look import Look

__all__ = ["layers"]

Array = Any
MAX_ROWS = 500
MAX_UNITS = 256
SHOWN = ("a", "h", "delta", "dh")


def layers(look: Look) -> dict[str, Any]:
    """Return the diagnosis over some rows to train on, with histograms and the units of every layer."""
    batch = look.batch.take(look.some(MAX_ROWS, training=True))
    step: dict[str, Any] = {} if look.optimizer is None else {"optimizer": look.optimizer, "state": look.state}
    net = look.network
    trace = net.trace(as_fed(batch.inputs), batch.target, batch.weight, **step)
    with numpy.errstate(all="ignore"):  # what overflows is a finding
        diagnosis = diagnose_trace(trace, net.astype(numpy.float64).executor())
    boxes = {node.name: node.layer for node in look.network.graph.nodes}
    found = []
    for place, health in enumerate(diagnosis.layers):
        node, box = trace.nodes[health.node], boxes[health.node]
        if box is None:
            continue
        histograms = {name: histogram(value) for name, value in node.quantities() if name in SHOWN}
        units = _units(box, node, local_parameters(trace, place), set(health.dead), set(health.saturated))
        found.append({**asdict(health), "histograms": histograms, "units": units})
    return {"n_rows": diagnosis.n_rows, "layers": found, "findings": [asdict(item) for item in diagnosis.findings]}


def _units(
    box: Any, node: NodeTrace, learned: dict[str, Array], dead: set[int], saturated: set[int]
) -> list[dict[str, Any]]:
    """Return a line for each unit, of the first ones of very many."""
    output = node.output.reshape(len(node.output), -1)[:, :MAX_UNITS].astype(numpy.float64)
    flat = numpy.zeros(output.shape[1])
    if node.derivative is not None:
        _, flat = unit_shares(box, node.output, node.derivative, learned)
    columns = output.mean(axis=0), output.std(axis=0), (output == 0.0).mean(axis=0), flat[: output.shape[1]]
    names = ("mean", "deviation", "zero_share", "saturated_share")
    return [
        {"unit": unit, **dict(zip(names, values, strict=True)), "dead": unit in dead, "saturated": unit in saturated}
        for unit, values in enumerate(zip(*(column.tolist() for column in columns), strict=True))
    ]
