"""A number that is not finite stops training where it stands: named by epoch, batch and node, and nothing is spoilt."""

from __future__ import annotations

import numpy
import pytest

import clearprop as cp
from clearprop import NonFiniteError

RNG = numpy.random.default_rng(0)
X, Y = RNG.normal(size=(12, 3)), RNG.normal(size=12)
pytestmark = pytest.mark.filterwarnings("ignore::clearprop.errors.DataWarning")


def network(dtype="float32", **options):
    layers = [cp.Dense(8), cp.BatchNorm(), cp.ReLU(), cp.Dense(1)]
    return cp.Network(layers, inputs=3, dtype=dtype, **options)


def at(step, otherwise=0.01):
    """Return a learning rate that is too large in one step."""
    return cp.SGD(lambda number: 1e38 if number == step else otherwise)


@pytest.mark.parametrize(("step", "epoch", "batch"), [(0, 1, 1), (2, 1, 3), (4, 2, 2), (5, 2, 3)])
def test_an_update_that_overflows_is_undone(step, epoch, batch):
    """12 rows in batches of 4 make 3 updates an epoch; the factor 1e38 lets the update itself overflow."""
    net, whole = network(), network()
    with pytest.raises(NonFiniteError) as caught:
        net.fit(X, 1e2 * Y, optimizer=at(step), batch_size=4, epochs=5)
    error = caught.value
    assert (error.epoch, error.batch) == (epoch, batch)
    assert error.node in net.parameters
    assert f"in epoch {epoch}, batch {batch}: the update of '{error.node}'" in str(error)
    # the same run with a rate of 0 in that step and ever after stays where the other one stopped
    stays = cp.SGD(lambda number: 0.01 if number < step else 0.0)
    whole.fit(X, 1e2 * Y, optimizer=stays, batch_size=4, epochs=epoch)
    assert net.vector.tobytes() == whole.vector.tobytes()
    assert numpy.isfinite(net.buffer_vector).all()


def test_the_parameters_and_buffers_are_those_before_the_bad_batch():
    """The large rate of step 4 leaves finite parameters; the forward pass of step 5 overflows."""
    net, whole = network(), network()
    huge = cp.SGD(lambda number: 1e30 if number == 4 else 0.01)
    with pytest.raises(NonFiniteError) as caught:
        net.fit(X, 1e2 * Y, optimizer=huge, batch_size=4, epochs=5, shuffle=False)
    assert (caught.value.epoch, caught.value.batch) == (2, 3)
    state = whole.fit(X, 1e2 * Y, optimizer=huge, batch_size=4, epochs=1, shuffle=False)[-1].state
    whole.fit(X[:8], 1e2 * Y[:8], optimizer=huge, batch_size=4, epochs=1, shuffle=False, state=state)
    assert net.vector.tobytes() == whole.vector.tobytes()
    assert net.buffer_vector.tobytes() == whole.buffer_vector.tobytes()


ROW = numpy.ones((1, 1))
BIG = cp.Constant(1e30)
NODES = [
    # what overflows, the layers of a network of one input, x, y, the node that is named
    ("output of 'dense_2'", [cp.Dense(1, initializer=BIG), cp.Dense(1, initializer=BIG)], 1.0, 0.0, "dense_2"),
    ("output of 'scale_1'", [cp.Scale(cp.Constant(1e38)), cp.Dense(1)], 1e3, 0.0, "scale_1"),
    ("the loss", [cp.Dense(1, initializer=BIG)], 1.0, 0.0, "loss"),
    ("the gradient of 'dense_1.W'", [cp.Dense(1, initializer=cp.Constant(0.0))], 1e25, 1e15, "dense_1.W"),
    ("square of the gradient of 'dense_1.W'", [cp.Dense(1, initializer=cp.Constant(0.0))], 1e25, 1e5, "dense_1.W"),
]


@pytest.mark.parametrize(("what", "layers", "x", "y", "node"), NODES, ids=[row[0] for row in NODES])
def test_the_first_place_that_is_not_finite_is_named(what, layers, x, y, node):
    net = cp.Network(layers, inputs=1)
    before = net.vector.copy()
    with pytest.raises(NonFiniteError) as caught:
        net.fit(x * ROW, y * ROW, epochs=1)
    assert caught.value.node == node
    assert f"{what} is not finite" in str(caught.value)
    assert "clip_norm" in str(caught.value)
    assert net.vector.tobytes() == before.tobytes()


def test_statistics_of_the_batch_that_overflow_are_named_as_such():
    """Only the pass of training overflows: its variance is taken over the batch, not remembered."""
    net = cp.Network([cp.BatchNorm(), cp.Dense(1)], inputs=1)
    before = net.buffer_vector.copy()
    with pytest.raises(NonFiniteError) as caught:
        net.fit([[1e25], [-1e25]], [0.0, 1.0], epochs=1)
    assert caught.value.node == "batch_norm_1.running_variance"
    assert net.buffer_vector.tobytes() == before.tobytes()


def test_clipping_the_norm_saves_a_gradient_whose_square_overflows():
    net = cp.Network([cp.Dense(1, initializer=cp.Constant(0.0))], inputs=1)
    net.fit(1e25 * ROW, 1e5 * ROW, optimizer=cp.SGD(1e-30, clip_norm=1.0), epochs=1)
    assert numpy.isfinite(net.vector).all()


def test_a_validation_loss_that_is_not_finite_is_shown_and_is_never_the_best():
    net, far = cp.Network([cp.Dense(1)], inputs=3), X * 1e30
    stop = cp.EarlyStopping(2)
    reports = net.fit(X, Y, validation=(far, Y), epochs=9, early_stopping=stop, metrics="r2")
    assert [report.validation_loss for report in reports] == [numpy.inf] * 2
    assert numpy.isfinite(net.vector).all()


def deep(dtype, layer, loss=None):
    return cp.Network([cp.Dense(8), layer, cp.Dense(1)], inputs=3, dtype=dtype, loss=loss)


HUBER = (cp.ReLU(), cp.Huber())  # its loss and its gradient at the scores are finite where the square is not
DIVERGING = [
    (f"{case}-{numpy.dtype(dtype).name}-{optimizer!r}", dtype, rows, target, layers, optimizer)
    for dtype in (numpy.float32, numpy.float64)
    for optimizer in (cp.SGD(0.01), cp.SGD(0.01, momentum=0.9), cp.Adam(), cp.AdaGrad(), cp.RMSProp(), cp.AdamW())
    for case, rows, target, layers in (
        ("X huge", X * float(numpy.finfo(dtype).max / 1e6), Y, (cp.ReLU(),)),
        ("y huge", X, Y * float(numpy.finfo(dtype).max / 1e6), (cp.Tanh(),)),
        ("square of the gradient", X * float(numpy.finfo(dtype).max) ** 0.6, Y, HUBER),
    )
] + [
    ("rate 1e6", numpy.float64, X, Y, (cp.ReLU(),), cp.SGD(1e6)),
    ("rate 1e300", numpy.float64, X, Y, (cp.Tanh(),), cp.SGD(1e300)),
    ("rate 1e300 adam", numpy.float64, X, Y, (cp.Tanh(),), cp.Adam(1e300)),
    ("lbfgs X", numpy.float64, X * 1e300, Y, (cp.ReLU(),), cp.LBFGS()),
    ("lbfgs y", numpy.float64, X, Y * 1e300, (cp.Tanh(),), cp.LBFGS()),
]  # fmt: skip


@pytest.mark.parametrize("case", DIVERGING, ids=[case[0] for case in DIVERGING])
def test_numbers_that_grow_without_bound_stop_training_with_finite_parameters(case):
    _, dtype, rows, target, layers, optimizer = case
    network = deep(dtype, *layers)
    with pytest.raises(NonFiniteError) as caught:
        network.fit(rows, target, optimizer=optimizer, epochs=200, batch_size=4)
    assert numpy.isfinite(network.vector).all()
    assert min(caught.value.epoch, caught.value.batch) >= 1
    assert caught.value.node
    for fragment in (" stopped in ", "not finite", "The last finite parameters are kept", "Scale the inputs"):
        assert fragment in str(caught.value)


ESTIMATOR_OVERFLOWS = [
    ("X*1e300", X * 1e300, Y, {}),
    ("y*1e300", X, Y * 1e300, {}),
    ("X*1e300 lbfgs", X * 1e300, Y, {"solver": "lbfgs"}),
    ("y*1e300 lbfgs", X, Y * 1e300, {"solver": "lbfgs"}),
    ("rate 1e6", X, Y, {"solver": "sgd", "learning_rate_init": 1e6}),
]


@pytest.mark.parametrize("case", ESTIMATOR_OVERFLOWS, ids=[case[0] for case in ESTIMATOR_OVERFLOWS])
def test_an_estimator_stops_at_numbers_that_are_not_finite(case):
    _, rows, target, options = case
    model = cp.MLPRegressor(hidden_layer_sizes=8, random_state=0, **options)
    with pytest.raises(NonFiniteError, match=r"non-finite.*(epoch|iteration) \d+"):
        model.fit(rows, target)
    assert numpy.isfinite(model.network_.vector).all()
