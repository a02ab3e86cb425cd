"""An epoch in parts: batches one at a time leave the bits of the whole."""

from __future__ import annotations

import numpy
import pytest

import clearprop as cp
from clearprop.training.run import Epoch, Run

X = numpy.random.default_rng(0).normal(size=(103, 4))
Y = (X[:, 0] > 0).astype(int)


def training_run(engine, optimizer):
    boxes = [cp.Dense(5), cp.Tanh(), cp.Dropout(0.2), cp.BatchNorm(), cp.Dense(2)]
    net = cp.Network(boxes, inputs=4, loss=cp.CrossEntropy(), penalty=cp.L2(0.01), seed=1, engine=engine)
    weight = numpy.linspace(0.5, 2.0, len(X))
    rows = net.batch(X, Y, weight)
    return Run(net, rows, rows.take(slice(0, 20)), optimizer, 3, 10, True, ("accuracy",), seed=5)


@pytest.mark.parametrize("engine", ["native", "array"])
@pytest.mark.parametrize("optimizer", [cp.Adam(cp.Cosine(0.01)), cp.SGD(0.1, momentum=0.9)], ids=repr)
@pytest.mark.parametrize("size", [1, 4, 100])
def test_parts_of_epochs_leave_the_bits_of_whole_ones(engine, optimizer, size):
    whole, parts = training_run(engine, optimizer), training_run(engine, optimizer)
    rate = parts.rate(optimizer)
    for expected in whole.reports():
        epoch, report = Epoch(parts, optimizer, rate), None
        while report is None:
            assert parts.state.epoch == expected.epoch - 1
            report = epoch.advance(size)
            assert parts.state.step == (expected.epoch - 1) * 11 + epoch.n_done
        assert parts.state.epoch == report.epoch == expected.epoch
        for name in ("step", "loss", "penalty", "gradient_norm", "learning_rate", "validation_loss", "metrics"):
            assert getattr(report, name) == getattr(expected, name)
    assert parts.net.vector.tobytes() == whole.net.vector.tobytes()
    assert parts.net.buffer_vector.tobytes() == whole.net.buffer_vector.tobytes()
    for name, slot in parts.state.slots.items():
        assert slot.tobytes() == whole.state.slots[name].tobytes()


@pytest.mark.parametrize("engine", ["native", "array"])
def test_a_batch_that_cannot_be_learned_from_has_its_number_in_the_epoch(engine):
    net, optimizer, spoiled = cp.Network([cp.Dense(1)], inputs=4, engine=engine), cp.SGD(), X.copy()
    spoiled[35] = 1e38
    run = Run(net, net.batch(spoiled, Y), None, optimizer, 1, 10, False, (), seed=0)
    epoch = Epoch(run, optimizer, run.rate(optimizer))
    assert epoch.advance(2) is None
    assert epoch.advance(1) is None
    with pytest.raises(cp.NonFiniteError) as caught:
        epoch.advance(1)
    assert (caught.value.epoch, caught.value.batch) == (1, 4)
    assert (run.state.epoch, run.state.step) == (0, 3)
