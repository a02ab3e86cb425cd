"""The losses against PyTorch's loss modules, with the reductions and targets that PyTorch's users write."""

from __future__ import annotations

import math

import numpy
import pytest
from torch_twin import torch

import clearprop as cp
from cases import assert_close

N, K = 7, 4
RNG = numpy.random.default_rng(0)
SCORES = RNG.normal(scale=2.0, size=(N, K))
REALS, COUNTS = RNG.normal(size=(N, K)), RNG.poisson(4.0, size=(N, K)).astype(float)
CLASSES, SOFT = RNG.integers(0, K, size=N), RNG.dirichlet(numpy.ones(K), size=N)
LABELS = RNG.integers(0, 2, size=(N, K)).astype(float)


def divergence(s, y):
    """Return PyTorch's divergence of distributions: it wants logarithms, and has another mean by default."""
    return torch.nn.KLDivLoss(reduction="batchmean")(s.log_softmax(1), y)


# name: (our loss, targets, PyTorch's module, factor by which PyTorch's mean is smaller, constant it leaves out)
CASES = {
    "half MSE": (cp.SquaredError(), REALS, torch.nn.MSELoss(), K / 2, 0.0),
    "L1": (cp.AbsoluteError(), REALS, torch.nn.L1Loss(), K, 0.0),
    "Huber": (cp.Huber(), REALS, torch.nn.HuberLoss(), K, 0.0),
    "Huber 0.3": (cp.Huber(0.3), REALS, torch.nn.HuberLoss(delta=0.3), K, 0.0),
    "smooth L1": (cp.Huber(), REALS, torch.nn.SmoothL1Loss(), K, 0.0),
    "median": (cp.Quantile(), REALS, torch.nn.L1Loss(), K / 2, 0.0),
    "Poisson": (
        cp.Poisson(),
        COUNTS,
        torch.nn.PoissonNLLLoss(),
        K,
        float((numpy.where(COUNTS > 0, COUNTS * numpy.log(numpy.maximum(COUNTS, 1)), 0) - COUNTS).sum()) / N,
    ),
    "BCE": (cp.BinaryCrossEntropy(), LABELS, torch.nn.BCEWithLogitsLoss(), K, 0.0),
    "soft BCE": (cp.BinaryCrossEntropy(), SOFT, torch.nn.BCEWithLogitsLoss(), K, 0.0),
    "CE": (cp.CrossEntropy(), CLASSES, torch.nn.CrossEntropyLoss(), 1, 0.0),
    "soft CE": (cp.CrossEntropy(), SOFT, torch.nn.CrossEntropyLoss(), 1, 0.0),
    "smooth CE": (cp.CrossEntropy(0.2), CLASSES, torch.nn.CrossEntropyLoss(label_smoothing=0.2), 1, 0.0),
    "smooth soft CE": (cp.CrossEntropy(0.2), SOFT, torch.nn.CrossEntropyLoss(label_smoothing=0.2), 1, 0.0),
    "KL": (cp.KLDivergence(), SOFT, divergence, 1, 0.0),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_mean_and_gradient(name):
    loss, y, module, factor, constant = CASES[name]
    scores = torch.tensor(SCORES, requires_grad=True)
    expected = module(scores, torch.tensor(y)) * factor
    expected.backward()
    y = loss.target(y, N, K, numpy.float64)
    # sums over 28 entries, with terms up to 100 times the mean: k = 128
    assert_close(loss.values(numpy, SCORES, y).mean(), expected.item() + constant, k=128)
    assert_close(loss.gradient(numpy, SCORES, y) / N, scores.grad.numpy(), k=128)


def test_class_weights_are_weights_of_rows():
    weight = numpy.array([0.5, 1.0, 2.0, 3.0])
    net = cp.Network([cp.Identity()], inputs=K, loss=cp.CrossEntropy(), dtype=numpy.float64)
    module = torch.nn.CrossEntropyLoss(weight=torch.tensor(weight))
    expected = module(torch.tensor(SCORES), torch.tensor(CLASSES)).item()
    assert_close(net.loss(SCORES, CLASSES, weight[CLASSES]), expected, k=64)  # a sum over 7 rows


def test_binary_cross_entropy_is_the_two_class_softmax():
    s, y = SCORES[:, :1], CLASSES % 2
    two = torch.tensor(numpy.hstack([numpy.zeros_like(s), s]))
    expected = torch.nn.CrossEntropyLoss()(two, torch.tensor(y)).item()
    loss = cp.BinaryCrossEntropy()
    assert_close(loss.values(numpy, s, loss.target(y, N, 1, float)).mean(), expected, k=64)  # a sum over 7 rows


def test_gaussian_likelihood_is_half_the_squared_error():
    expected = torch.nn.GaussianNLLLoss(full=True, reduction="sum")(
        torch.tensor(SCORES), torch.tensor(REALS), torch.ones(N, K, dtype=torch.float64)
    )
    constant = N * K * 0.5 * math.log(2 * math.pi)
    assert_close(cp.SquaredError().values(numpy, SCORES, REALS).sum() + constant, expected.item(), k=64)  # 28 terms
