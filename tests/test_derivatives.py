"""Jacobians against finite differences, curvature against what is known by hand, and the conditions for a minimum."""

from __future__ import annotations

from dataclasses import dataclass

import numpy
import pytest
import scipy.sparse

import clearprop as cp
from cases import LAYERS, LOSSES, assert_close
from clearprop.derivatives import STEP

RNG = numpy.random.default_rng(0)
X, Z, Y = RNG.normal(size=(7, 3)), RNG.normal(size=(7, 2)), RNG.normal(size=7)
CORNERS, XOR, AND = numpy.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]), [0, 1, 1, 0], [0, 0, 0, 1]
K_SECOND = 100.0 / STEP  # some tens of roundings in a gradient, divided by the step


def chain(n_outputs=2, **options):
    layers = [cp.Dense(5), cp.BatchNorm(), cp.Tanh(), cp.Dense(n_outputs)]
    net = cp.Network(layers, **{"inputs": 3, "dtype": "float64", **options})
    net.buffer_vector[...] = numpy.linspace(0.5, 2.0, net.buffer_vector.size)
    return net


def merged(**options):
    left, right = cp.Input(3), cp.Input(2)
    h = cp.Multiply()(cp.Tanh()(cp.Dense(2)(left)), cp.Sigmoid()(right))
    return cp.Network(cp.Dense(2)(cp.Concatenate()(h, right)), **{"dtype": "float64", **options})


def numeric(function, x, width=1e-5):
    """Return the central differences of the function of one array, with the axes of x last."""
    result = []
    for place in numpy.ndindex(x.shape):
        up, down = x.copy(), x.copy()
        up[place] += width
        down[place] -= width
        result.append((function(up) - function(down)) / (2 * width))
    return numpy.moveaxis(numpy.array(result), 0, -1).reshape(*numpy.shape(result[0]), *x.shape)


def own_rows(derivative):
    """Return those derivatives of row i that are by row i, after asserting that the others are 0."""
    n = len(derivative)
    rows = numpy.moveaxis(derivative, derivative.ndim // 2, 1) if derivative.ndim == 4 else derivative
    for i in range(n):
        assert not numpy.delete(rows[i], i, axis=0).any()
    return rows[range(n), range(n)]


# ---- the Jacobian


def test_the_jacobian_is_that_of_finite_differences_and_rows_do_not_mix():
    net = chain()
    jacobian = net.jacobian(X)
    assert jacobian.shape == (7, 2, 3)
    # a central difference is off by h^2 / 6 f''' and by eps / h of the scores' rounding
    assert numpy.abs(jacobian - own_rows(numeric(net.scores, X))).max() < 1e-9


def test_several_inputs_have_a_jacobian_each_in_their_order():
    net = merged()
    left, right = net.jacobian({"input_2": Z, "input_1": X})
    assert (left.shape, right.shape) == ((7, 2, 3), (7, 2, 2))
    assert numpy.abs(left - own_rows(numeric(lambda x: net.scores((x, Z)), X))).max() < 1e-9
    assert numpy.abs(right - own_rows(numeric(lambda z: net.scores((X, z)), Z))).max() < 1e-9


ELEMENTWISE = [case for case in LAYERS if case.value is not None and case.gradient]


@pytest.mark.parametrize("case", ELEMENTWISE, ids=lambda case: case.id)
def test_scalar_activations_have_a_diagonal_jacobian(case):
    (x,) = case.inputs()
    net = cp.Network([case.layer], inputs=case.shapes[0], dtype="float64")
    derivative = net.trace(x, numpy.zeros_like(x))[f"{net.graph.output.name}.f'"]
    assert_close(net.jacobian(x), derivative[:, :, None] * numpy.eye(4), k=1)


def test_the_jacobian_of_softmax_is_full():
    y = cp.Network([cp.Softmax()], inputs=3, dtype="float64").scores(X)
    expected = y[:, :, None] * (numpy.eye(3) - y[:, None, :])
    assert_close(cp.Network([cp.Softmax()], inputs=3, dtype="float64").jacobian(X), expected, k=4)
    assert expected.all()


def test_the_jacobian_of_a_chain_is_the_product_of_its_boxes():
    net = cp.Network([cp.Dense(4), cp.Tanh(), cp.Dense(2)], inputs=3, dtype="float64")
    h = net.trace(X, numpy.zeros((7, 2)))["tanh_1.h"]
    W1, W2 = net.parameters["dense_1.W"], net.parameters["dense_2.W"]
    expected = numpy.array([W2.T @ numpy.diag(1 - row**2) @ W1.T for row in h])
    assert_close(net.jacobian(X), expected, k=16)


def test_rows_and_scores_may_be_arrays():
    rows = RNG.normal(size=(4, 3, 2))
    net = cp.Network([cp.Scale(initializer=cp.Constant(3.0)), cp.Tanh()], inputs=(3, 2), dtype="float64")
    jacobian = net.jacobian(rows)
    assert jacobian.shape == (4, 3, 2, 3, 2)
    expected = 3.0 * (1 - net.scores(rows) ** 2)
    assert_close(jacobian.reshape(4, 6, 6), expected.reshape(4, 6, 1) * numpy.eye(6), k=16)


def test_sparse_rows_have_a_dense_jacobian():
    rows = numpy.where(X > 0, X, 0.0)
    net = chain()
    assert_close(net.jacobian(scipy.sparse.csr_array(rows)), net.jacobian(rows), k=16)
    gradient = net.input_gradient(scipy.sparse.csr_array(rows), Z)
    assert_close(gradient, net.input_gradient(rows, Z), k=64)


def test_what_does_not_reach_the_scores_has_a_derivative_of_zero():
    class Wall(cp.Layer):
        def forward(self, ctx, p, *xs):
            return 0.0 * xs[0], None

        def backward(self, ctx, p, kept, dh):
            return (None,), {}

    left, right = cp.Input(2), cp.Input(2)
    net = cp.Network(cp.Add()(left, Wall()(right)), dtype="float64")
    seen, hidden = net.jacobian((Z, Z))
    assert (seen == numpy.eye(2)).all()
    assert hidden.shape == (7, 2, 2)
    assert not hidden.any()
    assert not net.input_gradient((Z, Z), Z + 1.0)[1].any()


# ---- the gradient at the inputs


@pytest.mark.parametrize("case", LOSSES, ids=lambda case: case.id)
def test_the_input_gradient_is_that_of_finite_differences(case):
    net, y, weight = chain(case.n_outputs, loss=case.loss, penalty=cp.L2(0.1)), case.raw(), numpy.arange(7.0)
    gradient = net.input_gradient(X, y, weight)
    assert gradient.shape == X.shape
    assert numpy.abs(gradient - numeric(lambda x: net.loss(x, y, weight), X)).max() < 1e-8
    assert not gradient[0].any()  # a row without weight


def test_the_input_gradient_is_that_of_the_trace_and_the_jacobian():
    net = merged()
    target = RNG.normal(size=(7, 2))
    trace, (left, right) = net.trace((X, Z), target), net.input_gradient((X, Z), target)
    assert (left == trace["input_1.dx"]).all()
    assert (right == trace["input_2.dx"]).all()
    residual = (net.scores((X, Z)) - target) / 7
    for gradient, jacobian in zip((left, right), net.jacobian((X, Z)), strict=True):
        assert_close(gradient, numpy.einsum("nk,nkj->nj", residual, jacobian), k=16)


# ---- Hessian-vector products


@pytest.mark.parametrize("engine", ["auto", "array"])
@pytest.mark.parametrize("scale", [1e-200, 1.0, 1e200])
def test_linear_regression_has_the_hessian_of_the_normal_equations(scale, engine):
    net = cp.Network([cp.Dense(1)], inputs=3, dtype="float64", penalty=cp.L2(0.5), engine=engine)
    A, v = numpy.c_[X, numpy.ones(7)], scale * RNG.normal(size=4)
    expected = A.T @ A / 7 + numpy.diag([0.5, 0.5, 0.5, 0.0])
    assert_close(net.hessian_vector_product(X, Y, v), expected @ v, K_SECOND)


def test_weights_of_rows_weigh_the_hessian():
    net, weight = cp.Network([cp.Dense(1)], inputs=3, dtype="float64"), numpy.arange(7.0)
    A, v = numpy.c_[X, numpy.ones(7)], RNG.normal(size=4)
    expected = A.T @ (weight[:, None] * A) / weight.sum()
    assert_close(net.hessian_vector_product(X, Y, v, weight), expected @ v, K_SECOND)
    report = cp.check_optimality(net, X, Y, weight)
    assert_close(report.curvatures, numpy.linalg.eigvalsh(expected), K_SECOND)


def test_logistic_regression_has_a_hessian_in_closed_form():
    net = cp.Network([cp.Dense(1)], inputs=3, dtype="float64", loss=cp.BinaryCrossEntropy())
    p, A = net.predict(X), numpy.c_[X, numpy.ones(7)]
    expected = A.T @ (p * (1 - p) * A) / 7
    v = RNG.normal(size=4)
    assert_close(net.hessian_vector_product(X, Y > 0, v), expected @ v, K_SECOND, scale=1.0)  # sums of terms of size 1


def test_the_product_is_linear_and_symmetric():
    net = chain(loss=cp.CrossEntropy(), penalty=cp.ElasticNet(0.1))
    u, v = RNG.normal(size=(2, net.n_parameters))
    y = Y > 0
    Hu, Hv = net.hessian_vector_product(X, y, u), net.hessian_vector_product(X, y, v)
    scale = abs(Hu).max() + abs(Hv).max()
    assert_close(net.hessian_vector_product(X, y, u - 2 * v), Hu - 2 * Hv, K_SECOND, scale)
    assert_close([u @ Hv], [v @ Hu], K_SECOND * net.n_parameters, scale)
    assert not net.hessian_vector_product(X, y, numpy.zeros_like(u)).any()


# ---- conduct


def test_float32_networks_lose_no_more_than_their_own_rounding():
    net, double = chain(dtype="float32"), chain().astype("float64")
    double.vector[...], double.buffer_vector[...] = net.vector, net.buffer_vector
    v, target = RNG.normal(size=net.n_parameters), RNG.normal(size=(7, 2))
    assert net.jacobian(X).dtype == net.input_gradient(X, target).dtype == numpy.float32
    # sums of 5 products after tanh, each of some roundings
    assert_close(net.jacobian(X), double.jacobian(X), k=32)
    assert_close(net.input_gradient(X, target), double.input_gradient(X, target), k=32)
    product = net.hessian_vector_product(X, target, v)
    assert product.dtype == numpy.float32
    assert_close(product, double.hessian_vector_product(X, target, v), k=1)  # computed in float64 and rounded once
    assert cp.check_optimality(net, X, target) == cp.check_optimality(double, X, target)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_network_is_left_as_it_is(dtype):
    net = chain(1, dtype=dtype)
    before = net.vector.tobytes(), net.buffer_vector.tobytes()
    rows, v = X.copy(), numpy.ones(net.n_parameters)
    for array in (rows, v):
        array.setflags(write=False)
    net.jacobian(rows)
    net.input_gradient(rows, Y)
    net.hessian_vector_product(rows, Y, v)
    cp.check_optimality(net, rows, Y)
    assert (net.vector.tobytes(), net.buffer_vector.tobytes()) == before


BAD_VECTORS = {
    "short": (numpy.ones(3), r"shape \(3,\) of dtype float64"),
    "column": (numpy.ones((4, 1)), r"shape \(4, 1\) of dtype float64"),
    "nothing": (None, r"shape \(\) of dtype object"),
    "by name": ({"dense_1.W": numpy.ones((3, 1))}, r"shape \(\) of dtype object"),
    "ragged": ([[1.0], [1.0, 2.0]], "rows of different lengths"),
    "complex": (numpy.ones(4, dtype=complex), r"shape \(4,\) of dtype complex128"),
    "NaN": ([0.0, numpy.nan, 0.0, 0.0], "NaN or infinity"),
}


@pytest.mark.parametrize("kind", BAD_VECTORS)
def test_bad_vectors_are_refused(kind):
    vector, got = BAD_VECTORS[kind]
    net = cp.Network([cp.Dense(1)], inputs=3)
    with pytest.raises(cp.ArgumentError, match=rf"vector must hold 4 finite numbers.*, got {got}; start from"):
        net.hessian_vector_product(X, Y, vector)


def test_bad_rows_are_refused_as_everywhere():
    net = chain(1)
    with pytest.raises(cp.DataError, match=r"X must have shape \(n, 3\), got \(7, 2\)"):
        net.jacobian(Z)
    with pytest.raises(cp.DataError, match="y must have shape"):
        net.input_gradient(X, Y[:3])
    with pytest.raises(cp.DataError, match="sample_weight must have shape"):
        net.hessian_vector_product(X, Y, net.vector, [1.0])
    step = cp.Network([cp.Dense(2), cp.Step(), cp.Dense(1)], inputs=3)
    with pytest.raises(cp.NoGradientError, match="Step has no gradient"):
        step.jacobian(X)
    with pytest.raises(cp.NoGradientError, match="Step has no gradient"):
        step.input_gradient(X, Y)
    with pytest.raises(cp.NoGradientError, match="Step has no gradient"):
        cp.check_optimality(step, X, Y)


def test_what_is_not_finite_is_named():
    net = chain(1)
    net.parameters["dense_2.W"][0] = numpy.inf
    with pytest.raises(cp.NonFiniteError, match=r"the Jacobian of the network must be finite.*'dense_2.W' holds"):
        net.jacobian(X)
    with pytest.raises(cp.NonFiniteError, match="the gradient of the network must be finite"):
        net.input_gradient(X, Y)
    with pytest.raises(cp.NonFiniteError, match="the Hessian-vector product of the network must be finite"):
        net.hessian_vector_product(X, Y, numpy.ones(net.n_parameters))
    with pytest.raises(cp.NonFiniteError, match="the loss of the network must be finite"):
        cp.check_optimality(net, X, Y)


# ---- first- and second-order conditions


@dataclass(frozen=True)
class Quadratic(cp.Loss):
    """f(s) = s A s^T / 2 + s b^T: with scores s = w, a quadratic function of the parameters."""

    A: tuple[tuple[float, ...], ...]
    b: tuple[float, ...]

    def values(self, xp, scores, y):
        return xp.sum(0.5 * (scores @ xp.asarray(self.A)) * scores + scores * xp.asarray(self.b), axis=1)

    def gradient(self, xp, scores, y):
        return scores @ xp.asarray(self.A) + xp.asarray(self.b)


def quadratic(A, b=(0.0, 0.0), at=(0.0, 0.0)):
    """Return the report of a quadratic function at a point."""
    net = cp.Network([cp.Dense(2, bias=False)], inputs=1, loss=Quadratic(A, b), dtype="float64")
    net.vector[...] = at
    return cp.check_optimality(net, [[1.0]], [[0.0, 0.0]])


QUADRATICS = [
    # A, eigenvalues, verdict
    (((2.0, 1.0), (1.0, 2.0)), (1.0, 3.0), "minimum"),
    (((-2.0, 1.0), (1.0, -2.0)), (-3.0, -1.0), "maximum"),
    (((0.0, 1.0), (1.0, 0.0)), (-1.0, 1.0), "saddle point"),
    (((1.0, 1.0), (1.0, 1.0)), (0.0, 2.0), "flat: second order does not decide"),
    (((-1.0, 1.0), (1.0, -1.0)), (-2.0, 0.0), "flat: second order does not decide"),
    (((0.0, 0.0), (0.0, 0.0)), (0.0, 0.0), "flat: second order does not decide"),
    (((2e9, 0.0), (0.0, 1.0)), (1.0, 2e9), "flat: second order does not decide"),  # 1 is below 1e-6 of the largest
]


@pytest.mark.parametrize(("A", "eigenvalues", "verdict"), QUADRATICS)
def test_a_quadratic_function(A, eigenvalues, verdict):
    report = quadratic(A)
    assert report.gradient_norm == 0.0
    assert_close(report.curvatures, numpy.array(eigenvalues), K_SECOND, scale=max(1.0, *map(abs, eigenvalues)))
    assert (report.smallest, report.largest) == (report.curvatures[0], report.curvatures[-1])
    assert report.verdict == verdict
    assert str(report).startswith(f"{verdict}\n")


def test_the_stationary_point_of_a_quadratic_function_solves_its_equation():
    A, b = ((2.0, 1.0), (1.0, 3.0)), (1.0, -4.0)
    w = numpy.linalg.solve(A, numpy.negative(b))
    assert quadratic(A, b, w).verdict == "minimum"
    report = quadratic(A, b, (w[0] + 1e-3, w[1]))
    assert report.verdict == "not stationary"
    assert_close([report.gradient_norm], [1e-3 * numpy.hypot(2.0, 1.0)], k=1e4)  # a difference of numbers of size 1


def test_the_counts_use_one_margin():
    report = cp.OptimalityReport(1e-5, (-20.0, -1e-5, 0.0, 1e-5, 3e-5, 7.0), 1e-6, 0.0)
    assert report.margin == 1e-6 * 20.0
    assert (report.n_negative, report.n_zero, report.n_positive) == (1, 3, 2)
    assert report.verdict == "saddle point"
    assert str(report).splitlines() == [
        "saddle point",
        "gradient    norm 1e-05, within 2e-05 of 0",
        "curvatures  1 negative, 3 zero (within 2e-05), 2 positive; from -20 to 7",
    ]
    assert cp.OptimalityReport(3e-5, report.curvatures, 1e-6, 0.0).verdict == "not stationary"


def test_linear_regression_of_xor_ends_in_its_minimum():
    net = cp.Network([cp.Dense(1)], inputs=2, dtype="float64")
    net.vector[...] = 0.0, 0.0, 0.5  # the solution of the normal equations
    report = cp.check_optimality(net, CORNERS, XOR)
    assert report.verdict == "minimum"
    A = numpy.c_[CORNERS, numpy.ones(4)]
    assert_close(report.curvatures, numpy.linalg.eigvalsh(A.T @ A / 4), K_SECOND)


def at_zero(target):
    """Return the report of a 2-2-1 network whose weights are 0 and whose output is the mean of the targets."""
    net = cp.Network([cp.Dense(2), cp.Tanh(), cp.Dense(1)], inputs=2, dtype="float64")
    net.vector[...] = 0.0
    net.parameters["dense_2.b"][...] = numpy.mean(target)
    return cp.check_optimality(net, CORNERS, target)


def test_a_network_with_weights_of_zero_is_at_a_saddle():
    report = at_zero(AND)
    # the residuals' correlation with the inputs couples the weights of both layers, for each hidden unit
    coupling = numpy.linalg.norm((numpy.mean(AND) - AND) @ CORNERS / 4)
    expected = numpy.sort([-coupling, -coupling, 0.0, 0.0, 0.0, 0.0, coupling, coupling, 1.0])
    assert_close(report.curvatures, expected, K_SECOND)
    assert (report.n_negative, report.n_zero, report.n_positive) == (2, 4, 3)
    assert report.verdict == "saddle point"


def test_xor_makes_the_same_point_flat():
    report = at_zero(XOR)  # its residuals are not correlated with the inputs
    assert_close(report.curvatures, numpy.array([0.0] * 8 + [1.0]), K_SECOND)
    assert report.verdict == "flat: second order does not decide"


def test_a_trained_network_is_at_a_minimum():
    net = cp.Network([cp.Dense(2), cp.Tanh(), cp.Dense(1)], inputs=3, penalty=cp.L2(0.01), dtype="float64", seed=1)
    assert cp.check_optimality(net, X, Y).verdict == "not stationary"
    net.fit(X, Y, optimizer=cp.LBFGS(), epochs=2000)
    report = cp.check_optimality(net, X, Y)
    assert report.verdict == "minimum"
    assert report.n_positive == net.n_parameters == 11


KINKS = {
    "absolute error": (cp.Network([cp.Dense(1)], inputs=1, loss=cp.AbsoluteError()), 0.0),
    "L1": (cp.Network([cp.Dense(1)], inputs=1, penalty=cp.L1(0.5)), 0.0),
    "ReLU": (cp.Network([cp.Dense(1), cp.ReLU(), cp.Dense(1)], inputs=1), [0.0, 0.0, 1.0, 0.0]),
}


@pytest.mark.parametrize("kind", KINKS)
def test_a_kink_has_no_second_derivatives(kind):
    net, start = KINKS[kind]
    net.vector[...] = start
    assert cp.check_optimality(net, [[1.0], [2.0]], [1.0, 0.0]).verdict == "kink: second derivatives do not exist"
    net.vector += 0.1
    assert cp.check_optimality(net, [[1.0], [2.0]], [1.0, 0.0]).verdict == "not stationary"


def test_large_networks_and_those_without_parameters_are_refused():
    with pytest.raises(cp.ArgumentError, match=r"net must have 1 to 2000 parameters.*got 2001; use fewer units"):
        cp.check_optimality(cp.Network([cp.Dense(1)], inputs=2000), X, Y)
    with pytest.raises(cp.ArgumentError, match="got 0"):
        cp.check_optimality(cp.Network([cp.Tanh()], inputs=1), X, Y)
    with pytest.raises(cp.ArgumentError, match=r"net must be of kind Network, got 'net'"):
        cp.check_optimality("net", X, Y)
    with pytest.raises(cp.ArgumentError, match=r"tolerance must be a finite number > 0, got 0"):
        cp.check_optimality(chain(), X, Y, tolerance=0)
