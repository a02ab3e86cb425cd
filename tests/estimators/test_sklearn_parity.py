"""Our results beside scikit-learn's, for the same data and the same random_state."""

import numpy as np
import pytest
import sklearn.neural_network as sk
from sklearn.datasets import load_digits, make_multilabel_classification, make_regression
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, PoissonRegressor, Ridge

import clearprop as cp

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

DIGITS_X, DIGITS_Y = (part[:500] for part in load_digits(return_X_y=True))
DIGITS_X = DIGITS_X / 16
NUMBERS_X, NUMBERS_Y = make_regression(300, 8, n_targets=3, random_state=0)
NUMBERS_Y = NUMBERS_Y / 100
LABELS_X, LABELS_Y = make_multilabel_classification(200, random_state=0)
WEIGHTS = np.random.RandomState(0).rand(500)

TASKS = {  # name: (class, positional arguments, X, y, fit arguments, constructor arguments)
    "ten classes": ("MLPClassifier", (), DIGITS_X, DIGITS_Y, {}, {}),
    "weighted": ("MLPClassifier", (), DIGITS_X, DIGITS_Y, {"sample_weight": WEIGHTS}, {}),
    "two classes": ("MLPClassifier", (), DIGITS_X, DIGITS_Y > 4, {}, {"early_stopping": True}),
    "labels": ("MLPClassifier", (), LABELS_X, LABELS_Y, {}, {}),
    "numbers": ("MLPRegressor", (), NUMBERS_X, NUMBERS_Y, {}, {}),
    "counts": ("MLPRegressor", ("poisson",), DIGITS_X, DIGITS_Y, {}, {"early_stopping": True}),
}
SOLVERS = {
    "adam": {"solver": "adam"},
    "sgd": {"solver": "sgd", "learning_rate_init": 0.005},
    "momentum": {"solver": "sgd", "learning_rate_init": 0.005, "nesterovs_momentum": False},
    "plain sgd": {"solver": "sgd", "learning_rate_init": 0.005, "momentum": 0.0},
    "invscaling": {"solver": "sgd", "learning_rate_init": 0.005, "learning_rate": "invscaling"},
    "adaptive": {"solver": "sgd", "learning_rate": "adaptive", "tol": 1e-2, "n_iter_no_change": 2},
    "in order": {"solver": "adam", "shuffle": False, "batch_size": 7, "max_iter": 5},
}
ATTRIBUTES = ["loss_", "best_loss_", "best_validation_score_", "n_iter_", "t_", "n_layers_", "n_outputs_"]


def both(task, **parameters):
    name, positional, X, y, arguments, more = TASKS[task]
    settings = {"hidden_layer_sizes": (30, 20), "random_state": 3, "max_iter": 30, **more, **parameters}
    return [getattr(module, name)(*positional, **settings).fit(X, y, **arguments) for module in (sk, cp)], X


@pytest.mark.parametrize("activation", ["relu", "logistic", "tanh", "identity"])
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("task", TASKS)
def test_curves_and_results_agree(task, solver, activation):
    (theirs, ours), X = both(task, activation=activation, **SOLVERS[solver])
    np.testing.assert_allclose(ours.loss_curve_, theirs.loss_curve_, rtol=1e-6)
    for name in ATTRIBUTES:
        ours_value, theirs_value = getattr(ours, name), getattr(theirs, name)
        assert ours_value == (theirs_value if theirs_value is None else pytest.approx(theirs_value, rel=1e-6)), name
    assert ours.out_activation_ == theirs.out_activation_
    if theirs.validation_scores_ is None:
        assert ours.validation_scores_ is None
    else:
        np.testing.assert_allclose(ours.validation_scores_, theirs.validation_scores_, atol=1e-9)
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X), rtol=1e-5, atol=1e-8)
    for ours_w, theirs_w in zip(ours.coefs_ + ours.intercepts_, theirs.coefs_ + theirs.intercepts_, strict=True):
        np.testing.assert_allclose(ours_w, theirs_w, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("activation", ["relu", "logistic"])
def test_initial_weights_are_the_same(task, activation):
    # one step of learning rate 1e-300 moves nothing
    still = {"solver": "sgd", "learning_rate_init": 1e-300, "momentum": 0.0, "max_iter": 1, "early_stopping": False}
    (theirs, ours), _ = both(task, activation=activation, **still)
    for ours_w, theirs_w in zip(ours.coefs_ + ours.intercepts_, theirs.coefs_ + theirs.intercepts_, strict=True):
        np.testing.assert_array_equal(ours_w, theirs_w)


@pytest.mark.parametrize("task", ["ten classes", "two classes", "labels", "counts"])
def test_lbfgs_follows_the_same_path(task):
    # Both call the same minimizer. Rounding grows along the path, so the comparison ends after 20 iterations.
    (theirs, ours), _ = both(task, solver="lbfgs", max_iter=20, activation="tanh", alpha=0.1)
    assert ours.loss_ == pytest.approx(theirs.loss_, rel=1e-6)
    assert ours.n_iter_ == theirs.n_iter_


def test_lbfgs_reaches_the_same_optimum():
    settings = {"hidden_layer_sizes": (), "solver": "lbfgs", "alpha": 1.0, "tol": 1e-8, "max_iter": 500}
    for task in ("two classes", "labels", "counts"):
        name, positional, X, y, _, _ = TASKS[task]
        theirs, ours = (getattr(module, name)(*positional, random_state=0, **settings).fit(X, y) for module in (sk, cp))
        assert ours.loss_ == pytest.approx(theirs.loss_, rel=1e-6)
        assert ours.score(X, y) == pytest.approx(theirs.score(X, y), abs=1e-4)


# a network without a hidden layer is a linear model, whose optimum others compute
TIGHT = {"hidden_layer_sizes": (), "solver": cp.LBFGS(), "max_iter": 5000, "random_state": 0}


def test_ridge():
    ridge = Ridge(alpha=2.0, tol=1e-12).fit(NUMBERS_X, NUMBERS_Y)
    ours = cp.MLPRegressor(alpha=2.0, **TIGHT).fit(NUMBERS_X, NUMBERS_Y)
    np.testing.assert_allclose(ours.coefs_[0], ridge.coef_.T, atol=1e-6)
    np.testing.assert_allclose(ours.intercepts_[0], ridge.intercept_, atol=1e-6)


@pytest.mark.parametrize("n_classes", [2, 10])
def test_logistic_regression(n_classes):
    # scikit-learn: sum of losses + |w|^2 / (2 C); ours: mean of losses + alpha |w|^2 / (2 n)
    y = DIGITS_Y % n_classes
    logistic = LogisticRegression(C=0.5, tol=1e-10, solver="newton-cholesky").fit(DIGITS_X, y)
    ours = cp.MLPClassifier(alpha=2.0, **TIGHT).fit(DIGITS_X, y)
    np.testing.assert_allclose(ours.predict_proba(DIGITS_X), logistic.predict_proba(DIGITS_X), atol=1e-7)


def test_poisson_regressor():
    # scikit-learn: mean half deviance + alpha |w|^2 / 2
    poisson = PoissonRegressor(alpha=0.1, tol=1e-10, max_iter=5000).fit(DIGITS_X, DIGITS_Y)
    ours = cp.MLPRegressor("poisson", alpha=0.1 * len(DIGITS_X), **TIGHT).fit(DIGITS_X, DIGITS_Y)
    np.testing.assert_allclose(ours.predict(DIGITS_X), poisson.predict(DIGITS_X), rtol=1e-6)


def test_max_iter_warns_as_in_sklearn():
    for module in (sk, cp):
        with pytest.warns(ConvergenceWarning, match=r"Maximum iterations \(3\) reached"):
            module.MLPClassifier(max_iter=3, random_state=0).fit(DIGITS_X, DIGITS_Y)


@pytest.mark.parametrize("activation", ["logistic", "relu"])
def test_without_hidden_layers_the_named_activation_still_sets_the_initial_weights(activation):
    settings = {"hidden_layer_sizes": (), "activation": activation, "solver": "sgd", "max_iter": 3, "random_state": 0}
    theirs, ours = (module.MLPRegressor(**settings).fit(NUMBERS_X, NUMBERS_Y) for module in (sk, cp))
    np.testing.assert_allclose(ours.loss_curve_, theirs.loss_curve_, rtol=1e-6)


def test_verbose_says_the_same(capsys):
    settings = {"solver": "sgd", "learning_rate": "adaptive", "tol": 0.5, "max_iter": 400, "random_state": 0}
    said = []
    for module in (sk, cp):
        module.MLPClassifier(verbose=True, n_iter_no_change=1, **settings).fit(LABELS_X, LABELS_Y)
        said.append(capsys.readouterr().out.splitlines())
    assert said[1] == said[0]
    assert said[0][-1].endswith("Learning rate too small. Stopping.")
