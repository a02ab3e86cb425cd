"""Bundled data for demonstrations."""

from __future__ import annotations

from typing import Any

from clearprop.estimators.tables.table import Table
from clearprop.training.data import split_rows

__all__ = ["digits", "held_out_digits"]

Array = Any


def digits() -> tuple[Array, Array, tuple[str, ...]]:
    """Return scikit-learn's 1,797 hand-written digits: grey values from 0 to 16, digits, and the pixels' names."""
    from sklearn.datasets import load_digits

    data = load_digits()
    return data.data, data.target, tuple(data.feature_names)


def held_out_digits(name: str) -> tuple[Table, Table, str]:
    """Return scikit-learn's 1,797 hand-written digits as rows to learn from, rows to test on, and the target's name.

    The features are the 64 pixels, grey values from 0 to 16. A fifth of the rows of every class is held out, the same
    ones every time.

    Parameters
    ----------
    name : {"digits", "two"}
        Whether the target is the ``digit`` or whether it ``is_two``.
    """
    grey, classes, names = digits()
    columns = {feature: grey[:, place].astype(int) for place, feature in enumerate(names)}
    kinds = dict.fromkeys(columns, "number")
    target = "digit" if name == "digits" else "is_two"
    columns[target] = classes if name == "digits" else classes == 2
    kinds[target] = "number" if name == "digits" else "boolean"
    table = Table(name, columns, kinds)
    kept, held_out = split_rows(table.n_rows, 0.2, classes, seed=0)
    return table.take(kept), table.take(held_out), target
