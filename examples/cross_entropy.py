r"""
Cross-entropy against squared error
===================================

One sigmoid unit, :math:`y = \sigma(a)`, :math:`a = w x + b`, is to put out 0 for the input 1, and starts where it is
certain of the opposite. The gradient at its pre-activation decides how it learns (Deep Learning Book, section 6.2.2):

.. math:: \frac{\partial J}{\partial a} = (y - t)\, y (1 - y) \text{ for squared error,} \qquad
          \frac{\partial J}{\partial a} = y - t \text{ for cross-entropy.}

Left: where the sigmoid is saturated and wrong, squared error feels almost nothing, cross-entropy everything. Right:
so the unit learns slowly exactly when it is most wrong. Maximum likelihood chooses the loss that cancels
:math:`\sigma'`.

Where a learner stumbles: for softmax with cross-entropy the factor :math:`y (1 - y)` is not there either, though one
deck prints it.
"""

import matplotlib.pyplot as plt
import numpy as np

import clearprop as cp
from gallery import show

STARTS = (0.0, 2.0, 4.0)
RATE = 0.5


def networks():
    """Return a sigmoid unit with each loss; cross-entropy owns its sigmoid, squared error is given one as a box."""
    unit = cp.Dense(1, initializer=cp.Constant(1.0), bias_initializer=cp.Constant(0.0))
    yield "squared error", cp.Network([unit, cp.Sigmoid()], inputs=1, loss=cp.SquaredError(), dtype=np.float64)
    yield "cross-entropy", cp.Network([unit], inputs=1, loss=cp.BinaryCrossEntropy(), dtype=np.float64)


def gradient_at(net, a):
    """Return the gradient of a row's loss at each pre-activation `a`, for the target 0."""
    trace = net.trace(a[:, None], np.zeros(len(a)))
    return len(a) * trace["dense_1.delta"].ravel()  # delta is that of the mean over the rows


def learn(net, start, updates):
    """Return the output before training and after each update, from the pre-activation `start`."""
    net.parameters["dense_1.W"][...] = net.parameters["dense_1.b"][...] = start / 2
    before = net.predict([[1.0]]).item()
    reports = cp.train(net, [[1.0]], [0.0], optimizer=cp.SGD(RATE), epochs=updates)
    return np.array([before, *(net.predict([[1.0]]).item() for _ in reports)])


def experiment(small: bool = False):
    """Return the picture and the figures."""
    updates = 300 if small else 400
    figure, (slope, curve) = plt.subplots(1, 2, figsize=(13, 5.5))
    a = np.linspace(-6.0, 6.0, 121)
    figures, gradients = {}, {}
    for (name, net), color in zip(networks(), ["C5", "C0"], strict=True):
        gradients[name] = gradient_at(net, a)
        slope.plot(a, gradients[name], color=color)
        for start, style in zip(STARTS, [":", "--", "-"], strict=True):
            outputs = learn(net, start, updates)
            curve.plot(np.arange(1, updates + 1), outputs[1:], style, color=color)
            if name == "squared error":
                curve.text(0.9, outputs[1], f"from {outputs[0]:.2f}", ha="right", va="center", color="C6")
            figures[f"updates to 0.1 from {outputs[0]:.2f}, {name}"] = int(np.argmax(outputs < 0.1))
        figures[f"gradient at a = 6, {name}"] = gradients[name][-1]
    slope.annotate("cross-entropy", (2.0, 0.95), ha="right", color="C0")
    slope.annotate("squared error", (2.8, 0.1), color="C5")
    slope.annotate("certain and right", (-6, -0.1), color="C6")
    slope.annotate("certain and wrong", (6, -0.1), ha="right", color="C6")
    slope.set(title="Gradient at the pre-activation", xlabel="pre-activation a", ylim=(-0.15, 1.05))
    slope.set_ylabel("$\\partial J / \\partial a$ for the target 0")
    curve.text(1.05, 0.1, "cross-entropy", color="C0")
    curve.text(100.0, 0.5, "squared error", color="C5")
    curve.set(title="Learning to put out 0", xlabel="updates", ylabel="output y", ylim=(0, 1.02), xscale="log")
    curve.set(xlim=(0.25, 1.1 * updates))
    y = 1 / (1 + np.exp(-a))
    quotient = gradients["squared error"] / gradients["cross-entropy"]
    figures["largest difference of their quotient to y (1 - y)"] = np.abs(quotient - y * (1 - y)).max()
    return figure, figures


if __name__ == "__main__":
    show(experiment)
