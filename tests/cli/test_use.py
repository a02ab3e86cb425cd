"""predict, evaluate and inspect."""

from __future__ import annotations

import csv
import io
import json
import os
from pathlib import Path

import numpy
import pandas
import pytest
from flower_table import flower_rows, write_csv

import clearprop as cp
from clearprop.estimators.tables import Recipe
from clearprop.estimators.tables.reader import read_table

QUICK = ("--preset", "fast", "--epochs", "2")
RECIPE = Recipe(hidden=(8,), epochs=2, members=2)


def test_predict(clearprop, model, flowers):
    code, out, err = clearprop("predict", model, flowers)
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == "prediction"
    truth = [row["species"] for row in flower_rows()]
    assert numpy.mean([a == b for a, b in zip(lines[1:], truth, strict=True)]) > 0.9


def test_predict_proba_keep_out(clearprop, model, flowers):
    code, out, err = clearprop("predict", model, flowers, "--proba", "--keep", "id,colour", "--out", "p.csv")
    assert (code, out) == (0, "")
    assert "wrote 90 predictions to p.csv" in err
    rows = list(csv.DictReader(io.StringIO(Path("p.csv").read_text())))
    classes = ["setosa", "versicolor", "virginica"]
    assert list(rows[0]) == ["id", "colour", "prediction", *(f"probability_{label}" for label in classes)]
    assert [row["id"] for row in rows] == [row["id"] for row in flower_rows()]
    expected = cp.load(model).predict_proba(read_table(flowers))
    got = numpy.array([[float(row[f"probability_{label}"]) for label in classes] for row in rows])
    numpy.testing.assert_allclose(got, expected, rtol=5e-9)  # nine digits
    assert [row["prediction"] for row in rows] == [classes[place] for place in expected.argmax(axis=1)]


def test_predict_finds_columns_by_name(clearprop, model, flowers, folder):
    expected = clearprop("predict", model, flowers, "--proba")
    rows = [{name: row[name] for name in ("petal_length", "colour", "sepal_length")} for row in flower_rows()]
    write_csv(folder / "other.csv", [{"extra": "x", **row} for row in rows])
    assert clearprop("predict", model, "other.csv", "--proba") == expected


def test_predict_takes_gaps_and_unknown_categories(clearprop, model, folder):
    rows = flower_rows(4)
    rows[0]["colour"], rows[1]["colour"], rows[2]["petal_length"] = "green", "", ""
    write_csv(folder / "t.csv", rows)
    code, out, _ = clearprop("predict", model, "t.csv", "--proba")
    assert code == 0
    assert "nan" not in out


@pytest.mark.parametrize(("change", "says"), [
    ({"petal_length": None}, "no column 'petal_length' in t.csv; did you mean 'sepal_length'?"),
    ({"petal_length": "n/a"}, "t.csv:2 'petal_length' is 'n/a', not a number. Use --na n/a for missing."),
    ({"petal_length": "?"}, "'?', not a number. Use --na '?' for missing."),
    ({"petal_length": "true"}, "is 'true', not a number"),
    ({"petal_length": "inf"}, "t.csv:2 'petal_length' is infinite"),
])  # fmt: skip
def test_predict_bad_data(fails, model, folder, change, says):
    rows = [{name: value for name, value in (row | change).items() if value is not None} for row in flower_rows(3)]
    write_csv(folder / "t.csv", rows)
    fails(3, "predict", model, "t.csv", says=says)


def test_predict_na(clearprop, model, folder):
    rows = flower_rows(3)
    rows[0]["petal_length"] = "n/a"
    write_csv(folder / "t.csv", rows)
    code, out, _ = clearprop("predict", model, "t.csv", "--na", "n/a")
    assert code == 0
    assert len(out.splitlines()) == 4


def test_predict_usage(fails, clearprop, model, flowers):
    fails(3, "predict", model, flowers, "--keep", "ids", says="did you mean 'id'?")
    fails(2, "predict", model, says="required: DATA")
    fails(2, "predict", model, flowers, "--out", "none/p.csv", says="there is no folder 'none'")
    fails(2, "predict", model, flowers, "--out", flowers, "--force", says="is a file to read from")
    Path("p.csv").write_text("mine")
    fails(2, "predict", model, flowers, "--out", "p.csv", says="--force")
    assert Path("p.csv").read_text() == "mine"
    assert clearprop("predict", model, flowers, "--out", "p.csv", "--force")[0] == 0
    assert clearprop("predict", model, flowers, "--out", "-")[1].startswith("prediction\n")
    (row := flower_rows(1)[0])["prediction"] = "x"
    write_csv(Path("t.csv"), [row])
    fails(2, "predict", model, "t.csv", "--keep", "prediction", says="'prediction'")


def test_no_probabilities(clearprop, fails, flowers):
    clearprop("train", flowers, "--target", "petal_length", *QUICK, "--out", "r")
    fails(2, "predict", "r", flowers, "--proba", says="'petal_length' is a number")


def test_evaluate(clearprop, model, flowers):
    code, out, err = clearprop("evaluate", model, flowers)
    assert code == 0
    metrics = {name: float(value) for name, value in (line.split() for line in out.splitlines())}
    assert "90 rows of flowers.csv" in err
    loaded = cp.load(model)
    p = loaded.predict_proba(read_table(flowers))
    y = numpy.searchsorted(loaded.classes_, [row["species"] for row in flower_rows()])
    assert metrics["accuracy"] == pytest.approx(numpy.mean(p.argmax(axis=1) == y), abs=1e-6)
    # six digits are printed
    assert metrics["log_loss"] == pytest.approx(-numpy.log(p[numpy.arange(len(y)), y]).mean(), rel=1e-5)


def test_evaluate_regression(clearprop, flowers):
    clearprop("train", flowers, "--target", "petal_length", "--preset", "fast", "--epochs", "30")
    _, out, _ = clearprop("evaluate", "flowers.clearprop", flowers)
    got = {name: float(value) for name, value in (line.split() for line in out.splitlines())}
    prediction = clearprop("predict", "flowers.clearprop", flowers)[1].splitlines()[1:]
    p, y = numpy.array(prediction, dtype=float), numpy.array([float(row["petal_length"]) for row in flower_rows()])
    expected = {
        "rmse": numpy.sqrt(numpy.mean((p - y) ** 2)),
        "mae": numpy.mean(abs(p - y)),
        "r2": 1 - numpy.sum((p - y) ** 2) / numpy.sum((y - y.mean()) ** 2),
    }
    assert got == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(("limits", "code"), [
    (["accuracy=0.1"], 0), (["accuracy=1.1"], 7), (["log_loss=99"], 0), (["log_loss=0"], 7),
    (["ACCURACY=0.1", "log_loss=1e-9"], 7), (["accuracy=0", "log_loss=1e9"], 0),
])  # fmt: skip
def test_fail_under(clearprop, model, flowers, limits, code):
    got, out, err = clearprop("evaluate", model, flowers, *(f"--fail-under={limit}" for limit in limits))
    assert got == code
    assert "accuracy" in out
    assert ("failed: " in err) == (code == 7)


@pytest.mark.parametrize(
    ("limit", "says"), [("rmse=3", "this model has accuracy, log_loss"), ("acc=3", "METRIC=NUMBER"), ("r2", "got 'r2'")]
)
def test_fail_under_usage(fails, clearprop, model, flowers, limit, says):
    code, out, err = clearprop("evaluate", model, flowers, "--fail-under", limit)
    assert (code, out) == (2, "")
    assert says in err


def test_evaluate_bad_data(clearprop, fails, model, folder):
    rows = flower_rows(6)
    write_csv(folder / "t.csv", [{k: v for k, v in row.items() if k != "species"} for row in rows])
    fails(3, "evaluate", model, "t.csv", says="no column 'species' in t.csv")
    write_csv(folder / "t.csv", [{**row, "species": "setos"} for row in rows])
    fails(3, "evaluate", model, "t.csv", says="'setos', a class the model does not know; did you mean 'setosa'?")
    rows[0]["species"] = ""
    write_csv(folder / "t.csv", rows)
    code, _, err = clearprop("evaluate", model, "t.csv")
    assert code == 0
    assert "note: 1 of 6 rows have no 'species': left out" in err


def test_inspect(clearprop, model):
    code, out, err = clearprop("inspect", model)
    assert (code, err) == (0, "")
    for text in ("dense_1", "(256,)", "133,382", "CrossEntropy(label_smoothing=0.1)", "'species', classification",
                 "colour: category, -1 and 1: blue, red", "setosa, versicolor, virginica", "sepal_length: number, (x",
                 "id: left out: another text in every row", "epochs: 40 (all done)", "best epoch", "optimizer adamw",
                 "source: flowers.csv", "validation: accuracy "):  # fmt: skip
        assert text in out


def test_inspect_json(clearprop, model):
    found = json.loads(clearprop("inspect", model, "--json")[1])
    (member,) = cp.load(model).members_
    assert found["n_parameters"] == sum(layer["parameters"] for layer in found["layers"]) == member.network.n_parameters
    target = {name: found["target"][name] for name in ("task", "name", "labels")}
    assert target == {"task": "classification", "name": "species", "labels": ["setosa", "versicolor", "virginica"]}
    assert found["inputs"] == ["sepal_length", "petal_length", "colour = red"]
    assert found["record"]["rows"] == 90
    assert [network["history"] for network in found["networks"]] == [member.history]


def test_a_model_saved_in_python(clearprop, fails, flowers):
    table = read_table(flowers)
    species = numpy.array(table.labels("species"))
    frame = pandas.DataFrame({name: table.numbers(name) for name in ("petal_length", "sepal_length")})
    cp.Classifier(RECIPE, random_state=0).fit(frame, species).save("c")
    code, out, err = clearprop("predict", "c", flowers, "--proba")
    assert (code, err) == (0, "")
    expected = cp.load("c").predict(frame).tolist()
    assert [line.split(",")[0] for line in out.splitlines()] == ["prediction", *expected]
    fails(2, "evaluate", "c", flowers, says=("saved in Python", "--target COL"))
    code, out, err = clearprop("evaluate", "c", flowers, "--target", "species")
    assert (code, out.split()[0]) == (0, "accuracy")
    assert float(out.split()[1]) == pytest.approx(numpy.mean(expected == species), abs=1e-6)
    assert "species" not in clearprop("inspect", "c")[1]
    cp.Regressor(RECIPE, random_state=0).fit(frame, numpy.stack([frame["petal_length"]] * 2, axis=1)).save("r")
    assert clearprop("predict", "r", flowers)[1].splitlines()[0] == "prediction_0,prediction_1"
    fails(2, "evaluate", "r", flowers, "--target", "petal_length", says="several columns")
    fails(2, "predict", "r", flowers, "--proba", says="the target is a number")
    cp.Classifier(RECIPE, random_state=0).fit(frame, numpy.stack([species == "setosa"] * 2, axis=1)).save("s")
    rows = list(csv.reader(io.StringIO(clearprop("predict", "s", flowers, "--proba")[1])))
    assert rows[0] == ["prediction_0", "prediction_1", "probability_0", "probability_1"]
    assert {row[0] for row in rows[1:]} <= {"0", "1"}


@pytest.mark.parametrize("entry", [None, [], "x", {}, {"target": 3, "missing": [], "record": {}},
                                   {"target": "y", "missing": [1], "record": {}},
                                   {"target": "y", "missing": [], "record": None}])  # fmt: skip
def test_a_damaged_entry_of_the_command_line(fails, model, flowers, entry):
    cp.load(model).save("bad", extra={"table": entry})
    fails(4, "predict", "bad", flowers, says=("'bad' cannot be used", "train again"))


def test_bare_network(clearprop, fails, folder, flowers):
    cp.Network([cp.Dense(2)], inputs=3).save("bare.clearprop")
    code, out, _ = clearprop("inspect", "bare.clearprop")
    assert code == 0
    assert "a network without a table" in out
    assert json.loads(clearprop("inspect", "bare.clearprop", "--json")[1])["n_parameters"] == 8
    fails(4, "predict", "bare.clearprop", flowers, says="holds a network but no table")


@pytest.mark.parametrize("verb", ["predict", "evaluate", "inspect"])
def test_bad_model_files(fails, model, flowers, verb):
    data = Path(model).read_bytes()
    rest = [] if verb == "inspect" else [flowers]
    for content in (data[:-1], data[: len(data) // 2], data[:5], b"", b"a,b\n1,2\n", data[:900] + b"x" + data[901:]):
        Path("bad").write_bytes(content)
        fails(4, verb, "bad", *rest, says="bad")
    fails(4, verb, "none", *rest, says=("cannot read 'none'", "No such file"))
    fails(4, verb, os.getcwd(), *rest, says="directory")
