"""Models of the command line in files: an estimator, and what it was made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from clearprop.errors import ArgumentError, ModelFileError
from clearprop.estimators import Classifier, Regressor
from clearprop.files import read_model
from clearprop.loading import model_from_file
from clearprop.network import Network
from clearprop.validation import show

__all__ = ["StoredModel", "load_model", "read_file"]


@dataclass
class StoredModel:
    """A model and what the command line remembers of it.

    Attributes
    ----------
    model : Classifier or Regressor
        The model.
    target : str or None
        The column that it predicts; None where `Classifier.save` wrote the file, which knows no such name.
    missing : tuple of str
        Texts that stand for a missing value.
    record : dict
        How it was trained, as JSON.
    """

    model: Classifier | Regressor
    target: str | None = None
    missing: tuple[str, ...] = ()
    record: dict[str, Any] = field(default_factory=dict)

    @property
    def task(self) -> str:
        """What the target is."""
        return "classification" if isinstance(self.model, Classifier) else "regression"

    def save(self, path: Path) -> None:
        """Write the model file, at once or not at all."""
        entry = {"target": self.target, "missing": list(self.missing), "record": self.record}
        try:
            self.model.save(path, extra={"table": entry})
        except OSError as error:
            raise ModelFileError(f"cannot write '{path}': {error.strerror}; nothing was left there.") from error

    def one_target(self, given: str | None) -> str:
        """Return the column to compare predictions with."""
        model = self.model
        if model.target_.several if isinstance(model, Classifier) else model.target_.n_outputs > 1:
            raise ArgumentError("the model predicts several columns; measure it in Python, with its method score.")
        target = given or self.target
        if target is None:
            raise ArgumentError("the model was saved in Python, so it knows no name of its target; add --target COL.")
        return target


def read_file(path: str) -> tuple[dict[str, Any], Network | StoredModel]:
    """Return the description of a model file, and its model."""
    try:
        description, arrays = read_model(path)
    except OSError as error:
        raise ModelFileError(f"cannot read '{path}': {error.strerror}; 'clearprop train' makes a model.") from error
    try:
        model = model_from_file(description, arrays)
        return description, model if isinstance(model, Network) else _stored(model, description)
    except ModelFileError as error:
        raise ModelFileError(f"'{Path(path).name}' cannot be used: {error}") from error


def load_model(path: str) -> StoredModel:
    """Return the model for tables that a file holds."""
    _, model = read_file(path)
    if isinstance(model, Network):
        raise ModelFileError(
            f"'{Path(path).name}' holds a network but no table (net.save wrote it); open it with clearprop.load in "
            "Python, or make a model with 'clearprop train'."
        )
    return model


def _stored(model: Classifier | Regressor, description: Mapping[str, Any]) -> StoredModel:
    if "table" not in description:
        return StoredModel(model)
    entry = description["table"]
    damaged = ModelFileError(f"what it says of its table is damaged: {show(entry)}; train again.")
    if not isinstance(entry, dict):
        raise damaged
    target, missing, record = (entry.get(key) for key in ("target", "missing", "record"))
    if not isinstance(target, str) or not isinstance(missing, list) or not isinstance(record, dict):
        raise damaged
    if not all(isinstance(text, str) for text in missing):
        raise damaged
    return StoredModel(model, target, tuple(missing), record)
