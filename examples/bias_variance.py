r"""
Bias and variance
=================

One hundred times, 25 points of the same sinusoid are handed out, each time with new noise (Larochelle's deck; Bishop
2006, section 3.2), and a network with 24 Gaussian hidden units, of which only the output is trained, is fitted to
each set. Weight decay decides how flexible it is. Under strong decay all fits agree with one another and miss the
curve: bias. With hardly any, each follows its own points, though their mean is right: variance. For the squared error
of a fit :math:`f` on new targets :math:`t = h(x) + \epsilon`,

.. math:: E\,(f(x) - t)^2 = \underbrace{(\bar f(x) - h(x))^2}_{\text{bias}^2}
          + \underbrace{E\,(f(x) - \bar f(x))^2}_{\text{variance}} + \underbrace{\sigma^2}_{\text{noise}} .

In the lower picture the bands are the three parts, and the points are the error measured on targets that no fit has
seen.

Where a learner stumbles: the mean :math:`\bar f` is over data sets. From a single one, neither bias nor variance can
be seen.
"""

import matplotlib.pyplot as plt
import numpy as np

import clearprop as cp
from gallery import show

N_SETS, N_POINTS, N_UNITS, NOISE = 100, 25, 24, 0.3
SHOWN = {"rigid": 30.0, "in between": 1.0, "flexible": 1e-3}


def sinusoid(x):
    """Return the true curve h."""
    return np.sin(2 * np.pi * x)


def hidden(x):
    """Return the outputs of the Gaussian units, which stand side by side and are not trained."""
    net = cp.Network([cp.RBF(N_UNITS)], inputs=1, dtype=np.float64)
    net.parameters["rbf_1.W"][...] = np.linspace(0.0, 1.0, N_UNITS)
    net.parameters["rbf_1.sigma"][...] = 0.1
    return net.scores(x[:, None])


def fitted_curves(x, targets, decay, at):
    """Return one curve a data set, (n_sets, len(at)); each data set has an output unit of its own in one network."""
    n_sets = len(targets)
    net = cp.Network([cp.Dense(n_sets)], inputs=N_UNITS, penalty=cp.L2(decay / N_POINTS), dtype=np.float64)
    net.fit(hidden(x), targets.T, optimizer=cp.LBFGS(), epochs=300)
    return net.predict(hidden(at)).T


def experiment(small: bool = False):
    """Return the picture and the figures."""
    decays = np.sort([*SHOWN.values(), *(() if small else (3e-3, 0.01, 0.03, 0.1, 0.3, 3.0, 10.0, 100.0))])
    rng = np.random.default_rng(0)
    x, at = np.linspace(0.0, 1.0, N_POINTS), np.linspace(0.0, 1.0, 201)
    targets = sinusoid(x) + NOISE * rng.standard_normal((N_SETS, N_POINTS))
    new_targets = sinusoid(at) + NOISE * rng.standard_normal((N_SETS, len(at)))

    bias, variance, error, standard_error = np.empty((4, len(decays)))
    curves = {}
    for place, decay in enumerate(decays):
        curves[decay] = fits = fitted_curves(x, targets, decay, at)
        bias[place] = np.mean((fits.mean(axis=0) - sinusoid(at)) ** 2)
        variance[place] = np.mean(fits.var(axis=0))
        errors = np.mean((fits - new_targets) ** 2, axis=1)
        error[place], standard_error[place] = errors.mean(), errors.std(ddof=1) / np.sqrt(N_SETS)

    figure, axes = plt.subplot_mosaic("ABC;DDD", figsize=(13, 9))
    for panel, (name, decay) in zip("ABC", SHOWN.items(), strict=True):
        ax = axes[panel]
        ax.plot(at, curves[decay][:20].T, color="C4", linewidth=0.8, label=["20 of 100 fits"] + [None] * 19)
        ax.plot(at, sinusoid(at), color="C2", label="sinusoid")
        ax.plot(at, curves[decay].mean(axis=0), color="C5", label="mean of 100")
        ax.set(title=f"{name.capitalize()}: decay {decay:g}", ylim=(-1.7, 1.7), xlabel="x")
    axes["A"].set_ylabel("f(x)")
    axes["A"].legend(loc="lower left")
    below = axes["D"]
    parts = [np.full(len(decays), NOISE**2), variance, bias]
    below.stackplot(decays, parts, colors=["#DDDDDD", "C4", "C1"], labels=["noise", "variance", "squared bias"])
    below.errorbar(
        decays, error, standard_error, fmt="ko", markersize=5, capsize=3, label="measured error", clip_on=False
    )
    below.set(xscale="log", xlabel="weight decay", ylabel="squared error", xlim=decays[[0, -1]], ylim=(0, 0.5))
    below.legend(reverse=True)
    figures = {}
    for name, decay in SHOWN.items():
        place = decays.tolist().index(decay)
        figures[f"squared bias, {name}"] = bias[place]
        figures[f"variance, {name}"] = variance[place]
        figures[f"squared bias + variance + noise, {name}"] = bias[place] + variance[place] + NOISE**2
        figures[f"measured error, {name}"] = error[place]
    difference = np.abs(bias + variance + NOISE**2 - error)
    figures["largest difference of the two, in standard errors"] = np.max(difference / standard_error)
    return figure, figures


if __name__ == "__main__":
    show(experiment)
