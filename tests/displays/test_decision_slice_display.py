"""Slices: the response at every point is what the model predicts there."""

from __future__ import annotations

import numpy
import pandas
import pytest
import scipy.sparse
from networks_at_hand import chain, graph, images

import clearprop as cp
from cases import assert_close
from clearprop.estimators.tables import Recipe

RNG = numpy.random.default_rng(0)
X = RNG.normal(size=(60, 3)) * [1.0, 10.0, 1.0] + [0.0, 5.0, 2.0]
NAMES = numpy.array(["no", "yes", "maybe"])[RNG.integers(3, size=60)]
RECIPE = Recipe(hidden=(4,), periodic=False, epochs=2, members=2)


def plane_of(display, columns):
    """Return all points of a slice as rows of columns in this order, those of the first feature varying fastest."""
    across, up = numpy.meshgrid(display.x0, display.x1)
    known = {display.names[0]: across.ravel(), display.names[1]: up.ravel()}
    return [known[name] if name in known else numpy.full(across.size, display.fixed[name]) for name in columns]


@pytest.mark.parametrize(("y", "model"), [
    (NAMES, cp.MLPClassifier), (NAMES == "no", cp.MLPClassifier), (X[:, 0], cp.MLPRegressor),
], ids=["classes", "two classes", "numbers"])  # fmt: skip
def test_a_perceptron(y, model):
    fitted = model(hidden_layer_sizes=4, solver="lbfgs", max_iter=900, random_state=0).fit(X, y)
    display = cp.DecisionSliceDisplay.from_estimator(fitted, X, y, features=(1, 2), resolution=7)
    assert display.names == ("x1", "x2")
    assert display.fixed == {"x0": float(numpy.median(X[:, 0]))}
    rows = numpy.stack(plane_of(display, ["x0", "x1", "x2"]), axis=1)
    expected = fitted.predict_proba(rows) if model is cp.MLPClassifier else fitted.predict(rows)
    expected = expected[:, 1] if expected.shape[1:] == (2,) else expected
    assert_close(display.response.reshape(expected.shape), expected, k=64)
    assert numpy.array_equal(display.points, X[:, 1:])
    known = display.target if model is cp.MLPRegressor else fitted.classes_[display.target]
    assert known.tolist() == y.tolist()
    assert display.x0[0] < X[:, 1].min() < X[:, 1].max() < display.x0[-1]


def table():
    frame = pandas.DataFrame(X, columns=["a", "b", "c"])
    frame["colour"] = numpy.where(numpy.arange(60) % 3 == 0, "red", "blue")
    frame["code"] = numpy.arange(60) % 4 // 2 * 5
    frame.loc[3, "a"] = numpy.nan
    return frame


@pytest.mark.parametrize("kind", ["classes", "numbers"])
def test_a_table_is_sliced_at_medians_and_most_frequent_values(kind):
    y = NAMES if kind == "classes" else 100.0 + 3.0 * X[:, 1]
    model = cp.Classifier if kind == "classes" else cp.Regressor
    fitted = model(RECIPE, categorical_features=["code"], random_state=0).fit(table(), y)
    display = cp.DecisionSliceDisplay.from_estimator(fitted, table(), y, features=["a", "c"], resolution=5)
    assert display.fixed == {"b": float(numpy.median(X[:, 1])), "colour": "blue", "code": "0"}
    frame = pandas.DataFrame(dict(zip(table().columns, plane_of(display, table().columns), strict=True)))
    frame["code"] = 0
    expected = fitted.predict_proba(frame) if kind == "classes" else fitted.predict(frame)
    assert_close(display.response.reshape(expected.shape), expected, k=8)
    assert numpy.isnan(display.points[3, 0])
    assert display.classes == (["maybe", "no", "yes"] if kind == "classes" else None)


def test_a_column_that_holds_no_numbers_cannot_vary():
    fitted = cp.Classifier(RECIPE, categorical_features=["code"], random_state=0).fit(table(), NAMES)
    for name in ("colour", "code"):
        with pytest.raises(cp.DataError, match=f"'{name}' is no column of numbers but of the kind 'category'"):
            cp.DecisionSliceDisplay.from_estimator(fitted, table(), NAMES, features=["a", name])
    missing = table().assign(a=numpy.nan)
    with pytest.raises(cp.DataError, match="'a' is missing in all of these rows; let another one vary"):
        cp.DecisionSliceDisplay.from_estimator(fitted, missing, NAMES, features=["a", "b"])


@pytest.mark.parametrize("features", [(0, 0), (0, 9), (0,), ("x0", "x7"), (0, -1)])
def test_features_are_two_columns(features):
    net, rows, y = chain()
    with pytest.raises(cp.ArgumentError, match=r"features must be two different columns .* there are x0, x1, x2, x3"):
        cp.DecisionSliceDisplay.from_network(net, rows, y, features=features)


@pytest.mark.parametrize("make", [graph, images])
def test_rows_have_to_be_vectors(make):
    with pytest.raises(cp.ArgumentError, match="net must have one input of two columns or more"):
        cp.DecisionSliceDisplay.from_network(*make())


def test_sparse_rows_are_sliced_alike():
    net, rows, y = chain()
    dense, sparse = (cp.DecisionSliceDisplay.from_network(net, x, y) for x in (rows, scipy.sparse.csr_array(rows)))
    assert numpy.array_equal(dense.response, sparse.response)
    assert dense.fixed == sparse.fixed


def test_the_picture_has_classes_with_marks_of_their_own():
    net, rows, y = chain()
    display = cp.DecisionSliceDisplay.from_network(net, rows, y, classes=["a", "b", "$c$"])
    legend = display.ax_.get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["a", "b", r"\$c\$"]
    marks = {tuple(map(tuple, handle.get_paths()[0].vertices)) for handle in legend.legend_handles}
    assert len(marks) == 3
    display.figure_.canvas.draw()


SEVERAL = {
    "labels of a perceptron": cp.MLPClassifier(4, solver="lbfgs", max_iter=900, random_state=0),
    "labels of a table": cp.Classifier(RECIPE, random_state=0),
    "numbers of a perceptron": cp.MLPRegressor(hidden_layer_sizes=4, solver="lbfgs", max_iter=900, random_state=0),
    "numbers of a table": cp.Regressor(RECIPE, random_state=0),
}


@pytest.mark.parametrize("kind", SEVERAL)
def test_one_of_several_outputs_is_drawn(kind):
    labels = kind.startswith("labels")
    y = numpy.random.default_rng(1).integers(2, size=(60, 3)) * (1 if labels else 2.5)
    fitted = SEVERAL[kind].fit(X, y)
    for output in range(3):
        display = cp.DecisionSliceDisplay.from_estimator(fitted, X, y, output=output, resolution=4)
        plane = numpy.stack(plane_of(display, [*display.names, *display.fixed]), axis=1)
        expected = (fitted.predict_proba if labels else fitted.predict)(plane)[:, output]
        assert_close(display.response.ravel(), expected, k=64, scale=1.0)
        assert display.target.tolist() == y[:, output].tolist()
        assert display.classes == ([f"not {output}", output] if labels else None)
    for output in (3, -1):
        with pytest.raises(cp.ArgumentError, match="output must be"):
            cp.DecisionSliceDisplay.from_estimator(fitted, X, y, output=output)


def test_quantiles_are_outputs_with_one_target():
    fitted = cp.Regressor(RECIPE, objective="quantile", quantile=(0.1, 0.9), random_state=0).fit(X, X[:, 1])
    display = cp.DecisionSliceDisplay.from_estimator(fitted, X, X[:, 1], output=1, resolution=4)
    plane = numpy.stack(plane_of(display, [*display.names, *display.fixed]), axis=1)
    assert_close(display.response.ravel(), fitted.predict(plane)[:, 1], k=64)
    assert display.target.tolist() == X[:, 1].tolist()


def test_a_label_of_a_network_is_drawn_by_its_name():
    net = cp.Network([cp.Dense(2)], inputs=3, loss=cp.BinaryCrossEntropy(), seed=0)
    y = RNG.integers(2, size=(60, 2))
    display = cp.DecisionSliceDisplay.from_network(net, X, y, output=1, classes=["round", "red"])
    assert [text.get_text() for text in display.ax_.get_legend().get_texts()] == ["not red", "red"]
    assert display.figure_.axes[1].get_ylabel() == "probability of red"
    assert display.target.tolist() == y[:, 1].tolist()


def test_classes_that_exclude_one_another_are_one_output():
    net, rows, y = chain()
    with pytest.raises(cp.ArgumentError, match=r"output must be below 1, .* drawn together, as output 0"):
        cp.DecisionSliceDisplay.from_network(net, rows, y, output=1)


@pytest.mark.parametrize("n_classes", [16, 40])
def test_the_legend_names_as_many_classes_as_there_is_room_for(n_classes):
    net = cp.Network([cp.Dense(n_classes)], inputs=3, loss=cp.CrossEntropy())
    display = cp.DecisionSliceDisplay.from_network(net, X, numpy.arange(60) % n_classes)
    legend, more = display.ax_.get_legend(), ["and 24 more"] if n_classes == 40 else []
    assert [text.get_text() for text in legend.get_texts()] == [*map(str, range(16)), *more]
    display.figure_.canvas.draw()
    assert legend.get_window_extent().y0 > display.ax_.get_window_extent().y0


def test_dates_are_held_at_the_middle_one_that_is_known():
    days = pandas.date_range("2024-01-01", periods=60).strftime("%Y-%m-%d")
    frame = pandas.DataFrame(X[:, :2], columns=["a", "b"]).assign(joined=days)
    frame.loc[numpy.arange(60) % 3 == 0, "joined"] = None
    fitted = cp.Classifier(RECIPE, random_state=0).fit(frame, NAMES)
    display = cp.DecisionSliceDisplay.from_estimator(fitted, frame, NAMES, resolution=4)
    known = sorted(frame["joined"].dropna())
    assert display.fixed == {"joined": known[len(known) // 2]}


def test_a_long_line_of_held_columns_leaves_the_plane_its_room():
    widths = []
    for name in ("c", "a column with a very long name"):
        fixed = {f"{name} {number}": 1234.5 for number in range(3)}
        response = numpy.zeros((2, 2))
        display = cp.DecisionSliceDisplay([0, 1], [0, 1], response, ("a", "b"), fixed, None, X[:, :2], X[:, 0]).plot()
        display.figure_.canvas.draw()
        widths.append(display.ax_.get_position().width)
    assert widths[0] == widths[1]
