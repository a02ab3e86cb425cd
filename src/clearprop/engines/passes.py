"""Passes through a graph: every box runs its own rule, forward in order and backward in reverse."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy

from clearprop.engines.base import Array
from clearprop.engines.probe import probe
from clearprop.errors import DataError
from clearprop.graph import Graph
from clearprop.layers import Context
from clearprop.parameters import Layout
from clearprop.streams import Purpose, Stream

__all__ = ["BackwardPass", "ForwardPass", "GraphPasses"]


@dataclass(frozen=True)
class ForwardPass:
    """What one forward pass computed.

    Attributes
    ----------
    outputs : list of array
        The output of each node of the graph.
    kept : list
        What each box keeps for its backward rule.
    contexts : list of Context or None
        The context each box was called with; None for inputs.
    """

    outputs: list[Array]
    kept: list[Any]
    contexts: list[Context | None]


@dataclass(frozen=True)
class BackwardPass:
    """What one backward pass computed.

    Attributes
    ----------
    deltas : list of array or None
        Gradient of the loss at the output of each node; None where nothing asked for it.
    gradient : array of shape (n_parameters,)
        Gradient of the data loss.
    """

    deltas: list[Array | None]
    gradient: Array


class GraphPasses:
    """The passes through a graph, without a loss.

    Parameters
    ----------
    graph : Graph
        The boxes.
    dtype : numpy.dtype
        Type of the parameters.
    """

    def __init__(self, graph: Graph, dtype: Any) -> None:
        self.graph, self.dtype = graph, dtype
        self.layout = graph.parameter_layout()
        self.buffer_layout = graph.buffer_layout()
        self._names = graph.names("parameters")
        self._parameters = _NodeViews(self.layout, self._names)
        self._buffers = _NodeViews(self.buffer_layout, graph.names("buffers"))
        self._learns: list[bool] = []  # dx is wanted where it leads to a parameter
        self._last_reader = list(range(len(graph.nodes)))
        for position, node in enumerate(graph.nodes):
            self._learns.append(bool(self._names[position]) or any(self._learns[index] for index in node.inputs))
            for index in node.inputs:
                self._last_reader[index] = position
        probe(graph, dtype)

    def forward(
        self,
        parameters: Array,
        buffers: Array,
        inputs: tuple[Array, ...],
        *,
        training: bool = False,
        seed: int = 0,
        step: int = 0,
        wants_dx: bool = False,
        keep: bool = True,
        given: Mapping[int, Array] | None = None,
    ) -> ForwardPass:
        """Run all boxes in order; with ``keep=False`` only the last output is left.

        `given` are outputs, by position of their nodes, that take the place of what these nodes compute.
        """
        graph = self.graph
        p, b = self._parameters.of(parameters), self._buffers.of(buffers)
        result = ForwardPass([None] * len(graph.nodes), [None] * len(graph.nodes), [None] * len(graph.nodes))
        for place, x in zip(graph.inputs, inputs, strict=True):
            result.outputs[place] = x
        given = {} if given is None else given
        stream = Stream(seed, Purpose.NOISE, step=step)
        for index, node in enumerate(graph.nodes):
            if index in given:
                result.outputs[index] = given[index]
                continue
            if node.layer is None:
                continue
            ctx = Context(
                numpy,
                training=training,
                buffers=b[index],
                noise=_noise(stream, index),
                wants_dx=wants_dx or any(self._learns[i] for i in node.inputs),
            )
            xs = (result.outputs[i] for i in node.inputs)
            try:
                output, kept = node.layer.forward(ctx, p[index], *xs)
            except DataError as error:  # a box does not know its node
                raise DataError(f"node '{node.name}': {error}") from None
            result.outputs[index] = output
            if keep:
                result.kept[index], result.contexts[index] = kept, ctx
                continue
            for place in node.inputs:
                if self._last_reader[place] == index:
                    result.outputs[place] = None
        return result

    def backward(self, parameters: Array, passed: ForwardPass, delta: Array) -> BackwardPass:
        """Run all boxes in reverse; gradients add up where a node fans out or a parameter is shared."""
        graph = self.graph
        p = self._parameters.of(parameters)
        gradient = numpy.zeros(self.layout.size, dtype=self.dtype)
        views = self.layout.views(gradient)
        deltas: list[Array | None] = [None] * len(graph.nodes)
        deltas[-1] = delta
        for index in range(len(graph.nodes) - 1, -1, -1):
            node, ctx, dh = graph.nodes[index], passed.contexts[index], deltas[index]
            if node.layer is None or ctx is None or dh is None or not (ctx.wants_dx or self._learns[index]):
                continue
            dxs, gradients = node.layer.backward(ctx, p[index], passed.kept[index], dh)
            for local, value in gradients.items():
                view = views[self._names[index][local]]
                view += value
            for place, dx in zip(node.inputs, dxs, strict=True):
                known = deltas[place]
                if dx is not None:
                    deltas[place] = dx if known is None else known + dx
        return BackwardPass(deltas, gradient)


def _noise(stream: Stream, node: int) -> Any:
    def noise(kind: str, shape: tuple[int, ...]) -> Array:
        at = stream.at(node=node)
        return {"uniform": at.uniform, "normal": at.normal, "integers": at.integers}[kind](shape)

    return noise


class _NodeViews:
    """The views of a flat vector, by node and local name; those of the vector asked for last are remembered."""

    def __init__(self, layout: Layout, names: tuple[dict[str, str], ...]) -> None:
        self._layout, self._names = layout, names
        self._last: tuple[Array, list[dict[str, Array]]] = (None, [])  # one attribute: threads may share it

    def of(self, vector: Array) -> list[dict[str, Array]]:
        """Return the views of `vector`, those of each node by local name."""
        known, views = self._last
        if vector is known:
            return views
        whole = self._layout.views(vector)
        views = [{local: whole[name] for local, name in names.items()} for names in self._names]
        self._last = vector, views
        return views
