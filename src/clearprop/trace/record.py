"""What was recorded of one pass: every quantity by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from clearprop.errors import UnknownNameError
from clearprop.graph import Graph
from clearprop.trace.quantities import NodeTrace, TracedPass

__all__ = ["LOSS_QUANTITIES", "Record", "split_name"]

Array = Any
LOSS_QUANTITIES = ("loss.prediction", "loss.values")  # which no node has, so that a node may be called "loss" too


def split_name(name: str) -> tuple[str, str]:
    """Return the node and the quantity that a name such as ``"dense_1.W.gradient"`` consists of."""
    node, _, quantity = name.partition(".")
    return node, quantity


@dataclass(frozen=True, repr=False, eq=False)
class Record(Mapping[str, Any]):
    """The quantities of a pass by name; `Trace`, its face, says what each of them is."""

    nodes: Mapping[str, NodeTrace]
    loss: float
    penalty: float
    scores: Array
    prediction: Array
    losses: Array
    passed: TracedPass

    __eq__ = object.__eq__  # that of mappings asks arrays for one truth value
    __hash__ = object.__hash__

    def __getitem__(self, name: str) -> Array:
        node, quantity = split_name(name) if isinstance(name, str) else ("", "")
        known = self._quantities(node)
        if quantity not in known:
            names = [f"{node}.{item}" for item in known] or [*self.nodes, "loss"]
            raise UnknownNameError(f"trace: no quantity {name!r}; known are {', '.join(names)}.")
        return known[quantity]

    def _quantities(self, node: str) -> dict[str, Array]:
        found = dict(self.nodes[node].quantities()) if node in self.nodes else {}
        return {**found, "prediction": self.prediction, "values": self.losses} if node == "loss" else found

    def __iter__(self) -> Iterator[str]:
        for node in self.nodes.values():
            yield from (f"{node.name}.{quantity}" for quantity, _ in node.quantities())
        yield from LOSS_QUANTITIES

    def __len__(self) -> int:
        return sum(1 for _ in self)

    @property
    def graph(self) -> Graph:
        """The graph that was passed through."""
        graph: Graph = self.passed.executor.graph
        return graph
