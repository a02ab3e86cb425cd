"""`Classifier` and `Regressor` in files."""

from __future__ import annotations

import copy
import errno
import json
import os
import subprocess
import sys

import numpy
import pandas
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

import clearprop as cp
from clearprop.errors import ArgumentError, ModelFileError
from clearprop.estimators.tables import Recipe
from clearprop.estimators.tables.target import ClassTarget, NumberTarget, target_from_config
from clearprop.files import read_model
from clearprop.loading import model_from_file

FEW = Recipe(hidden=(6,), epochs=3, batch_size=32, members=3)


def mixed(n: int = 60) -> pandas.DataFrame:
    random = numpy.random.default_rng(3)
    return pandas.DataFrame(
        {
            "size": numpy.where(random.random(n) < 0.1, numpy.nan, random.normal(5.0, 100.0, size=n)),
            "colour": random.choice(["red", "green", None], size=n),
            "paid": random.random(n) < 0.5,
            "when": pandas.Timestamp("2026-01-01") + pandas.to_timedelta(random.integers(0, 365, size=n), unit="D"),
            "town": [f"town {number}" for number in random.integers(12, size=n)],
            "constant": 1.0,
        }
    )


TABLE = mixed()
PLACES = numpy.arange(len(TABLE))
CLASSES = {
    "texts": numpy.array(["no", "yes", "perhaps"])[PLACES % 3],
    "objects": numpy.array(["no", "yes"], dtype=object)[PLACES % 2],
    "booleans": PLACES % 2 == 0,
    "small integers": (PLACES % 3).astype(numpy.int8),
    "numbers": numpy.array([0.5, 1.5], dtype=object)[PLACES % 2],
    "labels": numpy.stack([PLACES % 2, PLACES % 3 == 0], axis=1),
}
NUMBERS = {"column": 1e6 + 3.0 * PLACES, "one of a matrix": PLACES[:, None], "two": numpy.stack([PLACES, -PLACES], 1)}


def again(model, path):
    model.save(path)
    return cp.load(path)


def fitted(kind=cp.Classifier, recipe=FEW, y=CLASSES["texts"], **parameters):
    return kind(recipe, random_state=0, **parameters).fit(TABLE, y)


@pytest.mark.parametrize("kind", CLASSES)
def test_a_classifier_predicts_the_same_bits(tmp_path, kind):
    model = fitted(y=CLASSES[kind])
    loaded = again(model, tmp_path / "m")
    assert type(loaded) is cp.Classifier
    check_is_fitted(loaded)
    numpy.testing.assert_array_equal(loaded.predict_proba(TABLE), model.predict_proba(TABLE))
    predicted, expected = loaded.predict(TABLE), model.predict(TABLE)
    numpy.testing.assert_array_equal(predicted, expected)
    assert predicted.dtype == expected.dtype
    assert loaded.classes_.dtype == model.classes_.dtype
    assert (loaded.classes_ == model.classes_).all()
    assert loaded.target_ == model.target_
    assert vars(loaded).keys() == vars(model).keys()
    assert loaded.preprocessing_.to_json() == model.preprocessing_.to_json()
    for one, other in zip(loaded.members_, model.members_, strict=True):
        assert (one.history, one.best_epoch, one.stopped) == (other.history, other.best_epoch, other.stopped)
        assert one.network.to_config() == other.network.to_config()
        numpy.testing.assert_array_equal(one.held_out, other.held_out)
    loaded.save(tmp_path / "n")
    assert (tmp_path / "m").read_bytes() == (tmp_path / "n").read_bytes()
    assert b"pickle" not in (tmp_path / "m").read_bytes()


@pytest.mark.parametrize("kind", NUMBERS)
@pytest.mark.filterwarnings("ignore:A column-vector y was passed")
def test_a_regressor_predicts_the_same_bits(tmp_path, kind):
    model = fitted(cp.Regressor, y=NUMBERS[kind], objective="absolute_error")
    loaded = again(model, tmp_path / "m")
    assert type(loaded) is cp.Regressor
    numpy.testing.assert_array_equal(loaded.predict(TABLE), model.predict(TABLE))
    assert vars(loaded).keys() == vars(model).keys()
    assert loaded.target_ == model.target_


def test_names_of_features_are_kept(tmp_path):
    loaded = again(fitted(), tmp_path / "m")
    assert loaded.feature_names_in_.tolist() == list(TABLE.columns)
    with pytest.raises(ValueError, match="feature names"):
        loaded.predict(TABLE.rename(columns={"size": "length"}))
    X = numpy.arange(40.0).reshape(20, 2)
    loaded = again(cp.Regressor(FEW).fit(X, X[:, 0]), tmp_path / "m")
    assert not hasattr(loaded, "feature_names_in_")
    with pytest.raises(ValueError, match="2 features"):
        loaded.predict(X[:, :1])


def test_parameters_are_kept(tmp_path):
    parameters = {
        "preset": FEW, "objective": "probability", "class_weight": {"no": 2, "yes": 1.5}, "time_limit": 60,
        "categorical_features": ["size"], "verbose": False, "random_state": 7,
    }  # fmt: skip
    model = cp.Classifier(**parameters).fit(TABLE, CLASSES["objects"])
    loaded = again(model, tmp_path / "m")
    assert loaded.get_params() == parameters
    numpy.testing.assert_array_equal(loaded.fit(TABLE, CLASSES["objects"]).predict(TABLE), model.predict(TABLE))
    drawn = clone(model).set_params(random_state=numpy.random.RandomState(3), categorical_features=numpy.array([0]))
    loaded = again(drawn.fit(TABLE, CLASSES["objects"]), tmp_path / "m")
    assert (loaded.random_state, loaded.categorical_features) == (None, [0])
    loaded = again(fitted(class_weight={numpy.int64(0): 2.0}, y=PLACES % 2), tmp_path / "m")
    assert loaded.class_weight == {0: 2.0}
    assert cp.Classifier("fast", random_state=0).fit(TABLE, PLACES % 2).preset == "fast"


def test_what_cannot_be_saved_is_refused(tmp_path):
    with pytest.raises(NotFittedError):
        cp.Classifier().save(tmp_path / "m")
    with pytest.raises(ArgumentError, match="extra must be a mapping without 'estimator'"):
        fitted().save(tmp_path / "m", extra={"estimator": 1})
    model = fitted(class_weight={"no": 2.0})
    model.class_weight = {object(): 2.0}
    with pytest.raises(ArgumentError, match=r"class_weight: <object object at .* cannot be saved as JSON"):
        model.save(tmp_path / "m")
    assert os.listdir(tmp_path) == []


def test_a_full_disk_leaves_nothing_behind(tmp_path, monkeypatch):
    model = fitted()

    def full(*args):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        model.save(tmp_path / "m")
    assert os.listdir(tmp_path) == []


def test_further_entries_and_engines(tmp_path):
    model = fitted()
    model.save(tmp_path / "m", extra={"mine": [1, 2]})
    assert read_model(tmp_path / "m")[0]["mine"] == [1, 2]
    slow = cp.load(tmp_path / "m", engine="array")
    assert {member.network.engine for member in slow.members_} == {"array"}
    p = slow.predict_proba(TABLE)
    # float32 products of 6 terms, added in another order, through two layers
    numpy.testing.assert_allclose(p, model.predict_proba(TABLE), atol=64 * numpy.finfo(numpy.float32).eps)


def test_networks_are_read_without_scikit_learn(tmp_path):
    path = str(tmp_path / "net")
    cp.Network([cp.Dense(1)], inputs=1).save(path)
    code = f"import sys, clearprop as cp; cp.load({path!r}); assert 'sklearn' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> dict:
    """Description and arrays of a model of each kind."""
    folder = tmp_path_factory.mktemp("files")
    fitted().save(folder / "classifier")
    fitted(cp.Regressor, y=NUMBERS["two"]).save(folder / "regressor")
    return {name: read_model(folder / name) for name in ("classifier", "regressor")}


STRANGE = [None, True, -1, 0.5, "x", [], [None], {}, {"kind": "Warp"}, {"kind": "Dense", "units": 2}]


def places(entry, path=()):
    """Yield the path of every entry and part of one, but of networks, whose own tests do this."""
    parts = entry.items() if isinstance(entry, dict) else enumerate(entry) if isinstance(entry, list) else ()
    for key, value in parts:
        yield (*path, key)
        if key != "network":
            yield from places(value, (*path, key))


@pytest.mark.filterwarnings("ignore:X has feature names")  # the damage may be that the model does not know them
@pytest.mark.parametrize("kind", ["classifier", "regressor"])
def test_damaged_descriptions(files, kind):
    """An entry that is not what it should be is a `ModelFileError`; the model that others make predicts."""
    description, arrays = files[kind]
    model = model_from_file(description, arrays)
    expected = model.predict_proba(TABLE) if kind == "classifier" else model.predict(TABLE)
    harmful = {"preprocessing", "target"}  # of which one number or name is as good as another
    refused, accepted = 0, set()
    for path in list(places(description["estimator"])):
        for strange in STRANGE:
            damaged = copy.deepcopy(description)
            *inner, last = path
            entry = damaged["estimator"]
            for key in inner:
                entry = entry[key]
            if json.dumps(entry[last]) == json.dumps(strange):
                continue
            entry[last] = strange
            try:
                loaded = model_from_file(damaged, arrays)
            except ModelFileError:
                refused += 1
                continue
            got = loaded.predict_proba(TABLE) if kind == "classifier" else loaded.predict(TABLE)
            assert got.shape == expected.shape
            if not harmful.intersection(path):
                numpy.testing.assert_array_equal(got, expected)
            accepted.add(path[0])
    assert accepted <= {
        "parameters", "preprocessing", "target", "members", "feature_names_in", "recipe", "validation_metrics",
    }  # fmt: skip
    assert refused > 500


@pytest.mark.parametrize("kind", ["classifier", "regressor"])
def test_missing_entries(files, kind):
    description, arrays = files[kind]
    for key in description["estimator"]:
        damaged = copy.deepcopy(description)
        del damaged["estimator"][key]
        with pytest.raises(ModelFileError):
            model_from_file(damaged, arrays)
    for name in arrays:
        with pytest.raises(ModelFileError):
            model_from_file(description, {other: array for other, array in arrays.items() if other != name})
        for array in (arrays[name][None], arrays[name].astype(numpy.float16), arrays[name].astype(numpy.uint8)):
            with pytest.raises(ModelFileError):
                model_from_file(description, {**arrays, name: array})


def test_parts_that_do_not_fit_one_another(files):
    description, arrays = files["classifier"]

    def change(**parts):
        return {**description, "estimator": {**description["estimator"], **parts}}

    other = files["regressor"][0]["estimator"]
    for key in ("target", "preprocessing", "network"):
        if other[key] != description["estimator"][key]:
            with pytest.raises(ModelFileError):
                model_from_file(change(**{key: other[key]}), arrays)
    fewer = copy.deepcopy(description["estimator"]["preprocessing"])
    fewer["columns"][-1]["levels"].pop()
    with pytest.raises(ModelFileError, match="its networks have inputs and output"):
        model_from_file(change(preprocessing=fewer), arrays)
    for wrong in ("Network", "BaseEstimator", None, 3):
        with pytest.raises(ModelFileError, match="expected Classifier or Regressor"):
            model_from_file(change(**{"class": wrong}), arrays)
    with pytest.raises(ModelFileError, match="holds an estimator of class None"):
        model_from_file({**description, "estimator": [1]}, arrays)
    with pytest.raises(ModelFileError):
        model_from_file(change(**{"class": "Regressor"}), arrays)


@pytest.mark.parametrize("target", [
    ClassTarget(("a", "b")), ClassTarget((True, False), probability=True), ClassTarget((0, 1, 2), several=True),
    NumberTarget("poisson", (0.0,), (2.5,), (0.0,), (7.0,)),
    NumberTarget("quantile", (0.0,), (2.5,), (0.0,), (7.0,), (0.1, 0.9)),
])  # fmt: skip
def test_targets_as_json(target):
    config = json.loads(json.dumps(cp.config.to_config(target)))
    assert target_from_config(config) == target
    for name in config:
        for strange in (None, [], [[]], "x", {}, [None], float("nan"), [float("nan")] * 9):
            if strange == config[name]:  # no quantiles
                continue
            with pytest.raises(ModelFileError):
                target_from_config({**config, name: strange})
