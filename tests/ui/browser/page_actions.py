"""What a user does on the page, and what the page then shows."""

import re
from typing import NamedTuple

from playwright.sync_api import Locator, Page, expect

VIEWS = ("live", "layers", "step", "data", "runs")
READY = {  # of each view, what is there once its numbers are
    "live": ".diagram circle",
    "layers": ".bars",
    "step": "td[data-cell]",
    "data": ".rows tbody tr",
    "runs": "[aria-label='All runs'] tbody tr",
}


def show(page: Page, view: str) -> Locator:
    """Open a view, wait for its numbers and its charts, and return it."""
    page.get_by_role("tab", name=view.capitalize(), exact=True).click()
    section = page.locator(f"#view-{view}")
    expect(section.locator(READY[view]).first).to_be_visible()
    for chart in section.locator("[role=img].plot:has(> div):visible").all():
        expect(chart).to_have_attribute("data-drawn", re.compile(r"\d"))
    return section


def value(locator: Locator) -> float:
    """Return the number of an element, in full precision."""
    text = locator.get_attribute("data-value")
    assert text is not None
    return float(text)


def train(page: Page, control: str, epoch: int, batch: int = 0) -> None:
    """Press a button, and wait until training stands at an epoch and a batch."""
    page.locator(f"#control-{control}").click()
    expect(page.locator("#figure-epoch")).to_have_attribute("data-value", str(epoch))
    expect(page.locator("#figure-batch")).to_have_attribute("data-value", str(batch))


def quantity(page: Page, name: str) -> dict[tuple[int, ...], float]:
    """Return the numbers of a quantity in Step, by cell."""
    show(page, "step")
    page.get_by_role("button", name=name, exact=True).click()
    cells = page.locator(f'#view-step td[data-quantity="{name}"]')
    expect(cells.first).to_be_visible()
    return numbers_of(page, name)


def numbers_of(page: Page, name: str) -> dict[tuple[int, ...], float]:
    """Return the numbers of a quantity that stand in Step, by cell."""
    cells = page.locator(f'#view-step td[data-quantity="{name}"]')
    found = cells.evaluate_all("cells => cells.map(cell => [cell.dataset.cell, cell.dataset.value])")
    return {tuple(map(int, cell.split(","))): float(number) for cell, number in found}


def choose_dark_and_reload(page: Page) -> None:
    """Choose the dark theme and load the page again, which notes as `themeAtFirst` what it had before modules ran."""
    page.add_init_script("""document.addEventListener(
        'readystatechange', () => { window.themeAtFirst = document.documentElement.dataset.theme }, { once: true }
    )""")
    button = page.get_by_role("button", name="Theme")
    for chosen in ("light", "dark"):
        button.click()
        expect(button).to_have_text(f"Theme: {chosen}")
    page.reload()
    expect(button).to_have_text("Theme: dark")


class Cell(NamedTuple):
    """A cell of a table: its text, and its numbers in full precision."""

    text: str
    numbers: list[float]


def cells(table: Locator) -> list[list[Cell]]:
    """Return the rows of a table's body."""
    found = table.evaluate(
        """table => [...table.tBodies[0].rows].map(row => [...row.cells].map(cell => [
            cell.textContent,
            [cell, ...cell.querySelectorAll("[data-value]")].map(node => node.dataset.value).filter(Boolean),
        ]))"""
    )
    return [[Cell(text, list(map(float, numbers))) for text, numbers in row] for row in found]


def numbers_in(table: Locator) -> list[list[float]]:
    """Return the numbers of a table, of which every cell has one."""
    return [[cell.numbers[0] for cell in row] for row in cells(table)]


def values(locator: Locator) -> list[float]:
    """Return the numbers of all elements, in full precision."""
    return list(map(float, locator.evaluate_all("nodes => nodes.map(node => node.dataset.value)")))


def as_tables(section: Locator, title: str) -> list[Locator]:
    """Show a chart as tables, and return them."""
    section.get_by_role("button", name=f"{title}: show as table").click()
    shown = section.locator(f"[aria-label='{title}, as a table'] table")
    expect(shown.first).to_be_visible()
    return shown.all()
