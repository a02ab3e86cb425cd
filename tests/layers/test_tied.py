"""Tied weights: a decoder that uses the transpose of an encoder's matrix."""

from __future__ import annotations

import json

import numpy
import pytest

import clearprop as cp
from cases import assert_close


def autoencoder(**arguments):
    """Return a deep auto-encoder 5-4-2-4-5 whose decoders are tied, with parameters that are not special."""
    boxes = [
        cp.Dense(4), cp.Tanh(), cp.Dense(2), cp.Sigmoid(),
        cp.TransposedDense(4, of="dense_2"), cp.Tanh(), cp.TransposedDense(5, of="dense_1"),
    ]  # fmt: skip
    net = cp.Network(boxes, inputs=5, dtype=numpy.float64, **arguments)
    net.vector += numpy.random.default_rng(1).uniform(-0.2, 0.2, size=net.vector.shape)
    return net


def rows(n=6):
    """Return n rows of 5 numbers."""
    return numpy.random.default_rng(0).normal(size=(n, 5))


def test_the_decoder_uses_the_transpose_of_the_encoder():
    net = cp.Network([cp.Dense(2), cp.TransposedDense(3, of="dense_1")], inputs=3, dtype=numpy.float64)
    assert list(net.parameters) == ["dense_1.W", "dense_1.b", "transposed_dense_1.b"]
    net.parameters["dense_1.W"] = w = numpy.array([[1.0, 2.0], [0.0, -1.0], [3.0, 0.0]])
    net.parameters["dense_1.b"] = b = numpy.array([0.5, -0.5])
    net.parameters["transposed_dense_1.b"] = c = numpy.array([1.0, 2.0, 3.0])
    x = numpy.array([[1.0, -1.0, 2.0], [0.0, 4.0, 1.0]])
    assert (net.scores(x) == (x @ w + b) @ w.T + c).all()  # halves of small integers: no rounding


def test_without_a_name_it_has_a_matrix_of_its_own():
    net = cp.Network([cp.TransposedDense(3, bias=False)], inputs=2)
    assert {name: view.shape for name, view in net.parameters.items()} == {"transposed_dense_1.W": (3, 2)}


def test_the_gradients_of_encoder_and_decoder_add_up():
    tied, x = autoencoder(), rows()
    boxes = [cp.Dense(4), cp.Tanh(), cp.Dense(2), cp.Sigmoid(), cp.Dense(4), cp.Tanh(), cp.Dense(5)]
    free = cp.Network(boxes, inputs=5, dtype=numpy.float64)
    pairs = {"dense_1": "dense_4", "dense_2": "dense_3"}  # encoder and decoder
    for encoder, decoder in pairs.items():
        free.parameters[f"{encoder}.W"] = tied.parameters[f"{encoder}.W"]
        free.parameters[f"{encoder}.b"] = tied.parameters[f"{encoder}.b"]
        free.parameters[f"{decoder}.W"] = tied.parameters[f"{encoder}.W"].T
    free.parameters["dense_3.b"] = tied.parameters["transposed_dense_1.b"]
    free.parameters["dense_4.b"] = tied.parameters["transposed_dense_2.b"]
    (loss, gradient), (other, parts) = tied.gradient(x, x), free.gradient(x, x)
    assert_close([loss], [other], k=8)  # the same numbers; BLAS may order the sums of a transposed product otherwise
    for encoder, decoder in pairs.items():
        assert_close(gradient[f"{encoder}.W"], parts[f"{encoder}.W"] + parts[f"{decoder}.W"].T, k=64)
        assert_close(gradient[f"{encoder}.b"], parts[f"{encoder}.b"], k=64)  # sums over 6 rows and 5 units, twice


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("loss", [cp.SquaredError(), cp.BinaryCrossEntropy(), cp.Huber()], ids=repr)
def test_finite_differences(loss, training):
    net = autoencoder(loss=loss, penalty=cp.L2(0.1))
    x = 1 / (1 + numpy.exp(-rows()))  # in (0, 1), as binary cross-entropy wants it
    report = cp.check_gradient(net, x, x, training=training)
    assert {check.name for check in report.checks} == {*net.parameters, "input_1"}
    assert report.error <= 1e-6


def test_a_matrix_that_is_used_twice_is_penalised_once():
    net, x = autoencoder(), rows()
    w = [net.parameters[f"dense_{number}.W"] for number in (1, 2)]
    penalised = autoencoder(penalty=cp.L2(0.5))
    assert_close([penalised.loss(x, x) - net.loss(x, x)], [0.25 * sum((v * v).sum() for v in w)], k=64)  # 28 squares


def test_training_keeps_the_tie_and_lowers_the_loss():
    net, x = autoencoder(), rows(20)
    reports = net.fit(x, x, optimizer=cp.Adam(0.03), epochs=60)
    assert reports[-1].loss < 0.7 * reports[0].loss
    h = numpy.tanh(x @ net.parameters["dense_1.W"] + net.parameters["dense_1.b"])
    h = 1 / (1 + numpy.exp(-(h @ net.parameters["dense_2.W"] + net.parameters["dense_2.b"])))
    h = numpy.tanh(h @ net.parameters["dense_2.W"].T + net.parameters["transposed_dense_1.b"])
    z = h @ net.parameters["dense_1.W"].T + net.parameters["transposed_dense_2.b"]
    assert_close(net.scores(x), z, k=64)


def test_files_and_json_keep_the_tie(tmp_path):
    net, x = autoencoder(), rows()
    net.save(tmp_path / "model")
    loaded = cp.load(tmp_path / "model")
    assert loaded.graph == net.graph
    assert list(loaded.parameters) == list(net.parameters)
    assert (loaded.scores(x) == net.scores(x)).all()
    config = json.loads(json.dumps(net.to_config()))
    config["graph"]["nodes"][5]["layer"]["of"] = "dense_7"
    with pytest.raises(cp.ModelFileError, match=r"tied to 'dense_7.W', which no node before it has"):
        cp.Network.from_config(config)


def test_the_trace_shows_the_shared_gradient_once_and_where_it_belongs():
    net, x = autoencoder(), rows()
    trace, (_, gradient) = net.trace(x, x), net.gradient(x, x)
    assert (trace["dense_1.W.gradient"] == gradient["dense_1.W"]).all()
    assert [name for name in trace if name.endswith("W.gradient")] == ["dense_1.W.gradient", "dense_2.W.gradient"]
    assert [name for name in trace if name.startswith("transposed_dense_2.")] == [
        "transposed_dense_2.a", "transposed_dense_2.delta", "transposed_dense_2.b",
        "transposed_dense_2.b.gradient", "transposed_dense_2.b.update",
    ]  # fmt: skip
    assert [row.n_parameters for row in net.summary().rows] == [0, 24, 0, 10, 0, 4, 0, 5]


def test_the_native_engine_says_why_it_leaves_it_alone():
    reason = "node 'transposed_dense_1' is a TransposedDense, which it does not know"
    assert autoencoder().refusals() == {"native": reason}
    with pytest.raises(cp.ArgumentError, match=f"engine 'native' refuses this network: {reason}"):
        autoencoder(engine="native")


def test_one_may_be_tied_to_a_tied_box_and_to_a_second_use_of_a_shared_one():
    x, cell = cp.Input(3), cp.Dense(3, name="cell")
    h = cell(cell(x))
    back = cp.TransposedDense(3, of="cell_2", name="back")(h)
    net = cp.Network(cp.TransposedDense(3, of="back", bias=False)(back), dtype=numpy.float64)
    assert list(net.parameters) == ["cell.W", "cell.b", "back.b"]
    assert [names.get("W") for names in net.graph.names()] == [None, *4 * ["cell.W"]]
    x = rows()[:, :3]
    assert cp.check_gradient(net, x, x).error <= 1e-6


REFUSED = [
    (
        lambda: cp.Network([cp.Dense(2), cp.TransposedDense(3, of="encoder")], inputs=3),
        cp.ArgumentError,
        r"node 'transposed_dense_1': TransposedDense is tied to 'encoder.W', which no node before it has; there are "
        r"dense_1.W, dense_1.b",
    ),
    (
        lambda: cp.Network([cp.TransposedDense(3, of="dense_1"), cp.Dense(3)], inputs=2),
        cp.ArgumentError,
        r"tied to 'dense_1.W', which no node before it has; there are none",
    ),
    (
        lambda: cp.Network([cp.Dense(2), cp.TransposedDense(4, of="dense_1")], inputs=3),
        cp.ShapeError,
        r"node 'transposed_dense_1': TransposedDense is tied to 'dense_1.W' of shape \(3, 2\), but its input "
        r"\(2,\) needs \(4, 2\); give both nodes units that make these shapes equal",
    ),
    (lambda: cp.TransposedDense(0), cp.ArgumentError, r"TransposedDense: units must be an integer >= 1, got 0"),
    (lambda: cp.TransposedDense(3, of="a.W"), cp.ArgumentError, r"of must be letters, digits and _ .*got 'a.W'"),
    (lambda: cp.TransposedDense(3, of=cp.Dense(3)), cp.ArgumentError, r"of must be letters, .*got Dense\(3\)"),
    (
        lambda: cp.TransposedDense(3)(cp.Input((2, 2))),
        cp.ShapeError,
        r"node 'transposed_dense_1': TransposedDense takes one vector a row, got shape \(2, 2\); put Flatten",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("make", "error", "message"), REFUSED, ids=[message[:60] for *_, message in REFUSED])
def test_what_does_not_fit_is_named_with_its_node(make, error, message):
    with pytest.raises(error, match=message):
        make()
