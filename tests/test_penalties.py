"""Penalties and the max-norm constraint: values, gradients, and which parameters they touch."""

from __future__ import annotations

import array_api_strict
import numpy
import pytest

import clearprop as cp
from cases import CONSTRAINTS, EPS, PENALTIES, assert_close, frozen

every_penalty = pytest.mark.parametrize("penalty", PENALTIES, ids=repr)
W = frozen(numpy.array([[1.0, -2.0], [0.5, 3.0], [-1.5, 0.25]]))
BY_HAND = {  # sum of squares 16.5625, of absolute values 8.25
    cp.L2(0.3): 0.15 * 16.5625,
    cp.L2(0.3, per_row=True): 0.15 * 16.5625,
    cp.L1(0.2): 0.2 * 8.25,
    cp.ElasticNet(0.4, 0.25): 0.4 * (0.25 * 8.25 + 0.375 * 16.5625),
}


@every_penalty
def test_value_by_hand_and_gradient_by_differences(penalty):
    assert_close(penalty.value(numpy, W), BY_HAND[penalty], k=8)  # a sum of 6 terms
    h, gradient = EPS ** (1 / 3), penalty.gradient(numpy, W)
    numeric = numpy.empty_like(W)
    for place in numpy.ndindex(W.shape):
        step = numpy.zeros_like(W)
        step[place] = h
        numeric[place] = (penalty.value(numpy, W + step) - penalty.value(numpy, W - step)) / (2 * h)
    assert_close(gradient, numeric, k=1e-6 / EPS)  # h = eps^(1/3): both errors of the difference are about 4e-11


@every_penalty
@pytest.mark.parametrize("dtype", [numpy.float32, numpy.float64])
def test_dtype_stays_and_strict_array_api_agrees(penalty, dtype):
    w = frozen(W.astype(dtype))
    gradient = penalty.gradient(numpy, w)
    assert gradient.dtype == dtype
    strict = array_api_strict.asarray(w.copy())
    assert_close(penalty.gradient(array_api_strict, strict), gradient, k=1)
    assert_close(float(penalty.value(array_api_strict, strict)), penalty.value(numpy, w), k=8)  # a sum of 6 terms


def test_the_subgradient_of_an_absolute_value_at_0_is_0():
    w = numpy.array([[0.0, -0.0]])
    assert (cp.L1(1.0).gradient(numpy, w) == 0).all()
    assert (cp.ElasticNet(1.0, 1.0).gradient(numpy, w) == 0).all()


def test_elastic_net_has_l1_and_l2_at_its_ends():
    for ratio, end in ((1.0, cp.L1(0.3)), (0.0, cp.L2(0.3))):
        assert_close(cp.ElasticNet(0.3, ratio).gradient(numpy, W), end.gradient(numpy, W), k=2)
        assert_close(cp.ElasticNet(0.3, ratio).value(numpy, W), end.value(numpy, W), k=8)


@every_penalty
def test_a_network_adds_it_to_weights_and_never_to_biases(penalty):
    x, y, weight = numpy.eye(3), numpy.ones(3), numpy.array([1.0, 2.0, 3.0])
    layers = [cp.Dense(2, bias_initializer=cp.Constant(0.5)), cp.Tanh(), cp.BatchNorm(), cp.Dense(1)]
    plain = cp.Network(layers, inputs=3, dtype=numpy.float64)
    penalised = cp.Network(layers, inputs=3, dtype=numpy.float64, penalty=penalty)
    before, after = plain.gradient(x, y, weight), penalised.gradient(x, y, weight)
    scale = 1 / 6 if penalty.per_row else 1.0  # the batch's weights sum to 6
    weights = [plain.parameters[name] for name in ("dense_1.W", "dense_2.W")]
    assert_close([after[0] - before[0]], [scale * sum(penalty.value(numpy, w) for w in weights)], k=32)
    for name, gradient in after[1].items():
        extra = scale * penalty.gradient(numpy, plain.parameters[name]) if name.endswith(".W") else 0.0
        assert_close(gradient, before[1][name] + extra, k=4)


def test_a_layer_s_own_penalty_takes_the_place_of_the_network_s():
    layers = [cp.Dense(2, penalty=cp.L1(0.7)), cp.Dense(2, penalty=cp.L2(0.0)), cp.Dense(1)]
    net = cp.Network(layers, inputs=3, dtype=numpy.float64, penalty=cp.L2(0.4))
    w = net.parameters
    expected = 0.7 * abs(w["dense_1.W"]).sum() + 0.2 * (w["dense_3.W"] ** 2).sum()
    assert_close(net.reference().penalty(net.vector, 1.0)[0], expected, k=8)


@pytest.mark.parametrize("constraint", CONSTRAINTS, ids=repr)
@pytest.mark.parametrize("dtype", [numpy.float32, numpy.float64])
def test_max_norm_scales_down_the_columns_above_its_limit(constraint, dtype):
    w = frozen(numpy.array([[3.0, 0.0, 0.3, 1.5], [4.0, 0.0, -0.4, 0.0]], dtype=dtype))
    projected = constraint.project(numpy, w)
    assert projected.dtype == dtype
    assert_close(projected[:, 0], numpy.array([0.9, 1.2], dtype=dtype), k=4)
    assert (projected[:, 1:] == w[:, 1:]).all()  # below the limit, and at it, nothing moves
    assert_close(constraint.project(array_api_strict, array_api_strict.asarray(w.copy())), projected, k=4)


def test_max_norm_holds_for_weights_and_not_for_biases():
    layers = [cp.Dense(2, bias_initializer=cp.Constant(9.0)), cp.Dense(2, constraint=cp.MaxNorm(0.1)), cp.Dense(2)]
    net = cp.Network(layers, inputs=3, dtype=numpy.float64, constraint=cp.MaxNorm(0.5))
    for view in net.parameters.values():
        view[...] = 9.0
    net.reference().constrain(net.vector)
    norms = {name: numpy.linalg.norm(view, axis=0) for name, view in net.parameters.items() if name.endswith(".W")}
    for name, limit in (("dense_1.W", 0.5), ("dense_2.W", 0.1), ("dense_3.W", 0.5)):
        assert_close(norms[name], numpy.full(2, limit), k=8)
    assert all((view == 9.0).all() for name, view in net.parameters.items() if name.endswith(".b"))


WRONG = [
    (lambda: cp.L2(-1.0), r"L2: strength must be a finite number >= 0, got -1.0"),
    (lambda: cp.L1("a"), r"L1: strength must be a finite number >= 0, got 'a'"),
    (lambda: cp.L2(1.0, per_row=1), r"L2: per_row must be True or False, got 1"),
    (lambda: cp.ElasticNet(1.0, 1.5), r"ElasticNet: l1_ratio must be a finite number >= 0 and <= 1, got 1.5"),
    (lambda: cp.MaxNorm(0.0), r"MaxNorm: limit must be a finite number > 0, got 0.0"),
]


@pytest.mark.parametrize(("make", "message"), WRONG, ids=[message for _, message in WRONG])
def test_wrong_arguments_are_named_with_what_was_got_and_expected(make, message):
    with pytest.raises(cp.ArgumentError, match=message):
        make()
