"""Where an update comes from: the terms of penalties, clipping and the optimizer's rule."""

from __future__ import annotations

from typing import Any

import numpy

from clearprop.trace.formulas import constrained, optimizer_formula, penalty_formula
from clearprop.trace.notation import Symbols, number, operand
from clearprop.trace.parts import Cell, Factor, Part, Term, factor, product
from clearprop.trace.record import Record
from clearprop.trace.substitution import substituted

__all__ = ["step_terms"]


def step_terms(trace: Record, node: str, local: str, what: str, cell: Cell) -> Part:
    """Return the terms of a cell on the way from the gradient of the penalty to the update."""
    passed, name, traced = trace.passed, f"{node}.{local}", trace.nodes[node].parameters[local]
    symbols, value = Symbols(trace.graph, "clearprop"), float(trace[f"{node}.{local}.{what}"][cell])
    w, gradient = factor(name, traced.value, cell), factor(f"{name}.gradient", traced.gradient, cell)
    if what == "penalty":
        penalty = passed.executor.penalties[name]
        numbers: dict[str, Any] = {**symbols.of_layer(penalty), "w": w.value}
        share = rf"\frac{{1}}{{{number(passed.batch.total_weight)}}} \cdot " if penalty.per_row else ""
        return Part((Term((w,), value),), share + substituted(penalty_formula(penalty), numbers))
    if what == "total":
        return Part((product(gradient), product(factor(f"{name}.penalty", traced.penalty, cell))))
    whole = gradient if traced.total is None else factor(f"{name}.total", traced.total, cell)
    if what == "clipped":
        ratio = value / whole.value if whole.value else 1.0
        return Part((product(whole, Factor("clipping", ratio)),))
    g = whole if traced.clipped is None else factor(f"{name}.clipped", traced.clipped, cell)
    rates = numpy.broadcast_to(numpy.asarray(passed.rate), passed.parameters.shape)
    rate = Factor("learning rate", float(passed.executor.layout.views(rates)[name][cell]))
    before = {slot: passed.executor.layout.views(old)[name] for slot, old in passed.slots.items()}
    known: dict[str, Factor] = {"g": g, "w": w, "rate": rate, "t": Factor("step", float(passed.step + 1))}
    for slot, old in before.items():
        known[f"{slot}_before"] = factor(f"{name}.{slot} before", old, cell)
        known[slot] = factor(f"{name}.{slot}", traced.slots[slot], cell)
    for slot, new in traced.corrected.items():
        known[f"{slot}_corrected"] = factor(f"{name}.{slot}_corrected", new, cell)
    rule = optimizer_formula(trace, name)
    slot = what.removesuffix("_corrected")
    template = rule.update if what == "update" else rule.slots[what] if slot == what else rule.corrected[slot]
    factors = tuple(item for mark, item in known.items() if f"<{mark}>" in template)
    numbers = {**symbols.of_layer(passed.optimizer), **{mark: item.value for mark, item in known.items()}}
    text = substituted(template, numbers)
    if what != "update" or name not in passed.executor.constraints:
        return Part((Term(factors, value),), text)
    note = f"{passed.executor.constraints[name]!r} acts on several numbers together"
    return Part((Term(factors, value),), constrained(trace, name, text, number(w.value), operand(w.value)), note)
