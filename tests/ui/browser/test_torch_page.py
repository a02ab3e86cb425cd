"""The numbers that the page shows of random graphs, read from its DOM, against PyTorch's autograd to 1e-10.

It is collected with ``--oracles``, as the tests in tests/oracles are.
"""

from __future__ import annotations

import math
from typing import Any

import numpy
import pytest
from page_actions import Cell, cells, numbers_of, show, values
from playwright.sync_api import Page, expect
from torch_page import assert_data, assert_facts, assert_layers, assert_live, near, of_rows, random_model
from torch_trace import assert_quantities

import clearprop as cp
from clearprop.ui.live import LiveSession

N_ROWS = 10
WINDOW = 32  # rows and columns of an array that are shown at a time


@pytest.fixture(params=range(10))
def session(request):
    """A session that looks at a random graph in float64."""
    made = LiveSession([random_model(request.param, N_ROWS)])
    yield made
    made.close()


def whole_quantity(page: Page, name: str, shape: tuple[int, ...]) -> dict[tuple[int, ...], float]:
    """Return the numbers of a quantity, window by window where it is large."""
    page.get_by_role("button", name=name, exact=True).click()
    found = numbers_of(page, name)
    if max(shape[-1], numpy.prod(shape[:-1])) <= WINDOW:
        return found

    def moved(where: str) -> bool:
        button, part = page.get_by_role("button", name=where), page.locator("#view-step .window .note")
        if button.is_disabled():
            return False
        before = part.text_content() or ""
        button.click()
        expect(part).not_to_have_text(before)
        return True

    while True:
        while moved("Columns after"):
            found |= numbers_of(page, name)
        while moved("Columns before"):
            pass
        if not moved("Rows after"):
            return found
        found |= numbers_of(page, name)


def assert_factors(terms: list[list[Cell]], expected: dict[str, Any]) -> None:
    """Assert that terms are the products of their factors, and that factors that are quantities are PyTorch's."""
    for *row, term in terms:
        factors = [pair for pair in zip(row[::2], row[1::2], strict=True) if pair[1].numbers]
        assert near(math.prod(number.numbers[0] for _, number in factors), term.numbers[0])
        for label, number in factors:
            name, _, cell = label.text.removesuffix("]").partition("[")
            if name in expected:
                assert near(number.numbers[0], expected[name][tuple(map(int, cell.split(",")))])


def test_the_page_shows_what_autograd_computes(page: Page, session: LiveSession) -> None:
    run = session.current
    problem, net = run.problem, run.network
    optimizer = cp.Adam(session.settings.learning_rate)

    # every quantity of a row
    expected = of_rows(problem, net, slice(1), optimizer)
    show(page, "step")
    names = page.locator("#view-step .stepper button").all_text_contents()
    assert set(names) == set(expected) - set(net.parameters)
    shown = {}
    for name in names:
        shown[name] = numpy.full(expected[name].shape, numpy.nan)
        for cell, number in whole_quantity(page, name, shown[name].shape).items():
            shown[name][cell] = number
    assert_quantities(shown, {name: expected[name] for name in names})
    assert_facts(page, problem, net, expected)

    # a cell: its terms add up to it, and a finite difference agrees
    deltas = [name for name in names if name.endswith((".delta", ".gradient")) and shown[name].any()]
    for name in (deltas[0], deltas[-1]):
        place = numpy.unravel_index(numpy.abs(shown[name]).argmax(), shown[name].shape)
        page.get_by_role("button", name=name, exact=True).click()
        cell = f'[data-quantity="{name}"][data-cell="{",".join(map(str, place))}"]'
        page.locator(f"#view-step td{cell}").click()
        terms = page.locator("#cell-panel [data-term] td[data-value]:last-child")
        expect(page.locator("#cell-panel h3")).to_contain_text(f"{name}[")
        expect(terms.first).to_be_visible()
        totals = page.locator("#cell-panel h3 [data-value], #cell-panel tfoot [data-value]")
        assert near([sum(values(terms)), *values(totals)], [expected[name][place]] * 3)
        assert_factors(cells(page.locator("#cell-panel table")), expected)
        page.locator("#check").click()
        expect(page.locator("#check-analytic")).to_be_visible()
        analytic, numeric, error = values(page.locator("#cell-panel dd"))
        assert near(analytic, expected[name][place])
        assert abs(numeric - expected[name][place]) <= 1e-6 * max(1.0, abs(expected[name][place]))
        assert near(error, abs(analytic - numeric) / numpy.abs(expected[name]).max())

    assert_data(page, problem, net)
    assert_layers(page, problem, net, optimizer)
    assert_live(page, problem, net)
