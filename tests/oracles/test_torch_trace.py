"""Every number of the traces of random graphs, against PyTorch's autograd and optimizers, to 1e-10 in float64."""

from __future__ import annotations

import numpy
import pytest
from test_torch_networks import random_chain, random_graph
from torch_trace import assert_quantities, quantities

import clearprop as cp

N_ROWS = 4


@pytest.mark.parametrize("optimizer", [cp.SGD(0.1), cp.Adam(0.01)], ids=repr)
@pytest.mark.parametrize("build", [random_chain, random_graph])
@pytest.mark.parametrize("seed", range(10))
def test_every_quantity_is_that_of_autograd(build, seed, optimizer):
    rng = numpy.random.default_rng([seed, 77])
    output, inputs = build(rng, 3, 3)
    net = cp.Network(output, inputs, loss=cp.CrossEntropy(), penalty=cp.L2(0.1), seed=seed, dtype=numpy.float64)
    net.buffer_vector[...] = rng.uniform(0.5, 1.5, size=net.buffer_vector.shape)
    xs = [rng.normal(size=(N_ROWS, 3)) for _ in net.graph.inputs]
    X, y = xs[0] if len(xs) == 1 else xs, rng.integers(3, size=N_ROWS)
    trace, expected = net.trace(X, y, optimizer=optimizer), quantities(net, X, y, optimizer)
    assert set(expected) == set(trace)
    assert_quantities(trace, expected)
