"""Weights and units: every weight that is drawn is the parameter's own."""

from __future__ import annotations

import numpy
import pytest
from networks_at_hand import chain, graph, images

import clearprop as cp


def test_weights_are_a_copy_of_the_parameter():
    net, *_ = chain()
    display = cp.WeightDisplay.from_network(net, parameter="dense_2.W")
    assert numpy.array_equal(display.weights, net.parameters["dense_2.W"])
    net.parameters["dense_2.W"][...] = 0.0
    assert display.weights.any()
    assert display.ax_.get_title(loc="left") == "dense_2.W"


def test_squares_grow_with_the_weights_and_are_hollow_below_zero():
    display = cp.WeightDisplay("W", [[4.0, -1.0], [1.0, 0.0]]).plot()
    above, below = display.ax_.collections
    sides = [path.get_extents().width for path in above.get_paths()]
    assert len(sides) == 3
    assert sides[0] == pytest.approx(2.0 * sides[1])  # four times the area
    assert len(below.get_paths()) == 1
    assert below.get_facecolor()[0].tolist() == [1.0, 1.0, 1.0, 1.0]
    assert "1 of 4 are below 0; largest +4" in [text.get_text() for text in display.ax_.texts]


@pytest.mark.parametrize(("shape", "drawn"), [((3,), (1, 3)), ((2, 3, 4), (2, 12)), ((50, 2), (50, 2))])
def test_parameters_of_any_shape_are_drawn(shape, drawn):
    display = cp.WeightDisplay("p", numpy.arange(numpy.prod(shape), dtype=float).reshape(shape)).plot()
    if max(drawn) <= 40:
        assert display.ax_.get_xlim() == (-0.5, drawn[1] - 0.5)
    else:
        (image,) = display.ax_.get_images()
        assert image.get_array().shape == drawn
        assert image.get_clim() == (-99.0, 99.0)


def test_unknown_parameters():
    with pytest.raises(cp.UnknownNameError, match=r"no parameter 'dense_9.W'; there are dense_1.W, dense_1.b"):
        cp.WeightDisplay.from_network(chain()[0], parameter="dense_9.W")
    with pytest.raises(cp.ArgumentError, match="net has no parameters"):
        cp.WeightDisplay.from_network(cp.Network([cp.Tanh()], inputs=1))


def test_a_chain_has_a_column_a_matrix():
    net, *_ = chain()
    display = cp.NetworkDisplay.from_network(net)
    assert [(column.nodes, column.n_units, column.depth) for column in display.columns] == [
        (("input_1",), 4, 0),
        (("dense_1", "relu_1"), 5, 1),
        (("dense_2", "sigmoid_1"), 4, 2),
        (("dense_3",), 3, 3),
    ]
    for connection, name in zip(display.connections, ("dense_1.W", "dense_2.W", "dense_3.W"), strict=True):
        assert numpy.array_equal(connection.weights, net.parameters[name])


def test_a_line_tells_sign_and_size_of_its_weight():
    net = cp.Network([cp.Dense(2)], inputs=1)
    net.parameters["dense_1.W"][...] = [[2.0, -1.0]]
    above, below = cp.NetworkDisplay.from_network(net).ax_.collections[:2]
    assert above.get_linestyles()[0][1] is None  # solid
    assert below.get_linestyles()[0][1] is not None
    assert above.get_linewidths()[0] > below.get_linewidths()[0]
    assert above.get_segments()[0][1][1] < below.get_segments()[0][1][1]  # the first unit stands above the second


def test_graphs_and_images_have_grey_lines_where_there_is_no_matrix():
    display = cp.NetworkDisplay.from_network(graph()[0])
    depths = {column.nodes[0]: column.depth for column in display.columns}
    assert depths["input_1"] == depths["input_2"] == 0
    assert [connection.weights is None for connection in display.connections] == [False, False, True, True, False]
    shared = [connection.weights for connection in display.connections[:2]]
    assert numpy.array_equal(*shared)
    display = cp.NetworkDisplay.from_network(images()[0])
    assert display.connections[0].weights is None  # a convolution
    assert display.connections[-1].weights.shape == (8, 2)


def test_tied_weights_are_turned_round():
    model = cp.AutoEncoder(2, tied=True, solver="lbfgs", max_iter=200, random_state=0)
    X = numpy.outer(numpy.linspace(-1.0, 1.0, 20), [1.0, -2.0, 0.5])
    display = cp.NetworkDisplay.from_estimator(model.fit(X))
    first, last = (connection.weights for connection in display.connections)
    assert numpy.array_equal(first.T, last)


def test_columns_show_sixteen_units_and_count_the_rest():
    net = cp.Network([cp.Dense(16), cp.Tanh(), cp.Dense(17)], inputs=300)
    display = cp.NetworkDisplay.from_network(net)
    assert [column.n_shown for column in display.columns] == [16, 16, 16]
    texts = [text.get_text() for text in display.ax_.texts]
    assert [text for text in texts if text.startswith("and ")] == ["and 284 more", "and 1 more"]


def test_names_are_those_of_the_columns_and_never_a_formula():
    import pandas

    frame = pandas.DataFrame({"$x^2$": [0.0, 1.0, 2.0], "a very long name of a column": [1.0, 0.0, 1.0]})
    model = cp.MLPRegressor(hidden_layer_sizes=2, solver="lbfgs", max_iter=300).fit(frame, [0.0, 1.0, 2.0])
    display = cp.NetworkDisplay.from_estimator(model, frame, [0.0, 1.0, 2.0])
    assert display.names == ("$x^2$", "a very long name of a column")
    texts = [text.get_text() for text in display.ax_.texts]
    assert r"\$x^2\$" in texts
    assert "a very long name …" in texts
    display.figure_.canvas.draw()


def test_an_estimator_gives_its_own_weights():
    rng = numpy.random.default_rng(0)
    model = cp.MLPRegressor(hidden_layer_sizes=3, solver="lbfgs", max_iter=300, random_state=0)
    model.fit(rng.normal(size=(20, 2)), rng.normal(size=20))
    assert numpy.array_equal(cp.WeightDisplay.from_estimator(model).weights, model.coefs_[0])


@pytest.mark.parametrize("layer", [cp.Maxout(2, 3), cp.PeriodicEmbedding(2, width=1)])
def test_boxes_with_weights_stand_alone(layer):
    display = cp.NetworkDisplay.from_network(cp.Network([cp.Scale(), cp.LayerNorm(), layer, cp.Dense(1)], inputs=2))
    assert len(display.columns) == 3
    assert display.columns[0].nodes == ("input_1", "scale_1", "layer_norm_1")
    assert display.connections[0].weights is None


@pytest.mark.parametrize(
    ("layer", "axes"), [(cp.Dense(50), ("input", "unit")), (cp.PeriodicEmbedding(48, width=1), ("row", "column"))]
)
def test_axes_of_weights_say_what_they_are(layer, axes):
    display = cp.WeightDisplay.from_network(cp.Network([layer, cp.Dense(1)], inputs=3))
    assert (display.ax_.get_ylabel(), display.ax_.get_xlabel()) == axes
    assert all(float(tick).is_integer() for tick in (*display.ax_.get_xticks(), *display.ax_.get_yticks()))


@pytest.mark.parametrize("shape", [(16, 256), (4, 4)])
def test_what_is_said_of_weights_stands_above_them(shape):
    display = cp.WeightDisplay("W", numpy.ones(shape)).plot()
    display.figure_.canvas.draw()
    (said,) = (text for text in display.ax_.texts if "below 0" in text.get_text())
    assert said.get_window_extent().y0 > display.ax_.get_window_extent().y1
