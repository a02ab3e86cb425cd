"""The server of the page: Starlette and uvicorn on this machine's own address."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import logging
import secrets
import socket
import sys
import threading
import time
import webbrowser
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Self

from clearprop.errors import ArgumentError, ClearpropError, MissingExtraError, NonFiniteError, UnknownNameError
from clearprop.ui import api
from clearprop.ui.desk import Desk
from clearprop.ui.encoding import encode
from clearprop.ui.recording import recorded_page
from clearprop.ui.session import INTERVAL, Session
from clearprop.ui.static_files import StaticFile, content_policy, plotly_script, static_files

try:
    import h11
    import uvicorn
    from starlette.applications import Starlette
    from starlette.exceptions import HTTPException
    from starlette.requests import Request
    from starlette.responses import Response, StreamingResponse
    from starlette.routing import Route
    from uvicorn.protocols.http.h11_impl import H11Protocol

    from clearprop.ui.guard import SECURITY_HEADERS, Guard, is_loopback
except ImportError as error:
    raise MissingExtraError(
        f"the page needs {error.name}, which is not installed; pip install 'clearprop[ui]'."
    ) from None

if importlib.util.find_spec("plotly") is None:  # the page asks for its script later
    raise MissingExtraError("the page needs plotly, which is not installed; pip install 'clearprop[ui]'.")

__all__ = ["DEFAULT_PORT", "PageServer", "is_loopback", "open_in_browser", "open_socket"]

DEFAULT_PORT = 8765
N_PORTS = 20  # that are tried from there on
MAX_CONNECTIONS = 64
MAX_LISTENERS = 16
IDLE_SECONDS = 15.0  # after which a connection without a request is closed
BEAT_SECONDS = 10.0  # between two signs of life on a stream
STATUS: tuple[tuple[type[Exception], int], ...] = (
    (UnknownNameError, 404),
    (NonFiniteError, 409),
    (ClearpropError, 400),
)


def open_socket(host: str = "127.0.0.1", port: int | None = None) -> socket.socket:
    """Return a socket that listens at a port, by default at the first free one from `DEFAULT_PORT` on.

    Raises
    ------
    OSError
        If the port asked for is in use, or the address is not this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    tried = [port] if port is not None else [*range(DEFAULT_PORT, DEFAULT_PORT + N_PORTS), 0]
    for number in tried:
        listening = socket.socket(family, socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((host, number))
            listening.listen(128)
        except OSError:
            listening.close()
            if number == tried[-1]:
                raise
            continue
        return listening
    raise AssertionError  # the last one either listens or raises


def open_in_browser(url: str) -> bool:
    """Open a page in a browser where somebody sits at a terminal; return whether that was tried."""
    if not sys.stderr.isatty():
        return False
    threading.Thread(target=webbrowser.open, args=(url,), name="clearprop-browser", daemon=True).start()
    return True


class PageServer:
    """The page of a session, served in a thread.

    Parameters
    ----------
    session : Session
        What is shown.
    host : str, default="127.0.0.1"
        Address to listen at.
    port : int or None
        Port; by default the first free one from 8765 on, 0 for any.

    Attributes
    ----------
    url : str
        Where the page is, with its token in the fragment, which browsers send to nobody.
    """

    def __init__(self, session: Session, host: str = "127.0.0.1", port: int | None = None) -> None:
        self.session, self.token = session, secrets.token_urlsafe(32)
        self._socket = open_socket(host, port)
        self.port = int(self._socket.getsockname()[1])
        self._files = static_files()
        self._closing = False
        self._n_listeners = 0
        self._desk = Desk()
        policy = content_policy(self._files["index.html"].data)
        guard = Guard(self._application(), self.token, host, self.port, policy)
        config = uvicorn.Config(
            guard, http=QuietProtocol, ws="none", loop="asyncio", lifespan="off", log_config=None,
            log_level="critical", access_log=False, server_header=False, limit_concurrency=MAX_CONNECTIONS,
            timeout_keep_alive=int(IDLE_SECONDS), timeout_graceful_shutdown=1,
        )  # fmt: skip
        self._server = uvicorn.Server(config)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="clearprop-page", daemon=True)
        shown = f"[{host}]" if ":" in host else "127.0.0.1" if host == "0.0.0.0" else host
        self.address = f"http://{shown}:{self.port}/"
        self.url = f"{self.address}#token={self.token}"

    def start(self) -> Self:
        """Begin to answer."""
        self._thread.start()
        while not (self._server.started or self._ended.is_set()):
            time.sleep(0.001)
        return self

    def _run(self) -> None:
        try:
            self._server.run(sockets=[self._socket])
        finally:
            self._ended.set()

    def join(self) -> None:
        """Wait until it stops; an interrupted `threading.Thread.join` would take the thread for dead."""
        while not self._ended.wait(0.5):
            pass

    def close(self) -> None:
        """Stop answering; the session goes on."""
        self._closing = self._server.should_exit = True
        if self._thread.ident is not None:
            self._ended.wait()
        self._socket.close()
        self._desk.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *error: object) -> None:
        self.close()

    # ---- answers

    def _application(self) -> Starlette:
        routes = [
            Route("/", self._page),
            Route("/static/{name}", self._static),
            Route("/api/state", self._call(self._state)),
            Route("/api/events", self._events),
            Route("/api/control", self._post(lambda body: api.control(self.session, body)), methods=["POST"]),
            Route("/api/settings", self._post(self._change), methods=["POST"]),
            Route("/api/record", self._record),
            *(Route(f"/api/{name}", self._view(name)) for name in api.VIEWS),
        ]
        return Starlette(routes=routes, exception_handlers={HTTPException: _told})

    async def _page(self, request: Request) -> Response:
        return self._file(request, "index.html")

    async def _static(self, request: Request) -> Response:
        return self._file(request, request.path_params["name"])

    def _file(self, request: Request, name: str) -> Response:
        if name == "plotly.min.js" and name not in self._files:
            self._files[name] = StaticFile(plotly_script(), "text/javascript; charset=utf-8")
        if name not in self._files:
            return _error(404, "there is no such file.")
        file = self._files[name]
        headers = {"etag": file.tag, "cache-control": "no-cache"}
        if request.headers.get("if-none-match") == file.tag:
            return Response(status_code=304, headers=headers)
        return Response(file.data, headers={**headers, "content-type": file.type})

    def _state(self, pairs: list[tuple[str, str]]) -> Any:
        return self.session.state(api.query(pairs, {"run": api.MOMENT["run"]})["run"])

    def _change(self, body: Any) -> Any:
        self.session.change(body)
        return self.session.state()

    def _view(self, name: str) -> Callable[[Request], Any]:
        return self._call(lambda pairs: api.answer(self.session, name, pairs))

    def _call(self, make: Callable[[list[tuple[str, str]]], Any]) -> Callable[[Request], Any]:
        """Return an endpoint whose answer is computed in another thread."""

        async def endpoint(request: Request) -> Response:
            return await self._answer(self._desk.view(lambda: make(request.query_params.multi_items())))

        return endpoint

    def _post(self, make: Callable[[Any], Any]) -> Callable[[Request], Any]:
        async def endpoint(request: Request) -> Response:
            if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
                return _error(415, "the body must be JSON; send Content-Type: application/json.")
            body = await request.body()

            def work() -> Any:
                api.query(request.query_params.multi_items(), {})
                return make(api.parse_json(body))

            return await self._answer(self._desk.order(work))

        return endpoint

    async def _record(self, request: Request) -> Response:
        def work() -> bytes:
            given = api.query(request.query_params.multi_items(), {"run": api.MOMENT["run"]})
            return recorded_page(self.session, given["run"])

        response = await self._answer(self._desk.view(work))
        if response.status_code == 200:
            response.headers["content-type"] = "text/html; charset=utf-8"
            response.headers["content-disposition"] = 'attachment; filename="clearprop.html"'
        return response

    async def _answer(self, answer: Awaitable[bytes]) -> Response:
        """Return an answer, or what it has failed for."""
        try:
            return Response(await answer, media_type="application/json")
        except ClearpropError as error:
            return _error(next(status for kind, status in STATUS if isinstance(error, kind)), str(error))
        except Exception as error:
            logging.getLogger("clearprop.ui").exception("an answer of the page failed")
            return _error(500, f"internal: {type(error).__name__}; this is a bug in clearprop, please report it.")

    # ---- the stream of events

    async def _events(self, request: Request) -> Response:
        try:
            given = api.query(request.query_params.multi_items(), {"after": (api.whole, 0)})
        except ArgumentError as error:
            return _error(400, str(error))
        if self._n_listeners >= MAX_LISTENERS:
            return _error(503, f"there are {MAX_LISTENERS} streams already; close other pages.")
        return EventStream(self, given["after"])

    async def _stream(self, after: int) -> AsyncIterator[bytes]:
        """Yield the latest state of things, ten times a second at most: who reads slowly, misses what was between.

        A page looks anew after each event, so there are fewer of them where its looks take long.
        """
        loop, changed = asyncio.get_running_loop(), asyncio.Event()

        def tell() -> None:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(changed.set)

        leave = self.session.listen(tell)
        try:
            yield b": hello\n\n"
            sent = time.monotonic()
            while not self._closing:
                passed = time.monotonic() - sent
                due = passed >= self._desk.pause or not self.session.training
                if due and self.session.version != after:
                    event = self.session.event(after)
                    after = event["version"]
                    yield b"id: %d\ndata: %s\n\n" % (after, encode(event))
                    sent = time.monotonic()
                elif passed >= BEAT_SECONDS:
                    yield b": still here\n\n"
                    sent = time.monotonic()
                await asyncio.sleep(INTERVAL)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(changed.wait(), 0.5)
                changed.clear()
        finally:
            leave()


class EventStream(StreamingResponse):
    """The answer that a listener reads; it counts for as long as it is read."""

    def __init__(self, server: PageServer, after: int) -> None:
        super().__init__(server._stream(after), media_type="text/event-stream")
        self.server = server

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Send the events."""
        self.server._n_listeners += 1
        try:
            await super().__call__(scope, receive, send)
        finally:
            self.server._n_listeners -= 1


class QuietProtocol(H11Protocol):
    """HTTP that closes connections on which no request comes, or one that never ends."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to watch a connection."""
        super().connection_made(transport)
        self._seen: tuple[bool, Any, int] = (False, None, 0)
        self.loop.call_later(IDLE_SECONDS, self._look)

    def _look(self) -> None:
        """Close the connection if it has been without a request, and has taken nothing, since the last look."""
        pending, closing = self.transport.get_write_buffer_size(), self.transport.is_closing()
        if closing and pending == 0:
            return
        idle = closing or self.cycle is None or self.cycle.response_complete
        was_idle, cycle, before = self._seen
        if idle and was_idle and cycle is self.cycle and (pending == 0 or pending >= before > 0):
            self.transport.abort()
            return
        self._seen = idle, self.cycle, pending
        self.loop.call_later(IDLE_SECONDS, self._look)

    def send_400_response(self, msg: str) -> None:
        """Answer what is not HTTP."""
        body = encode({"error": "the request is not HTTP."})
        headers = [(b"content-type", b"application/json"), (b"connection", b"close"), *SECURITY_HEADERS]
        for event in (h11.Response(status_code=400, headers=headers), h11.Data(data=body), h11.EndOfMessage()):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()


def _error(status: int, reason: str) -> Response:
    return Response(encode({"error": reason}), status_code=status, media_type="application/json")


async def _told(request: Request, error: Exception) -> Response:
    """Return what Starlette or the guard has to say as JSON; the rest of a body that is refused is not read."""
    assert isinstance(error, HTTPException)
    reasons = {404: "there is nothing here; the page is at /.", 405: f"{request.method} is not possible here."}
    response = _error(error.status_code, reasons.get(error.status_code, error.detail))
    response.headers["connection"] = "close"
    return response
