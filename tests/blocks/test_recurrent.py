"""Recurrent networks: the equations step by step, gradients, names, files, refused arguments."""

from __future__ import annotations

import numpy
import pytest

import clearprop as cp
from cases import assert_close

N_ROWS, STEPS, FEATURES, UNITS = 4, 3, 2, 3
K = 64  # of a few products, exponentials and sums in each of a few steps
RECURRENT = {"rnn": cp.rnn, "lstm": cp.lstm, "gru": cp.gru}
every_recurrent = pytest.mark.parametrize("kind", RECURRENT)


def rows(shape=(STEPS, FEATURES)):
    """Return random sequences."""
    return numpy.random.default_rng(0).normal(size=(N_ROWS, *shape))


def network(kind, return_sequence=False, n_steps=STEPS):
    """Return a network of one recurrent block, with parameters of which none is special."""
    h = RECURRENT[kind](cp.Input((n_steps, FEATURES)), UNITS, return_sequence=return_sequence)
    net = cp.Network(cp.Flatten()(h) if return_sequence else h, dtype=numpy.float64)
    net.vector[...] = numpy.random.default_rng(1).uniform(-1, 1, size=net.vector.shape)
    return net


def sigmoid(a):
    """Return the logistic function."""
    return 1 / (1 + numpy.exp(-a))


def states(kind, p, X):
    """Return all states as the docstrings' equations give them, of shape (n, steps, units)."""
    U, b, W, d = (p.get(f"{kind}_{what}") for what in ("input.W", "input.b", "state.W", "state.b"))
    h = c = numpy.zeros((len(X), UNITS))
    found = []
    for x in X.swapaxes(0, 1):
        if kind == "rnn":
            h = numpy.tanh(x @ U + b + h @ W)
        elif kind == "lstm":
            i, f, g, o = numpy.split(x @ U + b + h @ W, 4, axis=1)
            c = sigmoid(f) * c + sigmoid(i) * numpy.tanh(g)
            h = sigmoid(o) * numpy.tanh(c)
        else:
            (a_r, a_z, a_n), (s_r, s_z, s_n) = numpy.split(x @ U + b, 3, axis=1), numpy.split(h @ W + d, 3, axis=1)
            r, z = sigmoid(a_r + s_r), sigmoid(a_z + s_z)
            h = (1 - z) * numpy.tanh(a_n + r * s_n) + z * h
        found.append(h)
    return numpy.stack(found, axis=1)


@every_recurrent
@pytest.mark.parametrize("n_steps", [1, STEPS])
def test_states_are_those_of_the_equations(kind, n_steps):
    X = rows(shape=(n_steps, FEATURES))
    last, whole = network(kind, n_steps=n_steps), network(kind, return_sequence=True, n_steps=n_steps)
    expected = states(kind, last.parameters, X)
    assert_close(last.scores(X), expected[:, -1], K)
    assert_close(whole.scores(X), expected.reshape(N_ROWS, -1), K)


@every_recurrent
@pytest.mark.parametrize("return_sequence", [False, True])
def test_gradients_through_time_are_finite_differences(kind, return_sequence):
    net = network(kind, return_sequence)
    y = numpy.random.default_rng(2).normal(size=net.scores(rows()).shape)
    report = cp.check_gradient(net, rows(), y)
    assert {check.name for check in report.checks} == {*net.parameters, "input_1"}
    assert report.error <= 1e-6


@every_recurrent
def test_parameters_are_shared_by_all_steps(kind):
    few, many = network(kind, n_steps=2), network(kind, n_steps=7)
    assert {name: view.shape for name, view in few.parameters.items()} == {
        name: view.shape for name, view in many.parameters.items()
    }


@every_recurrent
def test_nodes_are_numbered_by_step_in_the_summary(kind):
    shapes = {row.name: row.shape for row in network(kind).summary().rows}
    assert [shapes[name] for name in (f"{kind}_x_1", f"{kind}_h", f"{kind}_h_2", f"{kind}_h_3")] == [(2,), *[(3,)] * 3]
    assert network(kind).graph.output.name == f"{kind}_h_{STEPS}"


def test_gates_can_be_read_in_a_trace():
    net, X = network("lstm"), rows()
    trace = net.trace(X, numpy.zeros((N_ROWS, UNITS)))
    assert_close(trace["lstm_fc_2.a"] + trace["lstm_ig_2.a"], trace["lstm_c_2.a"], k=1)
    assert_close(trace["lstm_o_3.h"] * trace["lstm_tanh_c_3.h"], net.scores(X), k=1)


@every_recurrent
def test_a_stack_is_saved_and_loaded(kind, tmp_path):
    block = RECURRENT[kind]
    below = block(cp.Input((STEPS, FEATURES)), 4, return_sequence=True)
    net = cp.Network(cp.Dense(1)(block(below, UNITS, name="upper")))
    net.fit(rows(), numpy.arange(N_ROWS), epochs=2)
    net.save(tmp_path / "net")
    again = cp.load(tmp_path / "net")
    assert list(again.parameters) == list(net.parameters)
    assert "upper_state.W" in again.parameters
    assert (again.predict(rows()) == net.predict(rows())).all()


def test_a_second_network_needs_a_name_of_its_own():
    x = cp.Input((STEPS, FEATURES))
    with pytest.raises(cp.ArgumentError, match=r"two nodes are named 'rnn_\w+'; give one of them another name="):
        cp.Network(cp.Add()(cp.rnn(x, UNITS), cp.rnn(x, UNITS)))
    assert cp.Network(cp.Add()(cp.rnn(x, UNITS), cp.rnn(x, UNITS, name="other"))).summary().n_parameters == 2 * 18


def test_a_rectified_state_counts_ones():
    h = cp.rnn(cp.Input((5, 1)), 1, activation=cp.ReLU())
    net = cp.Network(h, dtype=numpy.float64)
    net.parameters["rnn_input.W"][...] = net.parameters["rnn_state.W"][...] = 1.0
    assert net.scores([[[0.0], [1.0], [1.0], [0.0], [1.0]]]).tolist() == [[3.0]]


def test_a_recurrent_network_learns_the_parity_of_four_bits():
    bits = numpy.array(list(numpy.ndindex(2, 2, 2, 2)), dtype=float)
    y = bits.sum(axis=1) % 2
    net = cp.Network(
        cp.Dense(1)(cp.gru(cp.Input((4, 1)), 8)), loss=cp.BinaryCrossEntropy(), seed=0, dtype=numpy.float64
    )
    net.fit(bits[:, :, None], y, optimizer=cp.Adam(0.03), epochs=300, batch_size=16)
    assert ((net.predict(bits[:, :, None])[:, 0] > 0.5) == y).all()


SEQUENCE = cp.Input((STEPS, FEATURES))
REFUSED = [
    (lambda: cp.rnn([[1.0]], 3), r"rnn: x must be a node, got \[\[1.0\]\]; begin with x = clearprop.Input\(\(steps"),
    (lambda: cp.rnn(SEQUENCE, 0), r"rnn: units must be an integer >= 1, got 0"),
    (lambda: cp.lstm(SEQUENCE, 2.5), r"lstm: units must be an integer >= 1, got 2.5"),
    (lambda: cp.gru(SEQUENCE, 2, return_sequence=1), r"gru: return_sequence must be True or False, got 1"),
    (lambda: cp.rnn(SEQUENCE, 2, activation="tanh"), r"rnn: activation must be of kind Activation, got 'tanh'.*Tanh"),
    (lambda: cp.rnn(SEQUENCE, 2, name="a b"), r"rnn: name must be letters, digits and _ .*got 'a b'"),
    (lambda: cp.gru(SEQUENCE, 2, name=None), r"gru: name must be of kind str, got None; pass for example 'gru'"),
]


@pytest.mark.parametrize(("make", "message"), REFUSED, ids=[message[:45] for _, message in REFUSED])
def test_wrong_arguments_are_named_with_what_was_got_and_expected(make, message):
    with pytest.raises(cp.ArgumentError, match=message):
        make()


def test_vectors_are_no_sequence():
    with pytest.raises(
        cp.ShapeError, match=r"lstm: x must have rows of shape \(steps, features\), got <node 'input_1'"
    ):
        cp.lstm(cp.Input(4), 3)
