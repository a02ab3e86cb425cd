"""What the command line says of doubtful data, of its progress, and of what it did not understand."""

from __future__ import annotations

import gzip
import io
import sys
from pathlib import Path

import pytest
from flower_table import flower_rows, write_csv

import clearprop as cp
from clearprop.cli.model_file import load_model
from clearprop.engines import native
from clearprop.training import progress

QUICK = ("--preset", "fast", "--epochs", "2", "--hidden", "4")


def write_rows(file: str, n: int = 60, delimiter: str = ",", **columns) -> str:
    """Write a column of each function of the row's number."""
    return write_csv(Path(file), [{key: make(row) for key, make in columns.items()} for row in range(n)], delimiter)


def test_decimal_commas(clearprop, folder):
    write_rows("t.csv", delimiter=";", x=lambda row: f"{row % 7},5", price=lambda row: f"{100193 + row},{row:02}")
    code, _, err = clearprop("train", "t.csv", "--target", "price", *QUICK)
    assert code == 0
    assert "task:     regression of 'price'" in err
    assert "features: 1 number\n" in err
    assert "note: read with decimal commas: x, price" in err
    write_rows("p.csv", delimiter=",", x=lambda row: f"{row % 7}.5")  # the same numbers with points
    assert clearprop("predict", "t.clearprop", "p.csv")[1] == clearprop("predict", "t.clearprop", "t.csv")[1]
    assert clearprop("predict", "t.clearprop", "t.csv", "--keep", "price")[1].splitlines()[1].startswith('"100193,00",')


def test_decimal_commas_elsewhere_are_refused_as_classes(fails, folder):
    write_rows("t.csv", x=lambda row: str(row % 7), price=lambda row: f"{row},25")
    fails(3, "train", "t.csv", "--target", "price", says=("'0,25'", "separate the columns by semicolons."))


def test_texts_that_are_no_classes(clearprop, fails, folder):
    write_rows("t.csv", x=lambda row: str(row % 7), y=lambda row: f"{row},5 kg")
    arguments = ("train", "t.csv", "--target", "y", *QUICK)
    fails(3, *arguments, says=("t.csv: 'y' has 60 different texts in 60 rows", "'0,5 kg'", "--task classification"))
    code, _, err = clearprop(*arguments, "--task", "classification")
    assert code == 0
    assert "note: 'y' has 60 different texts in 60 rows" in err
    write_rows("t.csv", n=102, x=lambda row: str(row % 7), y=lambda row: f"u{max(row // 2, 1)}")  # 50 classes
    code, _, err = clearprop(*arguments, "--force")
    assert code == 0
    assert "different texts" not in err
    write_rows("t.csv", n=120, x=lambda row: str(row % 7), y=lambda row: f"u{min(row, 61)}")  # 62, nearly all alone
    fails(3, *arguments, "--force", says="62 different texts in 120 rows")


def test_leading_zeros_are_codes(clearprop, fails, folder):
    write_rows(
        "t.csv", x=lambda row: str(row % 7), code=lambda row: ["01", "1"][row % 2], y=lambda row: ["1", "01"][row % 2]
    )
    code, _, err = clearprop("train", "t.csv", "--target", "y", *QUICK)
    assert code == 0
    assert "2 classes (01, 1)" in err
    assert "note: 'code' has whole numbers with leading zeros (01): taken as categories" in err
    preprocessing = cp.load("t.clearprop").preprocessing_
    assert (preprocessing.numbers, preprocessing.flags) == (["x"], ["code = 1"])
    assert set(clearprop("predict", "t.clearprop", "t.csv")[1].split()[1:]) <= {"01", "1"}
    write_rows("u.csv", x=lambda row: str(row % 7), code=lambda row: "01", y=lambda row: "001")
    fails(3, "evaluate", "t.clearprop", "u.csv", says="'001', a class the model does not know")


def test_unknown_categories(clearprop, model, flowers, folder):
    rows = flower_rows(5)
    for row, colour in zip(rows, ["green", "pink", "green", "red", ""], strict=True):
        row["colour"] = colour
    write_csv(folder / "t.csv", rows)
    says = "note: 'colour': 4 of 5 rows hold values not seen, or rare, in training (green, pink, (missing))\n"
    assert clearprop("predict", model, "t.csv")[2] == says
    assert says in clearprop("evaluate", model, "t.csv")[2]
    assert clearprop("predict", model, "t.csv", "--quiet")[2] == ""
    code, _, err = clearprop("train", flowers, "--target", "species", *QUICK, "--valid", "t.csv", "--force")
    assert code == 0
    assert "note: t.csv: 'colour': 4 of 5 rows" in err
    assert "90 to train on, 5 to validate on" in err
    for row, number in zip(rows, range(5), strict=True):
        row["colour"] = f"c{number % 5}"
    write_csv(folder / "t.csv", rows + [{**row, "colour": "c5"} for row in rows])
    assert "(c5, c0, c1, c2, c3, ...)" in clearprop("predict", model, "t.csv")[2]


def test_columns_that_may_only_name_rows(clearprop, folder):
    columns = {
        "the id": lambda row: str(row + 10),
        "half": lambda row: str(row * row + 0.5),
        "few": lambda row: str(row % 9),
        "name": lambda row: f"n{max(row, 3)}",
        "y": lambda row: "ab"[row % 2],
    }
    write_rows("t.csv", n=150, **columns)
    _, _, err = clearprop("train", "t.csv", "--target", "y", *QUICK)
    assert [line for line in err.splitlines() if line.startswith("note")][:2] == [
        "note: 'the id' is another whole number in every row; if it only names rows, leave it out with --drop 'the id'",
        "note: 'name' has 147 different texts in 150 rows; if it only names rows, leave it out with --drop name",
    ]
    assert "drop" not in clearprop("train", "t.csv", "--target", "y", *QUICK, "--drop", "the id,name", "--force")[2]


def test_piped_training_is_not_silent(clearprop, flowers, monkeypatch):
    arguments = ("train", flowers, "--target", "species", "--preset", "fast", "--epochs", "3", "--force")
    assert "epoch 1" not in clearprop(*arguments)[2]  # it takes less than the interval
    monkeypatch.setattr(progress, "INTERVAL", 0.0)
    lines = [line for line in clearprop(*arguments)[2].splitlines() if line.startswith("epoch ")]
    assert [line.split(":")[0] for line in lines] == ["epoch 1/3", "epoch 2/3", "epoch 3/3"]
    assert ": loss " in lines[0]
    assert ", validation " in lines[0]
    code, out, err = clearprop(*arguments, "--quiet")
    assert (code, err) == (0, "")
    assert out.startswith("accuracy")
    Path("c.toml").write_text("quiet = true")
    assert clearprop(*arguments, "--config", "c.toml")[2] == ""
    assert clearprop(*arguments)[2] != ""


def test_a_missing_native_engine_is_told_where_it_matters(clearprop, flowers, model, monkeypatch):
    monkeypatch.setattr(native, "_native", None)
    line = f"note: {native.missing()}"
    arguments = ("train", flowers, "--target", "species", *QUICK, "--force")
    assert clearprop(*arguments)[2].splitlines().count(line) == 1
    assert clearprop(*arguments, "--quiet")[2] == ""
    assert clearprop("demo", "xor")[2] == f"{line}\n"
    assert clearprop("predict", model, flowers)[2] == ""


def test_quiet_still_tells_of_failure(clearprop, fails, model, flowers):
    code, _, err = clearprop("evaluate", model, flowers, "--quiet", "--fail-under", "accuracy=1.1")
    assert (code, err.count("\n")) == (7, 1)
    assert err.startswith("failed: accuracy")
    fails(3, "predict", model, "none.csv", "--quiet", says="none.csv")


def test_interrupted_training_does_not_replace_a_finished_model(clearprop, flowers, stop_after):
    Path("m.clearprop").write_text("finished")
    stop_after(2)
    code, _, err = clearprop("train", flowers, "--target", "species", "--out", "m.clearprop", "--force")
    assert code == 130
    assert "saved m.interrupted.clearprop (the best parameters so far); m.clearprop is as before" in err
    assert Path("m.clearprop").read_text() == "finished"
    members = cp.load("m.interrupted.clearprop").members_
    assert {member.stopped for member in members} == {"interrupted"}
    assert max(len(member.history["loss"]) for member in members) == 2
    code, _, err = clearprop("train", flowers, "--target", "species", "--out", "n.clearprop", "--quiet")
    assert (code, err) == (130, "saved n.clearprop (the best parameters so far)\n")


def test_help_of_a_verb(clearprop, fails):
    assert clearprop("help", "train") == clearprop("train", "--help")
    assert clearprop("help") == clearprop("--help")
    fails(2, "help", "trian", says="did you mean 'train'?")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("t.csv", "--target", "y", "--hidden", "64", "32"), "--hidden takes one list; write 64,32;"),
        (("--hidden", "64,", "32", "t.csv", "--target", "y"), "write 64,32;"),
        (("--hidden=64", "32", "t.csv"), "write 64,32;"),
        (("--targt", "y"), "no option '--targt'; did you mean '--target'?"),
        (("t.csv", "--zzz=3"), "no option '--zzz'; see 'clearprop train --help'"),
        (("-x",), "no option '-x'"),
        (("-", "--target", "y"), "add --out FILE"),
        (("-", "--target", "y", "--valid", "-"), "cannot both be standard input"),
    ],
)
def test_slips(fails, folder, arguments, says):
    fails(2, "train", *arguments, says=says)


def test_a_number_may_be_a_file(clearprop, folder):
    write_csv(folder / "32", flower_rows())
    assert clearprop("train", "32", "--target", "species", *QUICK[:4], "--hidden", "4", "--out", "m")[0] == 0
    assert clearprop("train", "--hidden", "4", "32", "--target", "species", *QUICK[:4])[0] == 0


def test_standard_input(clearprop, fails, model, flowers, monkeypatch):
    def give(data: bytes) -> None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))

    give(Path(flowers).read_bytes())
    assert clearprop("predict", model, "-") == clearprop("predict", model, flowers)
    give(Path(flowers).read_bytes())
    assert clearprop("train", "-", "--target", "species", *QUICK, "--out", "m")[0] == 0
    assert load_model("m").record["source"] == "standard input"
    give(b"x,y\n1\n")
    fails(3, "evaluate", model, "-", says="standard input:2 has 1 field")


def test_gzip(clearprop, fails, model, flowers, folder):
    packed = gzip.compress(Path(flowers).read_bytes())
    (folder / "f.csv.gz").write_bytes(packed)
    assert clearprop("predict", model, "f.csv.gz") == clearprop("predict", model, flowers)
    assert "saved f.clearprop" in clearprop("train", "f.csv.gz", "--target", "species", *QUICK)[2]
    for damaged in (packed[:-9], packed[:40] + b"x" + packed[41:], packed[:2]):
        (folder / "f.csv.gz").write_bytes(damaged)
        fails(3, "predict", model, "f.csv.gz", says="f.csv.gz cannot be unpacked with gzip")
