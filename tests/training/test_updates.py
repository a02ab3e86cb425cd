"""What holds for every update: schedules, plateaus, constraints, clipping, penalties."""

from __future__ import annotations

import math

import numpy
import pytest

import clearprop as cp
from cases import assert_close

RNG = numpy.random.default_rng(0)
X, Y = RNG.normal(size=(20, 3)), RNG.normal(size=20)


def network(**options):
    return cp.Network([cp.Dense(6), cp.Tanh(), cp.Dense(1)], inputs=3, dtype="float64", **options)


def rates(learning_rate, epochs=4, batch_size=6, **options):
    """Return the last learning rate of every epoch; 20 rows make 4 updates an epoch."""
    return [
        report.learning_rate
        for report in network().fit(
            X, Y, optimizer=cp.SGD(learning_rate), epochs=epochs, batch_size=batch_size, **options
        )
    ]


ENDS = [
    (cp.Cosine(0.1), 0.0),
    (cp.Cosine(0.1, minimum=0.01), 0.01),
    (cp.OneCycle(0.1), 0.1 / 1e4),
    (cp.CosLog4(0.1), 0.0),
    (cp.WarmUp(cp.Cosine(0.1), 3), 0.0),
]


@pytest.mark.parametrize(("schedule", "end"), ENDS, ids=repr)
def test_a_schedule_without_a_length_ends_with_the_run(schedule, end):
    course = rates(schedule)
    assert_close(course[-1], end, k=8, scale=0.1)  # cos(pi) and log2(16) are exact to a few eps
    assert course[-2] > end


@pytest.mark.parametrize("schedule", [cp.InverseScaling(0.1), cp.StepDecay(0.1, 5), cp.ExponentialDecay(0.1, 0.9)])
def test_a_schedule_counts_updates(schedule):
    assert rates(schedule) == [schedule(step) for step in (3, 7, 11, 15)]
    assert rates(lambda step: schedule(step)) == rates(schedule)


def test_a_schedule_goes_on_in_a_continued_run():
    net, schedule = network(), cp.SGD(cp.InverseScaling(0.1))
    state = net.fit(X, Y, optimizer=schedule, epochs=2, batch_size=6)[-1].state
    report = net.fit(X, Y, optimizer=schedule, epochs=1, batch_size=6, state=state)[-1]
    assert report.learning_rate == cp.InverseScaling(0.1)(11)


def test_a_plateau_reduces_the_rate_to_its_minimum():
    plateau = cp.ReduceOnPlateau(0.1, factor=0.5, patience=2, tolerance=1e9, minimum=0.02)  # nothing is an improvement
    assert rates(plateau, epochs=8) == [0.1, 0.1, 0.1, 0.05, 0.05, 0.025, 0.025, 0.02]
    assert rates(cp.ReduceOnPlateau(0.1, patience=2, tolerance=0.0), epochs=8, batch_size=20) == [0.1] * 8


def test_a_plateau_watches_the_validation_rows_and_is_part_of_the_state():
    options = {"validation": (X, 100.0 + RNG.normal(size=20)), "optimizer": cp.SGD(cp.ReduceOnPlateau(0.1, patience=1))}
    falling = {
        **options,
        "validation": (X, Y),
        "optimizer": cp.SGD(cp.ReduceOnPlateau(1e-3, patience=1, tolerance=0.0)),
    }
    whole, parts = network(), network()
    whole_reports = whole.fit(X, -Y, epochs=6, **options)
    reports = parts.fit(X, -Y, epochs=3, **options)
    reports += parts.fit(X, -Y, epochs=3, state=reports[-1].state, **options)
    assert [r.learning_rate for r in reports] == [r.learning_rate for r in whole_reports]
    assert whole_reports[-1].state.reductions > 0
    assert network().fit(X, Y, epochs=6, **falling)[-1].state.reductions == 0


LIMIT = 0.3


@pytest.mark.parametrize("optimizer", [cp.SGD(0.5), cp.Adam(0.3), cp.AdamW(0.3)], ids=repr)
def test_max_norm_holds_after_every_epoch_for_weights_alone(optimizer):
    net = network(constraint=cp.MaxNorm(LIMIT))
    reached = 0.0
    for _ in cp.train(net, X, 5 + 10 * Y, optimizer=optimizer, epochs=10):
        norms = numpy.linalg.norm(net.parameters["dense_1.W"], axis=0)
        # a column scaled to the limit has it up to the rounding of 3 squares, a root and a product
        assert norms.max() <= LIMIT * (1 + 4 * numpy.finfo(float).eps)
        reached = max(reached, norms.max())
    assert reached > 0.9 * LIMIT
    assert abs(net.parameters["dense_2.b"][0]) > LIMIT  # biases are free


def test_a_constraint_of_a_layers_own_comes_first():
    layers = [cp.Dense(6, constraint=cp.MaxNorm(0.1)), cp.Tanh(), cp.Dense(1)]
    net = cp.Network(layers, inputs=3, dtype="float64", constraint=cp.MaxNorm(LIMIT))
    net.fit(X, 10 * Y, optimizer=cp.SGD(0.5), epochs=5)
    assert numpy.linalg.norm(net.parameters["dense_1.W"], axis=0).max() <= 0.1 * (1 + 1e-15)
    assert 0.1 < numpy.linalg.norm(net.parameters["dense_2.W"]) <= LIMIT * (1 + 1e-15)


@pytest.mark.parametrize("options", [{"clip_norm": 0.01}, {"clip_value": 0.001}], ids=str)
def test_clipping_bounds_the_update(options):
    net = network()
    before = net.vector.copy()
    report = net.fit(X, 100 * Y, optimizer=cp.SGD(1.0, **options), epochs=1, batch_size=20)[0]
    moved = net.vector - before
    assert report.gradient_norm > 1.0  # before clipping
    if "clip_norm" in options:
        assert_close(numpy.linalg.norm(moved), 0.01, k=100)  # the sum of 31 squares, and w + move rounded at w's scale
    else:
        assert numpy.abs(moved).max() <= 0.001 * (1 + 1000 * numpy.finfo(float).eps)  # w + move rounds at w's scale


def test_the_gradient_norm_and_the_penalty_are_reported():
    net = network(penalty=cp.L2(0.1))
    loss, gradient = net.gradient(X, Y)
    weights = [view for name, view in net.parameters.items() if name.endswith("W")]
    penalty = 0.05 * sum(float((w * w).sum()) for w in weights)
    report = net.fit(X, Y, epochs=1, batch_size=20)[0]
    norm = math.sqrt(sum(float((g * g).sum()) for g in gradient.values()))
    assert_close(report.gradient_norm, norm, k=31)  # a sum of 31 squares in another order
    assert_close(report.penalty, penalty, k=24)
    assert report.loss == report.data_loss + report.penalty
    assert_close(report.loss, loss, k=20)


def test_rate_factors_freeze_a_layer():
    net = network()
    before = {name: view.copy() for name, view in net.parameters.items()}
    net.fit(X, Y, optimizer=cp.Adam(0.1, rate_factors={"dense_1": 0.0}), epochs=3)
    same = {name: bool((view == before[name]).all()) for name, view in net.parameters.items()}
    assert same == {"dense_1.W": True, "dense_1.b": True, "dense_2.W": False, "dense_2.b": False}
