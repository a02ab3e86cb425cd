"""Prediction intervals from the errors on held-out rows (conformal prediction)."""

from __future__ import annotations

import math
from typing import Any

import numpy

from clearprop.errors import DataError
from clearprop.estimators.tables.target import NumberTarget
from clearprop.validation import check_real

__all__ = ["conformity_scores", "interval"]

Array = Any

ROUNDING = 1e-9  # of numbers of rows
ANSCOMBE = 0.375  # sqrt(y + 3/8) of a Poisson count has nearly the same variance whatever its mean (Anscombe 1948)


def conformity_scores(
    target: NumberTarget, prediction: Array, y: Array, weight: Array | None = None
) -> tuple[Array, Array]:
    """Return how far numbers lie outside of their prediction, and how many lie no farther.

    The score is max(low - y, y - high), where low and high are the lowest and the highest predicted quantile (Romano,
    Patterson and Candes 2019, "Conformalized quantile regression"), or both the prediction, so that it is the absolute
    error. Counts are compared by their roots.

    Parameters
    ----------
    target : NumberTarget
        What the prediction means.
    prediction, y : array of shape (n, n_outputs) and (n, n_columns)
        Decoded predictions and true values of rows that the networks have not learned from.
    weight : array of shape (n,) or None
        Weights of the rows: one of twice the weight counts twice. Together they count as the number of rows that are
        worth as much, (sum w)^2 / sum w^2 (Kish 1965, "Survey sampling").

    Returns
    -------
    scores, counts : two arrays of shape (n, n_columns)
        The scores in ascending order for each column, float64; and how many rows the weights up to each are worth.
    """
    low, high = (_even(target, bound) for bound in target.bounds(prediction))
    y = _even(target, y)
    scores = numpy.maximum(low - y, y - high)
    order = numpy.argsort(scores, axis=0, kind="stable")
    share = numpy.ones(len(y))
    if weight is not None:
        share = weight / weight.max()
        share *= share.sum() / (share**2).sum()
    return numpy.take_along_axis(scores, order, axis=0), numpy.cumsum(share[order], axis=0)


def interval(target: NumberTarget, prediction: Array, scores: Array, counts: Array, coverage: float) -> Array:
    """Return [low - s, high + s] with the smallest score s that covers that share of the n held-out rows.

    s is the first score that (n + 1) coverage rows do not exceed, as in split conformal prediction (Papadopoulos et al.
    2002; Lei et al. 2018).

    Parameters
    ----------
    target : NumberTarget
        What the prediction means.
    prediction : array of shape (n, n_outputs)
        Decoded predictions.
    scores, counts : array of shape (n_held_out, n_columns)
        What `conformity_scores` returned.
    coverage : float in (0, 1)
        Share of the intervals that hold the true value.

    Returns
    -------
    array of shape (n, n_columns, 2)
        float64.
    """
    check_real("predict_interval", "coverage", coverage, low=0.0, high=1.0, closed="neither")
    n_held_out = float(counts[-1, 0])
    wanted = (n_held_out + 1.0) * coverage - ROUNDING
    if wanted > n_held_out:
        raise DataError(
            f"predict_interval: coverage={coverage:g} needs {math.ceil(coverage / (1.0 - coverage) - ROUNDING)} "
            f"held-out rows or more, got {n_held_out:g}; fit more rows or ask for less."
        )
    places = numpy.minimum((counts < wanted).sum(axis=0), len(scores) - 1)
    reach = numpy.take_along_axis(scores, places[None], axis=0)[0]
    low, high = (_even(target, bound) for bound in target.bounds(prediction))
    middle = 0.5 * (low + high)
    ends = numpy.minimum(low - reach, middle), numpy.maximum(high + reach, middle)
    return numpy.stack([_back(target, end) for end in ends], axis=-1)


def _even(target: NumberTarget, y: Array) -> Array:
    """Return numbers on a scale on which their spread does not depend on their size."""
    return numpy.sqrt(y + ANSCOMBE) if target.objective == "poisson" else y


def _back(target: NumberTarget, even: Array) -> Array:
    if target.objective != "poisson":
        return even
    return numpy.maximum(numpy.maximum(even, 0.0) ** 2 - ANSCOMBE, 0.0)
