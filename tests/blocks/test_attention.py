"""Attention: the equation, its gradients, projections, refused arguments."""

from __future__ import annotations

import numpy
import pytest

import clearprop as cp
from cases import assert_close

N_ROWS, STEPS, FEATURES = 4, 3, 2
K = 64  # of two products, exponentials and a sum


def rows(seed=0, shape=(STEPS, FEATURES)):
    """Return random sequences."""
    return numpy.random.default_rng(seed).normal(size=(N_ROWS, *shape))


def attended(queries, keys, values):
    """Return softmax(Q K^T / sqrt(d)) V and the weights, row by row."""
    scores = numpy.einsum("nqd,nkd->nqk", queries, keys) / numpy.sqrt(queries.shape[2])
    weights = numpy.exp(scores) / numpy.exp(scores).sum(axis=2, keepdims=True)
    return weights @ values, weights


def test_attention_is_that_of_the_equation():
    shapes = ((2, 4), (5, 4), (5, 3))
    net = cp.Network(cp.Flatten()(cp.attention(*(cp.Input(shape) for shape in shapes))), dtype=numpy.float64)
    X = tuple(rows(seed, shape) for seed, shape in enumerate(shapes))
    expected, weights = attended(*X)
    assert not net.parameters
    assert_close(net.scores(X), expected.reshape(N_ROWS, -1), K)
    trace = net.trace(X, numpy.zeros((N_ROWS, 6)))
    assert_close(trace["attention_weights.a"], weights, K)
    assert_close(trace["attention_weights.a"].sum(axis=2), numpy.ones((N_ROWS, 2)), k=8)  # exp, a sum of 5, and /
    assert cp.check_gradient(net, X, numpy.zeros((N_ROWS, 6))).error <= 1e-6


def test_self_attention_projects_every_step_by_the_same_matrix():
    x = cp.Input((STEPS, FEATURES))
    net = cp.Network(cp.Flatten()(cp.attention(x, x, x, units=4)), dtype=numpy.float64)
    p, X = net.parameters, rows()
    assert {name: view.shape for name, view in p.items()} == {
        f"attention_{part}.W": (FEATURES, 4) for part in ("query", "key", "value")
    }
    expected, _ = attended(*(X @ p[f"attention_{part}.W"] for part in ("query", "key", "value")))
    assert_close(net.scores(X), expected.reshape(N_ROWS, -1), K)
    assert cp.check_gradient(net, X, numpy.zeros((N_ROWS, 12))).error <= 1e-6


def test_self_attention_does_not_see_the_order_of_steps():
    x, order = cp.Input((STEPS, FEATURES)), [2, 0, 1]
    net = cp.Network(cp.Mean(0)(cp.attention(x, x, x, units=4)), dtype=numpy.float64)
    assert_close(net.scores(rows()[:, order]), net.scores(rows()), K)


SEQUENCE, VECTOR = cp.Input((STEPS, FEATURES)), cp.Input(4)
REFUSED = [
    (lambda: cp.attention(SEQUENCE, SEQUENCE, None), r"attention: values must be a node, got None; begin with values"),
    (lambda: cp.attention(SEQUENCE, SEQUENCE, SEQUENCE, units=-1), r"attention: units must be an integer >= 1, got -1"),
]


@pytest.mark.parametrize(("make", "message"), REFUSED, ids=[message[:45] for _, message in REFUSED])
def test_wrong_arguments_are_named_with_what_was_got_and_expected(make, message):
    with pytest.raises(cp.ArgumentError, match=message):
        make()


MISFITS = [
    (
        lambda: cp.attention(SEQUENCE, VECTOR, VECTOR),
        r"attention: keys must have rows of shape \(steps, features\), got",
    ),
    (lambda: cp.attention(SEQUENCE, cp.Input((3, 5)), SEQUENCE), r"node 'attention_products': MatMul needs rows"),
    (lambda: cp.attention(SEQUENCE, SEQUENCE, cp.Input((2, 2))), r"node 'attention': MatMul needs rows"),
]


@pytest.mark.parametrize(("make", "message"), MISFITS, ids=[message[:45] for _, message in MISFITS])
def test_shapes_that_do_not_fit_are_named_with_their_nodes(make, message):
    with pytest.raises(cp.ShapeError, match=message):
        make()
