"""Networks with rows, for the tests of displays."""

from __future__ import annotations

import numpy
import scipy.sparse

import clearprop as cp


def chain():
    rng = numpy.random.default_rng(0)
    layers = [cp.Dense(5), cp.ReLU(), cp.Dense(4), cp.Sigmoid(), cp.Dense(3)]
    net = cp.Network(layers, inputs=4, loss=cp.CrossEntropy(), dtype="float64")
    return net, rng.normal(size=(30, 4)), rng.integers(3, size=30)


def graph():
    rng = numpy.random.default_rng(1)
    left, right, cell = cp.Input(3), cp.Input(3), cp.Dense(3)
    h = cp.Add()(cell(cp.Tanh()(cell(left))), right)
    return cp.Network(cp.Dense(1)(h), dtype="float64"), tuple(rng.normal(size=(2, 20, 3))), rng.normal(size=20)


def images():
    rng = numpy.random.default_rng(2)
    layers = [cp.Conv2D(2, 3), cp.ReLU(), cp.MaxPool2D(2), cp.Flatten(), cp.Dense(2)]
    net = cp.Network(layers, inputs=(1, 6, 6), loss=cp.CrossEntropy())
    return net, rng.normal(size=(12, 1, 6, 6)), rng.integers(2, size=12)


def sparse():
    net, X, y = chain()
    return net, scipy.sparse.csr_array(numpy.maximum(X, 0.0)), y


NETWORKS = {"chain": chain, "graph": graph, "images": images, "sparse": sparse}
