"""The door to the engines, and what the array engine does where graphs fork and rows have no weight."""

from __future__ import annotations

from dataclasses import dataclass

import numpy
import pytest

import clearprop as cp
from cases import assert_close
from clearprop import engines
from clearprop.engines import ArrayEngine, Batch, choose

RNG = numpy.random.default_rng(0)
X, Y = RNG.normal(size=(11, 3)), RNG.normal(size=11)


def network(**options):
    return cp.Network([cp.Dense(4), cp.Tanh(), cp.Dense(1)], inputs=3, dtype="float64", **options)


class Picky(ArrayEngine):
    """Takes networks without a penalty, trained by SGD."""

    name = "picky"

    def refuses(self, program, optimizer):
        if program.penalty is not None:
            return "it has a penalty"
        return None if optimizer is None or isinstance(optimizer, cp.SGD) else f"it is trained by {optimizer!r}"


@pytest.fixture
def picky(monkeypatch):
    monkeypatch.setattr(engines, "ENGINES", {"picky": Picky(), "array": ArrayEngine()})


@pytest.mark.usefixtures("picky")
def test_auto_takes_the_first_engine_that_does_not_refuse():
    assert choose("auto", network().program).name == "picky"
    assert choose("auto", network(penalty=cp.L2(0.1)).program).name == "array"
    assert choose("auto", network().program, cp.Adam()).name == "array"
    assert choose("array", network().program).name == "array"


@pytest.mark.usefixtures("picky")
def test_a_forced_engine_that_refuses_says_why():
    with pytest.raises(
        cp.ArgumentError, match=r"engine 'picky' refuses this network: it has a penalty; use engine='au"
    ):
        network(penalty=cp.L2(0.1), engine="picky")
    net = network(engine="picky")
    with pytest.raises(cp.ArgumentError, match=r"engine 'picky' refuses .*: it is trained by Adam\(\)"):
        net.fit(X, Y, optimizer=cp.Adam())
    with pytest.raises(cp.ArgumentError, match=r"engine must be one of 'auto', 'picky', 'array', got 'cuda'"):
        network(engine="cuda")


def test_a_network_is_compiled_once():
    net = network(engine="array")
    assert net.executor() is net.executor(cp.Adam()) is net.reference()


class Stop(cp.Layer):
    """Passes x on and no gradient back."""

    def forward(self, ctx, p, *xs):
        return xs[0], None

    def backward(self, ctx, p, kept, dh):
        return (None,), {}


@pytest.mark.parametrize("first", [False, True])
def test_a_branch_without_a_gradient_leaves_the_other_branch_alone(first):
    x = cp.Input(3)
    h = cp.Dense(2)(x)
    branches = (Stop()(h), cp.Tanh()(h)) if first else (cp.Tanh()(h), Stop()(h))
    forked = cp.Network(cp.Dense(1, bias=False, initializer=cp.Constant(1.0))(cp.Add()(*branches)), dtype="float64")
    target = numpy.zeros(11)
    residual = forked.scores(X) / 11
    derivative = 1 - numpy.tanh(X @ forked.parameters["dense_1.W"]) ** 2
    _, gradient = forked.gradient(X, target)
    assert_close(gradient["dense_1.W"], X.T @ (residual * derivative), k=64)


def test_a_batch_without_weight_has_no_loss_and_no_gradient():
    net = network(penalty=cp.L2(0.1, per_row=True))
    batch = net.batch(X, Y)
    empty = Batch(batch.inputs, batch.target, numpy.zeros(11))
    data, penalty, gradient = net.reference().gradient(net.vector, net.buffer_vector, empty, training=False)
    assert (data, penalty) == (0.0, 0.0)
    assert not gradient.any()


def test_penalties_a_row_are_divided_by_the_weights():
    net, weight = network(penalty=cp.L2(0.5, per_row=True)), numpy.arange(11.0)
    plain = network()
    squares = sum(float((view**2).sum()) for name, view in net.parameters.items() if name.endswith("W"))
    assert_close(net.loss(X, Y, weight) - plain.loss(X, Y, weight), 0.25 * squares / weight.sum(), k=64)


def test_a_penalty_of_a_layers_own_replaces_the_networks():
    layers = [cp.Dense(4, penalty=cp.L1(0.2)), cp.Tanh(), cp.Dense(1)]
    net = cp.Network(layers, inputs=3, dtype="float64", penalty=cp.L2(0.5))
    first, second = net.parameters["dense_1.W"], net.parameters["dense_2.W"]
    expected = 0.2 * numpy.abs(first).sum() + 0.25 * (second**2).sum()
    assert_close(net.trace(X, Y).penalty, expected, k=8)
    assert_close(net.trace(X, Y)["dense_1.W.penalty"], 0.2 * numpy.sign(first), k=1)


@pytest.mark.parametrize("rows", [slice(2, 5), numpy.array([3, 0, 3]), slice(0, 0)], ids=str)
def test_a_batch_takes_rows_with_their_targets_and_weights(rows):
    batch = network().batch(X, Y, numpy.arange(11.0)).take(rows)
    assert (batch.inputs[0] == X[rows]).all()
    assert (batch.target[:, 0] == Y[rows]).all()
    assert (batch.weight == numpy.arange(11.0)[rows]).all()
    assert batch.n_rows == len(X[rows])


def test_a_batch_changes_its_numbers_but_not_its_classes():
    net = cp.Network([cp.Dense(3)], inputs=3, loss=cp.CrossEntropy(), dtype="float64")
    batch = net.batch(X, numpy.arange(11) % 3, numpy.ones(11)).astype(numpy.float32)
    assert (batch.inputs[0].dtype, batch.weight.dtype) == (numpy.float32, numpy.float32)
    assert batch.target.dtype == numpy.int64


@dataclass(frozen=True)
class OnlyOutput(cp.Layer):
    def forward(self, ctx, p, *xs):
        return xs[0]


@dataclass(frozen=True)
class Narrower(cp.Layer):
    def forward(self, ctx, p, *xs):
        return xs[0][:, :1], None


@dataclass(frozen=True)
class OnlyGradient(cp.Layer):
    def forward(self, ctx, p, *xs):
        return xs[0], None

    def backward(self, ctx, p, kept, dh):
        return dh


@dataclass(frozen=True)
class Forgetful(cp.Layer):
    def parameters(self, *shapes):
        return {"s": cp.Parameter(shapes[0], cp.Constant(1.0))}

    def forward(self, ctx, p, *xs):
        return xs[0] * p["s"], xs[0]

    def backward(self, ctx, p, kept, dh):
        return (dh * p["s"],), {"s": dh * kept}


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (OnlyOutput(), r"'only_output_1': OnlyOutput.forward must return \(output, what backward needs\)"),
        (Narrower(), r"'narrower_1': forward's output must have shape \(2, 3\) for 2 rows, got \(2, 1\)"),
        (OnlyGradient(), r"'only_gradient_1': OnlyGradient.backward must return"),
        (Forgetful(), r"'forgetful_1': backward's gradient of 's' must have shape \(3,\) .* sum over the rows"),
    ],
)
def test_a_box_of_the_users_that_returns_the_wrong_thing_is_named(layer, message):
    with pytest.raises(cp.ShapeError, match=message):
        cp.Network([layer, cp.Dense(1)], inputs=3).scores([[1.0, 2.0, 3.0]])
