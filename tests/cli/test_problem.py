"""What the command line takes a table for."""

from __future__ import annotations

import numpy
import pytest
from flower_table import flower_rows, write_csv

from clearprop.cli.problem import Problem, class_codes
from clearprop.errors import ArgumentError, DataError
from clearprop.estimators.tables.reader import read_table


@pytest.fixture
def table(tmp_path):
    """The flowers."""
    return read_table(write_csv(tmp_path / "flowers.csv", flower_rows()))


@pytest.mark.parametrize(
    ("texts", "labels"),
    [
        (["a", "b"], ["a", "b"]),
        (["true", "FALSE"], [False, True]),
        (["10", "9"], [9, 10]),
        (["1.0", "2.0"], [1, 2]),
        (["0.5", "1.5"], [0.5, 1.5]),
    ],
)
def test_labels_keep_their_type(tmp_path, texts, labels):
    rows = [{"x": str(row), "y": texts[row % 2]} for row in range(10)]
    read = read_table(write_csv(tmp_path / "t.csv", rows))
    problem = Problem.of(read, "y", task="classification")
    assert problem.labels == labels
    assert [type(label) for label in problem.labels] == [type(label) for label in labels]
    codes = class_codes(read, "y", labels)
    assert [labels[code] for code in codes] == problem.y.tolist() == problem.encode(read).tolist()


def test_features(table):
    assert list(Problem.of(table, "species").features.columns) == ["id", "sepal_length", "petal_length", "colour"]
    problem = Problem.of(table, "species", features=["colour", "petal_length", "colour"], drop=["colour"])
    assert list(problem.features.columns) == ["petal_length"]
    with pytest.raises(ArgumentError, match="'species' is the target, so it cannot be a feature"):
        Problem.of(table, "species", features=["colour", "species"])
    with pytest.raises(DataError, match=r"no column left to learn from \(left out \(another text in every row\): id\)"):
        Problem.of(table, "species", features=["id"])


@pytest.mark.parametrize("target", ["species", "petal_length"])
def test_a_share_of_the_rows(table, target):
    problem = Problem.of(table, target)
    kept, held_out = problem.split(0.2, seed=1)
    assert sorted([*kept, *held_out]) == list(range(90))
    assert len(held_out) == 18
    if target == "species":
        assert numpy.unique(problem.y[held_out], return_counts=True)[1].tolist() == [6, 6, 6]
    assert (problem.split(0.2, seed=2)[1] != held_out).any()
    with pytest.raises(DataError, match=r"--valid 0\.001 of 90 rows leaves 0 to validate on and 90 to train on"):
        problem.split(0.001, seed=1)


def test_a_class_of_which_all_rows_would_be_held_out(tmp_path):
    rows = [{"x": str(row), "y": "b" if row == 3 else "a"} for row in range(8)]
    problem = Problem.of(read_table(write_csv(tmp_path / "t.csv", rows)), "y")
    for seed in range(8):
        kept, held_out = problem.split(0.5, seed)
        assert 3 in kept
        assert sorted([*kept, *held_out]) == list(range(8))
    rows = [{"x": str(row), "y": "b" if row == 1 else "a"} for row in range(2)]
    problem = Problem.of(read_table(write_csv(tmp_path / "t.csv", rows)), "y", task="classification")
    with pytest.raises(DataError, match="leaves 0 to validate on and 2 to train on"):
        problem.split(0.5, 0)
