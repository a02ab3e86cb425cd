from __future__ import annotations

import numpy

import clearprop as cp
from clearprop.training.initialization import initialize_from_data


def network(seed: int = 0) -> cp.Network:
    boxes = [cp.Dense(20, ntk=True, initializer=cp.Normal(1.0)), cp.SELU(), cp.Dense(10), cp.Tanh(), cp.Dense(2)]
    return cp.Network(boxes, inputs=5, seed=seed, dtype=numpy.float64)


def test_hidden_pre_activations_have_unit_variance_and_kinks_among_the_data():
    net, before = network(), network()
    X = numpy.random.default_rng(0).normal(3.0, 10.0, size=(400, 5))  # fewer rows than are looked at: all of them
    initialize_from_data(net, (X,), seed=1)
    outputs = net.reference().forward(net.vector, net.buffer_vector, (X,)).outputs
    for place, node in enumerate(net.graph.nodes[:-1]):
        if not isinstance(node.layer, cp.Dense):
            continue
        b = net.parameters[f"{node.name}.b"]
        z = outputs[place] - b
        numpy.testing.assert_allclose(z.std(axis=0), 1.0, rtol=1e-12)
        assert ((z.min(axis=0) < -b) & (-b < z.max(axis=0))).all()
        assert b.std() > 0.0
    numpy.testing.assert_array_equal(net.parameters["dense_3.W"], before.parameters["dense_3.W"])  # the output stays


def test_a_unit_that_reads_a_constant_stays_finite():
    net = network()
    initialize_from_data(net, (numpy.ones((30, 5)),), seed=0)
    assert numpy.isfinite(net.vector).all()


def test_same_seed_same_bits():
    X, vectors = numpy.random.default_rng(0).normal(size=(50, 5)), []
    for seed in (0, 0, 1):
        net = network()
        initialize_from_data(net, (X,), seed)
        vectors.append(net.vector)
    numpy.testing.assert_array_equal(vectors[0], vectors[1])
    assert (vectors[0] != vectors[2]).any()
