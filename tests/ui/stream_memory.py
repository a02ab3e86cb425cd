"""Stream events to a reader for five minutes while the page trains, and print the memory that the server takes.

    python tests/ui/stream_memory.py [--minutes 5] [--slow]

It should stand still after the first minute: curve, snapshots, runs and what waits to be sent are all bounded. With
--slow the reader takes one event in five seconds.
"""

from __future__ import annotations

import argparse
import http.client
import json
import threading
import time
from pathlib import Path

from clearprop.ui.live import LiveSession
from clearprop.ui.server import PageServer

VIEWS = ("live", "layers", "step", "data", "formulas")


def resident() -> float:
    """Return the memory of this process in MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1e6


def read(server: PageServer, slow: bool, ends: float, seen: list[int]) -> None:
    """Read events, and after each fetch a view, as a page does."""
    headers = {"Authorization": f"Bearer {server.token}"}
    stream, views = (http.client.HTTPConnection("127.0.0.1", server.port, timeout=60) for _ in range(2))
    stream.request("GET", "/api/events?after=0", headers=headers)
    events = stream.getresponse()
    while time.monotonic() < ends and (line := events.readline()):
        if not line.startswith(b"data:"):
            continue
        json.loads(line[5:])
        views.request("GET", f"/api/{VIEWS[len(seen) % len(VIEWS)]}", headers=headers)
        views.getresponse().read()
        seen.append(len(line))
        time.sleep(5.0 if slow else 0.0)


def main() -> None:
    """Stream and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--slow", action="store_true")
    options = parser.parse_args()
    session = LiveSession()
    session.change({"problem": "spirals", "max_epochs": 1_000_000, "pace": None})
    seen: list[int] = []
    with PageServer(session, port=0) as server:
        began = time.monotonic()
        ends = began + 60.0 * options.minutes
        reader = threading.Thread(target=read, args=(server, options.slow, ends, seen))
        reader.start()
        session.control("play")
        while reader.is_alive():
            reader.join(10.0)
            if session.current.status == "finished":
                session.control("rewind")
                session.control("play")
            epoch, seconds = session.current.present.state.epoch, time.monotonic() - began
            print(f"{seconds:5.0f} s: {resident():7.1f} MB, {len(seen):5} events, epoch {epoch}", flush=True)
    session.close()


if __name__ == "__main__":
    main()
