r"""
A single neuron
===============

A neuron weighs its inputs, :math:`a = w \cdot x + b`, and answers with :math:`h = g(a)`. The perceptron's :math:`g` is
a step; the logistic neuron's is the sigmoid :math:`1 / (1 + e^{-a})`. Here gradient descent teaches logistic neurons
AND and OR, and perceptrons take over their weights. Both kinds of neuron decide alike, because both change their minds
where :math:`a = 0`: on a line, orthogonal to :math:`w`. (Larochelle's deck; McCulloch and Pitts 1943, Rosenblatt
1958.)

Where a learner stumbles: the step cannot be trained by gradient descent itself, since its slope is 0 wherever it has
one. And the sigmoid bends nothing: its lines of equal probability are parallel, so that one neuron cannot do XOR.
"""

import matplotlib.pyplot as plt
import numpy as np

import clearprop as cp
from gallery import show

X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
GRID = np.stack(np.meshgrid(np.linspace(-0.5, 1.5, 201), np.linspace(-0.5, 1.5, 201)), axis=-1)


def learn(y, epochs):
    """Return a logistic neuron trained by gradient descent, and the perceptron with the same weights."""
    logistic = cp.Network([cp.Dense(1)], inputs=2, loss=cp.BinaryCrossEntropy())
    logistic.fit(X, y, optimizer=cp.SGD(1.0), epochs=epochs, batch_size=4)
    perceptron = cp.Network([cp.Dense(1), cp.Step()], inputs=2)
    for name, value in logistic.parameters.items():
        perceptron.parameters[name] = value
    return logistic, perceptron


def draw(axes, title, logistic, perceptron, y):
    """Draw what both neurons answer in the plane, and how their decisions agree on a grid."""
    rows = GRID.reshape(-1, 2)
    probability, decision = (net.predict(rows).reshape(GRID.shape[:2]) for net in (logistic, perceptron))
    axes.pcolormesh(*GRID.T, probability.T, vmin=-0.3, vmax=1.3, shading="gouraud", rasterized=True)
    lines = axes.contour(*GRID.T, probability.T, levels=[0.1, 0.9], colors="white", linewidths=1.5, linestyles="--")
    axes.clabel(lines, fmt="p = %.1f", fontsize=12)
    boundary = axes.contour(*GRID.T, decision.T, levels=[0.5], colors="black")
    axes.clabel(boundary, fmt="a = 0", fontsize=13, manual=[(0.5, 0.5)])
    axes.scatter(*X.T, c=y, cmap="gray_r", edgecolors="black", s=180, zorder=3)
    for corner, answer in zip(X, y, strict=True):
        axes.annotate(answer, corner, (14, 0), textcoords="offset points", va="center", fontsize=15)
    axes.set(title=title, xlabel="$x_1$", ylabel="$x_2$", aspect="equal", xticks=[0, 1], yticks=[0, 1])
    axes.grid(False)
    return np.mean((probability >= 0.5) == (decision == 1))


def experiment(small: bool = False):
    """Return the picture and the figures."""
    figure, (left, *planes) = plt.subplots(1, 3, figsize=(14, 4.8))
    a = np.linspace(-6, 6, 401)[:, None]
    left.plot(a, cp.Network([cp.Step()], inputs=1).predict(a))
    left.plot(a, cp.Network([cp.Sigmoid()], inputs=1).predict(a))
    left.text(-0.3, 0.9, "perceptron", color="C0", ha="right")
    left.text(2.2, 0.75, "logistic", color="C1")
    left.set(title="Two answers to the same sum", xlabel="$a = w \\cdot x + b$", ylabel="$h = g(a)$")
    figures = {}
    for axes, name, y in zip(planes, ["AND", "OR"], [[0, 0, 0, 1], [0, 1, 1, 1]], strict=True):
        logistic, perceptron = learn(y, 200 if small else 1000)
        (w1, w2), b = logistic.parameters["dense_1.W"].ravel(), logistic.parameters["dense_1.b"][0]
        title = f"{name}: $a = {w1:.1f}\\,x_1 {w2:+.1f}\\,x_2 {b:+.1f}$"
        agreement = draw(axes, title, logistic, perceptron, y)
        figures[f"corners that {name} has right"] = int(np.sum(perceptron.predict(X)[:, 0] == y))
        figures[f"share of the plane where both neurons of {name} agree"] = agreement
    return figure, figures


if __name__ == "__main__":
    show(experiment)
