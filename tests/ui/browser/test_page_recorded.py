"""The page as one file: it opens from the disk without a network, shows every view, and asks nobody for anything."""

from pathlib import Path

import pytest
from page_actions import VIEWS, choose_dark_and_reload, quantity, show, value
from playwright.sync_api import BrowserContext, Page, expect

import clearprop as cp
from clearprop.ui.live import LiveSession
from clearprop.ui.recording import MAX_BYTES, recorded_page


@pytest.fixture
def file(session: LiveSession, tmp_path: Path) -> Path:
    for _ in range(3):
        session.control("epoch")
    path = tmp_path / "run.html"
    path.write_bytes(recorded_page(session))
    return path


@pytest.fixture
def page(context: BrowserContext, file: Path, watched) -> Page:
    context.set_offline(True)
    opened = context.new_page()
    watched.watch(opened)
    opened.goto(file.as_uri())
    expect(opened.locator("#figure-epoch")).to_have_attribute("data-value", "3")
    yield opened
    assert [url for url in watched.requests if not url.startswith(("data:", "blob:", file.as_uri()))] == []
    assert watched.complaints == []


def test_a_recorded_file_shows_every_view(page: Page, file: Path, session: LiveSession) -> None:
    assert file.stat().st_size <= MAX_BYTES
    for view in VIEWS:
        show(page, view)
    expect(page.locator("#figure-status")).to_have_text("Recorded, paused")
    expect(page.locator("#control-play")).to_be_hidden()
    assert value(page.locator("#figure-loss")) == session.current.history.curve["loss"][-1]
    problem, (net, state) = session.current.problem, session.current.network_at()
    trace = net.trace(problem.inputs[0][:1], problem.y[:1], optimizer=session.current.optimizer, state=state)
    for name in ("dense_1.a", "dense_1.W.gradient", "dense_1.W.update"):
        assert list(quantity(page, name).values()) == trace[name].ravel().tolist()
    page.get_by_role("button", name="dense_1.W.gradient").click()
    page.locator("td[data-quantity='dense_1.W.gradient']").first.click()
    page.locator("#check").click()
    expect(page.locator("#check-numeric")).to_be_visible()


def test_a_recorded_file_has_the_theme_that_was_chosen_before_its_modules_run(page: Page) -> None:
    choose_dark_and_reload(page)
    assert page.evaluate("themeAtFirst") == "dark"


def test_a_recorded_file_goes_back_to_its_epochs_and_says_what_it_lacks(page: Page, session: LiveSession) -> None:
    now = quantity(page, "dense_1.a")
    slider = show(page, "runs").get_by_role("slider")
    slider.focus()
    page.keyboard.press("Home")
    expect(page.locator("#control-present")).to_contain_text("Looking at epoch 0")
    then = quantity(page, "dense_1.a")
    assert then != now
    problem, first = session.current.problem, session.current.network_at(0)[0]
    assert list(then.values()) == first.trace(problem.inputs[0][:1], problem.y[:1])["dense_1.a"].ravel().tolist()
    page.get_by_label("Row", exact=True).fill("399")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("not recorded")
    page.get_by_label("Row", exact=True).fill("1")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_be_empty()


def test_a_notebook_shows_the_recorded_page_in_a_frame(context: BrowserContext, watched, tmp_path: Path) -> None:
    X, y = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [0.0, 1.0, 1.0, 0.0]
    net = cp.Network([cp.Dense(4), cp.Tanh(), cp.Dense(1)], inputs=2, loss=cp.BinaryCrossEntropy())
    with cp.LiveView(port=0, open=False) as view:
        net.fit(X, y, epochs=5, callbacks=[view])
        notebook = tmp_path / "notebook.html"
        notebook.write_text(f"<!doctype html><title>Notebook</title>{view._repr_html_()}")
    context.set_offline(True)
    opened = context.new_page()
    watched.watch(opened)
    opened.goto(notebook.as_uri())
    frame = opened.frame_locator("iframe")
    expect(frame.locator("#figure-epoch")).to_have_attribute("data-value", "5")
    frame.get_by_role("tab", name="Step").click()
    expect(frame.locator("td[data-quantity='input_1.x']")).to_have_count(2)
    assert watched.complaints == []
