"""Where the lecture decks misprint an equation, our numbers follow the mathematics."""

import numpy
import pytest

import clearprop as cp
from cases import assert_close

X = numpy.array([[0.5, -1.0], [2.0, 0.3], [-0.7, 0.4]])


def test_the_hidden_representation_of_xor_has_one_row_other_than_deck_b_prints():
    """Deck B has (2, 0) in the third row of ReLU(X W + c); both corners with one 1 land on (1, 0)."""
    net = cp.Network([cp.Dense(2), cp.ReLU(), cp.Dense(1)], inputs=2, dtype="float64")
    for name, values in (("dense_1.W", [[1, 1], [1, 1]]), ("dense_1.b", [0, -1]), ("dense_2.W", [[1], [-2]])):
        net.parameters[name][...] = values
    trace = net.trace([[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0])
    assert trace["relu_1.h"].tolist() == [[0, 0], [1, 0], [1, 0], [2, 1]]
    assert trace["dense_2.a"].ravel().tolist() == [0, 1, 1, 0]


def test_the_gradient_at_softmax_weights_needs_the_transpose_that_deck_c_leaves_out():
    """Deck C's "softmax (1)" has (o - t) h in one place: vectors of different lengths; meant is (o - t) h^T."""
    net = cp.Network([cp.Dense(4), cp.Tanh(), cp.Dense(3)], inputs=2, loss=cp.CrossEntropy(), dtype="float64")
    trace = net.trace(X[:1], [2])
    h, o, t = trace["tanh_1.h"][0], net.predict(X[:1])[0], numpy.array([0.0, 0.0, 1.0])
    with pytest.raises(ValueError, match="shape"):
        (o - t) * h
    # 4 eps: two roundings of o - t and one of each product, of which the softmax may be computed in another order
    assert_close(trace["dense_2.W.gradient"], numpy.outer(h, o - t), k=4)


def test_each_layer_of_deck_bs_algorithm_reads_the_layer_before_it():
    """Deck B's Algorithm 1 writes h^(l), of one layer l, where it means h^(k), of the layer of the loop."""
    layers = [cp.Dense(4), cp.Tanh(), cp.Dense(3), cp.Sigmoid(), cp.Dense(1)]
    net = cp.Network(layers, inputs=2, seed=3, dtype="float64")
    y, p = numpy.array([[1.0], [0.0], [2.0]]), net.parameters
    functions = [numpy.tanh, lambda a: 1 / (1 + numpy.exp(-a)), lambda a: a]
    slopes = [lambda h: 1 - h * h, lambda h: h * (1 - h)]
    h = [X]
    for k in range(1, 4):
        h.append(functions[k - 1](h[k - 1] @ p[f"dense_{k}.W"] + p[f"dense_{k}.b"]))
    g = (h[3] - y) / len(X)
    gradient = net.gradient(X, y)[1]
    for k in range(3, 0, -1):
        # 16 eps: three products and two derivatives, each of a few roundings, most of which cancel
        assert_close(gradient[f"dense_{k}.W"], h[k - 1].T @ g, k=16)
        assert_close(gradient[f"dense_{k}.b"], g.sum(axis=0), k=16)
        if k > 1:
            g = (g @ p[f"dense_{k}.W"].T) * slopes[k - 2](h[k - 1])
