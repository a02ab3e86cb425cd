"""Runs on the page: the same bits however they are trained, bounded memory, runs that diverge."""

from __future__ import annotations

import json
import math

import numpy
import pytest
from page_client import finish, train, wait_until

import clearprop as cp
from clearprop.training import EpochReport
from clearprop.ui import history as history_module
from clearprop.ui.encoding import encode
from clearprop.ui.history import History, Snapshot
from clearprop.ui.live import LiveSession
from clearprop.ui.session import MAX_RUNS

SHORT = {"max_epochs": 6, "pace": None}


@pytest.fixture
def session():
    found = LiveSession(**SHORT)
    yield found
    found.close()


def parameters(run):
    return run.present.state.parameters.tobytes()


def slots(run):
    return {name: slot.tobytes() for name, slot in run.present.state.slots.items()}


def reference(session):
    """Train the same network with the library itself and return it with its reports."""
    settings, problem = session.settings, session.current.problem
    net = cp.Network(
        [box for units in settings.hidden for box in (cp.Dense(units), cp.Tanh())] + [cp.Dense(1)], inputs=2,
        loss=cp.BinaryCrossEntropy(), seed=settings.weight_seed, dtype="float64",
    )  # fmt: skip
    X, y = problem.inputs[0], problem.y
    n = problem.n_rows
    reports = net.fit(
        X[:n], y[:n], optimizer=cp.Adam(settings.learning_rate), epochs=settings.max_epochs,
        batch_size=settings.batch_size, validation=(X[n:], y[n:]), metrics="accuracy", seed=settings.order_seed,
    )  # fmt: skip
    return net, reports


def test_it_trains_as_the_library_does(session):
    run = train(session)
    net, reports = reference(session)
    assert run.status == "finished"
    assert run.message == "epoch 6 of 6"
    assert parameters(run) == net.vector.tobytes()
    curve = run.history.curve
    assert curve["epoch"] == [1, 2, 3, 4, 5, 6]
    assert curve["loss"] == [report.loss for report in reports]
    assert curve["validation_loss"] == [report.validation_loss for report in reports]
    assert curve["metrics"] == [report.metrics["validation_accuracy"] for report in reports]
    assert curve["gradient_norm"] == [report.gradient_norm for report in reports]


def test_batches_epochs_and_pauses_leave_the_same_bits(session):
    expected = parameters(train(session))
    curve = session.current.history.curve
    session.control("rewind")
    assert (session.current.status, session.current.present.state.epoch) == ("idle", 0)
    session.control("batch")
    described = session.current.describe()
    assert (described["status"], described["epoch"], described["batch"], described["step"]) == ("paused", 0, 1, 1)
    session.control("batch")
    session.control("epoch")
    described = session.current.describe()
    assert (described["status"], described["epoch"], described["batch"]) == ("paused", 1, 0)
    session.control("epoch")
    session.control("play")
    session.control("pause")
    assert session.current.status in ("paused", "finished")
    assert parameters(train(session)) == expected
    assert session.current.history.curve == curve


def test_rewind_gives_the_same_bits_and_other_seeds_give_others(session):
    start = parameters(session.current)
    first = parameters(train(session))
    session.control("rewind")
    assert parameters(session.current) == start
    assert list(session.current.history.snapshots) == [0]
    assert parameters(train(session)) == first
    found = {start, first}
    for name in ("weight_seed", "order_seed", "data_seed"):
        session.change({name: 1})
        found.add(parameters(train(session)))
        session.change({name: 0})
    assert len(found) == 5


def test_every_epoch_is_a_snapshot_of_its_own(session):
    run = train(session)
    assert sorted(run.history.snapshots) == list(range(7))
    session.control("rewind")
    for epoch in range(7):
        snapshot = run.history.snapshots[epoch].state
        assert snapshot.parameters.tobytes() == parameters(session.current)
        assert {name: slot.tobytes() for name, slot in snapshot.slots.items()} == slots(session.current)
        session.control("epoch")


def test_a_loss_ends_the_run_and_another_end_lets_it_go_on(session):
    session.change({"max_epochs": 500, "stop_loss": 0.3, "pace": None})
    run = train(session)
    losses = list(run.history.curve["loss"])
    assert run.status == "finished"
    assert run.message == "loss below 0.3"
    assert losses[-1] < 0.3 <= min(losses[:-1])
    assert train(session).history.curve["loss"] == losses  # nothing to do
    session.change({"stop_loss": None, "max_epochs": len(losses) + 3})
    assert session.current is run
    assert run.status == "paused"
    train(session)
    assert len(run.history.curve["loss"]) == len(losses) + 3


def test_a_pace_holds_training_up_and_lets_a_pause_through(session):
    session.change({"max_epochs": 1000, "pace": 1e-3})
    session.control("play")
    wait_until(lambda: session.current.history.curve["epoch"] == [1])
    session.control("pause")  # long before the next epoch is due
    assert session.current.status == "paused"
    assert session.current.history.curve["epoch"] == [1]
    session.change({"pace": None, "max_epochs": 5})
    assert train(session).history.curve["epoch"] == [1, 2, 3, 4, 5]


def test_a_run_that_diverges_says_so_and_the_page_goes_on(session):
    session.change({"problem": "digits", "optimizer": "sgd", "learning_rate": 1e6})
    run = train(session)
    assert run.status == "diverged"
    assert "training stopped in epoch 1, batch" in run.message
    assert "lower the learning rate" in run.message
    assert numpy.isfinite(run.present.state.parameters).all()
    for action in ("play", "batch", "epoch"):
        with pytest.raises(cp.ArgumentError, match="has diverged; rewind it"):
            session.control(action)
    json.loads(encode(session.state()))
    session.change({"learning_rate": 0.1, "max_epochs": 2})
    assert train(session).status == "finished"


def test_stop_ends_a_run(session):
    session.change({"max_epochs": 1_000_000, "pace": None})
    session.control("play")
    session.control("stop")
    assert session.current.status == "finished"
    assert session.current.message == "stopped"


def test_only_the_last_runs_are_kept(session):
    for seed in range(1, MAX_RUNS + 5):
        session.change({"weight_seed": seed})
    assert list(session.runs) == [str(number) for number in range(6, MAX_RUNS + 6)]
    with pytest.raises(cp.UnknownNameError, match="no run '1'; there are 6, 7"):
        session.run("1")
    assert session.run("6").settings["weight_seed"] == 5


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"hidden": [1] * 9}, "hidden must be a list of at most 8"),
        ({"hidden": [0]}, "hidden must be an integer >= 1, got 0"),
        ({"hidden": [513]}, "at most 512 units a layer, got 513"),
        ({"hidden": "8"}, "hidden must be a list"),
        ({"hidden": [True]}, "hidden must be an integer"),
        ({"activation": "os.system"}, "activation must be one of"),
        ({"optimizer": 3}, "optimizer must be one of"),
        ({"learning_rate": 0}, "learning_rate must be a finite number > 0"),
        ({"learning_rate": 1e9}, "learning_rate must be a finite number > 0 and <= 1e"),
        ({"learning_rate": 10**400}, "learning_rate must be a finite number > 0"),
        ({"pace": 1e-300}, "pace must be a finite number >= 0.001"),
        ({"batch_size": 2**17}, "batch_size must be at most 65536"),
        ({"max_epochs": 10**9}, "max_epochs must be at most 1000000"),
        ({"data_seed": -1}, "data_seed must be an integer >= 0"),
        ({"order_seed": 2**60}, "order_seed must be at most"),
        ({"noise": 51}, "noise must be a finite number >= 0 and <= 50"),
        ({"l2": math.inf}, "l2 must be a finite number"),
        ({"stop_loss": "0"}, "stop_loss must be a finite number"),
        ({"problem": "../iris"}, "problem must be one of 'xor'"),
        ({"engine": "array"}, "name must be one of 'problem'"),
        ([], "expected a JSON object"),
    ],
)
def test_settings_out_of_bounds_are_refused_and_change_nothing(session, change, message):
    before = session.state()
    with pytest.raises(cp.ArgumentError, match=message):
        session.change(change)
    assert session.state() == before


def test_another_problem_brings_its_own_settings(session):
    session.change({"problem": "digits", "weight_seed": 3})
    assert session.settings.hidden == (32, 16)
    assert session.settings.activation == "relu"
    assert session.settings.noise == 0.0
    assert session.settings.weight_seed == 3
    assert session.current.network.dtype == numpy.float32


def test_the_curve_and_the_snapshots_are_bounded():
    history, state = History(None), cp.TrainState(numpy.zeros(1), numpy.zeros(0))
    history.keep(Snapshot(state.copy()))
    n_epochs, thinned = 5000, 0
    for epoch in range(1, n_epochs + 1):
        state.epoch = epoch
        report = EpochReport(epoch, epoch, 1.0 / epoch, 0.0, 0.0, 0.0, 0.1, 0.0)
        thinned += history.add(report, version=epoch)
        if history.wants(epoch):
            history.keep(Snapshot(state.copy()))
    history.finish(n_epochs + 1)
    epochs = history.curve["epoch"]
    assert len(epochs) <= history_module.MAX_POINTS + 1
    assert thinned == 2
    assert epochs[:3] == [4, 8, 12]
    assert epochs[-1] == n_epochs
    assert history.curve["loss"] == [1.0 / epoch for epoch in epochs]
    recorded = sorted(history.snapshots)
    assert 0 in recorded
    assert 50 <= len(recorded) <= history_module.MAX_SNAPSHOTS
    assert all(history.snapshots[epoch].state.epoch == epoch for epoch in recorded)


def test_large_networks_are_remembered_less_often():
    history = History(None)
    state = cp.TrainState(numpy.zeros(history_module.MAX_BYTES // 80), numpy.zeros(0))
    for epoch in range(40):
        state.epoch = epoch
        if history.wants(epoch):
            history.keep(Snapshot(state.copy()))
    assert len(history.snapshots) <= 10


def test_events_hold_what_is_new_since_a_version(session):
    train(session, "epoch")
    seen = session.event(-1)
    assert seen["reset"]
    assert seen["run"]["curve"]["epoch"] == [1]
    train(session, "epoch")
    train(session, "epoch")
    news = session.event(seen["version"])
    assert not news["reset"]
    assert news["run"]["curve"]["from"] == 1
    assert news["run"]["curve"]["epoch"] == [2, 3]
    assert "runs" in news
    assert "runs" not in session.event(news["version"])
    session.control("rewind")
    assert session.event(news["version"])["reset"]
    assert session.event(10**9)["reset"]  # of another server


def test_listeners_hear_of_changes_and_may_leave(session):
    calls = []
    leave = session.listen(lambda: calls.append(session.version))
    train(session, "batch")
    assert calls
    count = len(calls)
    leave()
    train(session, "batch")
    assert len(calls) == count


def test_a_view_of_the_past_needs_a_recorded_epoch(session):
    train(session)
    run, snapshot = session.snapshot(epoch=3)
    assert snapshot is run.history.snapshots[3]
    assert snapshot.state.epoch == 3
    assert run.network_at(3)[0].vector is snapshot.state.parameters
    with pytest.raises(cp.UnknownNameError, match="epoch 99 is not recorded; the nearest one is 6"):
        session.snapshot(epoch=99)


def test_a_moment_of_a_training_can_be_asked_about_until_it_stops(session):
    run, state = session.current, session.current.present.state.copy()
    moments = []
    for step in range(1, 12):
        state.step, run.taken = step, -math.inf
        run.note(state, step, None, step)
        moments.append(run.snapshot())
    assert [run.snapshot(moment=step).state.step for step in (11, 10, 9)] == [11, 10, 9]
    assert run.snapshot(moment=10) is moments[9]
    assert run.snapshot(moment=8) is moments[-1]  # too long ago
    run.note(state, 11, None, 12, stops=True)
    assert run.snapshot(moment=10) is run.present


def test_numbers_that_json_has_not_are_texts():
    value = {"a": [math.nan, numpy.float32(math.inf)], "b": numpy.array([[-math.inf, 0.1]]), "c": (1, None, "x")}
    assert json.loads(encode(value)) == {"a": ["NaN", "Infinity"], "b": [["-Infinity", 0.1]], "c": [1, None, "x"]}


def test_texts_that_utf_8_has_not_come_through_json():
    assert json.loads(encode({"\ud800": "a\udfff\x00"}).decode()) == {"\ud800": "a\udfff\x00"}


def test_a_training_that_fails_leaves_the_page_alive(session, monkeypatch, caplog):
    def fail(*arguments):
        raise MemoryError("no room")

    with monkeypatch.context() as patched:
        patched.setattr(session.learner, "advance", fail)
        run = train(session)
    assert (run.status, run.message) == ("finished", "ended by MemoryError: no room")
    assert "training on the page failed" in caplog.text
    session.control("rewind")
    assert train(session).history.curve["epoch"] == [1, 2, 3, 4, 5, 6]


def test_closing_while_it_trains_ends_the_thread():
    session = LiveSession(max_epochs=1_000_000, pace=None)
    session.control("play")
    session.close()
    finish(session)
    assert session.current.status == "paused"
    assert not session._thread.is_alive()
