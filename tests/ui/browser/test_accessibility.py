"""axe-core finds nothing to object to, in any view and theme. It is installed from npm while the tests run."""

import subprocess
from pathlib import Path

import pytest
from page_actions import VIEWS, show, train
from playwright.sync_api import BrowserContext, Page, expect

from clearprop.ui.live import LiveSession
from clearprop.ui.server import PageServer

AXE = "axe-core@4.14.1"
RUN = """async () => (await axe.run()).violations.map(
    found => [found.id, found.nodes.map(node => `${node.html} ${node.failureSummary}`)]
)"""


@pytest.fixture(scope="session")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder: Path = tmp_path_factory.mktemp("npm")
    command = ["npm", "install", "--prefix", str(folder), "--ignore-scripts", "--no-audit", "--no-fund", AXE]
    subprocess.run(command, check=True, capture_output=True)
    return (folder / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_view_has_violations(context: BrowserContext, page: Page, axe: str, theme: str) -> None:
    page.emulate_media(color_scheme=theme)
    train(page, "epoch", 1)
    page.evaluate(axe)
    for view in VIEWS:
        show(page, view)
        if view == "step":
            page.get_by_role("button", name="dense_1.W.gradient").click()
            page.locator("td[data-quantity='dense_1.W.gradient']").first.click()
            page.locator("#check").click()
            expect(page.locator("#check-numeric")).to_be_visible()
        assert page.evaluate(RUN) == [], view
    show(page, "live").get_by_role("button", name="Loss: show as table").click()
    assert page.evaluate(RUN) == []


def test_a_diverged_run_has_no_violations(page: Page, session: LiveSession, axe: str) -> None:
    session.change({"optimizer": "sgd", "activation": "identity", "learning_rate": 1e5})
    expect(page.locator("#setting-optimizer")).to_have_value("sgd")
    page.locator("#control-play").click()
    expect(page.get_by_role("alert")).to_contain_text("diverged")
    page.evaluate(axe)
    assert page.evaluate(RUN) == []


def test_a_phone_shows_all_of_it(context: BrowserContext, server: PageServer, axe: str) -> None:
    phone = context.new_page()
    phone.set_viewport_size({"width": 390, "height": 844})
    phone.goto(server.url)
    phone.evaluate(axe)
    for view in VIEWS:
        show(phone, view)
        width = phone.evaluate("document.documentElement.scrollWidth")
        assert width <= 390, view
        assert phone.evaluate(RUN) == [], view
