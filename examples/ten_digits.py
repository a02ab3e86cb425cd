r"""
Ten digits, and none of them
============================

Softmax outputs turn ten scores into probabilities that sum to 1, :math:`p_k = e^{a_k} / \sum_j e^{a_j}`, and
cross-entropy trains them. The targets :math:`t` are smoothed: 0.91 for the class, 0.01 for each other one. Asked about
an image that is no digit, such a network must still name one. An eleventh class, "none", learns from images whose
pixels were shuffled. The bars are both networks' answers to three digits and three shuffled ones that they have not
seen. (CMU deck; Szegedy et al. 2016 for label smoothing.)

Where a learner stumbles: some notes print :math:`(o_k - t_k) o_k (1 - o_k)` as the gradient of softmax with
cross-entropy. It is :math:`o_k - t_k`, as the last number printed shows.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import clearprop as cp
from gallery import show


def shuffled(x, seed):
    """Return the images, each with its pixels in an order of its own."""
    return np.random.default_rng(seed).permuted(x, axis=1)


def fit(x, y, classes, epochs):
    """Return a network with a hidden layer and a softmax output."""
    layers = [cp.Dense(256), cp.ReLU(), cp.Dropout(0.5), cp.Dense(classes)]
    net = cp.Network(layers, inputs=64, loss=cp.CrossEntropy(label_smoothing=0.1))
    net.fit(x, y, optimizer=cp.AdamW(cp.Cosine(0.003)), epochs=epochs)
    return net


def gradient_error(net, x, y):
    """Return how far the gradient of a row's loss at its scores is from o - t, with t smoothed by 0.1."""
    o = net.predict(x)
    t = 0.9 * np.eye(10)[y] + 0.1 / 10
    return np.abs(net.trace(x, y)["dense_2.delta"] * len(x) - (o - t)).max()


def experiment(small: bool = False):
    """Return the picture and the figures."""
    images, digit = load_digits(return_X_y=True)
    x, new, y, new_y = train_test_split(images / 16, digit, stratify=digit, random_state=0)
    none, new_none = shuffled(x, 0), shuffled(new, 1)
    epochs = 40 if small else 100
    ten = fit(x, y, 10, epochs)
    eleven = fit(np.r_[x, none], np.r_[y, np.full(len(none), 10)], 11, epochs)

    rows = np.r_[new[:3], new_none[:3]]
    figure, panels = plt.subplots(3, 6, figsize=(15, 7), height_ratios=[1.3, 1, 1], sharey="row")
    for k, row in enumerate(rows):
        panels[0, k].imshow(row.reshape(8, 8), cmap="gray_r")
        panels[0, k].set_title("digit" if k < 3 else "shuffled pixels")
        panels[0, k].axis("off")
        for axes, net, color in zip(panels[1:, k], (ten, eleven), ("C0", "C1"), strict=True):
            p = net.predict([row])[0]
            axes.bar(range(len(p)), p, color=color)
            axes.set_xticks(range(0, len(p), 2), [*range(0, 10, 2), "none"][: len(range(0, len(p), 2))])
            axes.set_ylim(0, 1)
    for axes in panels[2]:
        axes.set_xlabel("class")
    for axes, classes in zip(panels[1:, 0], ("ten", "eleven"), strict=True):
        axes.set_ylabel(f"p, {classes} classes")
    return figure, {
        "held-out accuracy, ten classes": np.mean(ten.predict(new).argmax(1) == new_y),
        "held-out accuracy on digits, eleven classes": np.mean(eleven.predict(new).argmax(1) == new_y),
        "shuffled images known as none": np.mean(eleven.predict(new_none).argmax(1) == 10),
        "shuffled images called a digit with p > 0.5, ten classes": np.mean(ten.predict(new_none).max(1) > 0.5),
        "largest difference of the gradient at the scores from o - t": gradient_error(ten, new, new_y),
    }


if __name__ == "__main__":
    show(experiment)
