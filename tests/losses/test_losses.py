"""Every loss: values and gradients against differences, stability, canonical gradients, targets that are refused."""

from __future__ import annotations

import array_api_strict
import numpy
import pytest

import clearprop as cp
from cases import EPS, LOSSES, assert_close, frozen

every_loss = pytest.mark.parametrize("case", LOSSES, ids=lambda case: case.id)
in_both_dtypes = pytest.mark.parametrize("dtype", [numpy.float32, numpy.float64])


@every_loss
def test_gradient_is_the_central_difference(case):
    # h = eps^(1/3) makes truncation and rounding about 4e-11 each; 1e-6 leaves room for f''' and large values
    scores, y, h = case.scores(), case.target(), EPS ** (1 / 3)
    numeric = numpy.empty_like(scores)
    for k in range(case.n_outputs):
        step = h * numpy.eye(case.n_outputs)[k]
        numeric[:, k] = case.loss.values(numpy, scores + step, y) - case.loss.values(numpy, scores - step, y)
    gradient = case.loss.gradient(numpy, scores, y)
    assert_close(gradient, numeric / (2 * h), k=1e-6 / EPS, scale=abs(gradient).max())


@every_loss
@in_both_dtypes
def test_shapes_dtypes_and_read_only_arguments(case, dtype):
    scores, y = frozen(case.scores().astype(dtype)), case.target(dtype=dtype)
    before = scores.copy(), y.copy()
    values, gradient = case.loss.values(numpy, scores, y), case.loss.gradient(numpy, scores, y)
    prediction = case.loss.prediction(numpy, scores)
    assert (values.shape, values.dtype) == (scores.shape[:1], dtype)
    assert (gradient.shape, gradient.dtype) == (prediction.shape, prediction.dtype) == (scores.shape, dtype)
    assert (scores == before[0]).all()
    assert (y == before[1]).all()


@every_loss
@in_both_dtypes
def test_strict_array_api_gives_the_same_numbers(case, dtype):
    scores, y = case.scores().astype(dtype), case.target(dtype=dtype)
    strict = [array_api_strict.asarray(array.copy()) for array in (scores, y)]
    for method in ("values", "gradient"):
        plain = getattr(case.loss, method)(numpy, scores, y)
        # the same NumPy operations; only sums over at most 4 outputs may be ordered otherwise: k = 4
        assert_close(getattr(case.loss, method)(array_api_strict, *strict), plain, k=4)
    assert_close(case.loss.prediction(array_api_strict, strict[0]), case.loss.prediction(numpy, scores), k=4)


@every_loss
@pytest.mark.parametrize("sign", [-1, 1, 0], ids=["low", "high", "mixed"])
def test_large_scores_neither_overflow_nor_turn_into_nan(case, sign):
    y = case.target(dtype=numpy.float32)
    rng = numpy.random.default_rng(4)
    signs = sign or rng.choice([-1, 1], size=(7, case.n_outputs))
    scores = frozen(numpy.full((7, case.n_outputs), case.range * signs, dtype=numpy.float32))
    with numpy.errstate(over="raise", invalid="raise", divide="raise"):
        values, gradient = case.loss.values(numpy, scores, y), case.loss.gradient(numpy, scores, y)
        prediction = case.loss.prediction(numpy, scores)
    assert all(numpy.isfinite(array).all() for array in (values, gradient, prediction))
    if "Entropy" not in case.id and "KL" not in case.id:
        return
    # cross-entropies stay exact there: a wrong sure answer costs the distance of its score, not log of an underflow
    exact = case.loss.values(numpy, scores.astype(numpy.float64), y.astype(numpy.float64))
    if y.dtype.kind == "i":
        exact = case.loss.values(numpy, scores.astype(numpy.float64), y)
    assert_close(values, exact, k=8, scale=max(1.0, abs(scores).max()))  # sums over at most 4 outputs, twice


@pytest.mark.parametrize("case", [c for c in LOSSES if c.canonical], ids=lambda case: case.id)
def test_canonical_gradient_is_prediction_minus_target(case):
    scores, y = case.scores(), case.target()
    rows = numpy.eye(case.n_outputs)[y] if y.ndim == 1 else y
    assert_close(case.loss.gradient(numpy, scores, y), case.loss.prediction(numpy, scores) - rows, k=2)


def test_the_gradient_that_deck_t_prints_for_softmax_is_wrong():
    """Deck T has (o - t) o (1 - o); finite differences and (o - t) agree, and are somewhere else."""
    loss, scores, y = cp.CrossEntropy(), numpy.array([[1.0, -0.5, 0.3]]), numpy.array([2])
    o, t, h = loss.prediction(numpy, scores), numpy.eye(3)[y], EPS ** (1 / 3)
    numeric = numpy.array(
        [[(loss.values(numpy, scores + h * e, y) - loss.values(numpy, scores - h * e, y)).item() for e in numpy.eye(3)]]
    ) / (2 * h)
    gradient = loss.gradient(numpy, scores, y)
    assert_close(gradient, numeric, k=1e-6 / EPS)
    assert_close(gradient, o - t, k=2)
    assert abs(gradient - (o - t) * o * (1 - o)).max() > 0.1


@pytest.mark.parametrize("k", [2, 3, 10])
def test_label_smoothing_in_the_notation_of_the_lectures(k):
    """1 - (K - 1) eps for the class and eps elsewhere is label_smoothing = K eps."""
    eps, rng = 0.02, numpy.random.default_rng(0)
    scores, y = rng.normal(size=(6, k)), rng.integers(0, k, size=6)
    lecture = numpy.where(numpy.eye(k)[y] == 1, 1 - (k - 1) * eps, eps)
    smooth, plain = cp.CrossEntropy(label_smoothing=k * eps), cp.CrossEntropy()
    # targets differ by the roundings of K eps and 1 - K eps, and a sum over K terms follows: k = 4 + K
    assert_close(smooth.values(numpy, scores, y), plain.values(numpy, scores, lecture), k=4 + k)
    assert_close(smooth.gradient(numpy, scores, y), plain.gradient(numpy, scores, lecture), k=4 + k, scale=1.0)


@every_loss
def test_weights_of_rows_and_the_mean(case):
    """Network.loss is sum(w l) / sum(w): equal weights are no weights, 0 leaves a row out, 2 counts it twice."""
    net = cp.Network([cp.Dense(case.n_outputs)], inputs=3, loss=case.loss, dtype=numpy.float64)
    x, y = numpy.random.default_rng(0).normal(size=(7, 3)), case.raw()
    whole = net.loss(x, y)
    values = case.loss.values(numpy, net.scores(x), case.target())
    assert_close([whole], [values.mean()], k=8)  # a sum of 7 rows
    w = numpy.array([2.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0])
    rows = [0, 0, 2, 3, 5, 6]
    assert_close([net.loss(x, y, w)], [net.loss(x[rows], y[rows])], k=8)
    _, weighted = net.gradient(x, y, 5.0 * w)  # the scale of the weights does not count
    _, repeated = net.gradient(x[rows], y[rows])
    for name, gradient in weighted.items():
        assert_close(gradient, repeated[name], k=16)  # the sums are in another order


def values(loss, scores, y):
    """Return the losses of rows of scores."""
    scores = numpy.asarray(scores, dtype=float)
    return loss.values(numpy, scores, loss.target(numpy.asarray(y), len(scores), scores.shape[1], float)).tolist()


BY_HAND = [
    (cp.SquaredError(), [[1.0, 2.0]], [[3.0, 5.0]], 6.5),
    (cp.AbsoluteError(), [[1.0, 2.0]], [[3.0, 5.0]], 5.0),
    (cp.Huber(1.0), [[0.5, 3.0]], [[0.0, 0.0]], 0.125 + 2.5),
    (cp.Huber(2.0), [[-3.0]], [0.0], 4.0),
    (cp.Quantile(0.75), [[1.0, 1.0]], [[3.0, 0.0]], 1.5 + 0.25),
    (cp.Poisson(), [[0.0]], [0.0], 1.0),
    (cp.Poisson(), [[0.0]], [1.0], 0.0),
    (cp.BinaryCrossEntropy(), [[0.0, 0.0]], [[1.0, 0.0]], 2 * numpy.log(2.0)),
    (cp.BinaryCrossEntropy(), [[1000.0]], [0.0], 1000.0),
    (cp.CrossEntropy(), [[0.0, 0.0, 0.0, 0.0]], [3], numpy.log(4.0)),
    (cp.CrossEntropy(), [[0.0, 1000.0]], [0], 1000.0),
    (cp.KLDivergence(), [[0.0, 0.0]], [[1.0, 0.0]], numpy.log(2.0)),
    (cp.KLDivergence(), [[5.0, 5.0]], [[0.5, 0.5]], 0.0),
    (cp.Hinge(), [[0.25]], [1], 0.75),
    (cp.Hinge(), [[0.25]], [0], 1.25),
    (cp.Hinge(), [[2.0, 1.5, -1.0]], [0], 0.5),
    (cp.Hinge(), [[2.0, 0.5, -1.0]], [1], 2.5),
    (cp.SparseReconstruction(2, 0.5), [[1.0, -3.0, 2.0]], [3.0], 2.0 + 2.5),
    (cp.SparseReconstruction(1, 2.0, cp.AbsoluteError()), [[1.0, 2.0, -1.5]], [[3.0, 5.0]], 5.0 + 3.0),
]


@pytest.mark.parametrize(("loss", "scores", "y", "expected"), BY_HAND, ids=lambda v: repr(v)[:30])
def test_value_by_hand(loss, scores, y, expected):
    assert_close(values(loss, scores, y), [expected], k=2, scale=max(expected, 1.0))  # one logarithm


KINKS = [
    (cp.AbsoluteError(), [[2.0]], [2.0], [[0.0]]),
    (cp.Quantile(0.9), [[2.0]], [2.0], [[0.0]]),
    (cp.Huber(1.0), [[3.0, 1.0, 0.0]], [[2.0, 2.0, 0.0]], [[1.0, -1.0, 0.0]]),
    (cp.Hinge(), [[1.0]], [1], [[0.0]]),
    (cp.Hinge(), [[-1.0]], [0], [[0.0]]),
    (cp.Hinge(), [[2.0, 1.0]], [0], [[0.0, 0.0]]),
    (cp.Hinge(), [[0.0, 0.0, 0.0]], [1], [[1.0, -1.0, 0.0]]),  # the first of equal rivals
    (cp.SparseReconstruction(3, 0.5), [[3.0, 0.0, -1.0, 2.0]], [2.0], [[1.0, 0.0, -0.5, 0.5]]),
]


@pytest.mark.parametrize(("loss", "scores", "y", "expected"), KINKS, ids=lambda v: repr(v)[:30])
def test_subgradient_at_a_kink(loss, scores, y, expected):
    scores = numpy.array(scores)
    target = loss.target(numpy.array(y), 1, scores.shape[1], float)
    assert loss.gradient(numpy, scores, target).tolist() == expected


def test_kl_divergence_is_cross_entropy_minus_entropy():
    case = next(c for c in LOSSES if c.id == "KLDivergence()-3-soft")
    scores, y = case.scores(), case.target()
    entropy = -(y * numpy.log(y)).sum(axis=1)
    expected = cp.CrossEntropy().values(numpy, scores, y) - entropy
    assert_close(case.loss.values(numpy, scores, y), expected, k=8, scale=1 + abs(expected).max())  # two sums of 3


def test_predictions_are_the_links():
    scores = numpy.array([[0.0, 1.0, -2.0]])
    e = numpy.exp(scores)
    links = {
        cp.BinaryCrossEntropy(): e / (1 + e),
        cp.CrossEntropy(): e / e.sum(),
        cp.KLDivergence(): e / e.sum(),
        cp.Poisson(): e,
        cp.SquaredError(): scores,
        cp.AbsoluteError(): scores,
        cp.Huber(): scores,
        cp.Quantile(): scores,
        cp.Hinge(): scores,
        cp.SparseReconstruction(1, 0.5): scores,
    }
    assert {type(loss) for loss in links} == {type(case.loss) for case in LOSSES}
    for loss, expected in links.items():
        assert_close(loss.prediction(numpy, scores), expected, k=4)  # exp of a difference, a sum of 3, a division
