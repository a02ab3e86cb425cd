"""Checks of single arguments; each failure names the argument, the value got, the range and the remedy."""

from __future__ import annotations

import math
import re
from collections.abc import Collection
from numbers import Integral, Real
from typing import Any

from clearprop.errors import ArgumentError

__all__ = ["check_bool", "check_choice", "check_instance", "check_integer", "check_name", "check_real", "show"]


def show(value: object, limit: int = 60) -> str:
    """Return a short repr of `value` for an error message."""
    text = repr(value)
    return text if len(text) <= limit else text[: limit - 3] + "..."


def check_integer(owner: str, name: str, value: Any, minimum: int | None = None) -> int:
    """Return `value` as an int, or raise `ArgumentError`."""
    expected = "an integer" if minimum is None else f"an integer >= {minimum}"
    if isinstance(value, bool) or not isinstance(value, Integral) or (minimum is not None and value < minimum):
        raise ArgumentError(f"{owner}: {name} must be {expected}, got {show(value)}.")
    return int(value)


def check_real(
    owner: str,
    name: str,
    value: Any,
    low: float = -math.inf,
    high: float = math.inf,
    closed: str = "both",
) -> float:
    """Return `value` as a float inside the interval, or raise `ArgumentError`.

    `closed` is ``"both"``, ``"left"``, ``"right"`` or ``"neither"``; infinite values are never accepted.
    """
    left, right = closed in ("both", "left"), closed in ("both", "right")
    fine = isinstance(value, Real) and not isinstance(value, bool)
    try:
        fine = fine and math.isfinite(value)
    except OverflowError:  # an integer beyond the largest float
        fine = False
    if fine:
        fine = (low <= value if left else low < value) and (value <= high if right else value < high)
    if not fine:
        bounds = [f"{'>=' if left else '>'} {low:g}"] if low > -math.inf else []
        bounds += [f"{'<=' if right else '<'} {high:g}"] if high < math.inf else []
        expected = "a finite number" + (" " + " and ".join(bounds) if bounds else "")
        raise ArgumentError(f"{owner}: {name} must be {expected}, got {show(value)}.")
    return float(value)


def check_bool(owner: str, name: str, value: Any) -> None:
    """Raise `ArgumentError` unless `value` is a bool."""
    if not isinstance(value, bool):
        raise ArgumentError(f"{owner}: {name} must be True or False, got {show(value)}.")


def check_choice(owner: str, name: str, value: Any, choices: Collection[Any]) -> None:
    """Raise `ArgumentError` unless `value` is one of `choices`."""
    if not isinstance(value, str) or value not in choices:
        allowed = ", ".join(repr(choice) for choice in choices)
        raise ArgumentError(f"{owner}: {name} must be one of {allowed}, got {show(value)}.")


def check_name(owner: str, name: Any, argument: str = "name") -> None:
    """Raise `ArgumentError` unless `name` is None or can name a node: letters, digits and underscores."""
    if name is not None and not (isinstance(name, str) and re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name)):
        raise ArgumentError(f"{owner}: {argument} must be letters, digits and _ (no dots or blanks), got {show(name)}.")


def check_instance(owner: str, name: str, value: Any, kind: type, example: str) -> None:
    """Raise `ArgumentError` unless `value` is an instance (not the class) of `kind`."""
    if not isinstance(value, kind):
        hint = f"{value.__name__}()" if isinstance(value, type) and issubclass(value, kind) else example
        raise ArgumentError(
            f"{owner}: {name} must be of kind {kind.__name__}, got {show(value)}; pass for example {hint}."
        )
