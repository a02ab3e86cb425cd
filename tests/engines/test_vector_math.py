"""The elementary functions of the native engine, to the bounds that math.hpp, erf.hpp and turns.hpp state.

Errors are in units in the last place (ulp) of the true result. native/tests/math/exhaustive.cpp measures the bounds,
over all floats and 10^8 doubles; here are a sample of them and the values at which functions of this kind go wrong.
"""

from __future__ import annotations

import decimal
import math
import re
from decimal import Decimal
from pathlib import Path

import numpy
import pytest
import scipy.special
from native_twin import TARGETS

from clearprop.engines import native as door

SOURCES = [Path(__file__).parents[2] / "native" / "kernels" / name for name in ("math.hpp", "erf.hpp", "turns.hpp")]
STATED = re.compile(r"^// float ([\d.]+), double ([\d.]+).*\ntemplate <class T> CLEARPROP_INLINE V<T> (\w+)\(", re.M)
BOUNDS = {
    name: {numpy.float32: float(single), numpy.float64: float(double)}
    for source in SOURCES
    for single, double, name in STATED.findall(source.read_text(encoding="utf-8"))
}
DTYPES = (numpy.float32, numpy.float64)
INF, NAN = math.inf, math.nan
DTYPE_IDS = ["float32", "float64"]


def quarter(size):
    """Return sin(2 pi size) for sizes up to 1/4; library functions round an argument near pi / 2."""
    turn = 2 * numpy.arccos(size.dtype.type(-1))
    return numpy.where(size < 0.125, numpy.sin(turn * size), numpy.cos(turn * (0.25 - size)))


def beside_whole(a):
    """Return |a| - n for the nearest whole n."""
    return numpy.abs(a) - numpy.rint(numpy.abs(a))


def cos_turns(a):
    rest = 0.25 - numpy.abs(beside_whole(a))
    return numpy.copysign(quarter(numpy.abs(rest)), rest)


def sin_turns(a):
    rest = beside_whole(a)
    size = numpy.abs(rest)
    return numpy.copysign(quarter(numpy.minimum(size, 0.5 - size)), rest) * numpy.copysign(1, a)


WIDE = {  # of arrays of float64 or wider numbers
    "exp": numpy.exp,
    "expm1": numpy.expm1,
    "log": numpy.log,
    "log1p": numpy.log1p,
    "tanh": numpy.tanh,
    "sigmoid": lambda a: 1 / (1 + numpy.exp(-a)),
    "softplus": lambda a: numpy.maximum(a, 0) + numpy.log1p(numpy.exp(-numpy.abs(a))),
    "normal_cdf": scipy.special.ndtr,
    "erf": scipy.special.erf,
    "cos_turns": cos_turns,
    "sin_turns": sin_turns,
}


def odd_series(x):
    """Return x + x^3 / 3 + x^5 / (3 5) + ..., the distribution function over the density of the normal distribution."""
    term = total = x
    k = 1
    while abs(term) > abs(total).scaleb(-70):
        k += 2
        term = term * x * x / k
        total += term
    return total


PI = Decimal("3.141592653589793238462643383279502884197169399375105820974944592307816406286209")


def density(x):
    """Return the density of the normal distribution."""
    return (-x * x / 2).exp() / (2 * PI).sqrt()


def sine_series(x):
    """Return sin x = x - x^3 / 3! + x^5 / 5! - ... for x that is not large."""
    term = total = x
    k = 1
    while abs(term) > Decimal(10) ** -75:
        k += 2
        term = -term * x * x / (k * (k - 1))
        total += term
    return total


EXACT = {  # of a Decimal, to a few hundred digits (the last four to seventy)
    "exp": lambda x: x.exp(),
    "expm1": lambda x: x.exp() - 1,
    "log": lambda x: x.ln(),
    "log1p": lambda x: (1 + x).ln(),
    "tanh": lambda x: ((2 * x).exp() - 1) / ((2 * x).exp() + 1),
    "sigmoid": lambda x: 1 / (1 + (-x).exp()),
    "softplus": lambda x: (1 + x.exp()).ln(),
    "normal_cdf": lambda x: normal_cdf(x),
    "cos_turns": lambda x: sine_series(2 * PI * (Decimal("0.25") - abs(x - x.to_integral_value()))),
    "sin_turns": lambda x: sine_series(2 * PI * (x - x.to_integral_value())),
    "erf": lambda x: 2 * density(x * Decimal(2).sqrt()) * odd_series(x * Decimal(2).sqrt()),
}


OF_SERIES = ("normal_cdf", "erf", "cos_turns", "sin_turns")


def normal_cdf(x):
    """Return the distribution function; far below 0 by the continued fraction, as the series would cancel."""
    if x > -6:
        return Decimal("0.5") + density(x) * odd_series(x)
    fraction = Decimal(0)
    for k in range(300, 0, -1):
        fraction = k / (-x + fraction)
    return density(x) / (-x + fraction)


STEEP = {  # where a function is not flat
    "exp": (-750, 715),
    "expm1": (-45, 4),
    "log": (0, 4),
    "log1p": (-1, 4),
    "tanh": (-4, 4),
    "sigmoid": (-750, 40),
    "softplus": (-750, 40),
    "normal_cdf": (-39, 9),
    "erf": (-6, 6),
    "cos_turns": (-4, 4),
    "sin_turns": (-4, 4),
}


def compute(target, name, x):
    """Return what the vector library makes of an array."""
    y = numpy.full_like(x, 7.0)
    door.core().vector_function(target, name, numpy.ascontiguousarray(x), y)
    return y


def ulps(got, truth):
    """Return the errors in units in the last place of the truth, both in wider numbers than `got` is."""
    limits = numpy.finfo(got.dtype)
    top = truth.dtype.type(2.0) ** limits.maxexp if truth.dtype != got.dtype else truth.dtype.type(limits.max)
    expected, value = numpy.clip(truth, -top, top), numpy.clip(got.astype(truth.dtype), -top, top)
    size = numpy.clip(numpy.abs(expected), limits.tiny, limits.max)
    unit = numpy.ldexp(truth.dtype.type(1), numpy.frexp(size)[1] - 1 - limits.nmant)
    wrong = numpy.isnan(got) != numpy.isnan(truth)
    wrong |= (got == 0) & (numpy.signbit(got) != numpy.signbit(truth))
    return numpy.where(wrong, numpy.inf, numpy.where(numpy.isnan(truth), 0, numpy.abs(value - expected) / unit))


def assert_within(bound, x, error):
    worst = int(numpy.argmax(error))
    assert error[worst] <= bound, f"off by {error[worst]:.3f} ulp at {x[worst]!r}, {bound} are stated"


def test_every_function_states_its_bounds():
    assert set(BOUNDS) == set(WIDE) == set(EXACT) == set(STEEP) == set(door.core().FUNCTIONS)
    assert all(0.5 < bound < 5.0 for bounds in BOUNDS.values() for bound in bounds.values())


@pytest.mark.parametrize("name", WIDE)
def test_floats(name):
    """Every 21221st of all 2^32: an odd stride reaches all exponents and last bits."""
    x = numpy.arange(0, 2**32, 21221, dtype=numpy.uint64).astype(numpy.uint32).view(numpy.float32)
    with numpy.errstate(all="ignore"):
        truth = WIDE[name](x.astype(numpy.float64))
    for target in TARGETS:
        assert_within(BOUNDS[name][numpy.float32], x, ulps(compute(target, name, x), truth))


@pytest.mark.parametrize("name", [name for name in WIDE if name not in ("normal_cdf", "erf")])
def test_doubles(name):
    """Where the function is not flat, and anywhere."""
    rng = numpy.random.default_rng(0)
    x = numpy.concatenate(
        [rng.uniform(*STEEP[name], size=50_000), rng.integers(0, 2**64, 50_000, dtype=numpy.uint64).view(float)]
    )
    with numpy.errstate(all="ignore"):
        truth = WIDE[name](x.astype(numpy.longdouble))
    # what the C library's wider numbers are off by themselves; they may be no wider than doubles
    own = 4 * float(numpy.finfo(numpy.longdouble).eps / numpy.finfo(numpy.float64).eps)
    for target in TARGETS:
        assert_within(BOUNDS[name][numpy.float64] + own, x, ulps(compute(target, name, x), truth))


@pytest.mark.parametrize("name", EXACT)
def test_doubles_against_hundreds_of_digits(name):
    rng = numpy.random.default_rng(1)
    low, high = STEEP[name]
    x = numpy.concatenate([
        rng.uniform(low, high, size=150),
        rng.uniform(max(low, -1), 1, size=50) * 10.0 ** rng.uniform(-12, 0, size=50),
    ])  # fmt: skip
    x = x[(x > -1) if name == "log1p" else (x > 0) if name == "log" else numpy.isfinite(x)]
    digits = 80 if name in OF_SERIES else 450  # 1 + exp(-750) has a digit in place 326
    with decimal.localcontext(decimal.Context(prec=digits, Emin=-(10**6), Emax=10**6)):
        truth = [EXACT[name](Decimal(float(a))) for a in x]
        for target in TARGETS:
            y = compute(target, name, x)
            pairs = [(float(a), t, float(t)) for a, t in zip(y, truth, strict=True)]
            error = [0.0 if a == r == INF else float(abs(Decimal(a) - t) / Decimal(math.ulp(r))) for a, t, r in pairs]
            assert_within(BOUNDS[name][numpy.float64], x, numpy.array(error))


SPECIAL = {
    "exp": [(0.0, 1.0), (-0.0, 1.0), (INF, INF), (-INF, 0.0), (1e4, INF), (-1e4, 0.0), (1e-30, 1.0)],
    "expm1": [(0.0, 0.0), (-0.0, -0.0), (INF, INF), (-INF, -1.0), (1e4, INF), (-1e4, -1.0)],
    "log": [(1.0, 0.0), (0.0, -INF), (-0.0, -INF), (INF, INF), (-1.0, NAN), (-INF, NAN), (-1e-30, NAN)],
    "log1p": [(0.0, 0.0), (-0.0, -0.0), (-1.0, -INF), (INF, INF), (-1.5, NAN), (-INF, NAN)],
    "tanh": [(0.0, 0.0), (-0.0, -0.0), (INF, 1.0), (-INF, -1.0), (50.0, 1.0), (-1e4, -1.0)],
    "sigmoid": [(0.0, 0.5), (-0.0, 0.5), (INF, 1.0), (-INF, 0.0), (50.0, 1.0), (-1e4, 0.0)],
    "softplus": [(INF, INF), (-INF, 0.0), (1e4, 1e4), (-1e4, 0.0)],
    "normal_cdf": [(0.0, 0.5), (-0.0, 0.5), (INF, 1.0), (-INF, 0.0), (50.0, 1.0), (-1e4, 0.0)],
    "erf": [(0.0, 0.0), (-0.0, -0.0), (INF, 1.0), (-INF, -1.0), (50.0, 1.0), (-1e4, -1.0)],
    "cos_turns": [
        (0.0, 1.0), (0.25, 0.0), (-0.5, -1.0), (0.75, 0.0), (-7.0, 1.0), (2**22 + 0.5, -1.0), (2.0**23, 1.0),
        (1e30, 1.0), (INF, NAN), (-INF, NAN),
    ],
    "sin_turns": [
        (0.0, 0.0), (-0.0, -0.0), (0.25, 1.0), (-1.25, -1.0), (0.75, -1.0), (-7.0, -0.0), (2**21 + 0.25, 1.0),
        (1e30, 0.0), (INF, NAN), (-INF, NAN),
    ],
}  # fmt: skip


@pytest.mark.parametrize("dtype", DTYPES, ids=DTYPE_IDS)
@pytest.mark.parametrize("name", SPECIAL)
def test_special_values(name, dtype):
    """Exactly, with the sign of zero; NaN gives NaN."""
    smallest = float(numpy.finfo(dtype).smallest_subnormal)
    odd = [(sign * a, sign * a) for sign in (1, -1) for a in (smallest, 3 * smallest)]
    pairs = [*SPECIAL[name], (NAN, NAN), *(odd if name in ("expm1", "log1p", "tanh") else ())]
    x, expected = (numpy.array(column, dtype) for column in zip(*pairs, strict=True))
    for target in TARGETS:
        got = compute(target, name, x)
        numpy.testing.assert_array_equal(got, expected)
        kept = ~numpy.isnan(expected)
        assert (numpy.signbit(got) == numpy.signbit(expected))[kept].all()


@pytest.mark.parametrize("dtype", DTYPES, ids=DTYPE_IDS)
@pytest.mark.parametrize("name", WIDE)
def test_a_value_does_not_depend_on_its_lane(name, dtype):
    """Nor on its neighbours; and nothing is written behind the last one."""
    x = numpy.linspace(0.01, 3.0, 83, dtype=dtype)
    for target in TARGETS:
        expected = compute(target, name, x)
        for n in range(40):
            y = numpy.full(83, 7.0, dtype)
            door.core().vector_function(target, name, x[n : 2 * n], y[:n])
            assert (y[:n] == expected[n : 2 * n]).all()
            assert (y[n:] == 7.0).all()
        x[0::2] = NAN
        assert (compute(target, name, x)[1::2] == expected[1::2]).all()
        x[0::2] = numpy.linspace(0.01, 3.0, 83, dtype=dtype)[0::2]


def test_unknown_names():
    x = numpy.zeros(3, numpy.float32)
    with pytest.raises(ValueError, match="no function gamma for target"):
        door.core().vector_function(TARGETS[0], "gamma", x, x.copy())
    with pytest.raises(ValueError, match="no function exp for target neon"):
        door.core().vector_function("neon", "exp", x, x.copy())
