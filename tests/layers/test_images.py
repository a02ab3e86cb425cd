"""Convolution and pooling: against plain loops, by hand, and in LeNet-5."""

from __future__ import annotations

import array_api_strict
import numpy
import pytest

import clearprop as cp
from cases import LAYERS, N_ROWS, LayerCase, assert_close, frozen
from clearprop.layers import Context

CONVOLUTIONS = [case for case in LAYERS if isinstance(case.layer, cp.Conv2D)]
POOLS = [case for case in LAYERS if isinstance(case.layer, cp.MaxPool2D | cp.AveragePool2D)]


def both(value):
    """Return a number for heights and for widths."""
    return value if isinstance(value, tuple) else (value, value)


def windows(x, size, stride):
    """Yield the place (i, j) of each window of a single image, and the window."""
    for i, top in enumerate(range(0, x.shape[1] - size[0] + 1, stride[0])):
        for j, left in enumerate(range(0, x.shape[2] - size[1] + 1, stride[1])):
            yield (i, j), x[:, top : top + size[0], left : left + size[1]]


@pytest.mark.parametrize("case", CONVOLUTIONS, ids=lambda case: case.id)
def test_convolution_is_a_loop_over_images_filters_and_windows(case):
    (x,), p, layer = case.inputs(), case.parameters(), case.layer
    (above, left), bias = both(layer.padding), p.get("b", numpy.zeros(layer.filters))
    expected = numpy.full((N_ROWS, *layer.output_shape(*case.shapes)), numpy.nan)
    for row, image in enumerate(numpy.pad(x, [(0, 0), (0, 0), (above, above), (left, left)])):
        for (i, j), window in windows(image, both(layer.kernel), both(layer.stride)):
            for f in range(layer.filters):
                expected[row, f, i, j] = (p["W"][f] * window).sum() + bias[f]
    a, _ = layer.forward(case.context(), p, x)
    assert_close(a, expected, k=18)  # sums of up to 18 products


@pytest.mark.parametrize("case", POOLS, ids=lambda case: case.id)
def test_pooling_is_a_loop_over_images_and_windows(case):
    (x,), layer = case.inputs(), case.layer
    value = numpy.max if isinstance(layer, cp.MaxPool2D) else numpy.mean
    expected = numpy.full((N_ROWS, *layer.output_shape(*case.shapes)), numpy.nan)
    for row, image in enumerate(x):
        for (i, j), window in windows(image, both(layer.size), both(layer.stride or layer.size)):
            expected[row, :, i, j] = value(window, axis=(1, 2))
    h, _ = layer.forward(case.context(), {}, x)
    assert_close(h, expected, k=9)  # sums of up to 9 entries


def pooled(layer, image, dh):
    """Return h and dx of a single image of one channel."""
    ctx, x = Context(numpy), frozen(numpy.array([[image]], dtype=float))
    h, kept = layer.forward(ctx, {}, x)
    (dx,), _ = layer.backward(ctx, {}, kept, numpy.array([[dh]], dtype=float))
    return h[0, 0].tolist(), dx[0, 0].tolist()


def test_the_first_of_the_largest_entries_gets_the_gradient():
    # all equal; the row above wins over the column on the left; a later one that is larger
    image = [[7, 7, 0, 5, 1, 1], [7, 7, 5, 5, 1, 2]]
    h, dx = pooled(cp.MaxPool2D(2), image, [[1, 10, 100]])
    assert h == [[7, 5, 2]]
    assert dx == [[1, 0, 0, 10, 0, 0], [0, 0, 0, 0, 0, 100]]


def test_an_entry_adds_up_the_gradients_of_overlapping_windows_and_the_rest_gets_none():
    assert pooled(cp.MaxPool2D((1, 2), stride=1), [[1, 9, 2, 3]], [[1, 10, 100]])[1] == [[0, 11, 0, 100]]
    assert pooled(cp.AveragePool2D((1, 2), stride=1), [[1, 9, 2, 4]], [[2, 20, 200]]) == (
        [[5, 5.5, 3]],
        [[1, 11, 110, 100]],
    )
    for pool, dx in ((cp.MaxPool2D(2), [0, 0, 0, 8, 0]), (cp.AveragePool2D(2), [0, 0, 2, 2, 0])):
        assert pooled(pool, [[1, 2, 3, 4, 5], [1, 2, 3, 3, 5], [9, 9, 9, 9, 9]], [[0, 8]])[1][0] == dx


def test_nan_passes_through_both_pools():
    x = numpy.array([[[[1.0, numpy.nan, 2.0, 3.0]]]])
    for layer in (cp.MaxPool2D((1, 2)), cp.AveragePool2D((1, 2))):
        assert numpy.isnan(layer.forward(Context(numpy), {}, x)[0]).ravel().tolist() == [True, False]


def test_convolution_does_not_turn_the_filter_around():
    net = cp.Network([cp.Conv2D(1, (1, 3), padding=(0, 1), bias=False)], inputs=(1, 1, 3))
    net.parameters["conv2d_1.W"][...] = [1.0, 10.0, 100.0]
    assert net.scores([[[[1.0, 2.0, 3.0]]]]).tolist() == [[[[210.0, 321.0, 32.0]]]]


def test_a_kernel_of_the_image_s_size_is_a_dense_box():
    x = frozen(numpy.random.default_rng(0).normal(size=(N_ROWS, 2, 3, 4)))
    p = LayerCase(cp.Conv2D(5, (3, 4)), ((2, 3, 4),)).parameters()
    a, _ = cp.Conv2D(5, (3, 4)).forward(Context(numpy), p, x)
    flat = {"W": p["W"].reshape(5, -1).T, "b": p["b"]}
    assert_close(a[:, :, 0, 0], cp.Dense(5).forward(Context(numpy), flat, x.reshape(N_ROWS, -1))[0], k=24)  # 24 terms


def test_fans_and_decay():
    declared = cp.Conv2D(6, (3, 5)).parameters((2, 9, 9))
    assert {name: (p.shape, p.fan_in, p.fan_out, p.decays) for name, p in declared.items()} == {
        "W": ((6, 2, 3, 5), 30, 90, True),
        "b": ((6,), 30, 90, False),
    }


@pytest.mark.parametrize("xp", [numpy, array_api_strict])
def test_max_norm_of_a_convolution_holds_for_each_filter(xp):
    w = numpy.random.default_rng(0).normal(size=(4, 2, 3, 3)) * numpy.array([0.01, 0.1, 1.0, 10.0])[:, None, None, None]
    projected = numpy.asarray(cp.MaxNorm(1.5).project(xp, xp.asarray(w)))
    before, after = (numpy.linalg.norm(array.reshape(4, -1), axis=1) for array in (w, projected))
    assert_close(after, numpy.minimum(before, 1.5), k=18)  # sums of 18 squares
    assert (projected[before < 1.5] == w[before < 1.5]).all()
    assert (before < 1.5).tolist() == [True, True, False, False]


# ---- networks


def lenet(pool=cp.MaxPool2D, activation=cp.ReLU, **options):
    """Return LeNet-5 in its modern form."""
    features = [cp.Conv2D(6, 5, padding=2), activation(), pool(2), cp.Conv2D(16, 5), activation(), pool(2)]
    dense = [cp.Flatten(), cp.Dense(120), activation(), cp.Dense(84), activation(), cp.Dense(10)]
    return cp.Network([*features, *dense], inputs=(1, 28, 28), loss=cp.CrossEntropy(), **options)


def test_shapes_and_parameters_of_lenet_5():
    net = lenet()
    shapes = [node.shape for node in net.graph.nodes if isinstance(node.layer, cp.Conv2D | cp.MaxPool2D | cp.Flatten)]
    assert shapes == [(6, 28, 28), (6, 14, 14), (16, 10, 10), (16, 5, 5), (400,)]
    assert net.vector.size == 156 + 2416 + 48120 + 10164 + 850 == 61706


@pytest.mark.parametrize("pool", [cp.MaxPool2D, cp.AveragePool2D])
def test_gradient_of_a_network_of_images(pool):
    boxes = [cp.Conv2D(3, 3, padding=1), cp.Tanh(), pool(2), cp.Conv2D(2, 2, stride=2), cp.Flatten(), cp.Dense(3)]
    net = cp.Network(boxes, inputs=(2, 9, 8), loss=cp.CrossEntropy(), penalty=cp.L2(0.1), dtype=numpy.float64)
    X = numpy.random.default_rng(0).normal(size=(4, 2, 9, 8))
    assert cp.check_gradient(net, X, [0, 1, 2, 1]).error <= 1e-6


@pytest.mark.parametrize("pool", [cp.MaxPool2D, cp.AveragePool2D])
def test_a_network_of_images_learns_is_saved_and_loaded(pool, tmp_path):
    rng = numpy.random.default_rng(0)
    y = rng.integers(0, 2, size=40)
    X = 0.1 * rng.normal(size=(40, 1, 8, 8))
    for image, label in zip(X, y, strict=True):  # a bar that lies or stands, anywhere
        place = rng.integers(0, 8)
        image[0, place] += 1.0 - label
        image[0, :, place] += label
    boxes = [cp.Conv2D(4, (3, 3)), cp.ReLU(), pool(2), cp.Flatten(), cp.Dense(2)]
    net = cp.Network(boxes, inputs=(1, 8, 8), loss=cp.CrossEntropy(), constraint=cp.MaxNorm(2.0), seed=0)
    net.fit(X, y, optimizer=cp.Adam(0.01), epochs=30, batch_size=8, seed=0)
    assert (net.predict(X).argmax(axis=1) == y).all()
    net.save(tmp_path / "net")
    assert (cp.load(tmp_path / "net").predict(X) == net.predict(X)).all()


def test_the_native_engine_says_why_it_leaves_images_to_the_array_engine():
    assert "node 'input_1' has rows of shape (1, 28, 28), and it takes vectors alone" in str(lenet().refusals())


# ---- what is refused


SHAPES = [
    (lambda: cp.Conv2D(2, 3)(cp.Input(784)), r"'conv2d_1': Conv2D takes an image .*put .*Reshape\(\(1, 28, 28\)\)"),
    (lambda: cp.MaxPool2D(2)(cp.Input((8, 6))), r"MaxPool2D takes an image .*\(\(1, 8, 6\)\).*got \(8, 6\)"),
    (lambda: cp.Conv2D(2, 5)(cp.Input((1, 4, 9))), r"window of 5 x 5 does not fit into an image of 4 x 9; take"),
    (lambda: cp.Conv2D(2, (1, 9), padding=(4, 1))(cp.Input((1, 4, 4))), r"1 x 9 does not .* 12 x 6 with its padding"),
    (lambda: cp.AveragePool2D((2, 3))(cp.Input((1, 4, 2))), r"AveragePool2D: a window of 2 x 3 .* image of 4 x 2"),
]
ARGUMENTS = [
    (lambda: cp.Conv2D(0, 3), r"Conv2D: filters must be an integer >= 1, got 0"),
    (lambda: cp.Conv2D(2, 0), r"Conv2D: kernel must be an integer >= 1, or a tuple of two .*got 0"),
    (lambda: cp.Conv2D(2, (3, 3, 3)), r"Conv2D: kernel must be .*got \(3, 3, 3\)"),
    (lambda: cp.Conv2D(2, [3, 3]), r"Conv2D: kernel must be .*got \[3, 3\]"),
    (lambda: cp.Conv2D(2, 3, stride=(1, True)), r"Conv2D: stride must be an integer >= 1.*got \(1, True\)"),
    (lambda: cp.Conv2D(2, 3, padding=-1), r"Conv2D: padding must be an integer >= 0.*got -1"),
    (lambda: cp.Conv2D(2, 3, padding="same"), r"Conv2D: padding must be .*got 'same'"),
    (lambda: cp.Conv2D(2, 3, bias=0), r"Conv2D: bias must be True or False, got 0"),
    (lambda: cp.Conv2D(2, 3, initializer="he"), r"Conv2D: initializer must be of kind Initializer, got 'he'"),
    (lambda: cp.Conv2D(2, 3, bias_initializer=0.1), r"Conv2D: bias_initializer must be of kind Initializer, got 0.1"),
    (lambda: cp.Conv2D(2, 3, penalty=1.0), r"Conv2D: penalty must be of kind Penalty, got 1.0"),
    (lambda: cp.Conv2D(2, 3, constraint=2.0), r"Conv2D: constraint must be of kind Constraint, got 2.0"),
    (lambda: cp.MaxPool2D(0), r"MaxPool2D: size must be an integer >= 1.*got 0"),
    (lambda: cp.AveragePool2D(2, stride=0), r"AveragePool2D: stride must be an integer >= 1.*got 0"),
]


@pytest.mark.parametrize(("make", "message"), SHAPES, ids=[message[:40] for _, message in SHAPES])
def test_shapes_that_do_not_fit_are_refused_before_anything_is_computed(make, message):
    with pytest.raises(cp.ShapeError, match=message):
        make()


@pytest.mark.parametrize(("make", "message"), ARGUMENTS, ids=[message[:40] for _, message in ARGUMENTS])
def test_wrong_arguments_are_named_with_what_was_got_and_expected(make, message):
    with pytest.raises(cp.ArgumentError, match=message):
        make()
