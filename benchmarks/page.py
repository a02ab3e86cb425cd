"""What a page that looks on costs: the time of a training with a page's stream and views, over that without.

A second process does what a page does: it reads the stream of events, and after each event fetches the view that is
open, one at a time. Both kinds of run alternate in this process, whose page is the one that `clearprop ui` serves.

    python benchmarks/page.py [--problem spirals] [--view live] [--epochs 4000] [--runs 8]
"""

from __future__ import annotations

import argparse
import http.client
import json
import multiprocessing
import statistics
import time
from typing import Any

from clearprop.ui.live import LiveSession
from clearprop.ui.server import PageServer


def look_on(port: int, token: str, view: str, ready: Any, looks: Any) -> None:
    """Read events and fetch the view after each, until there are none any more."""
    headers = {"Authorization": f"Bearer {token}"}
    stream, views = (http.client.HTTPConnection("127.0.0.1", port, timeout=60) for _ in range(2))
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
    parser.add_argument("--epochs", type=int, default=500)
    parser.add_argument("--runs", type=int, default=8)
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
            page = context.Process(target=look_on, args=(server.port, server.token, options.view, ready, looks))
            page.start()
            ready.wait()
            watched.append(seconds_of_a_run(session))
            page.terminate()
            page.join()
            print(f"alone {alone[-1]:.3f} s, watched {watched[-1]:.3f} s ({looks.value} looks)")
    session.close()
    ratio = statistics.median(w / a for a, w in zip(alone, watched, strict=True))
    print(f"{options.problem}, {options.hidden}, view {options.view}: watched / alone = {ratio:.4f} (median of pairs)")


if __name__ == "__main__":
    main()
