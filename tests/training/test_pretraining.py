"""Greedy layer-wise pretraining with auto-encoders."""

from __future__ import annotations

import numpy
import pytest
import scipy.sparse

import clearprop as cp
from cases import assert_close

RNG = numpy.random.default_rng(0)
CODES = RNG.normal(size=(80, 3))
X = numpy.tanh(CODES @ RNG.normal(size=(3, 8))) + 0.05 * RNG.normal(size=(80, 8))  # three numbers behind eight columns
Y = CODES[:, 0] * CODES[:, 1]


def deep(**arguments):
    """Return a network with two hidden layers."""
    boxes = [cp.Dense(6), cp.Tanh(), cp.Dense(3), cp.Tanh(), cp.Dense(1)]
    return cp.Network(boxes, inputs=8, dtype=numpy.float64, **arguments)


def reconstruction_error(W, b, rows):
    """Return the least error with which a linear decoder reads the rows from h = tanh(rows W + b)."""
    h = numpy.column_stack([numpy.tanh(rows @ W + b), numpy.ones(len(rows))])
    residual = rows - h @ numpy.linalg.lstsq(h, rows, rcond=None)[0]
    return 0.5 * (residual**2).sum(axis=1).mean()


@pytest.mark.parametrize("tied", [True, False])
def test_each_layer_learns_to_keep_what_the_one_below_puts_out(tied):
    net = deep()
    before = {name: view.copy() for name, view in net.parameters.items()}
    reports = cp.pretrain(net, X, tied=tied, optimizer=cp.Adam(0.01), epochs=100)
    assert {name: [report.epoch for report in epochs] for name, epochs in reports.items()} == {
        "dense_1": list(range(1, 101)), "dense_2": list(range(1, 101)),
    }  # fmt: skip
    rows = X
    for name in reports:
        assert reports[name][-1].loss < 0.5 * reports[name][0].loss
        W, b = f"{name}.W", f"{name}.b"
        learned = reconstruction_error(net.parameters[W], net.parameters[b], rows)
        assert learned <= reports[name][-1].loss  # no decoder does better than the best one
        assert learned < reconstruction_error(before[W], before[b], rows)
        rows = numpy.tanh(rows @ net.parameters[W] + net.parameters[b])
    for name in ("dense_3.W", "dense_3.b"):
        assert (net.parameters[name] == before[name]).all()


@pytest.mark.parametrize("noise", [None, cp.GaussianNoise(0.5), cp.Dropout(0.3)], ids=repr)
def test_it_is_the_autoencoder_that_one_would_write_by_hand(noise):
    """With noise too: what is to be reconstructed is X as it was."""
    net = deep(penalty=cp.L2(0.01))
    start = {name: net.parameters[f"dense_1.{name}"].copy() for name in "Wb"}
    run = {"optimizer": cp.SGD(0.05, momentum=0.9), "epochs": 7, "batch_size": 16, "seed": 5}
    reports = cp.pretrain(net, X, tied=True, noise=noise, **run)
    boxes = [noise] if noise else []
    boxes += [cp.Dense(6), cp.Tanh(), cp.TransposedDense(8, of="dense_1")]
    twin = cp.Network(boxes, inputs=8, penalty=cp.L2(0.01), dtype=numpy.float64, seed=5)
    for name, view in start.items():
        twin.parameters[f"dense_1.{name}"] = view
    assert [report.loss for report in reports["dense_1"]] == [report.loss for report in twin.fit(X, X, **run)]
    for name in start:
        assert (net.parameters[f"dense_1.{name}"] == twin.parameters[f"dense_1.{name}"]).all()


def test_the_same_seed_gives_the_same_bits_and_another_one_others():
    vectors = []
    for seed in (0, 0, 1):
        net = deep()
        cp.pretrain(net, X, noise=cp.Dropout(0.2), epochs=3, seed=seed)
        vectors.append(net.vector.tobytes())
    assert vectors[0] == vectors[1] != vectors[2]


def test_sparse_codes_are_smaller():
    sizes = []
    for sparsity in (0.0, 0.3):
        net = cp.Network([cp.Dense(12), cp.ReLU(), cp.Dense(1)], inputs=8, seed=1)
        cp.pretrain(net, X, sparsity=sparsity, optimizer=cp.Adam(0.01), epochs=60)
        h = numpy.maximum(X @ net.parameters["dense_1.W"] + net.parameters["dense_1.b"], 0.0)
        sizes.append((h.mean(), (h > 0).mean()))
    (plain, active), (sparse, few) = sizes
    assert sparse < 0.7 * plain
    assert few < active


def test_fine_tuning_starts_from_it_and_learns():
    net = deep()
    cp.pretrain(net, X, optimizer=cp.Adam(0.01), epochs=60)
    reports = net.fit(X, Y, optimizer=cp.Adam(0.01), epochs=60)
    assert reports[-1].loss < 0.5 * reports[0].loss


def test_boxes_between_the_dense_ones_are_part_of_their_layer():
    boxes = [
        cp.Flatten(), cp.Dropout(0.1), cp.Dense(6, name="first"), cp.BatchNorm(), cp.PReLU(), cp.Dropout(0.1),
        cp.Dense(5), cp.ReLU(), cp.Dense(2),
    ]  # fmt: skip
    net = cp.Network(boxes, inputs=(2, 4), loss=cp.CrossEntropy())
    before = net.copy()
    reports = cp.pretrain(net, X.reshape(-1, 2, 4), noise=cp.Dropout(0.1), epochs=3)
    assert list(reports) == ["first", "dense_2"]
    changed = {name for name, view in net.parameters.items() if (view != before.parameters[name]).any()}
    assert changed == {name for name in net.parameters if not name.startswith("dense_3")}
    assert (net.buffers["batch_norm_1.running_mean"] != 0).any()


def test_lbfgs_and_float32_and_a_constraint():
    boxes = [cp.Dense(3, constraint=cp.MaxNorm(0.5)), cp.Tanh(), cp.Dense(1)]
    net = cp.Network(boxes, inputs=8)
    cp.pretrain(net, X, epochs=20)
    norms = numpy.linalg.norm(net.parameters["dense_1.W"], axis=0)
    assert norms.max() <= 0.5 * (1 + 8 * numpy.finfo(numpy.float32).eps)  # a root of 8 squares, and a division
    linear = cp.Network([cp.Dense(3), cp.Dense(1)], inputs=8, dtype=numpy.float64)
    (reports,) = cp.pretrain(linear, X, tied=False, optimizer=cp.LBFGS(), epochs=500).values()
    # a linear auto-encoder with biases leaves the variance beyond the first three principal components
    singular = numpy.linalg.svd(X - X.mean(axis=0), compute_uv=False)
    assert_close([reports[-1].loss], [0.5 * (singular[3:] ** 2).sum() / len(X)], k=1e-8 / numpy.finfo(float).eps)


def residual():
    x = cp.Input(8)
    h = cp.Dense(8)(x)
    return cp.Network(cp.Dense(1)(cp.Add()(x, h)))


def shared():
    cell = cp.Dense(8)
    return cp.Network([cell, cp.Tanh(), cell, cp.Dense(1)], inputs=8)


REFUSED = [
    (residual, r"must be a chain of Dense boxes and activations, but node 'add_1' does not follow the node before it"),
    (shared, r"node 'dense_2' has parameters of another node; pretrain a chain"),
    (
        lambda: cp.Network([cp.Dense(4), cp.TransposedDense(8, of="dense_1"), cp.Dense(1)], inputs=8),
        r"node 'transposed_dense_1' has parameters of another node",
    ),
    (lambda: cp.Network([cp.Reshape((2, 4)), cp.Flatten(), cp.Dense(1)], inputs=8), r"'reshape_1' has rows of shape"),
    (lambda: cp.Network([cp.Dense(1)], inputs=8), r"must have a Dense box before its last one, got 1 Dense in all"),
    (lambda: cp.Network([cp.Tanh()], inputs=8), r"must have a Dense box before its last one, got 0 Dense"),
    (lambda: [cp.Dense(1)], r"pretrain: net must be of kind Network"),
]


@pytest.mark.parametrize(("make", "message"), REFUSED, ids=[message[:50] for _, message in REFUSED])
def test_networks_that_are_no_such_chains_are_refused(make, message):
    with pytest.raises(cp.ArgumentError, match=message):
        cp.pretrain(make(), X)


WRONG = [
    (
        {"noise": 0.1},
        cp.ArgumentError,
        r"pretrain: noise must be Dropout\(rate\), GaussianNoise\(deviation\) or None, g",
    ),
    ({"sparsity": -1}, cp.ArgumentError, r"pretrain: sparsity must be a finite number >= 0, got -1"),
    ({"tied": 1}, cp.ArgumentError, r"pretrain: tied must be True or False, got 1"),
    ({"epochs": 0}, cp.ArgumentError, r"train: epochs must be an integer >= 1, got 0"),
    ({"X": X[:, :7]}, cp.DataError, r"X must have shape \(n, 8\), got \(80, 7\)"),
    ({"X": scipy.sparse.csr_array(X)}, cp.DataError, r"pretrain: X is sparse, .*; pass X.toarray\(\)"),
]


@pytest.mark.parametrize(("arguments", "error", "message"), WRONG, ids=[message for *_, message in WRONG])
def test_wrong_arguments_are_named(arguments, error, message):
    net = deep()
    before = net.vector.copy()
    with pytest.raises(error, match=message):
        cp.pretrain(net, **{"X": X, **arguments})
    assert (net.vector == before).all()
