"""Rows of the user's own table: every view shows them, and names that look like markup are read as text."""

from pathlib import Path

import numpy
import pytest
from page_actions import VIEWS, show, train
from playwright.sync_api import Page, expect

from clearprop.cli.problem import Problem
from clearprop.estimators.tables.reader import read_table
from clearprop.ui.live import LiveSession
from clearprop.ui.sources import UserTable

NAME = "<img src=x onerror=window.executed=1>"
LABELS = ("<script>window.executed=1</script>", "a&amp;b")


@pytest.fixture
def table(tmp_path: Path, request: pytest.FixtureRequest) -> UserTable:
    """A table of three columns with a class, or a number, to learn."""
    rng = numpy.random.default_rng(0)
    x = rng.normal(size=(60, 3)).round(3)
    target = x[:, 0] - x[:, 1] if request.param == "regression" else [LABELS[int(row)] for row in x[:, 0] > x[:, 1]]
    lines = [
        f'"{NAME}",second,third,goal',
        *(",".join([*map(str, row), str(y)]) for row, y in zip(x, target, strict=True)),
    ]
    path = tmp_path / "rows.csv"
    path.write_text("\n".join(lines))
    problem = Problem.of(read_table(path), "goal")
    return UserTable(problem.features, problem.y, problem.target, problem.task)


@pytest.fixture
def session(table: UserTable):
    made = LiveSession([table])
    yield made
    made.close()


@pytest.mark.parametrize("table", ["classification"], indirect=True)
def test_markup_in_names_is_text(page: Page, session: LiveSession) -> None:
    train(page, "epoch", 1)
    for view in VIEWS:
        show(page, view)
    expect(page.locator("#view-data .rows thead")).to_contain_text(NAME)
    expect(page.locator("#view-step .row-facts")).to_contain_text(f"{NAME} = ")
    expect(page.locator("#view-step .row-facts bdi").first).to_have_text(NAME)
    section = show(page, "live")
    expect(section.get_by_label("Across").locator("option").first).to_have_text(NAME)
    section.get_by_label("Up").select_option("third")
    expect(section.get_by_role("img", name=f"by {NAME} and third")).to_be_visible()
    expect(section.locator(".xtitle").first).to_have_text(NAME)
    expect(section.locator(".legendtext").first).to_have_text(LABELS[0])
    section.locator(".drag.nsewdrag").first.hover()
    show(page, "data").get_by_role("link").first.click()
    expect(page.locator("#view-step .row-facts")).to_contain_text("goal ")
    assert page.evaluate("window.executed") is None
    assert page.locator("main img, main script, main b").count() == page.locator(".strip b").count()


@pytest.mark.parametrize("table", ["regression"], indirect=True)
def test_a_regression_shows_residuals(page: Page, session: LiveSession) -> None:
    train(page, "epoch", 1)
    expect(page.locator("#figures dt").last).to_have_text("R\u00b2")
    section = show(page, "data")
    expect(section.get_by_role("img", name="Residuals of 48 rows by prediction")).to_be_visible()
    expect(section.get_by_role("img", name="Histogram of residuals")).to_be_visible()
    expect(section.locator(".confusion")).to_have_count(0)
    section = show(page, "live")
    expect(section.get_by_role("img", name="Prediction by")).to_be_visible()
    facts = show(page, "step").locator(".row-facts")
    problem = session.current.problem
    expect(facts).to_contain_text("; the network learns (goal \u2212 ")
    learned = facts.locator("[data-value]").evaluate_all("all => all.slice(-2).map(one => Number(one.dataset.value))")
    assert learned == [problem.center, problem.scale]
    assert page.url.count("problem=") == 0
