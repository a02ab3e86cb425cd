"""Every optimizer against its equations, written out entry by entry in Python's own numbers."""

from __future__ import annotations

import math

import array_api_strict
import numpy
import pytest

import clearprop as cp
from cases import OPTIMIZERS, assert_close, frozen
from clearprop.optimizers import Optimizer

every_optimizer = pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
in_both_dtypes = pytest.mark.parametrize("dtype", [numpy.float32, numpy.float64])
N_STEPS, N = 10, 6
DECAYS = frozen(numpy.array([1.0, 1.0, 1.0, 1.0, 0.0, 0.0]))  # two biases at the end


def start(dtype=numpy.float64):
    """Return parameters, among them one that is 0."""
    return numpy.array([0.5, -1.0, 2.0, 0.0, 1.0, -0.3], dtype=dtype)


def gradients(dtype=numpy.float64):
    """Return a read-only gradient for each step; one entry is always 0."""
    g = numpy.random.default_rng(0).normal(size=(N_STEPS, N))
    g[:, 2] = 0.0
    return frozen(g.astype(dtype))


def run(optimizer: Optimizer, dtype=numpy.float64, rates=None, decays=DECAYS, xp=numpy):
    """Return the parameters after each step."""
    w, path = xp.asarray(start(dtype)), []
    slots, decays = optimizer.new_slots(xp, w), xp.asarray(decays.astype(dtype))
    for step, g in enumerate(gradients(dtype), start=1):
        rate = optimizer.rate(N_STEPS)(step - 1) if rates is None else rates[step - 1]
        optimizer.update(xp, w, xp.asarray(g.copy()), slots, step, rate, decays)
        path.append(numpy.array(w))
    return numpy.array(path)


def sgd(o, w, grads, decays):
    v = 0.0
    for g in grads:
        v = o.momentum * v - o.learning_rate * g
        w += o.momentum * v - o.learning_rate * g if o.nesterov else v
    return w


def adagrad(o, w, grads, decays):
    total = 0.0
    for g in grads:
        total += g**2
        w -= o.learning_rate * g / (math.sqrt(total) + o.epsilon)
    return w


def rmsprop(o, w, grads, decays):
    mean = 0.0
    for g in grads:
        mean = o.alpha * mean + (1 - o.alpha) * g**2
        w -= o.learning_rate * g / (math.sqrt(mean) + o.epsilon)
    return w


def adam(o, w, grads, decays):
    m = v = 0.0
    for t, g in enumerate(grads, start=1):
        w -= o.learning_rate * getattr(o, "weight_decay", 0.0) * decays * w
        m, v = o.beta_1 * m + (1 - o.beta_1) * g, o.beta_2 * v + (1 - o.beta_2) * g**2
        if o.epsilon_hat:
            rate = o.learning_rate * math.sqrt(1 - o.beta_2**t) / (1 - o.beta_1**t)
            w -= rate * m / (math.sqrt(v) + o.epsilon)
        else:
            m_hat, v_hat = m / (1 - o.beta_1**t), v / (1 - o.beta_2**t)
            w -= o.learning_rate * m_hat / (math.sqrt(v_hat) + o.epsilon)
    return w


EQUATIONS = {cp.SGD: sgd, cp.AdaGrad: adagrad, cp.RMSProp: rmsprop, cp.Adam: adam, cp.AdamW: adam}


@every_optimizer
def test_ten_steps_follow_the_equations(optimizer):
    equations = EQUATIONS[type(optimizer)]
    expected = [
        equations(optimizer, w, list(g), decays)
        for w, g, decays in zip(start().tolist(), gradients().T.tolist(), DECAYS.tolist(), strict=True)
    ]
    # about 10 roundings a step, 10 steps: k = 100
    assert_close(run(optimizer)[-1], numpy.array(expected), k=100)


@every_optimizer
@in_both_dtypes
def test_dtype_and_numbers_are_the_same_under_strict_array_api(optimizer, dtype):
    path = run(optimizer, dtype)
    assert path.dtype == dtype
    assert_close(run(optimizer, dtype, xp=array_api_strict), path, k=4)  # the same operations one by one


@every_optimizer
def test_slots_are_named_and_a_gradient_of_0_moves_nothing(optimizer):
    w = start()
    slots = optimizer.new_slots(numpy, w)
    assert set(slots) == (set() if optimizer == cp.SGD(0.1) else set(type(optimizer).slots))
    assert all((slot == 0).all() and slot.shape == w.shape for slot in slots.values())
    with numpy.errstate(all="raise"):
        optimizer.update(numpy, w, numpy.zeros(N), slots, 1, 0.1, numpy.zeros(N))
    assert (w == start()).all()


@every_optimizer
def test_a_rate_for_each_entry_is_that_rate_entry_by_entry(optimizer):
    rates = numpy.array([0.1, 0.1, 0.1, 0.02, 0.02, 0.0])
    mixed = run(optimizer, rates=[rates] * N_STEPS)
    for index, rate in enumerate(rates):
        assert_close(mixed[:, index], run(optimizer, rates=[float(rate)] * N_STEPS)[:, index], k=4)


def test_momentum_of_a_constant_gradient_reaches_rate_over_1_minus_momentum():
    w, g, slots = numpy.zeros(1), numpy.ones(1), {"velocity": numpy.zeros(1)}
    for step in range(1, 401):  # 0.9 ** 400 is below eps
        before = w.copy()
        cp.SGD(0.1, momentum=0.9).update(numpy, w, g, slots, step, 0.1, g)
    assert_close(before - w, [1.0], k=400, scale=1.0)  # w is about 400


def test_nesterov_is_classical_momentum_seen_from_the_point_ahead():
    """With u = w + mu v, Nesterov's u follows w' = w + v' where the gradient is taken at u (Sutskever 2013)."""
    mu, eta = 0.9, 0.05
    w, v = numpy.array([1.0, -2.0]), numpy.zeros(2)
    ahead, slots, optimizer = w.copy(), {"velocity": numpy.zeros(2)}, cp.SGD(eta, momentum=mu, nesterov=True)
    for step in range(1, N_STEPS + 1):
        v = mu * v - eta * numpy.sin(w + mu * v)
        w = w + v
        optimizer.update(numpy, ahead, numpy.sin(ahead), slots, step, eta, ahead)
        assert_close(ahead, w + mu * v, k=50)  # 5 roundings a step


def test_nesterov_without_momentum_is_refused():
    with pytest.raises(cp.ArgumentError, match=r"nesterov=True needs momentum > 0, got momentum=0"):
        cp.SGD(nesterov=True)


def test_adam_moves_by_the_learning_rate_at_first_and_both_epsilons_differ():
    """At step 1, m_hat = g and sqrt(v_hat) = |g|: epsilon is added to |g|, or to |g| sqrt(1 - beta_2)."""
    g, eta, eps, beta_2 = 0.5, 0.1, 0.01, 0.99
    for hat, expected in ((False, g / (g + eps)), (True, g / (g + eps / math.sqrt(1 - beta_2)))):
        optimizer = cp.Adam(eta, beta_2=beta_2, epsilon=eps, epsilon_hat=hat)
        w = numpy.zeros(1)
        optimizer.update(numpy, w, numpy.array([g]), optimizer.new_slots(numpy, w), 1, eta, w)
        assert_close(w, [-eta * expected], k=16)


def test_weight_decay_shrinks_weights_and_never_biases():
    plain, decayed = run(cp.Adam(0.05)), run(cp.AdamW(0.05, weight_decay=0.1))
    assert (plain[:, 4:] == decayed[:, 4:]).all()
    assert_close(decayed[:, 2], 2.0 * (1 - 0.05 * 0.1) ** numpy.arange(1, N_STEPS + 1), k=N_STEPS)  # no gradient there
    assert (run(cp.AdamW(0.05, weight_decay=0.0)) == plain).all()


def test_clip_value_then_norm():
    g = frozen(numpy.array([3.0, -4.0, 0.0]))
    assert cp.SGD(clip_norm=5.0).clip(numpy, g) is g
    assert_close(cp.SGD(clip_norm=1.0).clip(numpy, g), [0.6, -0.8, 0.0], k=2)
    assert cp.SGD(clip_value=3.5).clip(numpy, g).tolist() == [3.0, -3.5, 0.0]
    both = cp.SGD(clip_value=3.0, clip_norm=1.0).clip(numpy, g)
    assert_close(both, [math.sqrt(0.5), -math.sqrt(0.5), 0.0], k=2)
    assert (cp.SGD(clip_norm=1.0).clip(numpy, numpy.zeros(3)) == 0).all()
    assert cp.SGD().clip(numpy, g) is g


@in_both_dtypes
def test_clipping_keeps_the_dtype_and_large_gradients_finite(dtype):
    g = numpy.full(4, 0.1 * numpy.finfo(dtype).max, dtype=dtype)  # its squares overflow
    with numpy.errstate(over="ignore"):
        clipped = cp.SGD(clip_norm=2.0).clip(numpy, g)
    assert clipped.dtype == dtype
    assert_close(clipped, numpy.ones(4), k=4)


def test_rate_factors_by_local_name_node_and_parameter():
    net = cp.Network([cp.Dense(2), cp.Dense(1)], inputs=2, dtype=numpy.float64)
    factors = {"dense_2.b": 0.25, "dense_2": 3.0, "b": 0.5}
    got = cp.SGD(rate_factors=factors).factors(net.layout, numpy.ones(net.n_parameters))
    by_name = {name: set(view.ravel().tolist()) for name, view in net.layout.views(got).items()}
    assert by_name == {"dense_1.W": {1.0}, "dense_1.b": {0.5}, "dense_2.W": {3.0}, "dense_2.b": {0.25}}
    assert cp.SGD().factors(net.layout, numpy.ones(net.n_parameters)) is None
    with pytest.raises(cp.ArgumentError, match=r"SGD: rate_factors names 'dense_3', .* it has dense_1.W"):
        cp.SGD(rate_factors={"dense_3": 1.0}).factors(net.layout, numpy.ones(net.n_parameters))


def test_the_rate_is_a_number_a_schedule_or_any_function():
    assert cp.SGD(0.1).rate(10)(7) == 0.1
    assert cp.Adam(cp.Cosine(0.2)).rate(11)(10) == 0.0
    assert cp.Adam(lambda step: 1.0 / (1 + step)).rate(None)(3) == 0.25


def test_lbfgs_solves_a_quadratic_and_stops_when_told():
    target, calls = numpy.array([3.0, -1.0]), []

    def objective(w):
        return 0.5 * float((w - target) @ (w - target)), w - target

    result = cp.LBFGS().minimize(objective, numpy.zeros(2), 100, callback=None)
    assert_close(result.x, target, k=16)
    cp.LBFGS().minimize(objective, numpy.zeros(2), 1, callback=lambda intermediate_result: calls.append(1))
    assert len(calls) == 1
    with pytest.raises(cp.ArgumentError, match="LBFGS: the network has no parameters to fit"):
        cp.LBFGS().minimize(objective, numpy.zeros(0), 1, callback=None)


WRONG = [
    (lambda: cp.SGD(0.0), r"SGD: learning_rate must be a finite number > 0, got 0.0"),
    (lambda: cp.Adam("fast"), r"Adam: learning_rate must be a finite number > 0, got 'fast'"),
    (lambda: cp.AdamW(clip_norm=0.0), r"AdamW: clip_norm must be a finite number > 0, got 0.0"),
    (lambda: cp.SGD(clip_value=-1.0), r"SGD: clip_value must be a finite number > 0, got -1.0"),
    (lambda: cp.SGD(momentum=1.5), r"SGD: momentum must be a finite number >= 0 and <= 1, got 1.5"),
    (lambda: cp.SGD(nesterov=1), r"SGD: nesterov must be True or False, got 1"),
    (lambda: cp.SGD(rate_factors=[1.0]), r"SGD: rate_factors must be a mapping such as .* got \[1.0\]"),
    (lambda: cp.SGD(rate_factors={"b": -1.0}), r"SGD: rate_factors\['b'\] must be a finite number >= 0, got -1.0"),
    (lambda: cp.AdaGrad(epsilon=-1e-3), r"AdaGrad: epsilon must be a finite number >= 0, got -0.001"),
    (lambda: cp.RMSProp(alpha=1.0), r"RMSProp: alpha must be a finite number >= 0 and < 1, got 1.0"),
    (lambda: cp.RMSProp(epsilon=None), r"RMSProp: epsilon must be a finite number >= 0, got None"),
    (lambda: cp.Adam(beta_1=1.0), r"Adam: beta_1 must be a finite number >= 0 and < 1, got 1.0"),
    (lambda: cp.Adam(beta_2=-0.1), r"Adam: beta_2 must be a finite number >= 0 and < 1, got -0.1"),
    (lambda: cp.Adam(epsilon_hat="yes"), r"Adam: epsilon_hat must be True or False, got 'yes'"),
    (lambda: cp.AdamW(weight_decay=-1), r"AdamW: weight_decay must be a finite number >= 0, got -1"),
    (lambda: cp.LBFGS(memory=0), r"LBFGS: memory must be an integer >= 1, got 0"),
    (lambda: cp.LBFGS(max_evaluations=1.5), r"LBFGS: max_evaluations must be an integer >= 1, got 1.5"),
    (lambda: cp.LBFGS(gradient_tolerance=-1), r"LBFGS: gradient_tolerance must be a finite number >= 0, got -1"),
    (lambda: cp.LBFGS(loss_tolerance=-1), r"LBFGS: loss_tolerance must be a finite number >= 0, got -1"),
]


@pytest.mark.parametrize(("make", "message"), WRONG, ids=[message[:45] for _, message in WRONG])
def test_wrong_arguments_are_named_with_what_was_got_and_expected(make, message):
    with pytest.raises(cp.ArgumentError, match=message):
        make()
