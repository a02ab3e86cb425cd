r"""
Minimum, saddle or neither
==========================

At a minimum of the loss the gradient is 0 (first order) and no eigenvalue of the Hessian is negative (second order).
The chain of two linear units, :math:`\hat{y} = v w x`, has the loss :math:`\frac{1}{2} (1 - v w)^2` on the left. At 0
it has a saddle, where gradient descent all but stands still before it finds a way down. Its minima form the curves
:math:`v w = 1`, along which the curvature is 0; a penalty :math:`\lambda (v^2 + w^2) / 2` leaves two strict minima.

Where a learner stumbles: a gradient of 0 alone proves nothing; and in the valley the second order does not decide,
although nothing lies below. (From the recap of optimization in the Carnegie Mellon deck.)
"""

import matplotlib.pyplot as plt
import numpy as np

import clearprop as cp
from gallery import show

X = np.array([[-1.0], [1.0]])
COLORS = {-1: "C5", 0: "C6", 1: "C0"}


def two_units(w, v, penalty=None):
    """Return a chain of two linear units with these weights."""
    layers = [cp.Dense(1, bias=False, initializer=cp.Constant(weight)) for weight in (w, v)]
    return cp.Network(layers, inputs=1, penalty=penalty, dtype=np.float64)


def descent(start, steps):
    """Return the weights that gradient descent passes from `start`."""
    net = two_units(*start)
    run = cp.train(net, X, X, optimizer=cp.SGD(0.1), epochs=steps, batch_size=2)
    return np.array([start, *(tuple(net.vector) for _ in run)])


def to_the_minimum(net, X, y):
    """Train to the end and return the report of the point reached."""
    net.fit(X, y, optimizer=cp.LBFGS(), epochs=5000)
    return cp.check_optimality(net, X, y)


def experiment(small: bool = False):
    """Return the picture and the figures."""
    points = {"slope": (-1.6, 1.2), "saddle": (0.0, 0.0), "valley": (-0.5, -2.0)}
    reports = {name: cp.check_optimality(two_units(*point), X, X) for name, point in points.items()}
    penalized = two_units(0.5, 2.0, penalty=cp.L2(0.2))
    reports["valley, with a penalty"] = to_the_minimum(penalized, X, X)
    tanh = cp.Network([cp.Dense(2), cp.Tanh(), cp.Dense(1)], inputs=1, penalty=cp.L2(1e-3), dtype=np.float64)
    x = np.linspace(-2, 2, 40)[:, None]
    reports["tanh network, trained"] = to_the_minimum(tanh, x, np.sin(2 * x))
    path = descent((1.2, -1.2 + 1e-3), 150)

    figure, (left, right) = plt.subplots(1, 2, figsize=(16, 6.2), width_ratios=[1, 1.25])
    grid = np.linspace(-2.4, 2.4, 121)
    w, v = np.meshgrid(grid, grid)
    left.contourf(w, v, np.abs(1 - v * w), 16, cmap="Greys", alpha=0.7)
    for sign in (-1, 1):
        left.plot(sign * grid[grid > 0.4], sign / grid[grid > 0.4], color="C2")
    left.plot(*path.T, "o-", color="C0", ms=4, lw=1)
    left.text(*path[0], "gradient descent  ", color="C0", weight="bold", ha="right", va="top")
    for name, point in {**points, "with a penalty": tuple(penalized.vector)}.items():
        left.plot(*point, "o", color="C5", ms=11)
        left.annotate(name, point, xytext=(-9, 4), textcoords="offset points", color="C5", weight="bold", ha="right")
    left.set(xlabel="w", ylabel="v", aspect="equal", xlim=grid[[0, -1]], ylim=grid[[0, -1]])
    left.set_title("Loss of two linear units")
    for row, report in enumerate(reports.values()):
        for curvature in report.curvatures:
            sign = 0 if abs(curvature) <= report.margin else np.sign(curvature)
            right.plot(curvature, row, "o", ms=12, color=COLORS[sign], alpha=0.8)
    right.axvline(0, color="black", lw=1)
    right.set_xscale("symlog", linthresh=1e-3)
    right.set(xlabel="curvatures: eigenvalues of the Hessian", xlim=(-20, 60), ylim=(len(reports) - 0.5, -0.5))
    right.set_yticks(range(len(reports)), [f"{name}:\n{report.verdict}" for name, report in reports.items()])
    right.set_title("Curvature: negative, zero or positive in each direction")
    return figure, {
        **{name: report.verdict for name, report in reports.items()},
        "curvatures at the saddle": str(np.round(reports["saddle"].curvatures, 6).tolist()),
        "curvatures in the valley": str(np.round(reports["valley"].curvatures, 6).tolist()),
        "gradient norm of the tanh network": reports["tanh network, trained"].gradient_norm,
        "smallest curvature of the tanh network": reports["tanh network, trained"].smallest,
        "loss where gradient descent ends": two_units(*path[-1]).loss(X, X),
    }


if __name__ == "__main__":
    show(experiment)
