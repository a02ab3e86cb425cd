"""The numbers that the displays hold of random graphs, against PyTorch's autograd, to 1e-10 in float64."""

from __future__ import annotations

import matplotlib
import numpy
import pytest
from matplotlib import pyplot
from test_torch_networks import random_graph
from torch_trace import BOUND, quantities

import clearprop as cp

N_ROWS = 5


@pytest.fixture(autouse=True)
def quiet_pyplot():
    """Draw without a screen, and close what was drawn."""
    matplotlib.use("Agg")
    yield
    pyplot.close("all")


def assert_near(got, expected):
    """Assert that numbers are PyTorch's, relative to the largest or to 1; what has none is NaN in both."""
    got, expected = numpy.asarray(got, dtype=float), numpy.asarray(expected, dtype=float)
    assert got.shape == expected.shape
    assert (numpy.isnan(got) == numpy.isnan(expected)).all()
    assert numpy.nanmax(numpy.abs(got - expected), initial=0.0) <= BOUND * max(1.0, numpy.nanmax(numpy.abs(expected)))


def rms(arrays):
    """Return the root mean square over arrays, NaN of none."""
    flat = [numpy.ravel(array) for array in arrays]
    return numpy.sqrt(numpy.mean(numpy.concatenate(flat) ** 2)) if flat else numpy.nan


@pytest.mark.parametrize("seed", range(10))
def test_displays_hold_what_autograd_computes(seed):
    rng = numpy.random.default_rng([seed, 13])
    output, inputs = random_graph(rng, 3, 3)
    net = cp.Network(output, inputs, loss=cp.CrossEntropy(), seed=seed, dtype=numpy.float64)
    xs = [rng.normal(size=(N_ROWS, 3)) for _ in net.graph.inputs]
    X, y = xs[0] if len(xs) == 1 else xs, rng.integers(3, size=N_ROWS)
    row = int(rng.integers(N_ROWS))
    one = [x[[row]] for x in xs]
    of_row = quantities(net, one[0] if len(one) == 1 else one, y[[row]], cp.SGD())
    of_all = quantities(net, X, y, cp.SGD())
    nodes = [node.name for node in net.graph.nodes]
    output_of = {node: next(of_all[f"{node}.{s}"] for s in "xah" if f"{node}.{s}" in of_all) for node in nodes}
    delta_of = {
        node: next((of_all[f"{node}.{s}"] for s in ("dx", "delta", "dh") if f"{node}.{s}" in of_all), None)
        for node in nodes
    }

    passed = cp.BackpropDisplay.from_network(net, X, y, row=row)
    assert_near(passed.loss, of_row["loss.values"][0])
    assert_near(passed.prediction, of_row["loss.prediction"][0])
    for shown in passed.nodes:
        assert_near(shown.output, of_row[f"{shown.node}.{shown.symbol}"].ravel())
        name = {"x": "dx", "a": "delta", "h": "dh"}[shown.symbol]
        assert (shown.delta is None) == (f"{shown.node}.{name}" not in of_row)
        if shown.delta is not None:
            assert_near(shown.delta, of_row[f"{shown.node}.{name}"].ravel())
        if shown.derivative is not None:
            assert_near(shown.derivative, of_row[f"{shown.node}.f'"].ravel())

    flow = cp.GradientFlowDisplay.from_network(net, X, y)
    assert_near(flow.delta, [numpy.nan if delta_of[node] is None else rms([delta_of[node]]) for node in flow.nodes])
    own = {node: [name for name in net.parameters if name.rpartition(".")[0] == node] for node in nodes}
    assert_near(flow.gradient, [rms([of_all[f"{name}.gradient"] for name in own[node]]) for node in flow.nodes])

    spread = cp.ActivationDisplay.from_network(net, X, y)
    assert_near(spread.mean, [output_of[node].mean() for node in spread.nodes])
    assert_near(spread.deviation, [output_of[node].std() for node in spread.nodes])

    health = cp.UnitHealthDisplay.from_network(net, X, y)
    for node, dead in zip(health.nodes, health.dead, strict=True):
        off = (of_all[f"{node}.h"] == 0) & (of_all[f"{node}.f'"] == 0)
        assert dead == off.all(axis=0).sum()

    weights = cp.WeightDisplay.from_network(net)
    assert_near(weights.weights, of_all[weights.name])


@pytest.mark.parametrize("seed", range(10))
def test_a_decision_slice_shows_what_the_network_predicts(seed):
    rng = numpy.random.default_rng([seed, 17])
    output, inputs = random_graph(rng, 3, 3)
    while len(inputs) > 1:  # two features of one matrix vary
        output, inputs = random_graph(rng, 3, 3)
    net = cp.Network(output, inputs, loss=cp.CrossEntropy(), seed=seed, dtype=numpy.float64)
    X, y = rng.normal(size=(N_ROWS, 3)), rng.integers(3, size=N_ROWS)
    plane = cp.DecisionSliceDisplay.from_network(net, X, y, features=(0, 2))
    first, second = numpy.meshgrid(plane.x0, plane.x1)
    rows = numpy.stack([first.ravel(), numpy.full(first.size, numpy.median(X[:, 1])), second.ravel()], axis=1)
    expected = quantities(net, rows, numpy.zeros(len(rows), dtype=int), cp.SGD())["loss.prediction"]
    assert_near(plane.response.reshape(len(rows), -1), expected)
