"""Callbacks: their order, how they stop a run, that they are always torn down; the progress bar."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

import numpy
import pandas
import pytest

import clearprop as cp

X, Y = numpy.random.default_rng(0).normal(size=(8, 2)), numpy.arange(8.0)


def network():
    return cp.Network([cp.Dense(1)], inputs=2)


class Log(cp.Callback):
    """Notes every call; stops or fails in the epoch it is told."""

    def __init__(self, calls, name="", stop=None, fail=None):
        self.calls, self.name, self.stop, self.fail = calls, name, stop, fail

    def setup(self, estimator, context):
        self.calls.append((self.name, "setup", context.task_name, context.max_subtasks))

    def on_fit_task_begin(self, estimator, context):
        self.calls.append((self.name, "begin", context.task_name, context.task_id))

    def on_fit_task_end(self, estimator, context):
        self.calls.append((self.name, "end", context.task_name, context.task_id))
        if context.task_name == "epoch":
            assert context.report.epoch == context.task_id + 1
            assert context.parent.task_name == "fit"
            if context.task_id == self.fail:
                raise RuntimeError("planned")
        return context.task_id == self.stop

    def teardown(self, estimator, context):
        self.calls.append((self.name, "teardown", context.task_name, context.task_id))


def expected(n_epochs, name="", of=None):
    epochs = [call for i in range(n_epochs) for call in ((name, "begin", "epoch", i), (name, "end", "epoch", i))]
    before = [(name, "setup", "fit", of or n_epochs), (name, "begin", "fit", 0)]
    return [*before, *epochs, (name, "end", "fit", 0), (name, "teardown", "fit", 0)]


def test_the_order_of_the_calls():
    calls = []
    network().fit(X, Y, epochs=3, callbacks=[Log(calls)])
    assert calls == expected(3)


def test_two_callbacks_are_called_in_the_order_given():
    calls = []
    network().fit(X, Y, epochs=1, callbacks=(Log(calls, "a"), Log(calls, "b")))
    assert [call for call in calls if call[0] == "a"] == expected(1, "a")
    assert [call[0] for call in calls if call[1] in ("end", "teardown")] == ["a", "b"] * 3


def test_a_callback_stops_the_run():
    calls, net, other = [], network(), network()
    reports = net.fit(X, Y, epochs=9, callbacks=[Log(calls, "a", stop=1), Log(calls, "b")])
    assert len(reports) == 2
    assert [call for call in calls if call[0] == "b"] == expected(2, "b", of=9)  # also those after it
    other.fit(X, Y, epochs=2)
    assert net.vector.tobytes() == other.vector.tobytes()


@pytest.mark.parametrize("optimizer", [cp.Adam(), cp.LBFGS()], ids=repr)
def test_they_are_torn_down_when_a_callback_fails_or_the_loop_is_left(optimizer):
    calls = []
    with pytest.raises(RuntimeError, match="planned"):
        network().fit(X, Y, optimizer=optimizer, callbacks=[Log(calls, fail=0), Log(calls, "b")])
    assert calls[-2:] == [("", "teardown", "fit", 0), ("b", "teardown", "fit", 0)]
    calls.clear()
    for _ in cp.train(network(), X, Y, optimizer=optimizer, callbacks=[Log(calls)]):
        break
    assert [call[1] for call in calls] == ["setup", "begin", "begin", "end", "teardown"]


def test_they_are_torn_down_when_training_fails():
    calls = []
    with pytest.raises(cp.NonFiniteError):
        network().fit(X, 1e19 * Y, optimizer=cp.SGD(1e30), callbacks=[Log(calls)])
    assert calls[-1][1] == "teardown"


def test_a_callback_reads_and_changes_the_network():
    class Zero(cp.Callback):
        def on_fit_task_end(self, estimator, context):
            estimator.vector[...] = 0.0

    net = network()
    for _ in cp.train(net, X, Y, epochs=2, callbacks=[Zero()]):
        assert not net.vector.any()


# ---- the progress bar

SCRIPT = """
import sys
import clearprop as cp
net = cp.Network([cp.Dense(1)], inputs=1)
for report in cp.train(net, [[0.0], [1.0]], [0.0, 1.0], epochs=7, progress=True, validation=0.5):
    pass
print("done", "rich" in sys.modules)
"""


def test_a_piped_run_prints_nothing():
    result = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    assert (result.stdout, result.stderr) == ("done False\n", "")  # the library of the bar is not even loaded


def test_a_terminal_shows_a_bar_on_standard_error():
    parent, child = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100"}
    with subprocess.Popen([sys.executable, "-c", SCRIPT], stdout=subprocess.PIPE, stderr=child, env=environment) as run:
        os.close(child)
        shown = b""
        try:
            while piece := os.read(parent, 4096):
                shown += piece
        except OSError:  # Linux ends a pseudo terminal so
            pass
        assert run.stdout.read() == b"done True\n"
    os.close(parent)
    text = shown.decode()
    assert "epoch 7/7" in text
    assert "validation" in text
    assert run.returncode == 0


class Seen(cp.Callback):
    """Keeps what the context of the run says of its rows."""

    def on_fit_task_begin(self, estimator, context):
        if context.task_name == "epoch":
            self.context = context.parent


def test_callbacks_see_the_rows_and_the_optimizer():
    seen, optimizer = Seen(), cp.SGD(0.1)
    frame = pandas.DataFrame(X, columns=["a", 7])
    reports = network().fit(frame, Y, optimizer=optimizer, epochs=1, validation=0.25, callbacks=[seen])
    context = seen.context
    assert context.state is reports[-1].state
    assert (context.rows.n_rows, context.held_out.n_rows) == (6, 2)
    assert sorted(map(tuple, numpy.concatenate([context.rows.inputs[0], context.held_out.inputs[0]]))) == sorted(
        map(tuple, X.astype(numpy.float32))
    )
    assert context.optimizer is optimizer
    assert context.columns == ("a", "7")
    network().fit(X, Y, epochs=1, callbacks=[seen])
    assert seen.context.held_out is None
    assert seen.context.columns is None


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_callbacks_of_estimators_see_what_the_network_reads():
    seen = Seen()
    model = cp.MLPRegressor(hidden_layer_sizes=(2,), max_iter=1, early_stopping=True, validation_fraction=0.25)
    model.set_callbacks(seen).fit(pandas.DataFrame(X, columns=["a", "b"]), Y)
    assert (seen.context.rows.n_rows, seen.context.held_out.n_rows) == (6, 2)
    assert isinstance(seen.context.optimizer, cp.Adam)
    assert (seen.context.state.epoch, seen.context.state.parameters is model.network_.vector) == (1, True)
    assert seen.context.columns == ("a", "b")
