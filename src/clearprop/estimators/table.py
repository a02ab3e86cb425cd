"""A table model: the features' preprocessing, a network, the target and a record of the training, in one file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from clearprop.errors import ModelFileError
from clearprop.estimators.table_columns import Columns
from clearprop.estimators.table_data import MISSING, Table
from clearprop.estimators.table_target import Classes, Values, has_target, target_from_json
from clearprop.files import read_model
from clearprop.network import Network
from clearprop.validation import show

__all__ = ["TableModel"]

Array = Any

FORMAT = 1


@dataclass
class TableModel:
    """A network that reads the rows of a table.

    Attributes
    ----------
    network : Network
        What is trained.
    columns : Columns
        How the features become its inputs.
    target : Classes or Values
        What its outputs mean.
    missing : tuple of str
        Texts that stand for a missing value.
    record : dict
        How it was trained, as JSON.
    """

    network: Network
    columns: Columns
    target: Classes | Values
    missing: tuple[str, ...] = MISSING
    record: dict[str, Any] = field(default_factory=dict)

    def predict(self, table: Table) -> list[Any]:
        """Return the class label, or the number, of every row."""
        return self.target.decode(self.network, self.columns.transform(table))

    def probabilities(self, table: Table) -> dict[Any, Array]:
        """Return for every class label the probabilities of the rows."""
        return self.target.probabilities(self.network, self.columns.transform(table))

    def with_target(self, table: Table) -> Table:
        """Return the rows whose target is not missing."""
        return table.take(has_target(table, self.target.name))

    def evaluate(self, table: Table) -> dict[str, float]:
        """Return the metrics, accuracy and log_loss or rmse, mae and r2, on rows that all have a target."""
        return self.target.measure(self.network, self.columns.transform(table), table)

    def to_json(self) -> dict[str, Any]:
        """Return everything but the network as something the json module can write."""
        return {
            "format": FORMAT,
            "target": self.target.to_json(),
            "columns": self.columns.to_json(),
            "missing": list(self.missing),
            "record": self.record,
        }

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write one model file, at once or not at all; `clearprop.load` returns its bare network."""
        self.network.save(path, extra={"table": self.to_json()})

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> TableModel:
        """Return the model that `save` wrote. Nothing in the file is executed.

        Raises
        ------
        ModelFileError
            If the file is damaged, foreign, of a newer format, or holds a network without a table.
        OSError
            If it cannot be read.
        """
        description, arrays = read_model(path)
        name = Path(path).name
        if "table" not in description:
            raise ModelFileError(
                f"'{name}' holds a network but no table (net.save wrote it); open it with clearprop.load in Python, or "
                "make a model with 'clearprop train'."
            )
        network = Network.from_file(description, arrays)
        try:
            return cls.from_json(network, description["table"])
        except ModelFileError as error:
            raise ModelFileError(f"'{name}' cannot be used: {error} Train again.") from error

    @classmethod
    def from_json(cls, network: Network, entry: Any) -> TableModel:
        """Return the model whose `to_json` is `entry`."""
        if not isinstance(entry, Mapping) or entry.get("format") != FORMAT:
            found = entry.get("format") if isinstance(entry, Mapping) else entry
            raise ModelFileError(f"its table has format {show(found)}, this version reads {FORMAT}; update clearprop.")
        columns, target = Columns.from_json(entry.get("columns")), target_from_json(entry.get("target"))
        missing, record = entry.get("missing"), entry.get("record")
        if not isinstance(missing, list) or not all(isinstance(text, str) for text in missing):
            raise ModelFileError(f"the texts for missing values are damaged: {show(missing)}.")
        if not isinstance(record, dict):
            raise ModelFileError(f"the training record is damaged: {show(record)}.")
        graph = network.graph
        shapes = [graph.nodes[place].shape for place in graph.inputs], graph.output.shape
        expected = [(len(columns.inputs),)], (target.n_outputs,)
        if shapes != expected:
            raise ModelFileError(f"its network has inputs and output {shapes}, its table needs {expected}.")
        return cls(network, columns, target, tuple(missing), record)
