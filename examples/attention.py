r"""
Attention: looking up by multiplication
=======================================

A memory of letters, each with a vector of numbers; a query asks for one of them. Attention multiplies: the query with
every key, and the values with the weights that come of it, :math:`h = \mathrm{softmax}(q K^\top / \sqrt{d})\, V` with
learned projections of the three. Such products of two activations are the multiplicative networks of the lectures. On
the left, each query gives its weight to the place where its letter lies; no place was ever named to the network.

Where a learner stumbles: the letters lie in another order in every row, so there is nothing to learn about places. A
network of sums and ReLUs, with more parameters, finds no such rule.
"""

import matplotlib.pyplot as plt
import numpy as np

import clearprop as cp
from gallery import show

LETTERS = "ABCDEFGH"
N_PLACES, N_VALUES = 6, 2


def memories(n_rows, seed):
    """Return one-hot queries and keys and random values, the values asked for, and their places."""
    random = np.random.default_rng(seed)
    letters = random.permuted(np.tile(np.arange(len(LETTERS)), (n_rows, 1)), axis=1)[:, :N_PLACES]
    place = random.integers(N_PLACES, size=n_rows)
    rows = np.arange(n_rows)
    values = random.normal(size=(n_rows, N_PLACES, N_VALUES))
    codes = np.eye(len(LETTERS))
    return (codes[letters[rows, place]][:, None], codes[letters], values), values[rows, place], place


def inputs():
    """Return the three inputs: a query, keys and values."""
    return cp.Input((1, len(LETTERS))), cp.Input((N_PLACES, len(LETTERS))), cp.Input((N_PLACES, N_VALUES))


def attention_network():
    """Return a network that attends, with an affine map behind."""
    return cp.Network(cp.Dense(N_VALUES)(cp.Flatten()(cp.attention(*inputs(), units=16))), seed=0)


def dense_network():
    """Return a network of sums and ReLUs that sees the same."""
    h = cp.Concatenate()(*(cp.Flatten()(node) for node in inputs()))
    for _ in range(2):
        h = cp.ReLU()(cp.Dense(64)(h))
    return cp.Network(cp.Dense(N_VALUES)(h), seed=0)


def experiment(small: bool = False):
    """Return the picture and the figures."""
    X, y, _ = memories(1000 if small else 4000, seed=0)
    X_test, y_test, place = memories(1000, seed=1)
    nets = {"attention": attention_network(), "sums and ReLUs": dense_network()}
    variance = np.sum((y_test - y_test.mean(axis=0)) ** 2) / 2 / len(y_test)
    errors = {}
    for name, net in nets.items():
        settings = {"optimizer": cp.Adam(0.01), "epochs": 10 if small else 30, "validation": (X_test, y_test)}
        errors[name] = [report.validation_loss / variance for report in net.fit(X, y, **settings)]
    weights = nets["attention"].trace(X_test, y_test)["attention_weights.a"][:, 0]

    figure, (left, right) = plt.subplots(1, 2, figsize=(14, 5.8))
    _, keys, values = (x[:1] for x in X_test)
    memory = keys[0].argmax(axis=1)
    asked = np.sort(memory)
    query = np.eye(len(LETTERS))[asked][:, None]
    batch = query, np.repeat(keys, N_PLACES, axis=0), np.repeat(values, N_PLACES, axis=0)
    shown = nets["attention"].trace(batch, np.zeros((N_PLACES, N_VALUES)))["attention_weights.a"][:, 0]
    left.imshow(shown, cmap="Blues", vmin=0, vmax=1.2)
    for (i, j), weight in np.ndenumerate(shown):
        left.text(j, i, f"{weight:.2f}", ha="center", va="center", color="white" if weight > 0.5 else "black")
    left.set_xticks(range(N_PLACES), [LETTERS[k] for k in memory])
    left.set_yticks(range(N_PLACES), [LETTERS[k] for k in asked])
    left.grid(visible=False)
    left.set(xlabel="memory", ylabel="query", title="Attention weights of one memory")
    for (name, curve), color in zip(errors.items(), ("C0", "C5"), strict=True):
        epochs = np.arange(1, len(curve) + 1)
        right.semilogy(epochs, curve, color=color)
        right.text(len(curve) / 3, 1.7 * curve[len(curve) // 3], name, color=color, weight="bold")
    right.set(xlabel="epoch", ylim=(None, 3), title="Error on new memories, as a share of variance")
    return figure, {
        "error of attention": errors["attention"][-1],
        "error of sums and ReLUs": errors["sums and ReLUs"][-1],
        "largest weight at the right place": np.mean(weights.argmax(axis=1) == place),
        "parameters of attention": nets["attention"].n_parameters,
        "parameters of sums and ReLUs": nets["sums and ReLUs"].n_parameters,
    }


if __name__ == "__main__":
    show(experiment)
