"""Counter-based random numbers: any number can be had by its address, without the ones before it.

A stream is addressed by a seed, a purpose, an epoch, a step and a node; a number within it by its position. The bits
are those of Philox 4x64-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3") in NumPy's layout:

    key     = (seed, purpose)
    counter = (1 + place // 4, node, step, epoch),    word = place % 4

The uniform number at position i is made of the word at place i, the normal one of those at 2 i and 2 i + 1; the integer
at position i is bits 16 (i % 4) to 16 (i % 4) + 15 of the word at place i // 4. Positions in a shape count row by row.
The same numbers come out for any number of threads, any order of evaluation, and after a stop and resume.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any

import numpy

__all__ = ["Purpose", "Stream"]


class Purpose(IntEnum):
    """What a stream of random numbers is for; streams of different purposes never meet."""

    INITIALIZE = 1
    SHUFFLE = 2
    NOISE = 3
    SPLIT = 4
    DATA = 5


@dataclass(frozen=True, slots=True)
class Stream:
    """Random numbers at one address.

    Parameters
    ----------
    seed : int
        The user's seed, taken modulo 2**64.
    purpose : Purpose
        What the numbers are for.
    epoch, step, node : int
        The rest of the address.

    Examples
    --------
    >>> stream = Stream(0, Purpose.NOISE, step=3)
    >>> bool((stream.uniform((2, 4)).ravel()[:5] == stream.uniform((5,))).all())
    True
    """

    seed: int
    purpose: Purpose
    epoch: int = 0
    step: int = 0
    node: int = 0

    def at(self, **address: Any) -> Stream:
        """Return the stream at another address of the same seed and purpose."""
        return replace(self, **address)

    def _bits(self) -> numpy.random.Philox:
        words = [0, self.node, self.step, self.epoch]
        counter = numpy.array(words, dtype=numpy.uint64)
        key = numpy.array([self.seed % 2**64, int(self.purpose)], dtype=numpy.uint64)
        return numpy.random.Philox(key=key, counter=counter)

    def generator(self) -> numpy.random.Generator:
        """Return a NumPy generator that starts at this address."""
        return numpy.random.Generator(self._bits())

    def uniform(self, shape: tuple[int, ...]) -> Any:
        """Return float64 numbers in [0, 1): the upper 53 bits of a word times 2**-53."""
        raw = self._bits().random_raw(math.prod(shape))
        return ((raw >> numpy.uint64(11)) * 2.0**-53).reshape(shape)

    def integers(self, shape: tuple[int, ...]) -> Any:
        """Return uint16 numbers, whole ones from 0 to 65535: four a word, beginning with its lowest bits."""
        n = math.prod(shape)
        raw = self._bits().random_raw(-(-n // 4))
        return raw.astype("<u8", copy=False).view("<u2")[:n].reshape(shape)

    def normal(self, shape: tuple[int, ...]) -> Any:
        """Return standard normal float64 numbers by Box and Muller (1958), two words a number."""
        first, second = numpy.moveaxis(self.uniform((*shape, 2)), -1, 0)
        return numpy.sqrt(-2.0 * numpy.log1p(-first)) * numpy.cos(2.0 * math.pi * second)

    def permutation(self, n: int) -> Any:
        """Return the numbers 0 to n - 1 in random order."""
        return self.generator().permutation(n)
