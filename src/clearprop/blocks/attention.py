"""Attention: means of values, weighted by how well their keys fit a query."""

from __future__ import annotations

import math

from clearprop.blocks.sequences import check_prefix, check_sequence, join, split
from clearprop.graph import Node
from clearprop.layers import Dense, MatMul, Rescale, Softmax, Transpose
from clearprop.validation import check_integer

__all__ = ["attention"]


def attention(queries: Node, keys: Node, values: Node, units: int | None = None, name: str = "attention") -> Node:
    """Return for each query the mean of the values, weighted by how well their keys fit it.

    With Q of shape (n, q, d), K (n, k, d) and V (n, k, m)::

        H = softmax(Q K^T / sqrt(d)) V

    where H has shape (n, q, m) and softmax goes along the keys. The three are the nodes themselves or, with `units`,
    learned projections of them, the same at every step: Q = queries W_q, K = keys W_k, V = values W_v.

    Parameters
    ----------
    queries, keys, values : Node
        Sequences: rows of shape (q, d), (k, d) and (k, m). One node three times is self-attention.
    units : int >= 1 or None
        Width d = m of the projections; by default there are none, and nothing to learn.
    name : str, default="attention"
        What the names of the nodes begin with; a second use in the same graph needs another one. The weights of
        the mean, rows of shape (q, k), are the node ``attention_weights``; the parameters are ``attention_query.W``,
        ``attention_key.W`` and ``attention_value.W``.

    Returns
    -------
    Node
        Rows of shape (q, m).

    Raises
    ------
    ArgumentError
        For anything but nodes, and units outside this range.
    ShapeError
        If the nodes are no sequences, or their shapes do not fit.

    Examples
    --------
    >>> import clearprop as cp
    >>> query, keys, values = cp.Input((1, 1)), cp.Input((2, 1)), cp.Input((2, 1))
    >>> net = cp.Network(cp.attention(query, keys, values))
    >>> net.scores(([[[100.0]]], [[[1.0], [-1.0]]], [[[5.0], [7.0]]])).tolist()  # the first key fits
    [[[5.0]]]
    >>> net.scores(([[[0.0]]], [[[1.0], [-1.0]]], [[[5.0], [7.0]]])).tolist()  # both fit as well
    [[[6.0]]]

    References
    ----------
    Vaswani et al. (2017), "Attention is all you need", eq. 1.
    """
    check_prefix("attention", name)
    for argument, node in (("queries", queries), ("keys", keys), ("values", values)):
        check_sequence("attention", argument, node)
    if units is not None:
        check_integer("attention", "units", units, minimum=1)
        queries = _project(queries, units, f"{name}_query")
        keys = _project(keys, units, f"{name}_key")
        values = _project(values, units, f"{name}_value")
    products = MatMul(name=f"{name}_products")(queries, Transpose(name=f"{name}_keys_transposed")(keys))
    scores = Rescale(1.0 / math.sqrt(queries.shape[1]), name=f"{name}_scores")(products)
    means: Node = MatMul(name=name)(Softmax(name=f"{name}_weights")(scores), values)
    return means


def _project(x: Node, units: int, name: str) -> Node:
    """Return every step of a sequence times one learned matrix."""
    dense = Dense(units, bias=False, name=name)
    return join([dense(step) for step in split(x, name)], name)
