r"""
Is this a 2, or not?
====================

One sigmoid output answers a yes-or-no question: :math:`P(2|x) = \sigma(a)`, trained by binary cross-entropy. Ten of
them answer ten questions at once, "is it a 0", "is it a 1" and so on: one against all. On the left, the first
network's answers for images that it has not seen; below it, those that it is least sure of. On the right, the ten
outputs of the second network, on average for each digit: it says yes on the diagonal. (CMU deck; "it is a 4" in the
Toronto deck.)

Where a learner stumbles: nine digits of ten are not a 2, so that "never" is right nine times of ten. An accuracy says
something only beside that. And the ten answers need not sum to 1: that takes a softmax.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import clearprop as cp
from gallery import show


def fit(x, y, outputs, epochs):
    """Return a network with a hidden layer and sigmoid outputs."""
    layers = [cp.Dense(64), cp.ReLU(), cp.Dropout(0.3), cp.Dense(outputs)]
    net = cp.Network(layers, inputs=64, loss=cp.BinaryCrossEntropy())
    net.fit(x, y, optimizer=cp.AdamW(cp.Cosine(0.003)), epochs=epochs)
    return net


def experiment(small: bool = False):
    """Return the picture and the figures."""
    images, digit = load_digits(return_X_y=True)
    x, new, digit, new_digit = train_test_split(images / 16, digit, stratify=digit, random_state=0)
    epochs = 40 if small else 150
    answer = fit(x, digit == 2, 1, epochs).predict(new)[:, 0]
    answers = fit(x, np.eye(10)[digit], 10, epochs).predict(new)
    is_two = new_digit == 2

    figure = plt.figure(figsize=(14, 6.5))
    grid = figure.add_gridspec(2, 10, height_ratios=[3, 1])
    left, right = figure.add_subplot(grid[0, :5]), figure.add_subplot(grid[:, 5:])
    bins = np.linspace(0, 1, 21)
    left.hist([answer[is_two], answer[~is_two]], bins, stacked=True, color=["C1", "C0"], log=True)
    left.text(0.97, 60, "2", color="C1", fontsize=20, ha="right")
    left.text(0.07, 250, "not a 2", color="C0", fontsize=20)
    left.set(title="One output: is it a 2?", xlabel="P(2) for new images; the least certain:", ylabel="images")
    for column, row in enumerate(np.abs(answer - 0.5).argsort()[:5]):
        axes = figure.add_subplot(grid[1, column])
        axes.imshow(new[row].reshape(8, 8), cmap="gray_r")
        axes.set_title(f"P(2) = {answer[row]:.2f}", fontsize=12)
        axes.axis("off")
    means = np.array([answers[new_digit == k].mean(0) for k in range(10)])
    shown = right.imshow(means, cmap="Blues", vmin=0, vmax=1)
    right.set(title="Ten outputs: is it a 0, a 1, …?", xlabel="output", ylabel="digit")
    right.set(xticks=range(10), yticks=range(10))
    right.grid(False)
    figure.colorbar(shown, ax=right, shrink=0.8, label="mean answer")
    return figure, {
        "held-out accuracy of 2 or not": np.mean((answer > 0.5) == is_two),
        "accuracy of never saying 2": np.mean(~is_two),
        "held-out accuracy of 4 or not": np.mean((answers[:, 4] > 0.5) == (new_digit == 4)),
        "held-out accuracy of the surest of ten": np.mean(answers.argmax(1) == new_digit),
    }


if __name__ == "__main__":
    show(experiment)
