"""What is learned on the page: built-in sets that a seed makes anew, tables, and saved models."""

from __future__ import annotations

import numpy
import pytest
import scipy.sparse

import clearprop as cp
from clearprop.estimators.tables.table import Table
from clearprop.ui.problems import BUILT_IN
from clearprop.ui.settings import Settings
from clearprop.ui.sources import SavedModel, UserTable

SOURCES = {source.name: source for source in BUILT_IN}
PLANE = ("xor", "circles", "spirals")


@pytest.mark.parametrize("name", SOURCES)
def test_a_seed_gives_the_same_bits_and_another_one_others(name):
    first, again, other = (SOURCES[name].problem(5.0, seed) for seed in (0, 0, 1))
    assert first.inputs[0].tobytes() == again.inputs[0].tobytes()
    assert first.y.tobytes() == again.y.tobytes()
    assert first.inputs[0].tobytes() != other.inputs[0].tobytes()


@pytest.mark.parametrize("name", SOURCES)
def test_rows_fit_the_network_and_every_class_is_in_both_parts(name):
    problem = SOURCES[name].problem(0.0, 0)
    assert problem.n_all == problem.n_rows + problem.n_validation
    assert abs(problem.n_validation / problem.n_all - 0.25) < 0.01
    for part in (slice(0, problem.n_rows), slice(problem.n_rows, None)):
        _, counts = numpy.unique(problem.y[part], return_counts=True)
        assert len(counts) == len(problem.classes)
        assert counts.max() - counts.min() <= 0.1 * counts.sum()
    settings = Settings.for_source(SOURCES[name])
    net = problem.make_network(settings.hidden, cp.Tanh, 0.0, 0)
    rows, held_out = problem.batches(net)
    assert (rows.n_rows, held_out.n_rows) == (problem.n_rows, problem.n_validation)
    assert rows.inputs[0].dtype == problem.dtype


@pytest.mark.parametrize("name", PLANE)
def test_noise_moves_points_by_its_share_of_half_the_radius(name):
    still, moved = (SOURCES[name].problem(noise, 0).inputs[0] for noise in (0.0, 50.0))
    assert numpy.abs(still).max() <= 2.0
    shift = (moved - still).ravel()  # 800 normal numbers of deviation 1/2: five deviations of their moments
    assert abs(shift.mean()) < 5.0 * 0.5 / numpy.sqrt(shift.size)
    assert abs(shift.std() - 0.5) < 5.0 * 0.5 / numpy.sqrt(2.0 * shift.size)


def test_classes_are_what_their_names_say():
    xor = SOURCES["xor"].problem(0.0, 3)
    assert (((xor.inputs[0] > 0).sum(axis=1) == 1) == xor.y).all()
    circles = SOURCES["circles"].problem(0.0, 3)
    radius = numpy.linalg.norm(circles.inputs[0], axis=1)
    assert radius[circles.y == 1].max() < radius[circles.y == 0].min()
    spirals = SOURCES["spirals"].problem(0.0, 3)
    radius = numpy.linalg.norm(spirals.inputs[0], axis=1)
    angle = numpy.arctan2(spirals.inputs[0][:, 0], spirals.inputs[0][:, 1])
    turned = (angle - 2.0 * numpy.pi * 1.25 * radius / 2.0) / numpy.pi  # 0 on one arm, 1 on the other
    assert (numpy.round(turned).astype(int) % 2 == spirals.y).all()


@pytest.mark.parametrize("name", PLANE)
def test_the_settings_that_suit_it_solve_it(name):
    settings = Settings.for_source(SOURCES[name])
    problem = SOURCES[name].problem(0.0, 0)
    net = problem.make_network(settings.hidden, cp.Tanh, 0.0, 0)
    n, (X,) = problem.n_rows, problem.inputs
    net.fit(X[:n], problem.y[:n], optimizer=settings.make_optimizer(), epochs=150, batch_size=settings.batch_size)
    assert ((net.predict(X[n:])[:, 0] > 0.5) == problem.y[n:]).mean() > 0.95


# ---- the user's own


def table(n=40):
    random = numpy.random.default_rng(0)
    age = random.integers(18, 80, n).astype(float)
    town = random.choice(["Ulm", "Bern", "<b>Wien</b>"], n)
    return Table("people.csv", {"age": [f"{a:g}" for a in age], "town": list(town)}, {}), age


def test_a_table_becomes_scaled_columns_with_names_and_keeps_its_texts():
    features, age = table()
    labels = numpy.where(age > 50, "old", "young").astype(object)
    source = UserTable(features, labels, "generation", "classification")
    problem = source.problem(0.0, 0)
    assert problem.title == "people.csv: generation"
    assert problem.columns == ("age", "town = <b>Wien</b>", "town = Bern", "town = Ulm")
    assert problem.classes == ("old", "young")
    assert problem.loss == cp.BinaryCrossEntropy()
    assert (problem.n_rows, problem.n_validation) == (32, 8)
    assert set(problem.raw.columns) == {"age", "town"}
    for row, text in enumerate(problem.raw.text("age")):
        assert problem.y[row] == (float(text) <= 50)
    assert numpy.median(problem.inputs[0][: problem.n_rows, 0]) == 0.0  # scaled by the rows to train on
    other = source.problem(0.0, 1)
    assert other.raw.text("age") != problem.raw.text("age")


def test_classes_that_are_booleans_have_the_names_that_a_table_gives_them():
    features, age = table()
    problem = UserTable(features, age > 50, "old", "classification").problem(0.0, 0)
    assert problem.classes == ("False", "True")


def test_numbers_are_learned_scaled_and_shown_as_they_are():
    features, age = table()
    problem = UserTable(features, 1000.0 * age, "income", "regression").problem(0.0, 0)
    assert problem.classes is None
    assert problem.loss == cp.SquaredError()
    shown = problem.unscale(problem.y)
    assert numpy.allclose(shown, [1000.0 * float(text) for text in problem.raw.text("age")], rtol=1e-12)
    assert abs(problem.y[: problem.n_rows].mean()) < 1e-12


def test_more_than_two_classes_are_numbers_of_a_cross_entropy():
    features, age = table()
    labels = numpy.array([int(a) % 3 for a in age])
    problem = UserTable(features, labels, "rest", "classification").problem(0.0, 0)
    assert problem.classes == (0, 1, 2)
    assert problem.n_outputs == 3
    assert problem.loss == cp.CrossEntropy()
    problem.batches(problem.make_network((4,), cp.ReLU, 0.01, 0))


def test_a_saved_model_is_trained_as_a_copy_and_keeps_its_layers():
    random = numpy.random.default_rng(0)
    x, z = cp.Input(2), cp.Input(3)
    h = cp.Concatenate()(x, cp.Dense(2, bias=False)(z))
    net = cp.Network(cp.Dense(2)(h), loss=cp.CrossEntropy(), seed=7)
    inputs = [random.normal(size=(30, 2)), scipy.sparse.csr_matrix(random.integers(0, 2, (30, 3)), dtype=numpy.float32)]
    y = random.integers(0, 2, 30)
    source = SavedModel(net, inputs, y, ["a", "b", "c = 1", "c = 2", "c = 3"], "y", ["no", "yes"], "m on t")
    problem = source.problem(0.0, 0)
    made = problem.make_network((), cp.Identity, 0.0, 0)
    assert made is not net
    assert made.vector.tobytes() == net.vector.tobytes()
    rows, held_out = problem.batches(made)
    assert (rows.n_rows, held_out.n_rows) == (24, 6)
    settings = Settings.for_source(source)
    assert (settings.hidden, settings.activation) == ((), None)
    for change in ({"hidden": [3]}, {"activation": "tanh"}, {"l2": 0.1}, {"noise": 3}, {"weight_seed": 1}):
        with pytest.raises(cp.ArgumentError, match="is fixed for 'm on t'"):
            settings.changed(change, {"model": source})
    assert settings.changed({"learning_rate": 0.5, "hidden": []}, {"model": source}).learning_rate == 0.5


def test_very_few_rows_are_all_learned_from():
    features, age = table(2)
    problem = UserTable(features, age, "age", "regression").problem(0.0, 0)
    assert (problem.n_rows, problem.n_validation) == (2, 0)


def test_a_table_too_wide_for_the_page_is_refused():
    _, age = table(2000)
    names = [f"name {place % 1000}" for place in range(2000)]
    wide = Table("wide.csv", {f"c{c}": names[c:] + names[:c] for c in range(40)}, {})
    with pytest.raises(cp.DataError, match=r"wide\.csv becomes 2000 rows of 38440 numbers"):
        UserTable(wide, age, "age", "regression").problem(0.0, 0)
