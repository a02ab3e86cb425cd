r"""
Pretraining by auto-encoders
============================

A deep network of sigmoid units starts slowly: each layer multiplies what passes, forward and backward, by slopes of at
most 1/4. Greedy layer-wise pretraining first lets every layer reconstruct what the layer below puts out, :math:`z =
f(x W + b)\, W' + c`, without labels; only then all layers learn the few labels there are. On the left, held-out
accuracy while 150 labelled digits are learned; on the right, how much the units of each layer differ from digit to
digit before they see a label.

Where a learner stumbles: without pretraining the upper layers put out nearly the same for every digit, and gradients
are as small; the network waits at the guess of one class. Better initialization and normalization have since made
pretraining rare.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import clearprop as cp
from gallery import show

DEPTH, N_LABELS = 4, 150


def deep_sigmoid_network(seed):
    """Return a network of four layers of sigmoid units and ten classes."""
    hidden = [box for _ in range(DEPTH) for box in (cp.Dense(64), cp.Sigmoid())]
    return cp.Network([*hidden, cp.Dense(10)], inputs=64, loss=cp.CrossEntropy(), seed=seed)


def variation(net, X, y):
    """Return, for each hidden layer, the mean standard deviation of its units over the rows."""
    trace = net.trace(X, y)
    return [trace[f"sigmoid_{layer}.h"].std(axis=0).mean() for layer in range(1, DEPTH + 1)]


def experiment(small: bool = False):
    """Return the picture and the figures."""
    X, y = load_digits(return_X_y=True)
    X, X_test, y, y_test = train_test_split(X / 16, y, test_size=0.25, stratify=y, random_state=0)
    colors = {"pretrained": "C0", "from scratch": "C5"}
    curves, variations = {name: [] for name in colors}, {name: [] for name in colors}
    for seed in range(1 if small else 5):
        for name in colors:
            net = deep_sigmoid_network(seed)
            if name == "pretrained":
                cp.pretrain(net, X, optimizer=cp.Adam(5e-3), epochs=30, seed=seed)
            variations[name].append(variation(net, X, y))
            settings = {"optimizer": cp.SGD(0.1, momentum=0.9), "epochs": 100, "seed": seed, "metrics": "accuracy"}
            reports = net.fit(X[:N_LABELS], y[:N_LABELS], **settings, validation=(X_test, y_test))
            curves[name].append([report.metrics["validation_accuracy"] for report in reports])

    figure, (left, right) = plt.subplots(1, 2, figsize=(14, 5.4), width_ratios=[1.3, 1])
    for name, color in colors.items():
        middle = np.median(curves[name], axis=0)
        epochs = np.arange(1, len(middle) + 1)
        left.plot(epochs, np.transpose(curves[name]), color=color, lw=1, alpha=0.5)
        left.plot(epochs, middle, color=color)
        left.text(102, middle[-1], name, color=color, weight="bold", va="center")
        means = np.mean(variations[name], axis=0)
        right.semilogy(range(1, DEPTH + 1), means, "o-", color=color)
        right.text(DEPTH + 0.15, means[-1], name, color=color, weight="bold", va="center")
    left.set(xlabel="epoch", xlim=(0, 125), xticks=range(0, 101, 20), ylim=(0, 1))
    left.set_title(f"Accuracy on held-out digits, {N_LABELS} labels")
    right.set(xlabel="layer", ylabel="mean standard deviation", xlim=(0.8, DEPTH + 1.4), xticks=range(1, DEPTH + 1))
    right.set_title("Variation of the units over the digits")
    return figure, {
        "accuracy pretrained": np.median(curves["pretrained"], axis=0)[-1],
        "accuracy from scratch": np.median(curves["from scratch"], axis=0)[-1],
        "variation in the last layer, pretrained": np.mean(variations["pretrained"], axis=0)[-1],
        "variation in the last layer, from scratch": np.mean(variations["from scratch"], axis=0)[-1],
    }


if __name__ == "__main__":
    show(experiment)
