"""Jacobians, gradients at the inputs and Hessian-vector products against PyTorch's autograd, in float64."""

from __future__ import annotations

import numpy
import pytest
from torch_twin import K, forward, loss_of, torch

import clearprop as cp
from cases import EPS, LOSSES, assert_close
from clearprop.derivatives import STEP

RNG = numpy.random.default_rng(0)
X, Z, IMAGE = RNG.normal(size=(7, 3)), RNG.normal(size=(7, 2)), RNG.normal(size=(7, 2, 3, 2))
# g is rounded like the gradients of torch_twin, to some eps for each of 1e2 terms, and that is divided by the step;
# what the differences cut off is less than that for parameters of size 1
K_SECOND = 100.0 / STEP


def smooth(n_outputs, **options):
    layers = [
        cp.Dense(6), cp.BatchNorm(), cp.Tanh(), cp.Dense(5), cp.Softplus(), cp.LayerNorm(), cp.RBF(4), cp.Softmax(),
        cp.Dense(n_outputs),
    ]  # fmt: skip
    return cp.Network(layers, inputs=3, dtype="float64", **options)


def kinked(n_outputs, **options):
    layers = [cp.Dense(6), cp.ReLU(), cp.Maxout(5, 2), cp.LeakyReLU(), cp.Dense(n_outputs)]
    return cp.Network(layers, inputs=3, dtype="float64", **options)


def merged(n_outputs, **options):
    """Return a network with two inputs, a shared layer, a gate and a fan-out."""
    left, right, cell = cp.Input(3), cp.Input(2), cp.Dense(3)
    h = cp.Tanh()(cell(cp.GELU()(cell(left))))
    h = cp.Multiply()(h, cp.Sigmoid()(cp.Dense(3)(right)))
    return cp.Network(cp.Dense(n_outputs)(cp.Concatenate()(h, cell(left), right)), dtype="float64", **options)


def image(n_outputs, **options):
    layers = [cp.BatchNorm(), cp.SiLU(), cp.Flatten(), cp.LogSoftmax(), cp.Dense(n_outputs)]
    return cp.Network(layers, inputs=(2, 3, 2), dtype="float64", **options)


NETWORKS = {smooth: X, kinked: X, merged: (X, Z), image: IMAGE}


def special(net):
    """Return the network away from its start: no bias is 0, where kinks would meet, nor a running mean."""
    net.vector += numpy.random.default_rng(1).uniform(-0.2, 0.2, size=net.vector.shape)
    net.buffer_vector[...] = numpy.random.default_rng(1).uniform(0.5, 2.0, size=net.buffer_vector.shape)
    return net


def contexts(net, rows):
    return net.reference().forward(net.vector, net.buffer_vector, net.inputs(rows)).contexts


@pytest.mark.parametrize("build", NETWORKS)
def test_jacobian(build):
    net, rows = special(build(4)), NETWORKS[build]
    p = {name: torch.tensor(view) for name, view in net.parameters.items()}
    ctx, xs = contexts(net, rows), net.inputs(rows)

    def total(*inputs):  # rows do not mix: the derivative of a sum over the rows has a row for each
        return forward(net, ctx, p, list(inputs)).sum(dim=0)

    expected = torch.autograd.functional.jacobian(total, tuple(torch.tensor(x) for x in xs))
    got = net.jacobian(rows) if len(xs) > 1 else (net.jacobian(rows),)
    for ours, theirs, x in zip(got, expected, xs, strict=True):
        assert ours.shape == (7, 4, *x.shape[1:])
        assert_close(ours, theirs.movedim(1, 0).numpy(), K)


def loss_at(net, rows, y, weight=None):
    """Return the loss as a function of the flat vector and the inputs, told by PyTorch."""
    batch, ctx = net.batch(rows, y, weight), contexts(net, rows)

    def loss(vector, *inputs):
        p = net.layout.views(vector)
        return loss_of(net, batch, p, forward(net, ctx, p, list(inputs)))

    return loss, torch.tensor(net.vector), tuple(torch.tensor(x) for x in batch.inputs)


@pytest.mark.parametrize("weight", [None, numpy.arange(7.0)], ids=["plain", "weighted"])
@pytest.mark.parametrize("build", NETWORKS)
@pytest.mark.parametrize("case", LOSSES, ids=lambda case: case.id)
def test_input_gradient(case, build, weight):
    net, rows = special(build(case.n_outputs, loss=case.loss, penalty=cp.L2(0.1))), NETWORKS[build]
    loss, vector, xs = loss_at(net, rows, case.raw(), weight)
    expected = torch.autograd.functional.jacobian(lambda *inputs: loss(vector, *inputs), xs)
    got = net.input_gradient(rows, case.raw(), weight)
    for ours, theirs in zip(got if len(xs) > 1 else (got,), expected, strict=True):
        assert_close(ours, theirs.numpy(), K, scale=max(abs(theirs.numpy()).max(), 1e-3))


@pytest.mark.parametrize("weight", [None, numpy.arange(7.0)], ids=["plain", "weighted"])
@pytest.mark.parametrize("build", [smooth, merged, image])
@pytest.mark.parametrize("case", LOSSES, ids=lambda case: case.id)
def test_hessian_vector_product(case, build, weight):
    net, rows, y = special(build(case.n_outputs, loss=case.loss, penalty=cp.L2(0.1))), NETWORKS[build], case.raw()
    loss, vector, xs = loss_at(net, rows, y, weight)
    v = numpy.random.default_rng(2).normal(size=net.n_parameters)
    _, expected = torch.autograd.functional.hvp(lambda w: loss(w, *xs), vector, torch.tensor(v))
    _, gradient = net.gradient(rows, y, weight)
    scale = max(float(abs(expected).max()), max(abs(part).max() for part in gradient.values()) * numpy.linalg.norm(v))
    assert_close(net.hessian_vector_product(rows, y, v, weight), expected.numpy(), K_SECOND, scale)


@pytest.mark.parametrize("build", NETWORKS)
@pytest.mark.parametrize("case", LOSSES[::4], ids=lambda case: case.id)
def test_the_curvatures_of_a_report_are_the_eigenvalues_of_the_hessian(case, build):
    net, rows, y = special(build(case.n_outputs, loss=case.loss, penalty=cp.L2(0.1))), NETWORKS[build], case.raw()
    loss, vector, xs = loss_at(net, rows, y)
    hessian = torch.autograd.functional.hessian(lambda w: loss(w, *xs), vector).numpy()
    report = cp.check_optimality(net, rows, y)
    expected = numpy.linalg.eigvalsh(hessian)
    # an eigenvalue moves by no more than the norm of the error: that of n_parameters columns
    k = K_SECOND * numpy.sqrt(net.n_parameters)
    assert_close(report.curvatures, expected, k, scale=max(abs(expected).max(), report.gradient_norm))
    assert report.gradient_norm > 1e3 * EPS
    assert report.verdict == "not stationary"
