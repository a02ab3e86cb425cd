r"""
Cartesian to polar: learning a representation
=============================================

Two rings of points cannot be told apart by a line in Cartesian coordinates; in polar ones they can, by a threshold on
the radius. Here a network with two hidden layers learns the coordinates :math:`(r, \cos\theta, \sin\theta)` from
examples, and then a linear model separates the rings in what it has learned. On the left the rings as they are given;
on the right as the network sees them, on points that it was not trained on. (Deck on classification and regression,
from the Deep Learning Book, figure 1.1.)

Where a learner stumbles: the angle itself jumps from :math:`\pi` to :math:`-\pi`, and a network is a continuous
function, which cannot jump. Its cosine and sine do not.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.linear_model import LogisticRegression

import clearprop as cp
from gallery import show


def rings(n, seed):
    """Return points of two rings, one around the other, and in which of the two each lies."""
    random = np.random.default_rng(seed)
    ring = np.arange(n) % 2
    r, theta = random.uniform(0.2, 0.5, n) + 0.6 * ring, random.uniform(-np.pi, np.pi, n)
    return np.column_stack([r * np.cos(theta), r * np.sin(theta)]), ring


def polar(x):
    """Return radius, cosine and sine of the angle."""
    r = np.hypot(*x.T)
    return np.column_stack([r, *(x / r[:, None]).T])


def angle(h):
    """Return the angle in degrees of rows (r, cos, sin)."""
    return np.degrees(np.arctan2(h[:, 2], h[:, 1]))


def linear_accuracy(train, y_train, test, y_test):
    """Return the accuracy of a linear classifier on new rows."""
    return LogisticRegression().fit(train, y_train).score(test, y_test)


def experiment(small: bool = False):
    """Return the picture and the figures."""
    x, ring = rings(2000, seed=0)
    new, new_ring = rings(1000, seed=1)
    net = cp.Network([cp.Dense(32), cp.Tanh(), cp.Dense(32), cp.Tanh(), cp.Dense(3)], inputs=2)
    epochs = 30 if small else 200
    net.fit(x, polar(x), optimizer=cp.Adam(cp.Cosine(0.01)), epochs=epochs)
    h, truth = net.predict(new), polar(new)
    turn = (angle(h) - angle(truth) + 180) % 360 - 180

    figure, (left, right) = plt.subplots(1, 2, figsize=(13, 6))
    for k in (0, 1):
        left.scatter(*new[new_ring == k].T, s=16, color=f"C{k}")
        right.scatter(angle(h)[new_ring == k], h[new_ring == k, 0], s=16, color=f"C{k}")
    right.axhline(0.65, color="black", linestyle="--")
    right.text(-175, 0.67, "one line is enough")
    left.set(title="Cartesian: no line separates the rings", xlabel="$x_1$", ylabel="$x_2$", aspect="equal")
    right.set(title="What the network makes of them", xlabel="learned angle (degrees)", ylabel="learned radius")
    right.set_xticks(range(-180, 181, 90))
    return figure, {
        "error of the radius (root mean square)": np.sqrt(np.mean((h - truth)[:, 0] ** 2)),
        "error of the angle (degrees, root mean square)": np.sqrt(np.mean(turn**2)),
        "accuracy of a line, Cartesian": linear_accuracy(x, ring, new, new_ring),
        "accuracy of a line, learned": linear_accuracy(net.predict(x), ring, h, new_ring),
    }


if __name__ == "__main__":
    show(experiment)
