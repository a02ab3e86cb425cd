"""The gradient check passes what is right, finds what is wrong, and tells a kink from an error."""

from __future__ import annotations

from dataclasses import dataclass

import numpy
import pytest
import scipy.sparse
from sklearn.datasets import load_digits

import clearprop as cp
from cases import LOSSES

RNG = numpy.random.default_rng(0)
X, Z, Y = RNG.normal(size=(7, 3)), RNG.normal(size=(7, 2)), RNG.normal(size=7)


def chain(n_outputs, loss):
    return cp.Network([cp.Dense(5), cp.Tanh(), cp.Dense(n_outputs)], inputs=3, loss=loss, penalty=cp.L2(0.1))


def graph(n_outputs, loss):
    """Return a network with two inputs, a fan-out, a residual connection, a gate and a shared layer."""
    left, right, cell = cp.Input(3), cp.Input(2), cp.Dense(4)
    h = cp.Tanh()(cell(left))
    gate = cp.Sigmoid()(cp.Dense(4)(right))
    h = cp.Add()(h, cp.Multiply()(h, gate))
    h = cp.Concatenate()(cp.LayerNorm()(h), cell(left), cp.RBF(2)(right))
    return cp.Network(cp.Dense(n_outputs)(h), loss=loss)


@pytest.mark.parametrize("case", LOSSES, ids=lambda case: case.id)
def test_right_gradients_pass_for_all_losses(case):
    for net, rows in ((chain(case.n_outputs, case.loss), X), (graph(case.n_outputs, case.loss), (X, Z))):
        report = cp.check_gradient(net, rows, case.raw(), sample_weight=numpy.arange(7.0))
        inputs = [net.graph.nodes[place].name for place in net.graph.inputs]
        assert [check.name for check in report.checks] == [*net.parameters, *inputs]
        assert 0.0 < report.error <= report.tolerance == 1e-6
        n_kinks = sum(check.n_kinks for check in report.checks)
        assert n_kinks == 0


@pytest.mark.parametrize("training", [False, True])
def test_the_pass_of_training_is_checked_with_fixed_noise(training):
    layers = [
        cp.Dense(6), cp.BatchNorm(), cp.RReLU(), cp.Dropout(0.3), cp.Dense(4), cp.GaussianNoise(0.5), cp.ELU(),
        cp.Dense(2),
    ]  # fmt: skip
    net = cp.Network(layers, inputs=3, loss=cp.CrossEntropy())
    loss = {mode: net.astype("float64").loss(X, Y > 0, training=mode) for mode in (False, True)}
    assert loss[False] != loss[True]
    assert cp.check_gradient(net, X, Y > 0, training=training).error <= 1e-6


def test_images_and_sparse_rows():
    image = RNG.normal(size=(4, 2, 3, 2))
    net = cp.Network([cp.BatchNorm(), cp.PReLU(), cp.Flatten(), cp.Dense(1)], inputs=(2, 3, 2))
    assert cp.check_gradient(net, image, Y[:4], training=True).error <= 1e-6
    rows = scipy.sparse.csr_array(numpy.where(X > 0, X, 0.0))
    report = cp.check_gradient(chain(1, cp.Huber()), rows, Y)
    assert report.checks[-1] == cp.check_gradient(chain(1, cp.Huber()), rows.toarray(), Y).checks[-1]


# ---- planted errors


@dataclass(frozen=True)
class Wrong(cp.Layer):
    """h = s x + t with a backward rule that is wrong in one place."""

    error: str

    def parameters(self, *shapes):
        return {"s": cp.Parameter(shapes[0], cp.Uniform(1.0)), "t": cp.Parameter(shapes[0], cp.Constant(0.0))}

    def forward(self, ctx, p, *xs):
        return xs[0] * p["s"] + p["t"], xs[0]

    def backward(self, ctx, p, kept, dh):
        dx, ds, dt = dh * p["s"], (dh * kept).sum(axis=0), dh.sum(axis=0)
        if self.error == "sign":
            ds = -ds
        elif self.error == "factor":
            dt = dt * (1 + 1e-4)
        elif self.error == "missing":
            dt = dt * 0
        elif self.error == "one entry":
            ds = ds + numpy.eye(len(ds))[1] * 1e-3
        elif self.error == "nan":
            ds = ds * numpy.nan
        elif self.error == "dx":
            dx = dh
        elif self.error == "mean":
            ds = (dh * kept).mean(axis=0)
        return (dx,), {"s": ds, "t": dt}


PLANTED = {
    "sign": "wrong_1.s",
    "factor": "wrong_1.t",
    "missing": "wrong_1.t",
    "one entry": "wrong_1.s",
    "nan": "wrong_1.s",
    "mean": "wrong_1.s",
    "dx": "dense_1.W",  # the rule of the box after it is wrong
}


@pytest.mark.parametrize("error", PLANTED)
def test_a_planted_error_is_found_and_named(error):
    net = cp.Network([cp.Dense(4), cp.Tanh(), Wrong(error), cp.Tanh(), cp.Dense(1)], inputs=3)
    with pytest.raises(cp.GradientCheckError) as caught:
        cp.check_gradient(net, X, Y)
    assert f"the gradient of '{PLANTED[error]}' is wrong at (" in str(caught.value)
    for fragment in ("backward gives", "finite differences give", "allowed 1e-06", "check the backward rule"):
        assert fragment in str(caught.value)
    assert isinstance(caught.value, AssertionError)


def test_the_same_box_without_an_error_passes():
    net = cp.Network([cp.Dense(4), cp.Tanh(), Wrong("none"), cp.Tanh(), cp.Dense(1)], inputs=3)
    assert cp.check_gradient(net, X, Y).error <= 1e-6


def test_a_wrong_gradient_at_the_input_alone_is_found():
    net = cp.Network([Wrong("dx"), cp.Dense(1)], inputs=3)
    with pytest.raises(cp.GradientCheckError, match=r"gradient of 'input_1' is wrong"):
        cp.check_gradient(net, X, Y)


def test_a_looser_tolerance_lets_a_small_error_pass():
    net = cp.Network([Wrong("factor"), cp.Dense(1)], inputs=3)
    assert 1e-5 < cp.check_gradient(net, X, Y, tolerance=1e-3).error < 1e-3


# ---- kinks

ZERO, ONE = cp.Constant(0.0), cp.Constant(1.0)
KINKS = [
    # what, network, rows, where the kink is, how many entries of it
    ("ReLU at 0", cp.Network([cp.ReLU(), cp.Dense(1)], 2), [[0.0, 1.0], [2.0, 0.0]], "input_1", 2),
    ("ReLU from weights", cp.Network([cp.Dense(2, initializer=ZERO), cp.ReLU(), cp.Dense(1)], 1), [[1.0], [2.0]],
     "dense_1.W", 2),
    ("Abs at 0", cp.Network([cp.Abs(), cp.Dense(1)], 2), [[0.0, 1.0], [2.0, 0.0]], "input_1", 2),
    ("L1 at weight 0", cp.Network([cp.Dense(1, initializer=ZERO)], 2, penalty=cp.L1(0.5)), [[0.1, 0.1]] * 2,
     "dense_1.W", 2),
    ("Maxout tie", cp.Network([cp.Maxout(2, 2, initializer=ONE), cp.Dense(1)], 1), [[1.0], [2.0]], "maxout_1.W", 4),
    ("no kink", cp.Network([cp.Tanh(), cp.Dense(1)], 1), [[0.0], [2.0]], "input_1", 0),
]  # fmt: skip


@pytest.mark.parametrize(("what", "net", "rows", "name", "n_kinks"), KINKS, ids=[row[0] for row in KINKS])
def test_kinks_are_counted_and_are_no_failures(what, net, rows, name, n_kinks):
    report = cp.check_gradient(net, rows, [1.0, 3.0])
    found = {check.name: check.n_kinks for check in report.checks}
    assert found[name] == n_kinks
    assert f"{name}  " in str(report)


def test_a_value_outside_the_subgradients_at_a_kink_is_an_error():
    class Steep(cp.ReLU):
        def derivative(self, ctx, kept):
            return 1.5 + 0.0 * super().derivative(ctx, kept)

    net = cp.Network([Steep(), cp.Dense(1)], inputs=1)
    with pytest.raises(cp.GradientCheckError, match="input_1"):
        cp.check_gradient(net, [[0.0]], [1.0])


def test_step_has_no_gradient():
    with pytest.raises(cp.NoGradientError, match="Step has no gradient; use it in networks that only predict"):
        cp.check_gradient(cp.Network([cp.Dense(2), cp.Step(), cp.Dense(1)], inputs=3), X, Y)


# ---- conduct


@pytest.mark.parametrize("training", [False, True])
def test_network_and_data_are_left_as_they_are(training):
    net = cp.Network([cp.Dense(4), cp.BatchNorm(), cp.Dropout(0.2), cp.Dense(1)], inputs=3)
    before, rows = (net.vector.tobytes(), net.buffer_vector.tobytes()), X.copy()
    rows.setflags(write=False)
    cp.check_gradient(net, rows, Y, training=training)
    assert (net.vector.tobytes(), net.buffer_vector.tobytes()) == before
    assert net.dtype == numpy.float32


def test_large_parameters_are_sampled():
    net = cp.Network([cp.Dense(100), cp.Tanh(), cp.Dense(1)], inputs=3)
    checks = {check.name: check.n_checked for check in cp.check_gradient(net, X, Y, max_entries=10).checks}
    assert checks == {"dense_1.W": 10, "dense_1.b": 10, "dense_2.W": 10, "dense_2.b": 1, "input_1": 10}


def test_the_report_prints_as_a_table():
    lines = str(cp.check_gradient(chain(1, cp.Huber()), X, Y)).splitlines()
    assert "relative error (at most 1e-06)" in lines[0]
    assert [line.split()[0] for line in lines[1:]] == ["dense_1.W", "dense_1.b", "dense_2.W", "dense_2.b", "input_1"]


def test_kinks_of_many_rows_near_by_are_stepped_over():
    X, y = load_digits(return_X_y=True)
    net = cp.Network([cp.Dense(64), cp.ReLU(), cp.Dense(64), cp.ReLU(), cp.Dense(10)], 64, cp.CrossEntropy(), seed=0)
    report = cp.check_gradient(net, X[:500] / 16, y[:500], max_entries=64)
    assert report.error < 1e-6
    assert sum(check.n_kinks for check in report.checks) >= 1
