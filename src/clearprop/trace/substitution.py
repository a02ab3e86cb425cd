"""Formulas with numbers in place of their symbols."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from clearprop.trace.notation import fill, operand
from clearprop.trace.parts import Factor

__all__ = ["computed", "substituted"]


def substituted(template: str, values: Mapping[str, Any]) -> str:
    """Return a template with numbers in place of its markers."""
    known = {name: value if isinstance(value, str) else operand(value) for name, value in values.items()}
    text = fill(template.replace(r"\odot", r"\cdot"), known).strip()
    return re.sub(r"(?:(?<=[({])|(?<=, ))\((-[^()]*)\)(?=[)},])(?!}[_^])", r"\1", text)  # in brackets already


def computed(value: float, label: str, template: str, **known: Factor) -> Factor:
    """Return a factor that is computed from others: ``{x}`` in its label is the label of one, ``<x>`` its number."""
    labels = {name: item.label for name, item in known.items()}
    numbers = {name: item.latex or item.value for name, item in known.items()}
    return Factor(label.format(**labels), value, substituted(template, numbers))
