"""Recurrent networks and attention against PyTorch's own, outputs and gradients, in float64 to 1e-10."""

from __future__ import annotations

import numpy
import pytest
from torch_twin import F, K, torch

import clearprop as cp
from cases import assert_close

N_ROWS, STEPS, FEATURES, UNITS = 6, 5, 3, 4


def rows(seed, *shape):
    """Return random arrays."""
    return numpy.random.default_rng(seed).normal(size=(N_ROWS, *shape))


def twin(kind):
    """Return PyTorch's recurrent network of one layer, with random weights."""
    torch.manual_seed(0)
    module = {"rnn": torch.nn.RNN, "lstm": torch.nn.LSTM, "gru": torch.nn.GRU}[kind]
    return module(FEATURES, UNITS, batch_first=True, dtype=torch.float64)


def as_ours(kind, weights):
    """Return weights, or their gradients, of PyTorch's module by our names, as (ours, theirs) pairs."""
    own = [
        (f"{kind}_input.W", weights["weight_ih_l0"].T),
        (f"{kind}_state.W", weights["weight_hh_l0"].T),
        (f"{kind}_input.b", weights["bias_ih_l0"]),
    ]
    return [*own, (f"{kind}_state.b", weights["bias_hh_l0"])] if kind == "gru" else own


@pytest.mark.parametrize("return_sequence", [False, True], ids=["last", "sequence"])
@pytest.mark.parametrize("kind", ["rnn", "lstm", "gru"])
def test_recurrent_network_against_pytorch_s(kind, return_sequence):
    module = twin(kind)
    h = getattr(cp, kind)(cp.Input((STEPS, FEATURES)), UNITS, return_sequence=return_sequence)
    net = cp.Network(cp.Flatten()(h) if return_sequence else h, dtype=numpy.float64)
    weights = dict(module.named_parameters())
    for name, values in as_ours(kind, weights):
        net.parameters[name][...] = values.detach().numpy()
    if kind != "gru":  # one bias, the sum of PyTorch's two
        net.parameters[f"{kind}_input.b"][...] += weights["bias_hh_l0"].detach().numpy()

    X, y = rows(1, STEPS, FEATURES), rows(2, (STEPS if return_sequence else 1) * UNITS)
    x = torch.tensor(X, requires_grad=True)
    states, _ = module(x)
    scores = states.flatten(1) if return_sequence else states[:, -1]
    loss = F.mse_loss(scores, torch.tensor(y), reduction="sum") / (2 * N_ROWS)
    loss.backward()

    assert_close(net.scores(X), scores.detach().numpy(), K)
    value, gradient = net.gradient(X, y)
    assert_close([value], [loss.item()], K)
    expected = dict(as_ours(kind, {name: weight.grad for name, weight in weights.items()}))
    assert expected.keys() == gradient.keys()
    for name, values in expected.items():
        assert_close(gradient[name], values.numpy(), K)
    assert_close(net.trace(X, y)["input_1.dx"], x.grad.numpy(), K)


@pytest.mark.parametrize("units", [None, 6])
def test_attention_against_pytorch_s(units):
    nodes = [cp.Input((2, UNITS)), cp.Input((STEPS, UNITS)), cp.Input((STEPS, FEATURES))]
    net = cp.Network(cp.Flatten()(cp.attention(*nodes, units=units)), dtype=numpy.float64)
    X = tuple(rows(seed, *node.shape) for seed, node in enumerate(nodes))
    y = rows(9, 2 * (FEATURES if units is None else units))
    xs = [torch.tensor(x, requires_grad=True) for x in X]
    p = {name: torch.tensor(view, requires_grad=True) for name, view in net.parameters.items()}
    parts = (
        xs if units is None else [x @ p[f"attention_{k}.W"] for x, k in zip(xs, ("query", "key", "value"), strict=True)]
    )
    scores = F.scaled_dot_product_attention(*parts).flatten(1)
    (F.mse_loss(scores, torch.tensor(y), reduction="sum") / (2 * N_ROWS)).backward()

    assert_close(net.scores(X), scores.detach().numpy(), K)
    trace, (_, gradient) = net.trace(X, y), net.gradient(X, y)
    assert p.keys() == gradient.keys()
    for name, weight in p.items():
        assert_close(gradient[name], weight.grad.numpy(), K)
    for number, x in enumerate(xs, start=1):
        assert_close(trace[f"input_{number}.dx"], x.grad.numpy(), K)


def test_the_gradient_of_an_embedding_is_pytorch_s():
    codes, y = numpy.random.default_rng(0).integers(5, size=(N_ROWS, STEPS)), rows(1, STEPS * UNITS)
    net = cp.Network([cp.Embedding(5, UNITS), cp.Flatten()], inputs=STEPS, dtype=numpy.float64)
    table = torch.nn.Embedding.from_pretrained(torch.tensor(net.parameters["embedding_1.W"]), freeze=False)
    scores = table(torch.tensor(codes)).flatten(1)
    (F.mse_loss(scores, torch.tensor(y), reduction="sum") / (2 * N_ROWS)).backward()
    assert (net.scores(codes) == scores.detach().numpy()).all()
    assert_close(net.gradient(codes, y)[1]["embedding_1.W"], table.weight.grad.numpy(), K)
