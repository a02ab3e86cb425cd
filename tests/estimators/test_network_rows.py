"""An estimator's rows as its network takes them: the network says of them what the estimator does."""

from __future__ import annotations

import numpy
import pandas
import pytest
import scipy.sparse
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from test_table_estimators import mixed

import clearprop as cp
from cases import assert_close
from clearprop.estimators.tables import Recipe

RNG = numpy.random.default_rng(0)
X, NUMBERS = RNG.normal(size=(40, 3)), RNG.normal(size=40)
CLASSES = numpy.array(["no", "yes", "maybe"])[RNG.integers(3, size=40)]
ONE = Recipe(hidden=(4,), periodic=False, epochs=2, batch_size=32)
MLPS = {
    "classes": (cp.MLPClassifier, CLASSES),
    "two classes": (cp.MLPClassifier, CLASSES == "no"),
    "labels": (cp.MLPClassifier, RNG.integers(0, 2, size=(40, 3))),
    "numbers": (cp.MLPRegressor, NUMBERS),
    "outputs": (cp.MLPRegressor, X[:, :2]),
}


@pytest.mark.parametrize("kind", MLPS)
@pytest.mark.parametrize("make", [numpy.asarray, scipy.sparse.csc_array], ids=["dense", "sparse"])
def test_the_loss_of_a_perceptron_is_the_one_that_it_reports(kind, make):
    model, y = MLPS[kind]
    fitted = model(hidden_layer_sizes=4, solver="lbfgs", max_iter=500, random_state=0).fit(make(X), y)
    rows = cp.network_rows(fitted, make(X), y)
    assert rows.network is fitted.network_
    assert rows.names == (("x0", "x1", "x2"),)
    loss = rows.network.trace(rows.X, rows.y)
    outputs = y.shape[1] if kind == "outputs" else 1  # scikit-learn reports the mean of squares over the outputs
    assert_close(loss.loss / outputs + loss.penalty, fitted.loss_, k=256)


def test_names_are_those_of_the_frame():
    frame = pandas.DataFrame(X, columns=["a", "b", "c"])
    fitted = cp.MLPRegressor(hidden_layer_sizes=2, solver="lbfgs", max_iter=500, random_state=0).fit(frame, NUMBERS)
    assert cp.network_rows(fitted, frame, NUMBERS).names == (("a", "b", "c"),)


@pytest.mark.parametrize("member", [0, 1])
def test_rows_of_a_table(member):
    table = mixed(60)
    y = numpy.array(["yes", "no"])[(numpy.arange(60) % 3 == 0).astype(int)]
    model = cp.Classifier(Recipe(hidden=(4,), epochs=2, members=2), random_state=0).fit(table, y)
    rows = cp.network_rows(model, table, y, member)
    inputs = rows.X if isinstance(rows.X, list) else [rows.X]
    assert rows.network is model.members_[member].network
    assert [len(names) for names in rows.names] == [x.shape[1] for x in inputs] == model.preprocessing_.n_inputs
    assert numpy.array_equal(model.classes_[rows.y], y)
    both = [model.target_.prediction(model.members_[place].scores(rows.X)) for place in (0, 1)]
    assert_close(numpy.mean(both, axis=0), model.predict_proba(table), k=8)


def test_numbers_are_scaled_as_in_training():
    model = cp.Regressor(ONE, random_state=0).fit(X, 100.0 + 5.0 * NUMBERS)
    rows = cp.network_rows(model, X, 100.0 + 5.0 * NUMBERS)
    assert rows.y.shape == (40, 1)
    assert abs(rows.y.mean()) < 1e-6
    assert rows.y.std() == pytest.approx(1.0, rel=1e-6)


def test_an_auto_encoder_has_its_rows_as_targets():
    model = cp.AutoEncoder(2, solver="lbfgs", max_iter=500, random_state=0).fit(X)
    rows = cp.network_rows(model, X, None)
    assert_close(rows.network.loss(rows.X, rows.y), model.loss_curve_[-1], k=4096)
    assert rows.names == (("x0", "x1", "x2"),)


def test_what_does_not_fit_is_named():
    model = cp.Classifier(ONE, random_state=0).fit(X, CLASSES)
    with pytest.raises(cp.DataError, match="y holds 'never', which is no class in y of training"):
        cp.network_rows(model, X, ["never", *CLASSES[1:]])
    with pytest.raises(cp.DataError, match=r"y must have 1 column\(s\), as in training, got shape \(40, 2\)"):
        cp.network_rows(model, X, X[:, :2])
    with pytest.raises(cp.ArgumentError, match=r"member must be below 1, .* of this Classifier, got 1"):
        cp.network_rows(model, X, CLASSES, 1)
    with pytest.raises(cp.ArgumentError, match="got Pipeline; of a pipeline pass the last step"):
        cp.network_rows(make_pipeline(StandardScaler(), model), X, CLASSES)
    with pytest.raises(NotFittedError):
        cp.network_rows(cp.Regressor(), X, NUMBERS)
    mlp = cp.MLPClassifier(2, solver="lbfgs", max_iter=500, random_state=0).fit(X, CLASSES)
    with pytest.raises(cp.DataError, match="never"):
        cp.network_rows(mlp, X, ["never", *CLASSES[1:]])
