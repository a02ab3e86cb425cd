from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import numpy
import pytest
from flower_table import flower_rows, write_csv

import clearprop as cp
from clearprop.cli import train as train_verb
from clearprop.estimators import table_recipe, table_target, table_training
from clearprop.estimators.options import ACTIVATIONS
from clearprop.estimators.table import TableModel

QUICK = ("--epochs", "3")


def test_train_says_what_it_does_and_what_comes_next(clearprop, flowers):
    code, out, err = clearprop("train", flowers, "--target", "species", "--epochs", "60")
    assert code == 0
    metrics = dict(line.split() for line in out.splitlines())
    assert set(metrics) == {"accuracy", "log_loss"}
    assert float(metrics["accuracy"]) > 0.8
    assert "classification of 'species', 3 classes (setosa, versicolor, virginica)" in err
    assert "72 to train on, 18 to validate on" in err
    assert "2 numbers, 1 category" in err
    assert "left out (another text in every row): id" in err
    assert "60 epochs" in err
    assert "saved flowers.clearprop" in err
    assert "on 18 validation rows, which also chose the epoch" in err
    assert "18 are few" in err
    assert "clearprop evaluate flowers.clearprop OTHER.csv" in err
    assert "clearprop predict flowers.clearprop NEW.csv" in err
    with pytest.warns(UserWarning, match="table"):
        assert isinstance(cp.load("flowers.clearprop"), cp.Network)


def test_same_seed_same_bytes(clearprop, flowers):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        assert clearprop("train", flowers, "--target", "species", *QUICK, "--seed", seed, "--out", name)[0] == 0
    assert Path("a").read_bytes() == Path("b").read_bytes()
    assert Path("a").read_bytes() != Path("c").read_bytes()


@pytest.mark.parametrize(
    ("values", "task"),
    [
        (["a", "b"] * 10, "classification"),
        (["true", "FALSE"] * 10, "classification"),
        (["0", "1", "2", "1"] * 5, "classification"),
        (["1.5", "2.5"] * 10, "regression"),
        ([str(number) for number in range(20)], "regression"),
    ],
)
def test_task_is_told_from_the_target(clearprop, folder, values, task):
    write_csv(folder / "t.csv", [{"x": str(row), "y": value} for row, value in enumerate(values)])
    code, _, err = clearprop("train", "t.csv", "--target", "y", *QUICK)
    assert code == 0
    assert f"task:     {task}" in err


def test_task_overrides(clearprop, folder):
    write_csv(folder / "t.csv", [{"x": str(row), "y": str(row % 3)} for row in range(30)])
    code, out, err = clearprop("train", "t.csv", "--target", "y", *QUICK)
    assert "told from its values, --task overrides" in err
    code, out, err = clearprop("train", "t.csv", "--target", "y", *QUICK, "--task", "regression", "--force")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()] == ["rmse", "mae", "r2"]


def test_every_option(clearprop, flowers):
    code, _, err = clearprop(
        "train", flowers, "--target", "species", "--task", "classification", "--features", "sepal_length,colour,id",
        "--drop", "id", "--categorical", "sepal_length", "--hidden", "5,4", "--activation", "tanh", "--loss", "hinge",
        "--optimizer", "nesterov", "--lr", "0.05", "--batch-size", "7", "--epochs", "4", "--l2", "0", "--valid", "0.3",
        "--patience", "3", "--seed", "9", "--threads", "1", "--out", "m.x", "--na", "?,-",
    )  # fmt: skip
    assert code == 0, err
    model = TableModel.load("m.x")
    assert [(column.name, column.kind) for column in model.columns.columns] == [
        ("sepal_length", "category"),
        ("colour", "category"),
    ]
    assert [type(node.layer).__name__ for node in model.network.graph.nodes[1:]] == [
        "Dense", "Tanh", "Dense", "Tanh", "Dense",
    ]  # fmt: skip
    assert isinstance(model.network.loss_function, cp.Hinge)
    assert model.network.program.penalty is None
    assert set(model.missing) >= {"?", "-", "", "NA"}
    recipe = model.record["recipe"]
    assert (recipe["optimizer"], recipe["learning_rate"]) == ("nesterov", 0.05)
    assert (recipe["batch_size"], recipe["patience"], recipe["seed"]) == (7, 3, 9)
    assert model.record["validation_rows"] == 27
    assert len(model.record["history"]["validation_loss"]) == 4


@pytest.mark.parametrize("optimizer", train_verb.OPTIMIZERS)
def test_every_optimizer(clearprop, flowers, optimizer):
    assert clearprop("train", flowers, "--target", "species", *QUICK, "--optimizer", optimizer)[0] == 0


@pytest.mark.parametrize("activation", train_verb.ACTIVATIONS)
def test_every_activation(clearprop, flowers, activation):
    assert clearprop("train", flowers, "--target", "species", *QUICK, "--activation", activation)[0] == 0


@pytest.mark.parametrize("loss", table_target.LOSSES["regression"])
def test_every_regression_loss(clearprop, flowers, loss):
    code, out, _ = clearprop("train", flowers, "--target", "petal_length", "--loss", loss, "--epochs", "60")
    assert code == 0
    assert float(dict(line.split() for line in out.splitlines())["r2"]) > 0.5


def test_names_of_options_are_those_of_the_library():
    assert tuple(table_recipe.OPTIMIZERS) == train_verb.OPTIMIZERS
    assert tuple(sorted(ACTIVATIONS)) == train_verb.ACTIVATIONS
    assert (*table_target.LOSSES["classification"], *table_target.LOSSES["regression"]) == train_verb.LOSSES
    defaults = train_verb.make_parser().parse_args(["d", "--target", "t"])
    recipe = table_recipe.Recipe()
    for name in ("hidden", "activation", "loss", "optimizer", "batch_size", "epochs", "l2", "patience", "seed"):
        assert getattr(defaults, name) == getattr(recipe, name)


def test_validation_file_and_none(clearprop, flowers, folder):
    write_csv(folder / "valid.csv", flower_rows(12, seed=5))
    code, out, err = clearprop("train", flowers, "--target", "species", *QUICK, "--valid", "valid.csv")
    assert code == 0
    assert "90 to train on, 12 to validate on" in err
    code, out, err = clearprop("train", flowers, "--target", "species", *QUICK, "--valid", "0", "--force")
    assert (code, out) == (0, "")
    assert "90 to train on, 0 to validate on" in err


def test_linear_model(clearprop, flowers):
    assert clearprop("train", flowers, "--target", "species", *QUICK, "--hidden", "none")[0] == 0
    assert TableModel.load("flowers.clearprop").network.n_parameters == 3 * (2 + 2) + 3


def test_missing_values_categories_and_separators(clearprop, folder):
    rows = flower_rows()
    rows[4]["petal_length"] = ""
    rows[5]["colour"] = "NA"
    rows[6]["species"] = ""
    rows[7]["petal_length"] = "n/a"
    for delimiter in ",;\t":
        write_csv(folder / "t.csv", rows, delimiter)
        code, _, err = clearprop("train", "t.csv", "--target", "species", *QUICK, "--na", "n/a", "--force")
        assert code == 0, err
        assert "1 of 90 rows have no 'species': left out" in err
        model = TableModel.load("t.clearprop")
        assert model.columns.inputs == [
            "sepal_length", "petal_length", "petal_length is missing",
            "colour = blue", "colour = red", "colour = (missing)",
        ]  # fmt: skip
        code, out, _ = clearprop("predict", "t.clearprop", "t.csv")
        assert len(out.splitlines()) == 91


def test_quotes_and_names_with_commas(clearprop, folder):
    rows = [{"a, b": f"{row}.5", "c": 'say\n"hi"' if row % 2 else "x, y", "t": str(row % 2)} for row in range(30)]
    write_csv(folder / "t.csv", rows)
    assert clearprop("train", "t.csv", "--target", "t", "--features", '"a, b",c', *QUICK)[0] == 0
    rows[9]["a, b"] = "many"
    write_csv(folder / "t.csv", rows)
    code, _, err = clearprop("predict", "t.clearprop", "t.csv")
    assert code == 3
    assert "t.csv:15 'a, b' is 'many', not a number" in err  # the quoted line breaks count


def test_unnamed_column_and_byte_order_mark(clearprop, folder):
    text = "\ufeff,x,y\n" + "".join(f"{row},{row % 7},{row % 2}\n" for row in range(20))
    (folder / "t.csv").write_text(text, encoding="utf-8")
    code, _, err = clearprop("train", "t.csv", "--target", "y", *QUICK)
    assert code == 0
    assert err.count("column 1 has no name: left out") == 1
    assert TableModel.load("t.clearprop").columns.inputs == ["x"]


def test_parquet(clearprop, folder, flowers):
    import pyarrow
    import pyarrow.parquet

    n = 60
    random = numpy.random.default_rng(0)
    table = {
        "number": pyarrow.array(random.normal(size=n)),
        "gaps": pyarrow.array([None if row % 5 == 0 else row for row in range(n)], pyarrow.int32()),
        "flag": pyarrow.array([None if row == 3 else row % 2 == 0 for row in range(n)]),
        "sure": pyarrow.array([row % 3 == 0 for row in range(n)]),
        "text": pyarrow.array([None if row == 8 else "ab"[row % 2] for row in range(n)]),
        "code": pyarrow.array(["12"[row % 2] for row in range(n)]).dictionary_encode(),
        "nothing": pyarrow.nulls(n),
        "day": pyarrow.array([row % 4 for row in range(n)], pyarrow.date32()),
        "y": pyarrow.array([row % 2 == 0 for row in range(n)]),
    }
    pyarrow.parquet.write_table(pyarrow.table(table), "t.parquet")
    code, out, err = clearprop("train", "t.parquet", "--target", "y", "--epochs", "60")
    assert code == 0, err
    assert "left out (the same value in every row): nothing" in err
    assert "2 numbers, 2 booleans, 3 categories" in err
    code, out, _ = clearprop("predict", "t.clearprop", "t.parquet", "--keep", "sure,gaps")
    assert out.splitlines()[:3] == ["sure,gaps,prediction", "True,,True", "False,1,False"]
    # the same rows as CSV get the same predictions
    rows = [
        {name: "" if column[row].as_py() is None else str(column[row].as_py()) for name, column in table.items()}
        for row in range(n)
    ]
    write_csv(folder / "t.csv", rows)
    assert clearprop("predict", "t.clearprop", "t.csv", "--proba") == (
        clearprop("predict", "t.clearprop", "t.parquet", "--proba")
    )


def test_parquet_needs_its_extra(fails, folder, monkeypatch):
    (folder / "t.parquet").write_bytes(b"PAR1....PAR1")
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    fails(6, "train", "t.parquet", "--target", "y", says=("pip install 'clearprop[parquet]'", "t.parquet"))


def test_config(clearprop, fails, flowers, folder):
    config = folder / "c.toml"
    config.write_text('target = "species"\nhidden = [4, 3]\nepochs = 2\nlr = 0.01\nbatch_size = 30\ndrop = ["id"]\n')
    assert clearprop("train", flowers, "--config", "c.toml", "--hidden", "6")[0] == 0
    recipe = TableModel.load("flowers.clearprop").record["recipe"]
    assert (recipe["hidden"], recipe["epochs"], recipe["learning_rate"], recipe["batch_size"]) == ([6], 2, 0.01, 30)
    config.write_text('force = true\ntarget = "species"\nepochs = 1\nvalid = 0.5')
    assert clearprop("train", flowers, "--config=c.toml")[0] == 0
    for text, says in (
        ("epoch = 3", "no option 'epoch'; did you mean 'epochs'?"),
        ("zzz = 3", "no option 'zzz'; there are activation, "),
        ("config = 'c.toml'", "no option 'config'"),
        ("epochs = 3.5", "--epochs: must be a whole number >= 1, got '3.5'"),
        ("lr = true", "c.toml: lr must be"),
        ("[train]\nlr = 1", "no option 'train'"),
        ("force = 1", "force must be true or false"),
        ("epochs = ", "is not TOML"),
    ):
        config.write_text(text)
        fails(2, "train", flowers, "--target", "species", "--config", "c.toml", says=says)
    fails(2, "train", flowers, "--target", "species", "--config", "none.toml", says="none.toml")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--lr", "-1"), "--lr: must be a number > 0, got '-1'"),
        (("--lr", "nan"), "--lr"),
        (("--hidden", "3,x"), "--hidden: must be whole numbers >= 1 such as 32,16, or none, got '3,x'"),
        (("--hidden", "0"), "--hidden"),
        (("--epochs", "0"), "--epochs: must be a whole number >= 1, got '0'"),
        (("--l2", "-0.1"), "--l2: must be a number >= 0"),
        (("--valid", "1"), "--valid: must be a share"),
        (("--activation", "relo"), "--activation: invalid choice: 'relo'"),
        (("--loss", "poisson"), "'cross_entropy', 'hinge', got 'poisson'"),
        (("--optimizer", "lbfgs", "--lr", "1"), "lbfgs takes no learning rate"),
        (("--features", "colour,species"), "'species' is the target"),
        (("--epo", "3"), "--epo"),
        (("--out", "none/m.clearprop"), "there is no folder 'none'"),
        (("--out", "."), "is a folder"),
        (("--out", "flowers.csv", "--force"), "is a file to read from"),
        (("--config",), "--config"),
    ],
)
def test_wrong_usage(fails, flowers, arguments, says):
    fails(2, "train", flowers, "--target", "species", *arguments, says=says)
    assert os.listdir() == ["flowers.csv"]


def test_existing_file_needs_force(clearprop, fails, flowers):
    Path("flowers.clearprop").write_text("mine")
    fails(2, "train", flowers, "--target", "species", says="--force")
    assert Path("flowers.clearprop").read_text() == "mine"
    assert clearprop("train", flowers, "--target", "species", *QUICK, "--force")[0] == 0


BAD_TABLES = {
    "empty": ("", "t.csv is empty"),
    "header only": ("a,y\n", "t.csv has a header and no rows"),
    "short row": ("a,y\n1,2\n3\n", "t.csv:3 has 1 field, the header has 2"),
    "long row": ("a,y\n1,2\n3,4,5\n", "t.csv:3 has 3 fields, the header has 2"),
    "open quote": ('a,y\n1,2\n"3,4\n', "t.csv:3 cannot be read"),
    "no target": ("a,z\n1,2\n", "no column 'y' in t.csv; there are 'a', 'z'."),
    "near target": ("a,Y\n1,2\n", "no column 'y' in t.csv; did you mean 'Y'?"),
    "duplicate": ("a,b,a,y\n1,2,3,4\n", "the column 'a' more than once (1 and 3)"),
    "no target values": ("a,y\n1,\n2,NA\n", "'y' is missing in every row"),
    "one class": ("a,y\n1,u\n2,u\n3,u\n", "'y' is 'u' in every row; classification needs two classes"),
    "slip": ("a,y\n1,u\n2,v\nn/a,v\n", "t.csv:4 'a' is 'n/a', not a number. Use --na n/a for missing."),
    "infinite": ("a,y\n1,u\n-inf,v\n", "t.csv:3 'a' is infinite"),
    "overflow": ("a,y\n1,u\n1e999,v\n", "t.csv:3 'a' is infinite"),
    "huge": ("a,y\n1e300,u\n-1e308,v\n1e308,v\n-1e305,u\n2,u\n3,v\n5,u\n", "'a' has numbers too large to scale"),
    "one row": ("a,y\n1,2.5\n", "--valid 0.2 of 1 row leaves 0 to validate on"),
    "nothing to learn from": ("a,y\n1,u\n1,v\n", "no column left to learn from"),
    "only a target": ("y\nu\nv\n", "no column left to learn from"),
    "binary": (b"a,y\n1,2\n\xff\xfe,3\n", "t.csv:3 is not UTF-8 text"),
    "zeros": (b"\0" * 100, "t.csv"),
    "damaged Parquet": (b"PAR1" + bytes(50), "t.csv cannot be read as Parquet"),
}


@pytest.mark.parametrize("case", BAD_TABLES)
def test_bad_data(fails, folder, case):
    content, says = BAD_TABLES[case]
    (folder / "t.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    fails(3, "train", "t.csv", "--target", "y", says=says)
    assert os.listdir() == ["t.csv"]


def test_other_bad_data(fails, flowers, folder):
    fails(3, "train", "none.csv", "--target", "y", says=("cannot read 'none.csv'", "No such file"))
    fails(3, "train", str(folder), "--target", "y", says="directory")
    (folder / "t.parquet").write_text("a,y\n1,2\n")
    fails(3, "train", "t.parquet", "--target", "y", says="t.parquet is not a Parquet file")
    fails(3, "train", flowers, "--target", "species", "--drop", "couleur", says="did you mean 'colour'?")
    fails(3, "train", flowers, "--target", "species", "--categorical", "size", says="no column 'size'")
    fails(
        3, "train", flowers, "--target", "species", "--task", "regression", says="flowers.csv:2 'species' is 'setosa'"
    )
    write_csv(folder / "v.csv", [{**row, "species": "rose"} for row in flower_rows(5)])
    fails(3, "train", flowers, "--target", "species", "--valid", "v.csv", says="v.csv:2 'species' is 'rose', a class")
    write_csv(folder / "v.csv", [{"species": "setosa"}])
    fails(3, "train", flowers, "--target", "species", "--valid", "v.csv", says="(and 2 more) in v.csv")
    write_csv(folder / "n.csv", [{"x": str(row), "y": str(row - 3.5)} for row in range(30)])
    fails(3, "train", "n.csv", "--target", "y", "--loss", "poisson", says="n.csv:2 'y' is -3.5; --loss poisson needs")


def test_divergence(fails, flowers):
    fails(
        5, "train", flowers, "--target", "petal_length", "--optimizer", "sgd", "--lr", "1e9",
        says=("diverged in epoch 1", "lower --lr"),
    )  # fmt: skip
    assert os.listdir() == ["flowers.csv"]


def test_interrupted_training_saves_the_best(clearprop, flowers, monkeypatch):
    vectors, losses = [], []
    real_train = table_training.train

    def interrupted(net, *args, **kwargs):
        for report in real_train(net, *args, **kwargs):
            vectors.append(net.vector.copy())
            losses.append(report.validation_loss)
            yield report
            if report.epoch >= 5 and losses[-1] > min(losses):  # the last epoch is not the best
                raise KeyboardInterrupt

    monkeypatch.setattr(table_training, "train", interrupted)
    code, out, err = clearprop("train", flowers, "--target", "species", "--lr", "0.3", "--patience", "50")
    assert code == 130
    assert "the best parameters so far" in err
    assert "accuracy" in out
    model = TableModel.load("flowers.clearprop")
    best = int(numpy.argmin(losses))
    assert best < len(losses) - 1
    assert model.record["best_epoch"] == best + 1
    assert model.record["stopped"] == "interrupted"
    numpy.testing.assert_array_equal(model.network.vector, vectors[best])


def test_interrupted_before_the_first_epoch(clearprop, flowers, monkeypatch):
    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt
        yield

    monkeypatch.setattr(table_training, "train", interrupted)
    code, out, err = clearprop("train", flowers, "--target", "species")
    assert (code, out) == (130, "")
    assert "nothing saved" in err
    assert os.listdir() == ["flowers.csv"]


@pytest.mark.parametrize("function", ["fsync", "replace"])
def test_a_full_disk_leaves_nothing_behind(fails, flowers, monkeypatch, function):
    def full(*args):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    Path("flowers.clearprop").write_text("old")
    monkeypatch.setattr(os, function, full)
    code_and_text = ("train", flowers, "--target", "species", *QUICK, "--valid", "0", "--force")
    fails(4, *code_and_text, says=("cannot write 'flowers.clearprop'", "No space left"))
    assert sorted(os.listdir()) == ["flowers.clearprop", "flowers.csv"]
    assert Path("flowers.clearprop").read_text() == "old"


def test_history_is_that_of_the_reports(clearprop, flowers):
    clearprop("train", flowers, "--target", "species", "--epochs", "5")
    _, out, _ = clearprop("inspect", "flowers.clearprop", "--json")
    record = json.loads(out)["record"]
    assert len(record["history"]["loss"]) == record["epochs"] == 5
    assert record["best_epoch"] == 1 + int(numpy.argmin(record["history"]["validation_loss"]))


def test_dates_in_a_csv_file_are_categories(clearprop, folder):
    rows = [{"day": f"2026-01-0{1 + row % 5}", "x": str(row), "y": "ab"[row % 2]} for row in range(40)]
    write_csv(folder / "t.csv", rows)
    code, _, err = clearprop("train", "t.csv", "--target", "y", *QUICK)
    assert code == 0, err
    assert "day = 2026-01-03" in TableModel.load("t.clearprop").columns.inputs
    assert clearprop("train", "t.csv", "--target", "day", *QUICK, "--force")[0] == 0
