r"""
Full batch, mini-batch and online gradient descent
==================================================

A line :math:`y = w x + b` is fitted to 200 noisy points by gradient descent on the squared error (all five decks). An
update looks at all 200 rows (full batch), at 20 (mini-batch) or at a single one (online, "stochastic"). Every path
begins at the cross and makes the same passes over the data: for the full batch a pass is one update, online it is
200, and so online is in the valley before the full batch has turned into it. There it does not come to rest: single
rows pull it to and fro, as far as the rate lets them, and that ends only with a rate that falls (Robbins and Monro
1951; the dashed line, rate :math:`\eta / (1 + \text{pass})`).

Where a learner stumbles: a small batch is not a worse gradient. On average over the batches it points the same way,
and costs as much less as the batch is smaller.
"""

import matplotlib.pyplot as plt
import numpy as np

import clearprop as cp
from gallery import show

N_ROWS = 200
START = (-1.0, 2.5)
RATE = 0.1


def make_rows(seed=0):
    """Return noisy points of the line y = 2 x + 1."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(0.0, 2.0, size=(N_ROWS, 1))
    return x, 2 * x + 1 + 0.5 * rng.standard_normal((N_ROWS, 1))


def descend(x, y, batch_size, passes, rate=lambda done: RATE, seed=0):
    """Return (w, b) after each update, and the loss of all rows after each pass."""
    rng = np.random.default_rng(seed)
    net = cp.Network([cp.Dense(1)], inputs=1, dtype=np.float64)
    weight, bias = net.parameters.values()
    weight[...], bias[...] = START
    path, losses = [START], [net.loss(x, y)]
    for done in range(passes):
        for rows in rng.permutation(N_ROWS).reshape(-1, batch_size):
            _, gradient = net.gradient(x[rows], y[rows])
            weight -= rate(done) * gradient["dense_1.W"]
            bias -= rate(done) * gradient["dense_1.b"]
            path.append((weight.item(), bias.item()))
        losses.append(net.loss(x, y))
    return np.array(path), np.array(losses)


def experiment(small: bool = False):
    """Return the picture and the figures; it takes no time that a small size could save."""
    passes = 30
    x, y = make_rows()
    rows = np.hstack([x, np.ones_like(x)])
    best, squares, *_ = np.linalg.lstsq(rows, y)
    least = squares.item() / 2 / N_ROWS
    w, b = np.meshgrid(np.linspace(-1.4, 3.2, 100), np.linspace(0.0, 3.5, 100))
    bowl = np.mean((x * w.ravel() + b.ravel() - y) ** 2, axis=0).reshape(w.shape) / 2

    figure, axes = plt.subplots(1, 4, width_ratios=[1, 1, 1, 1.2], figsize=(17, 5))
    curves = axes[-1]
    figures = {}
    runs = [("full batch", N_ROWS, "C0"), ("mini-batch of 20", 20, "C2"), ("online", 1, "C5")]
    for ax, (name, batch_size, color) in zip(axes, runs, strict=False):
        path, losses = descend(x, y, batch_size, passes)
        ax.contour(w, b, bowl, levels=least + np.linspace(0.1, 2, 9) ** 2, colors="#BBBBBB", linewidths=1)
        ax.plot(*path.T, "o-", color=color, markersize=3, linewidth=1)
        ax.plot(*START, "kx", markersize=10)
        ax.plot(*best, "k*", markersize=14)
        ax.set(title=f"{name}: {len(path) - 1} updates", xlabel="weight w")
        curves.semilogy(losses - least, color=color)
        curves.text(passes, losses[-5:].mean() - least, f" {name}", color=color, va="center")
        figures[f"updates, {name}"] = len(path) - 1
        figures[f"loss above the least after one pass, {name}"] = losses[1] - least
        figures[f"loss above the least, {name}"] = losses[-5:].mean() - least
    _, losses = descend(x, y, 1, passes, rate=lambda done: RATE / (1 + done))
    curves.semilogy(losses - least, "--", color=color)
    curves.text(passes, losses[-5:].mean() - least, " online,\n falling rate", color=color, va="center")
    figures["loss above the least, online, falling rate"] = losses[-5:].mean() - least
    axes[0].set_ylabel("bias b")
    curves.set(title="Loss above the least", xlabel="passes over the data")
    curves.grid(axis="x")
    return figure, figures


if __name__ == "__main__":
    show(experiment)
