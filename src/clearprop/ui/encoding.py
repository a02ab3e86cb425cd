"""Answers as strict JSON: numbers in full precision, and those that JSON has not as texts."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy

__all__ = ["encode"]


def encode(value: Any) -> bytes:
    """Return a value as JSON in UTF-8; infinite and undefined numbers are ``"Infinity"`` and ``"NaN"``.

    Examples
    --------
    >>> encode({"x": numpy.array([0.1, numpy.nan])})
    b'{"x":[0.1,"NaN"]}'
    """
    try:
        text = _dump(value)
    except ValueError:  # a number that JSON has not
        text = _dump(_named(value))
    return text.encode(errors="backslashreplace")  # half of a surrogate pair is written as JSON's escape of it


def _dump(value: Any) -> str:
    return json.dumps(value, allow_nan=False, ensure_ascii=False, separators=(",", ":"), default=_plain)


def _plain(value: Any) -> Any:
    if isinstance(value, numpy.ndarray | numpy.generic):
        return value.tolist()
    raise TypeError(f"no JSON for {type(value).__name__}")


def _named(value: Any) -> Any:
    """Return a value with the names of numbers that are not finite in their place."""
    if isinstance(value, numpy.ndarray | numpy.generic):
        value = value.tolist()
    if isinstance(value, dict):
        return {key: _named(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_named(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0.0 else "-Infinity"
    return value
