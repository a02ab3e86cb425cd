"""Rows for training and for validation."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy

from clearprop.engines import Batch
from clearprop.errors import ArgumentError, DataError, DataWarning
from clearprop.network import Network
from clearprop.streams import Purpose, Stream
from clearprop.validation import check_real, show

__all__ = ["class_weighted", "deal_rows", "prepare", "split_rows", "warn_of_size"]

Array = Any
LARGE = 1e6


def warn_of_size(inputs: tuple[Array, ...], stacklevel: int) -> None:
    """Warn of numbers so large that a network of weights near 1 can hardly learn from them."""
    for x in inputs:
        largest = max(float(x.max()), -float(x.min()))  # no copy of X
        if largest > LARGE:
            warnings.warn(
                f"X holds numbers up to {largest:.3g}; networks learn from numbers of about -3 to 3. Scale the "
                "columns, for example with sklearn.preprocessing.StandardScaler.",
                DataWarning,
                stacklevel=stacklevel + 1,
            )


def class_numbers(batch: Batch) -> Array | None:
    """Return the class of every row, or None where the target holds no classes."""
    target = batch.target
    if target.dtype.kind == "i":
        return target
    if target.shape[1] == 1 and numpy.isin(target, (0, 1)).all():
        return target[:, 0].astype(numpy.int64)
    if target.shape[1] > 1 and numpy.isin(target, (0, 1)).all() and (target.sum(axis=1) == 1).all():
        return target.argmax(axis=1)
    return None


def class_weighted(batch: Batch, class_weight: Any) -> Batch:
    """Return the batch with its weights multiplied by the weight of each row's class.

    Parameters
    ----------
    batch : Batch
        Rows with classes as targets.
    class_weight : "balanced" or mapping of int to float
        ``"balanced"`` gives every class the same total weight, n / (n_classes * count), as in scikit-learn; classes
        that a mapping leaves out have weight 1.
    """
    classes = class_numbers(batch)
    if classes is None:
        raise ArgumentError("train: class_weight needs a target of classes, got other numbers; use sample_weight=.")
    present, places, counts = numpy.unique(classes, return_inverse=True, return_counts=True)
    if isinstance(class_weight, str) and class_weight == "balanced":
        weights = len(classes) / (len(present) * counts)
    elif isinstance(class_weight, Mapping):
        unknown = set(class_weight) - set(present.tolist())
        if unknown:
            raise ArgumentError(f"train: class_weight names {show(sorted(unknown, key=str))}, which y does not hold.")
        for key, value in class_weight.items():
            check_real("train", f"class_weight[{key!r}]", value, low=0.0)
        if set(class_weight) >= set(present.tolist()) and not any(class_weight.values()):
            raise ArgumentError("train: class_weight must have at least one weight > 0, got zeros only.")
        weights = numpy.array([class_weight.get(int(label), 1.0) for label in present])
    else:
        raise ArgumentError(f"train: class_weight must be 'balanced', a mapping or None, got {show(class_weight)}.")
    weight = weights[places].astype(batch.inputs[0].dtype)
    return replace(batch, weight=weight if batch.weight is None else weight * batch.weight)


def split_rows(n_rows: int, fraction: float, classes: Array | None, seed: int) -> tuple[Array, Array]:
    """Return the numbers of the rows for training and for validation, drawn at random, in order.

    Where `classes` are given, one a row, each gives the same share of its rows, as near as whole rows allow.
    """
    check_real("train", "validation", fraction, low=0.0, high=1.0, closed="neither")
    order = Stream(seed, Purpose.SPLIT).permutation(n_rows)
    if classes is not None:  # spread every class evenly over the order, so that a cut takes its share
        order = order[numpy.argsort(_positions_within_class(classes[order]), kind="stable")]
    n_validation = round(fraction * n_rows)
    if not 0 < n_validation < n_rows:
        raise DataError(
            f"train: validation={fraction:g} of {n_rows} rows leaves {n_validation} rows for validation and "
            f"{n_rows - n_validation} for training; both need at least one."
        )
    return numpy.sort(order[n_validation:]), numpy.sort(order[:n_validation])


def deal_rows(n_rows: int, n_parts: int, classes: Array | None, seed: int) -> list[Array]:
    """Return the numbers of the rows, dealt at random into parts whose sizes differ by one at most.

    Where `classes` are given, one a row, so do the numbers of rows that the parts have of each class.
    """
    order = Stream(seed, Purpose.SPLIT).permutation(n_rows)
    if classes is not None:
        order = order[numpy.argsort(classes[order], kind="stable")]
    return [numpy.sort(order[part::n_parts]) for part in range(n_parts)]


def spare_classes(held_out: Array, classes: Array) -> Array:
    """Return the rows that are held out, without those of classes that would be held out as a whole.

    `classes` has the class of every row.
    """
    return held_out[numpy.isin(classes[held_out], numpy.delete(classes, held_out))]


def _positions_within_class(classes: Array) -> Array:
    """Return for each row (its number within its class + 1/2) / (size of the class)."""
    positions = numpy.empty(len(classes))
    for label in numpy.unique(classes):
        rows = numpy.flatnonzero(classes == label)
        positions[rows] = (numpy.arange(len(rows)) + 0.5) / len(rows)
    return positions


def prepare(
    net: Network, X: Any, y: Any, sample_weight: Any, class_weight: Any, validation: Any, seed: int
) -> tuple[Batch, Batch | None]:
    """Return checked rows for training, and for validation where the user asked for it.

    Parameters
    ----------
    validation : None, float, or tuple
        Nothing, a share of the rows (stratified for classes), or ``(X, y)`` or ``(X, y, sample_weight)``.
    """
    batch = net.batch(X, y, sample_weight)
    warn_of_size(batch.inputs, stacklevel=3)
    if batch.target.dtype.kind == "i" and batch.n_rows > 1 and (batch.target == batch.target[0]).all():
        message = f"y holds class {batch.target[0]} alone; there is nothing to tell apart. Add rows of other classes."
        warnings.warn(message, DataWarning, stacklevel=3)
    weighted = batch if class_weight is None else class_weighted(batch, class_weight)
    held_out = None
    if isinstance(validation, tuple | list):
        if len(validation) not in (2, 3):
            raise ArgumentError(
                f"train: validation must be (X, y) or (X, y, sample_weight), got {len(validation)} items."
            )
        try:
            held_out = net.batch(*validation)
        except DataError as error:
            raise DataError(f"train: validation: {error}") from error
    elif validation is not None:
        kept, chosen = split_rows(batch.n_rows, validation, class_numbers(batch), seed)
        weighted, held_out = weighted.take(kept), batch.take(chosen)  # rows to validate on are not reweighted
        if any(part.weight is not None and not part.weight.any() for part in (weighted, held_out)):
            raise DataError(
                f"train: validation={validation:g} leaves rows of weight 0 only on one side; pass rows to validate on, "
                "validation=(X, y)."
            )
    return weighted, held_out
