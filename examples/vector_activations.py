r"""
Vector activations: the whole Jacobian
======================================

An elementwise activation has a diagonal Jacobian, one number :math:`f'(a)` a unit. A vector activation mixes its
inputs: softmax has :math:`\partial y_i / \partial z_j = y_i (\delta_{ij} - y_j)`, and the backward rule sums over all
outputs, :math:`\partial l / \partial z_j = \sum_i \partial l / \partial y_i \, \partial y_i / \partial z_j`. The
largest of a group passes its gradient to the winner alone; a multiplicative unit :math:`o_i = y_j y_l` to each factor,
times the other.

Where a learner stumbles: entries 2 and 3 of the input are equal and the largest of their group. There the maximum has
no derivative; any split of the 1 between them is a subgradient, and clearprop takes the first. The columns of the
softmax sum to 0, for its outputs always sum to 1.
"""

import matplotlib.pyplot as plt
import numpy as np

import clearprop as cp
from gallery import show

ROW = np.array([[-0.6, 1.2, 1.2, 0.9, -1.0, 0.4]])


def maximum_of_groups():
    """Return a network that puts out the largest of the first three inputs and of the last three."""
    net = cp.Network([cp.Maxout(2, pieces=3)], inputs=6, dtype=np.float64)
    net.parameters["maxout_1.W"][...] = np.eye(6)
    return net


def products():
    """Return a network of three multiplicative units: inputs 1 to 3, each times one of the last three."""
    x = cp.Input(6)
    return cp.Network(cp.Multiply()(cp.Slice(0, 3)(x), cp.Slice(3, 6)(x)), dtype=np.float64)


def numeric_jacobian(net):
    """Return the Jacobian at the row by central differences."""
    h = np.cbrt(np.finfo(float).eps)
    return np.transpose([(net.scores(ROW + e) - net.scores(ROW - e))[0] / (2 * h) for e in h * np.eye(6)])


def experiment(small: bool = False):
    """Return the picture and the figures."""
    networks = {
        "Sigmoid: diagonal": cp.Network([cp.Sigmoid()], inputs=6, dtype=np.float64),
        "Softmax: full": cp.Network([cp.Softmax()], inputs=6, dtype=np.float64),
        "Largest of three: one winner": maximum_of_groups(),
        "Products: the other factor": products(),
    }
    jacobians = {name: net.jacobian(ROW)[0] for name, net in networks.items()}
    figure, panels = plt.subplot_mosaic("abc;abd", figsize=(16.5, 6))
    for axes, (name, J) in zip(panels.values(), jacobians.items(), strict=True):
        limit = 1.7 * np.abs(J).max()  # pale enough to read the numbers
        axes.imshow(J, vmin=-limit, vmax=limit)
        for (i, j), value in np.ndenumerate(J):
            if value:
                axes.text(j, i, f"{value:z.2f}", ha="center", va="center", fontsize=12)
        axes.set(title=name, xticks=range(6), xticklabels=ROW[0], yticks=range(len(J)))
        axes.set(yticklabels=range(1, len(J) + 1), xlabel="input $z_j$", ylabel="output $y_i$")
        axes.grid(visible=False)

    sigmoid, softmax, maximum, product = jacobians.values()
    smooth = [name for name in networks if not name.startswith("Largest")]
    return figure, {
        "largest entry of sigmoid off the diagonal": np.abs(sigmoid - np.diag(np.diag(sigmoid))).max(),
        "largest column sum of softmax": np.abs(softmax.sum(axis=0)).max(),
        "entries of softmax that are not 0": np.count_nonzero(softmax),
        "subgradient at the tie": str(maximum[0, :3].tolist()),
        "numeric slopes at the tie": str(numeric_jacobian(maximum_of_groups())[0, :3].round(6).tolist()),
        "error of the products' Jacobian": np.abs(product - np.c_[np.diag(ROW[0, 3:]), np.diag(ROW[0, :3])]).max(),
        "largest difference from finite differences": max(
            np.abs(jacobians[name] - numeric_jacobian(networks[name])).max() for name in smooth
        ),
    }


if __name__ == "__main__":
    show(experiment)
