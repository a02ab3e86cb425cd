"""Every quantity of one forward and backward pass: numbers, formulas, terms and finite differences."""

from __future__ import annotations

from clearprop.trace.checks import CellCheck
from clearprop.trace.formulas import Formula
from clearprop.trace.notation import NOTATIONS
from clearprop.trace.terms import Explanation, Factor, Term
from clearprop.trace.trace import Trace, trace_pass
from clearprop.trace.walk import PHASES, TraceStep

__all__ = [
    "NOTATIONS",
    "PHASES",
    "CellCheck",
    "Explanation",
    "Factor",
    "Formula",
    "Term",
    "Trace",
    "TraceStep",
    "trace_pass",
]
