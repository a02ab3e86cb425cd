"""What the estimators offer beyond scikit-learn's MLP."""

import copy
import pickle

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse
import sklearn
from sklearn.base import clone
from sklearn.callback import ScoringMonitor
from sklearn.datasets import load_digits, load_iris, make_multilabel_classification
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import clearprop as cp
from clearprop.estimators.options import ACTIVATIONS, LOSSES

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

IRIS_X, IRIS_Y = load_iris(return_X_y=True)
IRIS_X = StandardScaler().fit_transform(IRIS_X)
DIGITS_X, DIGITS_Y = (part[:600] for part in load_digits(return_X_y=True))
DIGITS_X = DIGITS_X / 16


def test_class_weight_equals_row_weights():
    weights = {0: 1.0, 1: 5.0, 2: 0.5}
    rows = np.array([weights[label] for label in IRIS_Y])
    by_class = cp.MLPClassifier(random_state=0, max_iter=20, class_weight=weights).fit(IRIS_X, IRIS_Y)
    by_row = cp.MLPClassifier(random_state=0, max_iter=20).fit(IRIS_X, IRIS_Y, sample_weight=rows)
    np.testing.assert_allclose(by_class.coefs_[0], by_row.coefs_[0])


def test_balanced_class_weight_lifts_the_rare_class():
    rng = np.random.default_rng(0)
    X = np.r_[rng.normal(0, 1, (500, 2)), rng.normal(1.5, 1, (25, 2))]
    y = np.array(["often"] * 500 + ["rare"] * 25)
    recall = {}
    for weight in (None, "balanced"):
        model = cp.MLPClassifier(20, class_weight=weight, random_state=0, max_iter=100).fit(X, y)
        recall[weight] = (model.predict(X[500:]) == "rare").mean()
    assert recall["balanced"] > recall[None] + 0.2


@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
def test_every_activation_learns(activation):
    model = cp.MLPClassifier((16,), activation, random_state=0, max_iter=300, learning_rate_init=0.01)
    assert model.fit(IRIS_X, IRIS_Y).score(IRIS_X, IRIS_Y) > 0.9


def test_one_activation_a_layer():
    model = cp.MLPClassifier((8, 4), ["tanh", cp.LeakyReLU(0.2)], random_state=0, max_iter=5).fit(IRIS_X, IRIS_Y)
    boxes = [node.layer for node in model.network_.graph.nodes[1:]]
    assert boxes[1] == cp.Tanh()
    assert boxes[3] == cp.LeakyReLU(0.2)
    with pytest.raises(cp.ArgumentError, match="each of the 2 hidden layers"):
        cp.MLPClassifier((8, 4), ["tanh"]).fit(IRIS_X, IRIS_Y)


@pytest.mark.parametrize("loss", sorted(LOSSES))
def test_every_regression_loss_learns(loss):
    y = np.exp(IRIS_X[:, 0])
    model = cp.MLPRegressor(loss, solver="lbfgs" if loss in ("squared_error", "poisson") else "adam", random_state=0)
    model.set_params(max_iter=400, learning_rate_init=0.01)
    assert model.fit(IRIS_X, y).score(IRIS_X, y) > 0.9


def test_quantile_loss_hits_its_quantile():
    rng = np.random.default_rng(0)
    X, noise = rng.uniform(-1, 1, (2000, 1)), rng.normal(size=2000)
    model = cp.MLPRegressor(cp.Quantile(0.9), 16, random_state=0, max_iter=300, learning_rate_init=0.01)
    below = noise <= model.fit(X, noise).predict(X)
    # three standard errors of a share of 0.9 among 2000 rows
    assert below.mean() == pytest.approx(0.9, abs=3 * np.sqrt(0.9 * 0.1 / 2000))


@pytest.mark.parametrize(
    "loss", [cp.CrossEntropy(label_smoothing=0.1), cp.KLDivergence(), cp.BinaryCrossEntropy(), "hinge", cp.Huber()]
)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_every_classification_loss_learns(loss, n_classes):
    X, y = IRIS_X[n_classes > IRIS_Y], np.array(["a", "b", "c"])[IRIS_Y[n_classes > IRIS_Y]]
    model = cp.MLPClassifier(16, loss=loss, random_state=0, max_iter=300, learning_rate_init=0.01).fit(X, y)
    assert model.score(X, y) > 0.95
    if loss in ("hinge", cp.Huber()):
        assert not hasattr(model, "predict_proba")
    else:
        probability = model.predict_proba(X)
        np.testing.assert_allclose(probability.sum(axis=1), 1.0)
        assert (model.classes_[probability.argmax(axis=1)] == model.predict(X)).all()


@pytest.mark.parametrize("solver", ["adamw", "rmsprop", "adagrad", cp.Adam(cp.OneCycle(0.02), clip_norm=1.0)])
def test_every_other_solver_learns(solver):
    model = cp.MLPClassifier(16, solver=solver, learning_rate_init=0.05, random_state=0, max_iter=300)
    assert model.fit(IRIS_X, IRIS_Y).score(IRIS_X, IRIS_Y) > 0.95


def test_dropout_and_batch_norm_are_boxes_of_the_network():
    model = cp.MLPClassifier((8, 8), dropout=0.3, batch_norm=True, random_state=0, max_iter=50).fit(DIGITS_X, DIGITS_Y)
    kinds = [type(node.layer).__name__ for node in model.network_.graph.nodes[1:]]
    assert kinds == ["Dense", "BatchNorm", "ReLU", "Dropout"] * 2 + ["Dense"]
    again = clone(model).fit(DIGITS_X, DIGITS_Y)
    np.testing.assert_array_equal(model.coefs_[0], again.coefs_[0])
    np.testing.assert_array_equal(model.predict_proba(DIGITS_X), model.predict_proba(DIGITS_X))


def test_own_validation_rows():
    model = cp.MLPClassifier(16, early_stopping=True, random_state=0, max_iter=400, n_iter_no_change=5)
    model.fit(IRIS_X[::2], IRIS_Y[::2], X_val=IRIS_X[1::2], y_val=IRIS_Y[1::2])
    assert len(model.validation_scores_) == len(model.validation_loss_curve_) == model.n_iter_
    assert model.score(IRIS_X[1::2], IRIS_Y[1::2]) == model.best_validation_score_ == max(model.validation_scores_)


def test_validation_rows_without_early_stopping_are_only_watched():
    settings = {"hidden_layer_sizes": 8, "random_state": 0, "max_iter": 10}
    watched = cp.MLPClassifier(**settings).fit(IRIS_X, IRIS_Y, X_val=IRIS_X[:30], y_val=IRIS_Y[:30])
    alone = cp.MLPClassifier(**settings).fit(IRIS_X, IRIS_Y)
    np.testing.assert_array_equal(watched.coefs_[0], alone.coefs_[0])
    assert len(watched.validation_loss_curve_) == 10
    assert alone.validation_loss_curve_ is None


@pytest.mark.parametrize("scoring", ["loss", "balanced_accuracy", "neg_log_loss"])
def test_the_stopping_metric_can_be_chosen(scoring):
    model = cp.MLPClassifier(16, early_stopping=True, scoring=scoring, random_state=0, max_iter=50)
    model.fit(pd.DataFrame(IRIS_X).add_prefix("column "), IRIS_Y)
    if scoring == "loss":
        np.testing.assert_allclose(model.validation_scores_, -np.array(model.validation_loss_curve_))
    if scoring == "neg_log_loss":
        np.testing.assert_allclose(model.validation_scores_, -np.array(model.validation_loss_curve_), rtol=1e-6)
    assert model.best_validation_score_ == max(model.validation_scores_)


def test_partial_fit_stops_early_with_rows_to_validate_on():
    model = cp.MLPClassifier(16, early_stopping=True, n_iter_no_change=3, tol=1e-3, random_state=0)
    for _ in range(100):
        model.partial_fit(IRIS_X[::2], IRIS_Y[::2], classes=[0, 1, 2], X_val=IRIS_X[1::2], y_val=IRIS_Y[1::2])
        if model.stopped_:
            break
    assert 3 < len(model.validation_scores_) < 100
    assert model.score(IRIS_X[1::2], IRIS_Y[1::2]) == model.best_validation_score_


def test_warm_start_keeps_the_state_of_the_optimizer():
    X, y = DIGITS_X, DIGITS_Y
    settings = {"hidden_layer_sizes": 16, "shuffle": False, "n_iter_no_change": np.inf, "random_state": 0}
    whole = cp.MLPClassifier(max_iter=10, **settings).fit(X, y)
    halves = cp.MLPClassifier(max_iter=5, warm_start=True, **settings).fit(X, y)
    restored = pickle.loads(pickle.dumps(halves))
    for model in (halves, restored):
        model.fit(X, y)
        np.testing.assert_array_equal(model.coefs_[0], whole.coefs_[0])
        assert model.loss_curve_ == whole.loss_curve_


def test_warm_start_takes_changed_parameters_but_not_other_layers():
    model = cp.MLPClassifier(16, max_iter=3, warm_start=True, random_state=0).fit(IRIS_X, IRIS_Y)
    model.set_params(alpha=1.0, dropout=0.1).fit(IRIS_X, IRIS_Y)
    assert model.network_.program.penalty.strength == 1.0
    with pytest.raises(cp.ArgumentError, match="warm start cannot change the layers"):
        model.set_params(hidden_layer_sizes=8).fit(IRIS_X, IRIS_Y)


def test_depth_and_width_as_numbers():
    search = GridSearchCV(cp.MLPClassifier(max_iter=5, random_state=0), {"n_layers": [0, 2], "n_units": [4, 8]}, cv=2)
    search.fit(IRIS_X, IRIS_Y)
    assert [w.shape for w in cp.MLPClassifier(n_layers=2, n_units=4, max_iter=1).fit(IRIS_X, IRIS_Y).coefs_] == [
        (4, 4),
        (4, 4),
        (4, 3),
    ]
    assert len(cp.MLPClassifier(n_layers=0, max_iter=1).fit(IRIS_X, IRIS_Y).coefs_) == 1


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_is_that_of_x_or_as_asked(dtype):
    X = IRIS_X.astype(dtype)
    assert cp.MLPRegressor(hidden_layer_sizes=8, max_iter=2).fit(X, IRIS_Y).predict(X).dtype == dtype
    other = np.float64 if dtype == np.float32 else np.float32
    assert cp.MLPRegressor(hidden_layer_sizes=8, max_iter=2, dtype=other).fit(X, IRIS_Y).coefs_[0].dtype == other


@pytest.mark.parametrize("container", [scipy.sparse.csr_matrix, scipy.sparse.csc_array])
def test_sparse_equals_dense(container):
    settings = {"hidden_layer_sizes": 16, "max_iter": 10, "random_state": 0}
    dense = cp.MLPClassifier(**settings).fit(DIGITS_X, DIGITS_Y)
    sparse = cp.MLPClassifier(**settings).fit(container(DIGITS_X), DIGITS_Y)
    np.testing.assert_allclose(sparse.predict_proba(container(DIGITS_X)), dense.predict_proba(DIGITS_X), rtol=1e-8)


def test_sparse_labels_equal_dense_labels():
    X, Y = make_multilabel_classification(100, random_state=0)
    dense = cp.MLPClassifier(8, random_state=0, max_iter=50).fit(X, Y)
    sparse = cp.MLPClassifier(8, random_state=0, max_iter=50).fit(X, scipy.sparse.csr_matrix(Y))
    predicted = sparse.predict(X)
    predicted = predicted.toarray() if scipy.sparse.issparse(predicted) else predicted
    np.testing.assert_array_equal(predicted, dense.predict(X))


def test_several_outputs():
    Y = np.c_[IRIS_X[:, 0] ** 2, IRIS_X[:, 1], IRIS_X[:, 2] - IRIS_X[:, 3]]
    model = cp.MLPRegressor(hidden_layer_sizes=32, solver="lbfgs", random_state=0, max_iter=500).fit(IRIS_X, Y)
    assert model.predict(IRIS_X).shape == Y.shape
    assert model.score(IRIS_X, Y) > 0.95


def test_activations_and_transform():
    model = cp.MLPClassifier((8, 5), "tanh", random_state=0, max_iter=5, batch_norm=True).fit(IRIS_X, IRIS_Y)
    first, second, output = model.activations(IRIS_X)
    assert (first.shape, second.shape) == ((150, 8), (150, 5))
    assert abs(second).max() <= 1.0
    np.testing.assert_allclose(output, model.predict_proba(IRIS_X))
    np.testing.assert_array_equal(model.transform(IRIS_X), second)
    assert cross_val_score(make_pipeline(model, cp.MLPClassifier(max_iter=5)), IRIS_X, IRIS_Y, cv=2).shape == (2,)


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_frames_and_set_output(library):
    names = ["a", "b", "c", "d"]
    frame = pd.DataFrame(IRIS_X, columns=names) if library == "pandas" else pl.DataFrame(IRIS_X, schema=names)
    model = cp.MLPClassifier(3, random_state=0, max_iter=5).set_output(transform=library).fit(frame, IRIS_Y)
    assert list(model.feature_names_in_) == names
    assert list(model.transform(frame).columns) == ["mlpclassifier0", "mlpclassifier1", "mlpclassifier2"]
    with pytest.raises(ValueError, match="feature names"):
        model.predict(frame[["b", "a", "c", "d"]])


def test_metadata_routing():
    weights = np.linspace(0.1, 1, len(IRIS_Y))
    settings = {"hidden_layer_sizes": 4, "random_state": 0, "max_iter": 5}
    with sklearn.config_context(enable_metadata_routing=True):
        inner = cp.MLPClassifier(**settings).set_fit_request(sample_weight=True)
        routed = make_pipeline(inner).fit(IRIS_X, IRIS_Y, sample_weight=weights)[0]
    direct = cp.MLPClassifier(**settings).fit(IRIS_X, IRIS_Y, sample_weight=weights)
    np.testing.assert_array_equal(routed.coefs_[0], direct.coefs_[0])


@pytest.mark.parametrize("how", ["pickle", "joblib", "deepcopy"])
def test_copies_predict_the_same_and_go_on_training(how, tmp_path):
    model = cp.MLPClassifier(8, random_state=0, max_iter=5).fit(IRIS_X, IRIS_Y)
    if how == "pickle":
        other = pickle.loads(pickle.dumps(model))
    elif how == "joblib":
        joblib.dump(model, tmp_path / "model.joblib")
        other = joblib.load(tmp_path / "model.joblib")
    else:
        other = copy.deepcopy(model)
    np.testing.assert_array_equal(other.predict_proba(IRIS_X), model.predict_proba(IRIS_X))
    for each in (model, other):
        each.partial_fit(IRIS_X, IRIS_Y)
    np.testing.assert_array_equal(other.coefs_[0], model.coefs_[0])


def test_coefs_are_views_of_the_network():
    model = cp.MLPRegressor(hidden_layer_sizes=(), max_iter=1).fit(IRIS_X, IRIS_Y)
    model.coefs_[0][...] = 0.0
    model.intercepts_[0][...] = 7.0
    np.testing.assert_array_equal(model.predict(IRIS_X), np.full(150, 7.0))


class StopAfterThree(cp.Callback):
    def __init__(self):
        self.calls = []

    def on_fit_task_begin(self, estimator, context):
        self.calls.append(("begin", context.task_name))

    def on_fit_task_end(self, estimator, context):
        self.calls.append(("end", context.task_name))
        return context.task_name == "epoch" and context.task_id == 2


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_callbacks_follow_sklearns_protocol(solver):
    callback = StopAfterThree()
    model = cp.MLPClassifier(8, solver=solver, random_state=0).set_callbacks(callback).fit(IRIS_X, IRIS_Y)
    assert model.n_iter_ == 3
    epoch = [("begin", "epoch"), ("end", "epoch")]
    assert callback.calls == [("begin", "fit"), *epoch * 3, ("end", "fit")]


def test_sklearns_own_callback_works():
    monitor = ScoringMonitor(scoring="accuracy")
    cp.MLPClassifier(8, max_iter=4, random_state=0).set_callbacks(monitor).fit(IRIS_X, IRIS_Y)
    scores = [row["accuracy"] for row in monitor.get_logs().data if row["task_name"] == "epoch"]
    assert len(scores) == 4
    assert scores[-1] > scores[0]


def test_divergence_stops_at_once_and_keeps_finite_parameters():
    model = cp.MLPRegressor(activation="identity", solver="sgd", learning_rate_init=10.0, random_state=0)
    with pytest.raises(cp.NonFiniteError, match=r"epoch \d+, batch \d+, where 'loss' was") as raised:
        model.fit(IRIS_X * 1e3, IRIS_Y, sample_weight=np.ones(150))
    assert raised.value.epoch >= 1
    assert np.isfinite(model.network_.vector).all()


def test_a_restored_model_trains_on_from_parameters_set_by_hand():
    model = pickle.loads(pickle.dumps(cp.MLPRegressor(hidden_layer_sizes=(), max_iter=2).fit(IRIS_X, IRIS_Y)))
    model.intercepts_[0][...] = 50.0
    model.partial_fit(IRIS_X, IRIS_Y)
    assert model.intercepts_[0][0] == pytest.approx(50.0, abs=0.1)


def test_an_activation_given_as_a_layer_is_a_box_of_its_own_in_every_hidden_layer():
    model = cp.MLPClassifier((10, 5), activation=cp.PReLU(), max_iter=2, random_state=0).fit(IRIS_X, IRIS_Y)
    slopes = [view.shape for name, view in model.network_.parameters.items() if name.endswith("slope")]
    assert slopes == [(10,), (5,)]
    model.set_params(activation=cp.Parametric(cp.SELU())).fit(IRIS_X, IRIS_Y)
    alphas = [view.shape for name, view in model.network_.parameters.items() if name.endswith("alpha")]
    assert alphas == slopes
    with pytest.raises(cp.ArgumentError, match="activation must be among"):
        cp.MLPClassifier(activation=cp.Dense(3)).fit(IRIS_X, IRIS_Y)


def test_a_callback_reads_the_report_of_the_epoch():
    class Losses(cp.Callback):
        def on_fit_task_end(self, estimator, context):
            seen.append((context.task_name, context.report.loss))

    for solver in ("adam", "lbfgs"):
        seen = []
        model = cp.MLPClassifier(4, solver=solver, max_iter=3, random_state=0).set_callbacks(Losses())
        model.fit(IRIS_X, IRIS_Y)
        curve = [loss for name, loss in seen if name == "epoch"]
        assert curve[:3] == pytest.approx(getattr(model, "loss_curve_", curve[:3]))
        assert seen[-1] == ("fit", curve[-1])


def test_scorers_and_scores_see_the_same_weights():
    rng = np.random.default_rng(0)
    weights, y = rng.uniform(0, 1, 150), rng.integers(0, 2, 150)
    curves = []
    for scoring in (None, "accuracy"):
        model = cp.MLPClassifier(4, early_stopping=True, scoring=scoring, max_iter=5, random_state=0)
        curves.append(model.fit(IRIS_X, y, sample_weight=weights).validation_scores_)
    assert curves[0] == curves[1]
    with pytest.raises(ValueError, match="bogus"):
        cp.MLPClassifier(scoring="bogus").fit(IRIS_X, IRIS_Y)


def test_class_weights_leave_validation_rows_alone():
    settings = {"hidden_layer_sizes": (), "max_iter": 1, "learning_rate_init": 1e-12, "alpha": 0.0, "random_state": 0}
    settings |= {"early_stopping": True, "scoring": "loss"}
    plain = cp.MLPClassifier(**settings).fit(IRIS_X, IRIS_Y)
    weighted = cp.MLPClassifier(class_weight={0: 20.0}, **settings).fit(IRIS_X, IRIS_Y)
    assert weighted.validation_scores_ == pytest.approx(plain.validation_scores_)
    with pytest.raises(cp.ArgumentError, match="balanced"):
        cp.MLPClassifier(class_weight="balanced").partial_fit(IRIS_X, IRIS_Y, classes=[0, 1, 2])


def test_both_loss_curves_are_on_one_scale():
    Y = np.c_[IRIS_X, IRIS_X]
    model = cp.MLPRegressor(alpha=0.0, max_iter=1, learning_rate_init=1e-12, random_state=0)
    model.fit(IRIS_X, Y, X_val=IRIS_X, y_val=Y)
    assert model.validation_loss_curve_ == pytest.approx(model.loss_curve_)


def test_one_against_all_gives_probabilities_even_where_every_class_is_hopeless():
    model = cp.MLPClassifier((), loss=cp.BinaryCrossEntropy(), max_iter=1, random_state=0).fit(IRIS_X, IRIS_Y)
    model.intercepts_ = [np.array([-1e4, -1e4, -1e4])]
    model.coefs_[0] = np.zeros((4, 3))
    np.testing.assert_allclose(model.predict_proba(IRIS_X[:1]), [[1 / 3, 1 / 3, 1 / 3]])


def test_rows_that_the_networks_type_cannot_hold_are_refused():
    model = cp.MLPRegressor(max_iter=1).fit(IRIS_X.astype(np.float32), IRIS_Y)
    with pytest.raises(cp.DataError, match="infinity"):
        model.predict(IRIS_X[:1] * 1e200)


def test_losses_without_probabilities_have_a_decision_function():
    model = cp.MLPClassifier(8, loss="hinge", random_state=0)
    assert cross_val_score(model, IRIS_X, IRIS_Y == 2, scoring="roc_auc", cv=3).min() > 0.8
    assert not hasattr(cp.MLPClassifier(), "decision_function")


def test_adamw_as_an_object_decays_once():
    model = cp.MLPClassifier(4, solver=cp.AdamW(), max_iter=1).fit(IRIS_X, IRIS_Y)
    assert model.network_.program.penalty is None
