"""Matrix products, sums over axes, pieces, the order of axes, embeddings: values by hand, shapes, refused arguments."""

from __future__ import annotations

import math

import numpy
import pytest

import clearprop as cp
from cases import assert_close
from clearprop.layers import Context


def forward(layer, *xs, p=None):
    """Return the output of a layer for lists of rows."""
    return layer.forward(Context(numpy), p or {}, *(numpy.asarray(x, dtype=float) for x in xs))[0]


def test_matrix_product_by_hand_and_with_heads():
    assert forward(cp.MatMul(), [[[1.0, 2.0]]], [[[3.0, 0.0], [4.0, 1.0]]]).tolist() == [[[11.0, 2.0]]]
    rng = numpy.random.default_rng(0)
    a, b = rng.normal(size=(5, 2, 3, 4)), rng.normal(size=(5, 2, 4, 1))
    product = forward(cp.MatMul(), a, b)
    for row, head in numpy.ndindex(5, 2):
        assert_close(
            product[row, head], forward(cp.MatMul(), a[row, head][None], b[row, head][None])[0], k=8
        )  # 4 terms


def test_the_product_with_one_matrix_for_all_rows_is_dense():
    rng = numpy.random.default_rng(0)
    x, w = rng.normal(size=(6, 1, 3)), rng.normal(size=(3, 2))
    shared = numpy.broadcast_to(w, (6, 3, 2))
    dense = forward(cp.Dense(2, bias=False), x[:, 0], p={"W": w})
    assert_close(forward(cp.MatMul(), x, shared)[:, 0], dense, k=8)  # 3 terms


def test_sums_and_means_by_hand():
    x = numpy.arange(12.0).reshape(1, 2, 3, 2)
    assert forward(cp.Sum(0), x).tolist() == [[[6.0, 8.0], [10.0, 12.0], [14.0, 16.0]]]
    assert forward(cp.Sum((0, 1)), x).tolist() == [[30.0, 36.0]]
    assert forward(cp.Sum((1, 0)), x).tolist() == [[30.0, 36.0]]
    assert forward(cp.Mean((0, 1)), x).tolist() == [[5.0, 6.0]]
    assert forward(cp.Mean(2), x).tolist() == [[[0.5, 2.5, 4.5], [6.5, 8.5, 10.5]]]


def test_pieces_and_the_order_of_axes_by_hand():
    x = numpy.arange(6.0).reshape(1, 2, 3)
    assert forward(cp.Slice(1, 2), x).tolist() == [[[3.0, 4.0, 5.0]]]
    assert forward(cp.Slice(1, 3, axis=1), x).tolist() == [[[1.0, 2.0], [4.0, 5.0]]]
    assert forward(cp.Transpose(), x).tolist() == [[[0.0, 3.0], [1.0, 4.0], [2.0, 5.0]]]
    assert forward(cp.Transpose((0, 1)), x).tolist() == x.tolist()


def test_slices_put_side_by_side_are_the_whole_and_so_are_their_gradients():
    x = cp.Input((4, 3))
    whole = cp.Concatenate()(*(cp.Slice(k, k + 1)(x) for k in range(4)))
    net = cp.Network(cp.Flatten()(whole), dtype=numpy.float64)
    rows = numpy.random.default_rng(0).normal(size=(5, 4, 3))
    assert (net.scores(rows) == rows.reshape(5, 12)).all()
    trace = net.trace(rows, numpy.zeros((5, 12)))
    assert (trace["input_1.dx"] == trace["flatten_1.delta"].reshape(5, 4, 3)).all()


def test_rescale_keeps_float32_also_with_numpy_s_own_numbers():
    h = cp.Rescale(numpy.float64(0.5), numpy.float64(1.0)).forward(Context(numpy), {}, numpy.ones((2, 3), "float32"))[0]
    assert h.dtype == numpy.float32
    assert (h == 1.5).all()


def test_an_embedding_is_dense_on_one_hot_rows():
    levels, width, n = 4, 3, 40
    codes = numpy.random.default_rng(0).integers(levels, size=(n, 1))
    y = numpy.random.default_rng(1).normal(size=(n, width))
    embedding = cp.Network([cp.Embedding(levels, width), cp.Flatten()], inputs=1, dtype=numpy.float64)
    dense = cp.Network([cp.Dense(width, bias=False)], inputs=levels, dtype=numpy.float64)
    dense.vector[...] = embedding.vector
    (loss, gradient), (other_loss, other) = (
        embedding.gradient(codes, y),
        dense.gradient(numpy.eye(levels)[codes[:, 0]], y),
    )
    assert_close([loss], [other_loss], k=n)  # a sum over rows
    assert_close(gradient["embedding_1.W"], other["dense_1.W"], k=n)  # a level occurs n times at most


def test_the_gradients_of_a_code_that_is_repeated_add_up():
    net = cp.Network([cp.Embedding(3, 1), cp.Sum(0)], inputs=4, dtype=numpy.float64)
    net.vector[...] = 0.0
    _, gradient = net.gradient([[2, 0, 2, 2]], [-1.0])  # dh = 1
    assert gradient["embedding_1.W"].tolist() == [[1.0], [0.0], [3.0]]


def test_codes_have_no_gradient_and_the_check_leaves_them_alone():
    x, codes = cp.Input(2), cp.Input(3)
    learned = cp.Flatten()(cp.Embedding(4, 2)(codes))
    net = cp.Network(cp.Dense(1)(cp.Tanh()(cp.Concatenate()(x, learned))))
    X, y = ([[0.5, -1.0], [2.0, 0.1]], [[0, 3, 3], [1, 0, 2]]), [1.0, 0.0]
    assert "input_2.dx" not in net.trace(X, y)
    assert [check.name for check in cp.check_gradient(net, X, y).checks] == [
        "embedding_1.W",
        "dense_1.W",
        "dense_1.b",
        "input_1",
    ]


def test_float32_tells_codes_up_to_2_to_the_24_apart():
    box, largest = cp.Embedding(2**24 + 1, 1), 2**24
    w = numpy.broadcast_to(numpy.float32(0.0), (largest + 1, 1))
    _, codes = box.forward(Context(numpy), {"W": w}, numpy.asarray([[largest - 1, largest]], "float32"))
    assert codes.tolist() == [largest - 1, largest]
    assert numpy.float32(largest + 1) == largest


@pytest.mark.parametrize(("code", "shown"), [(4, "4"), (-1, "-1"), (0.5, "0.5")])
@pytest.mark.parametrize("name", [None, "letters"])
def test_a_number_that_is_no_code_is_named_with_its_node(code, shown, name):
    net = cp.Network([cp.Embedding(4, 2, name=name), cp.Flatten(), cp.Dense(1)], inputs=3)
    message = rf"node '{name or 'embedding_1'}': Embedding.4, 2. takes the codes 0 to 3, got {shown}; "
    X = [[0, 1, 2], [3, code, 0]]
    for use in (net.predict, lambda rows: net.fit(rows, [0.0, 1.0], epochs=1)):
        with pytest.raises(cp.DataError, match=message):
            use(X)


def test_a_number_too_large_for_an_integer_is_no_code():
    net = cp.Network([cp.Embedding(4, 2)], inputs=1)
    with pytest.raises(cp.DataError, match=r"takes the codes 0 to 3, got 1.180591621e\+21"):
        net.scores([[2.0**70]])


REFUSED = [
    (lambda: cp.Sum(-1), r"Sum: axis must be an integer >= 0, got -1"),
    (lambda: cp.Sum(None), r"Sum: axis must be an integer >= 0, got None"),
    (lambda: cp.Mean((0, 0)), r"Mean: axis must be an integer or a tuple of different ones, got \(0, 0\)"),
    (lambda: cp.Mean(()), r"Mean: axis must be an integer or a tuple of different ones, got \(\)"),
    (lambda: cp.Mean((0, 1.0)), r"Mean: axis\[1\] must be an integer >= 0, got 1.0"),
    (lambda: cp.Rescale(math.nan), r"Rescale: factor must be a finite number, got nan"),
    (lambda: cp.Rescale(1.0, "0"), r"Rescale: offset must be a finite number, got '0'"),
    (lambda: cp.Slice(-1, 2), r"Slice: start must be an integer >= 0, got -1"),
    (lambda: cp.Slice(2, 2), r"Slice: stop must be an integer >= 3, got 2"),
    (lambda: cp.Slice(0, 2, axis=-1), r"Slice: axis must be an integer >= 0, got -1"),
    (lambda: cp.Transpose([1, 0]), r"Transpose: axes must be None or a tuple of integers .*, got \[1, 0\]"),
    (lambda: cp.Transpose((0, 2)), r"Transpose: axes must hold each of 0, 1, ... once, got \(0, 2\)"),
    (lambda: cp.Transpose((0, -1)), r"Transpose: axes\[1\] must be an integer >= 0, got -1"),
    (lambda: cp.Embedding(0, 1), r"Embedding: levels must be an integer >= 1, got 0"),
    (lambda: cp.Embedding(3, 1.5), r"Embedding: width must be an integer >= 1, got 1.5"),
    (lambda: cp.Embedding(3, 1, initializer=0.1), r"Embedding: initializer must be of kind Initializer, got 0.1"),
]


@pytest.mark.parametrize(("make", "message"), REFUSED, ids=[message[:45] for _, message in REFUSED])
def test_wrong_arguments_are_named_with_what_was_got_and_expected(make, message):
    with pytest.raises(cp.ArgumentError, match=message):
        make()


MISFITS = [
    (lambda: cp.MatMul()(cp.Input((2, 3))), r"node 'mat_mul_1': MatMul takes 2 inputs, got 1"),
    (
        lambda: cp.MatMul()(cp.Input((2, 3)), cp.Input((2, 3))),
        r"node 'mat_mul_1': MatMul needs rows of shapes \(..., p, q\) and \(..., q, r\); got \(2, 3\) from 'input_1'",
    ),
    (lambda: cp.MatMul()(cp.Input(3), cp.Input(3)), r"MatMul needs rows of shapes"),
    (lambda: cp.MatMul()(cp.Input((2, 2, 3)), cp.Input((1, 3, 2))), r"MatMul needs rows of shapes"),
    (lambda: cp.Sum(2)(cp.Input((2, 3))), r"node 'sum_1': Sum needs rows with axis 2 .*; got \(2, 3\) from 'input_1'"),
    (lambda: cp.Mean((0, 1))(cp.Input((2, 3))), r"Mean needs rows with axis \(0, 1\) and one that is left over; got"),
    (lambda: cp.Sum(0)(cp.Input(3)), r"Sum needs rows with axis 0 and one that is left over; got \(3,\)"),
    (lambda: cp.Slice(1, 4)(cp.Input(3)), r"Slice\(1, 4\) needs rows with 4 or more entries along axis 0; got \(3,\)"),
    (lambda: cp.Slice(0, 1, axis=1)(cp.Input(3)), r"needs rows with 1 or more entries along axis 1; got \(3,\)"),
    (lambda: cp.Transpose((1, 0))(cp.Input(3)), r"Transpose\(axes=\(1, 0\)\) needs rows with 2 axes; got \(3,\)"),
]


@pytest.mark.parametrize(("make", "message"), MISFITS, ids=[message[:45] for _, message in MISFITS])
def test_shapes_that_do_not_fit_are_named_with_their_nodes(make, message):
    with pytest.raises(cp.ShapeError, match=message):
        make()
