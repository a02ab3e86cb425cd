"""Losses by epoch: what is drawn is what training reported."""

from __future__ import annotations

import warnings

import numpy
import pytest

import clearprop as cp
from clearprop.estimators.tables import Recipe

RNG = numpy.random.default_rng(0)
X, Y = RNG.normal(size=(60, 3)), RNG.integers(2, size=60)


def fitted(model):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Stochastic Optimizer: Maximum iterations")
        return model.fit(X, Y)


def test_reports():
    net = cp.Network([cp.Dense(1)], inputs=3)
    reports = net.fit(X, Y, epochs=4, validation=(X[:10], Y[:10]))
    display = cp.LossCurveDisplay.from_reports(reports)
    assert display.loss[0].tolist() == [report.loss for report in reports]
    assert display.validation_loss[0].tolist() == [report.validation_loss for report in reports]
    first, second = display.ax_.get_lines()
    assert first.get_xdata().tolist() == [1, 2, 3, 4]
    assert first.get_ydata().tolist() == display.loss[0].tolist()
    assert (first.get_linestyle(), second.get_linestyle()) == ("-", "--")
    with pytest.raises(cp.ArgumentError, match="at least one epoch, got none"):
        cp.LossCurveDisplay.from_reports([])


def test_a_perceptron():
    model = fitted(cp.MLPClassifier(4, max_iter=6, early_stopping=True, random_state=0))
    display = cp.LossCurveDisplay.from_estimator(model)
    assert display.loss[0].tolist() == model.loss_curve_
    assert display.validation_loss[0].tolist() == model.validation_loss_curve_
    (best,) = display.best_epoch
    assert model.validation_scores_[best - 1] == model.best_validation_score_
    (mark,) = (line for line in display.ax_.get_lines() if line.get_marker() == "D")
    assert mark.get_xydata().tolist() == [[best, model.validation_loss_curve_[best - 1]]]
    plain = cp.LossCurveDisplay.from_estimator(fitted(cp.MLPRegressor(hidden_layer_sizes=4, max_iter=3)))
    assert plain.validation_loss == plain.best_epoch == ()


def test_a_table_estimator_has_a_line_a_network():
    model = cp.Classifier(Recipe(hidden=(4,), periodic=False, epochs=3, members=2), random_state=0).fit(X, Y)
    display = cp.LossCurveDisplay.from_estimator(model)
    for place, member in enumerate(model.members_):
        assert display.loss[place].tolist() == member.history["loss"]
        assert display.validation_loss[place].tolist() == member.history["validation_loss"]
        assert display.best_epoch[place] == member.best_epoch
    assert len(display.ax_.get_lines()) == 6
    assert "2 networks" in [text.get_text() for text in display.ax_.texts]


def test_what_keeps_no_curve():
    model = cp.MLPClassifier(2, solver="lbfgs", max_iter=500).fit(X, Y)
    with pytest.raises(cp.ArgumentError, match="keeps no loss_curve_; solver='lbfgs' knows no epochs"):
        cp.LossCurveDisplay.from_estimator(model)


@pytest.mark.parametrize(("low", "scale"), [(0.001, "log"), (0.5, "linear"), (-1.0, "linear")])
def test_the_axis_is_logarithmic_where_losses_span_powers_of_ten(low, scale):
    assert cp.LossCurveDisplay([[1.0, low]]).plot().ax_.get_yscale() == scale
