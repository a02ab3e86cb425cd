"""Six ways to write the same quantities: our own, and those of five lecture notes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from clearprop.graph import Graph
from clearprop.validation import check_choice

__all__ = ["NOTATIONS", "Notation", "Symbols", "fill", "function_name", "number", "operand"]


@dataclass(frozen=True)
class Notation:
    """How a text writes the quantities of layer k; in its templates ``@`` stands for k, ``#`` for k + 1.

    Attributes
    ----------
    title : str
        Whose it is.
    pre, post : str
        Pre-activation and activation.
    at_pre : str or None
        Gradient at the pre-activation, where it has a name of its own.
    gradient : str
        Gradient of the loss at ``<s>``.
    parameter : str
        The parameter ``<w>`` of layer k.
    loss, prediction, target : str
        Loss, output after the link, and what it should have been.
    slope : str
        Derivative of an activation.
    columns : bool
        Whether examples are columns, so that the weights W are the transpose of ours.
    affine : str
        Dense layer of ``<x>``.
    """

    title: str
    pre: str
    post: str
    at_pre: str | None
    gradient: str
    parameter: str
    loss: str
    prediction: str
    target: str
    slope: str = "f'"
    columns: bool = True
    affine: str = r"<scale> <W> \, <x> + <b>"


NOTATIONS: Mapping[str, Notation] = {
    "clearprop": Notation(
        "clearprop: rows are examples, a = x W + b",
        pre=r"\mathbf{a}^{(@)}",
        post=r"\mathbf{h}^{(@)}",
        at_pre=r"\mathbf{\delta}^{(@)}",
        gradient=r"\frac{\partial \ell}{\partial <s>}",
        parameter=r"<w>^{(@)}",
        loss=r"\ell",
        prediction=r"\mathbf{p}",
        target=r"\mathbf{y}",
        columns=False,
        affine=r"<scale> <x> \, <W> + <b>",
    ),
    "larochelle": Notation(
        "Larochelle and Salakhutdinov: a = b + W h, gradients as nablas",
        pre=r"\mathbf{a}^{(@)}",
        post=r"\mathbf{h}^{(@)}",
        at_pre=None,
        gradient=r"\nabla_{<s>} \ell",
        parameter=r"<w>^{(@)}",
        loss=r"\ell(\mathbf{f}(\mathbf{x}), y)",
        prediction=r"\mathbf{f}(\mathbf{x})",
        target=r"\mathbf{e}(y)",
        slope="g'",
        affine=r"<b> + <scale> <W> \, <x>",
    ),
    "ufldl": Notation(
        "UFLDL tutorial: z and a, delta, J",
        pre=r"\mathbf{z}^{(#)}",
        post=r"\mathbf{a}^{(#)}",
        at_pre=r"\mathbf{\delta}^{(#)}",
        gradient=r"\nabla_{<s>} J",
        parameter=r"<w>^{(@)}",
        loss=r"J(W, b; x, y)",
        prediction=r"\mathbf{h}_{W,b}(\mathbf{x})",
        target=r"\mathbf{y}",
    ),
    "cmu": Notation(
        "CMU: z and y, divergence Div(Y, d)",
        pre=r"\mathbf{z}_{@}",
        post=r"\mathbf{y}_{@}",
        at_pre=None,
        gradient=r"\nabla_{<s>} \text{Div}",
        parameter=r"<w>_{@}",
        loss=r"\text{Div}(\mathbf{Y}, \mathbf{d})",
        prediction=r"\mathbf{Y}",
        target=r"\mathbf{d}",
    ),
    "toronto": Notation(
        "Toronto: z and h, delta, error E",
        pre=r"\mathbf{z}_{@}",
        post=r"\mathbf{h}_{@}",
        at_pre=r"\mathbf{\delta}_{@}",
        gradient=r"\frac{\partial E}{\partial <s>}",
        parameter=r"<w>_{@}",
        loss=r"E",
        prediction=r"\mathbf{o}",
        target=r"\mathbf{t}",
    ),
    "deep_learning_book": Notation(
        "Deep Learning Book: a and h, the running gradient g, J",
        pre=r"\mathbf{a}^{(@)}",
        post=r"\mathbf{h}^{(@)}",
        at_pre=r"\mathbf{g}^{(@)}",
        gradient=r"\nabla_{<s>} J",
        parameter=r"<w>^{(@)}",
        loss=r"J",
        prediction=r"\hat{\mathbf{y}}",
        target=r"\mathbf{y}",
        affine=r"<b> + <scale> <W> \, <x>",
    ),
}

PARAMETERS = {"W": r"\mathbf{W}", "b": r"\mathbf{b}", "w": r"\mathbf{w}", "s": r"\mathbf{s}", "c": r"\mathbf{c}",
              "sigma": r"\mathbf{\sigma}", "alpha": r"\mathbf{\alpha}"}  # fmt: skip


def fill(template: str, values: Mapping[str, str]) -> str:
    """Return a LaTeX template with its markers, such as ``<x>``, replaced: in braces where a power or index follows."""

    def value(found: re.Match[str]) -> str:
        text = values[found[1]]
        if found[2] and re.fullmatch(r"[\d.]+ \\cdot .*|10\^.*", text):  # all of it is raised, not its last factor
            return f"({text})"
        return f"{{{text}}}" if found[2] and len(text) > 1 else text

    return re.sub(r"<(\w+)>(?=([_^])?)", value, template)


class Symbols:
    """The symbols of a graph's quantities in a notation.

    Layers are counted as the lectures count them: each box that is no activation begins layer k, and
    the activation that reads it is the h of the same layer.
    """

    def __init__(self, graph: Graph, notation: str) -> None:
        check_choice("trace", "notation", notation, NOTATIONS)
        self.notation, self._graph = NOTATIONS[notation], graph
        self._outputs: list[str] = []
        self._numbers: list[int] = []
        self._post: list[bool] = []
        taken: set[tuple[bool, int]] = set()
        n_layers = 0
        for index, node in enumerate(graph.nodes):
            if node.layer is None:
                place = "" if len(graph.inputs) == 1 else f"_{{{graph.inputs.index(index) + 1}}}"
                self._add(rf"\mathbf{{x}}{place}", 0, post=True)
                continue
            post = node.layer.is_activation
            k = self._numbers[node.inputs[0]] if post else 0
            if not post or k == 0 or (post, k) in taken:
                n_layers += 1
                k = n_layers
            taken.add((post, k))
            self._add(self._numbered(self.notation.post if post else self.notation.pre, k), k, post)

    def _add(self, symbol: str, number: int, post: bool) -> None:
        self._outputs.append(symbol)
        self._numbers.append(number)
        self._post.append(post)

    @staticmethod
    def _numbered(template: str, k: int) -> str:
        return template.replace("@", str(k)).replace("#", str(k + 1))

    def shape(self, index: int) -> tuple[int, ...]:
        """Return the shape of a row of a node's output."""
        return self._graph.nodes[index].shape

    def output(self, index: int) -> str:
        """Return the symbol of a node's output."""
        return self._outputs[index]

    def delta(self, index: int) -> str:
        """Return the symbol of the gradient at a node's output."""
        at_pre = self.notation.at_pre
        if self._post[index] or at_pre is None:
            return self.gradient(self._outputs[index])
        return self._numbered(at_pre, self._numbers[index])

    def gradient(self, symbol: str) -> str:
        """Return the symbol of the loss's gradient at a symbol."""
        return fill(self.notation.gradient, {"s": symbol})

    def parameter(self, name: str) -> str:
        """Return the symbol of a parameter, such as ``dense_1.W``."""
        owner, _, local = name.rpartition(".")
        index = next(place for place, node in enumerate(self._graph.nodes) if node.name == owner)
        symbol = PARAMETERS.get(local, rf"\text{{{_text(local)}}}")
        return fill(self._numbered(self.notation.parameter, self._numbers[index]), {"w": symbol})

    def of_layer(self, layer: Any) -> dict[str, str]:
        """Return the numbers that a box was made with, for the markers that bear their names."""
        return {name: operand(value) for name, value in vars(layer).items() if isinstance(value, int | float)}


def _text(name: str) -> str:
    return name.replace("_", r"\_")


def function_name(name: str) -> str:
    """Return the name of a function, such as that of a class, as LaTeX."""
    escaped = _text(name)
    return rf"\operatorname{{{escaped}}}" if name.isascii() and name.isalpha() else rf"\text{{{escaped}}}"


def number(value: float) -> str:
    """Return a number as LaTeX."""
    mantissa, _, exponent = (
        f"{float(value) + 0.0:.6g}".replace("inf", r"\infty").replace("nan", r"\mathrm{NaN}").partition("e")
    )
    if not exponent:
        return mantissa
    power = rf"10^{{{int(exponent)}}}"
    return {"1": power, "-1": f"-{power}"}.get(mantissa, rf"{mantissa} \cdot {power}")


def operand(value: float) -> str:
    """Return a number for a place in a formula: in parentheses where it is negative."""
    text = number(value)
    return f"({{{text}}})" if text.startswith("-") else text  # in a group of its own the minus is a sign
