"""Models from files: networks, and estimators for tables."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from clearprop.errors import ModelFileError
from clearprop.files import read_model
from clearprop.network import Network
from clearprop.validation import show

if TYPE_CHECKING:
    from clearprop.estimators import Classifier, Regressor

__all__ = ["load", "model_from_file"]


def load(path: str | os.PathLike[str], *, engine: str = "auto") -> Network | Classifier | Regressor:
    """Return the model that a file holds: what `save` was called of, or ``clearprop train`` wrote.

    Parameters
    ----------
    path : path-like
        The file.
    engine : {"auto", "native", "array"}, default="auto"
        What computes, as for `Network`.

    Returns
    -------
    Network, Classifier or Regressor
        With the numbers that it was saved with: it predicts the same bits.

    Raises
    ------
    ModelFileError
        If the file is damaged, foreign or of a newer format. Nothing in it is ever executed.
    OSError
        If it cannot be read.
    """
    return model_from_file(*read_model(path), engine)


def model_from_file(
    description: Mapping[str, Any], arrays: Mapping[str, Any], engine: str = "auto"
) -> Network | Classifier | Regressor:
    """Return the model of a file's description and arrays; scikit-learn is imported for an estimator alone."""
    if "estimator" not in description:
        return Network.from_file(description, arrays, engine)
    from clearprop.estimators.tables import Classifier, Regressor

    entry = description["estimator"]
    name = entry.get("class") if isinstance(entry, dict) else None
    for kind in (Classifier, Regressor):
        if kind.__name__ == name:
            return kind.from_file(entry, arrays, engine)
    raise ModelFileError(f"the model file holds an estimator of class {show(name)}; expected Classifier or Regressor.")
