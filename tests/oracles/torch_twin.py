"""PyTorch's own telling of every box and every loss: what autograd then differentiates."""

from __future__ import annotations

import warnings
from typing import Any

import numpy

import clearprop as cp
from cases import SELU_ALPHA, SELU_SCALE, assert_close

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # what other packages warn of while they are imported is no concern of ours
    import torch
    from torch.nn import functional as F

torch.set_num_threads(1)  # arrays of some tens of numbers: more threads only wait for one another

__all__ = ["F", "LAYERS", "LOSSES", "check_network", "forward", "loss_of", "node_outputs", "torch"]

# 1e-10 relative to the largest entry, in eps: a chain of ten boxes, each of condition 1e3 or better, sums of 1e2 terms
K = 1e-10 / numpy.finfo(numpy.float64).eps


def _rowwise(p: Any) -> Any:
    return p.reshape(1, *p.shape)


def _prelu(layer, ctx, p, x):
    return F.prelu(x, p["slope"].reshape(-1))


def _rrelu(layer, ctx, p, x):
    if not ctx.training:
        return F.rrelu(x, layer.lower, layer.upper, training=False)
    slope = layer.lower + (layer.upper - layer.lower) * torch.tensor(ctx.noise("uniform", tuple(x.shape)))
    return torch.where(x > 0, x, slope * x)


def _dropout(layer, ctx, p, x):
    if not ctx.training or layer.rate == 0.0:
        return F.dropout(x, layer.rate, training=False)
    return x * torch.tensor(ctx.noise("integers", tuple(x.shape)) / 2**16 >= layer.share) / (1 - layer.share)


def _noise(layer, ctx, p, x):
    return x + layer.deviation * torch.tensor(ctx.noise("normal", tuple(x.shape))) if ctx.training else x


def _batch_norm(layer, ctx, p, x):
    running = [torch.tensor(ctx.buffers[name]).reshape(-1) for name in ("running_mean", "running_variance")]
    gain, bias = p["gain"].reshape(-1), p["bias"].reshape(-1)
    return F.batch_norm(x, *running, gain, bias, ctx.training, layer.momentum, layer.epsilon)


def _layer_norm(layer, ctx, p, x):
    return F.layer_norm(x, x.shape[1:], p["gain"], p["bias"], layer.epsilon)


def _dense(layer, ctx, p, x):
    return F.linear(x * layer.factor(x.shape[1]), p["W"].T, p.get("b"))


def _maxout(layer, ctx, p, x):
    return F.linear(x, p["W"].T, p["b"]).unflatten(1, (layer.units, layer.pieces)).amax(dim=2)


def _rbf(layer, ctx, p, x):
    distance = torch.linalg.vector_norm(x[:, :, None] - _rowwise(p["W"]), dim=1)
    return torch.exp(-((distance / p["sigma"]) ** 2))


def _periodic_embedding(layer, ctx, p, x):
    z = torch.cos(2 * torch.pi * p["w"] * x[:, None, :] + p["b"])
    e = torch.einsum("nkj,okj->noj", z, p["W"].unflatten(0, (layer.width, layer.frequencies))) + p["c"]
    return torch.cat([x, e.flatten(1)], dim=1)


def _multiply(layer, ctx, p, *xs):
    return torch.stack(xs).prod(dim=0)


def _behind_rows(axis):
    return tuple(item + 1 for item in (axis if isinstance(axis, tuple) else (axis,)))


def _transpose(layer, ctx, p, x):
    axes = layer.axes or tuple(reversed(range(x.ndim - 1)))
    return x.permute(0, *_behind_rows(axes))


def _parametric(layer, ctx, p, x):
    return torch.lerp(x, LAYERS[type(layer.activation)](layer.activation, ctx, {}, x), p["alpha"])


def _step(layer, ctx, p, x):
    return torch.heaviside(x, torch.ones((), dtype=x.dtype))


LAYERS = {
    cp.Dense: _dense,
    cp.TransposedDense: lambda layer, ctx, p, x: F.linear(x, p["W"], p.get("b")),
    cp.Maxout: _maxout,
    cp.RBF: _rbf,
    cp.Conv2D: lambda layer, ctx, p, x: F.conv2d(x, p["W"], p.get("b"), layer.stride, layer.padding),
    cp.MaxPool2D: lambda layer, ctx, p, x: F.max_pool2d(x, layer.size, layer.stride),
    cp.AveragePool2D: lambda layer, ctx, p, x: F.avg_pool2d(x, layer.size, layer.stride),
    cp.Scale: lambda layer, ctx, p, x: x * p["s"],
    cp.Identity: lambda layer, ctx, p, x: torch.nn.Identity()(x),
    cp.Step: _step,
    cp.Sigmoid: lambda layer, ctx, p, x: torch.sigmoid(x),
    cp.Tanh: lambda layer, ctx, p, x: torch.tanh(x),
    cp.HardTanh: lambda layer, ctx, p, x: F.hardtanh(x),
    cp.ReLU: lambda layer, ctx, p, x: F.relu(x),
    cp.LeakyReLU: lambda layer, ctx, p, x: F.leaky_relu(x, layer.slope),
    cp.RReLU: _rrelu,
    cp.PReLU: _prelu,
    cp.Abs: lambda layer, ctx, p, x: torch.abs(x),
    cp.ELU: lambda layer, ctx, p, x: F.elu(x, layer.alpha),
    cp.SELU: lambda layer, ctx, p, x: F.selu(x),
    cp.Softplus: lambda layer, ctx, p, x: F.softplus(x, threshold=1e3),  # by default it is linear above 20
    cp.GELU: lambda layer, ctx, p, x: F.gelu(x),
    cp.SiLU: lambda layer, ctx, p, x: F.silu(x),
    cp.Mish: lambda layer, ctx, p, x: F.mish(x),
    cp.Parametric: _parametric,
    cp.Softmax: lambda layer, ctx, p, x: F.softmax(x, dim=-1),
    cp.LogSoftmax: lambda layer, ctx, p, x: F.log_softmax(x, dim=-1),
    cp.Add: lambda layer, ctx, p, *xs: torch.stack(xs).sum(dim=0),
    cp.Multiply: _multiply,
    cp.Concatenate: lambda layer, ctx, p, *xs: torch.cat(xs, dim=1),
    cp.MatMul: lambda layer, ctx, p, a, b: torch.matmul(a, b),
    cp.Sum: lambda layer, ctx, p, x: x.sum(dim=_behind_rows(layer.axis)),
    cp.Mean: lambda layer, ctx, p, x: x.mean(dim=_behind_rows(layer.axis)),
    cp.Rescale: lambda layer, ctx, p, x: layer.factor * x + layer.offset,
    cp.Embedding: lambda layer, ctx, p, x: F.embedding(x.long(), p["W"]),
    cp.PeriodicEmbedding: _periodic_embedding,
    cp.Slice: lambda layer, ctx, p, x: x.narrow(layer.axis + 1, layer.start, layer.stop - layer.start),
    cp.Transpose: _transpose,
    cp.Flatten: lambda layer, ctx, p, x: torch.flatten(x, 1),
    cp.Reshape: lambda layer, ctx, p, x: x.unflatten(0, (-1, 1)).reshape(-1, *layer.shape),
    cp.Dropout: _dropout,
    cp.GaussianNoise: _noise,
    cp.BatchNorm: _batch_norm,
    cp.LayerNorm: _layer_norm,
}


def _cross_entropy(loss, s, y):
    return F.cross_entropy(s, y, reduction="none", label_smoothing=loss.label_smoothing)


def _hinge(loss, s, y):
    if s.shape[1] == 1:
        return torch.clamp(1 - (2 * y - 1) * s[:, 0], min=0)
    own = s.gather(1, y[:, None])[:, 0]
    rival = s.masked_fill(F.one_hot(y, s.shape[1]).bool(), -torch.inf).amax(dim=1)
    return torch.clamp(1 + rival - own, min=0)


def _poisson(loss, s, y):
    constant = torch.special.xlogy(y, y) - y  # PyTorch leaves it out
    return (F.poisson_nll_loss(s, y, log_input=True, reduction="none") + constant).sum(dim=1)


def _quantile(loss, s, y):
    r = y - s
    q = torch.tensor(loss.quantile, dtype=s.dtype)
    return torch.maximum(q * r, (q - 1) * r).sum(dim=1)


def _sparse_reconstruction(loss, s, y):
    z, h = s.tensor_split([s.shape[1] - loss.units], dim=1)
    return LOSSES[type(loss.loss)](loss.loss, z, y) + loss.strength * torch.linalg.vector_norm(h, 1, dim=1)


LOSSES = {
    cp.SquaredError: lambda loss, s, y: F.mse_loss(s, y, reduction="none").sum(dim=1) / 2,
    cp.AbsoluteError: lambda loss, s, y: F.l1_loss(s, y, reduction="none").sum(dim=1),
    cp.Huber: lambda loss, s, y: F.huber_loss(s, y, reduction="none", delta=loss.delta).sum(dim=1),
    cp.Quantile: _quantile,
    cp.Poisson: _poisson,
    cp.BinaryCrossEntropy: lambda loss, s, y: F.binary_cross_entropy_with_logits(s, y, reduction="none").sum(dim=1),
    cp.CrossEntropy: _cross_entropy,
    cp.KLDivergence: lambda loss, s, y: F.kl_div(F.log_softmax(s, dim=1), y, reduction="none").sum(dim=1),
    cp.Hinge: _hinge,
    cp.SparseReconstruction: _sparse_reconstruction,
}


def _penalty(penalty: Any, w: Any, total: float) -> Any:
    l1, l2 = torch.linalg.vector_norm(w, 1), torch.linalg.vector_norm(w, 2) ** 2 / 2
    ratio = {cp.L1: 1.0, cp.L2: 0.0}.get(type(penalty), getattr(penalty, "l1_ratio", None))
    return penalty.strength * (ratio * l1 + (1 - ratio) * l2) / (total if penalty.per_row else 1.0)


def forward(net: cp.Network, contexts: Any, p: dict[str, Any], xs: list[Any]) -> Any:
    """Return the scores as PyTorch computes them, box by box."""
    return node_outputs(net, contexts, p, xs)[-1]


def node_outputs(net: cp.Network, contexts: Any, p: dict[str, Any], xs: list[Any]) -> list[Any]:
    """Return the output of every node as PyTorch computes it."""
    outputs: list[Any] = [None] * len(net.graph.nodes)
    for place, x in zip(net.graph.inputs, xs, strict=True):
        outputs[place] = x
    names = net.graph.names()
    for index, node in enumerate(net.graph.nodes):
        if node.layer is not None:
            own = {local: p[name] for local, name in names[index].items()}
            inputs = [outputs[i] for i in node.inputs]
            # where PyTorch hands on the same tensor, it would have one gradient for both nodes
            outputs[index] = LAYERS[type(node.layer)](node.layer, contexts[index], own, *inputs).clone()
    return outputs


def loss_of(net: cp.Network, batch: Any, p: dict[str, Any], scores: Any) -> Any:
    """Return the loss of the scores, penalties included, as PyTorch computes it."""
    values = LOSSES[type(net.loss_function)](net.loss_function, scores, torch.tensor(batch.target))
    w = torch.ones_like(values) if batch.weight is None else torch.tensor(batch.weight)
    loss = (w * values).sum() / w.sum()
    for name, slot in net.layout.items():
        chosen = slot.parameter.penalty or (net.program.penalty if slot.parameter.decays else None)
        if chosen is not None:
            loss = loss + _penalty(chosen, p[name], float(w.sum()))
    return loss


def check_network(net: cp.Network, xs: tuple[Any, ...], y: Any, weight: Any = None, training: bool = False) -> None:
    """Assert that scores, loss and all gradients, also at the inputs, are PyTorch's."""
    X = xs if len(xs) > 1 else xs[0]
    batch, buffers = net.batch(X, y, weight), net.buffer_vector.copy()
    passed, back = net.reference().passes(net.vector, buffers, batch, training=training, seed=net.seed, wants_dx=True)[
        -2:
    ]
    for node, ctx in zip(net.graph.nodes, passed.contexts, strict=True):
        if ctx is not None:  # the running statistics as they were before this pass moved its copy of them
            views = {name.rpartition("."): view for name, view in net.buffers.items()}
            ctx.buffers = {local: view for (owner, _, local), view in views.items() if owner == node.owner}
    p = {name: torch.tensor(view, requires_grad=True) for name, view in net.parameters.items()}
    inputs = [torch.tensor(x, requires_grad=True) for x in batch.inputs]
    scores = forward(net, passed.contexts, p, inputs)
    loss = loss_of(net, batch, p, scores)
    loss.backward()

    assert_close(passed.outputs[-1], scores.detach().numpy(), K)
    assert_close([net.loss(X, y, weight, training=training)], [loss.item()], K)
    value, gradient = net.gradient(X, y, weight, training=training)
    assert_close([value], [loss.item()], K)
    flat = numpy.concatenate([p[name].grad.numpy().ravel() for name in p]) if p else numpy.zeros(0)
    scale = max(abs(flat).max(initial=0.0), 1e-3)  # of the whole gradient: a gradient that is 0 is 0 up to rounding
    assert_close(numpy.concatenate([g.ravel() for g in gradient.values()]) if p else numpy.zeros(0), flat, K, scale)
    for place, x in zip(net.graph.inputs, inputs, strict=True):
        assert (back.deltas[place] is None) == (x.grad is None)  # codes have no gradient
        if x.grad is not None:
            assert_close(back.deltas[place], x.grad.numpy(), K, scale=max(abs(x.grad.numpy()).max(), 1e-3))


assert F.selu(torch.tensor(1.0, dtype=torch.float64)).item() == SELU_SCALE  # the constants of the case table
assert SELU_ALPHA == 1.6732632423543772
