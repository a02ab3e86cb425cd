"""Problems of the user: a table, and a saved model with rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy

from clearprop.engines import sparse
from clearprop.errors import DataError
from clearprop.estimators.tables import Preprocessing
from clearprop.estimators.tables.table import Table
from clearprop.losses import BinaryCrossEntropy, CrossEntropy, Loss, SquaredError
from clearprop.network import Network
from clearprop.training.data import spare_classes, split_rows
from clearprop.ui.problems import Problem, class_names, dense, distinct

__all__ = ["SavedModel", "UserTable"]

Array = Any
VALIDATION = 0.2  # share of the rows
MAX_NUMBERS = 2**26  # that the network reads: rows times columns


@dataclass(frozen=True)
class UserTable:
    """Rows of a table, for a network that the page makes.

    Attributes
    ----------
    features : Table
        The columns to learn from.
    y : array of shape (n,)
        Classes, or numbers.
    target : str
        What they are called.
    task : {"classification", "regression"}
        What they are.
    """

    features: Table
    y: Array
    target: str
    task: str

    defaults: ClassVar[dict[str, Any]] = {
        "hidden": (16, 8), "activation": "relu", "learning_rate": 0.003, "batch_size": 32, "max_epochs": 300,
    }  # fmt: skip
    fixed: ClassVar[tuple[str, ...]] = ("noise",)

    @property
    def name(self) -> str:
        """What a setting calls it."""
        return "table"

    @property
    def title(self) -> str:
        """The file and the target."""
        return f"{self.features.source}: {self.target}"

    def problem(self, noise: float, seed: int) -> Problem:
        """Return the rows, scaled by what those to train on are like; categories are flags."""
        labels: Array = None
        codes: Array = None
        if self.task == "classification":
            labels, codes = numpy.unique(self.y, return_inverse=True)
        kept, held_out = split(len(self.y), codes, seed)
        features = self.features
        training = features.take(kept)
        preprocessing = Preprocessing.fit(training, {name: training.kind(name) for name in training.columns})
        columns = [name for names in preprocessing.names for name in names] or ["nothing"]
        if len(self.y) * len(columns) > MAX_NUMBERS:
            raise DataError(
                f"{features.source} becomes {len(self.y)} rows of {len(columns)} numbers, more than the page takes; "
                "leave out columns with many categories."
            )
        order = numpy.concatenate([kept, held_out])
        rows = features.take(order)
        x = numpy.concatenate([dense(part) for part in preprocessing.transform(rows)], axis=1)
        center, scale, loss, n_outputs = 0.0, 1.0, self._loss(labels), 1
        if labels is None:
            y = self.y[order].astype(numpy.float64)
            center, scale = float(y[: len(kept)].mean()), float(y[: len(kept)].std()) or 1.0
            y = (y - center) / scale
        else:
            y = codes[order].astype(numpy.float64 if len(labels) == 2 else numpy.int64)
            n_outputs = 1 if len(labels) == 2 else len(labels)
        return Problem(
            self.name, self.title, self.task, self.target, tuple(columns),
            None if labels is None else class_names(labels.tolist()), (x,), y, len(kept), loss, n_outputs,
            numpy.dtype(numpy.float32), False, rows, scale, center,
        )  # fmt: skip

    def _loss(self, labels: Array | None) -> Loss:
        if labels is None:
            return SquaredError()
        return BinaryCrossEntropy() if len(labels) == 2 else CrossEntropy()


@dataclass(frozen=True)
class SavedModel:
    """A network from a file, with rows of the user.

    Attributes
    ----------
    network : Network
        The page trains copies of it.
    inputs : sequence of array
        What it reads, one array an input.
    y : array
        The target, as its loss takes it.
    columns : sequence of str
        The columns of all inputs.
    target : str
        What the target is called.
    classes : sequence or None
        The classes in the order of their numbers; None for numbers.
    title : str
        The file.
    rows : Table or None
        The rows as the user knows them.
    scale, center : float
        What the network learns is (target - center) / scale.
    """

    network: Network
    inputs: Sequence[Array]
    y: Array
    columns: Sequence[str]
    target: str
    classes: Sequence[Any] | None
    title: str
    rows: Table | None = None
    scale: float = 1.0
    center: float = 0.0

    defaults: ClassVar[dict[str, Any]] = {
        "hidden": (), "activation": None, "learning_rate": 0.001, "batch_size": 32, "max_epochs": 300,
    }  # fmt: skip
    fixed: ClassVar[tuple[str, ...]] = ("noise", "hidden", "activation", "l2", "weight_seed")

    @property
    def name(self) -> str:
        """What a setting calls it."""
        return "model"

    def problem(self, noise: float, seed: int) -> Problem:
        """Return the rows, in an order that tells those to train on from those to validate on."""
        codes = self.y.astype(numpy.int64) if self.classes is not None and self.y.ndim == 1 else None
        kept, held_out = split(len(self.y), codes, seed)
        order = numpy.concatenate([kept, held_out])
        inputs = tuple(x[order] if sparse(x) else x[order].astype(self.network.dtype) for x in self.inputs)
        return Problem(
            self.name, self.title, "regression" if self.classes is None else "classification", self.target,
            distinct(self.columns), None if self.classes is None else class_names(self.classes), inputs, self.y[order],
            len(kept), self.network.loss_function, self.network.graph.output.shape[0], self.network.dtype, False,
            None if self.rows is None else self.rows.take(order), self.scale, self.center, self.network,
        )  # fmt: skip


def split(n_rows: int, classes: Array | None, seed: int) -> tuple[Array, Array]:
    """Return the numbers of the rows to train and to validate on; none of the latter where there are too few rows."""
    everything = numpy.arange(n_rows)
    if not 0 < round(VALIDATION * n_rows) < n_rows:
        return everything, everything[:0]
    kept, held_out = split_rows(n_rows, VALIDATION, classes, seed)
    if classes is None:
        return kept, held_out
    held_out = spare_classes(held_out, classes)
    return numpy.setdiff1d(everything, held_out), held_out
