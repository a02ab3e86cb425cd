"""Programs and optimizers in the words of the native core, and what it refuses."""

from __future__ import annotations

from typing import Any

import numpy

from clearprop import layers, losses, optimizers, penalties
from clearprop.engines import native
from clearprop.engines.base import Program
from clearprop.optimizers import Optimizer
from clearprop.parameters import Layout

__all__ = ["core_arguments", "optimizer_argument", "reason_to_refuse"]

# Of each box, the numbers that its kernel takes beside its arrays; boxes that take none are not listed.
NUMBERS: dict[type, tuple[str, ...]] = {
    layers.LeakyReLU: ("slope",),
    layers.RReLU: ("lower", "upper"),
    layers.ELU: ("alpha",),
    layers.Dropout: ("share",),
    layers.GaussianNoise: ("deviation",),
    layers.BatchNorm: ("epsilon", "momentum"),
    layers.LayerNorm: ("epsilon",),
    layers.PeriodicEmbedding: ("frequencies", "width"),
}
LOSS_NUMBERS = {losses.Huber: "delta", losses.CrossEntropy: "label_smoothing"}
PENALTIES = (penalties.L2, penalties.L1, penalties.ElasticNet)
OPTIMIZERS = (
    optimizers.SGD, optimizers.RMSProp, optimizers.AdaGrad, optimizers.Adam, optimizers.AdamW,
)  # fmt: skip


def reason_to_refuse(program: Program, optimizer: Optimizer | None) -> str | None:
    """Return why the core cannot run this program with this optimizer, or None."""
    return _refuses_graph(program) or _refuses_terms(program) or _refuses_optimizer(optimizer)


def _refuses_graph(program: Program) -> str | None:
    known = {*native.core().BOXES, *native.core().ACTIVATIONS}
    for node in program.graph.nodes:
        if len(node.shape) != 1:
            return f"node '{node.name}' has rows of shape {node.shape}, and it takes vectors alone"
        if node.layer is None:
            continue
        kind = type(_kernel(node.layer))
        if getattr(layers, kind.__name__, None) is not kind or kind.__name__ not in known:
            return f"node '{node.name}' is a {kind.__name__}, which it does not know"
    if not program.graph.parameter_layout():
        return "the network has no parameters"
    return None


def _kernel(layer: layers.Layer) -> layers.Layer:
    """Return the box whose kernel computes this one: an activation's takes a parameter as its share."""
    return layer.activation if type(layer) is layers.Parametric else layer


def _refuses_terms(program: Program) -> str | None:
    loss = type(program.loss)
    if getattr(losses, loss.__name__, None) is not loss or loss.__name__ not in native.core().LOSSES:
        return f"the loss is {loss.__name__}, which it does not know"
    for slot in program.graph.parameter_layout().values():
        own, limit = slot.parameter.penalty, slot.parameter.constraint
        for penalty in (own, program.penalty):
            if penalty is not None and type(penalty) not in PENALTIES:
                return f"a penalty is {type(penalty).__name__}, which it does not know"
        for constraint in (limit, program.constraint):
            if constraint is not None and type(constraint) is not penalties.MaxNorm:
                return f"a constraint is {type(constraint).__name__}, which it does not know"
    return None


def _refuses_optimizer(optimizer: Optimizer | None) -> str | None:
    if optimizer is None:
        return None
    if type(optimizer) not in OPTIMIZERS:
        return f"the optimizer is {type(optimizer).__name__}, which it does not know"
    if getattr(optimizer, "epsilon", 1.0) == 0.0:
        return "the optimizer has epsilon=0, so that it may divide by zero"
    return None


def core_arguments(program: Program) -> tuple[Any, ...]:
    """Return the program as the core takes it: nodes, parameters, number of buffers, loss and the loss's numbers."""
    loss = program.loss
    if isinstance(loss, losses.Quantile):
        numbers = loss.quantiles(program.graph.output.shape[0])
    else:
        name = LOSS_NUMBERS.get(type(loss))
        numbers = [0.0 if name is None else float(getattr(loss, name))]
    return _nodes(program), _parameters(program), program.graph.buffer_layout().size, type(loss).__name__, numbers


def _nodes(program: Program) -> list[Any]:
    """Return the graph as the core takes it: (box, inputs, width, number, second, parameters, buffers) a node."""
    places = {name: place for place, name in enumerate(program.graph.parameter_layout())}
    buffers = program.graph.buffer_layout()
    nodes: list[Any] = []
    for index, node in enumerate(program.graph.nodes):
        if node.layer is None:
            nodes.append(("Input", [], node.shape[0], float(program.graph.inputs.index(index)), 0.0, [], []))
            continue
        shapes = [program.graph.nodes[place].shape for place in node.inputs]
        owned = [places[f"{node.owner}.{local}"] for local in node.layer.parameters(*shapes)]
        if isinstance(node.layer, layers.Dense) and not node.layer.bias:
            owned.append(-1)
        remembered = [buffers[f"{node.owner}.{local}"].start for local in node.layer.buffers(*shapes)]
        box = _kernel(node.layer)
        numbers = [float(getattr(box, name)) for name in NUMBERS.get(type(box), ())]
        if isinstance(node.layer, layers.Dense):
            numbers = [node.layer.factor(shapes[0][0])]
        number, second = [*numbers, 0.0, 0.0][:2]
        nodes.append((type(box).__name__, list(node.inputs), node.shape[0], number, second, owned, remembered))
    return nodes


def _parameters(program: Program) -> list[Any]:
    """Return the layout as the core takes it: (start, rows, columns, matrix, decays, l1, l2, per_row, limit)."""
    chosen, limits = program.penalties(), program.constraints()
    matrices = {f"{node.owner}.W" for node in program.graph.nodes if isinstance(node.layer, layers.Dense)}
    parameters = []
    for name, slot in program.graph.parameter_layout().items():
        shape = slot.parameter.shape
        rows, columns = shape if len(shape) == 2 else (1, shape[0])
        penalty, l1, l2 = chosen.get(name), 0.0, 0.0
        if penalty is not None:
            share = getattr(penalty, "l1_ratio", float(isinstance(penalty, penalties.L1)))
            l1, l2 = share * penalty.strength, (1.0 - share) * penalty.strength
        limit = getattr(limits.get(name), "limit", 0.0)
        per_row = penalty is not None and penalty.per_row
        decays = slot.parameter.decays
        parameters.append((slot.start, rows, columns, name in matrices, decays, l1, l2, per_row, float(limit)))
    return parameters


def optimizer_argument(o: Any, layout: Layout) -> tuple[Any, ...]:
    """Return the optimizer as the core takes it.

    That is (rule, momentum or beta_1, alpha or beta_2, epsilon, epsilon_hat, weight_decay, clip_norm, clip_value,
    factors on the rate).
    """
    each: list[float] = []
    if o.rate_factors:
        factors = o.factors(layout, numpy.ones(layout.size))
        each = [float(factors[slot.start]) for slot in layout.values()]
    first, second, epsilon, hat, decay = 0.0, 0.0, 1.0, False, 0.0
    if isinstance(o, optimizers.SGD):
        rule = "nesterov" if o.nesterov else "momentum" if o.momentum else "sgd"
        first = o.momentum
    elif isinstance(o, optimizers.RMSProp):
        rule, second, epsilon = "rmsprop", o.alpha, o.epsilon
    elif isinstance(o, optimizers.AdaGrad):
        rule, epsilon = "adagrad", o.epsilon
    else:
        rule, first, second, epsilon, hat = "adam", o.beta_1, o.beta_2, o.epsilon, o.epsilon_hat
        decay = getattr(o, "weight_decay", 0.0)
    return (rule, first, second, epsilon, hat, decay, o.clip_norm or 0.0, o.clip_value or 0.0, each)
