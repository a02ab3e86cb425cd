"""Every quantity of a trace as PyTorch's autograd and its optimizers compute it, under the trace's names."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import numpy
from torch_twin import LAYERS, LOSSES, loss_of, node_outputs, torch

import clearprop as cp

__all__ = [
    "BOUND",
    "OPTIMIZERS",
    "assert_histogram",
    "assert_quantities",
    "flat_shares",
    "penalty_of",
    "quantities",
]

BOUND = 1e-10  # relative to the largest number of a quantity, or to 1

OPTIMIZERS = {
    cp.SGD: lambda o, w: torch.optim.SGD(w, lr=o.learning_rate),
    cp.Adam: lambda o, w: torch.optim.Adam(w, o.learning_rate, (o.beta_1, o.beta_2), o.epsilon),
}
LINKS = {
    cp.SquaredError: lambda s: s,
    cp.BinaryCrossEntropy: torch.sigmoid,
    cp.CrossEntropy: lambda s: torch.softmax(s, dim=1),
}
SLOTS = {"mean": "exp_avg", "square_mean": "exp_avg_sq"}
BETAS = {"mean": "beta_1", "square_mean": "beta_2"}
GRADIENT_NAMES = {"a": "delta", "h": "dh", "x": "dx"}


def quantities(net: cp.Network, X: Any, y: Any, optimizer: Any, trained: Any = None) -> dict[str, Any]:
    """Return what a pass in prediction mode and the optimizer's next step compute, as NumPy arrays by name.

    It is the first step, or with `trained`, PyTorch's optimizer, the one after what that has done.
    """
    batch = net.batch(X, y)
    contexts = net.reference().forward(net.vector, net.buffer_vector, batch.inputs).contexts
    p = {name: torch.tensor(view, requires_grad=True) for name, view in net.parameters.items()}
    inputs = [torch.tensor(x, requires_grad=True) for x in batch.inputs]
    outputs = node_outputs(net, contexts, p, inputs)
    for output in outputs:
        output.retain_grad()
    values = LOSSES[type(net.loss_function)](net.loss_function, outputs[-1], torch.tensor(batch.target))
    data = values.mean()
    data.backward(retain_graph=True)
    found = {"loss.values": values, "loss.prediction": LINKS[type(net.loss_function)](outputs[-1])}
    deltas = [None if output.grad is None else output.grad.clone() for output in outputs]  # slopes change them
    for node, output, delta in zip(net.graph.nodes, outputs, deltas, strict=True):
        elementwise = node.layer is not None and node.layer.is_activation
        symbol = "x" if node.layer is None else "h" if elementwise else "a"
        found[f"{node.name}.{symbol}"] = output
        if delta is not None:
            found[f"{node.name}.{GRADIENT_NAMES[symbol]}"] = delta
        if elementwise:
            source = outputs[node.inputs[0]]
            (slope,) = torch.autograd.grad(output.sum(), source, retain_graph=True)
            found[f"{node.name}.f'"] = slope
    gradients = {name: w.grad.clone() if w.grad is not None else torch.zeros_like(w) for name, w in p.items()}
    total = dict(gradients)
    for name, slot in net.layout.items():
        found[name], found[f"{name}.gradient"] = p[name].clone(), gradients[name]
        if slot.parameter.penalty is not None or (net.program.penalty is not None and slot.parameter.decays):
            penalty = loss_of(net, batch, p, outputs[-1]) - data
            (part,) = torch.autograd.grad(penalty, p[name], retain_graph=True)
            total[name] = gradients[name] + part
            found[f"{name}.penalty"], found[f"{name}.total"] = part, total[name]
    rule = OPTIMIZERS[type(optimizer)](optimizer, p.values())
    if trained is not None:
        rule.load_state_dict(copy.deepcopy(trained.state_dict()))
    for name, w in p.items():
        w.grad = total[name]
    rule.step()
    for name, w in p.items():
        found[f"{name}.update"] = w - found[name]
        for slot in optimizer.slots if type(optimizer) is cp.Adam else ():
            found[f"{name}.{slot}"] = rule.state[w][SLOTS[slot]]
            correction = 1 - getattr(optimizer, BETAS[slot]) ** rule.state[w]["step"].item()
            found[f"{name}.{slot}_corrected"] = found[f"{name}.{slot}"] / correction
    return {name: value.detach().numpy() for name, value in found.items()}


def assert_quantities(got: Mapping[str, Any], expected: Mapping[str, Any]) -> None:
    """Assert that quantities are PyTorch's."""
    for name, value in expected.items():
        shown = numpy.asarray(got[name])
        assert shown.shape == value.shape
        off = numpy.abs(shown - value)
        if name.endswith(".update"):
            # Adam divides by the size of the gradient: where that is 0 but for rounding, so is its sign
            off = numpy.where(numpy.abs(expected[f"{name.removesuffix('update')}gradient"]) < 1e-9, 0.0, off)
        worst = float(off.max(initial=0.0))
        assert worst <= BOUND * max(1.0, float(numpy.abs(value).max(initial=0.0))), f"{name} is off by {worst:.3g}"


def penalty_of(net: cp.Network, X: Any, y: Any) -> float:
    """Return the sum of all penalties where the loss is that of these rows, whatever the scores."""
    batch = net.batch(X, y)
    p = {name: torch.tensor(view) for name, view in net.parameters.items()}
    scores = torch.zeros((batch.n_rows, *net.graph.output.shape), dtype=torch.float64)
    values = LOSSES[type(net.loss_function)](net.loss_function, scores, torch.tensor(batch.target))
    return (loss_of(net, batch, p, scores) - values.mean()).item()


def flat_shares(net: cp.Network, found: Mapping[str, Any]) -> dict[str, Any]:
    """Return of every activation on which share of the rows each unit's slope is below 5 % of the steepest.

    That is the steepest at a from -10 to 10 and on the rows, of the unit itself where the activation learns.
    """
    names = net.graph.names()
    shares = {}
    for place, node in enumerate(net.graph.nodes):
        if f"{node.name}.f'" not in found:
            continue
        p = {local: torch.tensor(found[name]) for local, name in names[place].items()}
        a = torch.linspace(-10.0, 10.0, 4001, dtype=torch.float64).reshape(-1, *(1 for _ in node.shape))
        a = a.expand(-1, *node.shape).clone().requires_grad_()
        (probed,) = torch.autograd.grad(LAYERS[type(node.layer)](node.layer, cp.Context(numpy), p, a).sum(), a)
        slope, probed = (numpy.abs(x).reshape(len(x), -1) for x in (found[f"{node.name}.f'"], probed.numpy()))
        axis = 0 if p else None
        steepest = numpy.maximum(probed.max(axis=axis), slope.max(axis=axis))
        shares[node.name] = (slope < 0.05 * steepest).mean(axis=0)
    return shares


def assert_histogram(edges: Any, counts: Any, numbers: Any) -> None:
    """Assert that a histogram is that of PyTorch's numbers, where rounding may choose the side of an edge."""
    edges, slack = numpy.asarray(edges), BOUND * max(1.0, numpy.abs(numbers).max())
    assert sum(counts) == numbers.size
    if numpy.ptp(numbers) <= slack:  # one number, but for rounding
        assert edges[0] - slack <= numbers.min() <= edges[-1] + slack
        return
    assert numpy.abs(edges - numpy.linspace(numbers.min(), numbers.max(), len(edges))).max() <= slack
    for below, edge in zip(numpy.cumsum(counts), edges[1:], strict=True):
        assert (numbers < edge - slack).sum() <= below <= (numbers <= edge + slack).sum()
