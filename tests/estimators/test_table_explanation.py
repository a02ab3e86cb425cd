"""Which columns matter: attributions, and scikit-learn's inspection of our estimators."""

from __future__ import annotations

import numpy
import pandas
import polars
import pytest
import scipy.sparse
from sklearn.inspection import PartialDependenceDisplay, partial_dependence, permutation_importance
from test_table_estimators import FEW, QUICK, amounts, labels, mixed

import clearprop as cp
from clearprop.estimators.tables import Recipe, attributions
from clearprop.estimators.tables.report.importance import column_importances

EPS32 = float(numpy.finfo(numpy.float32).eps)
# a float32 network of three products, each a sum of some tens of terms, and its backward pass: some 1e2 eps
TOLERANCE = 200.0 * EPS32
SETTING = Recipe(hidden=(12,), epochs=4, batch_size=32, members=2)  # all boxes of the full recipe, two networks


def owned(names, column):
    """Return which inputs belong to a column of `mixed`, none of whose names begins like another's."""
    return numpy.array([name.startswith(column) for name in names])


def by_differences(model, table, score):
    """Return gradient times input: the derivative of the score by a factor on all the inputs of a column, at 1."""
    made = model.preprocessing_
    inputs = made.transform(model._table(table, reset=False))
    nets = [member.network.astype(numpy.float64) for member in model.members_]
    columns = []
    for name in table.columns:
        masks = [owned(names, name) for names in (made.numbers, made.flags) if names]
        masks += [owned([column.name] * len(column.levels), name) for column in made.embedded]

        def scores(factor, masks=masks):
            scaled = [
                (x.toarray() if scipy.sparse.issparse(x) else x) * numpy.where(mask, factor, 1.0)
                for x, mask in zip(inputs, masks, strict=True)
            ]
            fed = tuple(scaled) if len(scaled) > 1 else scaled[0]
            return numpy.mean([score(net, net.scores(fed)) for net in nets], axis=0)

        step = 1e-5
        columns.append((scores(1.0 + step) - scores(1.0 - step)) / (2.0 * step))
    return numpy.stack(columns, axis=1)


def assert_same(got, expected):
    assert got.shape == expected.shape
    assert got.dtype == numpy.float64
    assert abs(expected).max() > 0.0
    assert abs(got - expected).max() <= TOLERANCE * abs(expected).max()


@pytest.mark.parametrize("recipe", [QUICK, SETTING], ids=["small", "full"])
def test_attributions_of_classes_are_gradient_times_input(recipe):
    table = mixed(80)
    colours = table.pop("colour")
    model = cp.Classifier(recipe, random_state=0).fit(table, colours)
    chosen = model.predict_proba(table).argmax(axis=1)
    expected = by_differences(
        model, table, lambda net, s: s[numpy.arange(len(s)), chosen] - s.mean(axis=1)
    )  # fmt: skip
    found = model.attributions(table)
    assert_same(found, expected)
    assert not found[:, list(table.columns).index("constant")].any()


@pytest.mark.parametrize("objective", ["squared_error", "poisson"])
def test_attributions_of_numbers_are_in_the_units_of_y(objective):
    table = mixed(80)
    y = amounts(table)
    model = cp.Regressor(SETTING, objective=objective, random_state=0).fit(table, y)
    target = model.target_
    expected = by_differences(
        model, table, lambda net, s: target.scale[0] * net.loss_function.prediction(numpy, s)[:, 0]
    )
    assert_same(model.attributions(table), expected)


@pytest.mark.parametrize("unit", [2.0**400, 2.0**-400], ids=["huge", "tiny"])
def test_attributions_in_units_beyond_float32(unit):
    X = numpy.random.default_rng(0).normal(size=(60, 2))
    plain, scaled = (cp.Regressor(FEW, random_state=0).fit(X, X[:, 0] * factor) for factor in (1.0, unit))
    # the networks are the same, for a power of 2 changes no digit
    numpy.testing.assert_allclose(scaled.attributions(X) / unit, plain.attributions(X), rtol=1e-14)


def test_attributions_of_a_linear_model_add_up():
    random = numpy.random.default_rng(0)
    X = random.normal(size=(300, 3))
    y = 1e4 * (X @ [1.0, -2.0, 0.5])
    linear = Recipe(hidden=(), periodic=False, robust=False, data_driven=False, epochs=20, batch_size=32)
    model = cp.Regressor(linear, random_state=0).fit(X, y)
    inside = numpy.abs(y) < 1e4  # where no prediction is kept to the range of training
    # each number of the prediction is rounded to float32, at the size of y
    expected = model.predict(X[inside]) - model.predict(X.mean(axis=0, keepdims=True))
    numpy.testing.assert_allclose(model.attributions(X[inside]).sum(axis=1), expected, atol=20.0 * EPS32 * abs(y).max())


def test_several_labels_and_outputs_have_an_axis():
    table = mixed(80)
    y = numpy.stack([table["paid"], table["colour"] == "red"], axis=1).astype(int)
    model = cp.Classifier(FEW, random_state=0).fit(table, y)
    found = model.attributions(table)
    assert found.shape == (80, 6, 2)
    for label in range(2):
        assert_same(found[..., label], by_differences(model, table, lambda net, s, label=label: s[:, label]))
    number = cp.Regressor(FEW, random_state=0).fit(table, numpy.stack([amounts(table), -amounts(table)], axis=1))
    assert number.attributions(table).shape == (80, 6, 2)


def test_attributions_do_not_depend_on_the_size_of_a_pass(monkeypatch):
    table = mixed(80)
    model = cp.Classifier(SETTING, random_state=0).fit(table, labels(table))
    whole = model.attributions(table)
    monkeypatch.setattr(attributions, "NUMBERS", 1)
    assert_same(model.attributions(table), whole)


def test_attributions_where_no_column_tells_anything():
    X = numpy.ones((40, 2))
    model = cp.Regressor(FEW, random_state=0).fit(X, numpy.arange(40.0))
    numpy.testing.assert_array_equal(model.attributions(X), numpy.zeros((40, 2)))


def test_attributions_of_any_frame_are_the_same():
    table = mixed(80)
    model = cp.Classifier(FEW, random_state=0).fit(table, labels(table))
    frame = polars.from_pandas(table)
    for other in (frame, frame.to_arrow()):
        numpy.testing.assert_array_equal(model.attributions(other), model.attributions(table))


@pytest.fixture(scope="module")
def fitted():
    table = mixed(400)
    return cp.Classifier(QUICK, random_state=0).fit(table, labels(table)), table


def test_permutation_importance_of_a_mixed_table(fitted):
    model, table = fitted
    found = permutation_importance(model, table, labels(table), n_repeats=2, random_state=0)
    means = dict(zip(table.columns, found.importances_mean, strict=True))
    assert min(means["colour"], means["when"]) > 0.2
    assert max(means["size"], means["paid"], means["town"]) < 0.1
    assert means["constant"] == 0.0


def test_permutation_importance_of_an_array():
    random = numpy.random.default_rng(0)
    X = random.normal(size=(300, 3))
    X[::7, 2] = numpy.nan
    model = cp.Regressor(QUICK, random_state=0).fit(X, X[:, 1])
    means = permutation_importance(model, X, X[:, 1], n_repeats=2, random_state=0).importances_mean
    assert means[1] > 1.0
    assert max(means[0], means[2]) < 0.1


def test_what_was_fitted_to_polars_is_inspected_in_pandas(fitted):
    model, table = fitted
    frame = polars.from_pandas(table)
    other = cp.Classifier(QUICK, random_state=0).fit(frame, labels(table))
    expected = permutation_importance(model, table, labels(table), n_repeats=2, random_state=0)
    found = permutation_importance(other, frame.to_pandas(), labels(table), n_repeats=2, random_state=0)
    numpy.testing.assert_array_equal(found.importances, expected.importances)


@pytest.mark.parametrize("kind", ["pandas", "index", "polars", "pyarrow"])
def test_the_importances_of_a_report_are_those_of_scikit_learn(fitted, kind):
    model, table = fitted
    expected = permutation_importance(model, table, labels(table), n_repeats=2, random_state=0)
    frame = {
        "pandas": lambda: table,
        "index": lambda: table.set_index(numpy.arange(len(table))[::-1]),
        "polars": lambda: polars.from_pandas(table),
        "pyarrow": lambda: polars.from_pandas(table).to_arrow(),
    }[kind]()
    found = column_importances(model, frame, labels(table), range(table.shape[1]), 2)
    numpy.testing.assert_array_equal(found.importances, expected.importances)


def test_partial_dependence_of_each_kind_of_column():
    table = mixed(200)
    model = cp.Regressor(QUICK, random_state=0).fit(table, amounts(table))
    # scikit-learn makes no grid of dates itself, nor of numbers with gaps
    sizes, months = [-100.0, 0.0, 100.0], pandas.date_range("2026-01-01", periods=12, freq="MS")
    rising = partial_dependence(model, table, ["size"], custom_values={"size": sizes}).average[0]
    assert (numpy.diff(rising) > 0.0).all()
    for name, n_levels in (("colour", 3), ("paid", 2), ("town", 12)):
        assert partial_dependence(model, table, [name]).average.shape == (1, n_levels)
    assert partial_dependence(model, table, ["when"], custom_values={"when": months}).average.shape == (1, 12)


def test_partial_dependence_can_be_drawn():
    from matplotlib.figure import Figure

    table = mixed(60)
    model = cp.Regressor(FEW, random_state=0).fit(table, amounts(table))
    shown = PartialDependenceDisplay.from_estimator(
        model, table, ["paid", "colour"], categorical_features=["paid", "colour"], ax=Figure().add_subplot()
    )
    assert shown.axes_.shape == (1, 2)
