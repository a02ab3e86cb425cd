r"""
Linear models are networks
==========================

Without a hidden layer, a network is a linear model: :math:`a = x W + b`, and its loss says which. Squared error makes
it linear regression, binary cross-entropy logistic regression, cross-entropy softmax regression, and the Poisson loss,
whose prediction is :math:`e^a`, a generalized linear model for counts: choosing :math:`p(y|x)` chooses the loss. The
broad lines are networks trained by L-BFGS, the dashed ones scikit-learn's models of the same rows (the dots): their
coefficients agree to six digits. (Decks on classification and regression, and on the Deep Learning Book.)

Where a learner stumbles: adding the same numbers to the weights of all classes changes no softmax probability, so many
weights are best. Both programs start at 0, where the gradients of the classes sum to 0, and so they end at the same
ones.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer, load_diabetes, load_linnerud, load_wine
from sklearn.linear_model import LinearRegression, LogisticRegression, PoissonRegressor

import clearprop as cp
from gallery import show


def column(table, names, name):
    """Return one column of a table as a table of its own."""
    return table[:, [list(names).index(name)]]


def tasks():
    """Yield for each model its title, loss, scikit-learn's model, x, y and the names of both."""
    data = load_diabetes(scaled=False)
    x = column(data.data, data.feature_names, "bmi")
    model = LinearRegression()
    y = data.target
    yield "Linear regression", cp.SquaredError(), model, x, y, "body mass index (kg/m²)", "progression of diabetes"

    data = load_breast_cancer()
    x = column(data.data, data.feature_names, "mean texture")
    model = LogisticRegression(C=np.inf, tol=1e-10, solver="newton-cholesky")
    yield "Logistic regression", cp.BinaryCrossEntropy(), model, x, 1 - data.target, "mean texture", "P(malignant)"

    data = load_wine()
    x = column(data.data, data.feature_names, "color_intensity")
    model = LogisticRegression(C=np.inf, tol=1e-10, max_iter=10_000)
    yield "Softmax regression", cp.CrossEntropy(), model, x, data.target, "colour intensity of a wine", "P(cultivar)"

    data = load_linnerud()
    x, y = column(data.target, data.target_names, "Waist"), column(data.data, data.feature_names, "Situps")
    model = PoissonRegressor(alpha=0, tol=1e-10, solver="newton-cholesky")
    yield "Poisson regression", cp.Poisson(), model, x, y[:, 0], "waist (inches)", "sit-ups"


def network(loss, x, y):
    """Return a network without a hidden layer, trained from weights of 0."""
    units = len(np.unique(y)) if isinstance(loss, cp.CrossEntropy) else 1
    net = cp.Network([cp.Dense(units, initializer=cp.Constant(0.0))], inputs=1, loss=loss, dtype="float64")
    net.fit(x, y, optimizer=cp.LBFGS(gradient_tolerance=1e-10), epochs=10_000)
    return net


def difference(net, model):
    """Return the largest difference of coefficients and biases, relative to the largest of them."""
    ours = np.concatenate([net.parameters["dense_1.W"].ravel(), net.parameters["dense_1.b"]])
    theirs = np.concatenate([np.ravel(model.coef_), np.ravel(model.intercept_)])
    return np.abs(ours - theirs).max() / np.abs(theirs).max()


def draw(axes, net, model, x, y):
    """Draw the rows, and what both models predict."""
    grid = np.linspace(x.min(), x.max(), 200)[:, None]
    ours = net.predict(grid)
    theirs = model.predict_proba(grid)[:, -ours.shape[1] :] if hasattr(model, "predict_proba") else model.predict(grid)
    for k, curve in enumerate(ours.T):
        axes.plot(grid, curve, color=f"C{k}", linewidth=7, alpha=0.5)
    axes.plot(grid, theirs, "--", color="black", linewidth=1.5)
    if ours.shape[1] == 1:
        axes.scatter(x, y, s=14, alpha=0.4)
        return
    for k, curve in enumerate(ours.T):
        axes.scatter(x[y == k], np.full(sum(y == k), -0.05 * (k + 1)), s=14, alpha=0.4)
        axes.text(grid[curve.argmax(), 0], curve.max() + 0.03, f"{k + 1}", color=f"C{k}", ha="center")
    axes.set_yticks(np.linspace(0, 1, 6))


def experiment(small: bool = False):
    """Return the picture and the figures; it takes no time that a small size could save."""
    figure, panels = plt.subplots(2, 2, figsize=(13, 8.5))
    figures = {}
    for axes, (title, loss, model, x, y, x_name, y_name) in zip(panels.flat, tasks(), strict=True):
        net = network(loss, x, y)
        figures[f"{title.lower()}: relative difference of coefficients"] = difference(net, model.fit(x, y))
        draw(axes, net, model, x, y)
        axes.set(title=f"{title}: loss={type(loss).__name__}()", xlabel=x_name, ylabel=y_name)
    broad, dashed = panels[0, 0].lines
    panels[0, 0].legend([broad, dashed], ["clearprop", "scikit-learn"], loc="upper left")
    return figure, figures


if __name__ == "__main__":
    show(experiment)
