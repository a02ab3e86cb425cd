r"""
Momentum in a narrow valley
===========================

Two weights, and one hundred times as much curvature along the second as along the first: a valley. Plain gradient
descent jumps from wall to wall and creeps along the floor. With momentum (Toronto deck), :math:`v \leftarrow \gamma v
+ \eta \nabla J` and :math:`w \leftarrow w - v`, steps that agree add up, and the floor is soon crossed. For a
quadratic with curvatures :math:`\lambda` the speed is known. Each update multiplies the distance to the minimum by
:math:`1 - \eta \lambda_{\min}` without momentum, and by :math:`\sqrt{\gamma}` with it, as long as :math:`(1 -
\sqrt{\gamma})^2 < \eta \lambda < (1 + \sqrt{\gamma})^2` for every curvature: the dashed lines on the right.

Where a learner stumbles: clearprop, like scikit-learn, keeps :math:`-v` as the velocity. The path is the same.
"""

import matplotlib.pyplot as plt
import numpy as np

import clearprop as cp
from gallery import show

CURVATURES = np.array([0.01, 1.0])
START = np.array([-8.0, 1.0])
RATE, GAMMA = 1.9, 0.9


def descend(momentum, updates):
    """Return the weights after each update of a linear unit with the loss sum(CURVATURES * w**2) / 2."""
    rows = np.diag(np.sqrt(2 * CURVATURES))  # the loss is a mean over these two rows
    net = cp.Network([cp.Dense(1, bias=False)], inputs=2, dtype=np.float64)
    weights = net.parameters["dense_1.W"]
    weights[...] = START[:, None]
    optimizer = cp.SGD(RATE, momentum=momentum)
    reports = cp.train(net, rows, np.zeros(2), optimizer=optimizer, epochs=updates, batch_size=2)
    return np.array([START, *(weights.ravel().copy() for _ in reports)])


def factor_per_update(distances):
    """Return what an update multiplies the distance by: the slope of the logarithm over the second half."""
    updates = np.arange(len(distances) // 2, len(distances))
    return np.exp(np.polyfit(updates, np.log(distances[updates]), 1)[0])


def experiment(small: bool = False):
    """Return the picture and the figures."""
    figure, (valley, curve) = plt.subplots(1, 2, width_ratios=[3, 2], figsize=(14, 5.5))
    first, second = np.meshgrid(np.linspace(-9, 6, 200), np.linspace(-1.7, 1.7, 200))
    loss = (CURVATURES[0] * first**2 + CURVATURES[1] * second**2) / 2
    valley.contour(first, second, loss, levels=np.linspace(0.1, 1.6, 6) ** 2, colors="#BBBBBB", linewidths=1)
    figures = {}
    runs = [("without momentum", 0.0, 1 - RATE * CURVATURES.min()), ("with momentum", GAMMA, np.sqrt(GAMMA))]
    for (name, momentum, theory), color in zip(runs, ["C5", "C0"], strict=True):
        path = descend(momentum, updates=300 if small else 400)
        distances = np.linalg.norm(path, axis=1)
        updates = np.arange(len(path))
        valley.plot(*path[:61].T, "o-", color=color, markersize=4, linewidth=1.5, label=name)
        curve.semilogy(distances, color=color)
        curve.semilogy(distances[0] * theory**updates, "--", color="#444444", linewidth=1)
        figures[f"factor {name}"] = factor_per_update(distances)
        figures[f"factor {name} in theory"] = theory
        middle = len(updates) // 2
        rate = f"{name}\n× {figures[f'factor {name}']:.3f} an update"
        curve.annotate(rate, (middle, distances[0] * theory**middle), (10, 10), textcoords="offset points", color=color)
    valley.plot(0, 0, "k*", markersize=14)
    valley.set(title="The first 60 updates", xlabel="weight 1 (curvature 0.01)", ylabel="weight 2 (curvature 1)")
    valley.legend(loc="lower right", frameon=True, edgecolor="none", framealpha=1.0)
    curve.set(title="Distance to the minimum", xlabel="updates", ylabel="distance")
    return figure, figures


if __name__ == "__main__":
    show(experiment)
