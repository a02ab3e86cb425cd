"""Attributions of table models against PyTorch's autograd."""

from __future__ import annotations

import numpy
import pandas
import pytest
import scipy.sparse
from torch_twin import forward, torch

import clearprop as cp
from clearprop.estimators.tables import Recipe

# a float32 network of three products, each a sum of some tens of terms, and its backward pass: some 1e2 eps
TOLERANCE = 200.0 * float(numpy.finfo(numpy.float32).eps)
RECIPES = {
    "small": Recipe(hidden=(12, 12), parametric=False, periodic=False, dropout=0.0, epochs=3, batch_size=32),
    "full": Recipe(hidden=(12,), epochs=3, batch_size=32, members=2),
}


def rows():
    random = numpy.random.default_rng(0)
    size = random.normal(5.0, 100.0, size=90)
    size[::9] = numpy.nan
    town = [f"town {number}" for number in random.integers(12, size=90)]
    return pandas.DataFrame({"size": size, "colour": random.choice(["red", "green", "blue"], size=90), "town": town})


def autograd(model, table, score):
    """Return for each network and matrix the gradient of the score times the input."""
    products = []
    inputs = model.preprocessing_.transform(model._table(table, reset=False))
    dense = [x.toarray() if scipy.sparse.issparse(x) else x for x in inputs]
    for member in model.members_:
        net = member.network.astype(numpy.float64)
        xs = net.inputs(tuple(dense))
        contexts = net.reference().forward(net.vector, net.buffer_vector, xs).contexts
        p = {name: torch.tensor(view) for name, view in net.parameters.items()}
        leaves = [torch.tensor(x, requires_grad=True) for x in xs]
        score(forward(net, contexts, p, leaves)).sum().backward()
        products.append([x * leaf.grad.numpy() for x, leaf in zip(xs, leaves, strict=True)])
    return [numpy.mean(matrix, axis=0) for matrix in zip(*products, strict=True)]


def summed(numbers, flags, town):
    """Return the matrices by column: a number, its flag and three colours, and the code of the town."""
    return numpy.stack([numbers[:, 0] + flags[:, 0], flags[:, 1:].sum(axis=1), town.sum(axis=1)], axis=1)


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_attributions_of_classes(recipe):
    table = rows()
    y = numpy.where(table["colour"] == "red", "yes", numpy.where(table["size"] > 0, "no", "maybe"))
    model = cp.Classifier(recipe, random_state=0).fit(table, y)
    chosen = torch.tensor(model.predict_proba(table).argmax(axis=1))
    expected = summed(*autograd(model, table, lambda s: s.gather(1, chosen[:, None])[:, 0] - s.mean(dim=1)))
    assert abs(model.attributions(table) - expected).max() <= TOLERANCE * abs(expected).max()


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
@pytest.mark.parametrize("link", [torch.exp, torch.clone], ids=["poisson", "squared_error"])
def test_attributions_of_numbers(recipe, link):
    table = rows()
    y = 1e3 * (table["colour"] == "red").to_numpy() + table["size"].fillna(0.0).abs().to_numpy()
    objective = "poisson" if link is torch.exp else "squared_error"
    model = cp.Regressor(recipe, objective=objective, random_state=0).fit(table, y)
    expected = summed(*autograd(model, table, lambda s: model.target_.scale[0] * link(s)))
    assert abs(model.attributions(table) - expected).max() <= TOLERANCE * abs(expected).max()
