"""Recurrent networks and attention: functions that take nodes, join boxes and return a node.

A recurrence is unrolled in time: the boxes of a step are made once and called on every step of a sequence, so that
they share their parameters, and backpropagation through the graph is backpropagation through time. Nodes are numbered
by step: ``rnn_h`` is the state after the first step, ``rnn_h_2`` after the second. The state before the first is zero.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from clearprop.errors import ArgumentError, ShapeError
from clearprop.graph import Node
from clearprop.layers import (
    Activation,
    Add,
    Concatenate,
    Dense,
    Flatten,
    MatMul,
    Multiply,
    Rescale,
    Reshape,
    Sigmoid,
    Slice,
    Softmax,
    Tanh,
    Transpose,
)
from clearprop.validation import check_bool, check_instance, check_integer, check_name, show

__all__ = ["attention", "gru", "lstm", "rnn"]


def rnn(x: Node, units: int, activation: Activation = Tanh(), return_sequence: bool = False, name: str = "rnn") -> Node:
    """Return the last state of a recurrent network that reads a sequence, or all its states.

    With x_t of shape (n, features) the t-th step of x, U (features, units), W (units, units), b (units,) and
    h_0 = 0, each state h_t of shape (n, units) is::

        h_t = f(x_t U + b + h_{t-1} W)

    PyTorch has two biases where there is one here, which is their sum.

    Parameters
    ----------
    x : Node
        A sequence: rows of shape (steps, features).
    units : int >= 1
        Length of the state.
    activation : Activation, default=Tanh()
        The function f.
    return_sequence : bool, default=False
        Whether to return all states, rows of shape (steps, units), in place of the last, (units,).
    name : str, default="rnn"
        What the names of the nodes begin with; a second network in the same graph needs another one. The parameters
        are ``rnn_input.W`` (U), ``rnn_input.b`` and ``rnn_state.W``.

    Returns
    -------
    Node
        The state, or the states, to call further layers on.

    Raises
    ------
    ArgumentError
        For arguments outside these ranges.
    ShapeError
        If x is no sequence.

    Examples
    --------
    >>> import clearprop as cp
    >>> h = cp.rnn(cp.Input((3, 2)), units=1, activation=cp.Identity())
    >>> net = cp.Network(h)
    >>> for name, values in (("rnn_input.W", [[1.0], [1.0]]), ("rnn_state.W", [[0.5]])):
    ...     net.parameters[name][...] = values
    >>> net.scores([[[1.0, 1.0], [0.0, 0.0], [4.0, 0.0]]]).tolist()  # 2, then 1, then 4.5
    [[4.5]]

    References
    ----------
    Elman (1990), "Finding structure in time".
    """
    steps = _steps("rnn", x, units, return_sequence, name)
    check_instance("rnn", "activation", activation, Activation, "Tanh()")
    from_input = Dense(units, name=f"{name}_input")
    from_state = Dense(units, bias=False, name=f"{name}_state")
    add, f = Add(name=f"{name}_a"), replace(activation, name=f"{name}_h")

    inputs = [from_input(step) for step in steps]
    h = _zeros(inputs[0], units, name)
    states: list[Node] = []
    for a in inputs:
        h = f(add(a, from_state(h)))
        states.append(h)
    return _sequence(states, name) if return_sequence else states[-1]


def lstm(x: Node, units: int, return_sequence: bool = False, name: str = "lstm") -> Node:
    """Return the last state of a network with long short-term memory that reads a sequence, or all its states.

    With x_t of shape (n, features) the t-th step of x, U (features, 4 units), W (units, 4 units), b (4 units,) and
    h_0 = c_0 = 0, the four gates, the memory c_t and the state h_t, all of shape (n, units), are::

        [a_i, a_f, a_g, a_o] = x_t U + b + h_{t-1} W
        i = sigmoid(a_i)        f = sigmoid(a_f)        g = tanh(a_g)        o = sigmoid(a_o)
        c_t = f c_{t-1} + i g        h_t = o tanh(c_t)

    The order of the gates is that of PyTorch and Keras (ONNX: i, o, f, g). PyTorch has two biases where there is one
    here, which is their sum; Keras starts the forget gate's at 1, here all start at 0.

    Parameters
    ----------
    x : Node
        A sequence: rows of shape (steps, features).
    units : int >= 1
        Length of the memory and of the state.
    return_sequence : bool, default=False
        Whether to return all states, rows of shape (steps, units), in place of the last, (units,).
    name : str, default="lstm"
        What the names of the nodes begin with; a second network in the same graph needs another one. The parameters
        are ``lstm_input.W`` (U), ``lstm_input.b`` and ``lstm_state.W``; ``lstm_f_2`` is the forget gate of the second
        step, and so on for the other letters.

    Returns
    -------
    Node
        The state, or the states, to call further layers on.

    Raises
    ------
    ArgumentError
        For arguments outside these ranges.
    ShapeError
        If x is no sequence.

    Examples
    --------
    >>> import clearprop as cp
    >>> net = cp.Network(cp.lstm(cp.Input((5, 2)), units=3))
    >>> {name: view.shape for name, view in net.parameters.items()}
    {'lstm_input.W': (2, 12), 'lstm_input.b': (12,), 'lstm_state.W': (3, 12)}

    References
    ----------
    Hochreiter and Schmidhuber (1997), "Long short-term memory"; Gers, Schmidhuber and Cummins (2000), "Learning to
    forget: continual prediction with LSTM", for the forget gate.
    """
    steps = _steps("lstm", x, units, return_sequence, name)
    from_input = Dense(4 * units, name=f"{name}_input")
    from_state = Dense(4 * units, bias=False, name=f"{name}_state")
    add = Add(name=f"{name}_a")
    cuts = [_part(k, units, f"{name}_{gate}_a") for k, gate in enumerate("ifgo")]
    squashes = [(Tanh if gate == "g" else Sigmoid)(name=f"{name}_{gate}") for gate in "ifgo"]
    forget, write, update = Multiply(name=f"{name}_fc"), Multiply(name=f"{name}_ig"), Add(name=f"{name}_c")
    tanh, read = Tanh(name=f"{name}_tanh_c"), Multiply(name=f"{name}_h")

    inputs = [from_input(step) for step in steps]
    h = c = _zeros(inputs[0], units, name)
    states: list[Node] = []
    for a_x in inputs:
        a = add(a_x, from_state(h))
        i, f, g, o = (squash(cut(a)) for squash, cut in zip(squashes, cuts, strict=True))
        c = update(forget(f, c), write(i, g))
        h = read(o, tanh(c))
        states.append(h)
    return _sequence(states, name) if return_sequence else states[-1]


def gru(x: Node, units: int, return_sequence: bool = False, name: str = "gru") -> Node:
    """Return the last state of a network of gated recurrent units that reads a sequence, or all its states.

    With x_t of shape (n, features) the t-th step of x, U (features, 3 units), W (units, 3 units), b and d (3 units,)
    and h_0 = 0, the reset gate r, the update gate z, the candidate n and the state h_t, all of shape (n, units), are::

        [a_r, a_z, a_n] = x_t U + b        [s_r, s_z, s_n] = h_{t-1} W + d
        r = sigmoid(a_r + s_r)        z = sigmoid(a_z + s_z)        n = tanh(a_n + r s_n)
        h_t = (1 - z) n + z h_{t-1}

    This is the variant of PyTorch, of cuDNN and, by default, of Keras, which resets after the product with W. Cho et
    al. reset before it (eq. 8, in our letters n = tanh(a_n + (r h_{t-1}) W_n)), and so does ONNX by default. The order
    of the gates is PyTorch's; Keras and ONNX have z first.

    Parameters
    ----------
    x : Node
        A sequence: rows of shape (steps, features).
    units : int >= 1
        Length of the state.
    return_sequence : bool, default=False
        Whether to return all states, rows of shape (steps, units), in place of the last, (units,).
    name : str, default="gru"
        What the names of the nodes begin with; a second network in the same graph needs another one. The parameters
        are ``gru_input.W`` (U), ``gru_input.b``, ``gru_state.W`` and ``gru_state.b`` (d); ``gru_z_2`` is the update
        gate of the second step, and so on for the other letters.

    Returns
    -------
    Node
        The state, or the states, to call further layers on.

    Raises
    ------
    ArgumentError
        For arguments outside these ranges.
    ShapeError
        If x is no sequence.

    Examples
    --------
    >>> import clearprop as cp
    >>> net = cp.Network(cp.gru(cp.Input((5, 2)), units=3))
    >>> {name: view.shape for name, view in net.parameters.items()}
    {'gru_input.W': (2, 9), 'gru_input.b': (9,), 'gru_state.W': (3, 9), 'gru_state.b': (9,)}

    References
    ----------
    Cho et al. (2014), "Learning phrase representations using RNN encoder-decoder for statistical machine translation",
    section 2.3.
    """
    steps = _steps("gru", x, units, return_sequence, name)
    from_input, from_state = Dense(3 * units, name=f"{name}_input"), Dense(3 * units, name=f"{name}_state")
    cuts_a = [_part(k, units, f"{name}_a_{gate}") for k, gate in enumerate("rzn")]
    cuts_s = [_part(k, units, f"{name}_s_{gate}") for k, gate in enumerate("rzn")]
    add_r, add_z, add_n = (Add(name=f"{name}_{gate}_a") for gate in "rzn")
    sigmoid_r, sigmoid_z, tanh = Sigmoid(name=f"{name}_r"), Sigmoid(name=f"{name}_z"), Tanh(name=f"{name}_n")
    reset, rest = Multiply(name=f"{name}_rs"), Rescale(-1.0, 1.0, name=f"{name}_1_minus_z")
    renew, hold, update = Multiply(name=f"{name}_new"), Multiply(name=f"{name}_old"), Add(name=f"{name}_h")

    inputs = [from_input(step) for step in steps]
    h = _zeros(inputs[0], units, name)
    states: list[Node] = []
    for a in inputs:
        s = from_state(h)
        a_r, a_z, a_n = (cut(a) for cut in cuts_a)
        s_r, s_z, s_n = (cut(s) for cut in cuts_s)
        r, z = sigmoid_r(add_r(a_r, s_r)), sigmoid_z(add_z(a_z, s_z))
        n = tanh(add_n(a_n, reset(r, s_n)))
        h = update(renew(rest(z), n), hold(z, h))
        states.append(h)
    return _sequence(states, name) if return_sequence else states[-1]


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
    _check_prefix("attention", name)
    for argument, node in (("queries", queries), ("keys", keys), ("values", values)):
        _check_sequence("attention", argument, node)
    if units is not None:
        check_integer("attention", "units", units, minimum=1)
        queries = _project(queries, units, f"{name}_query")
        keys = _project(keys, units, f"{name}_key")
        values = _project(values, units, f"{name}_value")
    products = MatMul(name=f"{name}_products")(queries, Transpose(name=f"{name}_keys_transposed")(keys))
    scores = Rescale(1.0 / math.sqrt(queries.shape[1]), name=f"{name}_scores")(products)
    means: Node = MatMul(name=name)(Softmax(name=f"{name}_weights")(scores), values)
    return means


def _check_prefix(owner: str, name: Any) -> None:
    check_instance(owner, "name", name, str, f"'{owner}'")
    check_name(owner, name)


def _check_sequence(owner: str, argument: str, node: Any) -> None:
    if not isinstance(node, Node):
        raise ArgumentError(
            f"{owner}: {argument} must be a node, got {show(node)}; begin with {argument} = "
            "clearprop.Input((steps, features))."
        )
    if len(node.shape) != 2:
        raise ShapeError(
            f"{owner}: {argument} must have rows of shape (steps, features), got {node!r}; put Reshape before it."
        )


def _steps(owner: str, x: Any, units: Any, return_sequence: Any, name: str) -> list[Node]:
    """Return the steps of the sequence `x`; check what all recurrent networks are given."""
    _check_prefix(owner, name)
    _check_sequence(owner, "x", x)
    check_integer(owner, "units", units, minimum=1)
    check_bool(owner, "return_sequence", return_sequence)
    return _split(x, name)


def _split(x: Node, name: str) -> list[Node]:
    """Return the steps of a sequence, rows of shape (features,)."""
    n_steps, features = x.shape
    vector = Flatten(name=f"{name}_flat")(x)
    return [_part(step, features, f"{name}_x_{step + 1}")(vector) for step in range(n_steps)]


def _part(k: int, size: int, name: str) -> Slice:
    """Return the box that cuts out the k-th of parts of equal size."""
    return Slice(k * size, (k + 1) * size, name=name)


def _zeros(node: Node, units: int, name: str) -> Node:
    """Return a state that is 0 in every row, made from vectors that are at least as long."""
    zeros: Node = Rescale(0.0, name=f"{name}_start")(_part(0, units, f"{name}_start_x")(node))
    return zeros


def _sequence(nodes: Sequence[Node], name: str) -> Node:
    """Return vectors of equal length as one node with rows of shape (steps, length)."""
    joined = Concatenate(name=f"{name}_joined")(*nodes) if len(nodes) > 1 else nodes[0]
    sequence: Node = Reshape((len(nodes), *nodes[0].shape), name=f"{name}_sequence")(joined)
    return sequence


def _project(x: Node, units: int, name: str) -> Node:
    """Return every step of a sequence times one learned matrix."""
    dense = Dense(units, bias=False, name=name)
    return _sequence([dense(step) for step in _split(x, name)], name)
