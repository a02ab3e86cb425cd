"""Every box under every loss against PyTorch's autograd, in float64 to 1e-10."""

from __future__ import annotations

import numpy
import pytest
import torch_twin
from torch_twin import check_network, forward, torch

import clearprop as cp
from cases import LAYERS, LOSSES, N_ROWS, ROWS, assert_close, network
from clearprop.layers import Layer
from clearprop.losses import Loss


def test_every_layer_and_loss_has_a_twin():
    assert set(torch_twin.LAYERS) == {type(row) for row in ROWS if isinstance(row, Layer)}
    assert set(torch_twin.LOSSES) == {type(row) for row in ROWS if isinstance(row, Loss)}


@pytest.mark.parametrize("loss_case", LOSSES, ids=lambda case: case.id)
@pytest.mark.parametrize("case", [c for c in LAYERS if c.gradient], ids=lambda case: case.id)
def test_box_and_loss_against_autograd(case, loss_case):
    net, y = network(case, loss_case), loss_case.raw(n=N_ROWS)
    check_network(net, case.inputs(), y)
    check_network(net, case.inputs(), y, weight=numpy.array([1.0, 0.0, 2.0, 0.5, 3.0]), training=True)


@pytest.mark.parametrize("case", [c for c in LAYERS if c.kinks], ids=lambda case: case.id)
def test_kinks_against_autograd(case):
    """PyTorch takes the same subgradients where the derivative jumps."""
    net, loss_case = network(case, LOSSES[1]), LOSSES[1]
    for kink in case.kinks:
        xs = tuple(numpy.full((N_ROWS, *shape), kink) for shape in case.shapes)
        check_network(net, xs, loss_case.raw(n=N_ROWS))


def test_step_is_the_heaviside_function_with_1_at_0():
    net = cp.Network([cp.Step()], inputs=3, dtype=numpy.float64)
    x = numpy.array([[-1.0, 0.0, -0.0], [1e-300, -1e-300, 5.0]])
    passed = net.reference().forward(net.vector, net.buffer_vector, (x,))
    assert (passed.outputs[-1] == forward(net, passed.contexts, {}, [torch.tensor(x)]).numpy()).all()


def test_running_statistics_are_pytorch_s_with_the_biased_variance():
    x, layer, n = numpy.random.default_rng(0).normal(2.0, 3.0, size=(8, 3)), cp.BatchNorm(momentum=0.3), 8
    net = cp.Network([layer], inputs=3, dtype=numpy.float64)
    buffers = net.buffer_vector
    net.reference().forward(net.vector, buffers, (x,), training=True)
    mean, variance = torch.zeros(3, dtype=torch.float64), torch.ones(3, dtype=torch.float64)
    torch_twin.F.batch_norm(torch.tensor(x), mean, variance, training=True, momentum=0.3)
    expected = 0.7 + (variance.numpy() - 0.7) * (n - 1) / n  # PyTorch multiplies the batch's by n / (n - 1)
    assert_close(net.buffers["batch_norm_1.running_mean"], mean.numpy(), k=16)
    assert_close(net.buffers["batch_norm_1.running_variance"], expected, k=16)
