"""The numbers that the page shows of random graphs, read from its DOM, against PyTorch's autograd to 1e-10.

It is collected with ``--oracles``, as the tests in tests/oracles are.
"""

from __future__ import annotations

import numpy
import pytest
from page_actions import numbers_of, quantity, show, value
from playwright.sync_api import Page, expect
from test_torch_networks import random_graph
from torch_trace import BOUND, assert_quantities, quantities

import clearprop as cp
from clearprop.ui.live import LiveSession
from clearprop.ui.sources import SavedModel

N_ROWS, N_INPUTS, N_CLASSES = 10, 3, 3


def near(got, expected):
    """Return whether numbers are PyTorch's, relative to the largest or to 1."""
    got, expected = numpy.asarray(got, dtype=float), numpy.asarray(expected, dtype=float)
    return numpy.abs(got - expected).max() <= BOUND * max(1.0, numpy.abs(expected).max())


def norm(arrays):
    """Return the Euclidean norm over arrays."""
    return numpy.sqrt(sum((array**2).sum() for array in arrays))


def whole_quantity(page: Page, name: str) -> dict[tuple[int, ...], float]:
    """Return the numbers of a quantity, window by window where it is large."""

    def moved(where: str) -> bool:
        button, part = page.get_by_role("button", name=where), page.locator("#view-step .window .note")
        if not button.count() or button.is_disabled():
            return False
        before = part.text_content() or ""
        button.click()
        expect(part).not_to_have_text(before)
        return True

    found = quantity(page, name)
    while True:
        while moved("Columns after"):
            found |= numbers_of(page, name)
        while moved("Columns before"):
            pass
        if not moved("Rows after"):
            return found
        found |= numbers_of(page, name)


@pytest.fixture(params=range(10))
def session(request):
    """A session that looks at a random graph in float64."""
    rng = numpy.random.default_rng([request.param, 29])
    output, inputs = random_graph(rng, N_INPUTS, N_CLASSES)
    net = cp.Network(output, inputs, loss=cp.CrossEntropy(), penalty=cp.L2(0.1), seed=request.param, dtype="float64")
    net.buffer_vector[...] = rng.uniform(0.5, 1.5, size=net.buffer_vector.shape)
    xs = [rng.normal(size=(N_ROWS, N_INPUTS)) for _ in net.graph.inputs]
    columns = [f"x{place}" for place in range(N_INPUTS * len(xs))]
    y = numpy.arange(N_ROWS) % N_CLASSES
    made = LiveSession([SavedModel(net, xs, y, columns, "class", ["a", "b", "c"], "a graph")])
    yield made
    made.close()


def test_the_page_shows_what_autograd_computes(page: Page, session: LiveSession) -> None:
    run = session.current
    problem, net = run.problem, run.network
    optimizer = cp.Adam(session.settings.learning_rate)

    # Step: every quantity of a row
    one = [x[:1] for x in problem.inputs]
    expected = quantities(net, one[0] if len(one) == 1 else one, problem.y[:1], optimizer)
    show(page, "step")
    names = page.locator("#view-step .stepper button").all_text_contents()
    assert set(names) == set(expected) - set(net.parameters)
    shown = {}
    for name in names:
        shown[name] = numpy.full(expected[name].shape, numpy.nan)
        for cell, number in whole_quantity(page, name).items():
            shown[name][cell] = number
    assert_quantities(shown, {name: expected[name] for name in names})
    assert near(value(page.locator("#row-loss")), expected["loss.values"][0])

    # a cell: its terms add up to it, and a finite difference agrees
    deltas = [name for name in names if name.endswith((".delta", ".gradient")) and shown[name].any()]
    for name in (deltas[0], deltas[-1]):
        place = numpy.unravel_index(numpy.abs(shown[name]).argmax(), shown[name].shape)
        quantity(page, name)
        cell = f'[data-quantity="{name}"][data-cell="{",".join(map(str, place))}"]'
        page.locator(f"#view-step td{cell}").click()
        terms = page.locator("#cell-panel [data-term] td[data-value]:last-child")
        expect(page.locator("#cell-panel h3")).to_contain_text(f"{name}[")
        expect(terms.first).to_be_visible()
        assert near(sum(map(value, terms.all())), expected[name][place])
        page.locator("#check").click()
        expect(page.locator("#check-analytic")).to_be_visible()
        assert near(value(page.locator("#check-analytic")), expected[name][place])
        numeric = value(page.locator("#check-numeric"))
        assert abs(numeric - expected[name][place]) <= 1e-6 * max(1.0, abs(expected[name][place]))

    # Data: the probability of the prediction and the loss of every row to train on
    rows = slice(0, problem.n_rows)
    xs = [x[rows] for x in problem.inputs]
    of_all = quantities(net, xs[0] if len(xs) == 1 else xs, problem.y[rows], optimizer)
    show(page, "data")
    lines = page.locator("#view-data .rows tbody tr")
    assert lines.count() == problem.n_rows
    for line in lines.all():
        row = int(line.locator("a").get_attribute("data-row") or "")
        probability, loss, *values = map(value, line.locator("td[data-value]").all())
        assert near(probability, of_all["loss.prediction"][row].max())
        assert near(loss, of_all["loss.values"][row])
        assert near(values, numpy.concatenate([x[row] for x in xs])[: len(values)])

    # Layers: mean and deviation of every unit of the last node, over the rows to train on
    last = net.graph.output.name
    section = show(page, "layers")
    section.get_by_label("Layer", exact=True).select_option(last)
    expect(section.locator("[aria-label='Units'] caption")).to_contain_text(f"{last}:")
    for unit, line in enumerate(section.locator("[aria-label='Units'] tbody tr").all()):
        mean, deviation = (value(cell) for cell in line.locator("td[data-value]").all()[:2])
        assert near(mean, of_all[f"{last}.a"][:, unit].mean())
        assert near(deviation, of_all[f"{last}.a"][:, unit].std())

    # and the norms at every node, from the table beside their chart
    section.get_by_role("button", name="Size of gradient and update, relative to the weights: show as table").click()
    lines = section.locator("table:has(caption:text-is('Norms by layer')) tbody tr")
    expect(lines).to_have_count(len(net.graph.nodes) - len(net.graph.inputs))
    for line in lines.all():
        node = line.locator("th").text_content() or ""
        own = [name for name in net.parameters if name.rpartition(".")[0] == node]
        whole = [of_all.get(f"{name}.total", of_all[f"{name}.gradient"]) for name in own]
        delta = next((of_all[f"{node}.{what}"] for what in ("delta", "dh") if f"{node}.{what}" in of_all), None)
        expected = {"output": [delta]} if delta is not None else {}
        if own:
            expected |= {"weights": [of_all[name] for name in own], "gradient": whole}
        cells = dict(zip(("weights", "gradient", "update", "ratio", "output"), line.locator("td").all(), strict=True))
        for column, arrays in expected.items():
            assert near(value(cells[column]), norm(arrays))
