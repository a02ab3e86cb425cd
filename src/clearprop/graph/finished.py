"""Finished graphs: nodes in topological order, the layout of their parameters, and their way to JSON and back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from clearprop.config import from_config, to_config
from clearprop.errors import ArgumentError, ModelFileError, ShapeError
from clearprop.graph.nodes import Input, Node, names_of
from clearprop.layers.base import Layer, Shape
from clearprop.parameters import Layout, Parameter
from clearprop.validation import show

__all__ = ["Graph", "GraphNode"]


@dataclass(frozen=True)
class GraphNode:
    """A node of a finished graph.

    Attributes
    ----------
    name : str
        Its name.
    layer : Layer or None
        Its box; None for an input.
    inputs : tuple of int
        The nodes it reads, by position in the graph.
    shape : tuple of int
        Shape of one row of its output.
    owner : str
        Name of the node that its parameters are named after: the first one of the same layer object.
    """

    name: str
    layer: Layer | None
    inputs: tuple[int, ...]
    shape: Shape
    owner: str


@dataclass(frozen=True)
class Graph:
    """A finished graph: nodes in topological order, the last one is the output.

    Attributes
    ----------
    nodes : tuple of GraphNode
        All nodes.
    inputs : tuple of int
        Positions of the inputs, in the order in which a batch gives them.

    Examples
    --------
    A layer object that is called twice shares its parameters:

    >>> import clearprop as cp
    >>> x, dense = cp.Input(3), cp.Dense(3)
    >>> graph = cp.Graph.from_output(dense(cp.ReLU()(dense(x))))
    >>> [(node.name, node.owner, node.inputs) for node in graph.nodes]
    [('input_1', 'input_1', ()), ('dense_1', 'dense_1', (0,)), ('relu_1', 'relu_1', (1,)),
     ('dense_2', 'dense_1', (2,))]
    >>> list(graph.parameter_layout())
    ['dense_1.W', 'dense_1.b']
    """

    nodes: tuple[GraphNode, ...]
    inputs: tuple[int, ...]

    @classmethod
    def from_output(cls, output: Node, inputs: Sequence[Node] | None = None) -> Graph:
        """Return the graph of everything that `output` depends on.

        Parameters
        ----------
        output : Node
            The node whose output the network returns.
        inputs : sequence of Node or None
            Order of the inputs; by default the order in which they were made.
        """
        nodes = output.ancestors()
        names = names_of(nodes)
        position = {node: index for index, node in enumerate(nodes)}
        owners: dict[int, str] = {}
        finished = []
        for node in nodes:
            owner = names[node] if node.layer is None else owners.setdefault(id(node.layer), names[node])
            places = tuple(position[item] for item in node.inputs)
            finished.append(GraphNode(names[node], node.layer, places, node.shape, owner))
        entries = [node for node in nodes if node.layer is None]
        if inputs is not None:
            if set(inputs) != set(entries) or len(inputs) != len(entries):
                expected = ", ".join(names[node] for node in entries)
                raise ArgumentError(f"Network: inputs must name each input of the graph once: {expected}.")
            entries = list(inputs)
        graph = cls(tuple(finished), tuple(position[node] for node in entries))
        graph._declared("parameters")  # raises where parameters that are shared or tied do not fit
        return graph

    @classmethod
    def chain(cls, layers: Sequence[Layer], inputs: int | Sequence[int]) -> Graph:
        """Return the graph of layers that follow one another."""
        node: Node = Input(inputs)
        for layer in layers:
            if not isinstance(layer, Layer):
                hint = f"; did you mean {layer.__name__}()?" if isinstance(layer, type) else "."
                raise ArgumentError(f"Network: each element of layers must be a layer, got {show(layer)}{hint}")
            node = layer(node)
        return cls.from_output(node)

    @classmethod
    def make(cls, layers: Sequence[Layer] | Node, inputs: Any) -> Graph:
        """Return the graph of a chain of layers, or of an output node, as `Network` takes them."""
        if isinstance(layers, Node):
            if inputs is not None and not (isinstance(inputs, Sequence) and all(isinstance(x, Node) for x in inputs)):
                raise ArgumentError(
                    f"Network: inputs of a graph must be a list of its Input nodes or None, got {show(inputs)}; the "
                    "shapes stand in Input."
                )
            return cls.from_output(layers, inputs)
        if isinstance(layers, Layer) or not isinstance(layers, Sequence) or isinstance(layers, str):
            raise ArgumentError(
                f"Network: layers must be a list of layers or the output node of a graph, got {show(layers)}; "
                "write [Dense(10)] or Dense(10)(Input(64))."
            )
        if any(isinstance(item, Node) for item in layers):
            raise ArgumentError("Network: a network has one output node, got a list of nodes; join them, or pass one.")
        if not layers:
            raise ArgumentError("Network: layers must hold at least one layer, got none; write [Dense(10)].")
        if inputs is None:
            raise ArgumentError("Network: a list of layers needs inputs=, the number of features or shape of a row.")
        return cls.chain(layers, inputs)

    @property
    def output(self) -> GraphNode:
        """The node whose output the network returns."""
        return self.nodes[-1]

    def codes(self) -> set[int]:
        """Return the places of the nodes that are read as codes of categories: nothing lies between their numbers."""
        return {place for node in self.nodes if node.layer and node.layer.reads_codes for place in node.inputs}

    def names(self, what: str = "parameters") -> tuple[dict[str, str], ...]:
        """Return for each node the full name of each of its parameters, or ``"buffers"``, by local name.

        Examples
        --------
        >>> import clearprop as cp
        >>> chain = [cp.Dense(2, bias=False), cp.TransposedDense(3, of="dense_1")]
        >>> cp.Network(chain, inputs=3).graph.names()[1:]
        ({'W': 'dense_1.W'}, {'W': 'dense_1.W', 'b': 'transposed_dense_1.b'})
        """
        return tuple(self._resolved(what)[0].values())

    def _declared(self, what: str) -> dict[str, Parameter]:
        return self._resolved(what)[1]

    def _resolved(self, what: str) -> tuple[dict[str, dict[str, str]], dict[str, Parameter]]:
        """Return the names by node, and the parameters by name; raise where shared or tied ones do not fit."""
        names: dict[str, dict[str, str]] = {}
        declared: dict[str, Parameter] = {}
        for node in self.nodes:
            own = names.setdefault(node.name, {})
            if node.layer is None:
                continue
            box, shapes = type(node.layer).__name__, tuple(self.nodes[index].shape for index in node.inputs)
            for local, parameter in getattr(node.layer, what)(*shapes).items():
                if parameter.tied is None:
                    name = f"{node.owner}.{local}"
                    has, remedy = "shares", "share a layer only between inputs of equal shape"
                else:
                    owner, _, its = parameter.tied.rpartition(".")
                    if its not in names.get(owner, {}):
                        raise ArgumentError(
                            f"node '{node.name}': {box} is tied to '{parameter.tied}', which no node before it has; "
                            f"there are {', '.join(declared) or 'none'}."
                        )
                    name = names[owner][its]
                    has, remedy = "is tied to", "give both nodes units that make these shapes equal"
                own[local] = name
                known = declared.setdefault(name, parameter)
                if known.shape != parameter.shape:
                    raise ShapeError(
                        f"node '{node.name}': {box} {has} '{name}' of shape {known.shape}, but its input {shapes[0]} "
                        f"needs {parameter.shape}; {remedy}."
                    )
        return names, declared

    def parameter_layout(self) -> Layout:
        """Return the places of all parameters in one vector."""
        return Layout(self._declared("parameters"))

    def buffer_layout(self) -> Layout:
        """Return the places of all that is remembered but not learned."""
        return Layout(self._declared("buffers"))

    def to_config(self) -> Any:
        """Return the graph as something the json module can write."""
        nodes = []
        for node in self.nodes:
            layer = None if node.layer is None else to_config(node.layer, f"node '{node.name}'")
            entry = {"name": node.name, "inputs": list(node.inputs), "owner": node.owner, "layer": layer}
            nodes.append({**entry, "shape": list(node.shape)} if node.layer is None else entry)
        return {"nodes": nodes, "inputs": list(self.inputs)}

    @classmethod
    def from_config(cls, config: Any) -> Graph:
        """Return the graph that `config` describes; shapes are checked again."""
        try:
            nodes: list[GraphNode] = []
            layers: dict[str, Layer] = {}
            for entry in config["nodes"]:
                name, owner = str(entry["name"]), str(entry["owner"])
                places = tuple(int(index) for index in entry["inputs"])
                if any(not 0 <= index < len(nodes) for index in places):
                    raise ModelFileError(f"node '{name}' reads nodes that do not come before it.")
                if entry["layer"] is None:
                    shape = tuple(int(size) for size in entry["shape"])
                    nodes.append(GraphNode(name, None, (), shape, owner))
                    continue
                layer = layers.setdefault(owner, from_config(entry["layer"], Layer))
                shape = layer.output_shape(*(nodes[index].shape for index in places))
                nodes.append(GraphNode(name, layer, places, shape, owner))
            graph = cls(tuple(nodes), tuple(int(index) for index in config["inputs"]))
            if not nodes or sorted(graph.inputs) != [i for i, node in enumerate(nodes) if node.layer is None]:
                raise ModelFileError("its inputs do not match its nodes.")
            graph._declared("parameters")
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise ModelFileError(f"the description of the network is damaged: {error}") from error
        return graph
