"""What every layer promises, checked over the shared case table."""

from __future__ import annotations

import array_api_strict
import numpy
import pytest

import clearprop as cp
from cases import EPS, LAYERS, N_ROWS, LayerCase, assert_close, frozen
from clearprop.layers import Context

every_layer = pytest.mark.parametrize("case", LAYERS, ids=lambda case: case.id)
with_gradient = pytest.mark.parametrize("case", [c for c in LAYERS if c.gradient], ids=lambda case: case.id)
in_both_modes = pytest.mark.parametrize("training", [False, True], ids=["prediction", "training"])
in_both_dtypes = pytest.mark.parametrize("dtype", [numpy.float32, numpy.float64])


def cotangent(case: LayerCase, dtype=numpy.float64):
    """Return a read-only dh, without zeros."""
    shape = (N_ROWS, *case.layer.output_shape(*case.shapes))
    return frozen(numpy.random.default_rng(3).uniform(0.5, 1.5, size=shape).astype(dtype))


def passes(case: LayerCase, ctx: Context, p, xs, dh):
    """Return the output and the gradients at inputs, where they have one, and parameters, as one flat dict."""
    h, kept = case.layer.forward(ctx, p, *xs)
    dxs, dp = case.layer.backward(ctx, p, kept, dh)
    return h, {**{f"x{i}": dx for i, dx in enumerate(dxs) if dx is not None}, **dp}


@every_layer
@in_both_modes
@in_both_dtypes
def test_forward_keeps_shape_and_dtype_and_its_inputs(case, training, dtype):
    xs, p, ctx = case.inputs(dtype), case.parameters(dtype), case.context(dtype=dtype, training=training)
    before = [x.copy() for x in (*xs, *p.values(), *ctx.buffers.values())]
    h, _ = case.layer.forward(ctx, p, *xs)
    assert h.shape == (N_ROWS, *case.layer.output_shape(*case.shapes))
    assert h.dtype == dtype
    after = (*xs, *p.values(), *(() if training else ctx.buffers.values()))
    assert all((a == b).all() for a, b in zip(after, before, strict=False))


@with_gradient
@in_both_modes
@in_both_dtypes
def test_backward_keeps_shape_and_dtype_and_its_inputs(case, training, dtype):
    xs, p, dh = case.inputs(dtype), case.parameters(dtype), cotangent(case, dtype)
    before = dh.copy()
    _, gradients = passes(case, case.context(dtype=dtype, training=training), p, xs, dh)
    expected = {**({} if case.levels else {f"x{i}": x for i, x in enumerate(xs)}), **p}
    assert {name: (g.shape, g.dtype) for name, g in gradients.items()} == {
        name: (array.shape, array.dtype) for name, array in expected.items()
    }
    assert (dh == before).all()


@every_layer
@in_both_modes
@in_both_dtypes
def test_strict_array_api_gives_the_same_numbers(case, training, dtype):
    # array_api_strict computes with NumPy; only the order of a sum may differ, over at most 32 terms: k = 32
    def strict(array):
        return array_api_strict.asarray(array.copy())

    xs, p, dh = case.inputs(dtype), case.parameters(dtype), cotangent(case, dtype)
    plain, other = case.context(dtype=dtype, training=training), case.context(array_api_strict, dtype, training)
    strict_p, strict_xs = {name: strict(value) for name, value in p.items()}, [strict(x) for x in xs]
    if not case.gradient:
        assert_close(case.layer.forward(other, strict_p, *strict_xs)[0], case.layer.forward(plain, p, *xs)[0], k=32)
        return
    h, gradients = passes(case, plain, p, xs, dh)
    strict_h, strict_gradients = passes(case, other, strict_p, strict_xs, strict(dh))
    assert strict_h.dtype == getattr(array_api_strict, numpy.dtype(dtype).name)
    assert_close(strict_h, h, k=32)
    assert strict_gradients.keys() == gradients.keys()
    for name, gradient in gradients.items():
        assert_close(strict_gradients[name], gradient, k=32)
    for name, buffer in plain.buffers.items():
        assert_close(other.buffers[name], buffer, k=32)


def derivative(case, training, name, step):
    """Return d/d(name) of sum(h dh), one entry at a time; `step(f)` differentiates f(t) at t = 0."""
    dh = cotangent(case)
    values = {**{f"x{i}": x for i, x in enumerate(case.inputs())}, **case.parameters()}
    gradient = numpy.empty(values[name].shape)
    for place in numpy.ndindex(gradient.shape):

        def objective(t, place=place):
            kind = type(t)
            changed = {key: value.astype(kind) for key, value in values.items()}
            changed[name][place] += t
            xs = [changed.pop(f"x{i}") for i in range(len(case.shapes))]
            ctx = case.context(dtype=kind, training=training)
            return (case.layer.forward(ctx, changed, *xs)[0] * dh).sum()

        gradient[place] = step(objective)
    return gradient


@with_gradient
@in_both_modes
def test_gradient_is_the_central_difference(case, training):
    # h = eps^(1/3): truncation h^2 and rounding eps / h are both about 4e-11; 1e-6 leaves room for f''' and the sum
    h = EPS ** (1 / 3)
    _, gradients = passes(case, case.context(training=training), case.parameters(), case.inputs(), cotangent(case))
    for name, gradient in gradients.items():
        numeric = derivative(case, training, name, lambda f: (f(h) - f(-h)) / (2 * h))
        assert_close(gradient, numeric, k=1e-6 / EPS, scale=numpy.abs(gradient).max())


@pytest.mark.parametrize("case", [c for c in LAYERS if c.analytic], ids=lambda case: case.id)
@in_both_modes
def test_gradient_is_the_complex_step(case, training):
    # no difference is taken, so only the roundings of both ways count: k = 64 for sums over at most 60 entries
    _, gradients = passes(case, case.context(training=training), case.parameters(), case.inputs(), cotangent(case))
    for name, gradient in gradients.items():
        numeric = derivative(case, training, name, lambda f: f(1e-30j).imag / 1e-30)
        # entries of a normalization's dx cancel, hence at least the scale of dh
        assert_close(gradient, numeric, k=64, scale=max(1.0, numpy.abs(gradient).max()))


@pytest.mark.parametrize(
    ("case", "kink"), [(c, kink) for c in LAYERS for kink in c.kinks], ids=lambda v: getattr(v, "id", repr(v))
)
@in_both_dtypes
def test_subgradient_at_a_kink(case, kink, dtype):
    xs = tuple(numpy.full((N_ROWS, *shape), kink, dtype=dtype) for shape in case.shapes)
    p, dh = case.parameters(dtype, disturb=0.0), cotangent(case, dtype)
    for x in (xs, tuple(-0.0 * x for x in xs)) if kink == 0.0 else (xs,):
        _, gradients = passes(case, case.context(dtype=dtype), p, x, dh)
        # one multiplication by dh and, for SELU, one of the two constants: k = 2
        assert_close(gradients["x0"], dh * dtype(case.kinks[kink]), k=2)


def test_maxout_gives_a_tie_to_the_first_piece():
    case = LayerCase(cp.Maxout(1, 3))
    p = {"W": numpy.array([[0.0, 2.0, 2.0]] * 4), "b": numpy.array([0.0, 1.0, 1.0])}
    dh = cotangent(case)
    _, gradients = passes(case, case.context(), p, (numpy.ones((N_ROWS, 4)),), dh)
    assert gradients["b"].tolist() == [0.0, dh.sum(), 0.0]


@pytest.mark.parametrize("case", [c for c in LAYERS if c.gradient and not c.levels], ids=lambda case: case.id)
@in_both_modes
@pytest.mark.parametrize("sign", [-1, 1, 0], ids=["-1e4", "+1e4", "mixed"])
def test_large_inputs_neither_overflow_nor_turn_into_nan(case, training, sign):
    rng = numpy.random.default_rng(5)
    xs = []
    for shape in case.shapes:
        signs = sign if sign else rng.choice([-1, 1], size=(N_ROWS, *shape))
        xs.append(frozen(numpy.full((N_ROWS, *shape), 1e4 * signs, dtype=numpy.float32)))
    p, dh = case.parameters(numpy.float32), cotangent(case, numpy.float32)
    with numpy.errstate(over="raise", invalid="raise", divide="raise"):
        h, gradients = passes(case, case.context(dtype=numpy.float32, training=training), p, xs, dh)
    assert all(numpy.isfinite(array).all() for array in (h, *gradients.values()))


@every_layer
def test_training_and_prediction_differ_where_the_table_says_so(case):
    xs, p = case.inputs(), case.parameters()
    predicted = case.layer.forward(case.context(), p, *xs)[0]
    trained = case.layer.forward(case.context(training=True), p, *xs)[0]
    assert (predicted != trained).any() == case.differs
    assert case.layer.stochastic or not case.differs


@pytest.mark.parametrize("case", [c for c in LAYERS if c.value], ids=lambda case: case.id)
def test_elementwise_value(case):
    # NumPy's exp, log1p and tanh, and SciPy's ndtr, are good to a few eps each, and a box chains up to three: k = 16
    a = frozen(numpy.concatenate([numpy.linspace(-30, 30, 61), *case.inputs()[0]])[:, None])
    h, _ = case.layer.forward(case.context(), {}, a)
    assert case.layer.elementwise
    assert_close(h / numpy.maximum(1, abs(a)), numpy.vectorize(case.value)(a) / numpy.maximum(1, abs(a)), k=16, scale=1)


@every_layer
def test_rows_do_not_touch_one_another_in_prediction(case):
    xs, p = case.inputs(), case.parameters()
    whole = case.layer.forward(case.context(), p, *xs)[0]
    for row in range(N_ROWS):
        alone = case.layer.forward(case.context(), p, *(x[row : row + 1] for x in xs))[0]
        assert_close(alone[0], whole[row], k=16, scale=numpy.abs(whole).max())  # BLAS orders its sums by shape


@with_gradient
def test_backward_may_leave_out_dx_where_nobody_wants_it(case):
    xs, p, dh = case.inputs(), case.parameters(), cotangent(case)
    ctx = case.context()
    _, wanted = passes(case, ctx, p, xs, dh)
    ctx.wants_dx = False
    _, unwanted = passes(case, ctx, p, xs, dh)
    assert all((unwanted[name] == wanted[name]).all() for name in p)
