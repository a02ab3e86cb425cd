"""The plane of two features: which ones, how far it reaches, and what a network says there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy

from clearprop.errors import ArgumentError
from clearprop.losses import BinaryCrossEntropy, CrossEntropy, Hinge, KLDivergence
from clearprop.network import Network

__all__ = ["by_class", "one_label", "pair", "span"]

Array = Any
MARGIN = 0.08  # of the range of a feature, on both sides


def pair(features: Sequence[int | str], names: Sequence[str]) -> tuple[int, int]:
    """Return the places of two different features, given by place or name."""
    places = [names.index(one) if one in names else one for one in features]
    fine = [
        isinstance(one, int | numpy.integer) and not isinstance(one, bool) and 0 <= one < len(names) for one in places
    ]
    if len(places) != 2 or not all(fine) or places[0] == places[1]:
        raise ArgumentError(
            f"DecisionSliceDisplay: features must be two different columns by place or name, got {list(features)!r}; "
            f"there are {', '.join(list(names)[:8])}{', ...' if len(names) > 8 else ''}."
        )
    return int(places[0]), int(places[1])


def span(values: Array, resolution: int) -> Array:
    """Return evenly spaced numbers over the range of a feature, and a little beyond."""
    low, high = float(values.min()), float(values.max())
    margin = MARGIN * (high - low) or 0.5
    return numpy.linspace(low - margin, high + margin, resolution)


def by_class(net: Network, target: Array, response: Array) -> tuple[Array, Array, int]:
    """Return targets, responses and the number of classes, 0 for numbers."""
    if isinstance(net.loss_function, CrossEntropy | KLDivergence) or (
        isinstance(net.loss_function, Hinge) and response.shape[1] > 1
    ):
        target = target.argmax(axis=1) if target.ndim == 2 else target
        n_classes = response.shape[1]
        return target, response[:, 1] if n_classes == 2 else response, n_classes
    if isinstance(net.loss_function, BinaryCrossEntropy):
        one_label(response.shape[1])
        return (target.reshape(len(target), -1)[:, 0] > 0.5).astype(int), response[:, 0], 2
    return target.reshape(len(target), -1)[:, 0], response[:, 0], 0


def one_label(n_labels: int) -> None:
    """Raise `ArgumentError` for rows that may have several labels."""
    if n_labels > 1:
        raise ArgumentError(
            f"DecisionSliceDisplay: y must hold one class or one label a row, got {n_labels} labels that do not "
            "exclude one another; draw a model that was fitted to one of them."
        )
