r"""
How many parameters has a network?
==================================

A unit has a weight for each of its inputs and a bias, so a layer of :math:`m` units on :math:`n` inputs has
:math:`n m + m` parameters. A 10-10-5-1 network has 110 + 55 + 6 = 171 of them. In the picture each line is a weight,
blue where it is negative and orange where it is positive, as they start at random; each circle after the first column
is a unit and has a bias. (Deck on classification and regression.)

Where a learner stumbles: the inputs are no units. They are drawn as circles, but have neither weights nor a bias.
"""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.collections import LineCollection

import clearprop as cp
from gallery import show


def heights(units):
    """Return where the circles of a column stand."""
    return np.arange(units) - (units - 1) / 2


def experiment(small: bool = False):
    """Return the picture and the figures; there is nothing to make smaller."""
    net = cp.Network([cp.Dense(10), cp.Tanh(), cp.Dense(5), cp.Tanh(), cp.Dense(1)], inputs=10)
    weights = [value for name, value in net.parameters.items() if name.endswith(".W")]
    sizes = [weights[0].shape[0], *(W.shape[1] for W in weights)]
    counts = [W.size + W.shape[1] for W in weights]

    figure, axes = plt.subplots(figsize=(12, 6.5))
    for column, (W, count) in enumerate(zip(weights, counts, strict=True)):
        (n, m), left, right = W.shape, *(heights(size) for size in W.shape)
        lines = [[(column, left[i]), (column + 1, right[j])] for i in range(n) for j in range(m)]
        colors, widths = np.where(W.ravel() < 0, "C0", "C1"), 3 * np.abs(W.ravel()) / np.abs(W).max()
        axes.add_collection(LineCollection(lines, colors=colors, linewidths=widths, zorder=1))
        axes.text(column + 0.5, 5.6, f"{n} · {m} + {m} = {count}", ha="center", fontsize=17)
    for column, size in enumerate(sizes):
        color = "white" if column == 0 else "#DDDDDD"
        axes.scatter(np.full(size, column), heights(size), s=330, color=color, edgecolors="#444444", zorder=2)
        axes.text(column, -5.9, f"{size} {'inputs' if column == 0 else 'units' if size > 1 else 'unit'}", ha="center")
    axes.set_title(f"{' + '.join(map(str, counts))} = {net.n_parameters} parameters")
    axes.set(xlim=(-0.3, 3.3), ylim=(-6.3, 6.5))
    axes.axis("off")
    return figure, {
        **{f"parameters of layer {k}": count for k, count in enumerate(counts, 1)},
        "parameters": net.n_parameters,
    }


if __name__ == "__main__":
    show(experiment)
