"""The plane of two features: which ones, how far it reaches, and what a network says there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy

from clearprop.errors import ArgumentError
from clearprop.losses import BinaryCrossEntropy, CrossEntropy, Hinge, KLDivergence
from clearprop.network import Network
from clearprop.validation import check_integer

__all__ = ["all_classes", "label_classes", "network_output", "one_output", "pair", "span"]

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


def all_classes(target: Array, response: Array, output: int) -> tuple[Array, Array]:
    """Return targets as places of classes, and the response of all classes: of two of them the second's."""
    _check_output(output, 1)
    target = target.argmax(axis=1) if target.ndim == 2 else target
    return target, response[:, 1] if response.shape[1] == 2 else response


def one_output(target: Array, response: Array, output: int) -> tuple[Array, Array]:
    """Return the targets and the response of one number or label of several; quantiles have one target together."""
    target, response = (values.reshape(len(values), -1) for values in (target, response))
    n_targets = target.shape[1]
    _check_output(output, response.shape[1] if n_targets == 1 else n_targets)
    return target[:, output % n_targets], response[:, output]


def label_classes(label: Any) -> list[Any]:
    """Return what the two classes of one label are called, where a row may have several labels."""
    return [f"not {label}", label]


def network_output(
    net: Network, target: Array, response: Array, output: int, classes: Sequence[Any] | None
) -> tuple[Array, Array, list[Any] | None]:
    """Return targets, response and classes, None for numbers, of what a network says."""
    loss, n_outputs = net.loss_function, response.shape[1]
    if isinstance(loss, CrossEntropy | KLDivergence) or (isinstance(loss, Hinge) and n_outputs > 1):
        return *all_classes(target, response, output), list(range(n_outputs) if classes is None else classes)
    target, response = one_output(target, response, output)
    if not isinstance(loss, BinaryCrossEntropy):
        return target, response, None
    names = list(range(max(n_outputs, 2)) if classes is None else classes)
    return (target > 0.5).astype(int), response, names if n_outputs == 1 else label_classes(names[output])


def _check_output(output: int, n_outputs: int) -> None:
    """Raise `ArgumentError` unless there is such an output; classes that exclude one another count as one."""
    if check_integer("DecisionSliceDisplay", "output", output, 0) >= n_outputs:
        raise ArgumentError(
            f"DecisionSliceDisplay: output must be below {n_outputs}, for so many numbers or labels are predicted, got "
            f"{output}; classes that exclude one another are drawn together, as output 0."
        )
