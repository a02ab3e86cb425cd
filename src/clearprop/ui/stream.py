"""The stream of events: the latest state of things, for as long as somebody reads."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import AsyncIterator
from typing import Any

from starlette.responses import StreamingResponse

from clearprop.ui.desk import Desk
from clearprop.ui.encoding import encode
from clearprop.ui.session import INTERVAL, Session

__all__ = ["EventStream"]

BEAT_SECONDS = 10.0  # between two signs of life
WAKE_SECONDS = 0.5  # between two looks at whether the server ends


class EventStream(StreamingResponse):
    """Server-sent events, ten a second at most: who reads slowly, misses what was between.

    A page looks anew after each event, so there are fewer of them where its looks take long.

    Parameters
    ----------
    session : Session
        What is told of.
    after : int
        The version that the reader knows.
    desk : Desk
        Which knows how long looks take.
    open_streams : set
        Which holds the stream for as long as it is read.
    closing : Event
        Set when the server ends.
    """

    def __init__(
        self, session: Session, after: int, desk: Desk, open_streams: set[EventStream], closing: threading.Event
    ) -> None:
        super().__init__(self._events(after), media_type="text/event-stream")
        self._session, self._desk, self._open, self._closing = session, desk, open_streams, closing
        self._changed = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Send the events."""
        loop = asyncio.get_running_loop()

        def tell() -> None:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(self._changed.set)

        self._open.add(self)
        leave = self._session.listen(tell)
        try:
            await super().__call__(scope, receive, send)
        finally:
            leave()
            self._open.discard(self)

    async def _events(self, after: int) -> AsyncIterator[bytes]:
        yield b": hello\n\n"
        sent = time.monotonic()
        while not self._closing.is_set():
            passed = time.monotonic() - sent
            due = passed >= self._desk.pause or not self._session.hurries
            if due and self._session.version != after:
                event = self._session.event(after)
                after = event["version"]
                yield b"id: %d\ndata: %s\n\n" % (after, encode(event))
                sent = time.monotonic()
            elif passed >= BEAT_SECONDS:
                yield b": still here\n\n"
                sent = time.monotonic()
            await asyncio.sleep(INTERVAL)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), WAKE_SECONDS)
            self._changed.clear()
