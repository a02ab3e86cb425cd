"""Learning rates at the steps where they can be worked out by hand."""

from __future__ import annotations

import math

import numpy
import pytest

import clearprop as cp
from cases import SCHEDULES, assert_close
from clearprop.schedules import ConstantRate, resolve

HALF_UP = 0.1 / 25 + (0.1 - 0.1 / 25) / 2
BY_HAND = {  # step -> rate, of a run of 11 steps where the schedule has no length of its own
    ConstantRate(0.1): {0: 0.1, 99: 0.1},
    cp.InverseScaling(0.1): {0: 0.1, 3: 0.05, 99: 0.01},
    cp.StepDecay(0.1, every=3): {0: 0.1, 2: 0.1, 3: 0.01, 6: 0.001},
    cp.ExponentialDecay(0.1, 0.9): {0: 0.1, 1: 0.09, 10: 0.1 * 0.9**10},
    cp.Cosine(0.1, steps=11): {0: 0.1, 5: 0.05, 10: 0.0, 99: 0.0},
    cp.Cosine(0.1, minimum=0.01): {0: 0.1, 5: 0.055, 10: 0.01, 99: 0.01},
    cp.OneCycle(0.1, steps=11): {0: 0.1 / 25, 3: 0.1, 10: 1e-5, 99: 1e-5},
    # 1 + 15 t is 1, 2, 4, 8, 16 at the ends of the four cycles: t = k / 15, k = 0, 1, 3, 7, 15
    cp.CosLog4(0.1, steps=16): {0: 0.0, 1: 0.0, 3: 0.0, 7: 0.0, 15: 0.0},
    cp.WarmUp(0.1, 4): {0: 0.025, 1: 0.05, 3: 0.1, 9: 0.1},
    cp.WarmUp(cp.Cosine(0.1), 4): {0: 0.025, 5: 0.05, 10: 0.0},
    cp.ReduceOnPlateau(0.1): {0: 0.1, 10: 0.1},
}  # fmt: skip


@pytest.mark.parametrize("schedule", SCHEDULES, ids=repr)
def test_rate_by_hand(schedule):
    rate = resolve(schedule, 11)
    for step, expected in BY_HAND[schedule].items():
        got = rate(step)
        assert type(got) is float
        assert_close(got, expected, k=16, scale=0.1)  # a cosine of up to 8 pi: its argument rounds by 25 eps / 2


@pytest.mark.parametrize("schedule", SCHEDULES, ids=repr)
def test_rates_are_never_negative_nor_above_the_peak(schedule):
    rates = numpy.array([resolve(schedule, 50)(step) for step in range(60)])
    assert (rates >= 0).all()
    assert (rates <= 0.1).all()


def test_cos_log4_has_four_cycles_each_twice_as_long():
    rates = numpy.array([cp.CosLog4(1.0, steps=1501)(step) for step in range(1501)])
    peaks = [step for step in range(1, 1500) if rates[step - 1] < rates[step] > rates[step + 1]]
    # 1 + 15 t is 2^(1/2), 2^(3/2), 2^(5/2), 2^(7/2) there: half a cycle of cos(2 pi log2(1 + 15 t))
    assert peaks == [round(100 * (2 ** (k + 0.5) - 1)) for k in range(4)]
    assert abs(rates[peaks] - 1).max() < (math.pi / (100 * math.log(2))) ** 2  # half a step beside the peak at most


def test_one_cycle_rises_and_falls():
    rates = [cp.OneCycle(1.0, steps=101, warm=0.3)(step) for step in range(101)]
    assert numpy.argmax(rates) == 30
    assert_close(rates[15], (1.0 + 1 / 25) / 2, k=8)  # halfway up the cosine
    assert (numpy.diff(rates[:31]) > 0).all()
    assert (numpy.diff(rates[30:]) < 0).all()


def test_a_length_that_was_given_is_kept_and_a_missing_one_is_filled_in():
    assert resolve(cp.Cosine(0.1, steps=5), 11) == cp.Cosine(0.1, steps=5)
    assert resolve(cp.Cosine(0.1), 11) == cp.Cosine(0.1, steps=11)
    assert resolve(cp.WarmUp(cp.OneCycle(0.1), 2), 11) == cp.WarmUp(cp.OneCycle(0.1, steps=11), 2)
    assert resolve(cp.Cosine(0.1), None) == cp.Cosine(0.1)
    with pytest.raises(cp.ArgumentError, match=r"Cosine: steps is not known; pass steps="):
        cp.Cosine(0.1)(0)


def test_a_run_of_one_step_begins_at_the_start():
    assert cp.Cosine(0.1, steps=1)(0) == 0.1


def test_numbers_and_functions_are_rates_too():
    assert resolve(0.5) == ConstantRate(0.5)
    assert resolve(math.exp)(0) == 1.0
    for wrong in ("0.1", True, None):
        with pytest.raises(cp.ArgumentError, match=r"learning_rate must be a number > 0, a schedule or a callable"):
            resolve(wrong)


def test_plateau_reductions_stop_at_the_minimum():
    plateau = cp.ReduceOnPlateau(0.1, factor=0.1, minimum=2e-3)
    assert_close([plateau.reduced(n) for n in range(4)], [0.1, 0.01, 2e-3, 2e-3], k=2)
    assert cp.ReduceOnPlateau(1e-8).reduced(3) == 1e-8  # a rate below the minimum is never raised


WRONG = [
    (lambda: ConstantRate(0.0), r"ConstantRate: rate must be a finite number > 0, got 0.0"),
    (lambda: cp.InverseScaling(0.1, -1), r"InverseScaling: power must be a finite number >= 0, got -1"),
    (lambda: cp.StepDecay(0.1, 0), r"StepDecay: every must be an integer >= 1, got 0"),
    (lambda: cp.StepDecay(0.1, 3, factor=0), r"StepDecay: factor must be a finite number > 0, got 0"),
    (lambda: cp.ExponentialDecay(0.1, "x"), r"ExponentialDecay: decay must be a finite number > 0, got 'x'"),
    (lambda: cp.Cosine(-0.1), r"Cosine: rate must be a finite number > 0, got -0.1"),
    (lambda: cp.Cosine(0.1, minimum=0.2), r"Cosine: minimum must be a finite number >= 0 and <= 0.1, got 0.2"),
    (lambda: cp.Cosine(0.1, steps=0), r"Cosine: steps must be an integer >= 1, got 0"),
    (lambda: cp.OneCycle(0.1, steps=2.5), r"OneCycle: steps must be an integer >= 1, got 2.5"),
    (lambda: cp.CosLog4(0.1, steps="9"), r"CosLog4: steps must be an integer >= 1, got '9'"),
    (lambda: cp.OneCycle(0.1, warm=1.0), r"OneCycle: warm must be a finite number > 0 and < 1, got 1.0"),
    (lambda: cp.OneCycle(0.1, start_divisor=0.0), r"OneCycle: start_divisor must be a finite number > 0, got 0.0"),
    (lambda: cp.CosLog4(0), r"CosLog4: rate must be a finite number > 0, got 0"),
    (lambda: cp.WarmUp(0.1, 0), r"WarmUp: warm_steps must be an integer >= 1, got 0"),
    (lambda: cp.WarmUp("x", 3), r"WarmUp: schedule must be a finite number > 0, got 'x'"),
    (lambda: cp.ReduceOnPlateau(0.1, factor=1.0), r"ReduceOnPlateau: factor must be a finite number > 0 and < 1"),
    (lambda: cp.ReduceOnPlateau(0.1, patience=0), r"ReduceOnPlateau: patience must be an integer >= 1, got 0"),
    (lambda: cp.ReduceOnPlateau(0.1, tolerance=-1), r"ReduceOnPlateau: tolerance must be a finite number >= 0, got -1"),
    (lambda: cp.ReduceOnPlateau(0.1, minimum=-1), r"ReduceOnPlateau: minimum must be a finite number >= 0, got -1"),
]


@pytest.mark.parametrize(("make", "message"), WRONG, ids=[message[:50] for _, message in WRONG])
def test_wrong_arguments_are_named_with_what_was_got_and_expected(make, message):
    with pytest.raises(cp.ArgumentError, match=message):
        make()
