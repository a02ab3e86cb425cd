r"""
Maxout and radial basis functions
=================================

Two other hidden units. A maxout unit, :math:`h(x) = \max_k (w_k x + b_k)`, learns its activation: the largest of
:math:`k` straight lines is a convex function. Four lines learn a parabola, up to the error :math:`2 / (3 k^2)` of
least squares on [-1, 1]; one ReLU bends only once. A radial basis function, :math:`h(x) = \exp(-\|x - w\|^2 /
\sigma^2)`, answers near its center only: far from all data the network falls back to an answer that is the same
everywhere, while a ReLU network grows ever more certain along almost every ray.

Where a learner stumbles: lines that start below all others never win, so they never learn. With biases at 0 all lines
meet in one point, and only the two steepest win; here the biases start at random.
"""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Circle
from sklearn.datasets import make_moons

import clearprop as cp
from gallery import show

FAR = 6.0


def fit_parabola(layers):
    """Return a network of these layers, trained on x^2, and its largest error on [-1, 1]."""
    x = np.linspace(-1, 1, 401)[:, None]
    net = cp.Network(layers, inputs=1, seed=3, dtype=np.float64)
    net.fit(x, x**2, optimizer=cp.LBFGS(), epochs=300)
    return net, np.abs(net.predict(x) - x**2).max()


def fit_moons(hidden, X, y, epochs):
    """Return a network with these hidden layers, trained to tell the moons apart."""
    net = cp.Network([*hidden, cp.Dense(1)], inputs=2, loss=cp.BinaryCrossEntropy(), penalty=cp.L2(1e-3), seed=1)
    net.fit(X, y, optimizer=cp.Adam(0.02), epochs=epochs)
    return net


def draw_probability(axes, net, X, y):
    """Draw the probability of class 1 far beyond the data, and return what a color bar needs."""
    grid = np.linspace(-FAR, FAR, 200)
    points = np.stack(np.meshgrid(grid, grid), axis=-1).reshape(-1, 2)
    p = net.predict(points).reshape(200, 200)
    filled = axes.contourf(grid, grid, p, np.linspace(0, 1, 21), alpha=0.75)
    axes.contour(grid, grid, p, [0.5], colors="black", linewidths=2)
    axes.scatter(*X.T, c=y, s=14, edgecolors="white", linewidths=0.4)
    axes.set(xlabel="$x_1$", ylabel="$x_2$", aspect="equal", xlim=(-FAR, FAR), ylim=(-FAR, FAR))
    return filled


def experiment(small: bool = False):
    """Return the picture and the figures."""
    n_pieces = 4
    maxout, maxout_error = fit_parabola([cp.Maxout(1, n_pieces, cp.Uniform(2.0), cp.Uniform(0.5))])
    relu, relu_error = fit_parabola([cp.Dense(1), cp.ReLU(), cp.Dense(1)])
    X, y = make_moons(200, noise=0.12, random_state=0)
    epochs = 60 if small else 400
    rbf = fit_moons([cp.RBF(16)], X, y, epochs)
    rectified = fit_moons([cp.Dense(16), cp.ReLU()], X, y, epochs)

    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(17, 5.6))
    x = np.linspace(-1, 1, 200)[:, None]
    lines = x @ maxout.parameters["maxout_1.W"] + maxout.parameters["maxout_1.b"]
    left.plot(x, lines, color="C4", lw=1.2)
    left.plot(x, x**2, color="C6", lw=6, alpha=0.4)
    left.plot(x, maxout.predict(x), color="C0")
    left.plot(x, relu.predict(x), color="C5", ls="--")
    left.set(xlabel="x", xticks=np.linspace(-1, 1, 5), ylim=(-0.35, 1.2))
    left.set_title(f"One maxout unit learns $x^2$ with {n_pieces} lines")
    left.text(-0.7, 0.6, "$x^2$", color="C6")
    left.text(0, 0.12, "maxout", color="C0", ha="center")
    left.text(0, 0.28, "one ReLU", color="C5", ha="center")
    draw_probability(middle, rbf, X, y)
    middle.set_title("RBF units answer near their centers")
    filled = draw_probability(right, rectified, X, y)
    figure.colorbar(filled, ax=right, shrink=0.8, ticks=[0, 0.5, 1], label="P(red)")
    right.set_title("ReLU units are certain everywhere")
    for center, width in zip(rbf.parameters["rbf_1.W"].T, rbf.parameters["rbf_1.sigma"], strict=True):
        middle.add_patch(Circle(center, abs(width), fill=False, color="black", lw=0.8))
    away = 1e3 * np.array([[np.cos(t), np.sin(t)] for t in np.linspace(0, 2 * np.pi, 100)])
    p = rectified.predict(away)
    return figure, {
        "error of four lines in theory": 2 / (3 * n_pieces**2),
        "largest error of maxout": maxout_error,
        "largest error of one ReLU": relu_error,
        "accuracy of RBF": np.mean((rbf.predict(X)[:, 0] > 0.5) == y),
        "accuracy of ReLU": np.mean((rectified.predict(X)[:, 0] > 0.5) == y),
        "largest RBF response far away": float(rbf.trace(away, np.zeros(100))["rbf_1.a"].max()),
        "certainty of ReLU far away": np.mean(np.maximum(p, 1 - p)),
    }


if __name__ == "__main__":
    show(experiment)
