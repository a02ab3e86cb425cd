"""Where parameters start: moments, bounds, orthogonality, and one stream a parameter."""

from __future__ import annotations

import math

import numpy
import pytest

import clearprop as cp
from cases import INITIALIZERS, assert_close
from clearprop.streams import Purpose, Stream

FAN_IN, FAN_OUT = 400, 100
DEVIATIONS = {
    cp.Constant(0.1): 0.0,
    cp.Uniform(0.2): 0.2 / math.sqrt(3),
    cp.Normal(0.3): 0.3,
    cp.Glorot(): math.sqrt(2 / (FAN_IN + FAN_OUT)),
    cp.Glorot("normal"): math.sqrt(2 / (FAN_IN + FAN_OUT)),
    cp.He(): math.sqrt(2 / FAN_IN),
    cp.He("normal"): math.sqrt(2 / FAN_IN),
    cp.LeCun(): math.sqrt(1 / FAN_IN),
    cp.LeCun("normal"): math.sqrt(1 / FAN_IN),
    cp.Orthogonal(): math.sqrt(1 / FAN_IN),
    cp.Orthogonal(2.0): 2.0 * math.sqrt(1 / FAN_IN),
}


def draw(initializer, shape=(FAN_IN, FAN_OUT), seed=0, fan_in=FAN_IN, fan_out=FAN_OUT):
    """Return starting values."""
    return initializer.values(Stream(seed, Purpose.INITIALIZE), shape, fan_in, fan_out)


@pytest.mark.parametrize("initializer", INITIALIZERS, ids=repr)
def test_mean_and_deviation(initializer):
    w, expected = draw(initializer), DEVIATIONS[initializer]
    assert w.shape == (FAN_IN, FAN_OUT)
    assert w.dtype == numpy.float64
    if expected == 0.0:
        assert (w == initializer.value).all()
        return
    n = w.size  # 4 standard errors of a mean and (at most, for a normal variable) of a deviation
    assert abs(w.mean()) < 4 * expected / math.sqrt(n)
    assert abs(w.std() - expected) < 4 * expected / math.sqrt(2 * n)
    if initializer == cp.Uniform(0.2) or getattr(initializer, "distribution", "") == "uniform":
        bound = math.sqrt(3) * expected
        assert 0.999 * bound < abs(w).max() <= bound  # the largest of 40,000 is within 1 / 4,000 of it, or bad luck
    assert (draw(initializer) == w).all()
    assert (draw(initializer, seed=1) != w).any()


@pytest.mark.parametrize("shape", [(6, 6), (8, 3), (3, 8), (4, 2, 3), (1, 5), (5,)])
def test_orthogonal_columns_or_rows(shape):
    w = draw(cp.Orthogonal(2.0), shape)
    assert w.shape == shape
    matrix = w.reshape(shape[0], -1)
    gram = matrix.T @ matrix if matrix.shape[0] >= matrix.shape[1] else matrix @ matrix.T
    assert_close(gram, 4.0 * numpy.eye(len(gram)), k=32)  # a QR decomposition of 8 rows and a product


def test_orthogonal_matrices_favour_no_direction():
    """A plain QR decomposition has a first entry <= 0; with the signs of R's diagonal it is uniform (Mezzadri 2007)."""
    n = 400
    positive = sum(draw(cp.Orthogonal(), (3, 3), seed)[0, 0] > 0 for seed in range(n))
    assert abs(positive - n / 2) < 4 * math.sqrt(n) / 2  # 4 standard deviations of a fair coin


def test_each_parameter_has_a_stream_of_its_own():
    net = cp.Network([cp.Dense(3), cp.Dense(3)], inputs=3, dtype=numpy.float64, seed=5)
    first, second = net.parameters["dense_1.W"], net.parameters["dense_2.W"]
    assert (first != second).all()
    longer = cp.Network([cp.Dense(3), cp.Dense(3), cp.Dense(3)], inputs=3, dtype=numpy.float64, seed=5)
    assert (longer.parameters["dense_2.W"] == second).all()  # what comes after does not matter
    single = cp.Network([cp.Dense(3), cp.Dense(3)], inputs=3, seed=5)
    assert (single.vector == net.vector.astype(numpy.float32)).all()


def test_dense_passes_its_fans_on():
    net = cp.Network([cp.Dense(300, initializer=cp.He(), bias_initializer=cp.Constant(0.1))], inputs=200)
    w = net.parameters["dense_1.W"]
    assert abs(w).max() <= math.sqrt(3 * 2 / 200)
    assert abs(w.std() / math.sqrt(2 / 200) - 1) < 4 / math.sqrt(2 * w.size)  # 4 standard errors
    assert (net.parameters["dense_1.b"] == numpy.float32(0.1)).all()


WRONG = [
    (lambda: cp.Constant("0"), r"Constant: value must be a finite number, got '0'"),
    (lambda: cp.Uniform(-1.0), r"Uniform: bound must be a finite number >= 0, got -1.0"),
    (lambda: cp.Normal(math.inf), r"Normal: deviation must be a finite number >= 0, got inf"),
    (lambda: cp.Glorot("cauchy"), r"Glorot: distribution must be one of 'uniform', 'normal', got 'cauchy'"),
    (lambda: cp.He(1), r"He: distribution must be one of 'uniform', 'normal', got 1"),
    (lambda: cp.LeCun(None), r"LeCun: distribution must be one of 'uniform', 'normal', got None"),
    (lambda: cp.Orthogonal(math.nan), r"Orthogonal: gain must be a finite number, got nan"),
]


@pytest.mark.parametrize(("make", "message"), WRONG, ids=[message for _, message in WRONG])
def test_wrong_arguments_are_named_with_what_was_got_and_expected(make, message):
    with pytest.raises(cp.ArgumentError, match=message):
        make()
