"""L-BFGS as a training run, and problems whose solutions are known."""

from __future__ import annotations

import threading

import numpy
import pytest

import clearprop as cp
from cases import assert_close

CORNERS, XOR = numpy.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]), numpy.array([0.0, 1.0, 1.0, 0.0])
RNG = numpy.random.default_rng(0)
X, Y = RNG.normal(size=(20, 3)), RNG.normal(size=20)


def network(dtype="float64", **options):
    return cp.Network([cp.Dense(6), cp.Tanh(), cp.Dense(1)], inputs=3, dtype=dtype, **options)


def threads():
    return [thread for thread in threading.enumerate() if thread.name == "clearprop-lbfgs"]


def test_an_epoch_is_an_iteration_and_the_reports_are_true():
    net = network(penalty=cp.L2(0.1))
    losses = []
    for report in cp.train(net, X, Y, optimizer=cp.LBFGS(), epochs=15, metrics="r2"):
        assert report.epoch == report.step == len(losses) + 1
        assert_close(report.loss, net.loss(X, Y), k=50)  # the network is that of the report
        assert_close(report.data_loss + report.penalty, report.loss, k=2)
        losses.append(report.loss)
    assert len(losses) == 15
    assert losses == sorted(losses, reverse=True)
    assert not threads()


def test_leaving_the_loop_ends_its_thread_and_keeps_the_parameters():
    net = network()
    for report in cp.train(net, X, Y, optimizer=cp.LBFGS(), epochs=50):
        assert len(threads()) == 1
        if report.epoch == 3:
            break
    assert not threads()
    assert_close(net.loss(X, Y), report.loss, k=50)
    before = net.vector.copy()
    assert net.vector.tobytes() == before.tobytes()


def test_the_consumer_may_change_the_network_and_that_stands():
    net = network()
    for _ in cp.train(net, X, Y, optimizer=cp.LBFGS(), epochs=50):
        net.vector[...] = 0.5
        break
    assert (net.vector == 0.5).all()


def test_an_error_in_the_thread_reaches_the_caller():
    net = cp.Network([cp.Dense(1), cp.Step()], inputs=3)
    with pytest.raises(cp.NoGradientError, match="Step has no gradient"):
        net.fit(X, Y, optimizer=cp.LBFGS())
    assert not threads()


def test_a_float32_network_is_trained_in_float64():
    single, double = network("float32"), network()
    double.vector[...] = single.vector
    for net in (single, double):
        net.fit(X.astype("float32"), Y.astype("float32"), optimizer=cp.LBFGS(), epochs=10)
    assert single.vector.tobytes() == double.vector.astype("float32").tobytes()


def test_it_stops_by_itself_at_the_optimum_of_a_linear_network():
    net = cp.Network([cp.Dense(1)], inputs=3, dtype="float64")
    reports = net.fit(X, Y, optimizer=cp.LBFGS(), epochs=1000)
    assert len(reports) < 30
    solution = numpy.linalg.lstsq(numpy.c_[X, numpy.ones(20)], Y, rcond=None)[0]
    # a gradient of at most 1e-8 leaves an error of 1e-8 / (smallest eigenvalue of the mean of x x^T)
    smallest = numpy.linalg.eigvalsh(numpy.c_[X, numpy.ones(20)].T @ numpy.c_[X, numpy.ones(20)] / 20)[0]
    assert numpy.abs(net.vector - solution).max() < 1e-8 * 2 / smallest


# ---- NIST Rat42: one logistic unit; certified to 11 digits

RAT42_X = numpy.array([9, 14, 21, 28, 42, 57, 63, 70, 79.0])
RAT42_Y = numpy.array([8.93, 10.80, 18.59, 22.33, 39.35, 56.11, 61.73, 64.62, 67.08])
CERTIFIED, CERTIFIED_RSS = numpy.array([72.462237576, 2.6180768402, 0.067359200066]), 8.0565229338
STARTS = {"1": (100.0, 1.0, 0.1), "2": (75.0, 2.5, 0.07)}  # the two starts that NIST gives


@pytest.mark.parametrize("start", STARTS)
def test_nist_rat42_to_eight_digits(start):
    scale, (b1, b2, b3) = 40.0, STARTS[start]
    # y = b1 / (1 + exp(b2 - b3 x)) = b1 sigmoid(scale b3 (x / scale) - b2)
    net = cp.Network([cp.Dense(1), cp.Sigmoid(), cp.Dense(1, bias=False)], inputs=1, dtype="float64")
    net.vector[...] = scale * b3, -b2, b1
    optimizer = cp.LBFGS(gradient_tolerance=0.0, loss_tolerance=0.0)  # as far as float64 goes
    loss = net.fit(RAT42_X[:, None] / scale, RAT42_Y, optimizer=optimizer, epochs=1000)[-1].loss
    weight, bias, out = net.vector
    assert numpy.abs(numpy.array([out, -bias, weight / scale]) / CERTIFIED - 1).max() < 0.5e-8
    assert abs(2 * len(RAT42_Y) * loss / CERTIFIED_RSS - 1) < 0.5e-8  # the loss is half the mean square


# ---- XOR

LINEAR = {"lbfgs": (cp.LBFGS(), 100), "gradient descent": (cp.SGD(0.5), 2000)}


@pytest.mark.parametrize("how", LINEAR)
@pytest.mark.parametrize("seed", range(3))
def test_a_linear_network_cannot_do_xor(how, seed):
    optimizer, epochs = LINEAR[how]
    net = cp.Network([cp.Dense(1)], inputs=2, dtype="float64", seed=seed)
    loss = net.fit(CORNERS, XOR, optimizer=optimizer, epochs=epochs, batch_size=4)[-1].loss
    assert numpy.abs(net.vector - [0.0, 0.0, 0.5]).max() < 1e-7  # w = 0, b = 1/2, to L-BFGS's tolerance on the gradient
    # SquaredError is half the mean square, J = 1/4 sum (y - f)^2 the mean square itself: J = 1/4 is our 1/8
    assert abs(2 * loss - 1 / 4) < 1e-13  # an optimum: errors of 1e-7 in w show squared
    assert_close(net.predict(CORNERS), numpy.full((4, 1), 0.5), k=1e9)


def test_the_relu_network_set_by_hand_does_xor_exactly():
    net = cp.Network([cp.Dense(2), cp.ReLU(), cp.Dense(1)], inputs=2)
    for name, value in {"dense_1.W": [[1, 1], [1, 1]], "dense_1.b": [0, -1], "dense_2.W": [[1], [-2]]}.items():
        net.parameters[name][...] = value
    assert net.predict(CORNERS).ravel().tolist() == XOR.tolist()
    assert net.trace(CORNERS, XOR)["relu_1.h"].tolist() == [[0, 0], [1, 0], [1, 0], [2, 1]]
    loss, gradient = net.gradient(CORNERS, XOR)
    assert loss == 0.0
    assert not any(value.any() for value in gradient.values())


def test_eight_hidden_units_learn_xor_from_most_starts():
    solved = 0
    for seed in range(20):
        net = cp.Network([cp.Dense(8), cp.ReLU(), cp.Dense(1)], inputs=2, seed=seed)
        net.fit(CORNERS, XOR, optimizer=cp.Adam(0.05), epochs=500, batch_size=4)
        solved += bool(numpy.abs(net.predict(CORNERS).ravel() - XOR).max() < 0.01)
    print(f"2-8-1 ReLU networks solve XOR from {solved} of 20 starts")
    assert solved >= 18  # the other starts end at a saddle with dead units
