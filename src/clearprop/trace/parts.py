"""The pieces that explanations are made of."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

__all__ = ["Cell", "Factor", "Part", "Term", "cells", "factor", "product"]

Cell = tuple[int, ...]


@dataclass(frozen=True)
class Factor:
    """A number, and what it is: a cell of a trace (``"dense_1.W[0, 2]"``), or a slope between two of them."""

    label: str
    value: float


@dataclass(frozen=True)
class Term:
    """A summand, and the numbers it is made of: mostly their product, else a function that the formula gives."""

    factors: tuple[Factor, ...]
    value: float


@dataclass(frozen=True)
class Part:
    """The terms of a cell, the right-hand side with numbers where it is no sum of products, and a remark."""

    terms: tuple[Term, ...]
    latex: str = ""
    note: str = ""


def cells(shape: tuple[int, ...]) -> Iterator[Cell]:
    """Yield all places of an array."""
    return itertools.product(*map(range, shape))


def factor(name: str, array: Any, cell: Cell) -> Factor:
    """Return the number in a cell of an array."""
    return Factor(f"{name}{list(cell)}", float(array[cell]))


def product(*factors: Factor) -> Term:
    """Return the term that is the product of some numbers."""
    return Term(factors, math.prod(item.value for item in factors))
