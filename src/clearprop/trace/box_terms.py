"""Where the numbers of radial basis functions and of periodic embeddings come from: slopes are formulas here."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import clearprop.layers as boxes
from clearprop.layers.periodic import TURN
from clearprop.trace.parts import (
    Cell,
    Factor,
    Part,
    Term,
    delta_factor,
    joined,
    output_factor,
    parameter,
    product,
)
from clearprop.trace.record import Record
from clearprop.trace.substitution import computed, substituted

__all__ = ["BoxTerms", "box_terms"]

MINUS = Factor("-1", -1.0)
MINUS_TURN = Factor("-2 pi", -TURN, r"(- 2 \pi)")


@dataclass(frozen=True)
class BoxTerms(ABC):
    """Where the numbers of one node come from, by the equations of its box's docstring.

    Attributes
    ----------
    trace : Record
        The trace.
    index : int
        The position of the node.
    """

    trace: Record
    index: int

    @abstractmethod
    def forward(self, cell: Cell) -> Part:
        """Return the terms of a cell of the output."""

    @abstractmethod
    def backward(self, cell: Cell) -> Iterator[Term]:
        """Yield what the gradient at the output contributes to a cell of the input's."""

    @abstractmethod
    def gradient(self, local: str, cell: Cell) -> Iterator[Term]:
        """Yield what it contributes to a cell of a parameter's gradient."""

    @property
    def layer(self) -> Any:
        """The box."""
        return self.trace.graph.nodes[self.index].layer

    @property
    def rows(self) -> range:
        """The rows of the batch."""
        return range(self.trace.passed.batch.n_rows)

    @property
    def n_in(self) -> int:
        """How many numbers of a row the box reads."""
        return self.trace.graph.nodes[self._source].shape[0]

    @property
    def _source(self) -> int:
        (source,) = self.trace.graph.nodes[self.index].inputs
        return source

    def x(self, row: int, column: int) -> Factor:
        """Return a number of the input."""
        return output_factor(self.trace, self._source, (row, column))

    def h(self, row: int, unit: int) -> Factor:
        """Return a number of the output."""
        return output_factor(self.trace, self.index, (row, unit))

    def dh(self, row: int, unit: int) -> Factor:
        """Return a number of the gradient at the output."""
        return delta_factor(self.trace, self.index, (row, unit))

    def p(self, local: str, *cell: int) -> Factor:
        """Return a number of a parameter."""
        return parameter(self.trace, self.index, local).factor(cell)


class _RadialTerms(BoxTerms):
    def forward(self, cell: Cell) -> Part:
        row, unit = cell
        sigma, h = self.p("sigma", unit), self.h(row, unit)
        numbers = {"q": self._square(row, unit), "sigma": sigma.value}
        pairs = (item for i in range(self.n_in) for item in (self.x(row, i), self.p("W", i, unit)))
        latex = substituted(r"\exp \left( - \frac{<q>}{<sigma>^2} \right)", numbers)
        return Part((Term((*pairs, sigma), h.value),), latex)

    def backward(self, cell: Cell) -> Iterator[Term]:
        row, i = cell
        for unit in range(self.layer.units):
            pull = self._pull(self.p("W", i, unit), self.x(row, i), unit)
            yield product(self.dh(row, unit), self.h(row, unit), pull)

    def gradient(self, local: str, cell: Cell) -> Iterator[Term]:
        unit = cell[-1]
        for row in self.rows:
            if local == "W":
                slope = self._pull(self.x(row, cell[0]), self.p("W", *cell), unit)
            else:
                slope = self._widening(row, unit)
            yield product(self.dh(row, unit), self.h(row, unit), slope)

    def _pull(self, left: Factor, right: Factor, unit: int) -> Factor:
        """Return 2 (left - right) / sigma^2."""
        sigma = self.p("sigma", unit)
        value = 2.0 * (left.value - right.value) / sigma.value**2
        return computed(
            value, "2 ({left} - {right}) / {sigma}^2", r"\frac{2 \cdot (<left> - <right>)}{<sigma>^2}",
            left=left, right=right, sigma=sigma,
        )  # fmt: skip

    def _widening(self, row: int, unit: int) -> Factor:
        """Return 2 q / sigma^3."""
        sigma, squares = self.p("sigma", unit), self._square(row, unit)
        q = sum((self.x(row, i).value - self.p("W", i, unit).value) ** 2 for i in range(self.n_in))
        label = f"2 ||x[{row}] - W[:, {unit}]||^2 / {{sigma}}^3"
        latex = rf"\frac{{2 \cdot ({squares})}}{{<sigma>^3}}"
        return computed(2.0 * q / sigma.value**3, label, latex, sigma=sigma)

    def _square(self, row: int, unit: int) -> str:
        """Return ||x - W||^2 of a unit with numbers."""
        pairs = ({"x": self.x(row, i).value, "W": self.p("W", i, unit).value} for i in range(self.n_in))
        return joined([substituted("(<x> - <W>)^2", pair) for pair in pairs])


class _PeriodicTerms(BoxTerms):
    def forward(self, cell: Cell) -> Part:
        row, column = cell[0], cell[1] % self.n_in
        if cell[1] < self.n_in:
            return Part((product(self.x(row, column)),))
        group = cell[1] // self.n_in - 1
        waves = (
            product(self.p("W", group * self.layer.frequencies + k, column), self._wave("cos", row, k, column))
            for k in range(self.layer.frequencies)
        )
        return Part((*waves, product(self.p("c", group, column))))

    def backward(self, cell: Cell) -> Iterator[Term]:
        row, column = cell
        yield product(self.dh(row, column))
        for group in range(self.layer.width):
            for k in range(self.layer.frequencies):
                yield self._through_wave(row, group, k, column, MINUS_TURN, self.p("w", k, column))

    def gradient(self, local: str, cell: Cell) -> Iterator[Term]:
        place, column = cell
        for row in self.rows:
            if local == "c":
                yield product(self._de(row, place, column))
            elif local == "W":
                group, k = divmod(place, self.layer.frequencies)
                yield product(self._de(row, group, column), self._wave("cos", row, k, column))
            else:
                slope = (MINUS_TURN, self.x(row, column)) if local == "w" else (MINUS,)
                for group in range(self.layer.width):
                    yield self._through_wave(row, group, place, column, *slope)

    def _through_wave(self, row: int, group: int, k: int, column: int, *slope: Factor) -> Term:
        """Return what passes back through a cosine: de, its weight, the sine, and the slope of the phase."""
        weight = self.p("W", group * self.layer.frequencies + k, column)
        return product(self._de(row, group, column), weight, *slope, self._wave("sin", row, k, column))

    def _de(self, row: int, group: int, column: int) -> Factor:
        return self.dh(row, (1 + group) * self.n_in + column)

    def _wave(self, function: str, row: int, k: int, column: int) -> Factor:
        """Return the cosine or the sine of a phase."""
        x, w, b = self.x(row, column), self.p("w", k, column), self.p("b", k, column)
        phase = TURN * w.value * x.value + b.value
        value = math.cos(phase) if function == "cos" else math.sin(phase)
        latex = rf"\{function} \left( 2 \pi \cdot <w> \cdot <x> + <b> \right)"
        return computed(value, f"{function}(2 pi {{w}} {{x}} + {{b}})", latex, x=x, w=w, b=b)


def box_terms(trace: Record, index: int) -> BoxTerms | None:
    """Return where the numbers of a node come from, if its box is one of these."""
    kinds = {boxes.RBF: _RadialTerms, boxes.PeriodicEmbedding: _PeriodicTerms}
    found = next((kinds[kind] for kind in type(trace.graph.nodes[index].layer).__mro__ if kind in kinds), None)
    return None if found is None else found(trace, index)
