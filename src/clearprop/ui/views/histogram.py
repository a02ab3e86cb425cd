"""Histograms of numbers, of which some may not be finite."""

from __future__ import annotations

from typing import Any

import numpy

__all__ = ["histogram"]

Array = Any
BINS = 30


def histogram(values: Array) -> dict[str, Array]:
    """Return edges and counts of the finite ones; one bin where the numbers are too close, or too far apart, for more.

    Examples
    --------
    >>> found = histogram(numpy.array([0.0, 1.0, 3.0, numpy.nan]))
    >>> found["edges"][[0, -1]].tolist(), found["counts"][[0, 10, -1]].tolist()
    ([0.0, 3.0], [1, 1, 1])
    >>> histogram(numpy.full(4, 1e300))["counts"].tolist()
    [4]
    """
    finite = values[numpy.isfinite(values)].astype(numpy.float64)
    try:
        counts, edges = numpy.histogram(finite, bins=BINS)
    except ValueError:
        counts, edges = numpy.array([finite.size]), numpy.array([finite.min(), finite.max()])
    return {"edges": edges, "counts": counts}
