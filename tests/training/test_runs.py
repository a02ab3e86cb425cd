"""Runs that are weighted, continued, stopped early or measured: what they report and what they leave."""

import numpy
import pytest

import clearprop as cp

RNG = numpy.random.default_rng(0)
X, Y = RNG.normal(size=(60, 4)), RNG.normal(size=60)
C = numpy.arange(60) % 3


def net(units=1, loss=None, **options):
    return cp.Network([cp.Dense(5), cp.Tanh(), cp.Dense(units)], inputs=4, loss=loss, dtype="float64", **options)


def test_the_loss_of_an_epoch_weighs_its_batches_as_the_loss_of_the_rows_does():
    weight = numpy.zeros(60)
    weight[:6] = 1.0
    network = net()
    still = {"optimizer": cp.SGD(1e-300), "epochs": 1, "batch_size": 4, "shuffle": False}
    report = network.fit(X, Y, sample_weight=weight, **still)[-1]
    assert report.loss == pytest.approx(network.loss(X, Y, weight), rel=1e-12)


def test_a_continued_run_keeps_its_rows_to_validate_on():
    whole, parts = net(), net()
    expected = whole.fit(X, Y, epochs=4, validation=0.3, seed=5)[-1].validation_loss
    state = parts.fit(X, Y, epochs=2, validation=0.3, seed=5)[-1].state
    assert parts.fit(X, Y, epochs=2, validation=0.3, state=state)[-1].validation_loss == expected


def test_a_state_stays_with_its_network_when_a_copy_goes_on_from_it():
    network = net()
    state = network.fit(X, Y, epochs=1)[-1].state
    copy = network.copy()
    copied = copy.fit(X, Y, epochs=1, state=state)[-1].loss
    assert network.fit(X, Y, epochs=1, state=state)[-1].loss == copied
    numpy.testing.assert_array_equal(copy.vector, network.vector)


def test_early_stopping_leaves_the_state_of_the_best_epoch():
    network, other = net(), net()
    # the rate grows until the loss does
    optimizer = cp.SGD(lambda step: 0.05 * 1.2**step, momentum=0.9)
    reports = network.fit(X, Y, optimizer=optimizer, epochs=60, batch_size=60, early_stopping=cp.EarlyStopping(3))
    state = reports[-1].state
    best = min(reports, key=lambda report: report.loss)
    assert state.epoch == best.epoch < reports[-1].epoch
    kept = other.fit(X, Y, optimizer=optimizer, epochs=best.epoch, batch_size=60)[-1].state
    numpy.testing.assert_array_equal(network.vector, other.vector)
    numpy.testing.assert_array_equal(state.slots["velocity"], kept.slots["velocity"])


def test_lbfgs_does_not_pretend_to_continue():
    network = net()
    state = network.fit(X, Y, epochs=1)[-1].state
    with pytest.raises(cp.ArgumentError, match="LBFGS takes no state"):
        cp.train(network, X, Y, optimizer=cp.LBFGS(), state=state)


@pytest.mark.parametrize("loss", [cp.CrossEntropy(), cp.KLDivergence(), cp.SquaredError()])
def test_accuracy_of_one_hot_targets_is_that_of_the_largest_output(loss):
    network = net(3, loss)
    report = network.fit(X, numpy.eye(3)[C], epochs=1, metrics="accuracy", optimizer=cp.SGD(1e-300))[-1]
    assert report.metrics["accuracy"] == (network.predict(X).argmax(axis=1) == C).mean()


@pytest.mark.parametrize("seed", range(4))
def test_class_weights_may_name_a_class_whose_rows_are_all_held_out(seed):
    y = numpy.array([0] * 30 + [1] * 29 + [2])
    weights = {0: 1.0, 1: 1.0, 2: 5.0}
    assert net(3, cp.CrossEntropy()).fit(X, y, epochs=1, validation=0.5, class_weight=weights, seed=seed)


def test_a_warm_up_reaches_into_nested_schedules_and_refuses_a_plateau():
    rates = [report.learning_rate for report in net().fit(
        X, Y, epochs=5, batch_size=60, optimizer=cp.SGD(cp.WarmUp(cp.WarmUp(cp.Cosine(0.1), 3), 2))
    )]  # fmt: skip
    assert rates[0] == pytest.approx(0.1 / 6)
    assert rates[-1] == pytest.approx(0.0, abs=1e-12)
    with pytest.raises(cp.ArgumentError, match="follows the loss"):
        cp.WarmUp(cp.ReduceOnPlateau(0.1), 2)


def test_targets_that_nearly_sum_to_one_are_made_to():
    y = numpy.full((6, 3), 1.0009 / 3)
    assert cp.check_gradient(net(3, cp.CrossEntropy()), X[:6], y).error < 1e-6


def test_a_float32_loss_of_many_rows_keeps_its_digits():
    network = cp.Network([cp.Dense(1, initializer=cp.Constant(0.0))], inputs=1)
    ones = numpy.ones((2_000_000, 1), dtype=numpy.float32)
    assert network.loss(ones, ones) == pytest.approx(0.5, abs=1e-7)


def test_batches_of_one_row_do_not_spoil_batch_norm():
    network = cp.Network([cp.BatchNorm(), cp.Dense(1)], inputs=4, dtype="float64")
    network.fit(X[:33], Y[:33], epochs=200, batch_size=32)  # the last batch has one row
    numpy.testing.assert_allclose(network.buffers["batch_norm_1.running_variance"], X[:33].var(axis=0), rtol=0.2)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_numbers_beyond_a_million_and_a_single_class_are_warned_of():
    with pytest.warns(cp.DataWarning, match=r"X holds numbers up to 3\.\d+e\+07; .* Scale the columns"):
        net().fit(X * 1e7, Y, epochs=1)
    with pytest.warns(cp.DataWarning, match=r"X holds numbers up to"):
        cp.MLPRegressor(max_iter=1).fit(X * 1e7, Y)
    with pytest.warns(cp.DataWarning, match="y holds class 2 alone"):
        net(3, cp.CrossEntropy()).fit(X, numpy.full(60, 2), epochs=1)
