"""Counter-based random numbers: by address, with the bits of Philox."""

from __future__ import annotations

import itertools
import math

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cases import assert_close
from clearprop.streams import Purpose, Stream

SMALL = st.integers(0, 2**32 - 1)


def test_bits_are_those_of_philox_4x64_10():
    """The published test vector of Random123 (kat_vectors, philox4x64 10) for counter and key 0 + 1 in NumPy's way."""
    # NumPy adds 1 to the counter before each block; key (0, purpose 1), counter (1, 0, 0, 0) is computed here by hand
    words = philox([1, 0, 0, 0], [0, int(Purpose.INITIALIZE)])
    got = Stream(0, Purpose.INITIALIZE).uniform((4,))
    assert got.tolist() == [(word >> 11) * 2.0**-53 for word in words]


def philox(counter, key, rounds=10):
    """Return one block of Philox 4x64 (Salmon et al. 2011, section 4.3)."""
    mask = 2**64 - 1
    c, k = list(counter), list(key)
    for _ in range(rounds):
        first, second = 0xD2E7470EE14C6C93 * c[0], 0xCA5A826395121157 * c[2]
        c = [second >> 64 ^ c[1] ^ k[0], second & mask, first >> 64 ^ c[3] ^ k[1], first & mask]
        k = [k[0] + 0x9E3779B97F4A7C15 & mask, k[1] + 0xBB67AE8584CAA73B & mask]
    return c


def test_our_philox_is_the_published_one():
    assert philox([0] * 4, [0] * 2) == [0x16554D9ECA36314C, 0xDB20FE9D672D0FDC, 0xD7E772CEE186176B, 0x7E68B68AEC7BA23B]


@settings(deadline=None, max_examples=50)
@given(seed=st.integers(0, 2**64 - 1), epoch=SMALL, step=SMALL, node=SMALL, purpose=st.sampled_from(Purpose))
def test_every_part_of_the_address_reaches_the_block(seed, epoch, step, node, purpose):
    stream = Stream(seed, purpose, epoch=epoch, step=step, node=node)
    second = philox([2, node, step, epoch], [seed, int(purpose)])
    assert stream.uniform((8,))[4:].tolist() == [(word >> 11) * 2.0**-53 for word in second]


def test_neighbouring_addresses_never_meet():
    streams = [
        Stream(seed, purpose, epoch=epoch, step=step, node=node)
        for seed, purpose, epoch, step, node in itertools.product((0, 1), Purpose, (0, 1), (0, 1), (0, 1))
    ]
    numbers = numpy.concatenate([stream.uniform((64,)) for stream in streams])
    assert len(numpy.unique(numbers)) == numbers.size  # two of 4,096 doubles with 53 bits meet by chance once in 1e9


def test_a_number_depends_on_its_position_alone():
    stream = Stream(3, Purpose.NOISE, step=7)
    long = stream.uniform((1000,))
    assert (stream.uniform((10, 10)).ravel() == long[:100]).all()
    assert (stream.at(step=8).at(step=7).uniform((5,)) == long[:5]).all()
    normal = stream.normal((100,))
    assert (stream.normal((5, 4)).ravel() == normal[:20]).all()
    assert stream.uniform(()).shape == ()


def test_integers_are_quarters_of_words_the_lowest_bits_first():
    key, counter = numpy.array([3, Purpose.NOISE], numpy.uint64), numpy.array([0, 4, 7, 2], numpy.uint64)
    words = numpy.random.Philox(key=key, counter=counter).random_raw(5).tolist()
    expected = [words[i // 4] >> 16 * (i % 4) & 0xFFFF for i in range(18)]
    stream = Stream(3, Purpose.NOISE, epoch=2, step=7, node=4)
    for shape in ((18,), (3, 6), (2, 3, 3), (17,), (1,), (0, 5), ()):
        numbers = stream.integers(shape)
        assert (numbers.shape, numbers.dtype) == (shape, numpy.uint16)
        assert numbers.ravel().tolist() == expected[: numbers.size]


def test_seeds_of_any_size_are_taken_modulo_2_to_the_64():
    reference = Stream(5, Purpose.SPLIT).uniform((4,))
    assert (Stream(5 + 2**64, Purpose.SPLIT).uniform((4,)) == reference).all()
    assert (Stream(5 - 2**64, Purpose.SPLIT).uniform((4,)) == reference).all()


@pytest.mark.parametrize("kind", ["uniform", "normal", "integers"])
def test_moments(kind):
    n = 200_000
    x = getattr(Stream(0, Purpose.NOISE), kind)((n,))
    if kind == "integers":
        x = (x + 0.5) / 2**16  # as the uniform ones, but for 2^-32 of the variance
    mean, variance, fourth = (0.0, 1.0, 3.0) if kind == "normal" else (0.5, 1 / 12, 1 / 80)
    assert abs(x.mean() - mean) < 4 * math.sqrt(variance / n)  # 4 standard errors
    assert abs(x.var() - variance) < 4 * math.sqrt((fourth - variance**2) / n)
    assert numpy.isfinite(x).all()
    if kind != "normal":
        assert x.min() >= 0
        assert x.max() < 1


def test_normal_numbers_are_box_and_muller_s():
    stream = Stream(2, Purpose.NOISE)
    expected = [math.sqrt(-2 * math.log1p(-u)) * math.cos(2 * math.pi * v) for u, v in stream.uniform((50, 2)).tolist()]
    assert_close(stream.normal((50,)), expected, k=16)  # a cosine of up to 2 pi, whose argument rounds by 2 eps


def test_normal_numbers_are_normal():
    n = 200_000
    x = numpy.sort(Stream(1, Purpose.NOISE).normal((n,)))
    cdf = 0.5 * (1 + numpy.vectorize(math.erf)(x / math.sqrt(2)))
    distance = abs(cdf - (numpy.arange(n) + 0.5) / n).max()
    assert distance < 1.95 / math.sqrt(n)  # Kolmogorov-Smirnov at 0.1 %


def test_permutations_hold_every_number_once_and_differ_by_epoch():
    first, second = (Stream(0, Purpose.SHUFFLE, epoch=epoch).permutation(100) for epoch in (0, 1))
    assert sorted(first) == sorted(second) == list(range(100))
    assert (first != second).any()
    assert (first == Stream(0, Purpose.SHUFFLE).permutation(100)).all()
