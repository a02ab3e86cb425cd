"""Same seed, same bits; a continued run is the uninterrupted one; every row is used once an epoch."""

from __future__ import annotations

import hashlib
import pickle
import subprocess
import sys
from itertools import chain

import numpy
import pytest

import clearprop as cp
from cases import OPTIMIZERS, assert_close

RNG = numpy.random.default_rng(0)
X, Y = RNG.normal(size=(23, 3)), RNG.normal(size=23)  # 23 rows: no batch size below divides them

MAKE = """
import clearprop as cp, hashlib, numpy
def make(seed=0, **options):
    layers = [cp.Dense(5), cp.BatchNorm(), cp.ReLU(), cp.Dropout(0.3), cp.Dense(4), cp.GaussianNoise(0.1), cp.Tanh(),
              cp.Dense(1)]
    return cp.Network(layers, inputs=3, seed=seed, **options)
def digest(net, reports):
    seen = repr([(report.loss, report.gradient_norm) for report in reports]).encode()
    bits = net.vector.tobytes() + net.buffer_vector.tobytes() + seen
    return hashlib.sha256(bits).hexdigest()
"""
scope: dict = {}
exec(MAKE, scope)
make, digest = scope["make"], scope["digest"]


def trained(net_seed=0, seed=0, **options):
    net = make(net_seed)
    return digest(net, net.fit(X, Y, **{"epochs": 4, "batch_size": 5, "seed": seed, "validation": 0.2, **options}))


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_the_same_seed_gives_the_same_bits(optimizer):
    assert trained(optimizer=optimizer) == trained(optimizer=optimizer)


@pytest.mark.parametrize("optimizer", [cp.SGD(0.1), cp.Adam(0.05)], ids=repr)
def test_another_process_gives_the_same_bits(optimizer):
    code = f"""{MAKE}
rng = numpy.random.default_rng(0)
X, Y = rng.normal(size=(23, 3)), rng.normal(size=23)
net = make()
print(digest(net, net.fit(X, Y, epochs=4, batch_size=5, seed=0, validation=0.2, optimizer=cp.{optimizer!r})))"""
    there = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert there.stdout.strip() == trained(optimizer=optimizer)


def test_other_seeds_give_other_bits():
    digests = [trained(), trained(seed=1), trained(net_seed=1), trained(shuffle=False), trained(batch_size=6)]
    assert len(set(digests)) == len(digests)


def test_the_seed_of_a_network_is_its_starting_point_alone():
    first, second = make(1), make(2)
    second.vector[...] = first.vector
    assert digest(first, first.fit(X, Y, epochs=2)) == digest(second, second.fit(X, Y, epochs=2))


def batches_of(batch_size, epochs=3, **options):
    """Return for every epoch the batches that a training run passes forward, as lists of row numbers."""
    seen = []

    class Witness(cp.Layer):
        def forward(self, ctx, p, *xs):
            if ctx.training:
                seen.append(xs[0][:, 0].astype(int).tolist())
            return xs[0], None

        def backward(self, ctx, p, kept, dh):
            return (dh,), {}

    rows = numpy.c_[numpy.arange(23.0), X[:, 1:]]
    net = cp.Network([Witness(), cp.Dense(1)], inputs=3)
    net.fit(rows, Y, batch_size=batch_size, epochs=epochs, optimizer=cp.SGD(1e-6), **options)
    n_batches = len(seen) // epochs
    return [seen[epoch * n_batches : (epoch + 1) * n_batches] for epoch in range(epochs)]


@pytest.mark.parametrize("batch_size", [1, 5, 22, 23, 24, 1000])
def test_every_epoch_uses_every_row_once_with_a_smaller_last_batch(batch_size):
    sizes = [min(batch_size, 23 - start) for start in range(0, 23, batch_size)]
    epochs = batches_of(batch_size)
    for batches in epochs:
        assert [len(batch) for batch in batches] == sizes
        assert sorted(chain(*batches)) == list(range(23))
    assert epochs[0] != epochs[1] != epochs[2]


def test_the_order_is_that_of_the_rows_or_of_a_function():
    assert [list(chain(*batches)) for batches in batches_of(5, shuffle=False)] == [list(range(23))] * 3
    calls = []

    def backwards(epoch, n_rows):
        calls.append((epoch, n_rows))
        return numpy.roll(numpy.arange(n_rows)[::-1], epoch)

    epochs = [list(chain(*batches)) for batches in batches_of(5, shuffle=backwards)]
    assert calls == [(0, 23), (1, 23), (2, 23)]
    assert epochs == [numpy.roll(numpy.arange(23)[::-1], epoch).tolist() for epoch in range(3)]


def test_a_batch_larger_than_the_data_is_the_full_batch():
    assert trained(batch_size=19) == trained(batch_size=1000)  # 23 rows less those for validation


def test_the_reported_loss_is_the_mean_over_rows_also_with_a_smaller_last_batch():
    net = cp.Network([cp.Dense(1)], inputs=3, dtype="float64")
    expected = net.loss(X, Y)
    report = net.fit(X, Y, epochs=1, batch_size=5, optimizer=cp.SGD(1e-300))[0]  # the parameters stay
    assert_close(report.loss, expected, k=23)  # a sum of 23 rows in another order


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
@pytest.mark.parametrize("pickled", [False, True], ids=["kept", "pickled"])
def test_a_continued_run_is_the_uninterrupted_one_bit_for_bit(optimizer, pickled):
    options = {"optimizer": optimizer, "batch_size": 5, "seed": 7}
    whole, parts = make(), make()
    whole_reports = whole.fit(X, Y, epochs=6, **options)
    reports = parts.fit(X, Y, epochs=2, **options)
    if pickled:  # as after a stop of the process
        parts, state = pickle.loads(pickle.dumps((parts, reports[-1].state)))
    else:
        state = reports[-1].state
    reports += parts.fit(X, Y, epochs=4, state=state, **options)
    assert digest(parts, reports) == digest(whole, whole_reports)
    assert [(r.epoch, r.step) for r in reports] == [(r.epoch, r.step) for r in whole_reports]
    for name, slot in whole_reports[-1].state.slots.items():
        assert slot.tobytes() == reports[-1].state.slots[name].tobytes()


def test_without_its_state_a_run_begins_anew():
    net, other = make(), make()
    net.fit(X, Y, epochs=2)
    other.fit(X, Y, epochs=4)
    report = net.fit(X, Y, epochs=2)[-1]
    assert report.epoch == 2
    assert net.vector.tobytes() != other.vector.tobytes()


def test_leaving_the_loop_keeps_the_parameters_of_that_epoch():
    stopped, whole = make(), make()
    for report in cp.train(stopped, X, Y, epochs=50):
        if report.epoch == 3:
            break
    whole.fit(X, Y, epochs=3)
    assert stopped.vector.tobytes() == whole.vector.tobytes()
    assert report.state.epoch == 3
    report_again = stopped.fit(X, Y, epochs=1, state=report.state)[-1]
    assert report_again.epoch == 4


def test_nothing_happens_before_the_first_report_is_asked_for():
    net = make()
    before = net.vector.copy()
    cp.train(net, X, Y)
    assert net.vector.tobytes() == before.tobytes()


def test_the_data_are_left_alone():
    rows, target, weight = X.copy(), Y.copy(), numpy.ones(23)
    for array in (rows, target, weight):
        array.setflags(write=False)
    make(dtype="float64").fit(rows, target, sample_weight=weight, epochs=1)
    assert hashlib.sha256(rows).digest() == hashlib.sha256(X).digest()
