"""Every quantity of a pass, held against a computation by hand and against finite differences."""

from __future__ import annotations

import copy
import dataclasses
import math
import pickle

import numpy
import pytest
import scipy.sparse

import clearprop as cp
from cases import LAYERS, assert_close
from clearprop.parameters import Parameter

# a 2-2-1 network, one row, computed by hand in Python's math: rows are lists, x W with W (n_in, n_out)
x, y = [1.0, 2.0], 1.0
W1, b1 = [[0.5, -1.0], [0.25, 1.0]], [0.1, -0.2]
W2, b2 = [2.0, -1.0], 0.3
STRENGTH, RATE, EPSILON = 0.5, 0.1, 1e-8

a1 = [x[0] * W1[0][j] + x[1] * W1[1][j] + b1[j] for j in range(2)]
h1 = [math.tanh(a) for a in a1]
df = [1 - h * h for h in h1]
a2 = h1[0] * W2[0] + h1[1] * W2[1] + b2
delta2 = a2 - y
dh1 = [delta2 * W2[j] for j in range(2)]
delta1 = [dh1[j] * df[j] for j in range(2)]
dx = [sum(delta1[j] * W1[i][j] for j in range(2)) for i in range(2)]
dW2, dW1 = [[h1[j] * delta2] for j in range(2)], [[x[i] * delta1[j] for j in range(2)] for i in range(2)]
pW2, pW1 = [[STRENGTH * w] for w in W2], [[STRENGTH * w for w in row] for row in W1]

tW1, tW2 = [[dW1[i][j] + pW1[i][j] for j in range(2)] for i in range(2)], [[dW2[j][0] + pW2[j][0]] for j in range(2)]

BY_HAND = {
    "input_1.x": [x],
    "input_1.dx": [dx],
    "dense_1.a": [a1],
    "dense_1.delta": [delta1],
    "dense_1.W": W1,
    "dense_1.W.gradient": dW1,
    "dense_1.W.penalty": pW1,
    "dense_1.W.total": tW1,
    "dense_1.W.update": [[-RATE * t for t in row] for row in tW1],
    "dense_1.b": b1,
    "dense_1.b.gradient": delta1,
    "dense_1.b.update": [-RATE * d for d in delta1],
    "tanh_1.h": [h1],
    "tanh_1.f'": [df],
    "tanh_1.dh": [dh1],
    "dense_2.a": [[a2]],
    "dense_2.delta": [[delta2]],
    "dense_2.W": [[w] for w in W2],
    "dense_2.W.gradient": dW2,
    "dense_2.W.penalty": pW2,
    "dense_2.W.total": tW2,
    "dense_2.W.update": [[-RATE * t for t in row] for row in tW2],
    "dense_2.b": [b2],
    "dense_2.b.gradient": [delta2],
    "dense_2.b.update": [-RATE * delta2],
    "loss.prediction": [[a2]],
    "loss.values": [delta2**2 / 2],
}


def by_hand(**options):
    layers = [cp.Dense(2), cp.Tanh(), cp.Dense(1)]
    net = cp.Network(layers, inputs=2, dtype="float64", penalty=cp.L2(STRENGTH), **options)
    values = {"dense_1.W": W1, "dense_1.b": b1, "dense_2.W": [[w] for w in W2], "dense_2.b": [b2]}
    for name, value in values.items():
        net.parameters[name][...] = value
    return net


def test_every_quantity_is_the_one_computed_by_hand():
    trace = by_hand().trace([x], [y], optimizer=cp.SGD(RATE))
    assert list(trace) == list(BY_HAND)
    for name, value in BY_HAND.items():
        assert_close(trace[name], numpy.array(value), k=8, scale=8.0)  # sums of two products of numbers below 8
    assert_close(trace.loss, delta2**2 / 2, k=4)
    assert_close(trace.penalty, STRENGTH / 2 * (sum(w * w for row in W1 for w in row) + sum(w * w for w in W2)), k=4)
    assert trace.scores is trace["dense_2.a"]
    assert (trace.prediction == trace.scores).all()


def test_the_update_is_that_of_the_optimizer():
    net = by_hand()
    trace = net.trace([x], [y], optimizer=cp.Adam(RATE))
    g = numpy.array(dW1) + pW1
    # the first means are g and g^2 after their correction: a step of the rate, times the sign
    assert_close(trace["dense_1.W.update"], -RATE * g / (numpy.abs(g) + EPSILON), k=16, scale=1.0)


OPTIMIZERS = [
    cp.SGD(0.1), cp.SGD(0.1, momentum=0.9, nesterov=True), cp.Adam(0.1), cp.AdamW(0.1, weight_decay=0.3), cp.RMSProp(),
    cp.AdaGrad(), cp.SGD(0.1, clip_norm=0.01), cp.Adam(0.1, rate_factors={"b": 0.0}), cp.SGD(cp.Cosine(0.1)),
]  # fmt: skip


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_the_update_is_what_training_does(optimizer):
    net = by_hand(constraint=cp.MaxNorm(1.0))
    before, trace = {name: view.copy() for name, view in net.parameters.items()}, net.trace([x], [y])
    trace = net.trace([x], [y], optimizer=optimizer)
    net.fit([x], [y], optimizer=optimizer, epochs=1)
    for name, view in net.parameters.items():
        assert_close(trace[f"{name}.update"], view - before[name], k=4, scale=1.0)  # of parameters of size 1


def test_the_default_update_is_plain_gradient_descent():
    trace = by_hand().trace([x], [y])
    assert_close(trace["dense_1.b.update"], -0.01 * numpy.array(delta1), k=8, scale=1.0)


@pytest.mark.parametrize("weight", [None, [1.0, 2.0, 0.0, 4.0]], ids=["plain", "weighted"])
@pytest.mark.parametrize("loss", [cp.SquaredError(), cp.BinaryCrossEntropy(), cp.Poisson()], ids=repr)
def test_deltas_are_finite_differences(weight, loss):
    """An input added to a node is 0, so its gradient, which `check_gradient` verifies, is the delta of that node."""
    rng = numpy.random.default_rng(0)
    X, target = rng.normal(size=(4, 3)), rng.integers(0, 2, size=4)
    start = cp.Input(3)
    shifts = [cp.Input(size, name=name) for name, size in (("s_1", 4), ("s_2", 4), ("s_3", 1))]
    h = cp.Add()(cp.Dense(4)(start), shifts[0])
    h = cp.Add()(cp.Tanh()(h), shifts[1])
    shifted = cp.Network(cp.Add()(cp.Dense(1)(h), shifts[2]), inputs=[start, *shifts], loss=loss, dtype="float64")
    rows = (X, numpy.zeros((4, 4)), numpy.zeros((4, 4)), numpy.zeros((4, 1)))
    assert cp.check_gradient(shifted, rows, target, weight).error <= 1e-6
    moved = shifted.trace(rows, target, weight)
    plain = cp.Network([cp.Dense(4), cp.Tanh(), cp.Dense(1)], inputs=3, loss=loss, dtype="float64")
    plain.vector[...] = shifted.vector
    trace = plain.trace(X, target, weight)
    pairs = {"dense_1.delta": "s_1.dx", "tanh_1.dh": "s_2.dx", "dense_2.delta": "s_3.dx", "input_1.dx": "input_1.dx"}
    for name, other in pairs.items():
        assert_close(trace[name], moved[other], k=4)
    assert_close(trace.scores, plain.scores(X), k=4)
    assert_close(trace.prediction, plain.predict(X), k=4)
    assert_close(trace.loss, plain.loss(X, target, weight), k=4)
    for name, value in plain.gradient(X, target, weight)[1].items():
        assert_close(trace[f"{name}.gradient"], value, k=8, scale=1.0)  # deltas of size 1 cancel out


ELEMENTWISE = [case for case in LAYERS if case.value is not None and case.gradient]


@pytest.mark.parametrize("case", ELEMENTWISE, ids=lambda case: case.id)
def test_derivatives_are_finite_differences(case):
    net = cp.Network([case.layer, cp.Dense(1)], inputs=case.shapes[0], dtype="float64")
    X = case.inputs()[0]
    trace = net.trace(X, numpy.zeros(len(X)))
    node = net.graph.nodes[1].name
    h = 1e-5
    numeric = [(case.value(a + h) - case.value(a - h)) / (2 * h) for a in X.ravel()]
    # a central difference is off by h^2 / 6 f''' and by eps / h of the values' rounding
    assert numpy.abs(trace[f"{node}.f'"].ravel() - numeric).max() < 1e-9
    assert_close(trace[f"{node}.h"].ravel(), [case.value(a) for a in X.ravel()], k=32)


def test_shared_layers_show_their_parameters_once():
    start, cell = cp.Input(2), cp.Dense(2)
    net = cp.Network(cell(cp.Tanh()(cell(start))), dtype="float64")
    trace = net.trace([x], [[0.0, 0.0]])
    assert [name for name in trace if "dense" in name] == [
        "dense_1.a", "dense_1.delta", "dense_1.W", "dense_1.W.gradient", "dense_1.W.update", "dense_1.b",
        "dense_1.b.gradient", "dense_1.b.update", "dense_2.a", "dense_2.delta",
    ]  # fmt: skip
    both = trace["dense_1.delta"][0] + trace["dense_2.delta"][0]
    assert_close(trace["dense_1.b.gradient"], both, k=2)


def test_names_and_unknown_names():
    trace = by_hand().trace([x], [y])
    assert "dense_1.a" in trace
    assert "dense_1.V" not in trace
    assert "nothing" not in trace
    assert trace.get("dense_1.V", 3) == 3
    assert trace.get("dense_1.a") is trace["dense_1.a"]
    assert len(trace) == len(BY_HAND) == len(dict(trace))
    with pytest.raises(cp.UnknownNameError, match=r"no quantity 'tanh_1.a'; known are tanh_1.h, tanh_1.f', tanh_1.dh"):
        trace["tanh_1.a"]
    with pytest.raises(
        cp.UnknownNameError, match=r"no quantity 'relu_1.h'; known are input_1, dense_1, tanh_1, dense_2, loss"
    ):
        trace["relu_1.h"]
    lines = str(trace).splitlines()
    assert lines[0].startswith("loss ")
    assert [line.split()[0] for line in lines[1:]] == list(trace)
    boxes = {name: (node.box, node.symbol) for name, node in trace.nodes.items()}
    assert boxes["input_1"] == ("Input", "x")
    assert boxes["tanh_1"] == ("Tanh", "h")
    assert boxes["dense_2"] == ("Dense", "a")


def test_names_need_not_be_texts_and_traces_compare_as_objects():
    trace = by_hand().trace([x], [y])
    assert 5 not in trace
    assert trace.get(None) is None
    assert trace == trace
    assert trace != by_hand().trace([x], [y])
    assert len({trace, trace}) == 1


@dataclasses.dataclass(frozen=True)
class Shift(cp.Layer):
    by: str

    def parameters(self, *shapes):
        return {self.by: Parameter(shapes[0], cp.Constant(0.0))}

    def forward(self, ctx, p, *xs):
        return xs[0] + p[self.by], None

    def backward(self, ctx, p, kept, dh):
        return (dh,), {self.by: dh.sum(0)}


@pytest.mark.parametrize(
    ("box", "message"),
    [
        (Shift("a"), "node 'shift_1' has a parameter 'a'; a, h, x, delta, dh, dx are outputs"),
        (
            Shift("values", name="loss"),
            "parameter 'values', but 'loss.values' is the loss's own .*; give the node another",
        ),
    ],
)
def test_a_parameter_with_the_name_of_another_quantity_is_refused(box, message):
    net = cp.Network([box, cp.Dense(1)], inputs=2)
    with pytest.raises(cp.ArgumentError, match=message):
        net.trace([[1.0, 2.0]], [1.0])


def test_a_node_called_loss_hides_nothing():
    net = cp.Network([cp.Tanh(), cp.Dense(1, name="loss")], inputs=2, dtype="float64", seed=1)
    plain = cp.Network([cp.Tanh(), cp.Dense(1)], inputs=2, dtype="float64", seed=1)
    trace, expected = (each.trace([[1.0, -2.0]], [1.0]) for each in (net, plain))
    assert [name.replace("dense_1", "loss") for name in expected] == list(trace)
    for name in expected:
        own = name.replace("dense_1", "loss")
        cell = (0,) * expected[name].ndim
        assert (trace[own] == expected[name]).all()
        assert trace.explain(own, cell).substituted == expected.explain(name, cell).substituted
        assert trace.formula(own) == expected.formula(name)
    steps, usual = ([(step.name, step.phase) for step in each.steps()] for each in (trace, expected))
    assert steps == [(name.replace("dense_1", "loss"), phase) for name, phase in usual]


@pytest.mark.parametrize("training", [False, True])
def test_the_network_is_left_as_it_is(training):
    net = cp.Network([cp.Dense(4), cp.BatchNorm(), cp.Dropout(0.5), cp.Dense(1)], inputs=2)
    before = net.vector.tobytes(), net.buffer_vector.tobytes()
    rows = numpy.random.default_rng(0).normal(size=(6, 2))
    rows.setflags(write=False)
    trace = net.trace(rows, numpy.zeros(6), training=training, optimizer=cp.Adam())
    assert (net.vector.tobytes(), net.buffer_vector.tobytes()) == before
    dropped = (trace["dropout_1.a"] == 0).any()
    assert dropped == training


def test_a_trace_stays_as_it_was():
    net, rows, targets = by_hand(), numpy.array([x]), numpy.array([y])
    trace = net.trace(rows, targets, optimizer=cp.Adam())
    before, numeric = {name: trace[name].copy() for name in trace}, trace.check("dense_1.W.gradient", (0, 0))
    net.vector[...] = rows[...] = targets[...] = 9.0
    assert all((trace[name] == before[name]).all() for name in trace)
    assert trace.check("dense_1.W.gradient", (0, 0)) == numeric


@pytest.mark.parametrize("copied", [lambda trace: pickle.loads(pickle.dumps(trace)), copy.copy, copy.deepcopy])
def test_a_copy_of_a_trace_is_the_same_trace(copied):
    net = cp.Network([cp.Dense(4), cp.Dropout(0.5), cp.Dense(1)], inputs=2, dtype="float64", penalty=cp.L2(0.1))
    optimizer = cp.Adam(cp.ExponentialDecay(0.1, 0.5), rate_factors={"b": 0.5})
    rows, targets = [[1.0, 2.0], [3.0, 4.0]], [1.0, 0.0]
    state = net.fit(rows, targets, optimizer=optimizer, epochs=2)[-1].state
    trace = net.trace(rows, targets, [1.0, 2.0], training=True, optimizer=optimizer, state=state)
    again = copied(trace)
    assert again.to_json() == trace.to_json()
    assert again.explain("dense_1.W.update", (0, 0)) == trace.explain("dense_1.W.update", (0, 0))


def test_sparse_rows_are_traced():
    net = cp.Network([cp.Dense(2), cp.Tanh(), cp.Dense(1)], inputs=2)
    dense, sparse = net.trace([[1.0, 0.0]], [1.0]), net.trace(scipy.sparse.csr_array([[1.0, 0.0]]), [1.0])
    assert set(dense) - set(sparse) == {"input_1.dx"}  # it would be dense
    for name in list(dense)[2:]:
        assert_close(sparse[name], dense[name], k=4)
    assert str(sparse).splitlines()[2:] == str(dense).splitlines()[3:]
