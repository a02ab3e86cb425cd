"""The same program on the native engine and on the array engine, which is the reference."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy

import clearprop as cp
from clearprop.engines import ArrayEngine, Batch
from clearprop.engines import native as door
from clearprop.engines.native_executor import NativeEngine, NativeExecutor
from clearprop.state import TrainState

Array = Any
TARGETS = door.setting().supported
SEED, STEP = 11, 5  # of noise; nothing is special about them


def engine(target: str | None = None, threads: int = 1) -> NativeEngine:
    """Return a native engine with this instruction set (by default the best one) and so many threads."""
    setting = door.setting()
    return NativeEngine(dataclasses.replace(setting, target=target or setting.target, threads=threads))


def native(program: Any, target: str | None = None, threads: int = 1) -> NativeExecutor:
    """Return the program on the native engine."""
    chosen = engine(target, threads)
    assert chosen.refuses(program, None) is None
    executor = chosen.compile(program)
    assert executor.setting.target == (target or door.setting().target)
    assert executor.setting.threads == threads
    return executor


def reference(program: Any) -> Any:
    """Return the program on the array engine."""
    return ArrayEngine().compile(program)


def training_state(net: cp.Network, optimizer: Any, seed: int = SEED) -> TrainState:
    """Return the state of a run that begins, with arrays of its own."""
    slots = optimizer.new_slots(numpy, net.vector)
    return TrainState(net.vector.copy(), net.buffer_vector.copy(), slots, seed=seed)


def passes(executor: Any, net: cp.Network, batch: Batch) -> dict[str, Array]:
    """Return scores, losses and gradients, with and without `training`."""
    found = {
        "scores": executor.scores(net.vector, net.buffer_vector, batch.inputs),
        "predictions": executor.predictions(net.vector, net.buffer_vector, batch.inputs),
    }
    for mode in ("prediction", "training"):
        options = {"training": mode == "training", "seed": SEED, "step": STEP}
        buffers = net.buffer_vector.copy()
        data, penalty, gradient = executor.gradient(net.vector, buffers, batch, **options)
        assert executor.loss(net.vector, net.buffer_vector.copy(), batch, **options) == (data, penalty)
        found |= {f"{mode} data loss": data, f"{mode} penalty": penalty, f"{mode} gradient": gradient}
        found[f"{mode} buffers"] = buffers
    return found


def trajectory(
    executor: Any, net: cp.Network, batch: Batch, optimizer: Any, batch_size: int, epochs: int = 2
) -> dict[str, Array]:
    """Return what some epochs of training, rows in random order, leave behind."""
    state = training_state(net, optimizer)
    n_batches = -(-batch.n_rows // batch_size)
    rate = optimizer.rate(epochs * n_batches)
    found: dict[str, Array] = {}
    for epoch in range(epochs):
        order = numpy.random.default_rng(epoch).permutation(batch.n_rows)
        rates = [rate(step) for step in range(state.step, state.step + n_batches)]
        losses = executor.run_epoch(state, optimizer, batch, order, batch_size, rates)
        found |= {f"data losses {epoch}": losses.data, f"penalties {epoch}": losses.penalty}
        found[f"gradient norm {epoch}"] = losses.gradient_norm
    assert (state.epoch, state.step) == (epochs, epochs * n_batches)
    found |= {"parameters": state.parameters, "buffers": state.buffers}
    return found | {f"slot {name}": slot for name, slot in state.slots.items()}


def off_by(got: Array, expected: Array, floor: float = 1e-2) -> float:
    """Return max|got - expected| over max|expected|, or over `floor` where that is larger."""
    got, expected = numpy.asarray(got, numpy.float64), numpy.asarray(expected, numpy.float64)
    assert got.shape == expected.shape
    if not expected.size:
        return 0.0
    assert numpy.isfinite(got).all()
    return float(numpy.abs(got - expected).max() / max(numpy.abs(expected).max(), floor))


def assert_agree(
    got: dict[str, Array], expected: dict[str, Array], k: float, other: dict[str, Array] | None = None
) -> None:
    """Assert that every quantity agrees to k eps scale, eps of the coarsest array that was got.

    Where `other` is given, what the array engine finds in the same dtype, also to four times what that is off by: both
    round as often, but not at the same places.
    """
    assert got.keys() == expected.keys()
    eps = max(float(numpy.finfo(a.dtype).eps) for a in got.values() if isinstance(a, numpy.ndarray))
    for name, value in expected.items():
        worst, allowed = off_by(got[name], value), k * eps
        if other is not None:
            allowed = max(allowed, 4.0 * off_by(other[name], value))
        assert worst <= allowed, f"{name}: off by {worst / eps:.0f} eps of its scale, {allowed / eps:.0f} are allowed"


def same_bits(one: Any, other: Any) -> bool:
    """Return whether two results hold the same bits."""
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same_bits(one[name], other[name]) for name in one)
    one, other = numpy.asarray(one), numpy.asarray(other)
    return one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()
