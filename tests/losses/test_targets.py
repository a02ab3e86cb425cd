"""What losses take as y, and how they refuse the rest."""

from __future__ import annotations

import numpy
import pytest

import clearprop as cp


def target(loss, y, n_outputs, n_rows=3):
    """Return y as the loss keeps it."""
    return loss.target(y, n_rows, n_outputs, numpy.float64)


def test_vectors_and_columns_are_the_same_for_one_output():
    for loss in (cp.SquaredError(), cp.BinaryCrossEntropy(), cp.Poisson()):
        assert target(loss, [0, 1, 1], 1).tolist() == target(loss, [[0], [1], [1]], 1).tolist() == [[0.0], [1.0], [1.0]]
    assert target(cp.Hinge(), [[0], [1], [1]], 1).tolist() == [0, 1, 1]


def test_class_numbers_stay_integers_of_whatever_dtype_they_came_in():
    for dtype in (bool, numpy.uint8, numpy.int32, numpy.float32):
        y = target(cp.CrossEntropy(), numpy.array([0, 1, 1]).astype(dtype), 2)
        assert (y.dtype, y.tolist()) == (numpy.int64, [0, 1, 1])


REFUSED = [
    (cp.SquaredError(), [1.0, 2.0], 1, r"SquaredError: y must have shape \(3, 1\) or \(3,\), got \(2,\)"),
    (cp.SquaredError(), [1.0, 2.0, 3.0], 2, r"SquaredError: y must have shape \(3, 2\), got \(3,\)"),
    (cp.Huber(), ["a", "b", "c"], 1, r"Huber: y must hold numbers, got dtype <U1; encode classes"),
    (cp.AbsoluteError(), [1.0, numpy.nan, 2.0], 1, r"AbsoluteError: y must be finite, got nan in row 1"),
    (cp.Quantile(), [[1.0, 2.0], [1.0, 2.0], [1.0, numpy.inf]], 2, r"Quantile: y must be finite, got inf in row 2"),
    (cp.Poisson(), [1, 2, -1], 1, r"Poisson: y must be >= 0, got -1.0 in row 2; use SquaredError"),
    (cp.BinaryCrossEntropy(), [0, 2, 1], 1, r"BinaryCrossEntropy: y must lie between 0 and 1, got 2.0 in row 1"),
    (cp.BinaryCrossEntropy(), [0, -1, 1], 1, r"y must lie between 0 and 1, got -1.0 in row 1; encode .* as 0 and 1"),
    (cp.CrossEntropy(), [0, 1, 4], 4, r"CrossEntropy: y must hold class numbers 0 to 3 for 4 classes, got 4 in row 2"),
    (cp.CrossEntropy(), [0, -1, 0], 4, r"class numbers 0 to 3 for 4 classes, got -1 in row 1"),
    (cp.CrossEntropy(), [0, 1.5, 0], 4, r"class numbers 0 to 3 for 4 classes, got 1.5 in row 1"),
    (cp.CrossEntropy(), [0, numpy.nan, 0], 4, r"class numbers 0 to 3 for 4 classes, got nan in row 1"),
    (cp.CrossEntropy(), ["a", "b", "a"], 2, r"got dtype <U1 such as .*'a'.*; encode labels with numpy.unique"),
    (cp.CrossEntropy(), [0, 1], 2, r"one class number a row, shape \(3,\), or one column a class, .*got \(2,\)"),
    (cp.CrossEntropy(), [[0.5, 0.5], [0.2, 0.9], [1, 0]], 2, r">= 0 and sum to 1, got \[0.2, 0.9\] in row 1; divide"),
    (cp.CrossEntropy(), [[0.5, 0.5], [1.5, -0.5], [1, 0]], 2, r">= 0 and sum to 1, got \[1.5, -0.5\] in row 1"),
    (cp.KLDivergence(), [0, 1, 1], 2, r"KLDivergence: y must have shape \(3, 2\), got \(3,\)"),
    (cp.KLDivergence(), [[0.5, 0.4]] * 3, 2, r"KLDivergence: each row of y must be >= 0 and sum to 1.* in row 0"),
    (cp.Hinge(), [0, 1, 2], 1, r"Hinge: y must hold class numbers 0 to 1 for 2 classes, got 2 in row 2"),
    (cp.Hinge(), [[0, 1], [1, 0], [1, 0]], 2, r"Hinge: y must hold one class number a row"),
    (cp.SparseReconstruction(2, 0.1), [[0.0] * 4] * 3, 4, r"SquaredError: y must have shape \(3, 2\), got \(3, 4\)"),
]


@pytest.mark.parametrize(("loss", "y", "n_outputs", "message"), REFUSED, ids=[row[3][:40] for row in REFUSED])
def test_wrong_targets_are_named_with_their_row_and_a_remedy(loss, y, n_outputs, message):
    with pytest.raises(cp.DataError, match=message):
        target(loss, y, n_outputs)


@pytest.mark.parametrize(("loss", "name"), [(cp.CrossEntropy(), "CrossEntropy"), (cp.KLDivergence(), "KLDivergence")])
def test_a_softmax_of_one_output_is_refused_when_the_network_is_made(loss, name):
    with pytest.raises(cp.ArgumentError, match=rf"{name} .*at least 2.* got 1.*use Dense\(2\)"):
        cp.Network([cp.Dense(1)], inputs=3, loss=loss)


WRONG = [
    (lambda: cp.CrossEntropy(1.0), r"CrossEntropy: label_smoothing must be a finite number >= 0 and < 1, got 1.0"),
    (lambda: cp.CrossEntropy("x"), r"CrossEntropy: label_smoothing must be .*, got 'x'"),
    (lambda: cp.Huber(0.0), r"Huber: delta must be a finite number > 0, got 0.0"),
    (lambda: cp.SparseReconstruction(0, 0.1), r"SparseReconstruction: units must be an integer >= 1, got 0"),
    (lambda: cp.SparseReconstruction(2, -0.1), r"SparseReconstruction: strength must be a finite number >= 0, got"),
    (lambda: cp.SparseReconstruction(2, 0.1, cp.L1(1.0)), r"SparseReconstruction: loss must be of kind Loss, got L1"),
    (
        lambda: cp.Network([cp.Dense(2)], inputs=3, loss=cp.SparseReconstruction(2, 0.1)),
        r"SparseReconstruction: a code of 2 needs a network with more outputs, got 2; end with Concatenate",
    ),
    (lambda: cp.Quantile(1.0), r"Quantile: quantile must be a finite number > 0 and < 1, got 1.0"),
    (lambda: cp.Quantile((0.5, 0.0)), r"Quantile: quantile must be a finite number > 0 and < 1, got 0.0"),
    (
        lambda: cp.Network([cp.Dense(2)], inputs=3, loss=cp.Quantile((0.1, 0.5, 0.9))),
        r"Quantile: quantile must be a number or have one for each of the 2 outputs, got \(0.1, 0.5, 0.9\)",
    ),
]


@pytest.mark.parametrize(("make", "message"), WRONG, ids=[message for _, message in WRONG])
def test_wrong_arguments_are_named_with_what_was_got_and_expected(make, message):
    with pytest.raises(cp.ArgumentError, match=message):
        make()
