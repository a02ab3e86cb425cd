"""Nodes of a graph under construction: calling a layer on nodes appends one."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

from clearprop.errors import ArgumentError, ShapeError
from clearprop.layers.base import Layer, Shape
from clearprop.validation import check_integer, check_name

__all__ = ["Input", "Node", "names_of"]

_created = itertools.count()


class Node:
    """A place in a graph under construction: a layer applied to other nodes.

    Made by `Input` and by calling layers on nodes, never by hand.

    Attributes
    ----------
    shape : tuple of int
        Shape of one row of the output.
    """

    def __init__(self, layer: Layer | None, inputs: tuple[Node, ...], shape: Shape, name: str | None) -> None:
        self.layer = layer
        self.inputs = inputs
        self.shape = shape
        self.name = name
        self._index = next(_created)

    def append(self, layer: Layer, nodes: tuple[Node, ...]) -> Node:
        """Return a new node that applies `layer` to `nodes`; shapes are checked here."""
        node = Node(layer, nodes, (), layer.name)
        if not all(isinstance(item, Node) for item in nodes):
            raise ArgumentError(f"{type(layer).__name__}: a layer is called on nodes only, not on a mixture.")
        wanted = layer.n_inputs
        if (wanted is None and len(nodes) < 2) or (wanted is not None and len(nodes) != wanted):
            expected = "two or more inputs" if wanted is None else f"{wanted} input{'s' * (wanted > 1)}"
            raise ShapeError(f"node '{node._final_name()}': {type(layer).__name__} takes {expected}, got {len(nodes)}.")
        try:
            node.shape = layer.output_shape(*(item.shape for item in nodes))
        except ShapeError as error:
            names = names_of(node.ancestors())
            got = " and ".join(f"{item.shape} from '{names[item]}'" for item in nodes)
            raise ShapeError(f"node '{names[node]}': {error}; got {got}.") from None
        return node

    def ancestors(self) -> list[Node]:
        """Return this node and all that it depends on, in the order of creation."""
        found: set[Node] = set()
        waiting = [self]
        while waiting:
            node = waiting.pop()
            if node not in found:
                found.add(node)
                waiting.extend(node.inputs)
        return sorted(found, key=lambda node: node._index)

    def _final_name(self) -> str:
        return names_of(self.ancestors())[self]

    def __repr__(self) -> str:
        box = "Input" if self.layer is None else type(self.layer).__name__
        return f"<node {self._final_name()!r}: {box}, shape {self.shape}>"


class Input(Node):
    """Where rows enter the network.

    An input of shape (n_in,) takes arrays (n, n_in), converted to the network's dtype.

    Parameters
    ----------
    shape : int or tuple of int, >= 1
        Shape of one row: a number of features, or for example (1, 28, 28) for images.
    name : str or None
        Name of the node; by default ``input_1``, ``input_2`` and so on.

    Raises
    ------
    ArgumentError
        For an empty shape, or sizes that are no integers >= 1.

    Examples
    --------
    >>> import clearprop as cp
    >>> x = cp.Input(64)
    >>> h = cp.ReLU()(cp.Dense(32)(x))
    >>> cp.Dense(10)(cp.Concatenate()(x, h)).shape
    (10,)
    """

    def __init__(self, shape: int | Sequence[int], name: str | None = None) -> None:
        sizes = tuple(shape) if isinstance(shape, tuple | list) else (shape,)
        if not sizes:
            raise ArgumentError("Input: shape must have at least one axis, got (); pass the number of features.")
        for size in sizes:
            check_integer("Input", "shape", size, minimum=1)
        check_name("Input", name)
        super().__init__(None, (), tuple(int(size) for size in sizes), name)


def names_of(nodes: Iterable[Node]) -> dict[Node, str]:
    """Return the name of every node: its own, or its kind and a number a kind."""
    counts: dict[str, int] = {}
    names: dict[Node, str] = {}
    taken: dict[str, Node] = {}
    uses: dict[int, int] = {}
    for node in nodes:
        kind = "input" if node.layer is None else node.layer.kind()
        counts[kind] = counts.get(kind, 0) + 1
        name = node.name or f"{kind}_{counts[kind]}"
        if name in taken and node.layer is not None and taken[name].layer is node.layer:
            # a layer object that is used again shares its parameters
            uses[id(node.layer)] = uses.get(id(node.layer), 1) + 1
            name = f"{name}_{uses[id(node.layer)]}"
        if name in taken:
            raise ArgumentError(f"two nodes are named '{name}'; give one of them another name=.")
        names[node], taken[name] = name, node
    return names
