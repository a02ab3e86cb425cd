"""The auto-encoder as a transformer: scikit-learn's checks, principal components, and its own ways."""

from __future__ import annotations

import pickle

import numpy
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import estimator_checks_generator

import clearprop as cp
from cases import assert_close

CHECKS = list(estimator_checks_generator(cp.AutoEncoder(max_iter=20)))
RNG = numpy.random.default_rng(0)
X = RNG.normal(size=(60, 3)) @ RNG.normal(size=(3, 6)) + 0.1 * RNG.normal(size=(60, 6)) + 0.5
quick = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def check_id(number):
    return f"{number}-{CHECKS[number][1].func.__name__}"


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("number", range(len(CHECKS)), ids=check_id)
def test_estimator_check(number):
    estimator, check = CHECKS[number]
    check(estimator)


def test_the_number_of_checks_has_not_shrunk():
    assert len(CHECKS) >= 47


@pytest.mark.parametrize("k", [1, 2, 3])
@pytest.mark.parametrize("tied", [False, True])
def test_linear_codes_span_the_principal_components(k, tied):
    model = cp.AutoEncoder(k, "identity", tied=tied, solver=cp.LBFGS(), alpha=0.0, max_iter=5000, random_state=1)
    codes = model.fit(X).transform(X)
    pca = PCA(k).fit(X)
    best = ((X - pca.inverse_transform(pca.transform(X))) ** 2).sum()
    error = ((X - model.inverse_transform(codes)) ** 2).sum()
    # the minimizer stops where the loss no longer changes; no code of this length does better than PCA's
    assert best * (1 - 1e-12) <= error <= best * (1 + 1e-6)
    _, _, directions = numpy.linalg.svd(model.network_.parameters["encoder_1.W"].T, full_matrices=False)
    # both are planes through the same directions: their projections agree, to the root of the loss's accuracy
    assert abs(directions.T @ directions - pca.components_.T @ pca.components_).max() < 1e-3


@quick
@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("sparsity", [0.0, 0.1])
@pytest.mark.parametrize("dtype", [numpy.float32, numpy.float64])
def test_encoder_and_decoder_together_are_the_network(tied, sparsity, dtype):
    model = cp.AutoEncoder(
        (5, 4, 2), ["tanh", "prelu", cp.LeakyReLU(0.2)], tied=tied, sparsity=sparsity, noise=cp.Dropout(0.1), max_iter=3
    )
    rows = X.astype(dtype)
    codes = model.fit(rows).transform(rows)
    assert (codes.shape, codes.dtype) == ((60, 2), dtype)
    back = model.inverse_transform(codes)
    assert (back.shape, back.dtype) == ((60, 6), dtype)
    whole = model.network_.predict(rows)
    assert_close(back, whole[:, :6], k=16)  # both halves compute the same numbers, at most in another order of sums
    if sparsity > 0.0:
        assert_close(whole[:, 6:], codes, k=16)
    widths = [node.shape[0] for node in model.network_.graph.nodes if isinstance(node.layer, cp.Dense)]
    assert widths == ([5, 4, 2] if tied else [5, 4, 2, 4, 5, 6])
    assert list(model.get_feature_names_out()) == ["autoencoder0", "autoencoder1"]


def test_the_loss_curve_falls_and_training_ends_by_itself():
    model = cp.AutoEncoder(2, "tanh", learning_rate_init=0.01, tol=1e-3, max_iter=2000, random_state=0).fit(X)
    assert model.n_iter_ == len(model.loss_curve_) < 2000
    assert model.loss_curve_[-1] < 0.5 * model.loss_curve_[0]
    residual = X - model.inverse_transform(model.transform(X))
    expected = 0.5 * (residual**2).sum(axis=1).mean()
    assert model.loss_curve_[-1] == pytest.approx(expected, rel=0.05)  # the curve is of the updates under way
    with pytest.warns(ConvergenceWarning, match="AutoEncoder: max_iter=3 reached"):
        cp.AutoEncoder(2, max_iter=3).fit(X)


@quick
def test_the_same_random_state_gives_the_same_bits():
    fits = [cp.AutoEncoder(2, noise=cp.GaussianNoise(0.1), max_iter=3, random_state=s).fit(X) for s in (0, 0, 1)]
    first, second, third = (model.transform(X).tobytes() for model in fits)
    assert first == second != third


@quick
def test_denoising_takes_noise_away():
    rng = numpy.random.default_rng(1)
    noisy = X + 0.5 * rng.normal(size=X.shape)
    model = cp.AutoEncoder(3, "identity", noise=cp.GaussianNoise(0.5), learning_rate_init=0.01, random_state=0)
    model.set_params(max_iter=1000, n_iter_no_change=1000).fit(X)  # noise makes the loss of an epoch go up and down
    cleaned = model.inverse_transform(model.transform(noisy))
    assert ((cleaned - X) ** 2).mean() < 0.7 * ((noisy - X) ** 2).mean()  # half of the 6 dimensions hold noise alone


@quick
def test_sparse_codes_are_smaller():
    means = []
    for sparsity in (0.0, 0.5):
        model = cp.AutoEncoder(12, tied=True, sparsity=sparsity, learning_rate_init=0.01, random_state=0).fit(X)
        means.append(model.transform(X).mean())
    assert means[1] < 0.5 * means[0]


@quick
def test_a_loss_with_a_link_decodes_to_its_predictions():
    rows = load_digits().data[:100] / 16
    model = cp.AutoEncoder(8, loss=cp.BinaryCrossEntropy(), max_iter=30, random_state=0).fit(rows)
    back = model.inverse_transform(model.transform(rows))
    assert 0.0 <= back.min() < back.max() <= 1.0
    assert_close(back, model.network_.predict(rows), k=16)


@quick
def test_it_works_in_a_pipeline_is_cloned_and_pickled():
    digits = load_digits()
    model = make_pipeline(
        StandardScaler(),
        cp.AutoEncoder((32, 16), "tanh", learning_rate_init=0.01, max_iter=60, random_state=0),
        LogisticRegression(max_iter=1000),
    )
    model.fit(digits.data[:1000], digits.target[:1000])
    assert model.score(digits.data[1000:], digits.target[1000:]) > 0.8
    coder = model[1]
    again = pickle.loads(pickle.dumps(coder))
    rows = model[0].transform(digits.data[:20])
    assert (again.transform(rows) == coder.transform(rows)).all()
    fresh = clone(coder)
    assert fresh.get_params() == coder.get_params()
    assert not hasattr(fresh, "network_")


REFUSED = [
    ({"hidden_layer_sizes": ()}, r"hidden_layer_sizes must hold at least one number, the length of the code; got none"),
    ({"hidden_layer_sizes": (3, 0)}, r"hidden_layer_sizes must be > 0, got \[3, 0\]"),
    ({"activation": ["tanh", "relu"]}, r"activation must be one name, or one for each of the 1 hidden layers"),
    ({"noise": 0.1}, r"The 'noise' parameter of AutoEncoder must be"),
    ({"sparsity": -0.1}, r"The 'sparsity' parameter of AutoEncoder must be a float in the range \[0.0, inf\)"),
    ({"solver": "sgd"}, r"The 'solver' parameter of AutoEncoder must be"),
    ({"solver": "lbfgs", "noise": cp.Dropout(0.1)}, r"LBFGS cannot train 'noise', whose training pass differs"),
    (
        {"tied": True, "engine": "native"},
        r"engine 'native' refuses this network: node 'decoder_1' is a TransposedDense",
    ),
    ({"loss": cp.BinaryCrossEntropy()}, r"BinaryCrossEntropy: y must lie between 0 and 1"),
]


@pytest.mark.parametrize(("arguments", "message"), REFUSED, ids=[message[:50] for _, message in REFUSED])
def test_wrong_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        cp.AutoEncoder(**{"hidden_layer_sizes": 2, **arguments}).fit(X)


@quick
def test_codes_of_another_length_are_refused():
    model = cp.AutoEncoder(2, max_iter=2).fit(X)
    with pytest.raises(cp.DataError, match=r"X must have shape \(n, 2\), got \(60, 6\)"):
        model.inverse_transform(X)
