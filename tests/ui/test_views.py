"""The numbers of the views are those of the network: of its trace, its predictions and its diagnosis."""

from __future__ import annotations

import gc
import itertools
import json
import weakref

import numpy
import pytest
from page_client import train

import clearprop as cp
from clearprop.trace import NOTATIONS
from clearprop.ui import api
from clearprop.ui.encoding import encode
from clearprop.ui.live import LiveSession
from clearprop.ui.views import Look, live
from clearprop.ui.views.tracing import trace_of
from clearprop.ui.watch import watched_problem


@pytest.fixture(scope="module")
def session():
    found = LiveSession(max_epochs=3, pace=None)
    train(found)
    yield found
    found.close()


@pytest.fixture(scope="module")
def digits():
    found = LiveSession()
    found.change({"problem": "digits", "max_epochs": 3, "pace": None})
    train(found)
    yield found
    found.close()


def ask(session, view, **parameters):
    """Return an answer as a browser reads it."""
    return json.loads(encode(api.answer(session, view, [(key, str(value)) for key, value in parameters.items()])))


def row_trace(session, row, epoch=None):
    run = session.current
    net, state = run.network_at(epoch)
    X, y = run.problem.inputs[0][row : row + 1], run.problem.y[row : row + 1]
    return net.trace(X, y, optimizer=run.optimizer, state=state)


@pytest.mark.parametrize("epoch", [None, 0, 2])
@pytest.mark.parametrize("row", [0, 399])
def test_the_walk_holds_the_numbers_of_the_trace(session, row, epoch):
    chosen = {} if epoch is None else {"epoch": epoch}
    trace, walk = row_trace(session, row, epoch), ask(session, "step", row=row, **chosen)
    assert [step["name"] for step in walk["steps"]] == [step.name for step in trace.steps()]
    for entry, step in zip(walk["steps"], trace.steps(), strict=True):
        values = trace[entry["name"]]
        assert entry["values"] == values.reshape(-1, values.shape[-1]).tolist()
        assert entry["shape"] == list(values.shape)
        assert entry["checkable"] == trace.checkable(entry["name"])
        for key in ("node", "box", "phase", "title"):
            assert entry[key] == getattr(step, key)
        assert len(entry["row_labels"]) == len(entry["values"])
        assert len(entry["column_labels"]) == len(entry["values"][0])
    assert walk["loss"] == trace.loss
    assert walk["prediction"] == trace.prediction[0].tolist()
    problem = session.current.problem
    assert walk["values"] == dict(zip(problem.columns, problem.inputs[0][row].tolist(), strict=True))
    assert walk["target"] == int(problem.y[row])


def test_rows_that_were_looked_at_before_are_not_held_in_memory(session):
    run = session.current
    look = Look(run.problem, run.network, run.present.state, run.optimizer)
    traces = [weakref.ref(trace_of(look, row)) for row in range(5)]
    gc.collect()
    assert [trace() is not None for trace in traces] == [False, False, False, True, True]


def test_rows_and_columns_have_their_names(digits):
    walk = {entry["name"]: entry for entry in ask(digits, "step", row=0)["steps"]}
    pixels = list(digits.current.problem.columns)
    assert walk["input_1.x"]["column_labels"] == pixels[:32]
    assert walk["dense_1.W.gradient"]["row_labels"] == pixels[:32]
    assert walk["dense_1.W.gradient"]["column_labels"] == [str(unit) for unit in range(32)]
    assert walk["loss.prediction"]["column_labels"] == list("0123456789")
    assert walk["dense_3.delta"]["column_labels"] == list("0123456789")


def test_windows_of_large_matrices_join_without_gaps(digits):
    whole = row_trace(digits, 5)["dense_1.W.gradient"]
    assert whole.shape == (64, 32)
    found = numpy.zeros(whole.shape)
    for top in (0, 32):
        entry = ask(digits, "values", row=5, name="dense_1.W.gradient", top=top, left=0)
        found[top : top + 32] = entry["values"]
        assert entry["row_labels"] == list(digits.current.problem.columns[top : top + 32])
    assert (found == whole).all()
    assert ask(digits, "values", row=5, name="dense_1.W", top=63, left=31)["values"] == [
        [float(row_trace(digits, 5)["dense_1.W"][63, 31])]
    ]


def test_a_cell_is_explained_as_the_trace_does(session):
    trace = row_trace(session, 7)
    for name, notation in itertools.product(trace, NOTATIONS):
        cell = tuple(size - 1 for size in trace[name].shape)
        place = ",".join(map(str, cell))
        found = ask(session, "cell", row=7, name=name, cell=place, notation=notation)
        expected = trace.explain(name, cell, notation)
        assert found["value"] == float(trace[name][cell])
        assert found["formula"] == {"latex": expected.formula.latex, "mathml": expected.formula.mathml}
        assert found["substituted"]["latex"] == expected.substituted.latex
        assert [term["value"] for term in found["terms"]] == [term.value for term in expected.terms]
        labels = [[factor["label"] for factor in term["factors"]] for term in found["terms"]]
        assert labels == [[factor.label for factor in term.factors] for term in expected.terms]
        assert found["sum"] == expected.sum
        assert found["n_terms"] == len(expected.terms)


def test_terms_beyond_the_bound_are_one():
    net = cp.Network([cp.Dense(1)], inputs=300, dtype="float64")
    batch = net.batch(numpy.random.default_rng(0).normal(size=(2, 300)), [0.0, 1.0])
    problem = watched_problem(net, batch, None, None, None)
    state = cp.TrainState(net.vector, net.buffer_vector)
    found = api.VIEWS["cell"][0](Look(problem, net, state, None), 0, "dense_1.a", (0, 0), "clearprop")
    assert found["n_terms"] == 301
    assert len(found["terms"]) == 201
    assert found["terms"][-1]["factors"][0]["label"] == "and 101 more"
    assert abs(sum(term["value"] for term in found["terms"]) - found["value"]) < 1e-12


def test_a_derivative_stands_beside_its_difference(session):
    trace = row_trace(session, 7)
    for name in filter(trace.checkable, trace):
        found = ask(session, "check", row=7, name=name, cell=",".join("0" for _ in trace[name].shape))
        expected = trace.check(name, (0,) * trace[name].ndim)
        assert (found["analytic"], found["numeric"]) == (expected.analytic, expected.numeric)
        assert found["error"] == expected.error < 1e-8
    with pytest.raises(cp.ArgumentError, match="takes a derivative"):
        ask(session, "check", row=7, name="dense_1.a", cell="0,0")


@pytest.mark.parametrize("notation", NOTATIONS)
def test_every_quantity_has_a_formula(session, notation):
    trace, found = row_trace(session, 0), ask(session, "formulas", notation=notation)
    assert found["notation"] == notation
    assert set(found["formulas"]) == set(trace)
    for name, formula in found["formulas"].items():
        assert formula["latex"] == trace.formula(name, notation).latex
        assert formula["mathml"].startswith("<math")


def test_the_surface_is_what_the_network_predicts(session):
    run = session.current
    net, _ = run.network_at()
    found = ask(session, "live")
    surface, points = found["surface"], found["points"]
    grid = numpy.array([[x, y] for y in surface["y"] for x in surface["x"]])
    assert (len(surface["x"]), len(surface["y"])) == (40, 40)
    assert numpy.array(surface["z"]).ravel().tolist() == net.predict(grid)[:, 0].tolist()
    assert (surface["kind"], surface["x_name"], surface["y_name"], surface["fixed"]) == ("binary", "x1", "x2", {})
    X = run.problem.inputs[0]
    assert points["x"] == X[:, 0].tolist()
    assert points["prediction"] == (net.predict(X)[:, 0] > 0.5).astype(int).tolist()
    assert points["target"] == run.problem.y.astype(int).tolist()
    assert points["validation"] == [False] * run.problem.n_rows + [True] * run.problem.n_validation


def test_the_surface_of_two_columns_holds_the_others_at_their_medians(digits):
    run = digits.current
    net, _ = run.network_at()
    found = ask(digits, "live", x="pixel_3_4", y="pixel_2_2")
    surface, columns = found["surface"], list(run.problem.columns)
    assert surface["kind"] == "classes"
    assert len(surface["fixed"]) == 62
    row = numpy.array([[surface["fixed"].get(name, 0.0) for name in columns]])
    row[0, columns.index("pixel_3_4")] = surface["x"][11]
    row[0, columns.index("pixel_2_2")] = surface["y"][5]
    (prediction,) = net.predict(row)
    assert surface["z"][5][11] == prediction.argmax()
    assert abs(surface["probability"][5][11] - float(prediction.max())) < 1e-6  # of float32
    for wrong in ({"x": "nothing"}, {"x": "pixel_0_0", "y": "pixel_0_0"}):
        with pytest.raises(cp.ArgumentError, match="live: "):
            ask(digits, "live", **wrong)


def test_the_diagram_shows_weights_between_the_units_that_are_shown(digits):
    run = digits.current
    net, _ = run.network_at()
    found = ask(digits, "live")["diagram"]
    assert [layer["name"] for layer in found["layers"]] == ["input_1", "dense_1", "dense_2", "dense_3"]
    shown = {layer["name"]: layer["shown"] for layer in found["layers"]}
    assert [len(units) for units in shown.values()] == [16, 16, 16, 10]
    assert [(edge["from"], edge["to"]) for edge in found["edges"]] == list(itertools.pairwise(shown))
    for edge in found["edges"]:
        weights = net.parameters[f"{edge['to']}.W"]
        assert edge["weights"] == weights[numpy.ix_(shown[edge["from"]], shown[edge["to"]])].tolist()


@pytest.mark.parametrize("block", [cp.rnn, cp.lstm, cp.gru])
def test_the_diagram_of_a_recurrent_network_shows_its_layers(block):
    net = cp.Network(cp.Dense(2)(block(cp.Input((4, 3)), 5)), loss=cp.CrossEntropy(), dtype=numpy.float64)
    X = numpy.random.default_rng(0).normal(size=(6, 4, 3))
    problem = watched_problem(net, net.batch(X, [0, 1, 0, 1, 0, 1]), None, None, None)
    found = live(Look(problem, net, cp.TrainState(net.vector, net.buffer_vector), None), None, None)
    trace = net.trace(X, [0, 1, 0, 1, 0, 1])
    layers = {layer["name"]: layer for layer in found["diagram"]["layers"]}
    assert set(layers) >= {node.name for node in net.graph.nodes if isinstance(node.layer, cp.Dense)}
    for name, layer in layers.items():
        assert len(layer["mean"]) == len(layer["shown"])
        sliced = layer["n_units"] > 5  # the gates of LSTM and GRU, side by side, before their activations
        if sliced and f"{name}.a" in trace:
            assert numpy.allclose(layer["mean"], trace[f"{name}.a"].mean(axis=0)[layer["shown"]], rtol=1e-12)
    assert found["surface"] is not None


@pytest.mark.parametrize("loss", [cp.SquaredError(), cp.BinaryCrossEntropy()])
def test_of_several_numbers_the_first_is_named(loss):
    net = cp.Network([cp.Dense(2)], inputs=1, loss=loss)
    problem = watched_problem(net, net.batch([[1.0], [2.0]], [[1.0, 1.0], [0.0, 1.0]]), None, None, None)
    assert problem.target == "y[0]"
    assert problem.task == "regression"


def test_one_column_has_no_surface():
    net = cp.Network([cp.Dense(1)], inputs=1)
    problem = watched_problem(net, net.batch([[1.0], [2.0]], [1.0, 2.0]), None, None, None)
    found = live(Look(problem, net, cp.TrainState(net.vector, net.buffer_vector), None), None, None)
    assert found["surface"] is None
    assert "one column" in found["surface_reason"]


def test_layers_are_those_of_the_diagnosis(digits):
    run = digits.current
    net, state = run.network_at()
    found = ask(digits, "layers")
    assert found["n_rows"] == 500
    rows = numpy.unique(numpy.linspace(0, run.problem.n_rows - 1, 500).round().astype(int))
    X, y = run.problem.inputs[0][rows], run.problem.y[rows]
    diagnosis = net.diagnose(X, y, optimizer=run.optimizer, state=state)
    assert found["findings"] == json.loads(encode(diagnosis.to_dict()["findings"]))
    trace = net.trace(X, y, optimizer=run.optimizer, state=state)
    for layer, health in zip(found["layers"], diagnosis.layers[1:], strict=True):
        assert layer["node"] == health.node
        assert layer["dead"] == list(health.dead)
        assert layer["update_ratio"] == health.update_ratio
        output = trace.nodes[health.node].output
        for name, histogram in layer["histograms"].items():
            values = trace[f"{health.node}.{name}"]
            assert sum(histogram["counts"]) == values.size
            assert histogram["edges"][0] == pytest.approx(values.min())
        for unit in layer["units"]:
            column = output[:, unit["unit"]].astype(float)
            assert unit["mean"] == pytest.approx(column.mean(), rel=1e-12)
            assert unit["zero_share"] == (column == 0.0).mean()
            assert unit["dead"] == (unit["unit"] in health.dead)


@pytest.mark.parametrize("part", ["train", "validation"])
def test_the_rows_come_with_their_predictions_and_losses(digits, part):
    run = digits.current
    net, _ = run.network_at()
    problem = run.problem
    first, stop = (0, problem.n_rows) if part == "train" else (problem.n_rows, problem.n_all)
    X, y = problem.inputs[0][first:stop], problem.y[first:stop]
    prediction = net.predict(X)
    losses = net.loss_function.values(numpy, net.scores(X), y)
    found = ask(digits, "data", part=part, order="worst", limit=20)
    assert found["total"] == len(y)
    assert [row["loss"] for row in found["rows"]] == sorted(map(float, losses), reverse=True)[:20]
    for row in found["rows"]:
        place = row["row"] - first
        assert row["target"] == y[place]
        assert row["prediction"] == prediction[place].argmax()
        assert row["probabilities"] == prediction[place].tolist()
        assert row["right"] == (row["target"] == row["prediction"])
    confusion = numpy.array(found["confusion"])
    assert confusion.sum() == len(y)
    assert confusion[3, 5] == ((y == 3) & (prediction.argmax(axis=1) == 5)).sum()
    assert found["metrics"]["accuracy"] == pytest.approx(numpy.trace(confusion) / len(y))
    page = ask(digits, "data", part=part, offset=3, limit=2)
    assert [row["row"] for row in page["rows"]] == [first + 3, first + 4]


def test_numbers_are_shown_in_the_units_of_the_table():
    random = numpy.random.default_rng(0)
    X, y = random.normal(size=(50, 2)), random.normal(size=50)
    net = cp.Network([cp.Dense(1)], inputs=2, dtype="float64")
    problem = watched_problem(net, net.batch(X, y), None, ("a", "b"), None)
    problem = type(problem)(**{**vars(problem), "scale": 10.0, "center": 3.0})
    look = Look(problem, net, cp.TrainState(net.vector, net.buffer_vector), None)
    found = json.loads(encode(api.VIEWS["data"][0](look, "row", 0, 50, "train")))
    predicted = 10.0 * net.predict(X)[:, 0] + 3.0
    assert [row["prediction"] for row in found["rows"]] == pytest.approx(predicted)
    assert [row["target"] for row in found["rows"]] == pytest.approx(10.0 * y + 3.0)
    assert found["metrics"]["mae"] == pytest.approx(numpy.abs(10.0 * y + 3.0 - predicted).mean())
    assert sum(found["residuals"]["histogram"]["counts"]) == 50
    assert found["confusion"] is None
    assert live(look, "b", "a")["surface"]["kind"] == "value"
    walk = json.loads(encode(api.VIEWS["step"][0](look, 0)))
    assert [walk["target"], *walk["prediction"]] == pytest.approx([10.0 * y[0] + 3.0, predicted[0]])


def test_the_diagram_shows_the_mean_of_an_activation_where_it_alone_reads_a_layer():
    x = cp.Input(2)
    alone = cp.Tanh()(cp.BatchNorm()(cp.Dense(3, name="alone")(x)))
    shared = cp.Dense(3, name="shared")(x)
    merged = cp.Tanh()(cp.Add()(cp.Multiply()(shared, shared), alone))
    net = cp.Network(cp.Dense(1)(merged), [x], dtype="float64")
    X, y = numpy.random.default_rng(0).normal(size=(20, 2)), numpy.zeros(20)
    problem = watched_problem(net, net.batch(X, y), None, ("a", "b"), None)
    layers = live(Look(problem, net, cp.TrainState(net.vector, net.buffer_vector), None), "a", "b")["diagram"]["layers"]
    means = {layer["name"]: layer["mean"] for layer in layers}
    trace = net.trace(X, y)
    assert means["alone"] == pytest.approx(trace["tanh_1.h"].mean(axis=0))
    assert means["shared"] == pytest.approx(trace["shared.a"].mean(axis=0))
    assert means["input_1"] == pytest.approx(X.mean(axis=0))
