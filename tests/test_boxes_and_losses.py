"""Every box under every loss: finite differences in float64, and float32 beside float64."""

import numpy
import pytest

import clearprop as cp
from cases import LAYERS, LOSSES, N_ROWS, network

BOXES = [case for case in LAYERS if case.gradient]


@pytest.mark.parametrize("loss_case", LOSSES, ids=lambda case: case.id)
@pytest.mark.parametrize("case", BOXES, ids=lambda case: case.id)
def test_finite_differences(case, loss_case):
    net, y = network(case, loss_case), loss_case.raw(n=N_ROWS)
    xs = case.inputs()
    report = cp.check_gradient(net, xs if len(xs) > 1 else xs[0], y, max_entries=4)
    assert report.error <= 1e-6


@pytest.mark.parametrize("loss_case", LOSSES, ids=lambda case: case.id)
@pytest.mark.parametrize("case", BOXES, ids=lambda case: case.id)
def test_float32_agrees_with_float64(case, loss_case):
    wide, y = network(case, loss_case), loss_case.raw(n=N_ROWS)
    wide.vector[...] = wide.vector.astype(numpy.float32)  # the same numbers in both
    wide.buffer_vector[...] = wide.buffer_vector.astype(numpy.float32)
    xs = tuple(x.astype(numpy.float32) for x in case.inputs())
    rows = xs if len(xs) > 1 else xs[0]
    (loss, gradient), (narrow_loss, narrow) = (net.gradient(rows, y) for net in (wide, wide.astype(numpy.float32)))
    eps, k = float(numpy.finfo(numpy.float32).eps), 64  # a few dozen roundings on the way through box, Dense and loss
    assert abs(narrow_loss - loss) <= k * eps * max(abs(loss), 1.0)
    for name, expected in gradient.items():
        assert narrow[name].dtype == numpy.float32
        assert numpy.abs(narrow[name] - expected).max() <= k * eps * max(numpy.abs(expected).max(), 1.0), name
