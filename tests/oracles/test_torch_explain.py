"""What ``clearprop explain`` prints of random graphs, against PyTorch's autograd, to 1e-10 in float64."""

from __future__ import annotations

import csv
import html.parser
import json

import numpy
import pytest
from test_torch_networks import random_graph
from torch_trace import BOUND, assert_quantities, penalty_of, quantities

import clearprop as cp
from clearprop.cli import main

N_INPUTS = 3
DERIVATIVES = (".f'", ".delta", ".dh", ".dx", ".gradient", ".penalty", ".total")


class Numbers(html.parser.HTMLParser):
    """Collects the numbers of a page by quantity and cell."""

    def __init__(self):
        super().__init__()
        self.found = {}

    def handle_starttag(self, tag, attributes):
        named = dict(attributes)
        if "data-value" in named:
            cell = tuple(map(int, named["data-cell"].split(",")))
            self.found.setdefault(named["data-quantity"], {})[cell] = float(named["data-value"])


@pytest.mark.parametrize("seed", range(10))
def test_explain_shows_what_autograd_computes(seed, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    rng = numpy.random.default_rng([seed, 5])
    output, inputs = random_graph(rng, N_INPUTS, 1)
    while len(inputs) > 1:  # a file with a network knows no names for several
        output, inputs = random_graph(rng, N_INPUTS, 1)
    net = cp.Network(output, inputs, penalty=cp.L2(0.1), seed=seed, dtype=numpy.float64)
    net.save("net.clearprop")
    X, y = rng.normal(size=(3, N_INPUTS)), rng.normal(size=3)
    with open("rows.csv", "w", newline="") as file:
        csv.writer(file).writerows([["a", "b", "c", "y"], *numpy.column_stack([X, y]).tolist()])
    row = int(rng.integers(3))
    expected = quantities(net, X[[row]], y[[row]], cp.Adam(0.01))
    options = ["--row", str(row), "--target", "y", "--optimizer", "adam", "--check", "--json"]
    options += ["--html", "page.html"]
    assert main(["explain", "net.clearprop", "rows.csv", *options]) == 0
    printed = json.loads(capsys.readouterr().out)
    shown = {quantity["name"]: numpy.array(quantity["values"]) for quantity in printed["quantities"]}
    page = Numbers()
    page.feed((tmp_path / "page.html").read_text())
    assert set(expected) == set(shown)
    assert_quantities(shown, expected)
    loss, penalty = expected["loss.values"][0], penalty_of(net, X[[row]], y[[row]])
    assert abs(printed["loss"] - loss) <= BOUND * max(1.0, loss)
    assert abs(printed["penalty"] - penalty) <= BOUND * max(1.0, penalty)
    assert set(printed["errors"]) == {name for name in expected if name.endswith(DERIVATIVES)}
    assert max(printed["errors"].values()) < 1e-6
    for name, cells in page.found.items():
        assert all(number == shown[name][cell] for cell, number in cells.items())
    assert set(page.found) == {name for name in shown if name not in net.parameters}
