"""Every quantity of one forward and backward pass, by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy

from clearprop.engines import Batch, sparse
from clearprop.engines.array import ArrayExecutor
from clearprop.errors import UnknownNameError
from clearprop.optimizers import Optimizer
from clearprop.validation import check_instance

__all__ = ["NodeTrace", "Trace", "trace_pass"]

Array = Any
DELTA_NAMES = {"a": "delta", "h": "dh", "x": "dx"}  # delta is the gradient at a pre-activation, as in the lectures


@dataclass(frozen=True)
class NodeTrace:
    """What one pass computed at one node.

    Attributes
    ----------
    name : str
        Name of the node.
    box : str
        Kind of its layer; ``"Input"`` for an input.
    symbol : str
        ``"x"`` for an input, ``"h"`` for an elementwise activation, else ``"a"``.
    output : array of shape (n, ...)
        What the node put out.
    delta : array of shape (n, ...) or None
        Gradient of the loss at the output, rows already weighted by 1/n; None where no gradient passes. In the trace
        it is called ``delta`` at an a, ``dh`` at an h and ``dx`` at an input.
    derivative : array of shape (n, ...) or None
        f'(a) of an elementwise activation, else None.
    gradients : mapping of str to array
        Gradient of the data loss at each parameter of the node, by local name.
    penalties : mapping of str to array
        Gradient of the penalty at each parameter that has one.
    updates : mapping of str to array
        What the optimizer's first step would add to each parameter.
    """

    name: str
    box: str
    symbol: str
    output: Array
    delta: Array | None
    derivative: Array | None
    gradients: Mapping[str, Array] = field(default_factory=dict)
    penalties: Mapping[str, Array] = field(default_factory=dict)
    updates: Mapping[str, Array] = field(default_factory=dict)

    def quantities(self) -> Iterator[tuple[str, Array]]:
        """Yield the quantities with their names within the node, such as ``"delta"`` or ``"W.gradient"``."""
        yield self.symbol, self.output
        if self.derivative is not None:
            yield "f'", self.derivative
        if self.delta is not None:
            yield DELTA_NAMES[self.symbol], self.delta
        for what, values in (("gradient", self.gradients), ("penalty", self.penalties), ("update", self.updates)):
            for local, value in values.items():
                yield f"{local}.{what}", value


@dataclass(frozen=True, repr=False)
class Trace(Mapping[str, Any]):
    """One forward and one backward pass; ``trace["dense_1.delta"]`` reads a quantity, ``list(trace)`` names them.

    Attributes
    ----------
    nodes : mapping of str to NodeTrace
        The nodes in order.
    loss, penalty : float
        The loss of the data and the penalties.
    scores, prediction : array of shape (n, n_outputs)
        The output before and after the link.
    """

    nodes: Mapping[str, NodeTrace]
    loss: float
    penalty: float
    scores: Array
    prediction: Array

    def __getitem__(self, name: str) -> Array:
        node, _, quantity = name.partition(".")
        found = dict(self.nodes[node].quantities()) if node in self.nodes else {}
        if quantity not in found:
            known = [f"{node}.{item}" for item in found] or list(self.nodes)
            raise UnknownNameError(f"trace: no quantity {name!r}; known are {', '.join(known)}.")
        return found[quantity]

    def __iter__(self) -> Iterator[str]:
        return (f"{node.name}.{quantity}" for node in self.nodes.values() for quantity, _ in node.quantities())

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __str__(self) -> str:
        lines = [f"loss {self.loss:.10g}, penalty {self.penalty:.10g}"]
        for name in self:
            value = self[name]
            lines.append(f"{name:28} {value.shape!s:14} norm {_norm(value):.6g}")
        return "\n".join(lines)

    __repr__ = __str__


def _norm(value: Array) -> float:
    return float(numpy.linalg.norm(value.data if sparse(value) else value))


def trace_pass(
    executor: ArrayExecutor,
    w: Array,
    buffers: Array,
    batch: Batch,
    *,
    training: bool,
    seed: int,
    optimizer: Optimizer,
) -> Trace:
    """Return the trace of one pass at the parameters `w`; see `Network.trace`. Nothing it is given changes."""
    check_instance("trace", "optimizer", optimizer, Optimizer, "Adam(1e-3)")
    layout, program = executor.layout, executor.program
    dense = not any(sparse(x) for x in batch.inputs)  # dx of a sparse input would be dense
    data, forward, backward = executor.passes(w, buffers.copy(), batch, training=training, seed=seed, wants_dx=dense)
    penalty, penalty_gradient = executor.penalty(w, batch.total_weight)
    whole = backward.gradient if penalty_gradient is None else backward.gradient + penalty_gradient
    gradients, updates = layout.views(backward.gradient), layout.views(_first_update(executor, w, optimizer, whole))
    penalties = {} if penalty_gradient is None else layout.views(penalty_gradient)
    nodes = {}
    for node, output, delta, ctx, kept in zip(
        program.graph.nodes, forward.outputs, backward.deltas, forward.contexts, forward.kept, strict=True
    ):
        layer, derivative = node.layer, None
        own = {name.rpartition(".")[2]: name for name in layout if name.rpartition(".")[0] == node.name}
        if layer is not None and ctx is not None and layer.elementwise:
            ((derivative,), _) = layer.backward(ctx, {}, kept, numpy.ones_like(output))
        nodes[node.name] = NodeTrace(
            node.name,
            "Input" if layer is None else type(layer).__name__,
            "x" if layer is None else "h" if layer.elementwise else "a",
            output,
            delta,
            derivative,
            {local: gradients[name] for local, name in own.items()},
            {local: penalties[name] for local, name in own.items() if name in executor.penalties},
            {local: updates[name] for local, name in own.items()},
        )
    scores = forward.outputs[-1]
    return Trace(nodes, data, penalty, scores, program.loss.prediction(numpy, scores))


def _first_update(executor: ArrayExecutor, w: Array, optimizer: Optimizer, gradient: Array) -> Array:
    """Return what the optimizer's first step adds to the parameters, clipping and constraints included."""
    moved = w.copy()
    factors = optimizer.factors(executor.layout, numpy.ones_like(w))
    rate: Any = optimizer.rate(1)(0)
    slots, decays = optimizer.new_slots(numpy, w), executor.layout.decay_mask(w.dtype)
    rate = rate if factors is None else rate * factors
    optimizer.update(numpy, moved, optimizer.clip(numpy, gradient), slots, 1, rate, decays)
    executor.constrain(moved)
    return moved - w
