"""How the networks of a table are trained: rows to validate on, patience, interrupts, optimizers."""

from __future__ import annotations

import dataclasses

import numpy
import pandas
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.metrics import log_loss
from tables_at_hand import text_table

import clearprop as cp
from clearprop.errors import ArgumentError, DataError, NonFiniteError
from clearprop.estimators.tables import Recipe
from clearprop.estimators.tables.recipe import OPTIMIZERS
from clearprop.training import progress
from clearprop.training.run import Run

FEW = Recipe(hidden=(8,), epochs=4, batch_size=32, members=3)
ONE = dataclasses.replace(FEW, members=1)


def rows(n: int = 200, seed: int = 0) -> tuple[pandas.DataFrame, numpy.ndarray]:
    """Rows whose class is told by the colour and the size."""
    random = numpy.random.default_rng(seed)
    X = pandas.DataFrame({"size": random.normal(size=n), "colour": random.choice(["red", "green"], size=n)})
    return X, numpy.where((X["size"] > 0) ^ (X["colour"] == "red"), "yes", "no")


class Interrupted(Run):
    """A run in which the user presses Ctrl-C after the second epoch."""

    def reports(self):
        for report in super().reports():
            yield report
            if report.epoch == 2:
                raise KeyboardInterrupt


class InterruptedAtOnce(Run):
    def reports(self):
        raise KeyboardInterrupt
        yield


# ---- rows to validate on


@pytest.mark.parametrize("recipe", [ONE, FEW])
def test_other_rows_to_validate_on(recipe):
    X, y = rows()
    X_val, y_val = rows(50, seed=1)
    model = cp.Classifier(recipe, random_state=0).fit(X, y, X_val=X_val, y_val=y_val)
    assert len(model.members_) == recipe.members
    inputs = model.preprocessing_.transform(model._table(X_val, reset=False))
    for member in model.members_:
        assert member.held_out.size == 0
        right = model.classes_[member.network.predict(inputs).argmax(axis=1)] == y_val
        assert right.mean() == max(member.history["validation_accuracy"])
    different = {member.network.vector.tobytes() for member in model.members_}
    assert len(different) == recipe.members  # the same rows, from another start
    number = cp.Regressor(recipe, random_state=0).fit(X, X["size"], X_val=X_val, y_val=X_val["size"])
    inputs = number.preprocessing_.transform(number._table(X_val, reset=False))
    for member in number.members_:
        residual = number._encode(X_val["size"].to_numpy()) - member.network.predict(inputs)
        # float32, summed in another order
        assert min(member.history["validation_rmse"]) == pytest.approx(numpy.sqrt(numpy.mean(residual**2)), rel=1e-5)


def test_scaling_is_that_of_the_training_rows_alone():
    X = pandas.DataFrame({"x": numpy.arange(21.0)})
    model = cp.Regressor(ONE, random_state=0).fit(X, X["x"], X_val=1e6 * X, y_val=1e9 * X["x"])
    assert model.preprocessing_.columns[0].center == 10.0
    assert model.target_.mean == (10.0,)
    assert model.target_.high == (20.0,)


def test_rows_to_validate_on_that_do_not_fit():
    X, y = rows()
    with pytest.raises(ArgumentError, match="X_val and y_val belong together"):
        cp.Classifier(FEW).fit(X, y, X_val=X)
    with pytest.raises(DataError, match="y_val holds 'perhaps', which is no class in y"):
        cp.Classifier(FEW).fit(X, y, X_val=X, y_val=numpy.full(len(X), "perhaps"))
    with pytest.raises(DataError, match="X has 200 rows, y_val has 10"):
        cp.Classifier(FEW).fit(X, y, X_val=X, y_val=y[:10])
    with pytest.raises(ValueError, match="feature names"):
        cp.Classifier(FEW).fit(X, y, X_val=X.rename(columns={"size": "x"}), y_val=y)
    with pytest.raises(DataError, match="two rows or more"):
        cp.Regressor(FEW).fit(X[:1], [1.0])
    assert len(cp.Regressor(FEW).fit(X[:1], [1.0], X_val=X[:1], y_val=[1.0]).members_) == 3


def test_metrics_are_of_the_networks_that_did_not_learn_from_the_rows():
    X, y = rows()
    model = cp.Classifier(FEW, random_state=0).fit(X, y)
    inputs = model.preprocessing_.transform(model._table(X, reset=False))
    right = 0
    for member in model.members_:
        p = member.network.predict([x[member.held_out] for x in inputs])
        right += (model.classes_[p.argmax(axis=1)] == y[member.held_out]).sum()
    assert model.validation_metrics_["accuracy"] == pytest.approx(right / 200)
    others, truth = rows(seed=1)
    model = cp.Classifier(FEW, random_state=0).fit(X, y, X_val=others, y_val=truth)
    assert model.validation_metrics_["accuracy"] == pytest.approx(model.score(others, truth))
    assert model.validation_metrics_["log_loss"] == pytest.approx(log_loss(truth, model.predict_proba(others)))


def test_the_form_of_rows_to_validate_on():
    X, y = rows()
    codes = numpy.stack([y == "yes", y == "no"], axis=1).astype(int)
    with pytest.raises(DataError, match=r"y_val must be of the form of y, shape \(200,\); got shape \(200, 2\)"):
        cp.Classifier(FEW).fit(X, y, X_val=X, y_val=codes)
    with pytest.raises(DataError, match="y_val must hold labels, 0 or 1"):
        cp.Classifier(FEW).fit(X, codes, X_val=X, y_val=0.5 * codes)
    with pytest.raises(DataError, match=r"shape \(200, 2\); got shape \(200,\)"):
        cp.Regressor(FEW).fit(X, codes, X_val=X, y_val=codes[:, 0])


def test_a_fit_that_fails_leaves_no_model():
    X, y = numpy.linspace(0.0, 1.0, 100)[:, None], numpy.linspace(1.0, 2.0, 100)
    model = cp.Regressor(FEW, random_state=0).fit(X, y)
    model.set_params(preset=dataclasses.replace(FEW, optimizer="sgd", learning_rate=(1e30, 1e30)))
    with pytest.raises(NonFiniteError):
        model.fit(1000.0 * X, 1e6 * y)
    with pytest.raises(NotFittedError):
        model.predict(X)


def test_no_class_is_held_out_as_a_whole():
    X = numpy.arange(61.0)[:, None]
    y = numpy.array(["a"] + ["b", "c"] * 30)
    for seed in range(5):
        model = cp.Classifier(ONE, random_state=seed).fit(X, y)
        assert 0 not in model.members_[0].held_out
    few = cp.Classifier(ONE, random_state=0).fit(X[:3], y[:3])  # there is no other way
    assert len(few.members_[0].held_out) == 1


def test_class_weights_hold_for_rows_to_validate_on():
    X, y = rows()
    recipe = dataclasses.replace(ONE, epochs=1)
    model = cp.Classifier(recipe, class_weight={"no": 1.0, "yes": 5.0}, objective="probability", random_state=0)
    (member,) = model.fit(X, y, X_val=X, y_val=y).members_
    inputs, weight = model.preprocessing_.transform(model._table(X, reset=False)), numpy.where(y == "yes", 5.0, 1.0)
    expected = member.network.loss(inputs, (y == "yes").astype(int), sample_weight=weight)
    assert member.history["validation_loss"] == [pytest.approx(expected, rel=1e-6)]
    with pytest.raises(ArgumentError, match="class_weight must be 'balanced' or None for labels"):
        cp.Classifier(FEW, class_weight={0: 1.0}).fit(X, numpy.stack([y == "yes", y == "no"], axis=1).astype(int))


def test_a_class_without_weight():
    X, y = rows()
    model = cp.Classifier(FEW, class_weight={"no": 0.0, "yes": 1.0}, random_state=0)
    assert model.fit(X, y).predict_proba(X).shape == (200, 2)
    with pytest.raises(DataError, match="class_weight gives every row of y_val the weight 0"):
        model.fit(X, y, X_val=X[y == "no"], y_val=y[y == "no"])


# ---- tables of files


def test_a_table_of_a_file():
    X, y = rows()
    table = text_table(size=[repr(float(size)) for size in X["size"]], colour=X["colour"].tolist())
    model = cp.Classifier(FEW, random_state=0).fit(X, y)
    read = cp.Classifier(FEW, random_state=0).fit(table, y)
    assert read.feature_names_in_.tolist() == ["size", "colour"]
    assert read.n_features_in_ == 2
    numpy.testing.assert_array_equal(read.predict_proba(table), model.predict_proba(X))
    more = text_table(other=["x"], colour=["red"], size=["0.5"])  # columns are found by name
    assert read.predict(more) == model.predict(pandas.DataFrame({"size": [0.5], "colour": ["red"]}))
    with pytest.raises(DataError, match=r"no column 'colour' in t\.csv; there are 'size'"):
        read.predict(table.select(["size"]))
    with pytest.raises(DataError, match=r"t\.csv:2 'size' is 'big', not a number\. Use --na big for missing\."):
        read.predict(text_table(size=["big"], colour=["red"]))


def test_categories_are_read_as_they_were_in_training():
    y = ["a", "b"] * 20
    codes, flags = ["1", "x"] * 20, ["true", "False"] * 20
    model = cp.Classifier(FEW, random_state=0).fit(text_table(code=codes, flag=flags, size=codes), y)
    expected = model.predict_proba(text_table(code=["1"], flag=["true"], size=["x"]))
    for code, flag in (("1", "TRUE"), ("1", "True")):
        numpy.testing.assert_array_equal(
            model.predict_proba(text_table(code=[code], flag=[flag], size=["x"])), expected
        )
    other = text_table(code=["1", "2", "3x"], flag=["maybe", "true", "true"], size=["1", "x", "x"])
    assert [note.split(":")[0] for note in model.preprocessing_.unseen(other)] == ["'code'", "'flag'"]
    flagged = pandas.DataFrame({"code": [1, 2] * 20, "flag": [True, False] * 20, "size": range(40)})
    model = cp.Classifier(FEW, categorical_features=["code", "flag"], random_state=0).fit(flagged, y)
    assert model.preprocessing_.unseen(model._table(flagged, reset=False)) == []
    assert model.preprocessing_.flags == ["code = 2", "flag = true"]
    chosen = cp.Classifier(FEW, categorical_features=["code"], random_state=0)
    chosen.fit(text_table(code=["01", "02"] * 20, size=["1", "2", "3", "4"] * 10), y)
    assert chosen.preprocessing_.flags == ["code = 02"]
    assert len(chosen.preprocessing_.unseen(text_table(code=["1"], size=["1"]))) == 1


# ---- how training ends


def test_patience_ends_training_and_keeps_the_best():
    X, y = rows()
    recipe = dataclasses.replace(ONE, epochs=200, patience=5, learning_rate=(0.2, 0.2), schedule=False)
    (member,) = cp.Classifier(recipe, objective="probability", random_state=0).fit(X, y).members_
    losses = member.history["validation_loss"]
    assert member.stopped == "patience"
    assert member.best_epoch == 1 + int(numpy.argmin(losses))
    assert len(losses) == member.best_epoch + 5
    (member,) = cp.Classifier(ONE, random_state=0).fit(X, y).members_
    assert (member.stopped, len(member.history["loss"])) == ("epochs", ONE.epochs)


@pytest.mark.parametrize("recipe", [ONE, FEW])
def test_an_interrupt_keeps_the_best_so_far(monkeypatch, recipe):
    X, y = rows()
    monkeypatch.setattr("clearprop.estimators.tables.training.Run", Interrupted)
    with pytest.warns(UserWarning, match="Training interrupted by user"):
        model = cp.Classifier(dataclasses.replace(recipe, epochs=1000), random_state=0).fit(X, y)
    assert {member.stopped for member in model.members_} == {"interrupted"}
    assert all(1 <= len(member.history["loss"]) < 1000 for member in model.members_)
    for member in model.members_:
        held_out = model._table(X.iloc[member.held_out], reset=False)
        right = member.network.predict(model.preprocessing_.transform(held_out)).argmax(axis=1)
        accuracy = (model.classes_[right] == y[member.held_out]).mean()
        assert accuracy == member.history["validation_accuracy"][member.best_epoch - 1]


@pytest.mark.parametrize("recipe", [ONE, FEW])
def test_an_interrupt_before_the_first_epoch_ended(monkeypatch, recipe):
    monkeypatch.setattr("clearprop.estimators.tables.training.Run", InterruptedAtOnce)
    with pytest.raises(KeyboardInterrupt):
        cp.Classifier(recipe, random_state=0).fit(*rows())


@pytest.mark.parametrize("recipe", [ONE, FEW])
def test_numbers_that_are_not_finite_end_training(recipe):
    X, _ = rows()
    wild = dataclasses.replace(recipe, optimizer="sgd", learning_rate=(1e30, 1e30), epochs=20)
    with pytest.raises(NonFiniteError) as caught:
        cp.Regressor(wild, random_state=0).fit(X, X["size"])
    assert caught.value.epoch >= 1
    assert caught.value.node in str(caught.value)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("members", [1, 2])
def test_every_optimizer_learns(optimizer, members):
    rate, _ = OPTIMIZERS[optimizer]
    recipe = Recipe(
        hidden=(32,), optimizer=optimizer, learning_rate=(rate, rate), epochs=60, batch_size=32, members=members
    )
    X, y = rows()
    assert cp.Classifier(recipe, random_state=0).fit(X, y).score(*rows(seed=1)) > 0.85


def test_a_penalty_on_the_weights():
    X, y = rows()
    plain, penalized = (
        cp.Classifier(dataclasses.replace(ONE, l2=strength), random_state=0).fit(X, y).members_[0].network
        for strength in (0.0, 3.0)
    )
    assert plain.program.penalty is None
    assert penalized.program.penalty == cp.L2(3.0)
    assert (plain.vector != penalized.vector).any()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"optimizer": "lbfgs"}, "optimizer must be one of 'adamw'"),
        ({"patience": 0}, "patience must be an integer >= 1, got 0"),
        ({"l2": -1.0}, "l2 must be a finite number >= 0"),
    ],
)
def test_recipes_that_make_no_sense(change, says):
    with pytest.raises(ArgumentError, match=says):
        Recipe(**change)


# ---- what is left out, and what is told


def test_texts_that_differ_in_every_row_are_left_out():
    X, y = rows(60)
    X["name"] = [f"n{row}" for row in range(60)]
    model = cp.Classifier(FEW, random_state=0).fit(X, y)
    assert model.preprocessing_.dropped == {"name": "another text in every row"}
    few = cp.Classifier(FEW, random_state=0).fit(X[:20], y[:20])  # by chance so few may all differ
    assert few.preprocessing_.dropped == {}


def test_verbose_tells_of_progress_where_there_is_no_terminal(monkeypatch, capsys):
    monkeypatch.setattr(progress, "INTERVAL", 0.0)
    cp.Classifier(FEW, random_state=0, verbose=True).fit(*rows())
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(":")[0] for line in lines] == [f"epoch {number}/12" for number in range(1, 13)]
    cp.Classifier(FEW, random_state=0).fit(*rows())
    assert capsys.readouterr().err == ""
