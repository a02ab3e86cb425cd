"""A trial of boxes that clearprop did not write, so that a wrong return value is named with its node."""

from __future__ import annotations

from typing import Any

import numpy

from clearprop.errors import ShapeError
from clearprop.graph import Graph, GraphNode
from clearprop.layers import Context
from clearprop.validation import show

__all__ = ["probe"]

Array = Any
ROWS = 2


def probe(graph: Graph, dtype: Any) -> None:
    """Run the rules of every box from outside clearprop on two rows of zeros, and check what they return.

    A box that cannot take zeros is left to the first real pass.

    Raises
    ------
    ShapeError
        If `forward` does not return (output, kept) with the shape that `output_shape` promises, or `backward` not
        (gradients at the inputs, gradients at the parameters) with theirs.
    """
    for node in graph.nodes:
        if node.layer is None or type(node.layer).__module__.split(".")[0] == "clearprop":
            continue
        shapes = [graph.nodes[index].shape for index in node.inputs]
        p, b = (
            {name: numpy.zeros(parameter.shape, dtype) for name, parameter in declared.items()}
            for declared in (node.layer.parameters(*shapes), node.layer.buffers(*shapes))
        )
        ctx = Context(numpy, buffers=b, noise=lambda kind, shape: numpy.zeros(shape))
        xs = [numpy.zeros((ROWS, *shape), dtype) for shape in shapes]
        try:
            with numpy.errstate(all="ignore"):
                returned = node.layer.forward(ctx, p, *xs)
                output, kept = _two(node, "forward", "(output, what backward needs)", returned)
                _shape(node, "forward's output", output, (ROWS, *node.shape), "override output_shape, or mend forward")
                returned = node.layer.backward(ctx, p, kept, numpy.ones_like(output))
        except ShapeError:
            raise
        except Exception:  # zeros may be nothing this box can take
            continue
        dxs, gradients = _two(node, "backward", "((dx, ...), {parameter: gradient})", returned)
        if not isinstance(dxs, tuple) or len(dxs) != len(xs):
            raise ShapeError(
                f"node '{node.name}': backward must return a tuple of {len(xs)} dx first, got {show(dxs)}."
            )
        for x, dx in zip(xs, dxs, strict=True):
            if dx is not None:
                _shape(node, "backward's dx", dx, x.shape, "give dx the shape of x")
        if set(gradients) != set(p):
            raise ShapeError(
                f"node '{node.name}': backward must return a gradient for each of {sorted(p)}, got {sorted(gradients)}."
            )
        for name, view in p.items():
            _shape(node, f"backward's gradient of '{name}'", gradients[name], view.shape, "sum over the rows")


def _two(node: GraphNode, rule: str, wanted: str, returned: Any) -> tuple[Any, Any]:
    if not isinstance(returned, tuple) or len(returned) != 2:
        raise ShapeError(
            f"node '{node.name}': {type(node.layer).__name__}.{rule} must return {wanted}, got "
            f"{type(returned).__name__}; return both."
        )
    return returned


def _shape(node: GraphNode, what: str, value: Any, shape: tuple[int, ...], remedy: str) -> None:
    got = getattr(value, "shape", None)
    if got != shape:
        raise ShapeError(f"node '{node.name}': {what} must have shape {shape} for {ROWS} rows, got {got}; {remedy}.")
