"""The walk through a pass, from x to the update."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from clearprop.trace.quantities import DELTA_NAMES, NodeTrace
from clearprop.trace.record import Record

__all__ = ["PHASES", "TraceStep", "walk"]

PHASES = {
    "forward": "Forward: from the row to the scores",
    "loss": "Loss",
    "backward": "Backward: from the loss to the row",
    "gradient": "Gradients of the parameters",
    "update": "One step of the optimizer",
}
TITLES = {
    "x": "Input: the row as the network reads it", "a": "Output of {box}: {node}", "h": "Activation {box}: {node}",
    "f'": "Slope of {box} at its input", "delta": "Gradient of the loss at the output of {node}",
    "dh": "Gradient of the loss at the activation {node}", "dx": "Gradient of the loss at the input",
}  # fmt: skip
PARAMETER_TITLES = {
    "gradient": "Gradient of the loss at {local} of {node}", "penalty": "Gradient of the penalty at {local} of {node}",
    "total": "Gradient of loss and penalty at {local} of {node}", "clipped": "The same, clipped, for {local} of {node}",
    "update": "Step of {local} of {node}",
}  # fmt: skip
LOSS_TITLES = {"loss.prediction": "Prediction: the scores after the link of {box}", "loss.values": "Loss of the row"}


@dataclass(frozen=True)
class TraceStep:
    """One step of the walk through a pass.

    Attributes
    ----------
    name : str
        The quantity that is computed, such as ``"dense_1.W.gradient"``.
    node, box : str
        Where, and the kind of its layer.
    phase : str
        ``"forward"``, ``"loss"``, ``"backward"``, ``"gradient"`` or ``"update"``.
    title : str
        What happens, in plain words.
    shape : tuple of int
        Shape of the quantity.
    """

    name: str
    node: str
    box: str
    phase: str
    title: str
    shape: tuple[int, ...]


def walk(trace: Record) -> Iterator[TraceStep]:
    """Yield the steps of a pass in the order of their computation."""
    nodes = list(trace.nodes.values())
    for node in nodes:
        yield _step(trace, node, node.symbol, "forward")
    box = type(trace.passed.executor.program.loss).__name__
    for name, title in LOSS_TITLES.items():
        yield TraceStep(name, "loss", box, "loss", title.format(box=box), tuple(trace[name].shape))
    for node in reversed(nodes):
        if node.delta is not None:
            yield _step(trace, node, DELTA_NAMES[node.symbol], "backward")
        if node.derivative is not None:
            yield _step(trace, node, "f'", "backward")
    for phase in ("gradient", "update"):
        for node in reversed(nodes):
            for local, parameter in node.parameters.items():
                for what, _ in parameter.quantities():
                    if (what in ("gradient", "penalty", "total")) == (phase == "gradient"):
                        yield _step(trace, node, f"{local}.{what}", phase)


def _step(trace: Record, node: NodeTrace, quantity: str, phase: str) -> TraceStep:
    name = f"{node.name}.{quantity}"
    return TraceStep(name, node.name, node.box, phase, _title(node, quantity), tuple(trace[name].shape))


def _title(node: NodeTrace, quantity: str) -> str:
    local, _, what = quantity.partition(".")
    if not what:
        return TITLES[quantity].format(box=node.box, node=node.name)
    words = what.removesuffix("_corrected").replace("_", " ")
    corrected = ", bias corrected" if what.endswith("_corrected") else ""
    template = PARAMETER_TITLES.get(what, f"What the optimizer remembers of {{local}} of {{node}}: {words}{corrected}")
    return template.format(local=local, node=node.name)
