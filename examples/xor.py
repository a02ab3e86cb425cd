r"""
XOR three ways
==============

No linear model solves XOR: the normal equations of least squares give :math:`w = 0, b = 1/2`, which answers 1/2
everywhere, with a mean squared error of 1/4. One hidden layer of two rectified units does it exactly,
:math:`y = w \cdot \max(0, x W + c)` with
:math:`W = \begin{pmatrix}1 & 1\\ 1 & 1\end{pmatrix}, c = (0, -1), w = (1, -2)`. It moves the corners (0, 1) and (1, 0)
to the same place, and then a line is enough. Gradient descent finds such weights by itself. With two hidden units,
none to spare, most random starts get stuck; with eight, most find a solution. (Deep Learning Book,
section 6.1; Larochelle's deck.)

Where a learner stumbles: some notes print (2, 0) as the hidden row of the corner (1, 0). It is (1, 0): both units add
the inputs up, to 1 and, less 1, to 0.
"""

import matplotlib.pyplot as plt
import numpy as np

import clearprop as cp
from gallery import show

X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
Y = np.array([0, 1, 1, 0])
GRID = np.stack(np.meshgrid(np.linspace(-0.4, 1.4, 181), np.linspace(-0.4, 1.4, 181)), axis=-1)


def network(units=2, seed=0):
    """Return a 2-units-1 network of rectified units."""
    return cp.Network([cp.Dense(units), cp.ReLU(), cp.Dense(1)], inputs=2, seed=seed, dtype="float64")


def error(net):
    """Return the mean squared error over the four corners, twice the network's loss, which has a factor 1/2."""
    return 2 * net.loss(X, Y)


def best_line():
    """Return the linear model that the normal equations (A^T A) [w, b] = A^T y give, as a network."""
    A = np.column_stack([X, np.ones(4)])
    w1, w2, b = np.linalg.solve(A.T @ A, A.T @ Y)
    net = cp.Network([cp.Dense(1)], inputs=2, dtype="float64")
    net.parameters["dense_1.W"], net.parameters["dense_1.b"] = [[w1], [w2]], [b]
    return net


def by_hand():
    """Return the network with the weights of the Deep Learning Book."""
    net = network()
    net.parameters["dense_1.W"], net.parameters["dense_1.b"] = [[1, 1], [1, 1]], [0, -1]
    net.parameters["dense_2.W"], net.parameters["dense_2.b"] = [[1], [-2]], [0]
    return net


def learn(units, seed, epochs):
    """Return a network trained by gradient descent from random weights."""
    net = network(units, seed)
    net.fit(X, Y, optimizer=cp.SGD(0.1, momentum=0.9), epochs=epochs, batch_size=4)
    return net


def draw_plane(axes, title, net):
    """Draw a network's answer in the plane of its inputs."""
    answer = net.predict(GRID.reshape(-1, 2)).reshape(GRID.shape[:2])
    axes.pcolormesh(*GRID.T, answer.T, vmin=-1.5, vmax=2.5, shading="gouraud", rasterized=True)
    axes.scatter(*X.T, c=Y, cmap="gray_r", edgecolors="black", s=180, zorder=3)
    for corner, value in zip(X, net.predict(X)[:, 0], strict=True):
        text = f"{round(value, 2) + 0.0:g}"  # + 0.0: no sign at a zero
        axes.annotate(text, corner, (0, 14), textcoords="offset points", ha="center", fontsize=14)
    axes.set(title=title, xlabel="$x_1$", ylabel="$x_2$", aspect="equal", xticks=[0, 1], yticks=[0, 1])
    axes.grid(False)


def draw_hidden(axes, hidden):
    """Draw the corners where the hidden layer puts them, and the line that the output unit draws there."""
    axes.scatter(*hidden.T, c=Y, cmap="gray_r", edgecolors="black", s=180, zorder=3)
    axes.axline((0.5, 0), (1.5, 0.5), color="black", linestyle="--")
    axes.text(1.6, 0.45, "$h_1 - 2 h_2 = 1/2$", va="top")
    for corners, place, rise in [("(0, 0)", (0, 0), 14), ("(0, 1) and (1, 0)", (1, 0), -28), ("(1, 1)", (2, 1), 14)]:
        axes.annotate(corners, place, (0, rise), textcoords="offset points", ha="center", fontsize=14)
    axes.set(title="By hand: the hidden layer makes room", xlabel="$h_1$", ylabel="$h_2$", aspect="equal")
    axes.set(xlim=(-0.5, 2.6), ylim=(-0.74, 1.74), xticks=[0, 1, 2], yticks=[0, 1])


def experiment(small: bool = False):
    """Return the picture and the figures."""
    line, hand = best_line(), by_hand()
    hidden = hand.trace(X, Y)["relu_1.h"]
    starts, epochs = (10, 500) if small else (50, 1000)
    learned = {units: [learn(units, seed, epochs) for seed in range(starts)] for units in (2, 8)}
    solved = {units: np.mean([error(net) < 1e-4 for net in nets]) for units, nets in learned.items()}
    best = min(learned[2], key=error)
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(15, 5), width_ratios=[4, 5, 4])
    draw_plane(left, f"No line can: mean squared error {error(line):.2g}", line)
    draw_hidden(middle, hidden)
    draw_plane(right, "Gradient descent finds it too", best)
    return figure, {
        "mean squared error of the best line": error(line),
        "largest weight of the best line": np.abs(line.parameters["dense_1.W"]).max(),
        "largest gradient there": max(np.abs(gradient).max() for gradient in line.gradient(X, Y)[1].values()),
        "bias of the best line": line.parameters["dense_1.b"][0],
        "mean squared error by hand": error(hand),
        "hidden row of (1, 0) by hand": str(tuple(hidden[2].astype(int).tolist())),
        "mean squared error learned, 2 hidden units": error(best),
        "share of random starts that learn it, 2 hidden units": solved[2],
        "share of random starts that learn it, 8 hidden units": solved[8],
    }


if __name__ == "__main__":
    show(experiment)
