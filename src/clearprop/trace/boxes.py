r"""The formulas of the boxes, as LaTeX.

Markers: ``<x>`` or ``<x1>``, ``<x2>`` the inputs, ``<others*>`` the product of all inputs but the one whose gradient it
is, ``<h>`` the output, ``<dh>`` the gradient at the output, ``<derivative>`` the sign of an activation's slope, ``<W>``
and the like the parameters, ``<scale>`` the factor of a dense layer in the NTK parametrization, names of fields
(``<slope>``) the numbers a box was made with. The equations themselves are explained in the docstrings of the boxes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import clearprop.layers as boxes

__all__ = ["BOXES", "PREDICTING", "BoxFormula"]


@dataclass(frozen=True)
class BoxFormula:
    """The right-hand sides of a box.

    Attributes
    ----------
    forward : str
        The output.
    backward : str or tuple of str
        dx, or one an input.
    gradients : mapping of str to str
        The gradients of parameters, by local name.
    derivative : str or None
        f'(a) of an elementwise activation, whose backward is ``<dh>`` times it.
    columns : BoxFormula or None
        The same in notations whose examples are columns, where it differs.
    """

    forward: str
    backward: str | tuple[str, ...] = r"<dh>"
    gradients: Mapping[str, str] = field(default_factory=dict)
    derivative: str | None = None
    columns: BoxFormula | None = None


def _activation(forward: str, derivative: str) -> BoxFormula:
    return BoxFormula(forward, r"<dh> \odot <derivative>(<x>)", derivative=derivative)


def _rectifier(slope: str) -> BoxFormula:
    cases = r"\begin{cases} %s & <x> > 0 \\ %s & <x> \le 0 \end{cases}"
    return _activation(cases % ("<x>", rf"{slope} \cdot <x>"), cases % ("1", slope))


_SUM = r"\sum_{i} "
_NORM = r"<gain> \odot \frac{<x> - \mu}{\sqrt{\sigma^2 + <epsilon>}} + <bias>"
_Z = r"\frac{<x> - \mu}{\sqrt{\sigma^2 + <epsilon>}}"
_NORM_GRADIENTS = {"gain": rf"{_SUM} <dh> \odot {_Z}", "bias": rf"{_SUM} <dh>"}
_NORM_BACKWARD = (
    r"\frac{d - \overline{d} - z \odot \overline{d \odot z}}{\sqrt{\sigma^2 + <epsilon>}}, \; d = <dh> \odot <gain>, \;"
    rf" z = {_Z}"
)
_MOVED = r"\operatorname{rearrange}(<x>)"
_BACK = r"\operatorname{rearrange}^{-1}(<dh>)"
_RBF = r"\exp \left( - \frac{\| <x> - <W> \|^2}{<sigma>^2} \right)"
_RBF_S = r"\; s = \frac{<dh> \odot <h>}{<sigma>^2}"
_RBF_SIGMA = rf"\frac{{2}}{{<sigma>}} {_SUM} s \odot \| <x> - <W> \|^2, {_RBF_S}"
_CONVOLVED = r"<W> \ast <x> + <b>"

BOXES: Mapping[type, BoxFormula] = {
    boxes.Dense: BoxFormula(
        r"<affine>", r"<scale> <dh> \, <W>^{\top}", {"W": r"<scale> <x>^{\top} <dh>", "b": rf"{_SUM} <dh>"},
        columns=BoxFormula(
            r"<affine>", r"<scale> <W>^{\top} <dh>", {"W": r"<scale> <dh> \, <x>^{\top}", "b": rf"{_SUM} <dh>"}
        ),
    ),
    boxes.TransposedDense: BoxFormula(
        r"<x> \, <W>^{\top} + <b>", r"<dh> \, <W>", {"W": r"<dh>^{\top} <x>", "b": rf"{_SUM} <dh>"},
        columns=BoxFormula(
            r"<W>^{\top} <x> + <b>", r"<W> \, <dh>", {"W": r"<x> \, <dh>^{\top}", "b": rf"{_SUM} <dh>"}
        ),
    ),
    boxes.Maxout: BoxFormula(
        r"\max_{k} \left( <x> \, <W>_k + <b>_k \right)", r"<dh> \, <W>_{k^*}^{\top}",
        {"W": r"<x>^{\top} <dh> \text{ for the largest piece } k^*", "b": rf"{_SUM} <dh>"},
        columns=BoxFormula(
            r"\max_{k} \left( <W>_k \, <x> + <b>_k \right)", r"<W>_{k^*}^{\top} <dh>",
            {"W": r"<dh> \, <x>^{\top} \text{ for the largest piece } k^*", "b": rf"{_SUM} <dh>"},
        ),
    ),
    boxes.RBF: BoxFormula(
        _RBF, rf"2 \left( s <W>^{{\top}} - <x> \sum_u s_u \right), {_RBF_S}",
        {"W": rf"2 \left( <x>^{{\top}} s - <W> {_SUM} s \right), {_RBF_S}", "sigma": _RBF_SIGMA},
        columns=BoxFormula(
            _RBF, rf"2 \left( <W>^{{\top}} s - <x> \sum_u s_u \right), {_RBF_S}",
            {"W": rf"2 \left( s \, <x>^{{\top}} - <W> {_SUM} s \right), {_RBF_S}", "sigma": _RBF_SIGMA},
        ),
    ),
    boxes.Conv2D: BoxFormula(
        _CONVOLVED, r"<W>^{\top} \ast <dh>", {"W": r"<dh> \ast <x>", "b": r"\sum <dh>"},
    ),
    boxes.MaxPool2D: BoxFormula(r"\max_{\text{window}} <x>", r"<dh> \text{ at the largest}, 0 \text{ elsewhere}"),
    boxes.AveragePool2D: BoxFormula(r"\overline{<x>}_{\text{window}}", r"\frac{<dh>}{\text{size}}"),
    boxes.Scale: BoxFormula(r"<s> \odot <x>", r"<dh> \odot <s>", {"s": rf"{_SUM} <dh> \odot <x>"}),
    boxes.Identity: _activation(r"<x>", "1"),
    boxes.Step: _activation(r"\mathbf{1}[<x> \ge 0]", "0"),
    boxes.Sigmoid: _activation(r"\frac{1}{1 + e^{-<x>}}", r"<h> (1 - <h>)"),
    boxes.Tanh: _activation(r"\tanh(<x>)", r"1 - <h>^2"),
    boxes.HardTanh: _activation(r"\max(-1, \min(1, <x>))", r"\mathbf{1}[-1 < <x> < 1]"),
    boxes.ReLU: _activation(r"\max(0, <x>)", r"\mathbf{1}[<x> > 0]"),
    boxes.LeakyReLU: _rectifier("<slope>"),
    boxes.RReLU: _rectifier("<r>"),
    boxes.PReLU: BoxFormula(
        r"\max(0, <x>) + <slope> \odot \min(0, <x>)", r"<dh> \odot <derivative>(<x>)",
        {"slope": rf"{_SUM} <dh> \odot \min(0, <x>)"},
        r"\mathbf{1}[<x> > 0] + <slope> \cdot \mathbf{1}[<x> \le 0]",
    ),
    boxes.Abs: _activation(r"| <x> |", r"\operatorname{sign}(<x>)"),
    boxes.ELU: _activation(
        r"\begin{cases} <x> & <x> > 0 \\ <alpha> \cdot (e^{<x>} - 1) & <x> \le 0 \end{cases}",
        r"\begin{cases} 1 & <x> > 0 \\ <alpha> \cdot e^{<x>} & <x> \le 0 \end{cases}",
    ),
    boxes.SELU: _activation(
        r"<lambda> \cdot \begin{cases} <x> & <x> > 0 \\ <alpha> \cdot (e^{<x>} - 1) & <x> \le 0 \end{cases}",
        r"<lambda> \cdot \begin{cases} 1 & <x> > 0 \\ <alpha> \cdot e^{<x>} & <x> \le 0 \end{cases}",
    ),
    boxes.Softplus: _activation(r"\ln(1 + e^{<x>})", r"\frac{1}{1 + e^{-<x>}}"),
    boxes.GELU: _activation(r"<x> \, \Phi(<x>)", r"\Phi(<x>) + <x> \, \varphi(<x>)"),
    boxes.SiLU: _activation(
        r"\frac{<x>}{1 + e^{-<x>}}", r"\frac{1}{1 + e^{-<x>}} \left( 1 + <x> - \frac{<x>}{1 + e^{-<x>}} \right)"
    ),
    boxes.Mish: _activation(
        r"<x> \tanh(\ln(1 + e^{<x>}))",
        r"\tanh(s) + \frac{<x> (1 - \tanh^2(s))}{1 + e^{-<x>}}, \; s = \ln(1 + e^{<x>})",
    ),
    boxes.Rescale: _activation(r"<factor> \cdot <x> + <offset>", r"<factor>"),
    boxes.Parametric: BoxFormula(
        r"(1 - <alpha>) \odot <x> + <alpha> \odot g(<x>)",
        r"<dh> \odot <derivative>(<x>)", {"alpha": rf"{_SUM} <dh> \odot (g(<x>) - <x>)"},
        r"1 - <alpha> + <alpha> \odot g'(<x>)",
    ),
    boxes.Softmax: BoxFormula(
        r"\frac{e^{<x>}}{\sum_j e^{<x>_j}}", r"<h> \odot \left( <dh> - \sum_j <dh>_j <h>_j \right)"
    ),
    boxes.LogSoftmax: BoxFormula(r"<x> - \ln \sum_j e^{<x>_j}", r"<dh> - e^{<h>} \sum_j <dh>_j"),
    boxes.Add: BoxFormula(r"<xs+>"),
    boxes.Multiply: BoxFormula(r"<xs*>", r"<dh> \odot <others*>"),
    boxes.Concatenate: BoxFormula(r"[<xs,>]", r"<dh> \text{, its part}"),
    boxes.MatMul: BoxFormula(r"<x1> \, <x2>", (r"<dh> \, <x2>^{\top}", r"<x1>^{\top} <dh>")),
    boxes.Slice: BoxFormula(r"<x>_{<start>:<stop>}", r"[0, <dh>, 0]"),
    boxes.Transpose: BoxFormula(_MOVED, _BACK),
    boxes.Flatten: BoxFormula(_MOVED, _BACK),
    boxes.Reshape: BoxFormula(_MOVED, _BACK),
    boxes.Sum: BoxFormula(r"\sum_i <x>_i", r"<dh>"),
    boxes.Mean: BoxFormula(r"\frac{1}{k} \sum_{i=1}^{k} <x>_i", r"\frac{<dh>}{k}"),
    boxes.Embedding: BoxFormula(r"<W>[<x>]", r"0", {"W": r"\sum_{i: \, <x>_i = \text{row}} <dh>_i"}),
    boxes.PeriodicEmbedding: BoxFormula(
        r"\left[ <x>, \; <W> \cos(2 \pi <w> <x> + <b>) + <c> \right]",
        r"<dh>_0 - 2 \pi \sum_k <w>_k \left( <W>^{\top} <dh> \right)_k \sin(2 \pi <w>_k <x> + <b>_k)",
        {"w": rf"-2 \pi {_SUM} \left( <W>^{{\top}} <dh> \right) \odot \sin(2 \pi <w> <x> + <b>) <x>",
         "b": rf"- {_SUM} \left( <W>^{{\top}} <dh> \right) \odot \sin(2 \pi <w> <x> + <b>)",
         "W": rf"{_SUM} <dh> \cos(2 \pi <w> <x> + <b>)", "c": rf"{_SUM} <dh>"},
    ),
    boxes.Dropout: BoxFormula(r"m \odot <x>, \; m_{ij} \in \{0, \frac{1}{1 - <rate>}\}", r"m \odot <dh>"),
    boxes.GaussianNoise: BoxFormula(r"<x> + \varepsilon, \; \varepsilon \sim N(0, <deviation>^2)"),
    boxes.BatchNorm: BoxFormula(_NORM, _NORM_BACKWARD, _NORM_GRADIENTS),
    boxes.LayerNorm: BoxFormula(_NORM, _NORM_BACKWARD, _NORM_GRADIENTS),
}  # fmt: skip

PREDICTING: Mapping[type, BoxFormula] = {  # boxes that do something else in training
    boxes.Dropout: BoxFormula("<x>"),
    boxes.GaussianNoise: BoxFormula("<x>"),
    boxes.BatchNorm: BoxFormula(_NORM, r"\frac{<dh> \odot <gain>}{\sqrt{\sigma^2 + <epsilon>}}", _NORM_GRADIENTS),
}
