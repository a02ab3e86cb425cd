"""The keyboard alone walks through Step, opens a number and checks it."""

import re

from page_actions import value
from playwright.sync_api import Page, expect

from clearprop.ui.live import LiveSession


def press_until_focused(page: Page, selector: str, key: str = "Tab", limit: int = 60) -> None:
    """Press a key until an element has the focus."""
    for _ in range(limit):
        page.keyboard.press(key)
        if page.locator(f"{selector}:focus").count():
            return
    raise AssertionError(f"{key} does not reach {selector}")


def test_the_keyboard_walks_opens_and_checks(page: Page, session: LiveSession) -> None:
    press_until_focused(page, "#tab-live")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(page.locator("#tab-step")).to_be_focused()
    expect(page.locator("#tab-step")).to_have_attribute("aria-selected", "true")
    problem, (net, state) = session.current.problem, session.current.network_at()
    trace = net.trace(problem.inputs[0][:1], problem.y[:1], optimizer=session.current.optimizer, state=state)
    steps = trace.steps()
    where = page.locator("#step-where")
    expect(where).to_contain_text("input_1.x")
    press_until_focused(page, "#step-next")
    page.keyboard.press("Enter")
    expect(where).to_contain_text(f"{steps[1].name},")
    gradient = next(i for i, step in enumerate(steps) if step.name == "dense_1.W.gradient")
    for step in steps[2 : gradient + 1]:
        page.keyboard.press("ArrowRight")
        expect(where).to_contain_text(f"{step.name},")
        expect(page.locator("#step-title")).to_have_text(step.title)
        expect(page.locator("#step-formula math")).to_have_attribute("aria-label", trace.formula(step.name).latex)
    page.keyboard.press("ArrowLeft")
    expect(where).to_contain_text(f"{steps[gradient - 1].name},")
    page.keyboard.press("ArrowRight")

    press_until_focused(page, "td[data-quantity='dense_1.W.gradient']")
    for key in ("ArrowDown", "ArrowRight", "ArrowRight", "ArrowLeft"):
        page.keyboard.press(key)
    expect(page.locator("td[data-cell='1,1']")).to_be_focused()
    page.keyboard.press("Enter")
    panel = page.locator("#cell-panel")
    expect(panel).to_be_focused()
    explanation = trace.explain("dense_1.W.gradient", (1, 1))
    terms = panel.locator("[data-term]")
    expect(terms).to_have_count(len(explanation.terms))
    for row, term in zip(terms.all(), explanation.terms, strict=True):
        assert row.locator("td.number").evaluate_all("cells => cells.map(cell => Number(cell.dataset.value))") == [
            *(factor.value for factor in term.factors),
            term.value,
        ]
    press_until_focused(page, "#check")
    page.keyboard.press("Enter")
    check = trace.check("dense_1.W.gradient", (1, 1))
    expect(panel.locator("#check-analytic")).to_have_attribute("data-value", re.compile("."))
    assert value(panel.locator("#check-analytic")) == check.analytic == trace["dense_1.W.gradient"][1, 1]
    assert value(panel.locator("#check-numeric")) == check.numeric
    page.keyboard.press("Escape")
    expect(panel).to_be_hidden()
    expect(page.locator("td[data-cell='1,1']")).to_be_focused()


def test_arrows_walk_through_folded_rows_and_tabs(page: Page) -> None:
    page.get_by_label("Hidden layers").fill("20")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("hidden=20&"))
    page.locator("#tab-runs").focus()
    for key, view in (
        ("ArrowRight", "live"),
        ("End", "runs"),
        ("ArrowLeft", "data"),
        ("Home", "live"),
        ("ArrowLeft", "runs"),
    ):
        page.keyboard.press(key)
        expect(page.locator(f"#tab-{view}")).to_be_focused()
        expect(page.locator(f"#view-{view}")).to_be_visible()
    page.locator("#tab-step").click()
    page.get_by_role("button", name="dense_1.a", exact=True).click()
    cells = page.locator("td[data-quantity='dense_1.a']")
    expect(cells).to_have_count(20)
    cells.first.focus()
    for key, cell in (
        ("ArrowDown", "0,8"),
        ("End", "0,15"),
        ("ArrowDown", "0,19"),
        ("ArrowUp", "0,11"),
        ("Home", "0,8"),
    ):
        page.keyboard.press(key)
        expect(page.locator(f"td[data-cell='{cell}']")).to_be_focused()


def test_arrows_walk_through_the_list_of_steps(page: Page) -> None:
    page.locator("#tab-step").click()
    steps = page.get_by_role("navigation", name="Steps").get_by_role("button")
    expect(steps.first).to_be_visible()
    steps.first.focus()
    for key, name in (("ArrowDown", "dense_1.a"), ("ArrowDown", "tanh_1.h"), ("ArrowUp", "dense_1.a")):
        page.keyboard.press(key)
        expect(page.locator(":focus")).to_have_text(name)
        expect(page.locator("#step-where")).to_contain_text(f"{name},")
    assert steps.evaluate_all("buttons => buttons.filter(button => button.tabIndex === 0).length") == 1


def test_the_notation_changes_the_formula_alone(page: Page) -> None:
    page.locator("#tab-step").click()
    page.get_by_role("button", name="dense_1.a", exact=True).click()
    formula, cell = page.locator("#step-formula math"), page.locator("td[data-quantity='dense_1.a']").first
    before, number = formula.get_attribute("aria-label"), cell.get_attribute("data-value")
    page.get_by_label("Notation").select_option("cmu")
    expect(formula).not_to_have_attribute("aria-label", str(before))
    assert cell.get_attribute("data-value") == number
