"""What the blocks share: checks of their arguments, and sequences split into their steps and joined again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from clearprop.errors import ArgumentError, ShapeError
from clearprop.graph import Node
from clearprop.layers import Concatenate, Flatten, Reshape, Slice
from clearprop.validation import check_instance, check_name, show

__all__ = ["check_prefix", "check_sequence", "join", "part", "split"]


def check_prefix(owner: str, name: Any) -> None:
    """Raise `ArgumentError` unless names of nodes can begin with `name`."""
    check_instance(owner, "name", name, str, f"'{owner}'")
    check_name(owner, name)


def check_sequence(owner: str, argument: str, node: Any) -> None:
    """Raise `ArgumentError` for anything but a node, and `ShapeError` unless its rows are sequences of vectors."""
    if not isinstance(node, Node):
        raise ArgumentError(
            f"{owner}: {argument} must be a node, got {show(node)}; begin with {argument} = "
            "clearprop.Input((steps, features))."
        )
    if len(node.shape) != 2:
        raise ShapeError(
            f"{owner}: {argument} must have rows of shape (steps, features), got {node!r}; put Reshape before it."
        )


def split(x: Node, name: str) -> list[Node]:
    """Return the steps of a sequence, rows of shape (features,)."""
    n_steps, features = x.shape
    vector = Flatten(name=f"{name}_flat")(x)
    return [part(step, features, f"{name}_x_{step + 1}")(vector) for step in range(n_steps)]


def part(k: int, size: int, name: str) -> Slice:
    """Return the box that cuts out the k-th of parts of equal size."""
    return Slice(k * size, (k + 1) * size, name=name)


def join(nodes: Sequence[Node], name: str) -> Node:
    """Return vectors of equal length as one node with rows of shape (steps, length)."""
    joined = Concatenate(name=f"{name}_joined")(*nodes) if len(nodes) > 1 else nodes[0]
    sequence: Node = Reshape((len(nodes), *nodes[0].shape), name=f"{name}_sequence")(joined)
    return sequence
