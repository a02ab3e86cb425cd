from __future__ import annotations

from dataclasses import replace

import numpy
import pandas
import polars
import pytest
import scipy.special

import clearprop as cp
from clearprop.engines import native
from clearprop.errors import DataError
from clearprop.estimators.tables import PRESETS, Preprocessing, Recipe
from clearprop.estimators.tables.frame import table_of
from clearprop.estimators.tables.intervals import conformity_scores, interval
from clearprop.estimators.tables.target import ClassTarget, NumberTarget

QUICK = Recipe(hidden=(16, 16), epochs=60, batch_size=32, dropout=0.0)
FEW = Recipe(hidden=(8,), epochs=3, batch_size=32, members=3)


def mixed(n: int = 240, seed: int = 0) -> pandas.DataFrame:
    """Rows of every kind; the target of `labels` and `amounts` depends on size, colour and month."""
    random = numpy.random.default_rng(seed)
    size = random.normal(5.0, 100.0, size=n)
    size[random.random(n) < 0.1] = numpy.nan
    return pandas.DataFrame(
        {
            "size": size,
            "colour": random.choice(["red", "green", "blue"], size=n),
            "paid": random.random(n) < 0.5,
            "when": pandas.Timestamp("2026-01-01") + pandas.to_timedelta(random.integers(0, 365, size=n), unit="D"),
            "town": [f"town {number}" for number in random.integers(12, size=n)],
            "constant": 1.0,
        }
    )


def labels(table: pandas.DataFrame) -> numpy.ndarray:
    summer = table["when"].dt.month.between(4, 9)
    return numpy.where((table["colour"] == "red") ^ summer, "yes", "no")


def amounts(table: pandas.DataFrame) -> numpy.ndarray:
    return 1e6 + 1e3 * table["size"].fillna(-50.0).to_numpy() + 5e4 * table["paid"].to_numpy()


def test_a_table_of_every_kind():
    table, new = mixed(600), mixed(200, seed=1)
    model = cp.Classifier(QUICK, random_state=0).fit(table, labels(table))
    assert model.score(new, labels(new)) > 0.9
    assert model.classes_.tolist() == ["no", "yes"]
    assert model.feature_names_in_.tolist() == list(table.columns)
    p = model.predict_proba(new)
    assert p.shape == (200, 2)
    numpy.testing.assert_allclose(p.sum(axis=1), 1.0, rtol=1e-15)
    numpy.testing.assert_array_equal(model.predict(new), model.classes_[p.argmax(axis=1)])
    assert [column.name for column in model.preprocessing_.embedded] == ["town"]
    assert model.preprocessing_.dropped == {"constant": "the same value in every row"}
    number = cp.Regressor(QUICK, random_state=0).fit(table, amounts(table))
    assert number.score(new, amounts(new)) > 0.95
    assert number.predict(new).min() >= amounts(table).min()
    assert number.predict(new).max() <= amounts(table).max()


def test_rows_unlike_those_of_training():
    table = mixed()
    model = cp.Classifier(FEW, random_state=0).fit(table, labels(table))
    strange = table.head(4).assign(
        size=[numpy.nan, 1e300, -1e300, 0.0], colour=["violet", None, "red", "red"], town="nowhere",
        when=[pandas.NaT, pandas.Timestamp("1700-01-01"), pandas.Timestamp("2200-01-01"), pandas.NaT],
    )  # fmt: skip
    assert numpy.isfinite(model.predict_proba(strange)).all()
    assert len(model.preprocessing_.unseen(model._table(strange, reset=False))) == 2


def test_frames_and_libraries_agree():
    table = mixed()
    first = cp.Classifier(FEW, random_state=0).fit(table, labels(table))
    frame = polars.from_pandas(table)
    second = cp.Classifier(FEW, random_state=0).fit(frame.to_arrow(), labels(table))
    numpy.testing.assert_array_equal(first.predict_proba(table), second.predict_proba(frame))


@pytest.mark.parametrize("recipe", [QUICK, FEW])
def test_same_seed_same_bits_for_any_number_of_threads(recipe):
    table = mixed()
    predictions = []
    for count in (1, 2, 3):
        with native.threads(count):
            model = cp.Classifier(recipe, random_state=3).fit(table, labels(table))
            predictions.append(model.predict_proba(table))
    for other in predictions[1:]:
        numpy.testing.assert_array_equal(predictions[0], other)
    other = cp.Classifier(recipe, random_state=4).fit(table, labels(table))
    assert (other.predict_proba(table) != predictions[0]).any()


def test_members_are_validated_on_rows_that_do_not_overlap():
    table = mixed()
    model = cp.Classifier(FEW, random_state=0).fit(table, labels(table))
    rows = numpy.concatenate([member.held_out for member in model.members_])
    assert sorted(rows.tolist()) == list(range(len(table)))
    inputs = model.preprocessing_.transform(model._table(table, reset=False))
    scores = [member.network.scores(inputs).astype(numpy.float64) for member in model.members_]
    mean = numpy.mean([scipy.special.softmax(s / model.target_.temperature, axis=1) for s in scores], axis=0)
    numpy.testing.assert_allclose(model.predict_proba(table), mean, rtol=1e-12)


def test_the_last_of_the_best_epochs_is_kept():
    table = mixed()
    model = cp.Classifier(QUICK, random_state=0).fit(table, labels(table))
    (member,) = model.members_
    accuracy = member.history["validation_accuracy"]
    assert len(accuracy) == QUICK.epochs
    assert member.best_epoch == len(accuracy) - accuracy[::-1].index(max(accuracy))
    held_out = table.iloc[member.held_out]
    assert model.score(held_out, labels(held_out)) == max(accuracy)
    likely = cp.Classifier(QUICK, objective="probability", random_state=0).fit(table, labels(table))
    by_loss = cp.Classifier(replace(QUICK, epoch_by="loss"), random_state=0).fit(table, labels(table))
    for other in (likely, by_loss):
        losses = other.members_[0].history["validation_loss"]
        assert other.members_[0].best_epoch == len(losses) - losses[::-1].index(min(losses))
    assert likely.members_[0].network.loss_function == cp.CrossEntropy()


def test_several_labels_and_several_numbers():
    table = mixed(400)
    y = numpy.stack([table["paid"], table["colour"] == "red", table["size"] > 0], axis=1).astype(int)
    model = cp.Classifier(QUICK, random_state=0).fit(table, y)
    assert model.predict_proba(table).shape == y.shape
    assert (model.predict(table) == y).mean() > 0.9
    numbers = numpy.stack([amounts(table), -amounts(table)], axis=1)
    both = cp.Regressor(QUICK, random_state=0).fit(table, numbers)
    assert both.predict(table).shape == numbers.shape
    assert both.score(table, numbers) > 0.95


def test_counts():
    random = numpy.random.default_rng(0)
    X = random.uniform(0.0, 3.0, size=(600, 1))
    y = random.poisson(numpy.exp(X[:, 0]))
    model = cp.Regressor(QUICK, objective="poisson", random_state=0).fit(X, y)
    assert abs(model.predict(X) - numpy.exp(X[:, 0])).mean() < 1.0  # the mean count is about 6
    with pytest.raises(DataError, match=r"objective='poisson' needs y >= 0, got -1"):
        cp.Regressor(QUICK, objective="poisson").fit(X, y - 1.0)


def test_medians_are_not_moved_by_outliers():
    X = numpy.linspace(0.0, 1.0, 300)[:, None]
    y = X[:, 0].copy()
    y[::10] = 50.0
    error = [
        abs(cp.Regressor(QUICK, objective=name, random_state=0).fit(X, y).predict(X) - X[:, 0])[1::10].mean()
        for name in ("absolute_error", "squared_error")
    ]
    assert error[0] < 0.5 < error[1]


def test_weights():
    table = mixed()
    y = labels(table)
    balanced = cp.Classifier(FEW, class_weight={"yes": 100.0}, random_state=0).fit(table, y)
    plain = cp.Classifier(FEW, random_state=0).fit(table, y)
    assert balanced.predict_proba(table)[:, 1].mean() > plain.predict_proba(table)[:, 1].mean() + 0.1
    weight = (numpy.arange(len(table)) < 200).astype(float)  # rows without weight do not count at all
    some = cp.Classifier(FEW, random_state=0).fit(table, y, sample_weight=weight)
    head = cp.Classifier(FEW, random_state=0).fit(table.head(200), y[:200], sample_weight=numpy.ones(200))
    numpy.testing.assert_array_equal(some.predict_proba(table), head.predict_proba(table))


def test_numbers_that_are_names():
    random = numpy.random.default_rng(0)
    codes = random.integers(5, size=400)
    X = numpy.stack([codes, random.normal(size=400)], axis=1)
    for chosen in ([0], numpy.array([True, False])):
        model = cp.Classifier(FEW, categorical_features=chosen, random_state=0).fit(X, codes % 2)
        assert model.preprocessing_.flags == [f"x0 = {code}" for code in range(5)]
    frame = pandas.DataFrame({"code": codes, "other": X[:, 1]})
    model = cp.Classifier(FEW, categorical_features=["code"], random_state=0).fit(frame, codes % 2)
    assert model.preprocessing_.flags == [f"code = {code}" for code in range(5)]


@pytest.mark.parametrize("members", [1, 3])
def test_a_time_limit_ends_with_the_best_so_far(members):
    table = mixed()
    slow = Recipe(hidden=(64,), epochs=100_000, members=members)
    model = cp.Regressor(slow, time_limit=0.5, random_state=0).fit(table, amounts(table))
    for member in model.members_:
        assert 1 <= len(member.history["loss"]) < 100_000
    assert numpy.isfinite(model.predict(table)).all()


def test_a_constant_target_is_predicted():
    X = numpy.arange(20.0)[:, None]
    assert cp.Regressor(FEW, random_state=0).fit(X, numpy.full(20, 7.5)).predict(X).tolist() == [7.5] * 20


def test_a_table_that_tells_nothing_is_answered_with_what_is_usual():
    X = pandas.DataFrame({"a": [1.0] * 40, "b": ["x"] * 40})
    y = numpy.repeat(["often", "rare"], [30, 10])
    assert set(cp.Classifier(QUICK, random_state=0).fit(X, y).predict(X)) == {"often"}


@pytest.mark.parametrize("n", [2, 3, 6])
@pytest.mark.parametrize("members", [1, 4])
def test_tables_of_few_rows(n, members):
    recipe = Recipe(hidden=(4,), epochs=2, members=members)
    X, y = numpy.arange(float(n))[:, None], numpy.arange(n) % 2
    assert cp.Classifier(recipe, random_state=0).fit(X, y).predict_proba(X).shape == (n, 2)
    assert numpy.isfinite(cp.Regressor(recipe, random_state=0).fit(X, X[:, 0]).predict(X)).all()


def test_an_error_in_one_member_ends_all(monkeypatch):
    def fail(*arguments):
        raise RuntimeError("no more")

    monkeypatch.setattr("clearprop.estimators.tables.training.initialize_from_data", fail)
    with pytest.raises(RuntimeError, match="no more"):
        cp.Regressor(FEW, random_state=0).fit(mixed(), amounts(mixed()))


def test_one_class_is_refused():
    with pytest.raises(DataError, match="y holds one class, 'a'; a classifier needs two or more"):
        cp.Classifier(FEW).fit([[1.0], [2.0]], ["a", "a"])


def test_presets_differ_in_effort():
    assert PRESETS["fast"].epochs < PRESETS["balanced"].epochs
    assert PRESETS["best"].members > 1
    table = mixed()
    fitted = Preprocessing.fit(table_of(table), table_of(table).kinds)
    small, usual, large = (PRESETS["balanced"].for_rows(n_rows).epochs for n_rows in (100, 5000, 65_536))
    assert (small, usual, large) == (1024, 256, 64)
    for recipe in PRESETS.values():
        net = recipe.network(fitted, ClassTarget(("a", "b")), seed=0)
        assert net.refusals(recipe.make_optimizer(net, ClassTarget(("a", "b")))) == {}


def uneven(n: int, seed: int) -> tuple[numpy.ndarray, numpy.ndarray]:
    """Numbers whose spread grows with x; their quantile of 0.9 is 1 + 1.2816 x."""
    random = numpy.random.default_rng(seed)
    X = random.uniform(0.1, 3.0, size=(n, 1))
    return X, 1.0 + X[:, 0] * random.normal(size=n)


def test_quantiles():
    (X, y), (new, _) = uneven(2000, 0), uneven(200, 1)
    levels = [0.1, 0.5, 0.9]
    model = cp.Regressor(QUICK, objective="quantile", quantile=levels, random_state=0).fit(X, y)
    found = model.predict(new)
    assert found.shape == (200, 3)
    assert (numpy.diff(found, axis=1) >= 0.0).all()
    true = 1.0 + new * [-1.2816, 0.0, 1.2816]
    assert abs(found - true).mean() < 0.25
    one = cp.Regressor(QUICK, objective="quantile", quantile=0.9, random_state=0).fit(X, y)
    assert one.predict(new).shape == (200,)
    assert abs(one.predict(new) - true[:, 2]).mean() < 0.25
    for wrong in (None, [0.9, 0.1], []):
        with pytest.raises(cp.ArgumentError, match=r"objective='quantile' needs quantile=0.9, or several in ascending"):
            cp.Regressor(QUICK, objective="quantile", quantile=wrong).fit(X, y)
    with pytest.raises(DataError, match=r"objective='quantile' takes one column, got y of shape \(2000, 2\)"):
        cp.Regressor(QUICK, objective="quantile", quantile=0.5).fit(X, numpy.stack([y, y], axis=1))


@pytest.mark.parametrize("coverage", [0.5, 0.9])
@pytest.mark.parametrize(
    "options", [{}, {"objective": "absolute_error"}, {"objective": "quantile", "quantile": (0.05, 0.95)}]
)
def test_intervals_cover_what_they_promise(options, coverage):
    (X, y), (new, true) = uneven(1000, 0), uneven(1000, 1)
    model = cp.Regressor(FEW, random_state=0, **options).fit(X, y)
    low, high = model.predict_interval(new, coverage=coverage).T
    inside = (low <= true) & (true <= high)
    deviation = numpy.sqrt(2 * coverage * (1 - coverage) / 1000)  # of a share of 1,000 rows, and of 1,000 held out
    assert abs(inside.mean() - coverage) < 4 * deviation
    if "quantile" in options:  # wide where the values spread
        assert (high - low)[new[:, 0] > 2].mean() > 1.5 * (high - low)[new[:, 0] < 1].mean()
    else:
        numpy.testing.assert_allclose(high - low, (high - low)[0])


def test_intervals_of_counts_and_of_several_numbers():
    random = numpy.random.default_rng(0)
    X = random.uniform(0.0, 3.0, size=(1000, 1))
    y = random.poisson(numpy.exp(X[:, 0]))
    ends = cp.Regressor(QUICK, objective="poisson", random_state=0).fit(X[:800], y[:800]).predict_interval(X[800:])
    assert ends.min() >= 0.0
    inside = (ends[:, 0] <= y[800:]) & (y[800:] <= ends[:, 1])
    assert 0.82 < inside.mean() < 0.98
    width = ends[:, 1] - ends[:, 0]
    assert width[X[800:, 0] > 2.5].mean() > 1.5 * width[X[800:, 0] < 0.5].mean()
    both = cp.Regressor(FEW, random_state=0).fit(X, numpy.stack([y, 1000.0 * y], axis=1)).predict_interval(X[:7])
    assert both.shape == (7, 2, 2)
    assert (numpy.diff(both[:, 1], axis=1) > 100.0 * numpy.diff(both[:, 0], axis=1)).all()


def test_a_coverage_that_the_rows_cannot_tell():
    X, y = uneven(40, 0)
    model = cp.Regressor(FEW, random_state=0).fit(X, y)
    assert model.predict_interval(X, coverage=0.97).shape == (40, 2)  # 40 held-out rows tell 40 / 41
    with pytest.raises(DataError, match=r"coverage=0.98 needs 49 held-out rows or more, got 40; fit more rows"):
        model.predict_interval(X, coverage=0.98)
    with pytest.raises(cp.ArgumentError, match=r"coverage must be a finite number > 0 and < 1, got 1.0"):
        model.predict_interval(X, coverage=1.0)


@pytest.mark.parametrize("several", [False, True])
def test_the_temperature_fits_the_held_out_rows(several):
    """Scores that are three times as sure as they should be are divided by three."""
    random = numpy.random.default_rng(0)
    scores = random.normal(size=(4000, 3))
    p = 1.0 / (1.0 + numpy.exp(-scores)) if several else numpy.exp(scores) / numpy.exp(scores).sum(axis=1)[:, None]
    y = random.random((4000, 3)) < p if several else (p.cumsum(axis=1) < random.random((4000, 1))).sum(axis=1)
    target = ClassTarget((0, 1, 2), several=several).calibrate(3.0 * scores[None], y, None)
    assert target.temperature == pytest.approx(3.0, rel=0.1)
    numpy.testing.assert_allclose(target.prediction(3.0 * scores), p, atol=0.02)


def test_no_probability_is_1_because_all_held_out_rows_are_right():
    target = ClassTarget(("no", "yes")).calibrate(numpy.array([[[-5.0, 5.0]] * 8]), numpy.ones(8, dtype=int), None)
    numpy.testing.assert_allclose(target.prediction(numpy.array([[-5.0, 5.0]])), [[0.1, 0.9]], rtol=1e-3)


def test_probabilities_are_calibrated():
    random = numpy.random.default_rng(0)
    X = random.normal(size=(3000, 2))
    p = 1.0 / (1.0 + numpy.exp(-2.0 * X[:, 0]))
    y = random.random(3000) < p
    for objective in ("error", "probability"):
        model = cp.Classifier(QUICK, objective=objective, random_state=0).fit(X[:2000], y[:2000])
        assert abs(model.predict_proba(X[2000:])[:, 1] - p[2000:]).mean() < 0.05


def test_intervals_of_rows_of_their_own_may_lie_outside_of_training():
    X, y = uneven(300, 0)
    model = cp.Regressor(FEW, random_state=0).fit(X, y, X_val=X, y_val=100.0 * y)
    error = numpy.sort(abs(100.0 * y - model.predict(X)))
    numpy.testing.assert_allclose(model.conformity_scores_[:, 0], error, rtol=1e-5)


@pytest.mark.parametrize("objective", ["squared_error", "poisson"])
def test_conformity_scores_are_those_of_what_is_predicted(objective):
    X, y = uneven(300, 0)
    y = numpy.round(numpy.abs(y))
    model = cp.Regressor(FEW, objective=objective, random_state=0).fit(X[:200], y[:200], X_val=X[200:], y_val=y[200:])
    prediction, truth = model.predict(X[200:]), y[200:]
    if objective == "poisson":
        prediction, truth = numpy.sqrt(prediction + 0.375), numpy.sqrt(truth + 0.375)
    numpy.testing.assert_allclose(model.conformity_scores_[:, 0], numpy.sort(abs(truth - prediction)), atol=1e-5)


def test_weights_in_an_interval():
    target = NumberTarget("squared_error", (0.0,), (1.0,), (-9.0,), (9.0,))
    error = numpy.linspace(0.0, 1.0, 101)[:, None]

    def reach(weight, coverage=0.8):
        found = conformity_scores(target, 0.0 * error, error, weight)
        return interval(target, numpy.zeros((1, 1)), *found, coverage)[0, 0, 1]

    assert reach(None) == reach(numpy.full(101, 7.0))
    heavy = numpy.where(error[:, 0] > 0.5, 3.0, 1.0)  # 3/4 of the weight lies above 1/2: 0.8 of it ends near 0.87
    assert reach(heavy) == pytest.approx(0.87, abs=0.02)
    with pytest.raises(DataError, match=r"coverage=0\.8 needs 4 held-out rows or more, got 1;"):
        reach(numpy.where(error[:, 0] == 0.5, 1e6, 1e-3))  # one row that counts is no sample


def test_the_smallest_coverage_takes_the_smallest_score():
    X, y = uneven(100, 0)
    model = cp.Regressor(FEW, random_state=0).fit(X, y)
    widths = [numpy.ptp(model.predict_interval(X[:1], coverage=share)) for share in (1e-12, 0.01, 0.5)]
    assert 0.0 < widths[0] < widths[1] < widths[2]
