"""The formula of every quantity of a trace, in a notation of the reader's choice."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from clearprop.trace.boxes import BOXES, PREDICTING, BoxFormula
from clearprop.trace.notation import Symbols, fill, function_name, operand
from clearprop.trace.parts import place_of
from clearprop.trace.plain_text import plain_text
from clearprop.trace.record import LOSS_QUANTITIES, Record, split_name
from clearprop.trace.rules import DECAY, OPTIMIZERS, PENALTIES, OptimizerFormula, loss_formula

if TYPE_CHECKING:
    from clearprop.graph.finished import GraphNode
    from clearprop.layers import Layer
    from clearprop.penalties import Penalty

__all__ = [
    "Formula",
    "box_formula",
    "constrained",
    "left_side",
    "optimizer_formula",
    "penalty_formula",
    "quantity_formula",
]

CLIPPED = r"\mathbf{g}_{\mathrm{clipped}}"
CONSTANTS = {"lambda": r"\lambda", "alpha": r"\alpha", "r": "r"}  # of boxes, that are no fields of them
SLOTS = {"mean": "m", "square_mean": "v", "velocity": "v", "square_sum": "s"}


@dataclass(frozen=True)
class Formula:
    r"""A formula.

    Attributes
    ----------
    latex : str
        As LaTeX, without dollar signs.

    Examples
    --------
    >>> import clearprop as cp
    >>> trace = cp.Network([cp.Dense(2), cp.Tanh(), cp.Dense(1)], inputs=3).trace([[1.0, 2.0, 3.0]], [0.0])
    >>> print(trace.formula("tanh_1.f'").latex)
    f'(\mathbf{a}^{(1)}) = 1 - {\mathbf{h}^{(1)}}^2
    >>> trace.formula("dense_2.a", notation="cmu").text
    'z₂ = W₂ y₁ + b₂'
    """

    latex: str

    @property
    def mathml(self) -> str:
        """As MathML, which browsers show."""
        from latex2mathml.converter import convert  # it is needed for this alone

        text: str = convert(self.latex)
        return text.replace(r"\_", "_")  # it takes the texts of LaTeX as they stand

    @property
    def text(self) -> str:
        """As a line of plain text, for terminals."""
        return plain_text(self.mathml)


def box_formula(trace: Record, layer: Layer, columns: bool = False) -> BoxFormula:
    """Return the formula of a box; one that is not ours is a function of its inputs by its class's name."""
    known = BOXES if trace.passed.training else {**BOXES, **PREDICTING}
    found = next((known[kind] for kind in type(layer).__mro__ if kind in known), None)
    if found is None:
        name = function_name(type(layer).__name__)
        found = BoxFormula(
            rf"{name}(<xs,>)", r"\left( \frac{\partial <h>}{\partial <x>} \right)^{\top} <dh>",
            derivative=rf"{name}'(<x>)",
        )  # fmt: skip
        return replace(found, backward=r"<dh> \odot <derivative>(<x>)") if layer.is_activation else found
    return found.columns if columns and found.columns is not None else found


def optimizer_formula(trace: Record, parameter: str) -> OptimizerFormula:
    """Return the formula of the step of a parameter; of an optimizer that is not ours only that it has a rule."""
    optimizer = trace.passed.optimizer
    found = [
        formula
        for (kind, variant), formula in OPTIMIZERS.items()
        if kind is type(optimizer) and (not variant or getattr(optimizer, variant))
    ]
    if not found:
        name = f"{function_name(type(optimizer).__name__)}(<g>)"
        return OptimizerFormula(dict.fromkeys(optimizer.slots, name), {}, name)
    decays = trace.passed.executor.layout[parameter].parameter.decays
    return found[-1] if decays else replace(found[-1], update=found[-1].update.replace(DECAY, ""))


def penalty_formula(penalty: Penalty) -> str:
    """Return the formula of the gradient of a penalty."""
    return PENALTIES.get(type(penalty), f"{function_name(type(penalty).__name__)}'(<w>)")


def quantity_formula(trace: Record, name: str, notation: str) -> Formula:
    """Return the formula of a quantity, as ``symbol = right-hand side``."""
    symbols = Symbols(trace.graph, notation)
    right = _right_side(trace, name, symbols)
    left = left_side(trace, name, symbols)
    return Formula(f"{left} = {right}" if right else left)


def left_side(trace: Record, name: str, symbols: Symbols) -> str:
    """Return the symbol of a quantity."""
    if name == "loss.prediction":
        return symbols.notation.prediction
    if name == "loss.values":
        return symbols.notation.loss
    node, quantity = split_name(name)
    index = place_of(trace, node)
    traced = trace.nodes[node]
    if quantity == traced.symbol:
        return symbols.output(index)
    if quantity == "f'":
        return f"{symbols.notation.slope}({symbols.output(trace.graph.nodes[index].inputs[0])})"
    local, _, what = quantity.partition(".")
    if local not in traced.parameters:
        return symbols.delta(index)
    parameter = symbols.parameter(f"{node}.{local}")
    if what == "":
        return parameter
    if what == "gradient":
        return symbols.gradient(parameter)
    if what == "penalty":
        return rf"\nabla_{{{parameter}}} \Omega"
    if what in ("total", "clipped"):
        return rf"\mathbf{{g}}_{{\mathrm{{{what}}}}}"
    return rf"\Delta {parameter}" if what == "update" else slot_symbols(trace)[what]


def slot_symbols(trace: Record) -> dict[str, str]:
    """Return the symbols of what the optimizer remembers: after the step t, before it, and corrected."""
    named = {}
    for slot in trace.passed.slots:
        letter = SLOTS.get(slot, rf"\text{{{slot}}}".replace("_", " "))
        named[slot] = rf"\mathbf{{{letter}}}_{{t}}"
        named[f"{slot}_before"] = rf"\mathbf{{{letter}}}_{{t-1}}"
        named[f"{slot}_corrected"] = rf"\hat{{\mathbf{{{letter}}}}}_{{t}}"
    return named


def _right_side(trace: Record, name: str, symbols: Symbols) -> str:
    if name in LOSS_QUANTITIES:
        return _loss(trace, name, symbols)
    node, quantity = split_name(name)
    index, traced = place_of(trace, node), trace.nodes[node]
    graph_node = trace.graph.nodes[index]
    local, _, what = quantity.partition(".")
    if local in traced.parameters:
        return _parameter(trace, node, local, what, symbols) if what else ""
    if graph_node.layer is not None and quantity == traced.symbol:
        formula = box_formula(trace, graph_node.layer, symbols.notation.columns)
        return _filled(formula.forward, graph_node, index, symbols)
    if graph_node.layer is not None and quantity == "f'":
        formula = box_formula(trace, graph_node.layer)
        return _filled(formula.derivative or "", graph_node, index, symbols)
    return "" if quantity == traced.symbol else _delta(trace, index, symbols)


def _loss(trace: Record, name: str, symbols: Symbols) -> str:
    loss, scores = trace.passed.executor.program.loss, symbols.output(len(trace.graph.nodes) - 1)
    found = loss_formula(loss, trace.scores.shape[1])
    if found is not None:
        template = found.prediction if name == "loss.prediction" else found.value
        return fill(template, _loss_markers(trace, scores, symbols))
    if name == "loss.prediction":
        return f"{function_name(loss.link.lower())}({scores})" if loss.link else scores
    return f"{function_name(type(loss).__name__)}({scores}, {symbols.notation.target})"


def _loss_markers(trace: Record, scores: str, symbols: Symbols) -> dict[str, str]:
    loss, target = trace.passed.executor.program.loss, symbols.notation.target
    smoothing = getattr(loss, "label_smoothing", 0.0)
    if smoothing:
        share = operand(smoothing)
        target = rf"\left( (1 - {share}) \cdot {target} + \frac{{{share}}}{{K}} \right)"
    return {**symbols.of_layer(loss), "s": scores, "p": symbols.notation.prediction, "t": target, "q": "q"}


def _delta(trace: Record, index: int, symbols: Symbols) -> str:
    """Return what arrives at a node: the loss's gradient, or the sum over those that read it."""
    parts = []
    if index == len(trace.graph.nodes) - 1:
        loss = loss_formula(trace.passed.executor.program.loss, trace.scores.shape[1])
        share = _share(trace, "w_i")
        scores = symbols.output(index)
        if loss is None:
            parts.append(rf"{share} \nabla_{{{scores}}} {symbols.notation.loss}")
        else:
            gradient = fill(loss.gradient, _loss_markers(trace, scores, symbols))
            parts.append(rf"{share} \left( {gradient} \right)")
    for reader, node in enumerate(trace.graph.nodes):
        for position, source in enumerate(node.inputs):
            if source == index and node.layer is not None:
                template = box_formula(trace, node.layer, symbols.notation.columns).backward
                template = template if isinstance(template, str) else template[position]
                parts.append(_filled(template, node, reader, symbols, position))
    return " + ".join(parts)


def _share(trace: Record, weight: str) -> str:
    """Return what the weight of a row is divided by all of them."""
    return r"\frac{1}{n}" if trace.passed.batch.weight is None else rf"\frac{{{weight}}}{{\sum_j w_j}}"


def _parameter(trace: Record, node: str, local: str, what: str, symbols: Symbols) -> str:
    executor, optimizer = trace.passed.executor, trace.passed.optimizer
    full = f"{node}.{local}"
    parameter = symbols.parameter(full)
    gradient, penalised = symbols.gradient(parameter), trace.nodes[node].parameters[local].penalty is not None
    if what == "gradient":
        uses = [
            _filled(
                box_formula(trace, user.layer, symbols.notation.columns).gradients.get(own, ""), user, place, symbols
            )
            for place, (user, names) in enumerate(zip(trace.graph.nodes, trace.graph.names(), strict=True))
            for own, used in names.items()
            if used == full and user.layer is not None
        ]
        return " + ".join(filter(None, uses))
    if what == "penalty":
        penalty = executor.penalties[full]
        template = penalty_formula(penalty)
        scale = _share(trace, "1") + " " if penalty.per_row else ""
        return scale + fill(template, {**symbols.of_layer(penalty), "w": parameter})
    total = r"\mathbf{g}_{\mathrm{total}}" if penalised else gradient
    if what == "total":
        return rf"{gradient} + \nabla_{{{parameter}}} \Omega"
    if what == "clipped":
        return rf"\operatorname{{clip}}({total})"
    clips = trace.nodes[node].parameters[local].clipped is not None
    known = {
        **symbols.of_layer(optimizer), **slot_symbols(trace), "g": r"\mathbf{g}_{t}", "rate": r"\eta", "t": "t",
        "w": parameter,
    }  # fmt: skip
    rule = optimizer_formula(trace, full)
    if what == "update":
        right = constrained(trace, full, fill(rule.update, known), parameter, parameter)
        return right + _where_g(rule.update, clips, total)
    slot = what.removesuffix("_corrected")
    template = rule.slots[what] if slot == what else rule.corrected[slot]
    return fill(template, known) + _where_g(template, clips, total)


def constrained(trace: Record, name: str, update: str, added: str, subtracted: str) -> str:
    """Return an update within its constraint; the parameter is given as it is added and as it is subtracted."""
    constraint = trace.passed.executor.constraints.get(name)
    if constraint is None:
        return update
    return f"{function_name(type(constraint).__name__)}({added} + ({update})) - {subtracted}"


def _where_g(template: str, clips: bool, total: str) -> str:
    """Return what g is, for a rule that reads it."""
    if "<g>" not in template:
        return ""
    return rf", \quad \mathbf{{g}}_{{t}} = {CLIPPED if clips else total}"


def _filled(template: str, node: GraphNode, index: int, symbols: Symbols, position: int = 0) -> str:
    """Return a box's template with the symbols of its place in the graph; `position` is that of an input."""
    assert node.layer is not None
    xs = [symbols.output(place) for place in node.inputs]
    known: dict[str, str] = {**CONSTANTS, **symbols.of_layer(node.layer), "derivative": symbols.notation.slope}
    owner = node.owner
    declared = node.layer.parameters(*(symbols.shape(place) for place in node.inputs))
    for local, parameter in declared.items():
        known[local] = symbols.parameter(parameter.tied or f"{owner}.{local}")
    known |= {f"x{k}": x for k, x in enumerate(xs, start=1)}
    known |= {"x": xs[0], "h": symbols.output(index), "dh": symbols.delta(index)}
    template = template.replace("<affine>", symbols.notation.affine)
    scale = r"\frac{1}{\sqrt{n_{\mathrm{in}}}}" if getattr(node.layer, "ntk", False) else ""
    template = template.replace("<scale> ", f"{scale} " if scale else "")
    if "b" not in declared:
        template = template.replace(" + <b>", "").replace("<b> + ", "")
    others = r" \odot ".join(xs[:position] + xs[position + 1 :])
    for mark, joint in (("<xs+>", " + "), ("<xs*>", r" \odot "), ("<xs,>", ", ")):
        template = template.replace(mark, joint.join(xs))
    return fill(template.replace("<others*>", others), known)
