"""Ten steps of every optimizer, and both ways of clipping, against torch.optim in float64."""

from __future__ import annotations

import numpy
import pytest
from torch_twin import torch

import clearprop as cp
from cases import OPTIMIZERS, assert_close

N_STEPS = 10
TWINS = {  # ours -> the same in torch.optim; `groups` has the weights first and the biases second
    cp.SGD(0.1): lambda groups: torch.optim.SGD(groups, lr=0.1),
    cp.SGD(0.1, momentum=0.9): lambda groups: torch.optim.SGD(groups, lr=0.1, momentum=0.9),
    cp.SGD(0.05, momentum=0.9, nesterov=True): lambda groups: torch.optim.SGD(
        groups, lr=0.05, momentum=0.9, nesterov=True
    ),
    cp.AdaGrad(0.1): lambda groups: torch.optim.Adagrad(groups, lr=0.1),
    cp.RMSProp(0.01, alpha=0.9): lambda groups: torch.optim.RMSprop(groups, lr=0.01, alpha=0.9),
    cp.Adam(0.05): lambda groups: torch.optim.Adam(groups, lr=0.05),
    cp.AdamW(0.05, weight_decay=0.1): lambda groups: torch.optim.AdamW(
        [{"params": groups[0]["params"], "weight_decay": 0.1}, {"params": groups[1]["params"], "weight_decay": 0.0}],
        lr=0.05,
    ),
    # default arguments are the same, but for SGD's rate (PyTorch: 1e-3)
    cp.AdaGrad(): torch.optim.Adagrad,
    cp.RMSProp(): torch.optim.RMSprop,
    cp.Adam(): torch.optim.Adam,
    cp.AdamW(): lambda groups: torch.optim.AdamW([groups[0], {**groups[1], "weight_decay": 0.0}]),
}
NO_TWIN = {  # torch.optim has no epsilon_hat; the ONNX node tests and tests/optimizers have it
    cp.Adam(0.05, beta_1=0.8, beta_2=0.95, epsilon=1e-2, epsilon_hat=True),
}


def test_every_row_of_the_case_table_has_a_twin():
    assert set(OPTIMIZERS) == set(TWINS) & set(OPTIMIZERS) | NO_TWIN


def setting():
    """Return a network and data."""
    net = cp.Network(
        [cp.Dense(5), cp.Tanh(), cp.Dense(3)], inputs=4, loss=cp.CrossEntropy(), dtype=numpy.float64, seed=3
    )
    rng = numpy.random.default_rng(0)
    return net, rng.normal(size=(12, 4)), rng.integers(0, 3, size=12)


def gradient(net, x, y):
    """Return the flat gradient."""
    return numpy.concatenate([g.ravel() for g in net.gradient(x, y)[1].values()])


def twin_parameters(net):
    """Return torch parameters by name and the two groups."""
    p = {name: torch.nn.Parameter(torch.tensor(view)) for name, view in net.parameters.items()}
    decays = {slot.name: slot.parameter.decays for slot in net.layout.values()}
    return p, [{"params": [p[name] for name in p if decays[name] == kind]} for kind in (True, False)]


def give(net, p, flat):
    """Set the gradients of the torch parameters to a copy of ours."""
    for name, view in net.layout.views(flat).items():
        p[name].grad = torch.tensor(view.copy())


def flat_of(p):
    """Return the torch parameters as one vector."""
    return numpy.concatenate([value.detach().numpy().ravel() for value in p.values()])


@pytest.mark.parametrize("optimizer", TWINS, ids=repr)
def test_ten_steps(optimizer):
    net, x, y = setting()
    twin = net.copy()
    p, groups = twin_parameters(twin)
    torch_optimizer = TWINS[optimizer](groups)
    slots, decays = optimizer.new_slots(numpy, net.vector), net.layout.decay_mask(numpy.float64)
    assert 0 < decays.sum() < decays.size
    rate = optimizer.rate(N_STEPS)
    for step in range(N_STEPS):
        optimizer.update(numpy, net.vector, gradient(net, x, y), slots, step + 1, rate(step), decays)
        give(twin, p, gradient(twin, x, y))
        torch_optimizer.step()
        twin.vector[...] = flat_of(p)
        # 1e-12 / eps: the paths are their own, and adaptive steps divide by |g|, so roundings grow from step to step
        assert_close(net.vector, twin.vector, k=4500)


def clipped(clip, limit):
    """Return a gradient, what a clipping function of torch makes of it, and what that function returns."""
    net, x, y = setting()
    g = gradient(net, x, y)
    p, _ = twin_parameters(net)
    give(net, p, g)
    returned = clip(list(p.values()), limit)
    return g, numpy.concatenate([value.grad.numpy().ravel() for value in p.values()]), returned


@pytest.mark.parametrize("limit", [1e-3, 0.1, 1e3])
def test_clip_norm(limit):
    g, expected, norm = clipped(torch.nn.utils.clip_grad_norm_, limit)
    if norm > limit:
        expected = expected * (norm.item() + 1e-6) / norm.item()  # PyTorch divides by norm + 1e-6
    assert_close(cp.SGD(clip_norm=limit).clip(numpy, g), expected, k=64)  # the norms are sums over 43 entries


@pytest.mark.parametrize("limit", [1e-3, 0.1, 1e3])
def test_clip_value(limit):
    g, expected, _ = clipped(torch.nn.utils.clip_grad_value_, limit)
    assert (cp.SGD(clip_value=limit).clip(numpy, g) == expected).all()
