"""Rows, targets and weights, checked before anything is computed with them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy

from clearprop.engines import Batch, Program, sparse
from clearprop.errors import DataError, NonFiniteError, ShapeError
from clearprop.graph import Graph
from clearprop.layers import Dense

__all__ = ["check_finite", "check_inputs", "make_batch"]

Array = Any


def make_batch(program: Program, X: Any, y: Any, sample_weight: Any = None) -> Batch:
    """Return rows, targets and weights as the program takes them.

    Raises
    ------
    DataError
        For data that do not fit; the message names the argument, what was got and what is expected.
    ShapeError
        If the network does not put out one vector a row, which a loss needs.
    """
    inputs = check_inputs(program.graph, X, program.dtype)
    n_rows, output = int(inputs[0].shape[0]), program.graph.output
    if len(output.shape) != 1:
        raise ShapeError(
            f"node '{output.name}': a loss takes one vector a row, got shape {output.shape}; end with Flatten()."
        )
    try:
        y = numpy.asarray(y)
    except ValueError as error:
        raise DataError(f"y must be an array: {error}; give every row the same number of targets.") from error
    with numpy.errstate(over="ignore"):  # the loss refuses what does not fit into float32
        target = program.loss.target(y, n_rows, output.shape[0], program.dtype)
    return Batch(inputs, target, _check_weights(sample_weight, n_rows, program.dtype))


def check_inputs(graph: Graph, X: Any, dtype: Any) -> tuple[Array, ...]:
    """Return `X` as one checked array an input of the graph.

    Parameters
    ----------
    graph : Graph
        Whose inputs are to be fed.
    X : array-like of shape (n, ...), or tuple of them, or mapping by input name
        Rows. A SciPy sparse matrix may feed Dense layers.
    dtype : numpy.dtype
        Type of the arrays.

    Raises
    ------
    DataError
        For a wrong shape, numbers that are not finite, or no rows.
    """
    names = [graph.nodes[place].name for place in graph.inputs]
    if isinstance(X, Mapping):
        if set(X) != set(names):
            raise DataError(f"X must have the inputs {', '.join(names)}, got {', '.join(map(str, X)) or 'none'}.")
        given: tuple[Any, ...] = tuple(X[name] for name in names)
    elif len(names) == 1:
        given = (X,)
    elif isinstance(X, tuple | list) and len(X) == len(names):
        given = tuple(X)
    else:
        raise DataError(f"X must be a tuple of {len(names)} arrays ({', '.join(names)}), got {type(X).__name__}.")
    arrays = tuple(
        _check_rows(graph, x, place, "X" if len(names) == 1 else f"X['{name}']", dtype)
        for x, place, name in zip(given, graph.inputs, names, strict=True)
    )
    if len({x.shape[0] for x in arrays}) > 1:
        sizes = ", ".join(f"{name}: {x.shape[0]}" for name, x in zip(names, arrays, strict=True))
        raise DataError(f"all inputs must have the same number of rows, got {sizes}.")
    return arrays


def _check_rows(graph: Graph, x: Any, place: int, name: str, dtype: Any) -> Array:
    shape = graph.nodes[place].shape
    if sparse(x):
        if not all(isinstance(node.layer, Dense) for node in graph.nodes if place in node.inputs):
            raise DataError(f"{name} is sparse, which only Dense layers can read; pass {name}.toarray().")
        x = x.tocsr()
        _numbers(name, x.data[:0], dtype, "encode or drop other columns")
        with numpy.errstate(over="ignore"):
            x = x.astype(dtype, copy=False)
    else:
        x = _numbers(name, x, dtype, "encode or drop other columns")
    if x.ndim == 0 or x.shape[1:] != shape:
        hint = ""
        if x.shape == shape:
            hint = f"; pass {name}.reshape(1, -1) for a single row"
        elif len(shape) == 1 and x.ndim > 2 and math.prod(x.shape[1:]) == shape[0]:
            hint = f"; pass {name}.reshape(len({name}), -1), or begin with inputs={x.shape[1:]} and Flatten()"
        raise DataError(f"{name} must have shape (n, {', '.join(map(str, shape))}), got {x.shape}{hint}.")
    if x.shape[0] == 0:
        raise DataError(f"{name} must have at least one row, got shape {x.shape}.")
    values = x.data if sparse(x) else x
    finite = numpy.isfinite(values)
    if not finite.all():
        first = int(numpy.flatnonzero(~finite.ravel())[0])
        row = int(numpy.searchsorted(x.indptr, first, "right")) - 1 if sparse(x) else first // int(x[0].size)
        kind = "NaN" if numpy.isnan(values).any() else "infinity"
        raise DataError(f"Input {name} contains {kind} (first in row {row}); fill or drop such rows.")
    return x


def _check_weights(sample_weight: Any, n_rows: int, dtype: Any) -> Array | None:
    if sample_weight is None:
        return None
    weight = _numbers("sample_weight", sample_weight, dtype, "pass one number a row")
    if weight.shape != (n_rows,):
        raise DataError(f"sample_weight must have shape ({n_rows},), one number a row, got {weight.shape}.")
    bad = ~(numpy.isfinite(weight) & (weight >= 0))
    if bad.any():
        row = int(numpy.flatnonzero(bad)[0])
        raise DataError(f"sample_weight must hold finite numbers >= 0, got {weight[row]} in row {row}.")
    if not weight.any():
        raise DataError("sample_weight must have at least one number > 0, got zeros only; pass None for equal weights.")
    with numpy.errstate(over="ignore"):
        total = weight.sum()
    if not numpy.isfinite(total):
        raise DataError(
            f"sample_weight must have a finite sum, got {total}; divide the weights by the largest of them."
        )
    return weight


def _numbers(name: str, values: Any, dtype: Any, remedy: str) -> Array:
    """Return `values` as an array of real numbers of the dtype, or raise `DataError`."""
    try:
        array = numpy.asarray(values)
        if array.dtype.kind not in "biufO":
            raise TypeError(f"its dtype is {array.dtype}")
        with numpy.errstate(over="ignore"):  # what does not fit into float32 is refused as infinite
            return array.astype(dtype, copy=False)
    except (TypeError, ValueError, OverflowError) as error:
        raise DataError(f"{name} must be an array of real numbers: {error}; {remedy}.") from error


def check_finite(what: str, values: Array, named: Mapping[str, Array], output: str) -> Array:
    """Return `values`, or raise `NonFiniteError`.

    Parameters
    ----------
    what : str
        What the values are.
    values : array
        Numbers that a network computed.
    named : mapping of str to array
        The network's parameters and buffers: the first one that is not finite is named as the cause.
    output : str
        The node to name where all of them are finite.
    """
    finite = numpy.isfinite(values)
    if finite.all():
        return values
    bad = next((name for name, view in named.items() if not numpy.isfinite(view).all()), None)
    cause = f"'{bad}' holds a number that is not finite" if bad else "the numbers grew too large on the way"
    raise NonFiniteError(
        f"the {what} of the network must be finite, got {values[~finite][0]}: {cause}; scale the inputs (and targets) "
        "to about -3 to 3, or train again.",
        node=bad or output,
    )
