"""What columns hold is told alike in training and prediction, in files and in memory."""

from __future__ import annotations

import datetime
import os

import numpy
import pandas
import pytest
from tables_at_hand import text_table

import clearprop as cp
from clearprop.cli.problem import Problem
from clearprop.errors import ArgumentError, DataError
from clearprop.estimators.tables import Recipe
from clearprop.estimators.tables.frame import table_of
from clearprop.files import write_atomically

FEW = Recipe(hidden=(6,), epochs=3, batch_size=32)


def test_texts_that_are_dates():
    days = [f"2026-{month:02}-{day:02}" for month in range(1, 13) for day in (1, 11, 21)]
    table = table_of(pandas.DataFrame({"when": days, "code": ["1", "2", "x"] * 12, "number": ["1", "2", "3"] * 12}))
    assert table.kinds == {"when": "date", "code": "category", "number": "category"}
    assert table.days("when")[0] == (datetime.date(2026, 1, 1) - datetime.date(1970, 1, 1)).days


def test_numbers_in_an_array_of_texts():
    table = table_of(numpy.array([[1.5, "a"], [2.5, "b"], [-3.0, "a"]]))
    assert table.kinds == {"x0": "number", "x1": "category"}
    numpy.testing.assert_array_equal(table.numbers("x0"), [1.5, 2.5, -3.0])
    assert table_of(numpy.array([["007"], ["008"]])).kinds == {"x0": "category"}


def test_a_row_of_texts_is_read_as_in_any_other_company():
    X, y = numpy.array([["1.50"], ["2.00"], ["x"]] * 40), ["a", "b", "c"] * 40
    model = cp.Classifier(FEW, random_state=0).fit(X, y)
    numpy.testing.assert_array_equal(model.predict_proba(X[:2]), model.predict_proba(X[:3])[:2])


def test_what_a_data_frame_holds_is_not_missing_because_of_its_name():
    table = table_of(pandas.DataFrame({"country": ["NA", "DE", None, ""]}))
    assert list(table.categories("country")) == ["NA", "DE", None, ""]


def test_booleans_in_any_spelling():
    random = numpy.random.default_rng(0)
    truth = random.random(200) < 0.5
    y = numpy.where(truth, "yes", "no")
    model = cp.Classifier(Recipe(hidden=(8,), epochs=60), random_state=0).fit(pandas.DataFrame({"k": truth}), y)
    expected = model.predict_proba(pandas.DataFrame({"k": [True, False]}))
    assert expected[0, 1] > 0.5 > expected[1, 1]
    for spelled in ([1, 0], [1.0, 0.0], ["True", "False"], ["true", "FALSE"]):
        numpy.testing.assert_array_equal(model.predict_proba(pandas.DataFrame({"k": spelled})), expected)


def test_class_labels_of_files_are_those_of_python():
    table = text_table(a=["1.5", "2.5", "3.5"] * 4, y=["0", "1", "2"] * 4)
    assert Problem.of(table, "y").y.dtype == numpy.int64
    model = cp.Classifier(FEW, random_state=0).fit(table.select(["a"]), Problem.of(table, "y").y)
    assert model.predict(table.select(["a"])).dtype == numpy.int64
    for large in ([2**53, 2**53 + 1], [-1, 2**63, 2**63 + 1]):
        table = text_table(a=list(map(str, range(8 * len(large)))), y=list(map(str, large)) * 8)
        assert sorted(set(Problem.of(table, "y", task="classification").y.tolist())) == large


def test_a_number_with_a_slip_in_the_target():
    table = text_table(a=[str(place) for place in range(9)], y=["1.5", "2.5", "12o.5", "3.5", "4", "5", "6", "7", "8"])
    with pytest.raises(
        DataError, match=r"'y' is '12o\.5', not a number\..*Or --task classification if its numbers are"
    ):
        Problem.of(table, "y")
    assert Problem.of(table, "y", task="classification").task == "classification"


def test_numbers_with_units_are_pointed_out():
    area = [f"{50 + place}.5 m2" for place in range(12)]
    notes = Problem.of(text_table(area=area, b=["1", "2", "3"] * 4, y=["u", "v"] * 6), "y").notes
    for codes in (["18-25", "26-35", "36-45"] * 4, [f"0{place % 8}" for place in range(12)]):
        table = text_table(area=codes, y=["u", "v"] * 6)
        assert not any("holds texts such as" in n for n in Problem.of(table, "y").notes)
    assert any("'area' holds texts such as '50.5 m2', taken as categories; numbers must be written" in n for n in notes)


def test_what_cannot_be_learned():
    X = pandas.DataFrame({"a": numpy.arange(20.0)})
    days = pandas.date_range("2026-01-01", periods=20).to_numpy()
    for kind in (cp.Classifier, cp.Regressor):
        with pytest.raises(DataError, match="y holds dates or durations; make numbers of them"):
            kind(FEW).fit(X, days)
        with pytest.raises(ValueError, match=r"0 feature\(s\)"):
            kind(FEW).fit(X[[]], numpy.arange(20) % 2)
        with pytest.raises(ArgumentError, match="categorical_features do not fit 1 columns: index 9"):
            kind(FEW, categorical_features=[9]).fit(X, numpy.arange(20) % 2)
        with pytest.raises(DataError, match="two columns are called 'a'; rename one"):
            kind(FEW).fit(pandas.concat([X, X], axis=1), numpy.arange(20) % 2)
    with pytest.raises(ArgumentError, match=r"quantile=0.9 needs objective='quantile', got 'squared_error'"):
        cp.Regressor(FEW, quantile=0.9).fit(X, X["a"])
    with pytest.raises(DataError, match="one class, 'p' among the rows that have a weight"):
        cp.Classifier(FEW).fit(X, ["p", "q"] * 10, sample_weight=[1.0, 0.0] * 10)


def test_files_replace_files_alone(tmp_path):
    target, link, pipe = tmp_path / "target", tmp_path / "link", tmp_path / "pipe"
    target.write_bytes(b"old")
    link.symlink_to(target)
    write_atomically(link, b"new")
    assert link.is_symlink()
    assert target.read_bytes() == b"new"
    os.mkfifo(pipe)
    with pytest.raises(FileExistsError, match="it is a pipe or a device"):
        write_atomically(pipe, b"new")
    with pytest.raises(IsADirectoryError, match="give the name of a file"):
        write_atomically(tmp_path, b"new")
    assert pipe.is_fifo()
