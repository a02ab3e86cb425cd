from __future__ import annotations

import copy
import dataclasses
import errno
import json
import os
from pathlib import Path

import numpy
import pytest
from flower_table import flower_rows, write_csv

import clearprop as cp
from clearprop.cli import train as train_verb
from clearprop.cli.model_file import load_model
from clearprop.cli.problem import LOSSES, Problem
from clearprop.estimators.options import ACTIVATIONS
from clearprop.estimators.tables import recipe
from clearprop.estimators.tables.reader import read_table
from clearprop.estimators.tables.target import OBJECTIVES
from clearprop.training.run import Run

QUICK = ("--preset", "fast", "--epochs", "3")


def test_train_says_what_it_does_and_what_comes_next(clearprop, flowers):
    code, out, err = clearprop("train", flowers, "--target", "species", "--preset", "fast", "--epochs", "60")
    assert code == 0
    metrics = dict(line.split() for line in out.splitlines())
    assert set(metrics) == {"accuracy", "log_loss"}
    assert float(metrics["accuracy"]) > 0.8
    assert "classification of 'species', 3 classes (setosa, versicolor, virginica)" in err
    assert "90, a fifth of them to validate on" in err
    assert "2 numbers, 1 category" in err
    assert "left out (another text in every row): id" in err
    assert "network:  3 -> 256 -> 256 -> 256 -> 3, selu\n" in err
    assert "60 epochs" in err
    assert "saved flowers.clearprop" in err
    assert "on 18 validation rows, which also chose the epoch" in err
    assert "18 are few" in err
    assert "clearprop evaluate flowers.clearprop OTHER.csv" in err
    assert "clearprop predict flowers.clearprop NEW.csv" in err
    assert isinstance(cp.load("flowers.clearprop"), cp.Classifier)


def test_a_target_is_all_it_needs(clearprop, flowers):
    code, out, err = clearprop("train", flowers, "--target", "petal_length")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()] == ["rmse", "mae", "r2"]
    assert float(out.split()[-1]) > 0.8
    assert "rows:     90; each network is validated on another share" in err
    assert "trained:  4 networks, 4096 epochs in" in err
    assert "on 90 validation rows, each by the network whose epoch it chose" in err
    model = cp.load("flowers.clearprop")
    assert (type(model), model.preset, model.random_state) == (cp.Regressor, "balanced", 0)
    # each row is measured by the network that did not learn from it
    table = read_table(flowers)
    y = table.numbers("petal_length")
    error = []
    for member in model.members_:
        alone = copy.copy(model)
        alone.members_ = [member]
        error += list(alone.predict(table.take(member.held_out)) - y[member.held_out])
    assert float(out.split()[1]) == pytest.approx(numpy.sqrt(numpy.mean(numpy.square(error))), rel=1e-5)


def test_same_seed_same_bytes(clearprop, flowers):
    for name, seed, more in (("a", 1, []), ("b", 1, ["--quiet", "--threads", "1"]), ("c", 2, [])):
        assert clearprop("train", flowers, "--target", "species", *QUICK, "--seed", seed, "--out", name, *more)[0] == 0
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
        "--drop", "id", "--categorical", "sepal_length", "--preset", "fast", "--hidden", "5,4", "--activation", "tanh",
        "--loss", "cross_entropy", "--optimizer", "nesterov", "--lr", "0.05", "--batch-size", "7", "--epochs", "4",
        "--l2", "0.5", "--valid", "0.3", "--patience", "4", "--seed", "9", "--threads", "1", "--out", "m.x",
        "--na", "?,-", "--time-limit", "1000",
    )  # fmt: skip
    assert code == 0, err
    stored = load_model("m.x")
    model = stored.model
    assert [(column.name, column.kind) for column in model.preprocessing_.columns] == [
        ("sepal_length", "category"),
        ("colour", "category"),
    ]
    (member,) = model.members_
    boxes = [type(node.layer).__name__ for node in member.network.graph.nodes]
    assert [box for box in boxes if box in ("Dense", "Tanh")][-5:] == ["Dense", "Tanh", "Dense", "Tanh", "Dense"]
    assert member.network.program.penalty == cp.L2(0.5)
    assert set(stored.missing) >= {"?", "-", "", "NA"}
    assert (model.recipe.optimizer, model.recipe.learning_rate) == ("nesterov", (0.05, 0.05))
    assert (model.recipe.batch_size, model.recipe.patience, model.random_state) == (7, 4, 9)
    assert (stored.record["rows"], stored.record["validation_rows"], model.time_limit) == (63, 27, 1000.0)
    assert "63 to train on, 27 to validate on" in err
    assert len(member.history["validation_loss"]) == 4


def test_a_time_limit_and_patience_end_early(clearprop, flowers):
    arguments = ("train", flowers, "--target", "species", "--preset", "fast", "--epochs", "100000", "--force")
    code, _, err = clearprop(*arguments, "--time-limit", "0.3")
    assert code == 0
    assert "(time is up)" in err
    code, _, err = clearprop(*arguments, "--patience", "3")
    assert code == 0
    assert "(no better for a while)" in err


@pytest.mark.parametrize("optimizer", train_verb.OPTIMIZERS)
def test_every_optimizer(clearprop, flowers, optimizer):
    assert clearprop("train", flowers, "--target", "species", *QUICK, "--optimizer", optimizer)[0] == 0


@pytest.mark.parametrize("activation", train_verb.ACTIVATIONS)
def test_every_activation(clearprop, flowers, activation):
    assert clearprop("train", flowers, "--target", "species", *QUICK, "--activation", activation)[0] == 0


@pytest.mark.parametrize("activation", ["relu", "prelu", "rrelu", "softmax"])
def test_activations_in_the_full_recipe(clearprop, flowers, activation):
    options = ("--epochs", "1", "--hidden", "6", "--activation", activation)
    assert clearprop("train", flowers, "--target", "species", *options)[0] == 0


@pytest.mark.parametrize("loss", LOSSES["regression"])
def test_every_regression_loss(clearprop, flowers, loss):
    options = ("--loss", loss, "--preset", "fast", "--epochs", "60")
    code, out, _ = clearprop("train", flowers, "--target", "petal_length", *options)
    assert code == 0
    assert cp.load("flowers.clearprop").objective == loss
    assert float(dict(line.split() for line in out.splitlines())["r2"]) > 0.5


def test_names_of_options_are_those_of_the_library():
    assert tuple(recipe.OPTIMIZERS) == train_verb.OPTIMIZERS
    assert tuple(recipe.PRESETS) == train_verb.PRESETS
    assert tuple(sorted(ACTIVATIONS)) == train_verb.ACTIVATIONS
    assert (*LOSSES["classification"], *LOSSES["regression"]) == train_verb.LOSSES
    assert {*LOSSES["regression"], "quantile"} == set(OBJECTIVES)


def test_without_options_the_preset_is_as_it_is(flowers):
    options = train_verb.make_parser().parse_args(["d", "--target", "t"])
    for target, kind in (("species", cp.Classifier), ("petal_length", cp.Regressor)):
        problem = Problem.of(read_table(flowers), target)
        model = train_verb.make_model(options, problem)
        assert type(model) is kind
        assert model.get_params() == kind("balanced", random_state=0, verbose=True).get_params()
    options = train_verb.make_parser().parse_args(["d", "--target", "t", "--optimizer", "sgd", "--preset", "fast"])
    rate, _ = recipe.OPTIMIZERS["sgd"]
    assert train_verb.make_model(options, problem).preset == dataclasses.replace(
        recipe.PRESETS["fast"], optimizer="sgd", learning_rate=(rate, rate)
    )


def test_a_validation_file(clearprop, flowers, folder):
    write_csv(folder / "valid.csv", flower_rows(12, seed=5))
    code, out, err = clearprop("train", flowers, "--target", "species", *QUICK, "--valid", "valid.csv")
    assert code == 0
    assert "90 to train on, 12 to validate on" in err
    assert clearprop("evaluate", "flowers.clearprop", "valid.csv")[1] == out


def test_a_share_to_validate_on_is_the_same_for_the_same_seed(clearprop, flowers):
    figures = [
        clearprop("train", flowers, "--target", "petal_length", *QUICK, "--valid", "0.5", "--seed", seed, "--force")[1]
        for seed in (1, 1, 2)
    ]  # fmt: skip
    assert figures[0] == figures[1] != figures[2]


def test_categories_that_are_not_read(clearprop, folder):
    write_csv(folder / "t.csv", [{"x": str(row), "code": str(row % 3), "y": str(row % 2)} for row in range(40)])
    arguments = ("train", "t.csv", "--target", "y", *QUICK, "--categorical", "y,code", "--features", "x")
    assert clearprop(*arguments)[0] == 0
    model = cp.load("t.clearprop")
    assert (model.categorical_features, model.classes_.tolist()) == (None, ["0", "1"])


def test_a_class_of_one_row_is_learned_from(clearprop, folder):
    rows = [{"x": str(row), "y": "rare" if row == 7 else "ab"[row % 2]} for row in range(40)]
    write_csv(folder / "t.csv", rows)
    assert clearprop("train", "t.csv", "--target", "y", *QUICK, "--valid", "0.9")[0] == 0
    assert "rare" in cp.load("t.clearprop").classes_


def test_linear_model(clearprop, flowers):
    assert clearprop("train", flowers, "--target", "species", *QUICK, "--hidden", "none")[0] == 0
    (member,) = cp.load("flowers.clearprop").members_
    assert "dense_2.W" not in member.network.parameters
    assert member.network.parameters["dense_1.W"].shape == (3, 3)


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
        preprocessing = cp.load("t.clearprop").preprocessing_
        assert preprocessing.numbers == ["sepal_length", "petal_length"]
        assert preprocessing.flags == [
            "petal_length is missing", "colour = blue", "colour = red", "colour = (missing)",
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
    assert cp.load("t.clearprop").preprocessing_.numbers == ["x"]


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
    code, out, err = clearprop("train", "t.parquet", "--target", "y", "--preset", "fast")
    assert code == 0, err
    assert "left out (the same value in every row): nothing" in err
    assert "features: 2 numbers, 2 booleans, 2 categories, 1 date" in err
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
    used = cp.load("flowers.clearprop").recipe
    assert (used.hidden, used.epochs, used.learning_rate, used.batch_size) == ((6,), 2, (0.01, 0.01), 30)
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
        (("--valid", "0"), "got '0': rows that are not learned from choose the epoch"),
        (("--preset", "quick"), "--preset: invalid choice: 'quick'"),
        (("--time-limit", "0"), "--time-limit: must be a number > 0"),
        (("--activation", "relo"), "--activation: invalid choice: 'relo'"),
        (("--loss", "poisson"), "--loss must be one of 'cross_entropy', got 'poisson'"),
        (("--optimizer", "lbfgs"), "--optimizer: invalid choice: 'lbfgs'"),
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
    "huge": ("a,y\n1.7e308,u\n-1.7e308,v\n1.7e308,v\n-1.7e308,u\n", "'a' has numbers too large to scale"),
    "one row": ("a,y\n1,2.5\n", "t.csv has one row to learn from; training needs two or more"),
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
        5, "train", flowers, "--target", "petal_length", "--optimizer", "sgd", "--lr", "1e30",
        says=("training diverged in epoch ", ", batch 1: ", "is not finite. Nothing was saved", "lower --lr"),
    )  # fmt: skip
    assert os.listdir() == ["flowers.csv"]


def test_interrupted_training_saves_the_best(clearprop, flowers, monkeypatch):
    vectors, errors = [], []

    class Interrupted(Run):
        def reports(self):
            for report in super().reports():
                vectors.append(self.net.vector.copy())
                errors.append(report.value("validation_loss"))
                yield report
                if report.epoch >= 5 and errors[-1] > min(errors):  # the last epoch is not the best
                    raise KeyboardInterrupt

    monkeypatch.setattr("clearprop.estimators.tables.training.Run", Interrupted)
    code, out, err = clearprop("train", flowers, "--target", "petal_length", "--preset", "fast", "--lr", "0.5")
    assert code == 130
    assert "(interrupted), best epoch" in err
    assert "saved flowers.clearprop (the best parameters so far)" in err
    assert "rmse" in out
    (member,) = cp.load("flowers.clearprop").members_
    best = int(numpy.argmin(errors))
    assert best < len(errors) - 1
    assert (member.best_epoch, member.stopped) == (best + 1, "interrupted")
    numpy.testing.assert_array_equal(member.network.vector, vectors[best])


@pytest.mark.parametrize("preset", ["fast", "balanced"])
def test_interrupted_before_the_first_epoch(clearprop, flowers, monkeypatch, preset):
    def interrupted(self):
        raise KeyboardInterrupt
        yield

    monkeypatch.setattr(Run, "reports", interrupted)
    code, out, err = clearprop("train", flowers, "--target", "species", "--preset", preset)
    assert (code, out) == (130, "")
    assert err.splitlines()[-1] == "interrupted before any network had learned for an epoch; nothing saved"
    assert os.listdir() == ["flowers.csv"]


@pytest.mark.parametrize("function", ["fsync", "replace"])
def test_a_full_disk_leaves_nothing_behind(clearprop, flowers, monkeypatch, function):
    def full(*args):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    Path("flowers.clearprop").write_text("old")
    monkeypatch.setattr(os, function, full)
    code, _, err = clearprop("train", flowers, "--target", "species", *QUICK, "--force")
    assert code == 4
    assert "cannot write 'flowers.clearprop'" in err
    assert "No space left" in err
    assert sorted(os.listdir()) == ["flowers.clearprop", "flowers.csv"]
    assert Path("flowers.clearprop").read_text() == "old"


def test_history_is_that_of_the_reports(clearprop, flowers):
    clearprop("train", flowers, "--target", "petal_length", "--preset", "fast", "--epochs", "5")
    _, out, _ = clearprop("inspect", "flowers.clearprop", "--json")
    (network,) = json.loads(out)["networks"]
    assert len(network["history"]["loss"]) == 5
    errors = network["history"]["validation_loss"]
    assert network["best_epoch"] == max(epoch for epoch, error in enumerate(errors, 1) if error == min(errors))


def test_dates_in_a_csv_file(clearprop, folder):
    rows = [{"day": f"2026-01-0{1 + row % 5}", "x": str(row), "y": "ab"[row % 2]} for row in range(40)]
    write_csv(folder / "t.csv", rows)
    code, _, err = clearprop("train", "t.csv", "--target", "y", *QUICK)
    assert code == 0, err
    assert "features: 1 number, 1 date\n" in err
    assert cp.load("t.clearprop").preprocessing_.numbers == ["day (day)", "day (weekday)", "x"]
    assert clearprop("train", "t.csv", "--target", "day", *QUICK, "--force")[0] == 0
