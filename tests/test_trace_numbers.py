"""Formulas with numbers put in: what a reader computes from the printed line is the number of the trace."""

from __future__ import annotations

import math
import re

import numpy
import pytest

import clearprop as cp
from cases import LAYERS, LOSSES, OPTIMIZERS, PENALTIES
from test_trace_formulas import some_cells, traced

RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
PYTHON = {"tanh²": "tanh_squared", "\N{MINUS SIGN}": "-", "·": "*", "√": "sqrt", "≤": "<=", "≥": ">=", "^": "**"}
FUNCTIONS = {
    "e": math.e, "ln": math.log, "tanh": math.tanh, "tanh_squared": lambda x: math.tanh(x) ** 2, "sqrt": math.sqrt,
    "abs": abs, "max": max, "min": min, "sign": lambda x: (x > 0) - (x < 0),
    "exp": math.exp, "sin": math.sin, "cos": math.cos, "π": math.pi,
    "Φ": lambda x: 0.5 * (1 + math.erf(x / math.sqrt(2))), "φ": lambda x: math.exp(-x * x / 2) / math.sqrt(2 * math.pi),
    "r": math.nan,  # the slope that a RReLU did not draw
}  # fmt: skip


def huber(delta):
    """Return H of the formula of the Huber loss."""
    return lambda r: r * r / 2 if abs(r) <= delta else delta * (abs(r) - delta / 2)


def evaluate(text, known=FUNCTIONS):
    """Return what a line of plain text without its left side comes to, as a reader would compute it."""
    text, *definitions = re.split(r", (?=\w = )", text)
    for definition in definitions:
        name, _, right = definition.partition(" = ")
        known = {**known, name: evaluate(right, known)}
    cases = re.search(r"{(.*)}", text)
    if cases:
        pairs = [case.split(" if ") for case in cases[1].split("; ")]
        chosen = next(value for value, condition in pairs if evaluate(condition, known))
        text = text.replace(cases[0], f"({chosen})")
    for sign, code in PYTHON.items():
        text = text.replace(sign, code)
    text = re.sub(r"\|([^|]+)\|", r"abs(\1)", text)
    text = re.sub(r"1\[([^\]]+)\]", r"(\1)", text)
    text = re.sub("[⁰¹²³⁴⁵⁶⁷⁸⁹⁻]+", lambda found: f"**({found[0].translate(RAISED)})", text)
    text = re.sub(r"(?<=[\d)]) ?(?=[(ΦφHπa-z])", "*", text)  # factors side by side
    return eval(text, {"__builtins__": {}}, known)


def check_numbers(trace, names):
    """Assert that lines are right, and return how many there were."""
    checked, known = 0, {**FUNCTIONS, "H": huber(getattr(trace.passed.executor.program.loss, "delta", 1.0))}
    for name in names:
        for cell in some_cells(trace[name]):
            found = trace.explain(name, cell)
            line = found.substituted.text
            assert not re.search(r"{-[^{}]*}\^", found.substituted.latex)  # what is raised includes its sign
            if "⋯" in line:
                continue
            body, _, value = line.partition(" = ")[2].rpartition(" = ")
            assert evaluate(value) == pytest.approx(found.value, rel=1e-5)
            # six digits are printed, of which a difference of two of the factors loses some
            largest = max((abs(factor.value) for term in found.terms for factor in term.factors), default=0.0)
            assert evaluate(body or value, known) == pytest.approx(found.value, rel=1e-4, abs=1e-5 * largest), line
            checked += 1
    return checked


@pytest.mark.parametrize("training", [False, True], ids=["predicting", "training"])
@pytest.mark.parametrize("case", [c for c in LAYERS if c.gradient], ids=lambda case: case.id)
def test_the_line_of_every_quantity_of_a_box_comes_to_its_number(case, training):
    trace = traced(case, training)
    assert check_numbers(trace, trace) > 10


@pytest.mark.parametrize("case", LOSSES, ids=lambda case: case.id)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_line_of_every_quantity_of_a_loss_comes_to_its_number(case, dtype):
    net = cp.Network([cp.Dense(case.n_outputs)], inputs=3, loss=case.loss, dtype=dtype)
    trace = net.trace(numpy.random.default_rng(0).normal(size=(4, 3)), case.raw(seed=0, n=4), [1.0, 2.0, 0.0, 4.0])
    assert check_numbers(trace, ["loss.prediction", "loss.values", "dense_1.delta"]) >= 12


@pytest.mark.parametrize("inner", [cp.Huber(0.5), cp.Hinge(), cp.CrossEntropy(label_smoothing=0.1)], ids=repr)
def test_the_lines_of_a_loss_with_a_code_are_those_of_its_own_loss(inner):
    net = cp.Network([cp.Dense(5)], inputs=3, loss=cp.SparseReconstruction(2, 0.3, inner), dtype="float64")
    y = [0, 2, 1, 1] if inner.classes else numpy.arange(12.0).reshape(4, 3)
    trace = net.trace(numpy.random.default_rng(0).normal(size=(4, 3)), y)
    alone = cp.Network([cp.Dense(3)], inputs=3, loss=inner, dtype="float64")
    for name in ("W", "b"):
        alone.parameters[f"dense_1.{name}"][...] = net.parameters[f"dense_1.{name}"][..., :3]
    expected = alone.trace(trace["input_1.x"], y)
    lines = {
        each: each.explain("loss.values", (1,)).substituted.text.rpartition(" = ")[0] for each in (trace, expected)
    }
    assert lines[trace].startswith(lines[expected])
    assert lines[trace].count("+ 0.3 · |") == 2
    for cell in numpy.ndindex(4, 3):
        assert trace.explain("dense_1.delta", cell).substituted == expected.explain("dense_1.delta", cell).substituted


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "options", [{}, {"clip_norm": 0.5, "clip_value": 0.2}, {"rate_factors": {"b": 0.25}}], ids=repr
)
@pytest.mark.parametrize("case", OPTIMIZERS, ids=repr)
def test_the_line_of_every_step_comes_to_its_number(case, options, dtype):
    optimizer = type(case)(**{**vars(case), **options})
    X, y = numpy.random.default_rng(0).normal(size=(8, 3)), numpy.ones(8)
    net = cp.Network([cp.Dense(2), cp.Tanh(), cp.Dense(1)], inputs=3, dtype=dtype, penalty=cp.L2(0.1))
    state = net.fit(X, y, optimizer=optimizer, epochs=3, batch_size=8)[-1].state
    trace = net.trace(X, y, optimizer=optimizer, state=state)
    assert check_numbers(trace, [step.name for step in trace.steps() if step.phase == "update"]) > 10


@pytest.mark.parametrize("penalty", PENALTIES, ids=repr)
def test_the_line_of_every_penalty_comes_to_its_number(penalty):
    net = cp.Network([cp.Dense(2)], inputs=3, dtype="float64", penalty=penalty)
    trace = net.trace(numpy.ones((4, 3)), numpy.ones((4, 2)), [1.0, 2.0, 0.0, 4.0])
    assert check_numbers(trace, ["dense_1.W.penalty", "dense_1.W.total"]) == 12
