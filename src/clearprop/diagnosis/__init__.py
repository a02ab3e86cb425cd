"""What keeps a network from learning: dead and saturated units, lost gradients, steps of the wrong size, bad inputs."""

from __future__ import annotations

from typing import Any

from clearprop.diagnosis.health import layer_health, moments, unit_shares
from clearprop.diagnosis.report import Diagnosis, Finding, LayerHealth
from clearprop.diagnosis.rules import (
    gradient_findings,
    input_findings,
    non_finite_findings,
    step_findings,
    unit_findings,
)
from clearprop.engines import Batch, Executor
from clearprop.graph import Graph
from clearprop.optimizers import Optimizer
from clearprop.parameters import Layout
from clearprop.trace import Trace

__all__ = ["Diagnosis", "Finding", "LayerHealth", "diagnose_pass", "moments", "unit_shares"]

Array = Any


def diagnose_pass(
    graph: Graph,
    layout: Layout,
    w: Array,
    trace: Trace,
    optimizer: Optimizer,
    executor: Executor,
    buffers: Array,
    batch: Batch,
) -> Diagnosis:
    """Return the diagnosis of one pass; see `Network.diagnose`. Nothing it is given changes.

    Parameters
    ----------
    graph, layout : Graph, Layout
        The boxes and the places of their parameters.
    w, buffers : float64 array
        Parameters and buffers.
    trace : Trace
        The pass in prediction mode.
    optimizer : Optimizer
        Whose update the trace shows.
    executor : Executor
        What computes the loss in float64.
    batch : Batch
        The rows, in float64.
    """
    n_rows, named = batch.n_rows, layout.views(w)
    layers = layer_health(graph, layout, w, trace)
    moved = w.copy()
    for name, view in layout.views(moved).items():
        view += trace[f"{name}.update"]
    before, after = (sum(executor.loss(at, buffers, batch, training=False, seed=0, step=0)) for at in (w, moved))
    findings = (
        *non_finite_findings(graph, trace, named, n_rows),
        *input_findings(graph, trace, n_rows),
        *unit_findings(layers, n_rows),
        *gradient_findings(graph, layers, n_rows),
        *step_findings(layers, before, after, repr(optimizer), n_rows),
    )
    return Diagnosis(n_rows, layers, findings)
