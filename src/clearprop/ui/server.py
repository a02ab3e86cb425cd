"""The server of the page: Starlette and uvicorn on this machine's own address."""

from __future__ import annotations

import importlib.util
import logging
import secrets
import sys
import threading
import time
import webbrowser
from collections.abc import Awaitable, Callable
from typing import Any, Self

from clearprop.errors import ClearpropError, MissingExtraError, NonFiniteError, UnknownNameError
from clearprop.ui import api
from clearprop.ui.desk import Desk
from clearprop.ui.encoding import encode
from clearprop.ui.recording import recorded_page
from clearprop.ui.session import Session
from clearprop.ui.static_files import StaticFile, content_policy, plotly_script, static_files

try:
    import uvicorn
    from starlette.applications import Starlette
    from starlette.exceptions import HTTPException
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

    from clearprop.ui.connections import IDLE_SECONDS, QuietProtocol, open_socket
    from clearprop.ui.guard import Guard, is_loopback
    from clearprop.ui.stream import EventStream
except ImportError as error:
    raise MissingExtraError(
        f"the page needs {error.name}, which is not installed; pip install 'clearprop[ui]'."
    ) from None

if importlib.util.find_spec("plotly") is None:  # the page asks for its script later
    raise MissingExtraError("the page needs plotly, which is not installed; pip install 'clearprop[ui]'.")

__all__ = ["PageServer", "is_loopback", "open_in_browser"]

MAX_CONNECTIONS = 64
MAX_LISTENERS = 16
STATUS: tuple[tuple[type[Exception], int], ...] = (
    (UnknownNameError, 404),
    (NonFiniteError, 409),
    (ClearpropError, 400),
)


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
        self._closing, self._desk = threading.Event(), Desk()
        self.streams: set[EventStream] = set()  # that are read
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
        self._closing.set()
        self._server.should_exit = True
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
            return await self._answer(
                self._desk.view(lambda: make(request.query_params.multi_items()), self.session.spares_products)
            )

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

        response = await self._answer(self._desk.view(work, self.session.spares_products))
        if response.status_code == 200:
            response.headers["content-type"] = "text/html; charset=utf-8"
            response.headers["content-disposition"] = 'attachment; filename="clearprop.html"'
        return response

    async def _answer(self, answer: Awaitable[bytes]) -> Response:
        """Return an answer, or what it has failed for."""
        try:
            return Response(await answer, media_type="application/json")
        except ClearpropError as error:
            return _explained(error)
        except Exception as error:
            logging.getLogger("clearprop.ui").exception("an answer of the page failed")
            return _error(500, f"internal: {type(error).__name__}; this is a bug in clearprop, please report it.")

    async def _events(self, request: Request) -> Response:
        try:
            given = api.query(request.query_params.multi_items(), {"after": (api.whole, 0)})
            self.session.run(None)
        except ClearpropError as error:
            return _explained(error)
        if len(self.streams) >= MAX_LISTENERS:
            return _error(503, f"there are {MAX_LISTENERS} streams already; close other pages.")
        return EventStream(self.session, given["after"], self._desk, self.streams, self._closing)


def _error(status: int, reason: str) -> Response:
    return Response(encode({"error": reason}), status_code=status, media_type="application/json")


def _explained(error: ClearpropError) -> Response:
    return _error(next(status for kind, status in STATUS if isinstance(error, kind)), str(error))


async def _told(request: Request, error: Exception) -> Response:
    """Return what Starlette or the guard has to say as JSON; the rest of a body that is refused is not read."""
    assert isinstance(error, HTTPException)
    reasons = {404: "there is nothing here; the page is at /.", 405: f"{request.method} is not possible here."}
    response = _error(error.status_code, reasons.get(error.status_code, error.detail))
    response.headers["connection"] = "close"
    return response
