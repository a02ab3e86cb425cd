"""What a trace holds: the quantities of each node and of each parameter."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from clearprop.engines import Batch
from clearprop.engines.array import ArrayExecutor
from clearprop.engines.passes import BackwardPass, ForwardPass
from clearprop.optimizers import Optimizer

__all__ = ["DELTA_NAMES", "NodeTrace", "ParameterTrace", "TracedPass"]

Array = Any
DELTA_NAMES = {"a": "delta", "h": "dh", "x": "dx"}  # delta is the gradient at a pre-activation, as in the lectures


@dataclass(frozen=True)
class TracedPass:
    """What was passed, and how.

    Attributes
    ----------
    executor : ArrayExecutor
        The array engine's telling of the network.
    parameters, buffers : array
        Flat vectors, as they were before the pass.
    batch : Batch
        The rows.
    training : bool
        Whether it was a pass of training.
    seed, step : int
        Addresses of the pass's random numbers; `step` counts the updates before it.
    optimizer : Optimizer
        Whose step is shown.
    rate : float or array of shape (n_parameters,)
        Learning rate of the step.
    slots : dict of str to array
        What the optimizer remembered before it.
    forward : ForwardPass
        Outputs of all nodes, and what their boxes keep.
    backward : BackwardPass
        Gradients of the data loss.
    """

    executor: ArrayExecutor
    parameters: Array
    buffers: Array
    batch: Batch
    training: bool
    seed: int
    step: int
    optimizer: Optimizer
    rate: Any
    slots: Mapping[str, Array]
    forward: ForwardPass
    backward: BackwardPass


@dataclass(frozen=True)
class ParameterTrace:
    """One parameter on its way to the next step; every array has its shape.

    Attributes
    ----------
    value : array
        The parameter before the step.
    gradient : array
        Gradient of the data loss.
    penalty, total : array or None
        Gradient of the penalty, and the sum of both; None where there is no penalty.
    clipped : array or None
        The gradient after clipping; None where the optimizer does not clip.
    slots, corrected : mapping of str to array
        What the optimizer remembers after the step, and the same with its bias corrected where the rule does so.
    update : array
        What the step adds to the parameter, constraints included.
    """

    value: Array
    gradient: Array
    penalty: Array | None
    total: Array | None
    clipped: Array | None
    slots: Mapping[str, Array]
    corrected: Mapping[str, Array]
    update: Array

    def quantities(self) -> Iterator[tuple[str, Array]]:
        """Yield the quantities with their names, such as ``"gradient"``, in the order of their computation."""
        yield "gradient", self.gradient
        for name in ("penalty", "total", "clipped"):
            value = getattr(self, name)
            if value is not None:
                yield name, value
        yield from self.slots.items()
        for name, value in self.corrected.items():
            yield f"{name}_corrected", value
        yield "update", self.update


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
        ``"x"`` for an input, ``"h"`` for an activation, also one that learns, else ``"a"``.
    output : array of shape (n, ...)
        What the node put out.
    delta : array of shape (n, ...) or None
        Gradient of the loss at the output, rows already weighted by 1/n; None where no gradient passes. In the trace
        it is called ``delta`` at an a, ``dh`` at an h and ``dx`` at an input.
    derivative : array of shape (n, ...) or None
        f'(a) of an activation, else None.
    parameters : mapping of str to ParameterTrace
        What the node learns, by local name; a parameter that several nodes share stands at the first of them.
    """

    name: str
    box: str
    symbol: str
    output: Array
    delta: Array | None
    derivative: Array | None
    parameters: Mapping[str, ParameterTrace] = field(default_factory=dict)

    def quantities(self) -> Iterator[tuple[str, Array]]:
        """Yield the quantities with their names within the node, such as ``"delta"`` or ``"W.gradient"``."""
        yield self.symbol, self.output
        if self.derivative is not None:
            yield "f'", self.derivative
        if self.delta is not None:
            yield DELTA_NAMES[self.symbol], self.delta
        for local, parameter in self.parameters.items():
            yield local, parameter.value
            for what, value in parameter.quantities():
                yield f"{local}.{what}", value
