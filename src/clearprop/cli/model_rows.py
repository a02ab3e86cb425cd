"""Rows of a table as the network of a model reads them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy

from clearprop.cli.model_file import StoredModel, read_file
from clearprop.cli.options import load_table, note
from clearprop.cli.problem import class_codes, known_rows, numbers
from clearprop.errors import ArgumentError, DataError
from clearprop.estimators import NetworkRows, network_rows
from clearprop.estimators.tables.table import Table
from clearprop.network import Network

__all__ = ["ModelRows", "model_rows"]


@dataclass(frozen=True)
class ModelRows:
    """Rows for a model.

    Attributes
    ----------
    model : Network, Classifier or Regressor
        What the file holds.
    table : Table
        The rows as they stand in the table.
    target : str
        The column that the model predicts.
    rows : NetworkRows
        The model's first network, and the rows as it takes them.
    """

    model: object
    table: Table
    target: str
    rows: NetworkRows


def model_rows(
    model_path: str, data_path: str, target: str | None, missing: Iterable[str], row: int | None = None
) -> ModelRows:
    """Return the rows of a table that have a target, or the one of that number, for the model in a file.

    The columns of a network that was saved without a table are those of numbers, in their order.
    """
    _, stored = read_file(model_path)
    known = stored.missing if isinstance(stored, StoredModel) else ()
    table = load_table(data_path, [*known, *missing])
    if row is not None:
        if row >= table.n_rows:
            raise ArgumentError(f"--row {row}: {table.source} has rows 0 to {table.n_rows - 1}.")
        table = table.take(numpy.array([row]))
    if isinstance(stored, Network):
        return _of_network(stored, table, target)
    column = stored.one_target(target)
    table, notes = known_rows(table, column)
    for text in notes:
        note(f"note: {text}")
    model = stored.model
    if stored.task == "classification":
        y = numpy.array(model.classes_, dtype=object)[class_codes(table, column, model.classes_.tolist())]
    else:
        y = numbers(table, column)
    if len(model.members_) > 1:
        note(f"note: the model has {len(model.members_)} networks, whose predictions are averaged; this is the first")
    return ModelRows(model, table, column, network_rows(model, table, y))


def _of_network(network: Network, table: Table, target: str | None) -> ModelRows:
    if target is None:
        raise ArgumentError("the file holds a network, which knows no names of columns; add --target COL.")
    table.require([target])
    table, _ = known_rows(table, target)
    names = [name for name in table.columns if name != target and table.kind(name) in ("number", "boolean")]
    (shape, *others) = [network.graph.nodes[place].shape for place in network.graph.inputs]
    if others or shape != (len(names),):
        raise DataError(
            f"the network reads rows of shape {', '.join(map(str, [shape, *others]))}, {table.source} has "
            f"{len(names)} columns of numbers besides '{target}'; give it those columns alone, in their order."
        )
    X = numpy.stack([numbers(table, name) for name in names], axis=1)
    return ModelRows(network, table, target, NetworkRows(network, X, numbers(table, target), (tuple(names),)))
