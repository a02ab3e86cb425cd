r"""
L1 against L2: which weights survive
====================================

A linear unit predicts the progress of diabetes from ten measurements (body mass index, blood pressure, s1 to s6 of
the blood, and so on), with a penalty on its weights. L2, :math:`\frac{\lambda}{2} \sum w^2`, is a Gaussian prior: its
pull :math:`\lambda w` fades as a weight gets small, so that all of them shrink and none disappears. L1,
:math:`\lambda \sum |w|`, is a Laplace prior: its pull :math:`\lambda` stays the same all the way, and a weight whose
data pull less than that is 0 at the optimum (decks of Larochelle and Salakhutdinov). The dots are scikit-learn's
Ridge and Lasso, which reach that optimum by other ways.

Where a learner stumbles: gradient descent does not put a weight to 0 exactly. At :math:`w = 0` L1 has a kink; the
subgradient :math:`\lambda\, \mathrm{sign}(w)` steps across it, to and fro, and the weight trembles within one step,
:math:`\eta \lambda / (1 - \gamma)` with momentum :math:`\gamma`. Weights within that step are counted as zero here.
Exact zeros need an algorithm that knows the kink, such as Lasso's coordinate descent.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.linear_model import Lasso, Ridge
from sklearn.preprocessing import scale

import clearprop as cp
from gallery import show

COLORS = {"bmi": "C2", "s5": "C1", "bp": "C3", "s1": "C4", "s3": "C5", "sex": "C0"}  # the other features are grey
MOMENTUM = 0.9
FIRST_RATE, LAST_RATE = 0.4, 4e-4


def weights(X, y, penalty, epochs):
    """Return the weights of a linear unit after full-batch gradient descent."""
    unit = cp.Dense(1, initializer=cp.Constant(0.0))
    net = cp.Network([unit], inputs=X.shape[1], penalty=penalty, dtype=np.float64)
    rate = cp.ExponentialDecay(FIRST_RATE, (LAST_RATE / FIRST_RATE) ** (1 / epochs))
    net.fit(X, y, optimizer=cp.SGD(rate, momentum=MOMENTUM), epochs=epochs, batch_size=len(X))
    return net.parameters["dense_1.W"].ravel()


def experiment(small: bool = False):
    """Return the picture and the figures."""
    data = load_diabetes()
    X, y = scale(data.data), scale(data.target)
    strengths = np.geomspace(0.01, 1.0, 5 if small else 13)
    epochs = 1000 if small else 2000
    figure, axes = plt.subplots(1, 2, figsize=(14, 6), sharey=True)
    figures = {}
    penalties = [
        ("L2", "all weights shrink", cp.L2, lambda strength: Ridge(alpha=strength * len(X))),
        ("L1", "one after the other is gone", cp.L1, lambda strength: Lasso(alpha=strength, tol=1e-10)),
    ]
    for ax, (name, outcome, penalty, peer) in zip(axes, penalties, strict=True):
        paths = np.array([weights(X, y, penalty(strength), epochs) for strength in strengths])
        optima = np.array([peer(strength).fit(X, y).coef_ for strength in strengths])
        step = LAST_RATE / (1 - MOMENTUM) * strengths[:, None]
        zero = np.abs(paths) <= step
        for feature, path, optimum in zip(data.feature_names, paths.T, optima.T, strict=True):
            color = COLORS.get(feature, "#BBBBBB")
            (line,) = ax.semilogx(strengths, path, color=color, zorder=2 + (feature in COLORS))
            (dots,) = ax.semilogx(strengths, optimum, "o", markersize=5, color=color, zorder=2 + (feature in COLORS))
            if name == "L2" and feature in COLORS:
                ax.text(0.95 * strengths[0], path[0], feature, ha="right", va="center", color=color)
        figures[f"{name}, largest difference to the optimum"] = np.abs(paths - optima).max()
        figures[f"{name}, weights counted as zero, of {paths.size}"] = int(zero.sum())
        figures[f"{name}, zero in scikit-learn"] = int((optima == 0).sum())
        figures[f"{name}, exactly zero"] = int((paths == 0).sum())
        figures[f"{name}, zero here and there alike"] = int((zero == (optima == 0)).sum())
        ax.set(title=f"{name}: {outcome}", xlabel="strength of the penalty")
    axes[1].legend([line, dots], ["gradient descent", "optimum (scikit-learn)"], loc="lower right")
    axes[0].set(ylabel="weight of a standardized feature", xlim=(0.7 * strengths[0], 1.1 * strengths[-1]))
    return figure, figures


if __name__ == "__main__":
    show(experiment)
