r"""
The same derivation in five notations
=====================================

Five lecture decks write down one backpropagation with different letters: L, C and B with column vectors, D with row
vectors and full Jacobians, T with sums over single weights. Here one row passes a network of two sigmoid and three
softmax units in each. The formulas in a line of the table differ, but the number is one: that of ``net.trace``.

Where a learner stumbles: deck T prints :math:`(o_k - t_k)\, o_k (1 - o_k)` for the softmax, which belongs to a sigmoid
with squared error. With cross-entropy it is :math:`o_k - t_k`, and finite differences say so too. Deck C once has
:math:`\delta\, a` for :math:`\delta\, a^\top`; deck B's Algorithm 1 once has :math:`h^{(l)}` for :math:`h^{(k)}`.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.special import expit as sigmoid
from scipy.special import log_softmax, softmax

import clearprop as cp
from gallery import show

LINES = ["pre-activation", "activation", "scores", "prediction", "loss", "∇ scores", "∇ pre-activation", "∇ weights"]
FORMULAS = {
    "L: Larochelle": r"""a^{(1)} = b^{(1)} + W^{(1)} x; h^{(1)} = g(a^{(1)}); a^{(2)} = b^{(2)} + W^{(2)} h^{(1)};
f(x) = o(a^{(2)}); l = -\log f(x)_y; \nabla_{a^{(2)}} = f(x) - e(y);
\nabla_{a^{(1)}} = W^{(2)\top} \nabla_{a^{(2)}} \odot g'(a^{(1)}); \nabla_{W^{(1)}} = \nabla_{a^{(1)}} x^\top""",
    "C: UFLDL": r"""z^{(2)} = W^{(1)} a^{(1)} + b^{(1)}; a^{(2)} = f(z^{(2)}); z^{(3)} = W^{(2)} a^{(2)} + b^{(2)};
h_{W,b}(x) = f(z^{(3)}); J = -\log h_{W,b}(x)_y; \delta^{(3)} = h_{W,b}(x) - e_y;
\delta^{(2)} = W^{(2)\top} \delta^{(3)} \odot f'(z^{(2)}); \nabla_{W^{(1)}} = \delta^{(2)} a^{(1)\top}""",
    "D: CMU": r"""z_1 = W_1 y_0 + b_1; y_1 = f_1(z_1); z_2 = W_2 y_1 + b_2; Y = f_2(z_2); Div = -\sum_i d_i \log Y_i;
\nabla_{z_2} = \nabla_Y \, J_Y(z_2); \nabla_{z_1} = \nabla_{z_2} W_2 \, J_{y_1}(z_1); \nabla_{W_1} = y_0\nabla_{z_1}""",
    "T: Toronto": r"""u_j = v_{j0} + \sum_i v_{ji} x_i; h_j = f(u_j); z_k = w_{k0} + \sum_j w_{kj} h_j;
o_k = e^{z_k} / \sum_l e^{z_l}; E = -\sum_k t_k \log o_k; \delta_k = o_k - t_k;
\bar\delta_j = f'(u_j) \sum_k \delta_k w_{kj}; \partial E / \partial v_{ji} = \bar\delta_j x_i""",
    "B: Deep Learning": r"""a^{(1)} = b^{(1)} + W^{(1)} h^{(0)}; h^{(1)} = f(a^{(1)});
a^{(2)} = b^{(2)} + W^{(2)} h^{(1)}; \hat{y} = softmax(a^{(2)}); J = -\log \hat{y}_y; g \leftarrow \hat{y} - e_y;
g \leftarrow W^{(2)\top} g \odot f'(a^{(1)}); \nabla_{W^{(1)}} = g \, h^{(0)\top}""",
}


def column_vectors(x, e, W1, b1, W2, b2):
    """Return the quantities as decks L, C and B compute them; they differ in letters only."""
    a1 = b1 + W1 @ x
    h1 = sigmoid(a1)
    a2 = b2 + W2 @ h1
    f = softmax(a2)
    gradient_a2 = f - e
    gradient_a1 = W2.T @ gradient_a2 * h1 * (1 - h1)
    return a1, h1, a2, f, -np.log(f @ e), gradient_a2, gradient_a1, np.outer(gradient_a1, x)


def row_vectors(y0, d, W1, b1, W2, b2):
    """Return the quantities as deck D computes them: gradients are rows, each box multiplies by its Jacobian."""
    z1 = W1 @ y0 + b1
    y1 = sigmoid(z1)
    z2 = W2 @ y1 + b2
    Y = softmax(z2)
    gradient_z2 = -d / Y @ (np.diag(Y) - np.outer(Y, Y))
    gradient_z1 = gradient_z2 @ W2 @ np.diag(y1 * (1 - y1))
    return z1, y1, z2, Y, -d @ np.log(Y), gradient_z2, gradient_z1, np.outer(y0, gradient_z1).T


def sums(x, t, v, v0, w, w0):
    """Return the quantities as deck T computes them, unit by unit and weight by weight."""
    inputs, hidden, outputs = range(len(x)), range(len(v0)), range(len(w0))
    u = [v0[j] + sum(v[j, i] * x[i] for i in inputs) for j in hidden]
    h = [1 / (1 + np.exp(-u[j])) for j in hidden]
    z = [w0[k] + sum(w[k, j] * h[j] for j in hidden) for k in outputs]
    o = [np.exp(z[k]) / sum(np.exp(z)) for k in outputs]
    delta = [o[k] - t[k] for k in outputs]
    bar = [h[j] * (1 - h[j]) * sum(delta[k] * w[k, j] for k in outputs) for j in hidden]
    return u, h, z, o, -sum(t * np.log(o)), delta, bar, [[bar[j] * x[i] for i in inputs] for j in hidden]


def experiment(small: bool = False):
    """Return the picture and the figures."""
    x, e = np.array([1.0, -0.5]), np.array([0.0, 1.0, 0.0])
    layers = [cp.Dense(2), cp.Sigmoid(), cp.Dense(3)]
    net = cp.Network(layers, inputs=2, loss=cp.CrossEntropy(), seed=1, dtype=np.float64)
    trace, p = net.trace([x], [e]), net.parameters
    numbers = [trace["dense_1.a"][0], trace["sigmoid_1.h"][0], trace.scores[0], trace.prediction[0], trace.loss]
    numbers += [trace["dense_2.delta"][0], trace["dense_1.delta"][0], trace["dense_1.W.gradient"].T]
    weights = p["dense_1.W"].T, p["dense_1.b"], p["dense_2.W"].T, p["dense_2.b"]  # the decks write W x, we write x W
    derivations = [derive(x, e, *weights) for derive in (column_vectors, row_vectors, sums)]
    difference = max(np.abs(a - b).max() for other in derivations for a, b in zip(numbers, other, strict=True))

    z, o, h = trace.scores, trace.prediction[0], np.cbrt(np.finfo(float).eps)
    numeric = np.ravel([(log_softmax(z - s) - log_softmax(z + s)) @ e / (2 * h) for s in h * np.eye(3)])
    misprint = (o - e) * o * (1 - o)
    claims = {"finite differences": numeric, "$o_k - t_k$": o - e, "deck T: $(o_k - t_k)\\,o_k(1 - o_k)$": misprint}

    figure, (table, bars) = plt.subplots(2, 1, figsize=(15.5, 9), height_ratios=[2.6, 1])
    table.set(xlim=(0, 1.04), ylim=(len(numbers), -0.6))
    table.axis("off")
    edges = [0.12, 0.305, 0.48, 0.61, 0.735, 0.895]
    table.text(edges[-1], -0.3, "one number", weight="bold", color="C0")
    for left, (deck, formulas) in zip(edges, FORMULAS.items(), strict=False):
        table.text(left, -0.3, deck, weight="bold", color="C0")
        for row, formula in enumerate(formulas.replace("\n", " ").split("; ")):
            table.text(left, row + 0.4, f"${formula}$", va="center")
    for row, (quantity, number) in enumerate(zip(LINES, numbers, strict=True)):
        table.axhline(row - 0.1, color="#E6E6E6", lw=1)
        table.text(0, row + 0.4, quantity, va="center")
        text = str(np.round(number, 2).tolist()).replace("], ", "],\n  ")
        table.text(edges[-1], row + 0.4, text, va="center", weight="bold", color="C2")
    for place, (name, values) in enumerate(claims.items()):
        bars.bar(np.arange(3) + 0.25 * (place - 1), values, 0.23, label=name, color=["C6", "C0", "C5"][place])
    bars.set_title("Gradient at the scores of a softmax: finite differences decide", loc="left")
    bars.legend(loc="upper center", frameon=True, edgecolor="none", framealpha=1.0)
    bars.set(ylabel="gradient", xticks=range(3), xticklabels=["k = 1", "k = 2, the class", "k = 3"])
    return figure, {
        "largest difference": difference,
        "largest error of o - t": np.abs(o - e - numeric).max(),
        "largest error of the misprint": np.abs(misprint - numeric).max(),
    }


if __name__ == "__main__":
    show(experiment)
