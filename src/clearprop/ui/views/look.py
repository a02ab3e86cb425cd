"""A look at a run: a network with the numbers of one moment, and the rows."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy

from clearprop.engines import Batch
from clearprop.errors import ArgumentError
from clearprop.network import Network
from clearprop.optimizers import Optimizer
from clearprop.state import TrainState
from clearprop.ui.problems import Problem, dense
from clearprop.validation import check_integer

__all__ = ["MAX_NUMBERS", "Look"]

Array = Any
MAX_NUMBERS = 2**24  # that a view computes at a time


@dataclass(frozen=True, eq=False)
class Look:
    """What every view is computed from.

    Attributes
    ----------
    problem : Problem
        The rows.
    network : Network
        With the numbers of one moment, which nothing changes.
    state : TrainState
        Of that moment.
    optimizer : Optimizer or None
        What makes the updates.
    """

    problem: Problem
    network: Network
    state: TrainState
    optimizer: Optimizer | None

    @cached_property
    def max_rows(self) -> int:
        """Rows that are computed at a time: so many that all nodes together put out about `MAX_NUMBERS` numbers."""
        return max(1, MAX_NUMBERS // sum(math.prod(node.shape) for node in self.network.graph.nodes))

    def scores(self, inputs: tuple[Array, ...]) -> Array:
        """Return the scores of rows, which need not be finite."""
        return self._in_parts(self.network.executor().scores, inputs)

    def prediction(self, inputs: tuple[Array, ...]) -> Array:
        """Return the prediction of rows, shape (n, n_outputs), NaN where it is not finite."""
        return self._in_parts(self.network.executor().predictions, inputs)

    def _in_parts(
        self, compute: Callable[[Array, Array, tuple[Array, ...]], Array], inputs: tuple[Array, ...]
    ) -> Array:
        net = self.network
        parts = [slice(start, start + self.max_rows) for start in range(0, inputs[0].shape[0], self.max_rows)]
        found = [compute(net.vector, net.buffer_vector, tuple(x[part] for x in inputs)) for part in parts]
        return numpy.concatenate(found)

    def outputs(self, inputs: tuple[Array, ...]) -> dict[str, Array]:
        """Return what every node puts out."""
        net = self.network
        found = net.reference().forward(net.vector, net.buffer_vector, inputs).outputs
        return {node.name: output for node, output in zip(net.graph.nodes, found, strict=True)}

    @cached_property
    def batch(self) -> Batch:
        """All rows, as the network takes them."""
        return self.problem.batch(self.network)

    def some(self, limit: int, *, training: bool = False) -> Array:
        """Return the numbers of at most so many rows, spread evenly over all or those to train on."""
        n_rows = self.problem.n_rows if training else self.problem.n_all
        return numpy.unique(
            numpy.linspace(0, n_rows - 1, min(limit, n_rows, self.max_rows)).round().astype(numpy.int64)
        )

    def row(self, number: int) -> Batch:
        """Return the batch of one row."""
        check_integer("row", "row", number, minimum=0)
        if number >= self.problem.n_all:
            raise ArgumentError(f"row must be from 0 to {self.problem.n_all - 1}, got {number}.")
        return self.batch.take(slice(number, number + 1))

    def texts(self, rows: Array) -> dict[str, list[str]]:
        """Return the user's own columns of some rows, as they stood in the table; none where the network reads them."""
        if self.problem.raw is None:
            return {}
        table = self.problem.raw.take(rows)  # the texts of all rows of a long table would take seconds
        return {name: table.text(name) for name in table.columns}

    def matrix(self, inputs: tuple[Array, ...]) -> Array:
        """Return the columns of all inputs side by side, float64."""
        return numpy.concatenate([dense(x).astype(numpy.float64) for x in inputs], axis=1)

    def from_matrix(self, matrix: Array) -> tuple[Array, ...]:
        """Return the inputs that have these columns."""
        inputs, start = [], 0
        for place in self.network.graph.inputs:
            shape = self.network.graph.nodes[place].shape
            stop = start + int(numpy.prod(shape))
            columns = matrix[:, start:stop].astype(self.network.dtype)
            inputs.append(columns.reshape(len(matrix), *shape))
            start = stop
        return tuple(inputs)

    def decided(self, prediction: Array) -> Array:
        """Return the class numbers that predictions mean, or the numbers in the units of the table."""
        if self.problem.task == "regression":
            return self.problem.unscale(prediction[:, 0])
        if prediction.shape[1] == 1:
            return (self.probability(prediction)[:, 1] > 0.5).astype(numpy.int64)
        return prediction.argmax(axis=1)

    def probability(self, prediction: Array) -> Array:
        """Return what predictions say of each class, shape (n, n_classes)."""
        if prediction.shape[1] > 1:
            return prediction
        return numpy.concatenate([1.0 - prediction, prediction], axis=1)

    def truth(self, target: Array) -> Array:
        """Return targets as `decided` returns predictions."""
        if self.problem.task == "regression":
            return self.problem.unscale(target.reshape(len(target), -1)[:, 0])
        if target.ndim == 2:
            return target.argmax(axis=1) if target.shape[1] > 1 else target[:, 0].astype(numpy.int64)
        return target
