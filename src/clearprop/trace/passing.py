"""The pass that a trace shows: forward, backward and the optimizer's step, on copies of everything."""

from __future__ import annotations

from typing import Any

import numpy

from clearprop.engines import Batch, Program, sparse
from clearprop.engines.array import ArrayExecutor
from clearprop.errors import ArgumentError
from clearprop.optimizers import Optimizer
from clearprop.schedules import ReduceOnPlateau
from clearprop.state import TrainState
from clearprop.trace.quantities import DELTA_NAMES, NodeTrace, ParameterTrace, TracedPass
from clearprop.trace.record import LOSS_QUANTITIES, Record
from clearprop.validation import check_instance

__all__ = ["pass_again", "record_pass"]

Array = Any


def record_pass(
    executor: ArrayExecutor,
    w: Array,
    buffers: Array,
    batch: Batch,
    *,
    training: bool,
    seed: int,
    optimizer: Optimizer,
    state: TrainState | None,
) -> Record:
    """Return the record of one pass at the parameters `w`; see `Network.trace`. Nothing it is given changes."""
    _check_names(executor)
    check_instance("trace", "optimizer", optimizer, Optimizer, "Adam(1e-3)")
    state = _checked(state, w, optimizer) or TrainState(w, buffers, optimizer.new_slots(numpy, w), seed=seed)
    factors = optimizer.factors(executor.layout, numpy.ones_like(w))
    rate: Any = _rate(optimizer, state)
    weight = None if batch.weight is None else batch.weight.copy()
    return pass_again(
        executor.program,
        w.copy(),
        buffers.copy(),
        Batch(tuple(x.copy() for x in batch.inputs), batch.target.copy(), weight),
        training,
        state.seed,
        state.step,
        optimizer,
        rate if factors is None else rate * factors,
        {name: slot.copy() for name, slot in state.slots.items()},
    )


def pass_again(
    program: Program,
    w: Array,
    buffers: Array,
    batch: Batch,
    training: bool,
    seed: int,
    step: int,
    optimizer: Optimizer,
    rate: Any,
    slots: dict[str, Array],
) -> Record:
    """Return the record of what `TracedPass` lists, whose arrays become its own."""
    executor = ArrayExecutor(program)
    dense = not any(sparse(x) for x in batch.inputs)  # dx of a sparse input would be dense
    data, forward, backward = executor.passes(
        w, buffers.copy(), batch, training=training, seed=seed, step=step, wants_dx=dense
    )
    penalty, penalty_gradient = executor.penalty(w, batch.total_weight)
    passed = TracedPass(
        executor, w, buffers, batch, training, seed, step, optimizer, rate, slots, forward=forward, backward=backward
    )
    parameters = _parameters(passed, penalty_gradient)
    nodes = {}
    views = executor.layout.views(w)
    for node, names, output, delta, ctx, kept in zip(
        executor.graph.nodes, executor.graph.names(), forward.outputs, backward.deltas, forward.contexts, forward.kept,
        strict=True,
    ):  # fmt: skip
        layer, derivative = node.layer, None
        if layer is not None and ctx is not None and layer.is_activation:
            own = {local: views[name] for local, name in names.items()}
            ((derivative,), _) = layer.backward(ctx, own, kept, numpy.ones_like(output))
        nodes[node.name] = NodeTrace(
            node.name,
            "Input" if layer is None else type(layer).__name__,
            "x" if layer is None else "h" if layer.is_activation else "a",
            output,
            delta,
            derivative,
            parameters.get(node.name, {}),
        )
    loss, scores = executor.program.loss, forward.outputs[-1]
    values, prediction = loss.values(numpy, scores, batch.target), loss.prediction(numpy, scores)
    return Record(nodes, data, penalty, scores, prediction, values, passed)


def _check_names(executor: ArrayExecutor) -> None:
    """Raise `ArgumentError` for a parameter with the name of another quantity of its node, or of the loss."""
    taken = (*DELTA_NAMES, *DELTA_NAMES.values())
    for name in executor.layout:
        node, _, local = name.rpartition(".")
        if name in LOSS_QUANTITIES:
            raise ArgumentError(
                f"trace: node 'loss' has a parameter '{local}', but '{name}' is the loss's own in a trace; give the "
                "node another name=."
            )
        if local in taken:
            raise ArgumentError(
                f"trace: node '{node}' has a parameter '{local}'; {', '.join(taken)} are outputs and gradients in a "
                "trace, so the box must call it something else."
            )


def _checked(state: TrainState | None, w: Array, optimizer: Optimizer) -> TrainState | None:
    """Return the state, or raise `ArgumentError` where its slots are not those of the optimizer."""
    if state is None:
        return None
    check_instance("trace", "state", state, TrainState, "report.state")
    expected = optimizer.new_slots(numpy, w)
    if set(state.slots) != set(expected) or any(slot.shape != w.shape for slot in state.slots.values()):
        raise ArgumentError(
            f"trace: state remembers {sorted(state.slots)} of {len(state.parameters)} parameters, but "
            f"{type(optimizer).__name__} needs {sorted(expected)} of {len(w)}; pass the optimizer and the state of the "
            "same run."
        )
    return state


def _rate(optimizer: Optimizer, state: TrainState) -> float:
    """Return the learning rate of the next step; at the first one the length of the run does not matter."""
    rate = optimizer.rate(None if state.step else 1)
    return rate.reduced(state.reductions) if isinstance(rate, ReduceOnPlateau) else rate(state.step)


def _parameters(passed: TracedPass, penalty_gradient: Array | None) -> dict[str, dict[str, ParameterTrace]]:
    """Return what the optimizer's step makes of each parameter, by node and local name."""
    executor, optimizer, w = passed.executor, passed.optimizer, passed.parameters
    layout, gradient = executor.layout, passed.backward.gradient
    total = gradient if penalty_gradient is None else gradient + penalty_gradient
    clipped = optimizer.clip(numpy, total)
    # in float64, or else the update were what is left of it where it is added to larger float32 numbers
    start = w.astype(numpy.float64)
    slots = {name: slot.astype(numpy.float64) for name, slot in passed.slots.items()}
    moved, decays = start.copy(), layout.decay_mask(start.dtype)
    optimizer.update(numpy, moved, clipped.astype(numpy.float64), slots, passed.step + 1, passed.rate, decays)
    executor.constrain(moved)
    corrected = optimizer.corrected(slots, passed.step + 1)
    update = (moved - start).astype(w.dtype)
    clips = optimizer.clip_norm is not None or optimizer.clip_value is not None
    views = {
        name: layout.views(vector)
        for name, vector in (("value", w), ("gradient", gradient), ("total", total), ("clipped", clipped),
                             ("update", update))
    }  # fmt: skip
    penalties = {} if penalty_gradient is None else layout.views(penalty_gradient)
    slot_views = {name: layout.views(slot.astype(w.dtype)) for name, slot in slots.items()}
    corrected_views = {name: layout.views(slot.astype(w.dtype)) for name, slot in corrected.items()}
    found: dict[str, dict[str, ParameterTrace]] = {}
    for name in layout:
        node, _, local = name.rpartition(".")
        penalised = name in executor.penalties
        found.setdefault(node, {})[local] = ParameterTrace(
            value=views["value"][name],
            gradient=views["gradient"][name],
            penalty=penalties[name] if penalised else None,
            total=views["total"][name] if penalised else None,
            clipped=views["clipped"][name] if clips else None,
            slots={slot: view[name] for slot, view in slot_views.items()},
            corrected={slot: view[name] for slot, view in corrected_views.items()},
            update=views["update"][name],
        )
    return found
