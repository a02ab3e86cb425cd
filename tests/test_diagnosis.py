"""Diagnoses: each number is that of the trace, each finding is there exactly when its definition holds."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass

import numpy
import pytest
import scipy.sparse

import clearprop as cp
from cases import LAYERS, LOSSES, assert_close, network
from clearprop.diagnosis import unit_shares
from clearprop.layers import Context

SQUARED = next(case for case in LOSSES if isinstance(case.loss, cp.SquaredError))
STILL = cp.SGD(1e-3)


def kinds(diagnosis):
    return [finding.kind for finding in diagnosis.findings]


def found(diagnosis, kind):
    (finding,) = (finding for finding in diagnosis.findings if finding.kind == kind)
    return finding


def identity_then(layer, n=3, dtype="float64"):
    """Return rows -> a = x -> the layer -> a sum, so that a test chooses every pre-activation."""
    net = cp.Network([cp.Dense(n, name="copy"), layer, cp.Dense(1, name="sum")], inputs=n, dtype=dtype)
    net.parameters["copy.W"][...] = numpy.eye(n)
    net.parameters["sum.W"][...] = 1.0
    return net


# ---- health


@pytest.mark.parametrize("case", [case for case in LAYERS if case.gradient], ids=lambda case: case.id)
def test_every_box_has_the_health_that_its_trace_shows(case):
    net = network(case, SQUARED)
    inputs = case.inputs() if len(case.shapes) > 1 else case.inputs()[0]
    y, optimizer = SQUARED.raw(n=5), cp.Adam(0.01)
    before = net.vector.tobytes(), net.buffer_vector.tobytes()
    diagnosis, trace = net.diagnose(inputs, y, optimizer=optimizer), net.trace(inputs, y, optimizer=optimizer)
    assert (net.vector.tobytes(), net.buffer_vector.tobytes()) == before
    assert diagnosis.n_rows == 5
    assert "non-finite value" not in kinds(diagnosis)
    for layer, node in zip(diagnosis.layers, net.graph.nodes, strict=True):
        passed = trace.nodes[node.name]
        assert (layer.node, layer.box, layer.n_units) == (node.name, passed.box, math.prod(node.shape))
        assert_close(layer.mean, passed.output.mean(), k=16, scale=numpy.abs(passed.output).max())
        assert_close(layer.deviation, passed.output.std(), k=64, scale=numpy.abs(passed.output).max())
        if passed.delta is None:
            assert layer.delta_norm is None
        else:
            assert_close(layer.delta_norm, numpy.linalg.norm(passed.delta), k=16)
        own = [name for name in net.layout if name.startswith(f"{node.name}.")]
        assert (layer.gradient_norm is None) == (layer.update_norm is None) == (not own)
        if own:
            flat = numpy.concatenate([trace[f"{name}.gradient"].ravel() for name in own])
            assert_close(layer.gradient_norm, numpy.linalg.norm(flat), k=16)
            flat = numpy.concatenate([trace[f"{name}.update"].ravel() for name in own])
            assert_close(layer.update_norm, numpy.linalg.norm(flat), k=16)
            flat = numpy.concatenate([net.parameters[name].ravel() for name in own])
            assert_close(layer.parameter_norm, numpy.linalg.norm(flat), k=16)
    assert all(0 <= unit < layer.n_units for layer in diagnosis.layers for unit in layer.dead + layer.saturated)


def test_a_box_without_a_gradient_cannot_be_diagnosed():
    with pytest.raises(cp.NoGradientError, match="Step has no gradient"):
        cp.Network([cp.Dense(2), cp.Step(), cp.Dense(1)], inputs=1).diagnose([[1.0]], [0.0])


def test_the_update_ratio_is_that_of_the_weights_alone():
    net = cp.Network([cp.Dense(1)], inputs=2, dtype="float64")
    net.parameters["dense_1.W"][...] = [[3.0], [4.0]]
    # residual 3 + 4 - 1 = 6: gradient of W (6, 6), of b 6
    layer = net.diagnose([[1.0, 1.0]], [1.0], optimizer=cp.SGD(0.01)).layers[1]
    assert_close(layer.gradient_norm, math.sqrt(3 * 36.0), k=4)
    assert_close(layer.update_norm, 0.01 * math.sqrt(3 * 36.0), k=16)
    assert_close(layer.update_ratio, 0.01 * math.sqrt(2 * 36.0) / 5.0, k=32)


def test_the_gradient_holds_the_penalty():
    net = cp.Network([cp.Dense(1, bias=False)], inputs=1, penalty=cp.L2(0.5), dtype="float64")
    net.parameters["dense_1.W"][...] = 2.0
    assert net.diagnose([[1.0]], [2.0]).layers[1].gradient_norm == 1.0  # nothing from the data, strength times weight


def test_shared_parameters_belong_to_the_first_node():
    start, cell = cp.Input(2), cp.Dense(2)
    net = cp.Network(cell(cp.Tanh()(cell(start))))
    first, last = net.diagnose([[1.0, 2.0]], [[0.0, 0.0]]).layers[1::2]
    assert first.gradient_norm > 0.0
    assert last.gradient_norm is last.update_ratio is None
    assert last.delta_norm > 0.0


# ---- units


def test_dead_units_put_out_nothing_on_any_row():
    X = [[-1.0, -1.0, 1.0], [-2.0, 0.5, 2.0], [0.0, -3.0, 3.0]]
    finding = found(identity_then(cp.ReLU()).diagnose(X, [0.0, 0.0, 0.0], optimizer=STILL), "dead units")
    assert (finding.node, finding.count, finding.total, finding.n_rows) == ("relu_1", 1, 3, 3)
    assert finding.units == (0,)
    assert "put out 0 on all rows" in finding.definition
    assert finding.remedy


@pytest.mark.parametrize(
    ("layer", "dies"), [(cp.ReLU(), True), (cp.LeakyReLU(), False), (cp.ELU(), False), (cp.HardTanh(), False)]
)
def test_only_what_is_off_is_dead(layer, dies):
    diagnosis = identity_then(layer, n=1).diagnose([[-9.0], [-8.0]], [0.0, 0.0], optimizer=STILL)
    assert ("dead units" in kinds(diagnosis)) == dies
    assert ("saturated units" in kinds(diagnosis)) == (not dies)  # each is nearly or wholly flat that far out


@pytest.mark.parametrize("block", [cp.rnn, cp.lstm, cp.gru])
def test_the_zeros_that_a_recurrent_network_starts_from_are_not_dead(block):
    net = cp.Network(cp.Dense(1)(block(cp.Input((3, 2)), 4)))
    diagnosis = net.diagnose(numpy.random.default_rng(0).normal(size=(8, 3, 2)), numpy.zeros(8), optimizer=STILL)
    assert not {"dead units", "saturated units"} & set(kinds(diagnosis))


def test_units_of_images_are_numbered_in_order():
    net = cp.Network([cp.ReLU(), cp.Flatten(), cp.Dense(1)], inputs=(2, 2, 2))
    X = numpy.ones((4, 2, 2, 2))
    X[:, 1, 0, 1] = -1.0
    diagnosis = net.diagnose(X, numpy.zeros(4), optimizer=STILL)
    assert found(diagnosis, "dead units").units == (5,)
    assert diagnosis.layers[1].n_units == 8


@pytest.mark.parametrize(("flat", "says"), [(95, True), (94, False)])
def test_saturated_units_are_flat_on_nearly_all_rows(flat, says):
    X = numpy.zeros((100, 3))
    X[:flat, 1] = 9.0
    diagnosis = identity_then(cp.Sigmoid()).diagnose(X, numpy.zeros(100), optimizer=STILL)
    assert ("saturated units" in kinds(diagnosis)) == says
    assert diagnosis.layers[2].saturated == ((1,) if says else ())


@dataclass(frozen=True)
class Steep(cp.Activation):
    """h = 100 tanh(a - 2): a user's own box, steepest at 2, where f' is 100."""

    def forward(self, ctx, p, *xs):
        h = ctx.xp.tanh(xs[0] - 2.0)
        return 100.0 * h, h

    def derivative(self, ctx, kept):
        return 100.0 * (1 - kept * kept)


@pytest.mark.parametrize(
    ("layer", "steepest"),
    [(cp.Sigmoid(), 0.25), (cp.Tanh(), 1.0), (cp.ReLU(), 1.0), (cp.Rescale(-3.0), 3.0), (Steep(), 100.0)],
    ids=repr,
)
def test_the_steepest_slope_comes_from_the_box(layer, steepest):
    slopes = numpy.array([[0.0499], [0.0501]]) * steepest
    off, flat = unit_shares(layer, numpy.ones((2, 1)), slopes)
    assert off.tolist() == [0.0]
    assert flat.tolist() == [0.5]


def test_slopes_on_the_rows_count_beyond_the_probes():
    a = numpy.array([[0.0], [400.0]])
    h, kept = Square().forward(Context(numpy), {}, a)
    assert unit_shares(Square(), h, Square().derivative(Context(numpy), kept))[1].tolist() == [0.5]
    assert unit_shares(Square(), h, numpy.array([[39.0], [41.0]]))[1].tolist() == [
        0.0
    ]  # of 20, the most up to |a| = 10


@dataclass(frozen=True)
class Square(cp.Activation):
    """h = a^2, f' = 2 a, which has no maximum."""

    def forward(self, ctx, p, *xs):
        return xs[0] ** 2, xs[0]

    def derivative(self, ctx, kept):
        return 2.0 * kept


def test_probes_at_which_a_box_is_not_defined_do_not_count():
    _, flat = unit_shares(Cube(), numpy.ones((2, 1)), numpy.array([[14.0], [16.0]]))
    assert flat.tolist() == [0.5]  # 5 % of 300, the slope at a = 10


@dataclass(frozen=True)
class Cube(cp.Activation):
    """h = sqrt(a)^6, which is not defined below 0."""

    def forward(self, ctx, p, *xs):
        root = ctx.xp.sqrt(xs[0])
        return root**6, root

    def derivative(self, ctx, kept):
        return 3.0 * kept**4


# ---- gradients


def deep(weight, n=6):
    layers = [cp.Dense(1, bias=False, initializer=cp.Constant(weight)) for _ in range(n)]
    return cp.Network(layers, inputs=1, dtype="float64")


@pytest.mark.parametrize(
    ("weight", "kind", "count"),
    [(0.1, "vanishing gradient", 1), (10.0, "exploding gradient", 1), (0.02, "vanishing gradient", 3)],
)
def test_gradients_vanish_and_explode(weight, kind, count):
    diagnosis = deep(weight).diagnose([[1.0], [-1.0]], [5.0, 5.0])
    finding = found(diagnosis, kind)
    assert (finding.node, finding.count, finding.total) == ("dense_1", count, 6)
    first, last = diagnosis.layers[1], diagnosis.layers[-1]
    assert_close(first.delta_norm / last.delta_norm, weight**5, k=32)


def test_gradients_that_keep_their_size_are_no_finding():
    for weight in (1.0, 0.2, 6.0):  # to the power of 5: 1, 3e-4, 8e3
        assert not any("gradient" in kind for kind in kinds(deep(weight).diagnose([[1.0]], [5.0])))


# ---- steps


@pytest.mark.parametrize(
    ("rate", "kind"), [(2.5, "learning rate too high"), (1e-8, "learning rate too low"), (0.5, None)]
)
def test_a_step_is_judged_by_the_loss_it_leads_to(rate, kind):
    net = cp.Network([cp.Dense(1, bias=False, initializer=cp.Constant(3.0))], inputs=1)  # float32
    diagnosis = net.diagnose([[1.0]], [1.0], optimizer=cp.SGD(rate))  # w = 1 is best; above rate 2 it gets worse
    assert [one for one in kinds(diagnosis) if one.startswith("learning rate")] == ([kind] if kind else [])
    if kind:
        finding = found(diagnosis, kind)
        assert (finding.node, finding.count, finding.total) == ("loss", 1, 1)
        assert f"SGD(learning_rate={rate})" in finding.message
        after = (2.0 * (1.0 - rate)) ** 2 / 2
        assert f"from 2 to {after:.6g}" in finding.message


def test_a_step_that_overflows_is_too_high():
    net = cp.Network([cp.Dense(1)], inputs=1, loss=cp.Poisson())
    assert "learning rate too high" in kinds(net.diagnose([[1.0]], [50.0], optimizer=cp.SGD(1e5)))


def test_where_nothing_is_left_to_learn_no_step_is_too_small():
    net = cp.Network([cp.Dense(1)], inputs=1)
    X = [[1.0], [2.0], [-1.0]]
    assert net.diagnose(X, net.predict(X)).ok


@pytest.mark.parametrize(
    ("rate", "kind"),
    [(0.051, "update ratio too high"), (0.049, None), (4e-7, "update ratio too low"), (6e-7, None)],
)
def test_update_ratios(rate, kind):
    net = cp.Network([cp.Dense(1, bias=False, initializer=cp.Constant(1.0))], inputs=1, dtype="float64")
    diagnosis = net.diagnose([[1.0]], [-1.0], optimizer=cp.SGD(rate))  # the gradient is twice the weight
    assert [one for one in kinds(diagnosis) if one.startswith("update")] == ([kind] if kind else [])


def test_the_step_is_that_of_training():
    rng = numpy.random.default_rng(0)
    X, y = rng.normal(size=(8, 3)), rng.normal(size=8)
    net = cp.Network([cp.Dense(4), cp.Tanh(), cp.Dense(1)], inputs=3, dtype="float64", penalty=cp.L2(0.1))
    optimizer = cp.Adam(3.0)
    message = found(net.diagnose(X, y, optimizer=optimizer), "learning rate too high").message
    before = net.loss(X, y)
    net.fit(X, y, optimizer=optimizer, epochs=1, batch_size=8)
    assert message.endswith(f"takes the loss from {before:.6g} to {net.loss(X, y):.6g}")


def test_the_next_step_of_a_run_is_judged_by_its_state():
    rng = numpy.random.default_rng(0)
    X, y = rng.normal(size=(8, 3)), rng.normal(size=8)
    net = cp.Network([cp.Dense(4), cp.Tanh(), cp.Dense(1)], inputs=3, dtype="float64")
    optimizer = cp.Adam(1.0)
    state = net.fit(X, y, optimizer=optimizer, epochs=3, batch_size=8)[-1].state
    fresh, diagnosis = (net.diagnose(X, y, optimizer=optimizer, state=one) for one in (None, state))
    before = net.vector.copy()
    net.fit(X, y, optimizer=optimizer, epochs=1, batch_size=8, state=state)
    update = numpy.linalg.norm(net.parameters["dense_1.W"] - before[:12].reshape(3, 4))
    assert_close(diagnosis.layers[1].update_ratio, update / numpy.linalg.norm(before[:12]), k=64)
    assert diagnosis.layers[1].update_ratio != fresh.layers[1].update_ratio


# ---- what is not finite


def test_the_first_value_that_is_not_finite_is_named():
    net = cp.Network([cp.Dense(2), cp.Tanh(), cp.Dense(1)], inputs=1)
    net.parameters["dense_2.W"][0] = numpy.nan
    diagnosis = net.diagnose([[1.0], [2.0]], [0.0, 0.0])
    finding = diagnosis.findings[0]
    assert (finding.kind, finding.node, finding.count, finding.total) == ("non-finite value", "dense_2", 2, 2)
    assert "the output of 'dense_2' is not finite" in finding.message
    assert "'dense_2.W' is not finite itself" in finding.message
    assert kinds(diagnosis).count("non-finite value") == 1
    assert "not finite" in str(diagnosis)


def test_an_overflow_is_found_where_it_begins():
    net = cp.Network([cp.Dense(1, name="first"), cp.Dense(1, name="second"), cp.Dense(1)], inputs=1)
    net.vector[...] = 1e30
    assert found(net.diagnose([[1.0]], [0.0]), "non-finite value").node == "second"  # 1e60 is no float32


def test_the_loss_may_be_the_first():
    net = cp.Network([cp.Dense(1, initializer=cp.Constant(1e25))], inputs=1)
    finding = found(net.diagnose([[1.0]], [0.0]), "non-finite value")
    assert (finding.node, finding.message) == ("loss", "the loss is not finite")


def test_gradients_come_last():
    net = cp.Network([cp.Dense(1), cp.Dense(1)], inputs=1)
    net.parameters["dense_1.W"][...], net.parameters["dense_2.W"][...] = 1e-20, 1e38
    net.parameters["dense_2.b"][...] = 1e15
    finding = found(net.diagnose([[1.0]], [0.0]), "non-finite value")
    assert finding.node == "dense_1"
    assert "the gradient at the output of 'dense_1'" in finding.message


def test_bad_rows_are_refused_as_everywhere():
    with pytest.raises(cp.DataError, match="contains NaN"):
        cp.Network([cp.Dense(1)], inputs=1).diagnose([[numpy.nan]], [0.0])


# ---- inputs


def test_columns_of_the_wrong_scale_are_numbered():
    rng = numpy.random.default_rng(0)
    X = rng.normal(size=(50, 6))
    X[:, 1] *= 100.0
    X[:, 2] *= 1e-3
    X[:, 3] += 1000.0
    X[:, 4] = 0.1
    diagnosis = cp.Network([cp.Dense(1)], inputs=6).diagnose(X, rng.normal(size=50))
    finding, constant = found(diagnosis, "unscaled inputs"), found(diagnosis, "constant inputs")
    assert (finding.node, finding.count, finding.total, finding.units) == ("input_1", 3, 6, (1, 2, 3))
    assert "column 3 has mean 1e+03" in finding.message  # furthest beyond its limit
    assert (constant.count, constant.total, constant.units) == (1, 6, (4,))
    assert "column 4 is 0.1 in every row" in constant.message


def test_sparse_inputs_are_measured_alike():
    rng = numpy.random.default_rng(0)
    X = rng.normal(size=(40, 3)) * [1.0, 50.0, 0.0] * (rng.random(size=(40, 3)) < 0.5)
    net = cp.Network([cp.Dense(2), cp.ReLU(), cp.Dense(1)], inputs=3, dtype="float64")
    dense, sparse = (net.diagnose(rows, numpy.zeros(40)) for rows in (X, scipy.sparse.csr_array(X)))
    assert kinds(dense) == kinds(sparse)
    assert [finding.units for finding in dense.findings] == [finding.units for finding in sparse.findings]
    assert_close(sparse.layers[0].mean, dense.layers[0].mean, k=16, scale=50.0)
    assert_close(sparse.layers[0].deviation, dense.layers[0].deviation, k=64)
    assert sparse.layers[0].delta_norm is None


def test_codes_and_single_rows_have_no_scale():
    net = cp.Network([cp.Embedding(100, 2), cp.Flatten(), cp.Dense(1)], inputs=1)
    assert not any("inputs" in kind for kind in kinds(net.diagnose([[0], [50], [99]], [0.0, 1.0, 2.0])))
    assert not any("inputs" in kind for kind in kinds(cp.Network([cp.Dense(1)], inputs=1).diagnose([[1e3]], [0.0])))


def test_every_input_of_a_graph_is_looked_at():
    first, second = cp.Input(1, name="first"), cp.Input(1, name="second")
    net = cp.Network(cp.Dense(1)(cp.Concatenate()(first, second)))
    diagnosis = net.diagnose(([[1.0], [-1.0]], [[500.0], [700.0]]), [0.0, 1.0])
    assert found(diagnosis, "unscaled inputs").node == "second"


# ---- the report


def test_the_report_can_be_read_and_written_as_json():
    diagnosis = identity_then(cp.ReLU()).diagnose([[-1.0, 1.0, 1.0]], [0.0], optimizer=STILL)
    text = str(diagnosis)
    for layer in diagnosis.layers:
        assert layer.node in text
    for finding in diagnosis.findings:
        assert f"{finding.kind} ({finding.node}): {finding.message}" in text
        assert finding.remedy in text
        assert finding.definition in text
    back = json.loads(json.dumps(diagnosis.to_dict()))
    assert back["ok"] is False
    assert [entry["kind"] for entry in back["findings"]] == kinds(diagnosis)
    assert [entry["dead"] for entry in back["layers"]] == [list(layer.dead) for layer in diagnosis.layers]


def test_a_healthy_network_says_so():
    rng = numpy.random.default_rng(0)
    X = rng.normal(size=(64, 4))
    net = cp.Network([cp.Dense(8), cp.Tanh(), cp.Dense(1)], inputs=4)
    diagnosis = net.diagnose(X, X[:, 0] - X[:, 1], optimizer=cp.Adam(1e-3))
    assert diagnosis.ok
    assert str(diagnosis).endswith("nothing found on 64 rows")
    assert diagnosis._repr_html_().count("<table>") == 1


def test_html_is_escaped():
    evil = "<img src=x onerror=alert(1)>"
    finding = cp.Finding("dead units", evil, evil, 1, 2, 3, (0,), evil, evil)
    layer = cp.LayerHealth("relu_1", evil, 2, (0,), (), 0.0, 1.0, None, None, None, None, None)
    page = cp.Diagnosis(3, (layer,), (finding,))._repr_html_()
    assert "<img" not in page
    assert page.count("&lt;img") == 4


@pytest.mark.parametrize(
    "box", [cp.PReLU(cp.Constant(0.0)), cp.Parametric(cp.ReLU()), cp.Parametric(cp.Tanh())], ids=repr
)
def test_units_of_activations_that_learn_are_looked_at_too(box):
    biases = cp.Constant(-50.0)  # far on the flat side
    net = cp.Network([cp.Dense(3, bias_initializer=biases), box, cp.Dense(1)], inputs=2, dtype="float64")
    rows = numpy.random.default_rng(0).normal(size=(20, 2))
    health = {layer.node: layer for layer in net.diagnose(rows, numpy.ones(20)).layers}[net.graph.nodes[2].name]
    expected = {"PReLU": ((0, 1, 2), ()), "ReLU": ((0, 1, 2), ()), "Tanh": ((), (0, 1, 2))}
    kind = type(getattr(box, "activation", box)).__name__
    assert (health.dead, health.saturated) == expected[kind]


def test_what_a_unit_has_learned_counts_for_its_steepest_slope():
    net = cp.Network([cp.Identity(), cp.Parametric(cp.Tanh()), cp.Dense(1)], inputs=2, dtype="float64")
    net.parameters["parametric_1.alpha"][...] = [1.0, 30.0]  # slopes up to 1 and 30
    rows = numpy.full((4, 2), 2.2)  # tanh' is 0.05 there: 0.05 of 1, and |1 - 30 + 30 * 0.05| of 30
    health = {layer.node: layer for layer in net.diagnose(rows, numpy.ones(4)).layers}["parametric_1"]
    assert health.saturated == (0,)
