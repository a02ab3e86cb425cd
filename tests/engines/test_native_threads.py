"""Threads, processes and signals: none of them may change bits, stand still, or leave Ctrl-C without an answer."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import joblib
import numpy
import pytest
from native_twin import native, same_bits, training_state, trajectory

import clearprop as cp

X = numpy.random.default_rng(0).normal(size=(1500, 128)).astype(numpy.float32)
Y = numpy.random.default_rng(1).normal(size=1500).astype(numpy.float32)
LABELS = (Y > 0).astype(int)
SECONDS = 20.0  # to the end of what would otherwise never end
pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")


def network(seed=0, width=128):
    """Return a network whose steps of 500 rows are worth more than 8 threads."""
    boxes = [cp.Dense(width), cp.ReLU(), cp.Dropout(0.1), cp.Dense(width), cp.Tanh(), cp.Dense(1)]
    return cp.Network(boxes, inputs=128, seed=seed)


def train(seed, threads=4, epochs=2):
    """Return what training leaves behind, and predictions."""
    net = network(seed)
    executor = native(net.program, threads=threads)
    found = trajectory(executor, net, net.batch(X, Y), cp.Adam(), 500, epochs)
    return found | {"scores": executor.scores(net.vector, net.buffer_vector, (X,))}


# ---- processes


def send(connection, function, *arguments):
    connection.send(function(*arguments))
    connection.close()


def in_a_child(method, function, *arguments):
    """Return what a function returns in another process; fail if it dies or never ends."""
    context = multiprocessing.get_context(method)
    here, there = context.Pipe(duplex=False)
    child = context.Process(target=send, args=(there, function, *arguments))
    child.start()
    there.close()
    try:
        assert here.poll(SECONDS), "the child stands still"
        return here.recv()
    finally:
        child.kill()
        child.join()


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_a_child_computes_the_same_bits(method):
    """After the parent has used its threads, which a fork does not copy."""
    expected = train(0)
    assert same_bits(in_a_child(method, train, 0), expected)
    assert same_bits(train(0), expected)


def test_a_child_of_a_child():
    assert same_bits(in_a_child("fork", in_a_child, "fork", train, 0), train(0))


class Busy:
    """A network that another Python thread trains until the end of the block."""

    def __init__(self):
        self.net, self._stop = network(seed=7), False

    def __enter__(self):
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        return self.net

    def _run(self):
        for _ in cp.train(self.net, X, Y, epochs=10**6, batch_size=500):
            if self._stop:
                break

    def __exit__(self, *_):
        self._stop = True
        self._thread.join(SECONDS)
        assert not self._thread.is_alive()


def test_a_fork_while_another_thread_trains():
    expected = train(0)
    with Busy():
        for _ in range(5):
            assert same_bits(in_a_child("fork", train, 0), expected)


def shape_of_scores(net):
    return net.scores(X[:40]).shape, net.fit(X, Y, epochs=1, batch_size=500)[-1].epoch


def test_a_fork_of_the_very_network_that_another_thread_trains():
    """At that moment another thread holds its lock, which nobody in the child will ever give back."""
    with Busy() as net:
        for _ in range(5):
            assert in_a_child("fork", shape_of_scores, net) == ((40, 1), 1)


def fitted(seed):
    model = cp.MLPClassifier((128, 64), max_iter=3, batch_size=500, tol=0.0, n_iter_no_change=99, random_state=seed)
    with pytest.warns(Warning, match="converge"):
        return model.fit(X, LABELS).predict_proba(X[:50])


def test_several_fits_at_once_in_processes_of_joblib():
    expected = [fitted(seed) for seed in range(4)]
    found = joblib.Parallel(n_jobs=2, backend="loky")(joblib.delayed(fitted)(seed) for seed in range(4))
    assert all(same_bits(*pair) for pair in zip(found, expected, strict=True))


# ---- Python threads


def test_several_python_threads_train_networks_of_their_own():
    """One of them has the pool of threads, the others make threads; more threads than processors in any case."""
    expected = [train(seed) for seed in range(6)]
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda seed: train(seed, threads=8), range(6), timeout=SECONDS))
    assert all(same_bits(*pair) for pair in zip(found, expected, strict=True))


def test_one_network_predicts_in_several_python_threads():
    net = network()
    executor = native(net.program, threads=2)
    parts = [X[start : start + size] for start, size in ((0, 1500), (3, 1), (100, 16), (200, 700), (50, 17), (9, 400))]
    expected = [executor.scores(net.vector, net.buffer_vector, (part,)) for part in parts]

    def often(index):
        return [executor.scores(net.vector, net.buffer_vector, (parts[index],)) for _ in range(20)]

    with ThreadPoolExecutor(6) as pool:
        for index, found in enumerate(pool.map(often, range(6), timeout=SECONDS)):
            assert all(same_bits(scores, expected[index]) for scores in found)


def test_a_network_predicts_while_another_python_thread_trains_it():
    """What it predicts then is nobody's promise; that it goes on, is."""
    with Busy() as net:
        for size in (1, 16, 17, 1500):
            assert net.scores(X[:size]).shape == (size, 1)
            assert numpy.isfinite(net.loss(X[:size], Y[:size]))


def test_threads_of_their_own_for_more_than_there_are_processors():
    """Many short steps: every one of them has to wait for the slowest of 16 threads."""
    net = network()
    batch = net.batch(X, Y)
    found = [trajectory(native(net.program, threads=n), net, batch, cp.SGD(0.01), 100, 4) for n in (1, 16)]
    assert same_bits(*found)


def ticks_during(function):
    """Return how often this thread got to run while another one was in `function`, and for how long that was."""
    worker = threading.Thread(target=function)
    worker.start()
    began, ticks = time.perf_counter(), 0
    while worker.is_alive():
        time.sleep(1e-3)
        ticks += 1
    return ticks, time.perf_counter() - began


def test_python_runs_on_while_the_core_computes():
    net = network(width=256)
    executor, batch = native(net.program, threads=2), net.batch(numpy.tile(X, (20, 1)), numpy.tile(Y, 20))
    calls = {
        "run_epoch": lambda: trajectory(executor, net, batch, cp.SGD(0.01), 5000, 1),
        "gradient": lambda: [executor.gradient(net.vector, net.buffer_vector, batch, training=True) for _ in range(2)],
        "scores": lambda: [executor.scores(net.vector, net.buffer_vector, batch.inputs) for _ in range(4)],
    }
    for name, call in calls.items():
        ticks, seconds = ticks_during(call)
        # a call that kept the interpreter would let this thread run a handful of times, between the calls
        assert ticks >= 50 * seconds + 5, f"{name}: {ticks} times in {seconds:.2f} s"


# ---- signals

BIG = """
import os, signal, sys, time, warnings
import numpy
import clearprop as cp
X = numpy.random.default_rng(0).normal(size=(20_000, 128)).astype(numpy.float32)
y = X[:, 0] > 0
"""
TRAIN = (
    BIG
    + """
net = cp.Network([cp.Dense(256), cp.Tanh(), cp.Dense(256), cp.Tanh(), cp.Dense(1)], inputs=128, engine="native")
before = net.vector.copy()
print("ready", flush=True)
try:
    for report in cp.train(net, X, y, epochs=10**6, batch_size=BATCH):
        state = report.state
except KeyboardInterrupt:
    print("interrupted", flush=True)
assert numpy.isfinite(net.vector).all() and (net.vector != before).any()
net.fit(X[:500], y[:500], epochs=1)
print(numpy.isfinite(net.loss(X, y)))
"""
)
ESTIMATOR = (
    BIG
    + """
model = cp.MLPClassifier((256, 256), max_iter=10**6, batch_size=200, random_state=0, tol=0.0, n_iter_no_change=10**6)
print("ready", flush=True)
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    model.fit(X, y)
print("interrupted", flush=True)
assert [str(warning.message) for warning in caught] == ["Training interrupted by user."], caught
print(model.score(X[:500], y[:500]) > 0.5)
"""
)
HANDLER = (
    BIG
    + """
def give_up(number, frame):
    raise TimeoutError("enough")

signal.signal(signal.SIGINT, give_up)
net = cp.Network([cp.Dense(256), cp.Tanh(), cp.Dense(1)], inputs=128, engine="native")
print("ready", flush=True)
try:
    net.fit(X, y, epochs=10**6)
except TimeoutError as error:
    print("interrupted", flush=True)
    print(str(error) == "enough")
"""
)


@pytest.mark.parametrize(
    "code",
    [TRAIN.replace("BATCH", "32"), TRAIN.replace("BATCH", "len(X)"), ESTIMATOR, HANDLER],
    ids=["train", "train with all rows a step", "estimator", "another handler"],
)
def test_an_interrupt_is_answered_at_once(code, record_property):
    """In the middle of an epoch of a run that would never end."""
    environment = {**os.environ, "CLEARPROP_THREADS": "2"}
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as run:
        watchdog = threading.Timer(SECONDS, run.kill)
        watchdog.start()
        try:
            assert run.stdout.readline() == "ready\n", run.stderr.read()
            time.sleep(0.7)
            sent = time.perf_counter()
            run.send_signal(signal.SIGINT)
            answer = run.stdout.readline()
            seconds = time.perf_counter() - sent
            rest, errors = run.stdout.read(), run.stderr.read()
            run.wait()
        finally:
            watchdog.cancel()
            run.kill()
    record_property("seconds", seconds)
    assert (answer, rest, run.returncode) == ("interrupted\n", "True\n", 0), errors[-2000:]
    assert seconds < 1.0


class Enough(Exception):
    """What the handler below raises."""


def give_up(number, frame):
    raise Enough


@pytest.mark.parametrize("threads", [1, 2])
def test_an_interrupted_epoch_counts_the_updates_it_made(threads):
    """The parameters are those of so many whole steps, and the run can go on from there."""
    net, optimizer = network(), cp.Adam()
    executor, batch, state = native(net.program, threads=threads), net.batch(X, Y), training_state(net, optimizer)
    n_steps = 4000  # some seconds
    order, rates = numpy.tile(numpy.arange(500), n_steps), numpy.full(n_steps, 1e-3)
    before = signal.signal(signal.SIGALRM, give_up)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        with pytest.raises(Enough):
            executor.run_epoch(state, optimizer, batch, order, 500, rates)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)
    assert 0 < state.step < n_steps
    assert state.epoch == 0
    expected = training_state(net, optimizer)
    executor.run_epoch(expected, optimizer, batch, order[: 500 * state.step], 500, rates[: state.step])
    assert expected.step == state.step
    for name in ("parameters", "buffers", "slots"):
        assert same_bits(getattr(state, name), getattr(expected, name))
