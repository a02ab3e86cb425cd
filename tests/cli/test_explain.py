"""``clearprop explain``: on a terminal, as JSON and as a page."""

from __future__ import annotations

import html.parser
import json
import re
from pathlib import Path

import numpy
import pytest
from flower_table import flower_rows, write_csv

import clearprop as cp
from clearprop.cli import explain
from clearprop.estimators.tables.reader import read_table
from clearprop.trace import NOTATIONS


def trace_of(model, data, row):
    """Return the trace that the command should show, computed in Python."""
    table = read_table(data).take(numpy.array([row]))
    estimator = cp.load(model)
    rows = cp.network_rows(estimator, table, numpy.array(table.text("species"), dtype=object))
    return rows.network.trace(rows.X, rows.y), rows.names


class Cells(html.parser.HTMLParser):
    """Collects the numbers of a page, and whether anything in it could run."""

    def __init__(self):
        super().__init__()
        self.numbers, self.tags = {}, set()

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        named = dict(attributes)
        if "data-value" in named:
            place = tuple(map(int, named["data-cell"].split(",")))
            self.numbers.setdefault(named["data-quantity"], {})[place] = float(named["data-value"])


def test_the_notations_are_those_of_traces():
    assert tuple(NOTATIONS) == explain.NOTATIONS  # written out there, since help imports no NumPy


def test_json_holds_the_trace_of_the_row(clearprop, model, flowers):
    code, out, _ = clearprop("explain", model, flowers, "--row", "7", "--json")
    assert code == 0
    read = json.loads(out)
    trace, names = trace_of(model, flowers, 7)
    assert read["row"] == 7
    assert read["values"] == {name: str(value) for name, value in flower_rows()[7].items()}
    assert read["columns"] == [list(each) for each in names]
    assert [quantity["name"] for quantity in read["quantities"]] == list(trace)
    for quantity in read["quantities"]:
        assert (numpy.array(quantity["values"]) == trace[quantity["name"]]).all()
        assert quantity["formula"] == trace.formula(quantity["name"]).latex


def test_the_terminal_shows_every_step_with_its_formula(clearprop, model, flowers):
    code, out, _ = clearprop("explain", model, flowers, "--row", "0")
    assert code == 0
    assert out.startswith("row 0 of flowers.csv: species is setosa\n")
    trace, _ = trace_of(model, flowers, 0)
    shown = [line.split()[0] for line in out.splitlines() if line.startswith(" ") and "." in line.split(" ")[1]]
    assert shown == [step.name for step in trace.steps()]
    assert f"loss {trace.loss:.6g}" in out
    assert trace.formula("dense_1.delta").text in out


def test_what_the_model_predicts_stands_beside_what_its_network_learns(clearprop, folder, model, flowers):
    row = read_table(flowers).take(numpy.array([4]))
    probabilities = cp.load(model).predict_proba(row)[0]
    said = f"the model predicts {cp.load(model).classes_[probabilities.argmax()]}"
    said += f" with probability {probabilities.max():.6g}; for that it divides scores by its temperature, "
    said += f"{cp.load(model).target_.temperature:.6g}"
    assert said in clearprop("explain", model, flowers, "--row", "4", "--layer", "loss")[1].splitlines()

    clearprop("train", flowers, "--target", "petal_length", "--preset", "fast", "--epochs", "2", "--out", "n.clearprop")
    regressor = cp.load("n.clearprop")
    scores = regressor.members_[0].network.scores(cp.network_rows(regressor, row, row.numbers("petal_length")).X)
    predicted = float(scores[0, 0]) * regressor.target_.scale[0] + regressor.target_.mean[0]
    out = clearprop("explain", "n.clearprop", flowers, "--row", "4", "--layer", "loss")[1].splitlines()[1]
    number, mean, scale = map(float, re.findall(r"-?[0-9.]+", out))
    assert number == pytest.approx(predicted, rel=1e-5)
    assert (mean, scale) == pytest.approx((regressor.target_.mean[0], regressor.target_.scale[0]), rel=1e-5)


def test_one_layer_checked_in_another_notation(clearprop, model, flowers):
    options = ("--layer", "dense_1", "--check", "--notation", "ufldl", "--optimizer", "adam", "--lr", "0.5")
    code, out, _ = clearprop("explain", model, flowers, "--row", "0", *options)
    assert code == 0
    lines = {line.split()[0]: line for line in out.splitlines() if line.startswith(" dense_1.")}
    assert list(lines)[:2] == ["dense_1.a", "dense_1.delta"]
    assert "dense_1.W.square_mean_corrected" in lines
    assert "z⁽" in lines["dense_1.a"]
    for name in ("dense_1.delta", "dense_1.W.gradient", "dense_1.b.gradient"):
        assert float(lines[name].split()[-1]) < 1e-4  # the network computes in float32, sums of some hundred terms
    assert not any(name.startswith("dense_2") for name in lines)
    _, out, _ = clearprop("explain", model, flowers, "--row", "0", "--layer", "dense_1", "--json")
    assert {q["name"].split(".")[0] for q in json.loads(out)["quantities"]} == {"dense_1"}


def test_the_page_holds_the_numbers_and_nothing_that_runs(clearprop, folder):
    bad = "<img src=x onerror=alert(1)>"
    rows = [{bad if name == "sepal_length" else name: value for name, value in row.items()} for row in flower_rows()]
    rows[0]["species"] = rows[3]["species"] = "<b>setosa"
    write_csv(folder / "t.csv", rows)
    assert clearprop("train", "t.csv", "--target", "species", "--preset", "fast", "--epochs", "1")[0] == 0
    code, out, err = clearprop("explain", "t.clearprop", "t.csv", "--row", "0", "--html", "page.html", "--check")
    assert (code, out) == (0, "")
    assert "wrote page.html" in err
    text = Path("page.html").read_text()
    assert bad not in text
    assert "&lt;img src=x onerror=alert(1)&gt;" in text
    found = Cells()
    found.feed(text)
    assert not found.tags & {"img", "script", "b", "iframe"}
    assert "math" in found.tags
    trace, _ = trace_of("t.clearprop", "t.csv", 0)
    for step in trace.steps():
        for place, value in found.numbers[step.name].items():
            assert trace[step.name][place] == numpy.float32(value)


def test_a_network_of_its_own(clearprop, folder):
    net = cp.Network([cp.Dense(2), cp.Tanh(), cp.Dense(1)], inputs=2, dtype="float64", seed=3)
    net.save("net.clearprop")
    write_csv(folder / "t.csv", [{"a": 1.5, "y": 0.5, "b": -2.0}, {"a": 0.0, "y": 1.0, "b": 0.0}])
    code, out, _ = clearprop("explain", "net.clearprop", "t.csv", "--row", "0", "--target", "y", "--json")
    assert code == 0
    read = json.loads(out)
    trace = net.trace([[1.5, -2.0]], [0.5])
    assert read["loss"] == trace.loss
    assert read["columns"] == [["a", "b"]]


def test_what_is_not_finite_is_named_in_json(clearprop, folder):
    net = cp.Network([cp.Dense(2), cp.Tanh(), cp.Dense(1)], inputs=2)
    net.parameters["dense_2.W"][...] = [[numpy.inf], [1.0]]
    net.save("net.clearprop")
    write_csv(folder / "t.csv", [{"a": 1.5, "b": -2.0, "y": 0.5}])
    with numpy.errstate(all="ignore"):
        options = ("--row", "0", "--target", "y", "--check", "--json")
        code, out, _ = clearprop("explain", "net.clearprop", "t.csv", *options)
    assert code == 0
    read = json.loads(out)
    assert read["loss"] == "Infinity"
    assert read["errors"]["dense_2.W.gradient"] == "NaN"
    assert read["errors"]["tanh_1.f'"] < 1e-5


def test_the_notations_are_those_of_the_trace():
    assert tuple(NOTATIONS) == explain.NOTATIONS


@pytest.mark.parametrize(
    ("code", "options", "says"),
    [
        (3, ("--row", "90"), "row 90 is not among the 90 rows with a target; rows count from 0"),
        (2, ("--row", "-1"), "must be a whole number >= 0"),
        (2, ("--row", "0", "--layer", "dense_9"), "--layer 'dense_9': there is no such node; there are input_1"),
        (3, ("--row", "0", "--target", "specie"), "no column 'specie' in flowers.csv; did you mean 'species'?"),
        (2, ("--row", "0", "--html", "flowers.csv", "--force"), "--html 'flowers.csv' is a file to read from"),
    ],
)
def test_what_does_not_fit_is_named(clearprop, model, flowers, code, options, says):
    got, out, err = clearprop("explain", model, flowers, *options)
    assert (got, out) == (code, "")
    assert says in err


def test_a_network_without_fitting_columns_is_refused(fails, folder, flowers):
    cp.Network([cp.Dense(1)], inputs=5).save("net.clearprop")
    fails(2, "explain", "net.clearprop", flowers, "--row", "0", says="add --target COL")
    fails(
        3, "explain", "net.clearprop", flowers, "--row", "0", "--target", "sepal_length",
        says="flowers.csv has 4 columns beside 'sepal_length', but the network reads rows of shape (5,)",
    )  # fmt: skip


def test_a_network_of_several_inputs_reads_the_columns_one_input_after_another(clearprop, folder):
    first, second = cp.Input(1), cp.Input(2)
    cp.Network(cp.Dense(1)(cp.Concatenate()(first, second)), [first, second]).save("two.clearprop")
    (folder / "two.csv").write_text("a,b,c,y\n1,2,3,0\n4,5,6,1\n")
    given = ("two.clearprop", "two.csv", "--target", "y")
    code, out, err = clearprop("explain", *given, "--row", "1", "--json")
    assert code == 0, err
    found = json.loads(out)
    values = {quantity["name"]: quantity["values"] for quantity in found["quantities"]}
    assert (values["input_1.x"], values["input_2.x"]) == ([[4.0]], [[5.0, 6.0]])
    assert found["columns"] == [["a"], ["b", "c"]]
    assert clearprop("plot", "two.clearprop", "backprop", "two.csv", "--target", "y", "--out", "two.png")[0] == 0


def test_a_network_for_images_reads_the_columns_row_by_row(clearprop, folder):
    cp.Network([cp.Conv2D(1, 2), cp.Flatten()], inputs=(1, 2, 2)).save("images.clearprop")
    (folder / "images.csv").write_text("p00,p01,y,p10,p11\n1,2,0,3,4\n5,6,1,7,8\n")
    given = ("explain", "images.clearprop", "images.csv", "--row", "1", "--target", "y")
    code, out, err = clearprop(*given, "--json")
    assert code == 0, err
    values = {quantity["name"]: quantity["values"] for quantity in json.loads(out)["quantities"]}
    assert values["input_1.x"] == [[[[5.0, 6.0], [7.0, 8.0]]]]
    assert clearprop(*given, "--html", "images.html")[0] == 0
    assert "<p></p>" not in (folder / "images.html").read_text()  # a network predicts nothing else than its scores say
