"""One row's pass: each number in the picture is that of the trace of this row alone."""

from __future__ import annotations

import re

import numpy
import pytest
from networks_at_hand import NETWORKS, chain
from scipy.sparse import issparse

import clearprop as cp
from cases import assert_close


@pytest.mark.parametrize("kind", NETWORKS)
def test_numbers_are_those_of_the_row(kind):
    net, X, y = NETWORKS[kind]()
    display = cp.BackpropDisplay.from_network(net, X, y, row=7)
    one = tuple(x[[7]] for x in X) if isinstance(X, tuple) else X[[7]]
    trace = net.trace(one, y[[7]])
    assert [node.node for node in display.nodes] == list(trace.nodes)
    for shown, node in zip(display.nodes, trace.nodes.values(), strict=True):
        output = node.output.toarray() if issparse(node.output) else node.output
        assert numpy.array_equal(shown.output, output.ravel())
        for mine, its in ((shown.delta, node.delta), (shown.derivative, node.derivative)):
            assert (mine is None) == (its is None)
            if its is not None:
                assert numpy.array_equal(mine, its.ravel())
    assert numpy.array_equal(display.prediction, trace.prediction[0])
    assert display.loss == trace.loss
    assert_close(display.loss, net.loss(one, y[[7]]), k=64)


def test_the_cells_show_the_numbers():
    net = cp.Network([cp.Dense(1), cp.ReLU()], inputs=2, dtype="float64")
    net.vector[...] = [0.25, -1.0, 0.0]
    display = cp.BackpropDisplay.from_network(net, [[4.0, -1e-7]], [0.5])
    texts = [text.get_text() for text in display.ax_.texts]
    for number in ("4", "\N{MINUS SIGN}1e\N{MINUS SIGN}7", "0.5", "0.125"):
        assert number in texts
    assert "target 0.5" in texts
    assert not any(re.search(r"\d\s*-\d|^-\d", text) for text in texts)
    blue, red = (patch.get_facecolor() for patch in display.ax_.patches[:2])
    assert blue[2] > blue[0]  # 4 above 0
    assert red[0] == pytest.approx(red[2], abs=0.05)  # next to nothing beside it


def test_ten_units_are_shown_and_the_rest_counted():
    net = cp.Network([cp.Dense(12)], inputs=3)
    display = cp.BackpropDisplay.from_network(net, [[1.0, 2.0, 3.0]], numpy.zeros((1, 12)))
    assert [text.get_text() for text in display.ax_.texts].count("and 2 more") == 3  # a, prediction, delta
    assert display.nodes[1].output.shape == (12,)


def test_rows_are_bounded():
    net, X, y = chain()
    with pytest.raises(cp.ArgumentError, match="row must be below 30, the number of rows, got 30"):
        cp.BackpropDisplay.from_network(net, X, y, row=30)
    with pytest.raises(cp.ArgumentError, match="row must be an integer >= 0, got -1"):
        cp.BackpropDisplay.from_network(net, X, y, row=-1)


def test_what_is_not_finite_is_shown_as_such():
    net = cp.Network([cp.Dense(1)], inputs=1)
    net.vector[...] = numpy.nan
    texts = [text.get_text() for text in cp.BackpropDisplay.from_network(net, [[1.0]], [0.0]).ax_.texts]
    assert "nan" in texts


def test_an_estimator_shows_its_network():
    rng = numpy.random.default_rng(0)
    X, y = rng.normal(size=(30, 3)), numpy.array(["a", "b", "c"])[rng.integers(3, size=30)]
    model = cp.MLPClassifier(4, solver="lbfgs", max_iter=400, random_state=0).fit(X, y)
    display = cp.BackpropDisplay.from_estimator(model, X, y, row=5)
    assert_close(display.prediction, model.predict_proba(X[[5]])[0], k=16)
    assert model.classes_[display.target] == y[5]


def test_columns_have_their_names():
    net, X, y = chain()
    display = cp.BackpropDisplay.from_network(net, X, y, names=["a", "b", "$c$", "d"])
    texts = [text.get_text() for text in display.ax_.texts]
    assert {"a", "b", r"\$c\$", "d"} <= set(texts)
