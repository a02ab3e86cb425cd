r"""
Dropout on few rows
===================

A network with two hidden layers of 128 ReLU units learns the digits from 200 images, and for a fifth of them it is
told a class drawn at random. Without dropout it learns all of it by heart, false classes as well. With dropout (each
hidden unit is left out of an update with probability 1/2: Larochelle's deck; Srivastava et al. 2014) no unit can rely
on a certain other one being there, what only fits a single row is learned late, and the error on images never seen
stays lower. Thin lines are the runs, each with other rows, thick ones their means.

Where a learner stumbles: dropout acts in training only. In prediction all units are there, and since those that
stayed were scaled up by 2 in training, nothing else changes. Nor is it magic: with true classes alone, these digits
are so easy that both networks come out alike.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import clearprop as cp
from gallery import show

N_ROWS, FALSE_SHARE = 200, 0.2


def network(rate, seed):
    """Return a network that drops hidden units at a rate."""
    hidden = [box for _ in range(2) for box in (cp.Dense(128), cp.ReLU(), cp.Dropout(rate))]
    return cp.Network([*hidden, cp.Dense(10)], inputs=64, loss=cp.CrossEntropy(), seed=seed)


def error_curves(rate, epochs, every, seed):
    """Return training and test error in %, each after every so many epochs."""
    rng = np.random.default_rng(seed)
    X, y = load_digits(return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split(X / 16, y, train_size=N_ROWS, random_state=seed, stratify=y)
    y_train = np.where(rng.random(N_ROWS) < FALSE_SHARE, rng.integers(10, size=N_ROWS), y_train)
    net = network(rate, seed)
    errors = []
    for report in cp.train(net, X_train, y_train, optimizer=cp.Adam(3e-3), epochs=epochs, seed=seed):
        if report.epoch % every == 0:
            sets = (X_train, y_train), (X_test, y_test)
            errors.append([100 * np.mean(net.predict(rows).argmax(axis=1) != classes) for rows, classes in sets])
    return np.transpose(errors)


def experiment(small: bool = False):
    """Return the picture and the figures."""
    runs, epochs, every = (3, 60, 10) if small else (10, 80, 4)
    figure, axes = plt.subplots(1, 2, figsize=(13, 5.5), sharey=True)
    figures = {}
    passes = np.arange(every, epochs + 1, every)
    for name, rate, color in (("without dropout", 0.0, "C5"), ("with dropout", 0.5, "C0")):
        curves = np.array([error_curves(rate, epochs, every, seed) for seed in range(runs)])
        means = curves.mean(axis=0)
        for ax, of_runs, mean, rows in zip(axes, curves.swapaxes(0, 1), means, ("training", "test"), strict=True):
            ax.plot(passes, of_runs.T, color=color, linewidth=0.7, alpha=0.5)
            ax.plot(passes, mean, color=color, linewidth=3.5, label=name)
            figures[f"{rows} error in %, {name}"] = mean[-1]
    axes[0].set(title=f"Error on the {N_ROWS} rows, false classes included", xlabel="passes over the rows")
    axes[1].set(title="Error on images never seen", xlabel="passes over the rows")
    axes[0].legend()
    axes[0].set(ylabel="error in %", ylim=(-1, 40))
    return figure, figures


if __name__ == "__main__":
    show(experiment)
