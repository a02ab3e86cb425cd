r"""
Saturation and dying units
==========================

Backpropagation multiplies by :math:`f'(a)`: a unit learns nothing from rows where that is 0 (decks of classification
and of Toronto). Left: :math:`f'` as the trace of a network shows it. The sigmoid lets a quarter through at most, tanh
all of it, and both nothing far from 0; ReLU lets through all or nothing. Middle: the larger the weights of an
untrained network, the more often its sigmoid and tanh units are saturated, with :math:`f'` below a twentieth of its
maximum. Right: a ReLU unit that is off for *every* row is dead; no gradient will reach its weights again. Large
updates kill units.

Biases that start at 0.1 (Deep Learning Book, section 6.3.1) switch nearly all units on for nearly all rows at the
start, where weights are small, and that margin outlasts the updates that kill units without it.

Where a learner stumbles: a unit that is off for *some* rows is not dead but doing its job. Half of them is usual.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.preprocessing import scale

import clearprop as cp
from gallery import show

N_LAYERS, WIDTH = 3, 64
ACTIVATIONS = {  # with their colors and the places of their names
    "Sigmoid": (cp.Sigmoid, "C0", (2.4, 0.1)),
    "Tanh": (cp.Tanh, "C2", (1.0, 0.5)),
    "ReLU": (cp.ReLU, "C5", (3.5, 1.03)),
}
BIASES = {"biases 0": (0.0, "C5"), "biases 0.1": (0.1, "C0")}


def network(activation, deviation, bias=0.0):
    """Return a network whose weights have the given standard deviation and whose biases start at `bias`."""
    dense = {"initializer": cp.Normal(deviation), "bias_initializer": cp.Constant(bias)}
    hidden = [box for _ in range(N_LAYERS) for box in (cp.Dense(WIDTH, **dense), activation())]
    return cp.Network([*hidden, cp.Dense(10)], inputs=64, loss=cp.CrossEntropy())


def derivatives(net, X, y):
    """Return f' of every hidden unit at every row, (n_layers, n_rows, n_units)."""
    trace = net.trace(X, y)
    return np.array([trace[name] for name in trace if name.endswith("f'")])


def dead_share(net, X, y):
    """Return the share of hidden units that are off for every row."""
    return np.mean((derivatives(net, X, y) == 0).all(axis=1))


def experiment(small: bool = False):
    """Return the picture and the figures."""
    X, y = load_digits(return_X_y=True)
    X = scale(X)
    figure, (slope, saturation, death) = plt.subplots(1, 3, figsize=(17, 5.5))
    figures = {}
    a = np.linspace(-6.0, 6.0, 241)
    deviations = np.geomspace(0.01, 1.0, 5 if small else 15)
    for name, (activation, color, place) in ACTIVATIONS.items():
        trace = cp.Network([activation()], inputs=1).trace(a[:, None], 0 * a)
        derivative = trace[f"{name.lower()}_1.f'"]
        slope.plot(a, derivative, color=color)
        slope.text(*place, name, color=color)
        if name != "ReLU":
            nets = [network(activation, deviation) for deviation in deviations]
            shares = [np.mean(derivatives(net, X[:300], y[:300]) < derivative.max() / 20) for net in nets]
            saturation.semilogx(deviations, shares, color=color)
            saturation.text(deviations[-1], shares[-1], f" {name}", color=color, va="center")
            figures[f"saturated, {name}, smallest weights"] = shares[0]
            figures[f"saturated, {name}, largest weights"] = shares[-1]
    rates = [0.01, 0.1] if small else [0.01, 0.03, 0.1, 0.3]
    for name, (bias, color) in BIASES.items():
        figures[f"on at the start, {name}"] = np.mean(derivatives(network(cp.ReLU, 0.01, bias), X, y) > 0)
        shares = []
        for rate in rates:
            net = network(cp.ReLU, 0.01, bias)
            net.fit(X, y, optimizer=cp.SGD(rate), epochs=3 if small else 10)
            shares.append(dead_share(net, X, y))
            figures[f"dead after training, {name}, rate {rate}"] = shares[-1]
        death.semilogx(rates, shares, "o-", color=color)
        death.text(rates[-1], shares[-1] + 0.01, name, color=color, ha="right", va="bottom")
    slope.set(title="Derivative", xlabel="pre-activation a", ylabel="f'(a)", ylim=(-0.03, 1.15))
    saturation.set(title="Saturated before training", xlabel="standard deviation of the weights")
    saturation.set(ylabel="share of units and rows", ylim=(-0.03, 1))
    death.set(
        title="ReLU units dead after training", xlabel="learning rate", ylabel="share of units", ylim=(-0.015, 0.5)
    )
    return figure, figures


if __name__ == "__main__":
    show(experiment)
