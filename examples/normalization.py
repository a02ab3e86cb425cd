r"""
Batch and layer normalization
=============================

Ten hidden layers of 64 tanh units learn the ten digits by plain gradient descent: as they are, with batch
normalization (each unit over the rows of the batch) and with layer normalization (each row over its units) between
the affine map and the tanh (decks of Larochelle and of classification; Ioffe and Szegedy 2015, Ba et al. 2016). Both
set :math:`z = (a - \mathrm{mean}) / \sqrt{\mathrm{variance} + \epsilon}` and learn a gain and a bias, which begin at
1 and 0. Left: the loss at one learning rate. Right: the accuracy on held-out digits for learning rates from 0.001 to
1. Both learn faster than the plain network where the rate is small; where it is far too large, only batch
normalization still learns.

Where a learner stumbles: batch normalization computes something else in prediction, with running means instead of the
batch's; layer normalization does the same in both.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import clearprop as cp
from gallery import show

DEPTH, WIDTH = 10, 64
KINDS = {"neither": (), "batch norm": (cp.BatchNorm,), "layer norm": (cp.LayerNorm,)}
SHOWN_RATE = 0.01


def network(normalizations, seed=0):
    """Return a network with the given boxes between each affine map and its tanh."""
    hidden = [box() for _ in range(DEPTH) for box in (lambda: cp.Dense(WIDTH), *normalizations, cp.Tanh)]
    return cp.Network([*hidden, cp.Dense(10)], inputs=64, loss=cp.CrossEntropy(), seed=seed)


def experiment(small: bool = False):
    """Return the picture and the figures."""
    rates, epochs = ([1e-3, SHOWN_RATE, 1.0], 5) if small else ([1e-3, 3e-3, SHOWN_RATE, 3e-2, 0.1, 0.3, 1.0], 20)
    X, y = load_digits(return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split(X / 16, y, test_size=0.4, random_state=0, stratify=y)
    figure, (curve, robustness) = plt.subplots(1, 2, figsize=(13, 5.5))
    figures = {}
    for (name, normalizations), color in zip(KINDS.items(), ["C5", "C0", "C2"], strict=True):
        accuracies = []
        for rate in rates:
            net = network(normalizations)
            reports = net.fit(X_train, y_train, optimizer=cp.SGD(rate), epochs=epochs)
            accuracies.append(np.mean(net.predict(X_test).argmax(axis=1) == y_test))
            figures[f"accuracy, {name}, rate {rate:g}"] = accuracies[-1]
            if rate == SHOWN_RATE:
                losses = [report.loss for report in reports]
                curve.semilogy(range(1, epochs + 1), losses, color=color)
                curve.text(epochs, losses[-1], f" {name}", color=color, va="center")
        robustness.semilogx(rates, accuracies, "o-", color=color, label=name)
    curve.set(
        title=f"Training loss at the rate {SHOWN_RATE}", xlabel="passes over the rows", xticks=range(0, epochs + 1, 5)
    )
    robustness.set(title="Accuracy on held-out digits", xlabel="learning rate", ylim=(0, 1.02))
    robustness.legend(loc="lower center")
    return figure, figures


if __name__ == "__main__":
    show(experiment)
