"""The numbers that the displays hold of random graphs, against PyTorch's autograd, to 1e-10 in float64."""

from __future__ import annotations

import matplotlib
import numpy
import pytest
from matplotlib import pyplot
from test_torch_networks import random_graph
from torch_trace import BOUND, assert_histogram, flat_shares, quantities
from torch_training import random_plain_graph, train_by_torch

import clearprop as cp
from clearprop.displays.planes import MARGIN

N_ROWS = 5
N_EPOCHS = 4
TASKS = ((cp.CrossEntropy(), 3), (cp.BinaryCrossEntropy(), 1), (cp.SquaredError(), 1))  # losses and outputs


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
    for node, edges, counts in zip(spread.nodes, spread.edges, spread.counts, strict=True):
        ordered = numpy.sort(output_of[node], axis=None)
        outside = int(0.005 * ordered.size)  # the central 99 %
        low, high = ordered[outside], ordered[-1 - outside]
        assert_histogram(edges, counts, ordered[(ordered >= low) & (ordered <= high)])

    health = cp.UnitHealthDisplay.from_network(net, X, y)
    flat = flat_shares(net, of_all)
    assert set(health.nodes) == set(flat)
    assert health.n_rows == N_ROWS
    for node, n_units, n_dead, n_saturated in zip(
        health.nodes, health.n_units, health.dead, health.saturated, strict=True
    ):
        dead = ((of_all[f"{node}.h"] == 0) & (of_all[f"{node}.f'"] == 0)).reshape(N_ROWS, -1).all(axis=0)
        assert (n_units, n_dead) == (dead.size, dead.sum())
        assert n_saturated == ((flat[node] >= 0.95) & ~dead).sum()

    weights = cp.WeightDisplay.from_network(net)
    assert_near(weights.weights, of_all[weights.name])

    drawn = cp.NetworkDisplay.from_network(net)
    owners = {node.name: node.owner for node in net.graph.nodes}
    joined = [connection for connection in drawn.connections if connection.weights is not None]
    assert joined
    for connection in joined:
        assert_near(connection.weights, of_all[f"{owners[drawn.columns[connection.target].nodes[0]]}.W"])


@pytest.mark.parametrize("seed", range(10))
def test_a_decision_slice_shows_what_the_network_predicts(seed):
    rng = numpy.random.default_rng([seed, 17])
    loss, n_outputs = TASKS[seed % len(TASKS)]
    output, inputs = random_graph(rng, 3, n_outputs)
    while len(inputs) > 1:  # two features of one matrix vary
        output, inputs = random_graph(rng, 3, n_outputs)
    net = cp.Network(output, inputs, loss=loss, seed=seed, dtype=numpy.float64)
    X, y = rng.normal(size=(N_ROWS, 3)), rng.integers(max(n_outputs, 2), size=N_ROWS)
    plane = cp.DecisionSliceDisplay.from_network(net, X, y, features=(0, 2))
    first, second = numpy.meshgrid(plane.x0, plane.x1)
    rows = numpy.stack([first.ravel(), numpy.full(first.size, numpy.median(X[:, 1])), second.ravel()], axis=1)
    expected = quantities(net, rows, numpy.zeros(len(rows), dtype=int), cp.SGD())["loss.prediction"]
    assert_near(plane.response.reshape(len(rows), -1), expected)
    for axis, column in ((plane.x0, X[:, 0]), (plane.x1, X[:, 2])):
        margin = MARGIN * numpy.ptp(column)
        assert_near(axis, numpy.linspace(column.min() - margin, column.max() + margin, len(axis)))
    assert_near(plane.fixed["x1"], numpy.median(X[:, 1]))
    assert_near(plane.points, X[:, [0, 2]])
    assert_near(plane.target, y)


@pytest.mark.parametrize("seed", range(10))
def test_loss_curves_show_what_pytorch_trains(seed):
    rng = numpy.random.default_rng([seed, 19])
    loss, n_outputs = TASKS[seed % len(TASKS)]
    output, inputs = random_plain_graph(rng, 3, n_outputs)
    net = cp.Network(output, inputs, loss=loss, penalty=cp.L2(0.1), seed=seed, dtype=numpy.float64)
    xs, y = [rng.normal(size=(20, 3)) for _ in inputs], numpy.arange(20) % max(n_outputs, 2)
    X, held_out = ([x[part] for x in xs] for part in (slice(15), slice(15, 20)))
    if len(xs) == 1:
        (X,), (held_out,) = X, held_out
    twin, optimizer = net.copy(), (cp.Adam(0.01), cp.SGD(0.01))[seed % 2]
    rows, validation = twin.batch(X, y[:15]), twin.batch(held_out, y[15:])
    orders = [rng.permutation(15) for _ in range(N_EPOCHS)]
    epochs, _ = train_by_torch(twin, rows, validation, optimizer, orders, batch_size=4)
    reports = net.fit(
        X, y[:15], optimizer=optimizer, epochs=N_EPOCHS, batch_size=4, validation=(held_out, y[15:]),
        shuffle=lambda epoch, n_rows: orders[epoch],
    )  # fmt: skip
    curves = cp.LossCurveDisplay.from_reports(reports)
    assert_near(curves.loss, [[epoch["loss"] for epoch in epochs]])
    assert_near(curves.validation_loss, [[epoch["validation_loss"] for epoch in epochs]])
