"""Tables and their readers."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy
import pandas
import pytest
from tables_at_hand import text_table

from clearprop.errors import DataError
from clearprop.estimators.tables.frame import table_of
from clearprop.estimators.tables.reader import read_table
from clearprop.estimators.tables.table import Table, closest


def test_errors_name_the_place():
    with pytest.raises(DataError, match=r"no column 'agee' in t\.csv; did you mean 'age'\?"):
        text_table(age=["1"], y=["2"]).require(["agee"])
    with pytest.raises(DataError, match=r"no column 'b' \(and 1 more\) in t\.csv; there are 'a'\."):
        text_table(a=["1"]).select(["b", "a", "c", "b"])
    with pytest.raises(DataError, match=r"t\.csv:4 'x' is 'two', not a number\. Use --na two for missing\."):
        text_table(x=["0", "1", "two"]).numbers("x")
    with pytest.raises(DataError, match=r"t\.parquet row 2 'x' is infinite"):
        Table("t.parquet", {"x": numpy.array([1.0, numpy.inf])}, {"x": "number"}).numbers("x")


def test_errors_of_a_frame_name_no_option_of_the_command_line():
    frame = pandas.DataFrame({"x": ["1", "two"], "when": ["2026-01-31", "soon"]})
    with pytest.raises(DataError, match=r"X row 2 'x' is 'two', not a number\. Use None for missing\."):
        table_of(frame).numbers("x")
    with pytest.raises(DataError, match=r"X row 2 'when' is 'soon', not a date .*\. Use None for missing\."):
        table_of(frame).days("when")
    with pytest.raises(DataError, match=r"t\.csv:3 'when' is 'soon', not a date .*\. Use --na soon for missing\."):
        text_table(when=["2026-01-31", "soon"]).days("when")


def test_rows_and_columns():
    table = text_table(a=["1", "", "3"], b=["x", "y", "z"])
    assert table.present("a").tolist() == [0, 2]
    assert table.take(table.present("a")).text("b") == ["x", "z"]
    assert list(table.select(["b"]).columns) == ["b"]
    typed = Table("t", {"a": numpy.array([1.0, numpy.nan])}, {"a": "number"})
    assert typed.present("a").tolist() == [0]


@pytest.mark.parametrize(
    ("texts", "labels"),
    [
        (["a", "b", ""], ["a", "b", None]),
        (["true", "FALSE", "NA"], [True, False, None]),
        (["10", "9", ""], [10, 9, None]),
        (["1.0", "2.0"], [1, 2]),
        (["0.5", "1"], [0.5, 1.0]),
        (["2026-01-31", "2026-02-01"], ["2026-01-31", "2026-02-01"]),
    ],
)
def test_labels_have_their_type(texts, labels):
    found = text_table(y=texts).labels("y")
    assert found == labels
    assert [type(label) for label in found] == [type(label) for label in labels]


def test_kind_of_text_columns():
    table = text_table(
        a=["1", "-2e3", ""], b=["TRUE", "false", "NA"], c=["1", "x", "y"], d=["1_0", "2", "x"], e=["", "", ""],
    )  # fmt: skip
    assert [table.kind(name) for name in "abcde"] == ["number", "boolean", "category", "category", "number"]
    with pytest.raises(DataError, match="--categorical c if its numbers are names"):
        text_table(c=["1", "2", "x"]).kind("c")


def comma_table(**columns) -> Table:
    """A table as a CSV file with semicolons gives it."""
    return dataclasses.replace(text_table(**columns), decimal_comma=True)


@pytest.mark.parametrize(("texts", "kind", "numbers"), [
    (["100193,51", "-2", "+,5e1", ""], "number", [100193.51, -2, 5, numpy.nan]),
    (["1.5", "2", "3.25"], "number", [1.5, 2, 3.25]),
    (["1", "2"], "number", [1, 2]),
    (["1,5", "2,5", "x", "y"], "category", None),
    (["1,2,3", "1,2,4", "2,2,2"], "category", None),
    (["red, blue", "1,5", "x"], "category", None),
])  # fmt: skip
def test_decimal_commas(texts, kind, numbers):
    table = comma_table(x=texts)
    assert table.kind("x") == kind
    if numbers is not None:
        numpy.testing.assert_array_equal(table.numbers("x"), numbers)
    if any("," in text for text in texts):  # elsewhere a comma is no part of a number
        assert text_table(x=texts).kind("x") == "category"


def test_decimal_commas_and_points_do_not_mix():
    for texts in (["1,5", "2,5", "1.234"], ["1.5", "2.5", "1,234"]):
        with pytest.raises(DataError, match=r"t\.csv:4 'x' is '1[.,]234', not a number"):
            comma_table(x=texts).kind("x")
        with pytest.raises(DataError, match="not a number"):
            comma_table(x=texts).numbers("x")


@pytest.mark.parametrize(("texts", "kind"), [
    (["01", "1", "2"], "category"), (["-007", "7", ""], "category"), (["00", "1", "x"], "category"),
    (["0", "10", "-0"], "number"), (["0.5", "00.5", "0e1"], "number"),
])  # fmt: skip
def test_whole_numbers_with_leading_zeros_are_codes(texts, kind):
    assert text_table(x=texts).kind("x") == kind


def test_closest():
    assert closest("Specie", ["species", "x"]) == "; did you mean 'species'?"
    assert closest("q", map(str, range(10))).endswith("'7' and 2 more.")


def test_read_table_of_a_path(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text('a;"b, c";d\n1;x;2\n\n3; y ;4\n')
    table = read_table(Path(path))
    assert list(table.columns) == ["a", "b, c", "d"]
    assert table.text("b, c") == ["x", "y"]
    assert table.lines == [2, 4]
