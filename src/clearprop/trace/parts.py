"""The pieces that explanations are made of, and how they are taken from a trace."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy

from clearprop.trace.notation import operand
from clearprop.trace.quantities import DELTA_NAMES
from clearprop.trace.record import Record

__all__ = [
    "Cell",
    "Factor",
    "Named",
    "Part",
    "Term",
    "cells",
    "delta_factor",
    "factor",
    "joined",
    "local_parameters",
    "normalized",
    "output_factor",
    "parameter",
    "parameters_at",
    "pass_back",
    "place_of",
    "product",
    "sum_of_products",
    "winner",
]

Array = Any
Cell = tuple[int, ...]
SHOWN = 12  # terms written out in a formula


@dataclass(frozen=True)
class Factor:
    """A number, and what it is: a cell of a trace (``"dense_1.W[0, 2]"``), a slope between two, or a formula of some.

    `latex` is such a formula with its numbers; without one the number stands for itself.
    """

    label: str
    value: float
    latex: str = ""


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


def joined(terms: Sequence[str]) -> str:
    """Return a sum; of many terms the first ones and the last stand for all."""
    shown = [*terms[: SHOWN - 2], r"\cdots", terms[-1]] if len(terms) > SHOWN else terms
    return " + ".join(shown).replace("+ -", "- ")


def factor(name: str, array: Any, cell: Cell) -> Factor:
    """Return the number in a cell of an array."""
    return Factor(f"{name}{list(cell)}", float(array[cell]))


def product(*factors: Factor) -> Term:
    """Return the term that is the product of some numbers."""
    return Term(factors, math.prod(item.value for item in factors))


def sum_of_products(terms: Sequence[Term]) -> str:
    """Return terms that are products as LaTeX."""
    return joined([r" \cdot ".join(item.latex or operand(item.value) for item in term.factors) for term in terms])


# ---- from a trace


@dataclass(frozen=True)
class Named:
    """An array and its name."""

    name: str
    value: Array

    def factor(self, cell: Cell) -> Factor:
        """Return the number in a cell."""
        return factor(self.name, self.value, cell)


def place_of(trace: Record, node: str) -> int:
    """Return the position of a node in the graph."""
    return list(trace.nodes).index(node)


def output_factor(trace: Record, index: int, cell: Cell) -> Factor:
    """Return a number of a node's output."""
    node = list(trace.nodes.values())[index]
    return factor(f"{node.name}.{node.symbol}", node.output, cell)


def delta_factor(trace: Record, index: int, cell: Cell) -> Factor:
    """Return a number of the gradient at a node's output."""
    node = list(trace.nodes.values())[index]
    return factor(f"{node.name}.{DELTA_NAMES[node.symbol]}", node.delta, cell)


def local_parameters(trace: Record, index: int) -> dict[str, Array]:
    """Return the parameters that a node uses, its own or another's, by local name."""
    views = trace.passed.executor.layout.views(trace.passed.parameters)
    return {local: views[name] for local, name in trace.graph.names()[index].items()}


def parameter(trace: Record, index: int, local: str) -> Named:
    """Return a parameter that a node uses."""
    return Named(trace.graph.names()[index][local], local_parameters(trace, index)[local])


def parameters_at(trace: Record, index: int, cell: Cell) -> Iterator[tuple[str, Factor]]:
    """Yield what a box has learned for one place of a row."""
    shape = trace.graph.nodes[index].shape
    for local in local_parameters(trace, index):
        seen = parameter(trace, index, local)
        place = tuple(0 if size == 1 else at for size, at in zip(seen.value.shape, cell[1:], strict=True))
        yield local, seen.factor(place) if len(shape) == len(seen.value.shape) else seen.factor(cell[1:])


def winner(trace: Record, index: int, place: Cell) -> int:
    """Return the column of W that makes the largest piece of a maxout unit."""
    layer: Any = trace.graph.nodes[index].layer
    row, unit = place
    piece: int = trace.passed.forward.kept[index][1][row, unit, 0]
    return int(unit * layer.pieces + piece)


def normalized(trace: Record, index: int, cell: Cell) -> tuple[float, float, float]:
    """Return a number as a norm leaves it, with the mean and the deviation that it takes from it."""
    shape = trace.passed.forward.outputs[index].shape
    z, deviation = (float(numpy.broadcast_to(array, shape)[cell]) for array in trace.passed.forward.kept[index][:2])
    x = output_factor(trace, trace.graph.nodes[index].inputs[0], cell).value
    return z, x - z * deviation, deviation


def pass_back(trace: Record, index: int, dh: Array) -> tuple[tuple[Array | None, ...], dict[str, Array]]:
    """Return what a node's backward rule makes of a gradient at its output."""
    layer, context = trace.graph.nodes[index].layer, trace.passed.forward.contexts[index]
    assert layer is not None
    assert context is not None
    return layer.backward(context, local_parameters(trace, index), trace.passed.forward.kept[index], dh)
