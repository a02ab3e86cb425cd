"""What counts as a finding, and where it is found in a trace."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy

from clearprop.diagnosis.health import FLAT, MOST_ROWS, moments
from clearprop.diagnosis.report import Finding, LayerHealth
from clearprop.engines import sparse
from clearprop.graph import Graph
from clearprop.trace import Trace

__all__ = ["gradient_findings", "input_findings", "non_finite_findings", "step_findings", "unit_findings"]

Array = Any

MAX_NAMED = 10  # units in a message
LARGE_INPUT, SMALL_INPUT = 10.0, 0.01
SPREAD = 1e4  # of the deltas of two layers
HIGH_RATIO, LOW_RATIO = 1e-1, 1e-6
SMALL_FALL = 1e-6  # of the loss, in one step
ROUNDING = 1e-12  # of a float64 mean over rows


@dataclass(frozen=True)
class Rule:
    """What a kind of finding means, and what to do about it."""

    definition: str
    remedy: str


SCALING = (
    'every input needs a mean near 0 and a deviation near 1 (LeCun et al. 1998, "Efficient BackProp", section 4.3)'
)
RATIO = (
    'norm of the update divided by norm of the weights; about 1e-3 is healthy (Karpathy, CS231n notes, "Ratio of '
    'weights:updates")'
)
BALANCE = (
    "the RMS of delta at a layer with weights is the same in all layers where signals pass well (Glorot and Bengio "
    "2010, section 4.2)"
)
RULES = {
    "non-finite value": Rule(
        "the first NaN or infinity: of outputs in the order of the forward pass, of the loss, then of deltas and "
        "gradients in the order of the backward pass.",
        "scale the inputs (and targets) to about -3 to 3, lower the learning rate or clip the gradient with "
        "clip_norm=1.0, and start from new parameters.",
    ),
    "unscaled inputs": Rule(
        f"columns with a standard deviation over the rows above {LARGE_INPUT:g} or below {SMALL_INPUT:g}, or a mean "
        f"beyond -{LARGE_INPUT:g} to {LARGE_INPUT:g}; {SCALING}.",
        "standardise the columns with the mean and the deviation of the training rows; cp.Classifier and cp.Regressor "
        "do so.",
    ),
    "constant inputs": Rule(
        "columns with the same value in all rows: their weights act as one more bias, and nothing can be learned from "
        "them.",
        "leave the columns out, or diagnose on more rows.",
    ),
    "dead units": Rule(
        "units of a ReLU, or of any activation with h = 0 and f'(a) = 0 there, that put out 0 on all rows: no gradient "
        "passes through them, so they never change.",
        "lower the learning rate, scale the inputs, or use LeakyReLU(), ELU() or GELU(), which are nowhere off; "
        "parameters that are dead already have to be drawn anew.",
    ),
    "saturated units": Rule(
        f"units with |f'(a)| < {FLAT:.0%} of its maximum on {MOST_ROWS:.0%} of the rows or more, and not dead: hardly "
        "any gradient passes through them.",
        "scale the inputs, start from smaller weights (Glorot() or LeCun()), lower the learning rate, or put "
        "BatchNorm() or LayerNorm() before the activation.",
    ),
    "vanishing gradient": Rule(
        f"layers whose RMS of delta is below 1/{SPREAD:g} of that of the last layer with weights; {BALANCE}, so that a "
        "learning rate that fits one layer is far too small for another; four powers of ten are more than widths and "
        "kinds of layers account for.",
        "use ReLU() with He() in place of sigmoids, fewer layers, BatchNorm() or LayerNorm(), or shortcuts with Add().",
    ),
    "exploding gradient": Rule(
        f"layers whose RMS of delta is above {SPREAD:g} times that of the last layer with weights; {BALANCE}, and a "
        "gradient that grows by four powers of ten makes steps that fit no single learning rate.",
        "start from smaller weights (Glorot() or He()), clip the gradient with clip_norm=1.0, or put BatchNorm() or "
        "LayerNorm() between the layers.",
    ),
    "update ratio too high": Rule(
        f"a layer whose weights one step changes by more than {HIGH_RATIO:g} of their size: {RATIO}.",
        "lower the learning rate, or begin with clearprop.schedules.WarmUp.",
    ),
    "update ratio too low": Rule(
        f"a layer whose weights one step changes by less than {LOW_RATIO:g} of their size, though their gradient "
        f"is not 0: {RATIO}.",
        "raise the learning rate, use Adam(), which scales each step by the gradient's own size, or start from smaller "
        "weights.",
    ),
    "learning rate too high": Rule(
        "one step of the optimizer raises the loss (penalties included) of the same rows, where a small enough step "
        "along the gradient lowers it.",
        "divide the learning rate by 3 to 10.",
    ),
    "learning rate too low": Rule(
        f"one step of the optimizer lowers the loss (penalties included) of the same rows by less than {SMALL_FALL:g} "
        "of its size, though the gradient is not 0.",
        "multiply the learning rate by 3 to 10, unless the network has learned what it can, or its units are dead: "
        "both look the same.",
    ),
}


def finding(
    kind: str, node: str, count: int, total: int, n_rows: int, message: str, units: Sequence[int] = ()
) -> Finding:
    """Return a finding with the definition and the remedy of its kind."""
    rule = RULES[kind]
    return Finding(kind, node, rule.definition, count, total, n_rows, tuple(units), message, rule.remedy)


def non_finite_findings(graph: Graph, trace: Trace, parameters: dict[str, Array], n_rows: int) -> Iterator[Finding]:
    """Yield the first quantity that is not finite, if there is one."""
    for where, quantity, value in _in_order(graph, trace):
        values = value.data if sparse(value) else numpy.asarray(value)
        bad = ~numpy.isfinite(values)
        if not bad.any():
            continue
        count, total = int(bad.sum()), int(values.size)
        culprit = next((name for name, view in parameters.items() if not numpy.isfinite(view).all()), None)
        cause = f"; the parameter '{culprit}' is not finite itself" if culprit else ""
        what = "" if total == 1 else f" in {count} of {total} entries"
        yield finding("non-finite value", where, count, total, n_rows, f"{quantity} is not finite{what}{cause}")
        return


def _in_order(graph: Graph, trace: Trace) -> Iterator[tuple[str, str, Array]]:
    """Yield node, name and value of what is looked at, forward and then backward."""
    for node in graph.nodes:
        yield node.name, f"the output of '{node.name}'", trace.nodes[node.name].output
    yield "loss", "the loss", trace.loss + trace.penalty
    for node in reversed(graph.nodes):
        delta = trace.nodes[node.name].delta
        if delta is not None:
            yield node.name, f"the gradient at the output of '{node.name}'", delta
        for name in trace:
            owner, _, quantity = name.partition(".")
            if owner == node.name and quantity.endswith((".gradient", ".penalty")):
                yield node.name, f"'{name}'", trace[name]


def input_findings(graph: Graph, trace: Trace, n_rows: int) -> Iterator[Finding]:
    """Yield what is wrong with the scale of the inputs; one row alone has no deviation, and codes have no scale."""
    codes = graph.codes()
    for place in graph.inputs:
        node = graph.nodes[place]
        if n_rows < 2 or place in codes:
            continue
        x = trace.nodes[node.name].output
        x = x if sparse(x) else x.reshape(n_rows, -1)
        mean, deviation = moments(x, axis=0)
        low, high = (_column_ends(x, end) for end in ("min", "max"))
        constant = low == high
        unscaled = ~constant & ((deviation > LARGE_INPUT) | (deviation < SMALL_INPUT) | (numpy.abs(mean) > LARGE_INPUT))
        for kind, found in (("unscaled inputs", unscaled), ("constant inputs", constant)):
            columns = numpy.flatnonzero(found).tolist()
            if not columns:
                continue
            beyond = numpy.maximum(numpy.maximum(deviation, numpy.abs(mean)) / LARGE_INPUT, SMALL_INPUT / deviation)
            worst = max(columns, key=beyond.tolist().__getitem__)
            example = (
                f"column {worst} has mean {mean[worst]:.3g} and deviation {deviation[worst]:.3g}"
                if kind == "unscaled inputs"
                else f"column {columns[0]} is {low[columns[0]]:.3g} in every row"
            )
            message = f"{len(columns)} of {len(mean)} columns (number {_listed(columns)}): {example}"
            yield finding(kind, node.name, len(columns), len(mean), n_rows, message, columns)


def _column_ends(x: Array, end: str) -> Array:
    found = getattr(x, end)(axis=0)
    return numpy.asarray(found.toarray() if sparse(found) else found).ravel()


def unit_findings(layers: Sequence[LayerHealth], n_rows: int) -> Iterator[Finding]:
    """Yield layers with dead units, and with saturated ones."""
    for layer in layers:
        for kind, units, what in (
            ("dead units", layer.dead, "put out 0 on all"),
            ("saturated units", layer.saturated, f"are flat on {MOST_ROWS:.0%} or more of the"),
        ):
            if units:
                rows = f"{n_rows} row{'' if n_rows == 1 else 's'}"
                message = f"{len(units)} of {layer.n_units} units {what} {rows} (number {_listed(units)})"
                yield finding(kind, layer.node, len(units), layer.n_units, n_rows, message, units)


def gradient_findings(graph: Graph, layers: Sequence[LayerHealth], n_rows: int) -> Iterator[Finding]:
    """Yield where deltas at the layers with weights are far from those of the last one."""
    declared = ({} if node.layer is None else node.layer.parameters(*(graph.nodes[i].shape for i in node.inputs))
                for node in graph.nodes)  # fmt: skip
    rms = {
        layer.node: layer.delta_norm / math.sqrt(n_rows * layer.n_units)
        for layer, parameters in zip(layers, declared, strict=True)
        if layer.delta_norm is not None and any(parameter.decays for parameter in parameters.values())
    }
    *earlier, last = rms or [""]
    if not earlier or not 0.0 < rms[last] < math.inf:
        return
    ratios = {name: rms[name] / rms[last] for name in earlier}
    for kind, beyond, worst in (
        ("vanishing gradient", [name for name in earlier if ratios[name] < 1.0 / SPREAD], min),
        ("exploding gradient", [name for name in earlier if ratios[name] > SPREAD], max),
    ):
        if beyond:
            node = worst(beyond, key=ratios.__getitem__)
            message = f"the RMS of delta is {rms[node]:.3g} at '{node}' and {rms[last]:.3g} at '{last}'"
            yield finding(kind, node, len(beyond), len(rms), n_rows, message)


def step_findings(
    layers: Sequence[LayerHealth], before: float, after: float, optimizer: str, n_rows: int
) -> Iterator[Finding]:
    """Yield updates of the wrong size, and what one of them does to the loss.

    Parameters
    ----------
    layers : sequence of LayerHealth
        With the update of an optimizer.
    before, after : float
        The loss with its penalties, in float64, without and with that update.
    optimizer : str
        How messages call it.
    n_rows : int
        Rows of the diagnosis.
    """
    for layer in layers:
        ratio = layer.update_ratio
        if ratio is not None and (ratio > HIGH_RATIO or 0.0 < ratio < LOW_RATIO):
            kind = f"update ratio too {'high' if ratio > HIGH_RATIO else 'low'}"
            message = f"one step of {optimizer} changes the weights by {ratio:.3g} of their size"
            yield finding(kind, layer.node, 1, 1, n_rows, message)
    still = not any(layer.gradient_norm for layer in layers)
    if still or not math.isfinite(before):
        return
    step = f"one step of {optimizer} takes the loss from {before:.6g} to {after:.6g}"
    fall = before - after
    if not fall >= -ROUNDING * abs(before):  # also where the loss is not finite any more
        yield finding("learning rate too high", "loss", 1, 1, n_rows, step)
    elif fall < SMALL_FALL * abs(before):
        yield finding("learning rate too low", "loss", 1, 1, n_rows, f"{step}, {fall:.3g} less")


def _listed(numbers: Sequence[int]) -> str:
    shown = ", ".join(map(str, numbers[:MAX_NAMED]))
    return shown if len(numbers) <= MAX_NAMED else f"{shown} and {len(numbers) - MAX_NAMED} more"
