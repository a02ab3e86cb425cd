"""What single layers do: identities, values worked out by hand, noise, running statistics, refused arguments."""

from __future__ import annotations

import math

import numpy
import pytest

import clearprop as cp
from cases import SELU_ALPHA, SELU_SCALE, assert_close, fixed_noise
from clearprop.layers import Context


def forward(layer, *xs, p=None, training=False, buffers=None):
    """Return the output of a layer for lists of rows."""
    ctx = Context(numpy, training=training, buffers=buffers or {}, noise=fixed_noise)
    return layer.forward(ctx, p or {}, *(numpy.asarray(x, dtype=float) for x in xs))[0]


def test_tanh_is_a_stretched_sigmoid():
    a = numpy.linspace(-20, 20, 401)[:, None]
    assert_close(forward(cp.Tanh(), a), 2 * forward(cp.Sigmoid(), 2 * a) - 1, k=4)  # exp, 1 +, 1 /, and the tanh


def test_sigmoid_is_the_first_of_two_softmax_outputs():
    a = numpy.linspace(-20, 20, 401)[:, None]
    pair = forward(cp.Softmax(), numpy.hstack([a, numpy.zeros_like(a)]))
    assert_close(forward(cp.Sigmoid(), a), pair[:, :1], k=4)  # the same exp, +, / once on either side


def test_softplus_is_the_integral_of_the_sigmoid_and_its_tails_are_exact():
    h = forward(cp.Softplus(), [[-800.0], [-40.0], [0.0], [40.0], [800.0]])[:, 0]
    assert_close(h[1:4] / [math.exp(-40.0), math.log(2.0), 40.0], numpy.ones(3), k=4)  # to the last digits, relative
    assert (h[0], h[4]) == (0.0, 800.0)


def test_softmax_and_its_logarithm_do_not_change_with_a_shift():
    a = numpy.random.default_rng(0).integers(-8, 8, size=(5, 4)).astype(float)  # integers: the shift rounds nothing
    for layer in (cp.Softmax(), cp.LogSoftmax()):
        assert (forward(layer, a + 1024.0) == forward(layer, a)).all()
    assert_close(numpy.log(forward(cp.Softmax(), a)), forward(cp.LogSoftmax(), a), k=4)  # exp, sum, /, log
    assert_close(forward(cp.Softmax(), a).sum(axis=-1), numpy.ones(5), k=4)


def test_selu_keeps_mean_0_and_variance_1():
    # Gauss-Hermite quadrature of f and f^2 under a standard normal; the kink at 0 limits it, hence each half by itself
    t, weight = numpy.polynomial.legendre.leggauss(200)
    halves = [(6 * t + 6, 6 * weight), (6 * t - 6, 6 * weight)]  # -12 to 0 and 0 to 12
    moments = [0.0, 0.0]
    for a, w in halves:
        h = forward(cp.SELU(), a[:, None])[:, 0]
        density = w * numpy.exp(-0.5 * a * a) / math.sqrt(2 * math.pi)
        moments = [m + float((density * h**power).sum()) for power, m in enumerate(moments, start=1)]
    assert_close(moments, [0.0, 1.0], k=64)  # a sum of 400 terms
    assert_close([SELU_SCALE * SELU_ALPHA], [1.7580993408473766], k=2)


def test_dense_by_hand():
    p = {"W": numpy.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]), "b": numpy.array([10.0, 20.0])}
    assert forward(cp.Dense(2), [[1.0, 0.0, -1.0]], p=p).tolist() == [[6.0, 16.0]]
    assert forward(cp.Dense(2, bias=False), [[1.0, 0.0, -1.0]], p=p).tolist() == [[-4.0, -4.0]]


def test_maxout_by_hand_and_as_relu_and_absolute_value():
    p = {"W": numpy.array([[1.0, 2.0, 0.0, -1.0]]), "b": numpy.array([0.0, 0.0, 1.0, 0.0])}
    assert forward(cp.Maxout(2, 2), [[1.0], [-2.0]], p=p).tolist() == [[2.0, 1.0], [-2.0, 2.0]]
    x = numpy.linspace(-2, 2, 9)[:, None]
    for layer, w in ((cp.ReLU(), [[0.0, 1.0]]), (cp.Abs(), [[-1.0, 1.0]])):
        maxout = forward(cp.Maxout(1, 2), x, p={"W": numpy.array(w), "b": numpy.zeros(2)})
        assert (maxout == forward(layer, x)).all()


def test_rbf_by_hand():
    p = {"W": numpy.array([[1.0, 0.0], [1.0, 0.0]]), "sigma": numpy.array([2.0, 1.0])}
    h = forward(cp.RBF(2), [[1.0, 1.0], [3.0, 1.0]], p=p)
    assert_close(h, [[1.0, math.exp(-2.0)], [math.exp(-1.0), math.exp(-10.0)]], k=2)


def test_merges_and_shapes_by_hand():
    x, y = [[1.0, 2.0]], [[3.0, 5.0]]
    assert forward(cp.Add(), x, y, y).tolist() == [[7.0, 12.0]]
    assert forward(cp.Multiply(), x, y, y).tolist() == [[9.0, 50.0]]
    assert forward(cp.Concatenate(), x, y).tolist() == [[1.0, 2.0, 3.0, 5.0]]
    image = numpy.arange(12.0).reshape(1, 2, 3, 2)
    assert forward(cp.Flatten(), image).tolist() == [list(range(12))]
    assert forward(cp.Reshape((4, 3)), image).tolist() == numpy.arange(12.0).reshape(1, 4, 3).tolist()


def test_multiply_needs_no_division_by_an_input_that_is_0():
    ctx = Context(numpy)
    _, kept = cp.Multiply().forward(ctx, {}, numpy.zeros((1, 1)), numpy.full((1, 1), 3.0))
    (dx, dy), _ = cp.Multiply().backward(ctx, {}, kept, numpy.full((1, 1), 2.0))
    assert (dx.item(), dy.item()) == (6.0, 0.0)


def test_step_predicts_and_refuses_a_gradient():
    assert forward(cp.Step(), [[-1.0, -0.0, 0.0, 2.0]]).tolist() == [[0.0, 1.0, 1.0, 1.0]]
    net = cp.Network([cp.Dense(2), cp.Step(), cp.Dense(1)], inputs=2)
    assert net.predict([[1.0, 2.0]]).shape == (1, 1)
    with pytest.raises(cp.NoGradientError, match=r"Step has no gradient.*only predict"):
        net.gradient([[1.0, 2.0]], [0.0])


@pytest.mark.parametrize("rate", [0.001, 0.15, 0.3, 0.5, 0.9, 0.999])
def test_dropout_drops_its_share(rate):
    n = 100_000
    h = forward(cp.Dropout(rate), numpy.ones((n, 1)), training=True)
    assert abs((h == 0).mean() - rate) < 4 * math.sqrt(rate * (1 - rate) / n)  # 4 standard deviations of a share
    assert forward(cp.Dropout(rate), [[1.0, 2.0]]).tolist() == [[1.0, 2.0]]


@pytest.mark.parametrize(
    ("rate", "dropped"),
    [(0.0, 0), (1e-6, 0), (1e-5, 1), (0.15, 9830), (0.5, 2**15), (1 - 2**-16, 65535), (1 - 1e-9, 65535)],
)
def test_dropout_keeps_the_mean_of_every_rate(rate, dropped):
    """Of all 16-bit integers, drawn once each, as many drop as the share says, and those kept make up for them."""
    every = numpy.arange(2**16, dtype=numpy.uint16)[:, None]
    layer, ctx = cp.Dropout(rate), Context(numpy, training=True, noise=lambda kind, shape: every)
    h, _ = layer.forward(ctx, {}, numpy.ones(every.shape))
    assert layer.share == dropped / 2**16
    assert (h == 0).sum() == dropped
    assert set(numpy.unique(h[h != 0])) == {2**16 / (2**16 - dropped)}


def test_noise_is_asked_for_in_training_only():
    for layer in (cp.Dropout(0.5), cp.GaussianNoise(1.0), cp.RReLU()):
        layer.forward(Context(numpy), {}, numpy.ones((2, 2)))
        with pytest.raises(cp.ArgumentError, match="draws random numbers"):
            layer.forward(Context(numpy, training=True), {}, numpy.ones((2, 2)))


def test_batch_norm_normalizes_the_batch_and_moves_its_running_statistics():
    x = numpy.random.default_rng(0).normal(3.0, 2.0, size=(50, 2))
    p = {"gain": numpy.ones(2), "bias": numpy.zeros(2)}
    buffers = {"running_mean": numpy.zeros(2), "running_variance": numpy.ones(2)}
    h = forward(cp.BatchNorm(momentum=0.25, epsilon=1e-30), x, p=p, training=True, buffers=buffers)
    assert_close(h.mean(axis=0), numpy.zeros(2), k=50, scale=1.0)  # a sum of 50 terms
    assert_close(h.var(axis=0), numpy.ones(2), k=50)
    assert_close(buffers["running_mean"], 0.25 * x.mean(axis=0), k=50)
    assert_close(buffers["running_variance"], 0.75 + 0.25 * x.var(axis=0), k=50)  # the biased variance
    before = {name: buffer.copy() for name, buffer in buffers.items()}
    h = forward(cp.BatchNorm(), x, p=p, buffers=buffers)
    expected = (x - before["running_mean"]) / numpy.sqrt(before["running_variance"] + 1e-5)
    assert_close(h, expected, k=4)
    assert all((buffers[name] == before[name]).all() for name in buffers)


def test_batch_norm_of_an_image_has_one_gain_a_channel():
    layer = cp.BatchNorm()
    assert {name: p.shape for name, p in layer.parameters((3, 8, 8)).items()} == {"gain": (3, 1, 1), "bias": (3, 1, 1)}


def test_batch_norm_of_a_single_row_uses_the_running_statistics_and_leaves_them_alone():
    layer, x = cp.BatchNorm(epsilon=1e-30), numpy.array([[7.0, 3.0]])
    p = {"gain": numpy.array([2.0, 1.0]), "bias": numpy.array([0.0, 1.0])}
    buffers = {"running_mean": numpy.array([5.0, 3.0]), "running_variance": numpy.array([4.0, 1.0])}
    ctx = cp.Context(numpy, training=True, buffers=buffers)
    h, kept = layer.forward(ctx, p, x)
    assert h.tolist() == [[2.0, 1.0]]
    assert buffers["running_mean"].tolist() == [5.0, 3.0]
    assert layer.backward(ctx, p, kept, numpy.ones((1, 2)))[0][0].tolist() == [[1.0, 1.0]]


def test_layer_norm_normalizes_each_row():
    x = numpy.random.default_rng(0).normal(3.0, 2.0, size=(5, 40))
    h = forward(cp.LayerNorm(epsilon=1e-30), x, p={"gain": numpy.ones(40), "bias": numpy.zeros(40)})
    assert_close(h.mean(axis=1), numpy.zeros(5), k=40, scale=1.0)  # a sum of 40 terms
    assert_close(h.var(axis=1), numpy.ones(5), k=40)


def test_nan_passes_through_every_rectifier():
    for layer in (cp.ReLU(), cp.LeakyReLU(), cp.RReLU(), cp.Abs(), cp.ELU(), cp.SELU(), cp.HardTanh(), cp.Softplus()):
        assert numpy.isnan(forward(layer, [[numpy.nan]])).all(), layer


def test_parametric_relu_is_a_prelu_of_slope_1_minus_alpha():
    x, dh = numpy.random.default_rng(0).normal(size=(2, 5, 3))
    alpha = numpy.array([0.75, 1.5, -0.5])  # 1 - alpha is exact
    boxes = ((cp.Parametric(cp.ReLU()), {"alpha": alpha}), (cp.PReLU(), {"slope": 1 - alpha}))
    results = []
    for box, p in boxes:
        h, kept = box.forward(Context(numpy), p, x)
        (da,), gradients = box.backward(Context(numpy), p, kept, dh)
        results.append((h, da, *gradients.values()))
    (h, da, dalpha), (other_h, other_da, dslope) = results
    assert_close(h, other_h, k=2)  # (1 - alpha) a + alpha a is rounded twice
    assert_close(da, other_da, k=2)
    assert_close(dalpha, -dslope, k=5)  # a sum of 5 rows


def test_weights_decay_and_biases_slopes_and_gains_do_not():
    learning = (cp.Scale(), cp.PReLU(), cp.Parametric(cp.Tanh()), cp.BatchNorm(), cp.LayerNorm())
    decaying = {
        f"{type(layer).__name__}.{name}"
        for layer in (cp.Dense(2), cp.Maxout(2, 2), cp.RBF(2), cp.PeriodicEmbedding(), *learning)
        for name, p in layer.parameters((3,)).items()
        if p.decays
    }
    assert decaying == {"Dense.W", "Maxout.W", "PeriodicEmbedding.W"}


REFUSED = [
    (lambda: cp.Dense(0), r"Dense: units must be an integer >= 1, got 0"),
    (lambda: cp.Dense(2.5), r"Dense: units must be an integer >= 1, got 2.5"),
    (lambda: cp.Dense(True), r"Dense: units must be an integer >= 1, got True"),
    (lambda: cp.Dense(2, bias=1), r"Dense: bias must be True or False, got 1"),
    (lambda: cp.Dense(2, initializer="he"), r"Dense: initializer must be of kind Initializer, got 'he'.*Glorot\(\)"),
    (lambda: cp.Dense(2, initializer=cp.He), r"Dense: initializer must be .*pass for example He\(\)"),
    (lambda: cp.Dense(2, bias_initializer=0.1), r"Dense: bias_initializer must be of kind Initializer, got 0.1"),
    (lambda: cp.Dense(2, penalty=1e-4), r"Dense: penalty must be of kind Penalty, got 0.0001.*L2"),
    (lambda: cp.Dense(2, constraint=2), r"Dense: constraint must be of kind Constraint, got 2.*MaxNorm"),
    (lambda: cp.Dense(2, name="a.b"), r"Dense: name must be letters, digits and _ .*got 'a.b'"),
    (lambda: cp.Dense(2, name=3), r"Dense: name must be letters, digits and _ .*got 3"),
    (lambda: cp.Maxout(0, 2), r"Maxout: units must be an integer >= 1, got 0"),
    (lambda: cp.Maxout(2, 0), r"Maxout: pieces must be an integer >= 1, got 0"),
    (lambda: cp.Maxout(2, 2, initializer=1), r"Maxout: initializer must be of kind Initializer, got 1"),
    (lambda: cp.RBF(-1), r"RBF: units must be an integer >= 1, got -1"),
    (lambda: cp.RBF(1, width_initializer=1.0), r"RBF: width_initializer must be of kind Initializer, got 1.0"),
    (lambda: cp.Scale(1.0), r"Scale: initializer must be of kind Initializer, got 1.0"),
    (lambda: cp.PeriodicEmbedding(0), r"PeriodicEmbedding: frequencies must be an integer >= 1, got 0"),
    (lambda: cp.PeriodicEmbedding(width=1.5), r"PeriodicEmbedding: width must be an integer >= 1, got 1.5"),
    (lambda: cp.PeriodicEmbedding(deviation=-1), r"PeriodicEmbedding: deviation must be a finite number >= 0, got -1"),
    (lambda: cp.PReLU(0.25), r"PReLU: initializer must be of kind Initializer, got 0.25"),
    (lambda: cp.Parametric("selu"), r"Parametric: activation must be of kind Activation, got 'selu'.*SELU\(\)"),
    (lambda: cp.Parametric(cp.Mish), r"Parametric: activation must be .*pass for example Mish\(\)"),
    (lambda: cp.Parametric(cp.PReLU()), r"Parametric: activation must be of kind Activation, got PReLU\(\)"),
    (lambda: cp.Parametric(cp.Step()), r"Parametric: activation must be of kind Activation, got Step\(\)"),
    (lambda: cp.Parametric(cp.RReLU()), r"Parametric: activation must be without random numbers, got RReLU\(\)"),
    (lambda: cp.Parametric(cp.Mish(), 1.0), r"Parametric: initializer must be of kind Initializer, got 1.0"),
    (lambda: cp.LeakyReLU("0.1"), r"LeakyReLU: slope must be a finite number, got '0.1'"),
    (lambda: cp.LeakyReLU(math.nan), r"LeakyReLU: slope must be a finite number, got nan"),
    (lambda: cp.RReLU(0.5, 0.1), r"RReLU: upper must be >= lower = 0.5, got 0.1"),
    (lambda: cp.ELU(-1.0), r"ELU: alpha must be a finite number >= 0, got -1.0"),
    (lambda: cp.Dropout(1.0), r"Dropout: rate must be a finite number >= 0 and < 1, got 1.0"),
    (lambda: cp.Dropout(-0.1), r"Dropout: rate must be a finite number >= 0 and < 1, got -0.1"),
    (lambda: cp.GaussianNoise(-1), r"GaussianNoise: deviation must be a finite number >= 0, got -1"),
    (lambda: cp.BatchNorm(momentum=2), r"BatchNorm: momentum must be a finite number >= 0 and <= 1, got 2"),
    (lambda: cp.BatchNorm(epsilon=0), r"BatchNorm: epsilon must be a finite number > 0, got 0"),
    (lambda: cp.LayerNorm(epsilon=math.inf), r"LayerNorm: epsilon must be a finite number > 0, got inf"),
    (lambda: cp.Reshape([2, 3]), r"Reshape: shape must be a tuple of integers .*got \[2, 3\]"),
    (lambda: cp.Reshape((2, -1)), r"Reshape: shape\[1\] must be an integer >= 1, got -1"),
    (lambda: cp.Dense(2)([[1.0]]), r"Dense: a layer is called on nodes, got list; begin with x = clearprop.Input"),
    (lambda: cp.Dense(2)(), r"Dense: a layer is called on nodes, got nothing"),
]


@pytest.mark.parametrize(("make", "message"), REFUSED, ids=[message[:45] for _, message in REFUSED])
def test_wrong_arguments_are_named_with_what_was_got_and_expected(make, message):
    with pytest.raises(cp.ArgumentError, match=message):
        make()


def test_layers_are_frozen():
    with pytest.raises(AttributeError):
        cp.Dense(2).units = 3
