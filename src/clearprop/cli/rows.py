"""The rows of a table, with their targets, for the model of a file."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, replace
from typing import Any

import numpy

from clearprop.cli.model_file import StoredModel
from clearprop.cli.options import note
from clearprop.cli.problem import class_codes, known_rows, numbers
from clearprop.errors import ArgumentError, DataError
from clearprop.estimators import NetworkRows, network_rows
from clearprop.estimators.tables.table import Table
from clearprop.estimators.tables.training import as_fed
from clearprop.network import Network

__all__ = ["ModelRows", "as_network_rows", "model_rows"]

Array = Any


@dataclass(frozen=True)
class ModelRows:
    """Rows whose target is known, as a model takes them.

    Attributes
    ----------
    X : Table, or for a network an array of shape (n, ...), a list of them where it has several inputs
        The rows.
    y : array of shape (n,)
        Their targets.
    places : array of int of shape (n,)
        Their numbers in the table, counted from 0.
    names : tuple of tuple of str
        For a network, the columns of each of its inputs.
    classes : list or None
        For a network, the texts that class numbers stand for.
    """

    X: Any
    y: Array
    places: Array
    names: tuple[tuple[str, ...], ...]
    classes: list[Any] | None = None

    def place(self, row: int) -> int:
        """Return where a row of the table, by its number, stands among these."""
        (found,) = numpy.nonzero(self.places == row)
        if not found.size:
            raise DataError(f"row {row} is not among the {len(self.places)} rows with a target; rows count from 0.")
        return int(found[0])

    def only(self, row: int) -> ModelRows:
        """Return one row of the table alone, by its number."""
        at = [self.place(row)]
        if isinstance(self.X, Table):
            X: Any = self.X.take(at)
        else:
            X = [x[at] for x in self.X] if isinstance(self.X, list) else self.X[at]
        return replace(self, X=X, y=self.y[at], places=self.places[at])


def model_rows(model: Network | StoredModel, table: Table, target: str | None) -> ModelRows:
    """Return the rows of a table that have a target; `target` is its column, if the model does not know it.

    A network reads all other columns of the table, in their order, as numbers; those of an image row by row, those of
    several inputs one input after another. It knows no names of classes: texts stand for the class numbers 0, 1, ... in
    alphabetical order.
    """
    if isinstance(model, StoredModel):
        column = model.one_target(target)
        known, notes = known_rows(table, column)
        estimator: Any = model.model
        if model.task == "classification":
            y = estimator.classes_[class_codes(known, column, estimator.classes_.tolist())]
        else:
            y = numbers(known, column)
        rows = ModelRows(known, y, table.present(column), ())
    else:
        if target is None:
            raise ArgumentError("the model is a network, so it knows no name of its target; add --target COL.")
        known, notes = known_rows(table, target)
        rows = _network_rows(model, known, target, table.present(target))
    for text in notes:
        note(f"note: {text}")
    return rows


def as_network_rows(model: Network | StoredModel, rows: ModelRows) -> NetworkRows:
    """Return the network of a model, the first where it has several, with rows as it takes them."""
    if isinstance(model, Network):
        return NetworkRows(model, rows.X, rows.y, rows.names)
    n_networks = len(model.model.members_)
    if n_networks > 1:
        note(f"note: the model averages the predictions of {n_networks} networks; this is the first of them")
    return network_rows(model.model, rows.X, rows.y)


def _network_rows(net: Network, table: Table, target: str, places: Array) -> ModelRows:
    names = [name for name in table.columns if name != target]
    shapes = [net.graph.nodes[place].shape for place in net.graph.inputs]
    widths = [math.prod(shape) for shape in shapes]
    if sum(widths) != len(names):
        wanted = " and ".join(str(shape) for shape in shapes)
        raise DataError(
            f"{table.source} has {len(names)} columns beside '{target}', but the network reads rows of shape {wanted}; "
            "give it a table with its columns alone, in their order."
        )
    X = numpy.stack([table.numbers(name, boolean=table.kind(name) == "boolean") for name in names], axis=1)
    stops = [0, *itertools.accumulate(widths)]
    parts = [slice(start, stop) for start, stop in itertools.pairwise(stops)]
    inputs = [X[:, part].reshape(len(X), *shape) for part, shape in zip(parts, shapes, strict=True)]
    read = as_fed(inputs)
    columns = tuple(tuple(names[part]) for part in parts)
    if table.kind(target) != "category":
        return ModelRows(read, numbers(table, target), places, columns)
    classes, y = numpy.unique(numpy.array(table.labels(target), dtype=object), return_inverse=True)
    return ModelRows(read, y, places, columns, classes.tolist())
