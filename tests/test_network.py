"""Networks: their summary, parameters, inputs, copies, their way to JSON and back, and boxes of a user's own."""

from __future__ import annotations

import copy
import io
import json
import math
import pickle
from dataclasses import dataclass
from xml.etree import ElementTree

import numpy
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

import clearprop as cp
from cases import LAYERS, LOSSES, assert_close

RNG = numpy.random.default_rng(0)
X, Z, Y = RNG.normal(size=(9, 3)), RNG.normal(size=(9, 2)), RNG.normal(size=9)


def chain(**options):
    return cp.Network([cp.Dense(4), cp.BatchNorm(), cp.Tanh(), cp.Dense(1)], **{"inputs": 3, **options})


def two_inputs(**options):
    left, right = cp.Input(3, name="left"), cp.Input(2, name="right")
    return cp.Network(cp.Dense(1)(cp.Concatenate()(cp.Tanh()(cp.Dense(4)(left)), right)), **options), left, right


# ---- what it is


def test_the_summary_counts_parameters():
    net = cp.Network([cp.Dense(10), cp.Tanh(), cp.Dense(5), cp.Tanh(), cp.Dense(1)], inputs=10)
    summary = net.summary()
    assert [row.n_parameters for row in summary.rows] == [0, 110, 0, 55, 0, 6]
    assert summary.n_parameters == net.n_parameters == net.vector.size == 171
    lines = str(summary).splitlines()
    assert lines[0].split() == ["node", "box", "inputs", "shape", "parameters"]
    assert lines[2].split() == ["dense_1", "Dense", "input_1", "(10,)", "110"]
    assert lines[-1].split() == ["total", "171"]
    assert len({len(line) for line in lines}) == 1


def test_the_summary_is_a_table_in_consoles_and_notebooks():
    summary = cp.Network([cp.Dense(1000, name="wide"), cp.Dense(1)], inputs=3).summary()
    words = [line.split() for line in str(summary).splitlines()]
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(summary)
    shown = [line.split() for line in console.export_text().splitlines()]
    assert [line for line in shown if line in words] == words  # between them are rules
    page = ElementTree.fromstring(summary._repr_html_())
    assert [["".join(cell.itertext()) for cell in row] for row in page.iter("tr")] == [
        ["node", "box", "inputs", "shape", "parameters"],
        ["input_1", "Input", "", "(3,)", "0"],
        ["wide", "Dense", "input_1", "(1000,)", "4,000"],
        ["dense_2", "Dense", "wide", "(1,)", "1,001"],
        ["total", "", "", "", "5,001"],
    ]


def test_the_summary_of_a_graph_names_inputs_and_counts_shared_layers_once():
    x, cell = cp.Input(3), cp.Dense(3)
    net = cp.Network(cp.Add()(cell(x), cell(cp.ReLU()(x))))
    rows = {row.name: (row.inputs, row.n_parameters) for row in net.summary().rows}
    assert rows["add_1"] == (("dense_1", "dense_2"), 0)
    assert (rows["dense_1"][1], rows["dense_2"][1]) == (12, 0)
    assert net.n_parameters == net.summary().n_parameters == 12


def test_parameters_and_buffers_are_writable_views():
    net = chain()
    before = net.predict(X)
    net.parameters["dense_2.b"][...] += 1.0
    assert_close(net.predict(X), before + 1.0, k=4, scale=4.0)
    net.parameters["dense_1.W"][...] = 7.0
    assert (net.vector[:12] == 7.0).all()
    net.buffers["batch_norm_1.running_mean"][...] = 3.0
    assert (net.buffer_vector[:4] == 3.0).all()
    net.vector[...] = 0.0
    assert not any(view.any() for view in net.parameters.values())


def test_repr_shows_boxes_loss_and_size():
    net = cp.Network([cp.Dense(2), cp.ReLU()], inputs=3, loss=cp.Huber(0.5))
    assert repr(net) == "Network([Dense(2), ReLU()], loss=Huber(delta=0.5), n_parameters=8)"


@pytest.mark.parametrize("dtype", [numpy.float32, numpy.float64])
def test_everything_has_the_dtype_of_the_network(dtype):
    net = chain(dtype=dtype)
    trace = net.trace(X, Y)
    values = [net.scores(X), net.predict(X), *net.gradient(X, Y)[1].values(), *(trace[name] for name in trace)]
    assert {value.dtype for value in values} == {numpy.dtype(dtype)}


def test_the_seed_decides_the_start():
    vectors = [chain(seed=seed).vector.tobytes() for seed in (0, 0, 1, -1, 2**63)]
    assert vectors[0] == vectors[1]
    assert len(set(vectors)) == 4


@pytest.mark.parametrize("case", LOSSES, ids=lambda case: case.id)
def test_loss_gradient_and_prediction_belong_together(case):
    net = cp.Network([cp.Dense(4), cp.Tanh(), cp.Dense(case.n_outputs)], inputs=3, loss=case.loss, dtype="float64")
    y, weight = case.raw(n=9), numpy.arange(9.0)
    loss, gradient = net.gradient(X, y, weight)
    assert_close(net.loss(X, y, weight), loss, k=4)
    scores = net.scores(X)
    values = case.loss.values(numpy, scores, case.loss.target(y, 9, case.n_outputs, net.dtype))
    assert_close(loss, (weight * values).sum() / weight.sum(), k=9)
    assert_close(net.predict(X), case.loss.prediction(numpy, scores), k=4)  # two tellings of the link
    assert list(gradient) == list(net.parameters)


def test_training_mode_leaves_the_buffers_alone_outside_of_training():
    net = chain()
    before = net.buffer_vector.copy()
    assert net.loss(X, Y, training=True) != net.loss(X, Y)
    net.gradient(X, Y, training=True)
    assert (net.buffer_vector == before).all()
    net.fit(X, Y, epochs=1)
    assert (net.buffer_vector != before).all()


# ---- inputs


def test_several_inputs_come_as_a_tuple_a_list_or_by_name():
    net, *_ = two_inputs()
    expected = net.predict((X, Z))
    assert (net.predict([X, Z]) == expected).all()
    assert (net.predict({"right": Z, "left": X}) == expected).all()
    assert net.loss({"left": X, "right": Z}, Y) == net.loss((X, Z), Y)
    net.fit({"left": X, "right": Z}, Y, epochs=1, validation=({"left": X, "right": Z}, Y))
    assert (net.predict((X, Z)) != expected).all()


def test_inputs_gives_their_order():
    net, *_ = two_inputs()
    left, right = cp.Input(3, name="left"), cp.Input(2, name="right")
    output = cp.Dense(1)(cp.Concatenate()(cp.Tanh()(cp.Dense(4)(left)), right))
    turned = cp.Network(output, inputs=[right, left])
    assert (turned.predict((Z, X)) == net.predict((X, Z))).all()
    restored = cp.Network.from_config(json.loads(json.dumps(turned.to_config())))
    assert (restored.predict((Z, X)) == net.predict((X, Z))).all()


def test_one_input_may_be_named_too():
    net = chain()
    assert (net.predict({"input_1": X}) == net.predict(X)).all()


@pytest.mark.parametrize("kind", ["csr_matrix", "csr_array", "csc_array", "coo_matrix"])
def test_sparse_rows_are_the_same_as_dense_ones(kind):
    rows = numpy.where(RNG.random((30, 3)) < 0.5, 0.0, RNG.normal(size=(30, 3)))
    sparse, y = getattr(scipy.sparse, kind)(rows), rows[:, 0]
    net, other = chain(dtype="float64"), chain(dtype="float64")
    assert_close(net.predict(sparse), net.predict(rows), k=16)
    for network, X_ in ((net, sparse), (other, rows)):
        network.fit(X_, y, epochs=5, validation=0.2, optimizer=cp.SGD(0.1))
    assert_close(net.vector, other.vector, k=1e3)  # 5 updates, each from sums of 24 rows in another order


@pytest.mark.parametrize("convert", [numpy.ndarray.tolist, numpy.asfortranarray, lambda a: a[::-1][::-1]])
def test_rows_in_other_containers_are_the_same(convert):
    assert (chain().predict(convert(X)) == chain().predict(X)).all()
    assert_close(chain().predict(X.astype("float16").astype("float32")), chain().predict(X.astype("float16")), k=0)
    integers = (X * 10).astype(int)
    assert (chain().predict(integers) == chain().predict(integers.astype(float))).all()


# ---- copies


def test_a_copy_is_independent():
    net = chain()
    twin = net.copy()
    assert twin.vector.tobytes() == net.vector.tobytes()
    twin.fit(X, Y, epochs=2)
    assert (twin.vector != net.vector).any()
    assert (twin.buffer_vector != net.buffer_vector).any()


@pytest.mark.parametrize("make", [copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))], ids=["deep", "pickle"])
def test_a_trained_network_can_be_copied_by_python(make):
    net = chain()
    net.fit(X, Y, epochs=2)
    twin = make(net)
    assert (twin.predict(X) == net.predict(X)).all()
    twin.fit(X, Y, epochs=1)
    net.fit(X, Y, epochs=1)
    assert twin.vector.tobytes() == net.vector.tobytes()


def test_astype_keeps_everything_else():
    net = chain(seed=3, penalty=cp.L2(0.1), constraint=cp.MaxNorm(2.0), loss=cp.Huber())
    net.fit(X, Y, epochs=2)
    double = net.astype("float64")
    assert double.dtype == numpy.float64
    assert double.seed == 3
    assert (double.vector == net.vector).all()
    assert (double.buffer_vector == net.buffer_vector).all()
    assert double.astype("float32").to_config() == net.to_config()
    # a sum of 4 products in float32, and what comes before it
    assert_close(net.predict(X), double.predict(X).astype("float32"), k=32)


# ---- JSON

CHAINABLE = [case.layer for case in LAYERS if case.shapes == ((4,),)]


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_random_graphs_go_to_json_and_back(data):
    """Nodes of width 4 are chained, added, multiplied and shared at random; what comes back computes the same bits."""
    nodes, shared = [cp.Input(4), cp.Input(4)], cp.Dense(4)
    for _ in range(data.draw(st.integers(1, 8))):
        first, second = (data.draw(st.sampled_from(nodes)) for _ in range(2))
        layer = data.draw(st.sampled_from([*CHAINABLE, shared, cp.Add(), cp.Multiply(), cp.Concatenate()]))
        node = layer(first, second) if layer.n_inputs is None else layer(first)
        nodes.append(node if node.shape == (4,) else cp.Dense(4)(node))
    net = cp.Network(cp.Concatenate()(*nodes), penalty=cp.L1(0.1), seed=data.draw(st.integers(0, 9)))
    config = json.loads(json.dumps(net.to_config()))
    restored = cp.Network.from_config(config)
    assert restored.to_config() == net.to_config()
    assert restored.graph == net.graph
    assert list(restored.parameters) == list(net.parameters)
    assert restored.vector.tobytes() == net.vector.tobytes()
    rows = (numpy.tanh(RNG.normal(size=(3, 4))), numpy.tanh(RNG.normal(size=(3, 4))))
    assert restored.scores(rows).tobytes() == net.scores(rows).tobytes()


# ---- a box of one's own: 20 lines


@dataclass(frozen=True)
class Sine(cp.Activation):
    """h = sin(frequency a)."""

    frequency: float = 1.0

    def forward(self, ctx, p, *xs):
        """Return sin(frequency a)."""
        (a,) = xs
        return ctx.xp.sin(self.frequency * a), a

    def derivative(self, ctx, kept):
        """Return frequency cos(frequency a)."""
        return self.frequency * ctx.xp.cos(self.frequency * kept)


def test_a_box_of_ones_own_is_checked_trains_and_is_saved(tmp_path):
    net = cp.Network([cp.Dense(16), Sine(2.0), cp.Dense(1)], inputs=1, seed=1)
    assert net.graph.nodes[2].name == "sine_1"
    rows = numpy.linspace(-3, 3, 60)[:, None]
    target = numpy.sin(2 * rows[:, 0])
    assert cp.check_gradient(net, rows[::10], target[::10]).error < 1e-6
    before = net.loss(rows, target)
    net.fit(rows, target, optimizer=cp.LBFGS(), epochs=200)
    assert net.loss(rows, target) < 1e-4 * before
    assert_close(
        net.trace(rows, target)["sine_1.f'"][0], 2 * numpy.cos(2 * net.trace(rows, target)["dense_1.a"][0]), k=8
    )
    net.save(tmp_path / "model")
    loaded = cp.load(tmp_path / "model")
    assert loaded.graph.nodes[2].layer == Sine(2.0)
    assert loaded.predict(rows).tobytes() == net.predict(rows).tobytes()


def test_a_name_that_clearprop_has_is_refused_for_a_box_of_ones_own():
    with pytest.raises(cp.ArgumentError, match=r"class Dense: clearprop has a Dense of its own; choose another"):
        type("Dense", (cp.Layer,), {"__module__": "elsewhere"})


# ---- shared layers


def test_a_recurrent_network_is_unrolled_by_sharing():
    steps, state, cell = [cp.Input(2, name=f"x_{t}") for t in range(3)], None, cp.Dense(3, name="cell")
    start = cp.Input(3, name="start")
    state = start
    for x in steps:
        state = cp.Tanh()(cell(cp.Concatenate()(x, state)))
    net = cp.Network(state, inputs=[start, *steps], dtype="float64")
    assert net.n_parameters == (2 + 3) * 3 + 3
    rows = {"start": numpy.zeros((4, 3)), **{f"x_{t}": RNG.normal(size=(4, 2)) for t in range(3)}}
    W, b = net.parameters["cell.W"], net.parameters["cell.b"]
    expected = rows["start"]
    for t in range(3):
        expected = numpy.tanh(numpy.c_[rows[f"x_{t}"], expected] @ W + b)
    assert_close(net.scores(rows), expected, k=8, scale=1.0)
    assert cp.check_gradient(net, rows, RNG.normal(size=(4, 3))).error < 1e-6


def test_fit_returns_the_reports_of_all_epochs():
    net = chain()
    reports = net.fit(X, Y, epochs=3)
    assert [report.epoch for report in reports] == [1, 2, 3]
    assert all(math.isfinite(report.loss) and report.seconds > 0 for report in reports)


def test_assigning_a_parameter_writes_it_or_says_why_not():
    net = cp.Network([cp.Dense(1)], inputs=2)
    net.parameters["dense_1.W"] = [[1.0], [2.0]]
    assert net.predict([[3.0, 4.0]]).tolist() == [[11.0]]
    with pytest.raises(cp.ShapeError, match=r"shape \(2, 1\), got \(3,\)"):
        net.parameters["dense_1.W"] = [1.0, 2.0, 3.0]
    with pytest.raises(cp.UnknownNameError, match=r"'dense_1.w'; the network has dense_1.W, dense_1.b"):
        net.parameters["dense_1.w"]


def test_a_link_that_is_applied_twice_is_told():
    with pytest.warns(UserWarning, match=r"CrossEntropy applies Softmax .* leave out the last Softmax\(\)"):
        cp.Network([cp.Dense(3), cp.Softmax()], inputs=2, loss=cp.CrossEntropy())


def test_names_of_reused_layers_never_meet_others():
    shared = cp.Dense(3, name="a")
    h = cp.Dense(3, name="a_2")(shared(cp.Input(3)))
    with pytest.raises(cp.ArgumentError, match="two nodes are named 'a_2'"):
        cp.Network(shared(h))


def test_prediction_keeps_only_what_is_still_read():
    x = cp.Input(4)
    h = cp.Dense(4)(x)
    net = cp.Network(cp.Add()(cp.Tanh()(h), cp.ReLU()(h), x), dtype="float64")
    rows = numpy.random.default_rng(0).normal(size=(5, 4))
    kept = net.reference().forward(net.vector, net.buffer_vector, (rows,))
    left = net.reference().forward(net.vector, net.buffer_vector, (rows,), keep=False)
    numpy.testing.assert_array_equal(left.outputs[-1], kept.outputs[-1])
    assert all(output is None for output in left.outputs[:-1])
