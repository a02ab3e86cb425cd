r"""
Universal approximation
=======================

Any continuous function on a closed interval lies within any :math:`\varepsilon > 0` of a sum

.. math:: F(x) = \sum_{i=1}^{N} \alpha_i \, \sigma(w_i x + b_i)

of sigmoids, if :math:`N` is large enough (Cybenko 1989; Hornik 1991). On the left such a sum is drawn with its terms:
each is one hidden unit, a soft step of height :math:`\alpha_i`, and their sum follows the curve. On the right is the
largest error anywhere, against the number of units. (Decks of Larochelle, on classification, and on the Deep Learning
Book.)

Where a learner stumbles: the theorem says that good weights exist, not that training finds them, nor how many units it
takes. So nothing is trained here: the steps stand side by side, and least squares gives their heights.
"""

import matplotlib.pyplot as plt
import numpy as np

import clearprop as cp
from gallery import show

X = np.linspace(-1, 1, 1001)[:, None]
Y = np.sin(3 * X) * np.cos(5 * X) + X / 2


def build(units):
    """Return F as a network: steps at equal distances, as steep as they are dense, with the best heights."""
    net = cp.Network([cp.Dense(units), cp.Sigmoid(), cp.Dense(1, bias=False)], inputs=1, dtype="float64")
    places, steepness = np.linspace(-1.2, 1.2, units), 1.2 * units
    net.parameters["dense_1.W"], net.parameters["dense_1.b"] = np.full((1, units), steepness), -steepness * places
    net.parameters["dense_2.W"] = np.linalg.lstsq(hidden(net), Y)[0]
    return net


def hidden(net):
    """Return what the hidden units answer, shape (len(X), N)."""
    return net.trace(X, Y)["sigmoid_1.h"]


def error(net):
    """Return the largest distance of F from the function."""
    return np.abs(net.predict(X) - Y).max()


def draw_sum(axes, net):
    """Draw the function, F and its terms alpha_i sigma(w_i x + b_i)."""
    terms = hidden(net) * net.parameters["dense_2.W"].T
    term, *_ = axes.plot(X, terms, color="C0", linewidth=1.5, alpha=0.6)
    (target,) = axes.plot(X, Y, color="C1", linewidth=8, alpha=0.5)
    (total,) = axes.plot(X, net.predict(X), color="black")
    names = ["function $f$", "sum $F$", "terms of $F$"]
    axes.legend([target, total, term], names, loc="upper center", ncols=3)
    axes.set(title=f"A sum of {terms.shape[1]} sigmoids", xlabel="$x$")
    axes.set_ylim(top=1.2 * terms.max())


def experiment(small: bool = False):
    """Return the picture and the figures; it takes no time that a small size could save."""
    errors = {units: error(build(units)) for units in (2, 4, 8, 16, 32, 64)}
    figure, (left, right) = plt.subplots(1, 2, figsize=(14, 5.5))
    draw_sum(left, build(12))
    right.loglog(errors.keys(), errors.values(), "o-", markersize=9)
    right.axhline(0.01, color="C5", linestyle="--")
    right.text(2, 0.011, "$\\varepsilon = 0.01$", color="C5", va="bottom")
    right.set(title="More units, smaller error", xlabel="hidden units $N$", ylabel="largest $|F(x) - f(x)|$")
    right.set_xticks(list(errors), list(errors))
    right.minorticks_off()
    return figure, {f"largest error, {units} units": value for units, value in errors.items()}


if __name__ == "__main__":
    show(experiment)
