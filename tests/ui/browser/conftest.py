"""A page in a real browser: what it asks for and complains of is watched while the test runs."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from clearprop.ui.live import LiveSession
from clearprop.ui.server import PageServer

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
OPTIONS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
PATIENCE = 20_000  # milliseconds until a condition has to hold, on a busy machine


@dataclass
class Watched:
    """What a page asked for, and what it complained of."""

    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def watch(self, page: Page) -> None:
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", lambda line: self.complaints.append(line.text) if line.type == "error" else None)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    expect.set_options(timeout=PATIENCE)
    path = next(filter(None, map(shutil.which, BROWSERS)))
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=list(OPTIONS))
        yield started
        started.close()


@pytest.fixture
def session() -> Iterator[LiveSession]:
    made = LiveSession(max_epochs=1_000_000, pace=None)
    yield made
    made.close()


@pytest.fixture
def server(session: LiveSession) -> Iterator[PageServer]:
    with PageServer(session, port=0) as started:
        yield started


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    made = browser.new_context(viewport={"width": 1280, "height": 800}, reduced_motion="reduce")
    made.set_default_timeout(PATIENCE)
    yield made
    made.close()


@pytest.fixture
def watched() -> Watched:
    return Watched()


@pytest.fixture
def page(context: BrowserContext, server: PageServer, watched: Watched) -> Iterator[Page]:
    """The page of `server`; in the end nothing was asked of anybody else, and nothing went wrong in it."""
    opened = context.new_page()
    watched.watch(opened)
    opened.goto(server.url)
    expect(opened.locator("#figure-epoch")).to_have_attribute("data-value", "0")
    yield opened
    assert [url for url in watched.requests if not url.startswith((server.address, "data:", "blob:"))] == []
    assert watched.complaints == []
