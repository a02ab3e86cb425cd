"""The formulas of losses, penalties and optimizers, as LaTeX with markers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import clearprop.losses as losses
import clearprop.optimizers as optimizers
import clearprop.penalties as penalties

__all__ = [
    "DECAY",
    "HINGE_OF_CLASSES",
    "OPTIMIZERS",
    "PENALTIES",
    "LossFormula",
    "OptimizerFormula",
    "loss_formula",
]


@dataclass(frozen=True)
class LossFormula:
    """A loss: ``<s>`` scores, ``<p>`` prediction, ``<t>`` target, ``<q>`` the quantile of an output.

    Attributes
    ----------
    value, gradient : str
        The loss of a row, and its gradient at the scores.
    output, at_zero : str or None
        What one output adds to it, and the same where the target is 0, if that is shorter. None where the loss is no
        sum over outputs.
    slope : str or None
        The derivative of `output`, where `gradient` does not hold for one output as it does for all.
    prediction, predicted : str
        The link, of all scores and of one; ``<sum>`` stands for the sum of the exponentials of all.
    """

    value: str
    gradient: str
    output: str | None = None
    at_zero: str | None = None
    slope: str | None = None
    prediction: str = "<s>"
    predicted: str = "<s>"


_LINKS = {
    "softmax": {"prediction": r"\operatorname{softmax}(<s>)", "predicted": r"\frac{e^{<s>}}{<sum>}"},
    "sigmoid": {"prediction": r"\operatorname{sigmoid}(<s>)", "predicted": r"\frac{1}{1 + e^{-<s>}}"},
    "exponential": {"prediction": r"e^{<s>}", "predicted": r"e^{<s>}"},
}

LOSSES: Mapping[type, LossFormula] = {
    losses.SquaredError: LossFormula(
        r"\frac{1}{2} \| <s> - <t> \|^2", r"<p> - <t>", r"\frac{1}{2} (<s> - <t>)^2"
    ),
    losses.AbsoluteError: LossFormula(
        r"\sum_k | <s>_k - <t>_k |", r"\operatorname{sign}(<s> - <t>)", r"| <s> - <t> |"
    ),
    losses.Huber: LossFormula(
        r"\sum_k H(<s>_k - <t>_k), \; H(r) = \begin{cases} r^2 / 2 & |r| \le <delta> \\ <delta> (|r| - <delta> / 2) &"
        r" \text{else} \end{cases}",
        r"\max(- <delta>, \min(<delta>, <s> - <t>))", r"H(<s> - <t>)",
    ),
    losses.Quantile: LossFormula(
        r"\sum_k \max(q_k (<t>_k - <s>_k), (1 - q_k) (<s>_k - <t>_k))",
        r"\begin{cases} - <q> & <s> < <t> \\ 1 - <q> & <s> > <t> \\ 0 & <s> = <t> \end{cases}",
        r"\max(<q> \cdot (<t> - <s>), (1 - <q>) \cdot (<s> - <t>))",
    ),
    losses.Poisson: LossFormula(
        r"\sum_k \left( e^{<s>_k} - <t>_k <s>_k + <t>_k \ln <t>_k - <t>_k \right)", r"<p> - <t>",
        r"e^{<s>} - <t> \cdot <s> + <t> \cdot \ln(<t>) - <t>", r"e^{<s>}", **_LINKS["exponential"],
    ),
    losses.BinaryCrossEntropy: LossFormula(
        r"- \sum_k \left( <t>_k \ln <p>_k + (1 - <t>_k) \ln (1 - <p>_k) \right)", r"<p> - <t>",
        r"- <t> \cdot \ln(<p>) - (1 - <t>) \cdot \ln(1 - <p>)", r"- \ln(1 - <p>)", **_LINKS["sigmoid"],
    ),
    losses.CrossEntropy: LossFormula(
        r"- \sum_k <t>_k \ln <p>_k", r"<p> - <t>", r"- <t> \cdot \ln(<p>)", "", **_LINKS["softmax"]
    ),
    losses.KLDivergence: LossFormula(
        r"\sum_k <t>_k \ln \frac{<t>_k}{<p>_k}", r"<p> - <t>", r"<t> \cdot \ln(\frac{<t>}{<p>})", "",
        **_LINKS["softmax"],
    ),
    losses.Hinge: LossFormula(  # of one output
        r"\max(0, \; 1 - (2 <t> - 1) <s>)", r"(1 - 2 <t>) \, \mathbf{1}[(2 <t> - 1) <s> < 1]",
        r"\max(0, 1 - (2 \cdot <t> - 1) \cdot <s>)",
        slope=r"(1 - 2 \cdot <t>) \cdot \mathbf{1}[(2 \cdot <t> - 1) \cdot <s> < 1]",
    ),
    losses.SparseReconstruction: LossFormula(
        r"\ell_z + <strength> \sum_j | h_j |",
        r"\left( \nabla_{z} \ell_z, \; <strength> \operatorname{sign}(h) \right)",
        r"<strength> \cdot | <s> |", slope=r"<strength> \cdot \operatorname{sign}(<s>)",
        prediction=r"\left( \operatorname{link}(z), \; h \right)",
    ),
}  # fmt: skip
HINGE_OF_CLASSES = LossFormula(
    r"\max(0, \; 1 + <s>_j - <s>_y), \; j = \operatorname{argmax}_{k \ne y} <s>_k",
    r"(\mathbf{e}_j - \mathbf{e}_y) \, \mathbf{1}[1 + <s>_j - <s>_y > 0]",
)


def loss_formula(loss: losses.Loss, n_outputs: int) -> LossFormula | None:
    """Return the formula of a loss of that many outputs; None for one that is not ours."""
    return HINGE_OF_CLASSES if type(loss) is losses.Hinge and n_outputs > 1 else LOSSES.get(type(loss))


PENALTIES: Mapping[type, str] = {
    penalties.L2: r"<strength> \cdot <w>",
    penalties.L1: r"<strength> \operatorname{sign}(<w>)",
    penalties.ElasticNet: (
        r"<strength> \left( <l1_ratio> \operatorname{sign}(<w>) + (1 - <l1_ratio>) \cdot <w> \right)"
    ),
}


@dataclass(frozen=True)
class OptimizerFormula:
    """The rule of an optimizer.

    Markers: ``<g>`` the gradient, ``<mean>`` and the like a slot after the step, ``<mean_before>`` before it,
    ``<mean_corrected>`` its bias corrected, ``<rate>``, ``<t>`` the number of the step, ``<w>`` the parameter.
    """

    slots: Mapping[str, str]
    corrected: Mapping[str, str]
    update: str


def _fading(beta: str, slot: str, what: str) -> str:
    return rf"<{beta}> \cdot <{slot}_before> + (1 - <{beta}>) \cdot {what}"


_VELOCITY = r"<momentum> \cdot <velocity_before> - <rate> \cdot <g>"
_ADAM = {"mean": _fading("beta_1", "mean", "<g>"), "square_mean": _fading("beta_2", "square_mean", "<g>^2")}
_ADAM_CORRECTED = {
    "mean": r"\frac{<mean>}{1 - <beta_1>^{<t>}}", "square_mean": r"\frac{<square_mean>}{1 - <beta_2>^{<t>}}",
}  # fmt: skip
_ADAM_UPDATE = r"- <rate> \cdot \frac{<mean_corrected>}{\sqrt{<square_mean_corrected>} + <epsilon>}"
_ADAM_HAT = (
    r"- <rate> \cdot \frac{\sqrt{1 - <beta_2>^{<t>}}}{1 - <beta_1>^{<t>}} \cdot \frac{<mean>}"
    r"{\sqrt{<square_mean>} + <epsilon>}"
)
DECAY = r"- <rate> \cdot <weight_decay> \cdot <w> "  # of weights alone
_SLOPE = r"- \frac{<rate> \cdot <g>}{\sqrt{<%s>} + <epsilon>}"

OPTIMIZERS: Mapping[tuple[type, str], OptimizerFormula] = {  # the second key tells the variants apart
    (optimizers.SGD, ""): OptimizerFormula({}, {}, r"- <rate> \cdot <g>"),
    (optimizers.SGD, "momentum"): OptimizerFormula({"velocity": _VELOCITY}, {}, r"<velocity>"),
    (optimizers.SGD, "nesterov"): OptimizerFormula(
        {"velocity": _VELOCITY}, {}, r"<momentum> \cdot <velocity> - <rate> \cdot <g>"
    ),
    (optimizers.AdaGrad, ""): OptimizerFormula(
        {"square_sum": r"<square_sum_before> + <g>^2"}, {}, _SLOPE % "square_sum"
    ),
    (optimizers.RMSProp, ""): OptimizerFormula(
        {"square_mean": _fading("alpha", "square_mean", "<g>^2")}, {}, _SLOPE % "square_mean"
    ),
    (optimizers.Adam, ""): OptimizerFormula(_ADAM, _ADAM_CORRECTED, _ADAM_UPDATE),
    (optimizers.Adam, "epsilon_hat"): OptimizerFormula(_ADAM, _ADAM_CORRECTED, _ADAM_HAT),
    (optimizers.AdamW, ""): OptimizerFormula(_ADAM, _ADAM_CORRECTED, DECAY + _ADAM_UPDATE),
    (optimizers.AdamW, "epsilon_hat"): OptimizerFormula(_ADAM, _ADAM_CORRECTED, DECAY + _ADAM_HAT),
}
