from __future__ import annotations

import copy
import datetime
import json
from decimal import Decimal

import numpy
import pandas
import polars
import pytest
from tables_at_hand import text_table

from clearprop.errors import DataError, ModelFileError
from clearprop.estimators.tables.frame import is_frame, table_of
from clearprop.estimators.tables.preprocessing import Preprocessing

EPSILON = float(numpy.finfo(numpy.float32).eps)


def fit(table, **kinds: str) -> Preprocessing:
    return Preprocessing.fit(table, kinds or table.kinds)


def test_frames_of_three_libraries_are_the_same_table():
    moment = datetime.datetime(2021, 5, 5, 12, 30)
    polar = polars.DataFrame(
        {
            "number": [1, None, 3],
            "flag": [True, False, None],
            "text": ["x", None, "y"],
            "moment": [moment, None, moment + datetime.timedelta(hours=6)],
            "day": [datetime.date(1970, 1, 2), None, datetime.date(1969, 12, 31)],
            "length": [datetime.timedelta(days=1), None, datetime.timedelta(hours=12)],
        }
    )
    days = 18752 + 12.5 / 24  # 5 May 2021 is day 18,752
    for frame in (polar, polar.to_arrow(), polar.to_pandas()):
        assert is_frame(frame)
        table = table_of(frame)
        kinds = ["number", "boolean", "category", "date", "date", "number"]
        assert list(table.kinds.values()) == kinds
        expected = {
            "number": [1, numpy.nan, 3], "flag": [1, 0, numpy.nan], "moment": [days, numpy.nan, days + 0.25],
            "day": [1, numpy.nan, -1], "length": [1, numpy.nan, 0.5],
        }  # fmt: skip
        for name, values in expected.items():
            numpy.testing.assert_array_equal(table.columns[name], values)
        assert table.columns["text"] == ["x", None, "y"]


def test_objects_are_what_all_of_them_are():
    zone = datetime.timezone(datetime.timedelta(hours=2))
    frame = pandas.DataFrame(
        {
            "numbers": [1, 2.5, None],
            "decimals": [Decimal("1.5"), None, Decimal(2)],
            "flags": [True, None, False],
            "mixed": [1, "x", None],
            "zoned": [datetime.datetime(1970, 1, day, 2, tzinfo=zone) if day else None for day in (1, 0, 2)],
            "codes": pandas.Categorical([7, None, 8]),
            "whole": pandas.array([1, None, 3], dtype="Int64"),
            3: [0.5, 1.5, 2.5],
        },
        dtype=None,
    )  # fmt: skip
    table = table_of(frame.astype({"numbers": object, "zoned": object}))
    assert table.kinds == {
        "numbers": "number", "decimals": "number", "flags": "boolean", "mixed": "category", "zoned": "date",
        "codes": "category", "whole": "number", "3": "number",
    }  # fmt: skip
    assert table.columns["mixed"] == ["1", "x", None]
    assert table.columns["codes"] == ["7", None, "8"]
    numpy.testing.assert_array_equal(table.columns["zoned"], [0, numpy.nan, 1])
    with pytest.raises(DataError, match="column 'a' holds"):
        table_of(pandas.DataFrame({"a": [[1], [2]]}))


def test_arrays():
    assert not is_frame(numpy.zeros((2, 2)))
    assert table_of(numpy.zeros((2, 3), dtype=numpy.float32)).kinds == dict.fromkeys(("x0", "x1", "x2"), "number")
    assert table_of(numpy.zeros((2, 1), dtype=bool)).kinds == {"x0": "boolean"}
    table = table_of(numpy.array([[1, "a"], [None, None]], dtype=object))
    assert table.kinds == {"x0": "number", "x1": "category"}
    numpy.testing.assert_array_equal(table.columns["x0"], [1, numpy.nan])
    dates = table_of(numpy.array([["1970-01-03"], ["NaT"]], dtype="datetime64[D]"))
    assert dates.kinds == {"x0": "date"}
    numpy.testing.assert_array_equal(dates.columns["x0"], [2, numpy.nan])


def test_numbers_against_the_definition():
    values = numpy.array([0.0, 1.0, 2.0, 3.0, numpy.nan, 100.0])
    table = table_of(values[:, None])
    (numbers, flags) = fit(table).transform(table)
    filled = numpy.where(numpy.isnan(values), 2.0, values)  # 2 is the median of the others, and of all
    low, high = numpy.quantile(filled, [0.25, 0.75])
    z = (filled - 2.0) / (high - low)
    numpy.testing.assert_allclose(numbers[:, 0], z / numpy.sqrt(1 + (z / 3) ** 2), rtol=2 * EPSILON)
    assert flags[:, 0].tolist() == [0, 0, 0, 0, 1, 0]
    far = fit(table).transform(table_of([[1e300], [-1e300]]))[0]
    numpy.testing.assert_allclose(far[:, 0], [3, -3], rtol=2 * EPSILON)


def test_numbers_whose_quartiles_are_equal_are_scaled_by_half_their_range():
    table = table_of([[0.0]] * 8 + [[4.0]])
    assert fit(table).columns[0].spread == 2.0


def test_standardised_numbers():
    x = numpy.array([1.0, 2.0, 4.0, 9.0])
    table = table_of(x[:, None])
    (numbers,) = Preprocessing.fit(table, table.kinds, robust=False).transform(table)
    numpy.testing.assert_allclose(numbers[:, 0], (x - x.mean()) / x.std(), rtol=2 * EPSILON)


def test_dates_become_the_parts_that_differ():
    texts = ["2026-11-22", "2026-11-23T06:00", "2026-12-01T12:00:00+00:00", ""]
    table = text_table(when=texts)
    assert table.kind("when") == "date"
    fitted = fit(table, when="date")
    assert fitted.numbers == ["when (day)", "when (month)", "when (weekday)", "when (hour)"]
    assert fitted.flags == ["when (day) is missing"]
    centers = [column.center for column in fitted.columns]
    # a Sunday (6), a Monday (0), a Tuesday (1); the median counts the missing date as a median
    assert centers[1:] == [11.0, 1.0, 6.0]
    with pytest.raises(DataError, match=r"t\.csv:2 'when' is '2026-13-01', not a date"):
        text_table(when=["2026-13-01"]).days("when")


def test_categories():
    texts = {
        "two": ["a", "b", "a", "a"], "three": ["u", "", "v", "u"], "flag": ["true", "FALSE", "true", "true"],
        "other": ["p", "p", "q", "q"],
    }  # fmt: skip
    table = text_table(**texts)
    fitted = fit(table, **{name: table.kind(name) for name in texts})
    assert fitted.flags == [
        "two = b", "three = u", "three = v", "three = (missing)", "flag = true", "other = q",
    ]  # fmt: skip
    (flags,) = fitted.transform(table)
    assert dict(zip(fitted.flags, flags.T.tolist(), strict=True))["two = b"] == [-1, 1, -1, -1]
    assert flags[:, fitted.flags.index("three = (missing)")].tolist() == [0, 1, 0, 0]
    (unknown,) = fitted.transform(text_table(two=["c"], three=["w"], flag=["true"], other=["r"]))
    assert unknown[0, [name.startswith(("two", "three", "other")) for name in fitted.flags]].tolist() == [0] * 5
    assert len(fitted.unseen(text_table(two=["c"], three=["w"], flag=["true"], other=["p"]))) == 2


def test_many_levels_are_embedded():
    texts = [f"c{row % 9}" for row in range(27)]
    table = text_table(c=texts)
    fitted = fit(table, c="category")
    (levels,) = fitted.transform(text_table(c=["c3", "new", "c0"]))
    assert levels.format == "csr"
    assert levels.toarray().tolist() == [[0, 0, 0, 1, 0, 0, 0, 0, 0], [0] * 9, [1] + [0] * 8]
    assert fitted.n_inputs == [9]
    assert Preprocessing.fit(table, {"c": "category"}, max_flags=9).flags == [f"c = c{level}" for level in range(9)]


def test_columns_that_tell_nothing_are_left_out():
    table = table_of(numpy.array([[1.0, 7.0, 2.0], [2.0, 7.0, 4.0], [4.0, 7.0, 8.0]]))
    fitted = fit(table)
    assert fitted.dropped == {"x1": "the same value in every row", "x2": "the same as 'x0'"}
    assert fitted.numbers == ["x0"]
    nothing = table_of([[1.0], [1.0]])
    (inputs,) = fit(nothing).transform(nothing)
    assert inputs.tolist() == [[0.0], [0.0]]  # a network needs something to read


def test_summary_reads_like_a_table():
    table = text_table(age=["1", "2", ""], colour=["red", "blue", "red"], constant=["7"] * 3)
    text = str(fit(table, age="number", colour="category", constant="number").summary())
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert lines[0] == "column kind inputs how"
    assert lines[1] == "age number 2 (x - 1.5) / 0.5, drawn in; 1.5 and a flag where missing"
    assert lines[2].endswith("-1 and 1: blue, red")
    assert lines[3] == "constant 0 left out: the same value in every row"


MIXED = text_table(x=["1", "2", "4"], c=["a", "b", ""], when=["2026-01-01", "2026-02-01", "2026-02-03"])
KINDS = {"x": "number", "c": "category", "when": "date"}


@pytest.mark.parametrize("kinds", [KINDS, {}])
def test_json_keeps_every_bit(kinds):
    fitted = Preprocessing.fit(MIXED, kinds)
    again = Preprocessing.from_json(json.loads(json.dumps(fitted.to_json())))
    for first, second in zip(fitted.transform(MIXED), again.transform(MIXED), strict=True):
        numpy.testing.assert_array_equal(first, second)
    assert again.to_json() == fitted.to_json()
    assert str(again.summary()) == str(fitted.summary())


DAMAGE = {
    "columns": lambda entry: entry.update(columns=None),
    "twice": lambda entry: entry["columns"].append(entry["columns"][0]),
    "kind": lambda entry: entry["columns"][0].update(kind="list"),
    "name": lambda entry: entry["columns"][0].update(name=3),
    "center": lambda entry: entry["columns"][0].update(center=None),
    "spread": lambda entry: entry["columns"][0].update(spread=0.0),
    "part": lambda entry: entry["columns"][0].update(part="year"),
    "gaps": lambda entry: entry["columns"][0].update(gaps=1),
    "levels": lambda entry: entry["columns"][1].update(levels=["a"]),
    "level twice": lambda entry: entry["columns"][1].update(levels=["a", "a"]),
    "number as level": lambda entry: entry["columns"][1].update(levels=[1, 2]),
    "dropped": lambda entry: entry.update(dropped=[]),
    "max_flags": lambda entry: entry.update(max_flags=True),
}


@pytest.mark.parametrize("case", DAMAGE)
def test_damaged_descriptions(case):
    entry = copy.deepcopy(Preprocessing.fit(MIXED, KINDS).to_json())
    entry = json.loads(json.dumps(entry))
    DAMAGE[case](entry)
    with pytest.raises(ModelFileError):
        Preprocessing.from_json(entry)
