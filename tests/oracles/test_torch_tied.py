"""Tied weights against PyTorch's autograd, with the tie written out in PyTorch."""

from __future__ import annotations

import numpy
import pytest
from torch_twin import F, K, check_network, torch

import clearprop as cp
from cases import assert_close


@pytest.mark.parametrize("training", [False, True], ids=["prediction", "training"])
@pytest.mark.parametrize("penalty", [None, cp.L2(0.1), cp.L1(0.05)], ids=repr)
def test_a_deep_denoising_autoencoder_against_autograd(penalty, training):
    boxes = [
        cp.GaussianNoise(0.3), cp.Dense(4), cp.Tanh(), cp.Dense(2), cp.Sigmoid(),
        cp.TransposedDense(4, of="dense_2"), cp.Tanh(), cp.TransposedDense(5, of="dense_1"),
    ]  # fmt: skip
    net = cp.Network(boxes, inputs=5, penalty=penalty, dtype=numpy.float64)
    rng = numpy.random.default_rng(0)
    net.vector += rng.uniform(-0.2, 0.2, size=net.vector.shape)
    x = rng.normal(size=(9, 5))
    check_network(net, (x,), x, weight=rng.uniform(size=9), training=training)


def test_one_matrix_used_in_both_directions():
    net = cp.Network([cp.Dense(3), cp.Tanh(), cp.TransposedDense(4, of="dense_1")], inputs=4, dtype=numpy.float64)
    x = numpy.random.default_rng(0).normal(size=(7, 4))
    w, b, c = (torch.tensor(view, requires_grad=True) for view in net.parameters.values())
    rows = torch.tensor(x)
    z = F.linear(torch.tanh(F.linear(rows, w.T, b)), w, c)
    loss = F.mse_loss(z, rows, reduction="none").sum(dim=1).mean() / 2
    loss.backward()
    value, gradient = net.gradient(x, x)
    assert_close([value], [loss.item()], K)
    for name, expected in zip(("dense_1.W", "dense_1.b", "transposed_dense_1.b"), (w, b, c), strict=True):
        assert_close(gradient[name], expected.grad.numpy(), K)
