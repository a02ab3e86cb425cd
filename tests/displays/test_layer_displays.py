"""Gradients, outputs and units by node: what is drawn is what the trace says."""

from __future__ import annotations

import numpy
import pytest
import scipy.sparse
from networks_at_hand import NETWORKS, chain

import clearprop as cp
from cases import assert_close


@pytest.fixture(params=NETWORKS)
def at_hand(request):
    return NETWORKS[request.param]()


def rms(x):
    return numpy.sqrt(numpy.mean(numpy.square(x, dtype=numpy.float64)))


def test_gradients_are_those_of_the_trace(at_hand):
    net, X, y = at_hand
    display, trace = cp.GradientFlowDisplay.from_network(net, X, y), net.trace(X, y)
    assert display.nodes == tuple(trace.nodes)
    for node, delta, gradient in zip(trace.nodes.values(), display.delta, display.gradient, strict=True):
        if node.delta is None:
            assert numpy.isnan(delta)
        else:
            assert_close(delta, rms(node.delta), k=16)
        if node.parameters:
            parts = [parameter.gradient.ravel() for parameter in node.parameters.values()]
            assert_close(gradient, rms(numpy.concatenate(parts)), k=16)
        else:
            assert numpy.isnan(gradient)
    line, *_ = display.ax_.get_lines()
    assert_close(line.get_xdata(), display.delta[display.delta > 0], k=0, scale=1.0)


def test_a_gradient_of_zero_has_a_mark_of_its_own():
    display = cp.GradientFlowDisplay(["a", "b", "c"], [0.0, 1e-3, 1.0], [numpy.nan, 0.0, 1.0]).plot()
    triangles = [line for line in display.ax_.get_lines() if line.get_marker() == "<"]
    assert [line.get_ydata().tolist() for line in triangles] == [[0], [1]]


def test_outputs_are_counted_between_the_outermost(at_hand):
    net, X, y = at_hand
    display, trace = cp.ActivationDisplay.from_network(net, X, y), net.trace(X, y)
    dense = {name: node.output for name, node in trace.nodes.items() if not scipy.sparse.issparse(node.output)}
    assert display.nodes == tuple(dense)
    for place, output in enumerate(dense.values()):
        edges, counts = display.edges[place], display.counts[place]
        assert len(edges) == len(counts) + 1
        inside = (output >= edges[0]) & (output <= edges[-1])
        assert counts.sum() == inside.sum() >= 0.98 * output.size
        assert_close(display.mean[place], output.mean(dtype=float), k=64, scale=numpy.abs(output).max())
        assert_close(display.deviation[place], output.std(dtype=float), k=64)


def test_what_is_not_finite_is_left_out():
    net = cp.Network([cp.Dense(2)], inputs=1)
    net.parameters["dense_1.b"][...] = [numpy.nan, 1.0]
    display = cp.ActivationDisplay.from_network(net, [[1.0], [2.0]], [[0.0, 0.0]] * 2)
    assert display.counts[1].sum() == 2
    net.parameters["dense_1.b"][...] = numpy.nan
    assert cp.ActivationDisplay.from_network(net, [[1.0]], [[0.0, 0.0]]).counts[1].sum() == 0


def test_units_are_those_of_the_diagnosis():
    net, X, y = chain()
    net.parameters["dense_1.b"][:2] = -50.0
    net.parameters["dense_2.b"][3] = 50.0
    display = cp.UnitHealthDisplay.from_network(net, X, y)
    layers = {layer.node: layer for layer in net.diagnose(X, y).layers}
    assert display.nodes == ("relu_1", "sigmoid_1")
    assert display.dead.tolist() == [len(layers[name].dead) for name in display.nodes]
    assert display.saturated.tolist() == [len(layers[name].saturated) for name in display.nodes]
    assert display.dead.tolist()[0] >= 2
    assert display.saturated.tolist()[1] >= 1
    bars = numpy.array([bar.get_width() for bar in display.ax_.patches]).reshape(3, 2)
    assert_close(bars.sum(axis=0), numpy.ones(2), k=4)
    assert_close(bars[0], display.dead / display.n_units, k=1)
    texts = [text.get_text() for text in display.ax_.texts]
    assert texts[0].endswith("dead of 5") or "dead, " in texts[0]
    assert display.ax_.get_xlabel() == "share of the units, on 30 rows"


def test_no_unit_can_be_dead_without_an_activation():
    with pytest.raises(cp.ArgumentError, match="must have an activation such as ReLU"):
        cp.UnitHealthDisplay.from_network(cp.Network([cp.Dense(1)], inputs=1), [[1.0]], [0.0])


KINDS = [cp.GradientFlowDisplay, cp.ActivationDisplay, cp.UnitHealthDisplay]


@pytest.mark.parametrize("kind", KINDS)
def test_an_estimator_is_drawn_as_its_network_and_stays_as_it_is(kind):
    rng = numpy.random.default_rng(0)
    X, y = rng.normal(size=(40, 3)), numpy.array(["a", "b"])[rng.integers(2, size=40)]
    model = cp.MLPClassifier(4, solver="lbfgs", max_iter=300, random_state=0).fit(X, y)
    before = model.network_.vector.tobytes()
    display = kind.from_estimator(model, X, y)
    rows = cp.network_rows(model, X, y)
    other = kind.from_network(rows.network, rows.X, rows.y)
    assert model.network_.vector.tobytes() == before
    for name in set(vars(display)) - {"ax_", "figure_"}:
        numpy.testing.assert_equal(vars(display)[name], vars(other)[name])


@pytest.mark.parametrize("kind", KINDS)
def test_the_axes_may_be_given(kind):
    from matplotlib.figure import Figure

    net, X, y = chain()
    ax = Figure().add_subplot()
    display = kind.from_network(net, X, y, ax=ax)
    assert display.ax_ is ax
    assert display.figure_ is ax.figure
    again = display.plot()
    assert again is display
    assert display.ax_ is not ax
    assert display.ax_.get_title(loc="left")
