"""What a page that looks on costs: the time of a training with a page's stream and views, over that without.

The page is open in Chromium, without a window and without a graphics card, so all it draws is drawn by the processors
that train. With ``--without-browser`` a second process reads the stream of events instead, and fetches the view after
each of them: what is left is what the server costs. Both kinds of run alternate in this process, whose page is the one
that `clearprop ui` serves.

    python benchmarks/page.py [--problem spirals] [--view live] [--epochs 4000] [--runs 8] [--without-browser]
"""

from __future__ import annotations

import argparse
import http.client
import json
import multiprocessing
import shutil
import statistics
import time
from typing import Any
from urllib.parse import urlsplit

from clearprop.ui.live import LiveSession
from clearprop.ui.server import PageServer


def browse(server_url: str, view: str, ready: Any, looks: Any) -> None:
    """Open the page in a browser, and leave it open."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = shutil.which("chromium") or shutil.which("google-chrome")
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.goto(f"{server_url}&view={view}")
        page.locator(f"#view-{view} [data-drawn], #view-{view} td").first.wait_for()

        def count(request: Any) -> None:
            looks.value += f"/api/{view}" in request.url

        page.on("request", count)
        ready.set()
        while True:
            page.wait_for_timeout(1000)


def look_on(server_url: str, view: str, ready: Any, looks: Any) -> None:
    """Read events and fetch the view after each, until there are none any more."""
    address, token = urlsplit(server_url), server_url.partition("token=")[2]
    headers = {"Authorization": f"Bearer {token}"}
    stream, views = (http.client.HTTPConnection(address.netloc, timeout=60) for _ in range(2))
    stream.request("GET", "/api/events?after=0", headers=headers)
    events = stream.getresponse()
    ready.set()
    while line := events.readline():
        if line.startswith(b"data:"):
            json.loads(line[5:])
            views.request("GET", f"/api/{view}", headers=headers)
            views.getresponse().read()
            looks.value += 1


def seconds_of_a_run(session: LiveSession) -> float:
    """Train the run from the start to its end."""
    session.control("rewind")
    began = time.perf_counter()
    session.control("play")
    while session.current.status != "finished":  # a condition would wake this thread after each epoch
        time.sleep(0.002)
    return time.perf_counter() - began


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problem", default="digits", choices=("xor", "circles", "spirals", "digits"))
    parser.add_argument("--view", default="live", choices=("live", "layers", "step", "data"))
    parser.add_argument("--hidden", default="128,64")
    parser.add_argument("--epochs", type=int, default=4000)
    parser.add_argument("--runs", type=int, default=8)
    parser.add_argument("--without-browser", action="store_true")
    options = parser.parse_args()
    session = LiveSession()
    hidden = [int(units) for units in options.hidden.split(",")]
    session.change({"problem": options.problem, "hidden": hidden, "max_epochs": options.epochs, "pace": None})
    alone, watched = [], []
    context = multiprocessing.get_context("spawn")
    with PageServer(session, port=0) as server:
        seconds_of_a_run(session)  # to warm up
        for _ in range(options.runs):
            alone.append(seconds_of_a_run(session))
            ready, looks = context.Event(), context.Value("i", 0)
            looker = look_on if options.without_browser else browse
            page = context.Process(target=looker, args=(server.url, options.view, ready, looks))
            page.start()
            ready.wait()
            time.sleep(1.0)  # until it has nothing to do
            watched.append(seconds_of_a_run(session))
            page.terminate()
            page.join()
            print(f"alone {alone[-1]:.3f} s, watched {watched[-1]:.3f} s ({looks.value} looks)")
    session.close()
    ratio = statistics.median(w / a for a, w in zip(alone, watched, strict=True))
    print(f"{options.problem}, {options.hidden}, view {options.view}: watched / alone = {ratio:.4f} (median of pairs)")


if __name__ == "__main__":
    main()
