"""`LiveView`: the user's own training, watched and kept as a file."""

from __future__ import annotations

import pickle
import threading
import warnings
from urllib.parse import quote

import numpy
import pandas
import pytest
import scipy.sparse
from page_client import Client, in_threads, train, wait_until
from sklearn.base import clone
from test_recording import entries

import clearprop as cp
from clearprop.ui.live import LiveSession
from clearprop.ui.session import MAX_RUNS
from clearprop.ui.sources import SavedModel

RANDOM = numpy.random.default_rng(0)
X = RANDOM.normal(size=(60, 3))
Y = (X[:, 0] * X[:, 1] > 0).astype(int)


@pytest.fixture
def view():
    with cp.LiveView(port=0, open=False) as found:
        yield found


def network(n_outputs=2, loss=None, seed=0):
    return cp.Network(
        [cp.Dense(4), cp.Tanh(), cp.Dense(n_outputs)], inputs=3, loss=loss or cp.CrossEntropy(), seed=seed
    )


def client(view):
    return Client(view._server)


def test_the_batches_of_an_epoch_are_those_of_this_training_where_it_continues_another(view):
    net = network()
    state = net.fit(X, Y, epochs=3, batch_size=30, callbacks=[view])[-1].state
    assert client(view).get("/api/state")["run"]["n_batches"] == 2
    net.fit(X, Y, epochs=2, batch_size=10, state=state, callbacks=[view])
    run = client(view).get("/api/state")["run"]
    assert (run["epoch"], run["step"], run["n_batches"]) == (5, 3 * 2 + 2 * 6, 6)


def test_a_training_is_a_run_with_the_numbers_of_its_reports(view):
    net, other = network(), network()
    reports = net.fit(X, Y, epochs=4, batch_size=16, validation=0.25, metrics="accuracy", callbacks=[view])
    other.fit(X, Y, epochs=4, batch_size=16, validation=0.25, metrics="accuracy")
    assert net.vector.tobytes() == other.vector.tobytes()
    state = client(view).get("/api/state")
    assert state["mode"] == "watch"
    assert state["run"]["status"] == "finished"
    assert state["run"]["recorded"] == [0, 1, 2, 3, 4]
    assert state["run"]["curve"]["loss"] == [report.loss for report in reports]
    assert state["run"]["curve"]["metrics"] == [report.metrics["validation_accuracy"] for report in reports]
    assert (state["run"]["step"], state["run"]["n_batches"]) == (12, 3)
    assert (state["problem"]["n_rows"], state["problem"]["n_validation"]) == (45, 15)
    assert state["problem"]["columns"] == ["x1", "x2", "x3"]
    assert state["problem"]["classes"] == [0, 1]
    run, snapshot = view.session.snapshot()
    assert snapshot.state.parameters.tobytes() == net.vector.tobytes()
    walk = client(view).get("/api/step?row=3")
    trace = net.trace(*(part[3:4] for part in (run.problem.inputs[0], run.problem.y)))
    assert walk["steps"][0]["values"] == trace["input_1.x"].tolist()
    assert walk["loss"] == trace.loss


def test_rows_count_by_their_weights(view):
    weight, net = RANDOM.uniform(0.1, 5.0, size=60), network()
    net.fit(X, Y, epochs=2, sample_weight=weight, callbacks=[view])
    loss, gradient = net.loss(X, Y, weight), net.gradient(X, Y, weight)[1]
    assert client(view).get("/api/data")["metrics"]["loss"] == pytest.approx(loss, rel=1e-5)
    layer = client(view).get("/api/layers")["layers"][0]
    norm = numpy.sqrt(sum((gradient[f"dense_1.{local}"] ** 2).sum() for local in "Wb"))
    assert (layer["node"], layer["gradient_norm"]) == ("dense_1", pytest.approx(norm, rel=1e-4))


def test_a_frame_gives_its_names(view):
    frame = pandas.DataFrame(X, columns=["age", "size", "<img onerror=alert(1)>"])
    network().fit(frame, Y, epochs=1, callbacks=[view])
    assert client(view).get("/api/state")["problem"]["columns"] == list(frame.columns)


@pytest.mark.parametrize("solver", ["adam", "lbfgs", "sgd"])
def test_an_estimator_shows_its_own_rows_names_and_classes(view, solver):
    frame = pandas.DataFrame(X, columns=["age", "size", "speed"])
    labels = numpy.where(Y, "yes", "no")
    model, plain = (cp.MLPClassifier(5, solver=solver, max_iter=3, random_state=0) for _ in range(2))
    model.set_callbacks(view)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(frame, labels)
        plain.fit(frame, labels)
    assert model.network_.vector.tobytes() == plain.network_.vector.tobytes()
    state = client(view).get("/api/state")
    assert state["problem"]["columns"] == ["age", "size", "speed"]
    assert state["problem"]["classes"] == ["no", "yes"]
    assert state["run"]["status"] == "finished"
    assert state["run"]["epoch"] >= 1
    assert state["runs"][0]["title"] == "MLPClassifier 3-5-1"
    data = client(view).get("/api/data?part=train&limit=60")
    assert [row["prediction"] for row in data["rows"]] == model.predict(frame).tolist()
    for path in ("live", "layers", "step", "formulas"):
        client(view).get(f"/api/{path}")


def test_a_regressor_and_sparse_rows_are_shown(view):
    model = cp.MLPRegressor(hidden_layer_sizes=(4,), max_iter=2, random_state=0)
    model.set_callbacks(view)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(scipy.sparse.csr_matrix(X), X[:, 0])
    assert client(view).get("/api/state")["problem"]["task"] == "regression"
    data = client(view).get("/api/data?limit=60")
    assert [row["prediction"] for row in data["rows"]] == model.predict(X).tolist()
    for path in ("live", "layers", "step", "values?name=input_1.x"):
        client(view).get(f"/api/{path}")


def test_each_training_is_a_run_of_its_own(view):
    for seed in range(3):
        network(seed=seed).fit(X, Y, epochs=1, callbacks=[view])
    assert list(view.session.runs) == ["1", "2", "3"]
    starts = {run.history.snapshots[0].state.parameters.tobytes() for run in view.session.runs.values()}
    assert len(starts) == 3


def test_of_many_trainings_the_last_ones_are_kept(view):
    for _ in range(MAX_RUNS + 2):
        network().fit(X[:8], Y[:8], epochs=1, callbacks=[view])
    assert list(view.session.runs) == [str(number) for number in range(3, MAX_RUNS + 3)]


@pytest.mark.parametrize(
    ("boxes", "inputs", "rows", "loss", "surface"),
    [
        ([cp.Conv2D(2, 3), cp.ReLU(), cp.Flatten(), cp.Dense(3)], (1, 5, 5), X, cp.CrossEntropy(), "classes"),
        ([cp.Maxout(4, 2), cp.BatchNorm(), cp.Dropout(0.2), cp.Dense(1)], 2, X, cp.Huber(), "value"),
        ([cp.Embedding(5, 4), cp.Flatten(), cp.Dense(2)], 3, numpy.arange(60) % 5, cp.CrossEntropy(), None),
        ([cp.Dense(1)], 1, X, cp.SquaredError(), None),
    ],
    ids=["images", "array engine", "codes", "one column"],
)  # fmt: skip
def test_every_box_can_be_looked_at(view, boxes, inputs, rows, loss, surface):
    net = cp.Network(boxes, inputs=inputs, loss=loss)
    shape = inputs if isinstance(inputs, tuple) else (inputs,)
    given = numpy.resize(rows, (20, *shape))
    net.fit(given, numpy.arange(20) % 2, epochs=2, callbacks=[view])
    page = client(view)
    found = page.get("/api/live")
    assert (found["surface"] and found["surface"]["kind"]) == surface
    assert ("surface_reason" in found) == (surface is None)
    walk = page.get("/api/step?row=3")
    for entry in walk["steps"]:
        cell = ",".join("0" for _ in entry["shape"])
        value = page.get(f"/api/cell?row=3&name={quote(entry['name'])}&cell={cell}")["value"]
        assert value == entry["values"][0][0]
    for path in ("layers", "formulas", "data"):
        page.get(f"/api/{path}")


def test_the_page_can_hold_training_up_and_end_it(view):
    reports = []

    def work():
        reports.extend(network().fit(X, Y, epochs=1_000_000, callbacks=[view]))

    thread = threading.Thread(target=work)
    thread.start()
    wait_until(lambda: view.session.hurries)
    page = client(view)
    page.post("/api/control", {"action": "pause"})
    wait_until(lambda: view.session.current.status == "paused")
    epoch = page.get("/api/state")["run"]["epoch"]
    page.get("/api/live")
    assert page.get("/api/state")["run"]["epoch"] == epoch
    page.post("/api/control", {"action": "play"})
    wait_until(lambda: view.session.current.present.state.epoch > epoch)
    for action in ("batch", "epoch", "rewind"):
        page.post("/api/control", {"action": action}, 400)
    page.post("/api/settings", {"weight_seed": 1}, 400)
    page.post("/api/control", {"action": "stop"})
    thread.join(30.0)
    assert not thread.is_alive()
    assert epoch < len(reports) < 1_000_000


def test_a_file_is_written_at_the_end_without_a_browser(tmp_path):
    path = tmp_path / "run.html"
    with cp.LiveView(port=0, record=path, open=False) as view:
        network().fit(X, Y, epochs=3, callbacks=[view])
        assert entries(path.read_text())["/api/state"]["run"]["epoch"] == 3
        network().fit(X, Y, epochs=5, callbacks=[view])
    state = entries(path.read_text())["/api/state"]
    assert state["run"]["epoch"] == 5
    assert state["mode"] == "watch"
    assert [run["id"] for run in state["runs"]] == ["2"]


@pytest.mark.parametrize("failure", [KeyboardInterrupt, RuntimeError])
def test_a_training_that_is_interrupted_leaves_its_file(tmp_path, failure):
    class Interrupt(cp.Callback):
        def on_fit_task_end(self, estimator, context):
            if context.task_name == "epoch" and context.task_id == 1:
                raise failure

    path = tmp_path / "run.html"
    with cp.LiveView(port=0, record=path, open=False) as view, pytest.raises(failure):
        network().fit(X, Y, epochs=9, callbacks=[view, Interrupt()])
    run = entries(path.read_text())["/api/state"]["run"]
    assert (run["status"], run["epoch"]) == ("finished", 2)
    assert run["message"] == f"ended by {failure.__name__}"


def test_a_training_that_diverges_leaves_its_file(tmp_path):
    path = tmp_path / "run.html"
    with cp.LiveView(port=0, record=path, open=False) as view, pytest.raises(cp.NonFiniteError):
        network(1, cp.SquaredError()).fit(X, Y, optimizer=cp.SGD(1e20), epochs=3, callbacks=[view])
    run = entries(path.read_text())["/api/state"]["run"]
    assert run["status"] == "diverged"
    assert "training stopped in epoch 1, batch" in run["message"]


def test_leaving_the_loop_early_is_an_end(view):
    for report in cp.train(network(), X, Y, epochs=9, callbacks=[view]):
        if report.epoch == 2:
            break
    del report
    wait_until(lambda: view.session.current.status == "finished")
    assert view.session.current.present.state.epoch == 2
    assert view.session.current.message is None


def test_a_training_left_open_gives_way_to_the_next(view):
    reports = cp.train(network(), X, Y, epochs=9, callbacks=[view])
    next(reports), next(reports)
    network().fit(X, Y, epochs=3, callbacks=[view])
    next(reports)
    reports.close()
    left, last = view.session.runs.values()
    assert (left.status, left.message, left.present.state.epoch) == ("finished", "left for another training", 2)
    assert (last.status, last.message, last.present.state.epoch) == ("finished", None, 3)


def test_trainings_in_threads_do_not_mix(view):
    nets = [network(seed=seed) for seed in range(3)]
    in_threads(3, lambda place: nets[place].fit(X, Y, epochs=20, callbacks=[view]))
    assert list(view.session.runs) == ["1", "2", "3"]
    for number, net in enumerate(nets):
        alone = network(seed=number)
        alone.fit(X, Y, epochs=20)
        assert net.vector.tobytes() == alone.vector.tobytes()
    last = view.session.current
    assert last.status == "finished"
    assert last.present.state.parameters.tobytes() in {net.vector.tobytes() for net in nets}


def test_a_training_that_goes_on_begins_where_it_was(view):
    net, rest = network(), {"optimizer": cp.SGD(0.1, momentum=0.9), "callbacks": [view]}
    state = net.fit(X, Y, epochs=2, **rest)[-1].state
    before = state.copy()
    net.fit(X, Y, epochs=3, state=state, **rest)
    history = view.session.current.history
    assert sorted(history.snapshots) == [2, 3, 4, 5]
    start = history.snapshots[2].state
    assert start.step == before.step
    assert {name: slot.tolist() for name, slot in start.slots.items()} == {
        name: slot.tolist() for name, slot in before.slots.items()
    }


@pytest.mark.parametrize("n_outputs", [1, 3])
def test_scores_that_are_no_probabilities_are_measured_as_classes(view, n_outputs):
    net = network(n_outputs, cp.Hinge())
    net.fit(X, Y, epochs=2, metrics="accuracy", callbacks=[view])
    page = client(view)
    metrics = page.get("/api/data")["metrics"]
    found = net.predict(X)
    assert metrics["accuracy"] == numpy.mean((found[:, 0] > 0 if n_outputs == 1 else found.argmax(axis=1)) == Y)
    assert page.get("/api/state")["run"]["curve"]["metric"] == "accuracy"
    session = LiveSession([SavedModel(net, [X], Y, ["a", "b", "c"], "y", None, "m")], max_epochs=2)
    assert train(session).history.curve["metrics"][-1] <= 1.0
    assert session.current.message == "epoch 2 of 2"
    session.close()
    for path in ("live", "layers", "step"):
        page.get(f"/api/{path}")


def test_columns_of_one_name_and_classes_that_json_has_not_are_told_apart(view):
    network().fit(pandas.DataFrame(3 * X, columns=["a", "a", "a (2)"]), Y, epochs=1, callbacks=[view])
    page = client(view)
    assert page.get("/api/state")["problem"]["columns"] == ["a", "a (2)", "a (2) (2)"]
    assert page.get("/api/live?x=a+(2)&y=a")["surface"]["x_name"] == "a (2)"
    days = numpy.array(["2020-01-31", "2021-01-31"], dtype="datetime64[D]")
    model = cp.MLPClassifier(4, solver="lbfgs", max_iter=200, random_state=0).set_callbacks(view)
    model.fit(X, days[Y])
    assert page.get("/api/state")["problem"]["classes"] == ["2020-01-31", "2021-01-31"]


def test_early_stopping_ends_with_the_best_epoch(view):
    net = network()
    stopping = cp.EarlyStopping(patience=2)
    reports = net.fit(X, Y, optimizer=cp.SGD(50.0), epochs=50, early_stopping=stopping, callbacks=[view])
    _, snapshot = view.session.snapshot()
    assert snapshot.state.parameters.tobytes() == net.vector.tobytes()
    assert len(view.session.current.history.curve["loss"]) == len(reports)


def test_a_notebook_shows_the_recorded_page(view):
    assert "no training yet" in view._repr_html_()
    network().fit(X, Y, epochs=1, callbacks=[view])
    shown = view._repr_html_()
    assert shown.startswith('<iframe srcdoc="&lt;!doctype html&gt;')
    assert 'sandbox="allow-scripts"' in shown
    assert "<script" not in shown
    assert repr(view) == f"LiveView(http://127.0.0.1:{view._server.port}/)"
    assert view._server.token not in repr(view) + shown


def test_the_page_says_that_there_is_no_training_yet(view):
    page = client(view)
    answers = [page.get(f"/api/{path}", 404) for path in ("state", "live", "events?after=5", "record")]
    answers += [page.post("/api/control", {"action": action}, 404) for action in ("pause", "play", "stop")]
    assert all("there is no training yet" in answer["error"] for answer in answers)


def test_wide_networks_are_looked_at_in_parts(monkeypatch, view):
    monkeypatch.setattr("clearprop.ui.views.look.MAX_NUMBERS", 100)
    monkeypatch.setattr("clearprop.ui.views.pictures.MAX_NUMBERS", 100)
    net = network()
    net.fit(X, Y, epochs=1, callbacks=[view])
    page = client(view)
    found = page.get("/api/live")
    assert found["surface"] is None
    assert found["surface_reason"] == "the network reads 3 columns, too many for a surface."
    fitting = 100 // (3 + 4 + 4 + 2)
    assert len(found["points"]["x"]) == page.get("/api/layers")["n_rows"] == fitting
    rows = page.get("/api/data?limit=60")["rows"]
    assert [row["prediction"] for row in rows] == net.predict(X).argmax(axis=1).tolist()


def test_a_training_that_fails_before_its_first_epoch_is_no_run(view):
    with pytest.raises(cp.ArgumentError):
        network().fit(X, Y, epochs=1, callbacks=[view], metrics="r2")
    model = cp.MLPClassifier(5, solver="nothing")
    model.set_callbacks(view)
    with pytest.raises(ValueError, match="solver"):
        model.fit(X, Y)
    assert not view.session.runs


def test_it_watches_its_own_process_alone(view):
    with pytest.raises(cp.ArgumentError, match="train with n_jobs=1"):
        pickle.dumps(view)
    model = cp.MLPClassifier(5)
    model.set_callbacks(view)
    assert clone(model).get_params() == model.get_params()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"port": -1}, "port must be an integer >= 0"),
        ({"port": 70_000}, "port must be at most 65535"),
        ({"port": "8000"}, "port must be an integer"),
        ({"open": 1}, "open must be True or False"),
        ({"record": "/nowhere/at/all/run.html"}, "there is no such folder"),
    ],
)
def test_arguments_are_checked_at_once(arguments, message):
    with pytest.raises(cp.ArgumentError, match=message):
        cp.LiveView(**arguments)


def test_of_very_many_rows_the_first_ones_are_kept(monkeypatch, view):
    monkeypatch.setattr("clearprop.ui.watch.MAX_NUMBERS", 10)
    many = numpy.tile(X, (20, 1))
    network().fit(many, numpy.tile(Y, 20), epochs=1, callbacks=[view])
    problem = client(view).get("/api/state")["problem"]
    assert problem["n_rows"] == 500
    assert problem["title"] == "your program's rows (the first 500 of 1200)"


@pytest.mark.parametrize(
    "rate",
    [cp.Cosine(0.1), cp.ReduceOnPlateau(0.1), lambda step: 0.1 / (1 + step)],
    ids=("cosine", "plateau", "function"),
)
def test_steps_are_shown_at_the_rate_that_a_schedule_has_reached(view, rate):
    reports = network().fit(X, Y, optimizer=cp.SGD(rate), epochs=4, batch_size=16, callbacks=[view])
    entry = "dense_2.b"
    walk = {step["name"]: step["values"] for step in client(view).get("/api/step?row=0")["steps"]}
    update, gradient = (numpy.array(walk[f"{entry}.{what}"]) for what in ("update", "gradient"))
    last = reports[-1].learning_rate or reports[-2].learning_rate
    numpy.testing.assert_allclose(update, -last * gradient, rtol=1e-5)  # float32
    assert client(view).get("/api/layers")["findings"] is not None
