"""Random networks, chains and graphs, against PyTorch's autograd, in float64 to 1e-10."""

from __future__ import annotations

import dataclasses

import numpy
import pytest
from torch_twin import check_network

import clearprop as cp
from cases import LOSSES

N_CHAINS, N_GRAPHS = 40, 60
N_ROWS = 9
ACTIVATIONS = (
    cp.Identity(),
    cp.Sigmoid(),
    cp.Tanh(),
    cp.HardTanh(),
    cp.ReLU(),
    cp.LeakyReLU(0.1),
    cp.RReLU(),
    cp.PReLU(),
    cp.Abs(),
    cp.ELU(0.7),
    cp.SELU(),
    cp.Softplus(),
    cp.GELU(),
    cp.SiLU(),
    cp.Mish(),
    cp.Softmax(),
    cp.LogSoftmax(),
    cp.Scale(),
    cp.Dropout(0.3),
    cp.GaussianNoise(0.2),
    cp.BatchNorm(),
    cp.LayerNorm(),
)
PENALTIES = (None, cp.L2(0.1), cp.L1(0.05), cp.ElasticNet(0.1, 0.3), cp.L2(0.5, per_row=True))


def pick(rng, options):
    """Return one of the options."""
    return options[rng.integers(len(options))]


def random_affine(rng, units):
    """Return a layer from vectors to so many units, at times with a penalty of its own."""
    own = pick(rng, PENALTIES) if rng.random() < 0.3 else None
    dense = cp.Dense(units, bias=bool(rng.random() < 0.8), bias_initializer=cp.Normal(0.3), penalty=own)
    # biases that differ: a row that dropout emptied would tie the pieces, and any piece may win a tie
    maxout = cp.Maxout(units, 3, bias_initializer=cp.Normal(0.3))
    return pick(rng, (dense, dense, dense, maxout, cp.RBF(units, width_initializer=cp.Constant(3.0))))


def random_activation(rng):
    """Return a new layer: the same object twice would share its parameters."""
    return dataclasses.replace(pick(rng, ACTIVATIONS))


def random_chain(rng, n_in, n_out):
    """Return the output node and the inputs of a chain of 2 to 6 blocks."""
    x = node = cp.Input(n_in)
    for _ in range(rng.integers(2, 7)):
        node = random_activation(rng)(random_affine(rng, int(rng.integers(2, 8)))(node))
    return cp.Dense(n_out)(node), [x]


def random_graph(rng, n_in, n_out):
    """Return the output node and the inputs of a graph with merges, fan-out and shared layers."""
    width = int(rng.integers(2, 6))
    inputs = [cp.Input(n_in), cp.Input(n_in)][: rng.integers(1, 3)]
    shared, cell = cp.Dense(width), cp.Dense(width)  # one for the inputs, one for vectors of that width
    nodes = [shared(x) for x in inputs]
    for _ in range(rng.integers(3, 9)):
        first, second = pick(rng, nodes), pick(rng, nodes)
        kind = rng.integers(6)
        if kind == 0:
            node = cp.Add()(first, second)
        elif kind == 1:
            node = cp.Multiply()(first, cp.Tanh()(second))
        elif kind == 2:
            node = random_affine(rng, width)(cp.Concatenate()(first, second, pick(rng, inputs)))
        elif kind == 3:
            node = cp.Tanh()(cell(first))
        elif kind == 4:
            node = cp.Flatten()(cp.BatchNorm()(cp.Reshape((width, 1, 1))(first)))
        else:
            node = random_activation(rng)(first)
        nodes.append(node)
    merged = cp.LayerNorm()(cp.Concatenate()(*nodes))
    return cp.Dense(n_out)(merged), inputs


@pytest.mark.parametrize(
    ("build", "seed"),
    [(random_chain, seed) for seed in range(N_CHAINS)] + [(random_graph, seed) for seed in range(N_GRAPHS)],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_random_network_against_autograd(build, seed):
    rng = numpy.random.default_rng([seed, build is random_graph])
    loss_case = LOSSES[seed % len(LOSSES)]  # every loss in turn
    n_in = int(rng.integers(1, 6))
    output, inputs = build(rng, n_in, loss_case.n_outputs)
    penalty = pick(rng, PENALTIES)
    net = cp.Network(output, inputs, loss=loss_case.loss, penalty=penalty, seed=seed, dtype=numpy.float64)
    net.buffer_vector[...] = rng.uniform(0.5, 1.5, size=net.buffer_vector.shape)
    xs = tuple(rng.normal(size=(N_ROWS, n_in)) for _ in net.graph.inputs)
    y = loss_case.raw(seed=seed, n=N_ROWS)
    weight = rng.uniform(size=N_ROWS) if rng.random() < 0.5 else None
    for training in (False, True):
        check_network(net, xs, y, weight, training)


def test_the_random_networks_cover_merges_norms_penalties_and_sharing():
    """The generator above is of no use if it leaves these out."""
    kinds: dict[type, int] = {}
    shared = 0
    for seed in range(N_GRAPHS):
        rng = numpy.random.default_rng([seed, True])
        n_in = int(rng.integers(1, 6))
        output, inputs = random_graph(rng, n_in, LOSSES[seed % len(LOSSES)].n_outputs)
        graph = cp.Graph.from_output(output, inputs)
        for node in graph.nodes:
            kinds[type(node.layer)] = kinds.get(type(node.layer), 0) + 1
        shared += any(node.owner != node.name for node in graph.nodes)
    assert min(kinds[kind] for kind in (cp.Add, cp.Multiply, cp.Concatenate, cp.BatchNorm, cp.LayerNorm)) >= 20
    assert shared >= 20


def test_a_recurrent_network_unrolled_over_time():
    """h_t = tanh(W x_t + U h_(t-1)): W and U are shared by all steps, so their gradients are sums over time."""
    w, u = cp.Dense(4), cp.Dense(4, bias=False)
    inputs = [cp.Input(3) for _ in range(6)]
    h = cp.Tanh()(w(inputs[0]))
    for x in inputs[1:]:
        h = cp.Tanh()(cp.Add()(w(x), u(h)))
    net = cp.Network(cp.Dense(2)(h), inputs, loss=cp.CrossEntropy(), dtype=numpy.float64)
    assert list(net.parameters) == ["dense_1.W", "dense_1.b", "dense_3.W", "dense_12.W", "dense_12.b"]
    rng = numpy.random.default_rng(0)
    check_network(net, tuple(rng.normal(size=(5, 3)) for _ in inputs), rng.integers(0, 2, size=5))
