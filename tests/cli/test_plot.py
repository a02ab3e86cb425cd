"""plot: every kind draws a file, and what is missing is named."""

from __future__ import annotations

import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import matplotlib.image
import numpy
import pytest
from flower_table import flower_rows, write_csv

import clearprop as cp
from clearprop.cli.plot import KINDS
from clearprop.cli.rows import model_rows
from clearprop.displays import BackpropDisplay, DecisionSliceDisplay
from clearprop.estimators.tables.reader import read_table

matplotlib.use("Agg")


@pytest.fixture
def network(folder) -> str:
    """A file with a network for two numbers, and numbers.csv with rows for it."""
    net = cp.Network([cp.Dense(3), cp.ReLU(), cp.Dense(3)], inputs=2, loss=cp.CrossEntropy())
    net.save(folder / "net.clearprop")
    rows = [{name: row[name] for name in ("sepal_length", "petal_length", "species")} for row in flower_rows(12)]
    write_csv(folder / "numbers.csv", rows)
    return "net.clearprop"


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_a_table_model(clearprop, model, flowers, kind):
    data = [flowers] if KINDS[kind][1] else []
    code, out, err = clearprop("plot", model, kind, *data, "--out", "p.png")
    assert (code, out, err) == (0, "", "wrote p.png\n")
    picture = matplotlib.image.imread("p.png")
    assert min(picture.shape[:2]) > 200
    assert picture[..., :3].std() > 0.02  # something is drawn


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "loss"])
def test_every_kind_of_a_network(clearprop, network, kind):
    data = ["numbers.csv", "--target", "species"] if KINDS[kind][1] else []
    code, out, err = clearprop("plot", network, kind, *data, "--out", "p.svg", "--quiet")
    assert (code, out, err) == (0, "", "")
    assert ElementTree.parse("p.svg").getroot().tag.endswith("svg")


def test_the_same_picture_has_the_same_bytes(clearprop, model, flowers):
    for name in ("a.svg", "b.svg"):
        assert clearprop("plot", model, "backprop", flowers, "--row", "3", "--out", name)[0] == 0
    assert Path("a.svg").read_bytes() == Path("b.svg").read_bytes()


def drawn(monkeypatch, kind):
    """Collect the displays of a kind that a command draws."""
    found, plot = [], kind.plot
    monkeypatch.setattr(kind, "plot", lambda display, ax=None: found.append(display) or plot(display, ax))
    return found


def test_the_row_is_that_of_the_file(clearprop, fails, model, folder, monkeypatch):
    rows = flower_rows(8)
    rows[2]["species"] = ""
    write_csv(folder / "t.csv", rows)
    found = drawn(monkeypatch, BackpropDisplay)
    assert clearprop("plot", model, "backprop", "t.csv", "--row", "5", "--out", "p.png")[0] == 0
    estimator = cp.load(model)
    alone = read_table("t.csv").take(numpy.array([5]))
    expected = estimator.members_[0].network.predict(estimator.preprocessing_.transform(alone))
    numpy.testing.assert_allclose(found[0].prediction, expected[0], rtol=1e-6)
    for row in ("2", "8"):
        fails(3, "plot", model, "backprop", "t.csv", "--row", row, "--out", "q.png",
              says=f"row {row} is not among the 7 rows with a target")  # fmt: skip


def test_the_features_of_a_slice(clearprop, fails, model, flowers, monkeypatch):
    found = drawn(monkeypatch, DecisionSliceDisplay)
    command = ("plot", model, "decision", flowers, "--out", "p.png", "--force")
    assert clearprop(*command, "--features", "petal_length,sepal_length")[0] == 0
    assert found[0].names == ("petal_length", "sepal_length")
    assert found[0].classes == ["setosa", "versicolor", "virginica"]
    fails(2, *command, "--features", "petal_length", says="features must be two different columns")
    fails(3, *command, "--features", "petal_length,colour", says="'colour' is no column of numbers")


def test_a_network_reads_the_columns_in_order(network):
    net, table = cp.load(network), read_table("numbers.csv")
    rows = model_rows(net, table, "species")
    assert rows.names == (("sepal_length", "petal_length"),)
    assert rows.X[:, 1].tolist() == [float(row["petal_length"]) for row in flower_rows(12)]
    assert [rows.classes[code] for code in rows.y] == [row["species"] for row in flower_rows(12)]
    assert model_rows(cp.Network([cp.Dense(1)], inputs=2), table.take(numpy.arange(3)), "species").places.tolist() == [
        0, 1, 2,
    ]  # fmt: skip


def test_a_target_of_numbers(clearprop, folder):
    cp.Network([cp.Dense(2), cp.Tanh(), cp.Dense(1)], inputs=2).save(folder / "net.clearprop")
    write_csv(folder / "t.csv", [{"a": "1", "y": "2.5", "b": "true"}, {"a": "2", "y": "-1", "b": "false"}])
    command = ("plot", "net.clearprop", "decision", "t.csv", "--target", "y", "--out", "p.png")
    assert clearprop(*command)[0] == 0


def test_usage(fails, model, flowers, network):
    fails(2, "plot", model, "loss", says="required: --out")
    fails(2, "plot", model, "los", "--out", "p.png", says="invalid choice: 'los'")
    fails(2, "plot", model, "units", "--out", "p.png", says="'units' draws rows passing through the model; give DATA.")
    fails(2, "plot", model, "loss", flowers, "--out", "p.png", says=f"'loss' draws no rows; leave out '{flowers}'.")
    fails(2, "plot", model, "units", flowers, "--row", "1", "--out", "p.png", says="--row is not for 'units'")
    fails(2, "plot", model, "loss", "--out", "p.pdf", says="must end with .png or .svg")
    fails(2, "plot", model, "loss", "--out", "none/p.png", says="there is no folder 'none'")
    fails(2, "plot", model, "backprop", flowers, "--row", "-1", "--out", "p.png", says="must be a whole number >= 0")
    fails(4, "plot", "none", "loss", "--out", "p.png", says="cannot read 'none'")
    fails(3, "plot", model, "units", flowers, "--target", "specis", "--out", "p.png", says="did you mean 'species'?")
    fails(2, "plot", network, "loss", "--out", "p.png", says="whose file keeps no losses")
    fails(2, "plot", network, "units", "numbers.csv", "--out", "p.png", says="add --target COL")
    fails(3, "plot", network, "units", flowers, "--target", "species", "--out", "p.png",
          says="has 4 columns beside 'species', but the network reads rows of shape (2,)")  # fmt: skip
    Path("p.png").write_text("mine")
    fails(2, "plot", model, "loss", "--out", "p.png", says="--force")
    assert Path("p.png").read_text() == "mine"


def test_without_matplotlib(fails, model, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    fails(6, "plot", model, "loss", "--out", "p.png", says="pip install 'clearprop[plot]'")
    assert not Path("p.png").exists()
