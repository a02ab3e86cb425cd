"""Recurrent networks, unrolled in time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from clearprop.blocks.sequences import check_prefix, check_sequence, join, part, split
from clearprop.graph import Node
from clearprop.layers import Activation, Add, Dense, Multiply, Rescale, Sigmoid, Tanh
from clearprop.validation import check_bool, check_instance, check_integer

__all__ = ["gru", "lstm", "rnn"]


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
    return join(states, name) if return_sequence else states[-1]


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
    cuts = [part(k, units, f"{name}_{gate}_a") for k, gate in enumerate("ifgo")]
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
    return join(states, name) if return_sequence else states[-1]


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
    cuts_a = [part(k, units, f"{name}_a_{gate}") for k, gate in enumerate("rzn")]
    cuts_s = [part(k, units, f"{name}_s_{gate}") for k, gate in enumerate("rzn")]
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
    return join(states, name) if return_sequence else states[-1]


def _steps(owner: str, x: Any, units: Any, return_sequence: Any, name: str) -> list[Node]:
    """Return the steps of the sequence `x`; check what all recurrent networks are given."""
    check_prefix(owner, name)
    check_sequence(owner, "x", x)
    check_integer(owner, "units", units, minimum=1)
    check_bool(owner, "return_sequence", return_sequence)
    return split(x, name)


def _zeros(node: Node, units: int, name: str) -> Node:
    """Return a state that is 0 in every row, made from vectors that are at least as long."""
    zeros: Node = Rescale(0.0, name=f"{name}_start")(part(0, units, f"{name}_start_x")(node))
    return zeros
