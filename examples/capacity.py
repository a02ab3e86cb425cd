r"""
What one, two and three layers can draw
=======================================

A threshold unit is 1 on one side of a line: a half plane. A second layer can ask whether *all* units of the first are
on (an AND: their sum less the number of them, plus 1/2): a convex region. A third can ask whether *any* of several
convex regions is hit (an OR): any region, here a star of two triangles (Larochelle's deck; Lippmann 1987). All
weights of the upper row are set by hand, and the networks agree with the polygons at every point.

The lower row counts what depth buys. A layer of two ReLU units can fold the line, :math:`x \mapsto 1 - |1 - 2 x|`;
each further layer folds what is folded already, so that :math:`L` layers, :math:`2 L` units in all, draw :math:`2^L`
straight pieces. The same units in one layer draw at most :math:`2 L + 1` (Montúfar et al. 2014).

Where a learner stumbles: two layers are not limited to convex regions. With enough units, they come as close to any
region as you like (Cybenko 1989); the third layer makes it cheap and easy to see.
"""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.path import Path

import clearprop as cp
from gallery import show


def regular_polygon(corners, turn):
    """Return the corners of a regular polygon on the unit circle, counter-clockwise."""
    angles = 2 * np.pi * (np.arange(corners) + turn) / corners
    return np.c_[np.cos(angles), np.sin(angles)]


def edges(corners):
    """Return weights (2, n) and biases (n,) of units that are on at the left of each edge: inside."""
    along = np.roll(corners, -1, axis=0) - corners
    normals = np.c_[-along[:, 1], along[:, 0]]
    return normals.T, -(normals * corners).sum(1)


def network(*layers):
    """Return a network of threshold units with the given weights and biases."""
    boxes = [box for _, b in layers for box in (cp.Dense(len(b)), cp.Step())]
    net = cp.Network(boxes, inputs=2, dtype=np.float64)
    for number, (W, b) in enumerate(layers, start=1):
        net.parameters[f"dense_{number}.W"][...] = W
        net.parameters[f"dense_{number}.b"][...] = b
    return net


def drawings():
    """Yield title, units, network and the polygons whose union it should draw."""
    half_plane = np.array([[8.0, -4.0], [-8.0, 4.0], [-8.0, -8.0]])  # only its first edge is in sight
    W, b = edges(half_plane)
    yield "One layer: a half plane", "1 unit", network((W[:, :1], b[:1])), [half_plane]

    pentagon = regular_polygon(5, turn=0.25)
    all_on = np.ones((5, 1)), [0.5 - 5]
    yield "Two layers: a convex region", "5 + 1 units", network(edges(pentagon), all_on), [pentagon]

    triangles = regular_polygon(3, turn=0.25), regular_polygon(3, turn=0.75)
    (W1, b1), (W2, b2) = map(edges, triangles)
    both_all_on = np.kron(np.eye(2), np.ones((3, 1))), [0.5 - 3] * 2
    any_on = np.ones((2, 1)), [-0.5]
    sides = np.hstack([W1, W2]), np.hstack([b1, b2])
    yield "Three layers: any region", "6 + 2 + 1 units", network(sides, both_all_on, any_on), triangles


def fold(depth):
    """Return a network of `depth` layers of two ReLU units that folds the interval [0, 1] as often."""
    boxes = [box for _ in range(depth) for box in (cp.Dense(2), cp.ReLU())]
    net = cp.Network([*boxes, cp.Dense(1)], inputs=1, dtype=np.float64)
    tent = np.array([2.0, -4.0])  # 2 max(x, 0) - 4 max(x - 1/2, 0)
    for number in range(1, depth + 1):
        net.parameters[f"dense_{number}.W"][...] = 1.0 if number == 1 else tent[:, None]
        net.parameters[f"dense_{number}.b"][...] = [0.0, -0.5]
    net.parameters[f"dense_{depth + 1}.W"][...] = tent[:, None]
    return net


def count_pieces(x, h):
    """Return the number of straight pieces of a curve, from its slopes."""
    slopes = np.diff(h) / np.diff(x)
    return 1 + np.count_nonzero(~np.isclose(slopes[1:], slopes[:-1]))


def experiment(small: bool = False):
    """Return the picture and the figures."""
    n_points = 10_000 if small else 200_000
    points = np.random.default_rng(0).uniform(-1.5, 1.5, size=(n_points, 2))
    grid = np.linspace(-1.5, 1.5, 401)  # no point of it lies on an edge
    figure, axes = plt.subplots(2, 3, figsize=(14, 8.5), height_ratios=[2, 1])
    figures = {}
    for ax, (title, units, net, polygons) in zip(axes[0], drawings(), strict=True):
        inside = np.any([Path(polygon).contains_points(points) for polygon in polygons], axis=0)
        figures[f"points drawn wrong, {title.lower()}"] = int((net.predict(points).ravel() != inside).sum())
        image = net.predict(np.stack(np.meshgrid(grid, grid), axis=-1).reshape(-1, 2)).reshape(401, 401)
        ax.contourf(grid, grid, image, levels=[-0.5, 0.5, 1.5], colors=["white", "C4"])
        for w, b in zip(net.parameters["dense_1.W"].T, net.parameters["dense_1.b"], strict=True):
            foot = -b * w / (w @ w)
            ax.axline(foot, foot + np.array([-w[1], w[0]]), color="C6", linewidth=1)
        ax.set(title=title, xlabel=units, xlim=(-1.5, 1.5), ylim=(-1.5, 1.5), xticks=[], yticks=[], aspect="equal")
        ax.grid(False)
    for ax, depth in zip(axes[1], (1, 3, 5), strict=True):
        x = np.linspace(0.0, 1.0, 2 ** (depth + 2) + 1)
        h = fold(depth).predict(x[:, None]).ravel()
        figures[f"pieces of {2 * depth} units in {depth} layer{'s' * (depth > 1)}"] = count_pieces(x, h)
        ax.plot(x, h, linewidth=1.5)
        ax.set(title=f"{count_pieces(x, h)} pieces (one layer: at most {2 * depth + 1})", xticks=[0, 1], yticks=[0, 1])
        ax.set_xlabel(f"{2 * depth} ReLU units in {depth} layer{'s' * (depth > 1)}")
    return figure, figures


if __name__ == "__main__":
    show(experiment)
