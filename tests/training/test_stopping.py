"""Early stopping: what counts as an improvement, when it stops, and that the best parameters come back."""

from __future__ import annotations

import math

import numpy
import pytest

import clearprop as cp
from cases import assert_close
from clearprop import EarlyStopping, EpochReport
from clearprop.state import TrainState
from clearprop.training.stopping import Watch

RNG = numpy.random.default_rng(0)
X = RNG.normal(size=(30, 3))
Y = X[:, 0] + 0.5 * RNG.normal(size=30)
HELD_OUT = RNG.normal(size=(30, 3)), RNG.normal(size=30)  # pure noise: what is learned soon does harm


def regressor(seed=0):
    return cp.Network([cp.Dense(16), cp.BatchNorm(), cp.Tanh(), cp.Dense(1)], inputs=3, dtype="float64", seed=seed)


def report(epoch, loss, **more):
    return EpochReport(epoch, epoch, loss, loss, 0.0, 1.0, 0.1, 0.0, **more)


# losses of the epochs, patience, tolerance, epoch at which to stop (None: never), best epoch
COURSES = [
    ([3, 2, 1, 0.5], 1, 0.0, None, 4),
    ([3, 2, 2, 1], 1, 0.0, 3, 2),  # an equal loss is no improvement
    ([3, 2, 2, 1], 2, 0.0, None, 4),
    ([1, 2, 3, 4, 5], 3, 0.0, 4, 1),
    ([5, 6, 6, 4, 6, 6, 6], 3, 0.0, 7, 4),  # an improvement starts the waiting anew
    ([3, 2.95, 2.9, 2.85], 2, 0.1, 3, 3),  # too small to count, but still the best so far
    ([3, 2.8, 2.6, 2.4], 2, 0.1, None, 4),
    ([3, 2.9], 1, 0.1, 2, 2),  # an improvement has to be larger than the tolerance
    ([math.inf, 3, math.nan, math.nan], 2, 0.0, 4, 2),
    ([math.nan, math.nan, math.nan], 3, 0.0, 3, None),
]


@pytest.mark.parametrize(("losses", "patience", "tolerance", "stop", "best"), COURSES)
def test_when_to_stop_and_what_is_best(losses, patience, tolerance, stop, best):
    net = cp.Network([cp.Dense(1)], inputs=1)
    start = net.vector.copy()
    watch, state = Watch(EarlyStopping(patience, tolerance)), TrainState(net.vector, net.buffer_vector)
    stopped = None
    for epoch, loss in enumerate(losses, start=1):
        net.vector[...] = epoch
        if watch.stops(report(epoch, float(loss), state=state)):
            stopped = epoch
            break
    assert stopped == stop
    last = float(net.vector[0])
    watch.restore()
    assert (net.vector == (last if best is None else best)).all()
    assert (start != net.vector).any()


MONITORS = [
    (None, {}, "loss", False),
    (None, {"validation_loss": 7.0}, "validation_loss", False),
    ("loss", {"validation_loss": 7.0}, "loss", False),
    ("data_loss", {}, "data_loss", False),
    ("validation_r2", {"metrics": {"validation_r2": 7.0}}, "validation_r2", True),
    ("accuracy", {"metrics": {"accuracy": 7.0}}, "accuracy", True),
    ("mae", {"metrics": {"mae": 7.0}}, "mae", False),
]


@pytest.mark.parametrize(("monitor", "more", "name", "greater"), MONITORS)
def test_what_is_watched_and_which_way_is_better(monitor, more, name, greater):
    watch = Watch(EarlyStopping(monitor=monitor))
    seen = report(1, 3.0, **more)
    watch.stops(seen)
    assert watch.best == (-1 if greater else 1) * seen.value(name)


def test_an_unknown_quantity_names_those_there_are():
    with pytest.raises(cp.ArgumentError, match=r"no quantity 'auc' .* there are loss, data_loss, r2, validation_loss"):
        report(1, 3.0, metrics={"r2": 0.1}, validation_loss=1.0).value("auc")


@pytest.mark.parametrize("how", ["patience", "epochs"])
def test_the_best_parameters_and_buffers_come_back(how):
    net, best = regressor(), (math.inf, None, None)
    rule, epochs = (EarlyStopping(5), 500) if how == "patience" else (EarlyStopping(500), 60)
    for seen in cp.train(net, X, Y, validation=HELD_OUT, optimizer=cp.Adam(0.01), epochs=epochs, early_stopping=rule):
        if seen.validation_loss < best[0]:
            best = seen.validation_loss, net.vector.copy(), net.buffer_vector.copy(), seen.epoch
    assert seen.epoch == (best[3] + 5 if how == "patience" else 60)
    assert best[3] < seen.epoch
    assert net.vector.tobytes() == best[1].tobytes()
    assert net.buffer_vector.tobytes() == best[2].tobytes()
    assert_close(net.loss(*HELD_OUT), best[0], k=30)  # a mean over 30 rows


def test_restore_best_can_be_left_out():
    kept, plain = regressor(), regressor()
    reports = kept.fit(X, Y, validation=HELD_OUT, epochs=200, early_stopping=EarlyStopping(5, restore_best=False))
    plain.fit(X, Y, epochs=len(reports))
    assert len(reports) < 200
    assert kept.vector.tobytes() == plain.vector.tobytes()


def test_the_best_parameters_are_there_with_the_last_report():
    net = regressor()
    reports = cp.train(net, X, Y, validation=HELD_OUT, epochs=200, early_stopping=EarlyStopping(3))
    vectors = [net.vector.copy() for _ in reports]
    last = vectors[-1]
    assert len(vectors) < 200
    assert net.vector.tobytes() == last.tobytes()


def test_lbfgs_stops_early_too():
    net = cp.Network([cp.Dense(8), cp.Tanh(), cp.Dense(1)], inputs=3, dtype="float64")
    reports = net.fit(
        X, Y, optimizer=cp.LBFGS(), epochs=300, validation=HELD_OUT, early_stopping=EarlyStopping(3), metrics="r2"
    )
    losses = [seen.validation_loss for seen in reports]
    assert len(reports) == numpy.argmin(losses) + 1 + 3
    assert_close(net.loss(*HELD_OUT), min(losses), k=30)
