"""Functions that boxes and losses share, written so that they neither overflow nor lose their digits."""

from __future__ import annotations

from typing import Any

__all__ = ["log_softmax", "logistic", "softmax", "softplus"]

Array = Any


def logistic(xp: Any, a: Array) -> Array:
    """Return 1 / (1 + exp(-a)) without overflow: only exponentials of negative numbers are taken."""
    e = xp.exp(-xp.abs(a))
    return xp.where(a >= 0, 1 / (1 + e), e / (1 + e))


def softplus(xp: Any, a: Array) -> Array:
    """Return log(1 + exp(a)) = max(a, 0) + log(1 + exp(-|a|)), which does not overflow."""
    return xp.where(a > 0, a, xp.zeros_like(a)) + xp.log1p(xp.exp(-xp.abs(a)))


def softmax(xp: Any, a: Array) -> Array:
    """Return exp(a) / sum exp(a) along the last axis; the largest entry is subtracted first."""
    e = xp.exp(a - xp.max(a, axis=-1, keepdims=True))
    return e / xp.sum(e, axis=-1, keepdims=True)


def log_softmax(xp: Any, a: Array) -> Array:
    """Return a - log sum exp(a) along the last axis; the largest entry is subtracted first."""
    shifted = a - xp.max(a, axis=-1, keepdims=True)
    return shifted - xp.log(xp.sum(xp.exp(shifted), axis=-1, keepdims=True))
