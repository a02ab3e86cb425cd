r"""
Initialization: gradients that vanish and explode
=================================================

Backpropagation makes the gradient :math:`\delta` at the pre-activations of a layer from that of the next one: times
its weights, times :math:`f'`. Through many layers such factors multiply. Each panel shows one activation, each line
one way to draw the weights, each point the norm of :math:`\delta` at one layer of an untrained network, as a multiple
of that at the last. Read from right to left, as backpropagation goes. (Decks of Toronto and Larochelle; Glorot and
Bengio 2010, He et al. 2015.)

The sigmoid has :math:`f' \le 1/4`, so that weights which keep the norm of what they multiply (Glorot) still leave a
quarter of it a layer. Behind tanh, Glorot's nearly keep it all. ReLU switches half of the units off, and the 2 in
He's variance :math:`2/n` makes up for just that. Normal weights of deviation :math:`1/\sqrt{n} = 0.1` keep the norm
as well. With half of that the gradient vanishes in all three; with twice as much it explodes behind ReLU, is held back
by saturation behind tanh, and behind the sigmoid it vanishes still.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

import clearprop as cp
from gallery import show

ACTIVATIONS = {"Sigmoid": cp.Sigmoid(), "Tanh": cp.Tanh(), "ReLU": cp.ReLU()}
INITIALIZERS = {
    "small, 0.05": cp.Normal(0.05),
    "Glorot": cp.Glorot(),
    "He": cp.He(),
    "large, 0.2": cp.Normal(0.2),
}
WIDTH = 100


def delta_norms(activation, initializer, depth, X, y, seed):
    """Return the norm of the gradient at the pre-activations of each hidden layer."""
    boxes = [box for _ in range(depth) for box in (cp.Dense(WIDTH, initializer=initializer), activation)]
    net = cp.Network([*boxes, cp.Dense(10)], inputs=64, loss=cp.CrossEntropy(), seed=seed, dtype=np.float64)
    trace = net.trace(X, y)
    return np.array([np.linalg.norm(trace[f"dense_{layer}.delta"]) for layer in range(1, depth + 1)])


def experiment(small: bool = False):
    """Return the picture and the figures."""
    depth, n_networks, n_rows = 20, (1 if small else 3), (50 if small else 100)
    X, y = load_digits(return_X_y=True)
    X = ((X - X.mean()) / X.std())[:n_rows]
    layers = np.arange(1, depth + 1)
    figure, axes = plt.subplots(1, 3, figsize=(16, 5.5), sharey=True)
    figures = {}
    for ax, (title, activation) in zip(axes, ACTIVATIONS.items(), strict=True):
        for number, (name, initializer) in enumerate(INITIALIZERS.items()):
            norms = [delta_norms(activation, initializer, depth, X, y[:n_rows], seed) for seed in range(n_networks)]
            relative = np.exp(np.mean([np.log(norm / norm[-1]) for norm in norms], axis=0))
            ax.semilogy(layers, relative, "o-", markersize=4)
            ax.text(0.5, relative[0], name, ha="right", va="center", color=f"C{number}")
            figures[f"factor a layer, {title}, {name}"] = relative[0] ** (1 / (depth - 1))
        ax.set(title=title, xlabel="layer", xticks=[1, 5, 10, 15, 20], xlim=(-6, 21))
    axes[0].set_ylabel("norm of delta, relative to the last layer")
    return figure, figures


if __name__ == "__main__":
    show(experiment)
