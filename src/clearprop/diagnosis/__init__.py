"""What keeps a network from learning: dead and saturated units, lost gradients, steps of the wrong size, bad inputs."""

from __future__ import annotations

import numpy

from clearprop.diagnosis.health import layer_health, moments, unit_shares
from clearprop.diagnosis.report import Diagnosis, Finding, LayerHealth
from clearprop.diagnosis.rules import (
    gradient_findings,
    input_findings,
    non_finite_findings,
    step_findings,
    unit_findings,
)
from clearprop.engines import Executor
from clearprop.trace import Trace

__all__ = ["Diagnosis", "Finding", "LayerHealth", "diagnose_trace", "moments", "unit_shares"]


def diagnose_trace(trace: Trace, executor: Executor) -> Diagnosis:
    """Return the diagnosis of one pass; see `Network.diagnose`.

    Parameters
    ----------
    trace : Trace
        The pass in prediction mode.
    executor : Executor
        What computes the network's loss in float64.
    """
    passed, graph, n_rows = trace.passed, trace.graph, trace.passed.batch.n_rows
    layout, batch = passed.executor.layout, passed.batch.astype(numpy.float64)
    w, buffers = passed.parameters.astype(numpy.float64), passed.buffers.astype(numpy.float64)
    moved = w.copy()
    for name, view in layout.views(moved).items():
        view += trace[f"{name}.update"]
    before, after = (sum(executor.loss(at, buffers, batch, training=False, seed=0, step=0)) for at in (w, moved))
    layers = layer_health(trace)
    findings = (
        *non_finite_findings(graph, trace, layout.views(w), n_rows),
        *input_findings(graph, trace, n_rows),
        *unit_findings(layers, n_rows),
        *gradient_findings(graph, layers, n_rows),
        *step_findings(layers, before, after, repr(passed.optimizer), n_rows),
    )
    return Diagnosis(n_rows, layers, findings)
