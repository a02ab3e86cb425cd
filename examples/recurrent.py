r"""
A recurrent network and its memory
==================================

A recurrent network, :math:`h_t = \tanh(x_t U + h_{t-1} W + b)`, unrolled in time is a feedforward network whose layers
share their weights. The task needs memory: add the two marked numbers of a sequence. In the picture, the error of the
plain network grows with the length of the sequence until it has learned nothing. LSTM and GRU multiply what they
remember by a gate, :math:`c_t = f_t c_{t-1} + i_t g_t`: where :math:`f_t` is near 1 and :math:`i_t` near 0, nothing is
lost on the way.

Where a learner stumbles: the gate of the memory must start open, here with a bias of 2. A plain network multiplies its
state by the same matrix at every step, and the gradient on its way back likewise; few weights keep a number for long,
and they are hard to find.
"""

import matplotlib.pyplot as plt
import numpy as np

import clearprop as cp
from gallery import show

UNITS = 16


def marked_numbers(n_rows, n_steps, seed):
    """Return sequences of numbers and marks, a mark in each half, and the sums of the marked numbers."""
    random = np.random.default_rng(seed)
    X, rows = np.zeros((n_rows, n_steps, 2)), np.arange(n_rows)
    X[..., 0] = random.uniform(-1, 1, (n_rows, n_steps))
    for half in np.array_split(np.arange(n_steps), 2):
        X[rows, random.choice(half, n_rows), 1] = 1
    return X, (X[..., 0] * X[..., 1]).sum(axis=1)


def unrolled(kind, n_steps):
    """Return a recurrent network, ``"rnn"``, ``"lstm"`` or ``"gru"``, that ends in one number."""
    h = getattr(cp, kind)(cp.Input((n_steps, 2)), UNITS)
    net = cp.Network(cp.Dense(1)(h), seed=0)
    if kind != "rnn":  # second of the gates: the forget gate of an LSTM, the update gate of a GRU
        net.parameters[f"{kind}_input.b"][UNITS : 2 * UNITS] = 2
    return net


def predictions(kind, n_steps, n_rows, epochs):
    """Return what a trained network predicts for new sequences, and their sums."""
    net, optimizer = unrolled(kind, n_steps), cp.Adam(cp.Cosine(0.01), clip_norm=1.0)
    net.fit(*marked_numbers(n_rows, n_steps, seed=0), optimizer=optimizer, epochs=epochs, batch_size=25)
    X, y = marked_numbers(500, n_steps, seed=1)
    return net.predict(X)[:, 0], y


def experiment(small: bool = False):
    """Return the picture and the figures."""
    lengths = (5, 20) if small else (5, 10, 20, 40)
    settings = {"n_rows": 500, "epochs": 10} if small else {"n_rows": 1000, "epochs": 15}
    colors = {"rnn": "C5", "lstm": "C0", "gru": "C2"}
    errors = {}

    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(17, 5.2))
    X, y = marked_numbers(1, lengths[-1], seed=3)
    steps = np.arange(1, lengths[-1] + 1)
    numbers, marked = X[0, :, 0], X[0, :, 1] > 0
    left.bar(steps, numbers, color=np.where(marked, "C1", "#CCCCCC"))
    for step, number in zip(steps[marked], numbers[marked], strict=True):
        left.text(step, 1.07, f"{number:.2f}", ha="center", color="C1", weight="bold")
    left.set(xlabel="step", ylim=(-1.2, 1.2), title=f"Add the marked numbers: {y[0]:.2f}")
    for (kind, color), side in zip(colors.items(), ("center", "top", "bottom"), strict=True):
        for n_steps in lengths:
            z, y = predictions(kind, n_steps, **settings)
            errors[kind, n_steps] = np.mean((z - y) ** 2) / y.var()
        curve = [errors[kind, n_steps] for n_steps in lengths]
        middle.loglog(lengths, curve, "o-", color=color)
        middle.text(1.1 * lengths[-1], curve[-1], kind.upper(), color=color, weight="bold", va=side)
        if kind != "gru":
            right.plot(y, z, ".", color=color)
            right.text(2.1, z[y > 1.5].mean(), kind.upper(), color=color, weight="bold")
    middle.set_xticks(lengths, lengths)
    middle.minorticks_off()
    middle.set(xlabel="length of the sequence", xlim=(None, 1.7 * lengths[-1]), title="Error as a share of variance")
    right.set(xlabel="sum", ylabel="prediction", xlim=(-2.1, 2.8), title=f"New sequences of {lengths[-1]} steps")
    return figure, {f"error of {kind} at {n_steps} steps": error for (kind, n_steps), error in errors.items()}


if __name__ == "__main__":
    show(experiment)
