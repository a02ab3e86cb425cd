"""Rows for validation, weights of rows and classes, and the metrics."""

from __future__ import annotations

import numpy
import pytest
import scipy.sparse
from sklearn import metrics as sklearn_metrics

import clearprop as cp
from cases import assert_close
from clearprop.training.data import deal_rows, prepare

RNG = numpy.random.default_rng(0)
X = RNG.normal(size=(40, 3))
Y = X @ [1.0, -2.0, 0.5] + 0.1 * RNG.normal(size=40)
C = numpy.repeat([0, 1, 2], [24, 12, 4])  # shares 0.6, 0.3, 0.1


def classifier(**options):
    return cp.Network([cp.Dense(3)], inputs=3, loss=cp.CrossEntropy(), dtype="float64", **options)


def regressor(**options):
    return cp.Network([cp.Dense(4), cp.Tanh(), cp.Dense(1)], inputs=3, dtype="float64", **options)


def split(net, y, fraction, seed=0, X=X, weight=None):
    return prepare(net, X, y, weight, None, fraction, seed)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("fraction", [0.1, 0.25, 0.5, 0.9])
def test_a_share_is_stratified_as_near_as_whole_rows_allow(fraction, seed):
    train, held_out = split(classifier(), C, fraction, seed)
    assert held_out.n_rows == round(40 * fraction)
    assert train.n_rows + held_out.n_rows == 40
    counts = numpy.bincount(held_out.target, minlength=3)
    assert (numpy.abs(counts - fraction * numpy.array([24, 12, 4])) <= 1).all()


def test_a_share_of_numbers_is_drawn_at_random_and_no_row_is_lost():
    net = regressor()
    train, held_out = split(net, Y, 0.25)
    rows = numpy.concatenate([train.inputs[0], held_out.inputs[0]])
    assert sorted(map(tuple, rows)) == sorted(map(tuple, X))
    assert sorted(numpy.concatenate([train.target, held_out.target])[:, 0]) == sorted(Y)
    chosen = {split(net, Y, 0.25, seed)[1].inputs[0].tobytes() for seed in range(10)}
    assert len(chosen) == 10
    assert split(net, Y, 0.25)[1].inputs[0].tobytes() == held_out.inputs[0].tobytes()


def test_weights_and_sparse_rows_go_with_their_rows():
    train, held_out = split(regressor(), Y, 0.25, X=scipy.sparse.csr_array(X), weight=numpy.abs(Y))
    for part in (train, held_out):
        places = [numpy.flatnonzero((row == X).all(axis=1))[0] for row in part.inputs[0].toarray()]
        assert (part.target[:, 0] == Y[places]).all()
        assert (part.weight == numpy.abs(Y)[places]).all()


@pytest.mark.parametrize("given", [(X[:9], Y[:9]), [X[:9], Y[:9]], (X[:9], Y[:9], numpy.arange(9.0))], ids=len)
def test_rows_to_validate_on_are_used_as_they_are(given):
    net = regressor()
    for report in cp.train(net, X, Y, validation=given, epochs=3):
        assert_close(report.validation_loss, net.loss(*given), k=9)  # a sum of 9 rows
    assert report.step == 3 * 2  # all 40 rows train


def test_validation_rows_do_not_train():
    with_rows, without = regressor(), regressor()
    with_rows.fit(X, Y, validation=(X[:9], 100 * Y[:9]), epochs=3)
    without.fit(X, Y, epochs=3)
    assert with_rows.vector.tobytes() == without.vector.tobytes()


@pytest.mark.parametrize("held_out", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_metrics_are_scikit_learns(held_out, weighted):
    weight = numpy.abs(RNG.normal(size=40)) if weighted else None
    validation = (X[::2], Y[::2]) if weight is None else (X[::2], Y[::2], weight[::2])
    rows, target = (X[::2], Y[::2]) if held_out else (X, Y)
    options = {"validation": validation} if held_out else {}
    net = regressor()
    theirs_by_name = {"r2": "r2_score", "mae": "mean_absolute_error", "rmse": "root_mean_squared_error"}
    names = list(theirs_by_name)
    for report in cp.train(net, X, Y, sample_weight=weight, metrics=names, epochs=3, **options):
        prediction = net.predict(rows)[:, 0]
        w = None if weight is None else weight[::2] if held_out else weight
        for name in names:
            theirs = getattr(sklearn_metrics, theirs_by_name[name])(target, prediction, sample_weight=w)
            got = report.metrics[f"validation_{name}" if held_out else name]
            assert_close(got, theirs, k=100, scale=1.0)  # two sums of 40 rows, in another order


LABELS = RNG.integers(0, 2, size=(40, 3))
ACCURACIES = [
    (cp.CrossEntropy(), 3, C, lambda p: p.argmax(axis=1)),
    (cp.CrossEntropy(), 3, numpy.eye(3)[C], lambda p: numpy.eye(3)[p.argmax(axis=1)]),
    (cp.Hinge(), 3, C, lambda p: p.argmax(axis=1)),
    (cp.Hinge(), 1, LABELS[:, 0], lambda p: p[:, 0] > 0),
    (cp.BinaryCrossEntropy(), 1, LABELS[:, 0], lambda p: p[:, 0] > 0.5),
    (cp.BinaryCrossEntropy(), 3, LABELS, lambda p: p > 0.5),
]


@pytest.mark.parametrize(("loss", "units", "y", "decide"), ACCURACIES)
def test_accuracy_is_scikit_learns(loss, units, y, decide):
    net = cp.Network([cp.Dense(units)], inputs=3, loss=loss)
    weight = numpy.arange(40.0)
    report = net.fit(X, y, metrics="accuracy", sample_weight=weight, epochs=1, optimizer=cp.SGD(0.1))[-1]
    expected = sklearn_metrics.accuracy_score(y, decide(net.predict(X)), sample_weight=weight)
    assert_close(report.metrics["accuracy"], expected, k=40)  # a sum of 40 rows


# ---- weights


@pytest.mark.parametrize("given", [{0: 0.5, 1: 2.0, 2: 7.0}, {2: 3.0}, "balanced"], ids=str)
@pytest.mark.parametrize("rows", [None, numpy.linspace(0.5, 2.0, 40)], ids=["plain", "weighted"])
def test_class_weights_are_row_weights(given, rows):
    balanced = dict(enumerate(40 / (3 * numpy.bincount(C))))
    by_class = balanced if given == "balanced" else given
    weight = numpy.array([by_class.get(label, 1.0) for label in C]) * (1.0 if rows is None else rows)
    first, second = classifier(), classifier()
    one = first.fit(X, C, class_weight=given, sample_weight=rows, epochs=3)
    other = second.fit(X, C, sample_weight=weight, epochs=3)
    assert first.vector.tobytes() == second.vector.tobytes()
    assert one[-1].loss == other[-1].loss


def test_class_weights_leave_the_validation_rows_alone():
    net = classifier()
    report = net.fit(X, C, class_weight="balanced", validation=(X, C), epochs=1)[-1]
    assert_close(report.validation_loss, net.loss(X, C), k=40)


TARGETS = [(regressor, Y), (classifier, C)]


@pytest.mark.parametrize(("make", "y"), TARGETS, ids=["numbers", "classes"])
@pytest.mark.parametrize("penalty", [None, cp.L2(0.1), cp.L2(0.1, per_row=True)], ids=repr)
def test_whole_weights_are_repeated_rows(make, y, penalty):
    net, times = make(penalty=penalty), RNG.integers(0, 4, size=40)
    loss, gradient = net.gradient(X, y, sample_weight=times)
    repeated_loss, repeated = net.gradient(numpy.repeat(X, times, axis=0), numpy.repeat(y, times, axis=0))
    assert_close(loss, repeated_loss, k=100)  # sums over about 60 rows, in another order
    for name in gradient:
        assert_close(gradient[name], repeated[name], k=100)


def test_rows_of_weight_zero_do_not_train():
    weight = numpy.r_[numpy.ones(20), numpy.zeros(20)]
    first, second = regressor(), regressor()
    options = {"epochs": 3, "optimizer": cp.SGD(0.1), "shuffle": False, "batch_size": 20}
    first.fit(X, Y, sample_weight=weight, **options)
    assert numpy.isfinite(first.vector).all()  # the second batch has no weight at all
    second.fit(X[:20], Y[:20], **options)
    assert_close(first.vector, second.vector, k=0)  # bit for bit


def test_rows_are_dealt_in_equal_shares_of_every_class():
    classes = numpy.random.default_rng(0).permutation(numpy.repeat([0, 1, 2], [50, 31, 22]))
    parts = deal_rows(103, 5, classes, seed=0)
    assert sorted(numpy.concatenate(parts).tolist()) == list(range(103))
    assert sorted(map(len, parts)) == [20, 20, 21, 21, 21]
    for part in parts:
        assert (abs(numpy.bincount(classes[part]) - [10, 6.2, 4.4]) < 1).all()
    assert sorted(map(len, deal_rows(7, 3, None, seed=0))) == [2, 2, 3]
    assert any((deal_rows(103, 5, classes, seed=1)[0] != parts[0]).tolist())
