"""Take the pictures of the page that the guide shows: docs/static/page_live.png and its kin.

    python docs/screenshots.py [--out docs/static] [--theme light|dark] [--width 1280]

It needs ``pip install "clearprop[ui]" playwright pillow`` and Chromium.
"""

from __future__ import annotations

import argparse
import io
import re
import shutil
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, expect, sync_playwright

from clearprop.ui.live import LiveSession
from clearprop.ui.server import PageServer

HEIGHT = 800
SPIRALS = {"problem": "spirals", "hidden": [8, 4], "max_epochs": 150, "pace": None}
DIGITS = {"problem": "digits", "max_epochs": 12, "pace": None}
# what a view has once it is filled
READY = {"live": ".diagram circle", "layers": ".bars", "step": "td", "data": ".rows td", "runs": "td"}


def train(page: Page, session: LiveSession, **settings: object) -> None:
    """Train a network to its last epoch."""
    session.change(settings)
    session.control("play")
    while session.current.status == "running":
        page.wait_for_timeout(50)
    loss = session.current.history.curve["loss"][-1]
    expect(page.locator("#figure-loss")).to_have_attribute("data-value", repr(loss))


def show(page: Page, view: str) -> None:
    """Open a view and wait until nothing moves."""
    page.locator(f"#tab-{view}").click()
    expect(page.locator(f"#view-{view} {READY[view]}").first).to_be_visible()
    for chart in page.locator(f"#view-{view} .plot:has(> div):visible").all():
        expect(chart).to_have_attribute("data-drawn", re.compile("."))


def shoot(page: Page, folder: Path, name: str) -> None:
    """Write a picture of the page; 256 colours make a third of the file."""
    page.mouse.move(0, 0)
    with Image.open(io.BytesIO(page.screenshot())) as picture:
        picture.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(folder / f"page_{name}.png", optimize=True)


def take(page: Page, session: LiveSession, folder: Path) -> None:
    """Take all pictures."""
    train(page, session, **SPIRALS)
    page.reload()
    for view in ("live", "layers"):
        show(page, view)
        shoot(page, folder, view)
    show(page, "step")
    page.locator(".stepper").get_by_role("button", name="tanh_1.dh", exact=True).click()
    page.locator("td[data-cell='0,2']").click()
    page.locator("#check").click()
    expect(page.locator("#check-numeric")).to_be_visible()
    shoot(page, folder, "step")
    for rate in (0.1, 0.003):
        train(page, session, learning_rate=rate)
    show(page, "runs")
    expect(page.locator("#view-runs tbody tr")).to_have_count(len(session.runs))
    shoot(page, folder, "runs")
    train(page, session, **DIGITS)
    show(page, "data")
    shoot(page, folder, "data")


def main() -> None:
    """Take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "static")
    parser.add_argument("--theme", choices=("light", "dark"), default="light")
    parser.add_argument("--width", type=int, default=1280)
    options = parser.parse_args()
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    session = LiveSession()
    try:
        with PageServer(session, port=0) as server, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
            page = browser.new_page(
                viewport={"width": options.width, "height": HEIGHT}, color_scheme=options.theme, reduced_motion="reduce"
            )
            page.goto(server.url)
            take(page, session, options.out)
            browser.close()
    finally:
        session.close()


if __name__ == "__main__":
    main()
