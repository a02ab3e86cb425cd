from __future__ import annotations

import copy
import dataclasses
import json
from pathlib import Path

import numpy
import pytest
from tables_at_hand import text_table

import clearprop as cp
from clearprop.errors import ArgumentError, DataError, ModelFileError
from clearprop.estimators.table import TableModel
from clearprop.estimators.table_columns import Columns
from clearprop.estimators.table_data import Table, closest
from clearprop.estimators.table_file import read_table
from clearprop.estimators.table_recipe import Recipe
from clearprop.estimators.table_training import TableTraining

QUICK = Recipe(hidden=(6,), epochs=3)


def mixed(n: int = 60, target: list[str] | None = None) -> Table:
    random = numpy.random.default_rng(3)
    age = [f"{value:.3f}" if value > -1 else "" for value in random.normal(size=n)]
    return text_table(
        age=age,
        flag=[["true", "False", ""][value] for value in random.integers(3, size=n)],
        colour=[["red", "green", "NA"][value] for value in random.integers(3, size=n)],
        constant=["7"] * n,
        nothing=[""] * n,
        y=target or [["no", "yes"][value] for value in random.integers(2, size=n)],
    )


def trained(table: Table, target: str = "y", **kwargs) -> TableModel:
    training = TableTraining(table, target, **{"recipe": QUICK, **kwargs})
    for _ in training.reports():
        pass
    training.validate()
    return training.model


@pytest.mark.parametrize("target", [
    ["no", "yes"] * 30, ["a", "b", "c"] * 20, ["true", "false"] * 30, ["3", "5"] * 30,
    [str(row / 7) for row in range(60)],
])  # fmt: skip
@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
def test_round_trip_keeps_every_bit(tmp_path, target, optimizer):
    table = mixed(target=target)
    model = trained(table, recipe=Recipe(hidden=(6,), epochs=3, optimizer=optimizer))
    model.save(tmp_path / "m")
    again = TableModel.load(tmp_path / "m")
    assert again.to_json() == model.to_json()
    assert again.columns.inputs == model.columns.inputs
    numpy.testing.assert_array_equal(again.columns.transform(table), model.columns.transform(table))
    assert again.predict(table) == model.predict(table)
    assert [type(label) for label in again.predict(table)] == [type(label) for label in model.predict(table)]
    again.save(tmp_path / "n")
    assert (tmp_path / "m").read_bytes() == (tmp_path / "n").read_bytes()
    with pytest.warns(UserWarning, match="table"):
        net = cp.load(tmp_path / "m")
    numpy.testing.assert_array_equal(net.vector, model.network.vector)
    assert b"pickle" not in (tmp_path / "m").read_bytes()


@pytest.mark.parametrize(("texts", "labels"), [
    (["a", "b"] * 5, ("a", "b")), (["true", "FALSE"] * 5, (False, True)), (["10", "9"] * 5, (9, 10)),
    (["1.0", "2.0"] * 5, (1, 2)), (["0.5", "1.5"] * 5, (0.5, 1.5)),
])  # fmt: skip
def test_labels_keep_their_type(texts, labels):
    table = text_table(x=[str(row) for row in range(10)], y=texts)
    model = trained(table, task="classification")
    assert model.target.labels == labels
    assert [type(label) for label in model.target.labels] == [type(label) for label in labels]
    assert set(model.predict(table)) <= set(labels)


def test_preprocessing_against_the_definition():
    table = text_table(
        x=["1", "2", "", "9"], b=["true", "false", "true", "true"], c=["u", "", "v", "u"],
    )  # fmt: skip
    columns = Columns.fit(table, {"x": "number", "b": "boolean", "c": "category"})
    assert columns.inputs == ["x", "b", "x is missing", "c = u", "c = v", "c = (missing)"]
    x = numpy.array([1, 2, 2, 9.0])  # 2 is the median of 1, 2, 9
    b = numpy.array([1, 0, 1, 1.0])
    expected = numpy.stack(
        [(x - x.mean()) / x.std(), (b - b.mean()) / b.std(), [0, 0, 1, 0], [1, 0, 0, 1], [0, 0, 1, 0], [0, 1, 0, 0]], 1
    )
    # a few roundings of float32
    numpy.testing.assert_allclose(columns.transform(table), expected, rtol=4 * numpy.finfo(numpy.float32).eps)
    new = text_table(c=["w"], b=["0"], x=["1e30"])
    X = columns.transform(new)
    assert X.dtype == numpy.float32
    assert X[0, 0] == 1e6  # far away, and still finite
    assert X[0, 3:].tolist() == [0, 0, 0]


def test_scaling_is_that_of_the_training_rows_alone():
    table = text_table(x=[str(row) for row in range(20)], y=[str(row / 3) for row in range(20)])
    other = text_table(x=["1e6", "2"], y=["1e9", "5"])
    model = trained(table, validation=other)
    assert model.columns.numbers[0].mean == 9.5
    assert model.target.mean == pytest.approx(9.5 / 3)


def test_a_column_without_a_value_in_the_training_rows():
    columns = Columns.fit(text_table(x=["", ""], z=["1", "2"]), {"x": "number", "z": "number"})
    X = columns.transform(text_table(x=["", "5"], z=["1", "2"]))
    assert numpy.isfinite(X).all()


def test_regression_target_is_standardised():
    rows = range(200)
    table = text_table(x=[str(row) for row in rows], y=[str(1e6 + 2e3 * row) for row in rows])
    training = TableTraining(table, "y", recipe=Recipe(hidden=(), epochs=100, optimizer="lbfgs", l2=0.0))
    for _ in training.reports():
        pass
    assert training.validate()["r2"] > 0.999999


def test_typed_tables_and_texts_agree():
    numbers = numpy.array([1.5, numpy.nan, 3.0] * 10)
    kinds = {"x": "number", "flag": "boolean", "code": "category", "y": "category"}
    typed = Table(
        "t.parquet",
        {
            "x": numbers,
            "flag": numpy.array([True, False, True] * 10),
            "code": ["1", "2", None] * 10,
            "y": ["0", "1"] * 15,
        },
        kinds,
    )
    texts = text_table(
        x=["1.5", "", "3"] * 10, flag=["True", "false", "TRUE"] * 10, code=["1", "2", ""] * 10, y=["0", "1"] * 15
    )
    model = trained(typed)
    assert model.target.labels == ("0", "1")
    numpy.testing.assert_array_equal(model.columns.transform(typed), model.columns.transform(texts))
    assert model.evaluate(typed) == model.evaluate(texts)


def test_rare_levels_do_not_fill_the_memory(monkeypatch):
    monkeypatch.setattr("clearprop.estimators.table_columns.MAX_LEVELS", 2)
    columns = Columns.fit(text_table(c=["a", "b", "b", "c", "c", "c"]), {"c": "category"})
    assert columns.inputs == ["c = b", "c = c"]
    assert columns.transform(text_table(c=["a", "c"])).tolist() == [[0, 0], [0, 1]]


def test_early_stop_keeps_the_best():
    training = TableTraining(mixed(), "y", recipe=Recipe(hidden=(20,), learning_rate=0.1, patience=5))
    vectors, losses = [], []
    for report in training.reports():
        vectors.append(training.model.network.vector.copy())
        losses.append(report.validation_loss)
    best = int(numpy.argmin(losses))
    assert len(losses) == best + 6
    assert training.model.record["stopped"] == "patience"
    numpy.testing.assert_array_equal(training.model.network.vector, vectors[best])


def test_leaving_the_loop_keeps_the_best():
    training = TableTraining(mixed(), "y", recipe=QUICK)
    reports = training.reports()
    next(reports)
    reports.close()
    assert training.model.record["stopped"] == "interrupted"
    assert training.model.record["epochs"] == 1


def test_errors_name_the_place():
    with pytest.raises(DataError, match=r"no column 'agee' in t\.csv; did you mean 'age'\?"):
        TableTraining(mixed(), "y", features=["agee"])
    with pytest.raises(ArgumentError, match="'y' is the target"):
        TableTraining(mixed(), "y", features=["age", "y"])
    with pytest.raises(DataError, match=r"t\.csv:4 'x' is 'two', not a number\. Use --na two for missing\."):
        text_table(x=["0", "1", "two"]).numbers("x")
    with pytest.raises(DataError, match=r"t\.parquet row 2 'x' is infinite"):
        Table("t.parquet", {"x": numpy.array([1.0, numpy.inf])}, {"x": "number"}).numbers("x")
    with pytest.raises(ArgumentError, match="'squared_error'"):
        TableTraining(text_table(x=["1", "2", "3"], y=["1.5", "2.5", "9.5"]), "y", recipe=Recipe(loss="hinge"))


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


DAMAGE = {
    "no format": lambda entry: entry.pop("format"),
    "new format": lambda entry: entry.update(format=99),
    "no columns": lambda entry: entry.update(columns=[]),
    "columns twice": lambda entry: entry["columns"].append(entry["columns"][0]),
    "a column too few": lambda entry: entry["columns"].pop(),
    "column of another kind": lambda entry: entry["columns"][0].update(kind="date"),
    "median": lambda entry: entry["columns"][0].update(median=None),
    "scale": lambda entry: entry["columns"][0].update(scale=0.0),
    "text as mean": lambda entry: entry["columns"][0].update(mean="1"),
    "gaps": lambda entry: entry["columns"][0].update(gaps=1),
    "levels": lambda entry: entry["columns"][-1].update(levels=[]),
    "level twice": lambda entry: entry["columns"][-1].update(levels=["a", "a", "b"]),
    "number as level": lambda entry: entry["columns"][-1].update(levels=[1, 2, 3]),
    "name": lambda entry: entry["columns"][0].update(name=3),
    "target": lambda entry: entry.update(target=None),
    "task": lambda entry: entry["target"].update(task="ranking"),
    "labels": lambda entry: entry["target"].update(labels=["no"]),
    "too many labels": lambda entry: entry["target"].update(labels=["a", "b", "c"]),
    "label of lists": lambda entry: entry["target"].update(labels=[[1], [2]]),
    "scaling of the target": lambda entry: entry.update(target={"task": "regression", "name": "y", "mean": 0.0}),
    "missing": lambda entry: entry.update(missing="NA"),
    "record": lambda entry: entry.update(record=[]),
}


@pytest.fixture(scope="module")
def model() -> TableModel:
    return trained(mixed())


@pytest.mark.parametrize("case", DAMAGE)
def test_damaged_descriptions(model, tmp_path, case):
    entry = copy.deepcopy(json.loads(json.dumps(model.to_json())))
    DAMAGE[case](entry)
    model.network.save(tmp_path / "m", extra={"table": entry})
    with pytest.raises(ModelFileError):
        TableModel.load(tmp_path / "m")


@pytest.mark.parametrize("entry", [None, [], "table", 3])
def test_descriptions_of_another_type(model, tmp_path, entry):
    model.network.save(tmp_path / "m", extra={"table": entry})
    with pytest.raises(ModelFileError, match="'m' cannot be used"):
        TableModel.load(tmp_path / "m")


def test_read_table_of_a_path(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text('a;"b, c";d\n1;x;2\n\n3; y ;4\n')
    table = read_table(Path(path))
    assert list(table.columns) == ["a", "b, c", "d"]
    assert table.text("b, c") == ["x", "y"]
    assert table.lines == [2, 4]
