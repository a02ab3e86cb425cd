r"""
Residual connections by depth
=============================

Two networks of the same boxes learn the ten digits, from 2 to 32 hidden layers of 32 tanh units. The plain one
computes :math:`h_k = \tanh(W_k h_{k-1} + b_k)`, the residual one :math:`h_k = h_{k-1} + \tanh(W_k h_{k-1} + b_k)`
(decks of Larochelle and of classification; He et al. 2016): one ``Add`` a layer. Through the plain network the
gradient passes every :math:`W_k` and :math:`f'`; the sum also hands it on as it is. Left: the accuracy of three
networks at each depth, and their mean; plain networks get worse with depth until they learn nothing at all. Right:
the gradient at the first layer before training.

Where a learner stumbles: a deep plain network is no less able than a shallow one, and does not overfit here. Gradient
descent does not find what it could do.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import clearprop as cp
from gallery import show

WIDTH = 32


def network(depth, residual, seed):
    """Return a network of `depth` hidden layers, with or without shortcuts around them."""
    x = cp.Input(64)
    h = cp.Dense(WIDTH)(x)
    for _ in range(depth):
        branch = cp.Tanh()(cp.Dense(WIDTH)(h))
        h = cp.Add()(h, branch) if residual else branch
    return cp.Network(cp.Dense(10)(h), loss=cp.CrossEntropy(), seed=seed)


def experiment(small: bool = False):
    """Return the picture and the figures."""
    depths, seeds, epochs = ([2, 32], range(1), 8) if small else ([2, 4, 8, 16, 32], range(3), 20)
    X, y = load_digits(return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split(X / 16, y, test_size=0.4, random_state=0, stratify=y)
    figure, (accuracy, gradient) = plt.subplots(1, 2, figsize=(13, 5.5))
    figures = {}
    for name, color, offset in (("plain", "C5", 8), ("residual", "C0", -20)):
        scores, norms = np.empty((2, len(seeds), len(depths)))
        for place in np.ndindex(scores.shape):
            net = network(depths[place[1]], name == "residual", seeds[place[0]])
            norms[place] = np.linalg.norm(net.gradient(X_train, y_train)[1]["dense_1.W"])
            net.fit(X_train, y_train, optimizer=cp.SGD(0.03, momentum=0.9), epochs=epochs)
            scores[place] = np.mean(net.predict(X_test).argmax(axis=1) == y_test)
        for ax, values, mean in ((accuracy, scores, scores.mean(0)), (gradient, norms, np.exp(np.log(norms).mean(0)))):
            ax.plot(depths, values.T, "o", color=color, markersize=4, alpha=0.5)
            ax.plot(depths, mean, color=color)
            ax.annotate(name, (depths[-2], mean[-2]), (8, offset), textcoords="offset points", color=color)
        for depth, score, norm in zip(depths, scores.mean(0), norms.mean(0), strict=True):
            figures[f"accuracy, {name}, depth {depth}"] = score
            figures[f"gradient norm, {name}, depth {depth}"] = norm
    for ax in (accuracy, gradient):
        ax.set_xscale("log", base=2)
        ax.set(xticks=depths, xticklabels=depths, xlabel="hidden layers")
    accuracy.set(title="Accuracy on held-out digits", ylim=(0, 1.02))
    gradient.set(title="Gradient norm at the first layer, before training", yscale="log")
    return figure, figures


if __name__ == "__main__":
    show(experiment)
