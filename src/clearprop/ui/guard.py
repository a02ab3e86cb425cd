"""What stands between a browser and the page: token, Host and Origin, bounded bodies, headers of every answer."""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import json
import socket
from typing import Any

from starlette.exceptions import HTTPException

__all__ = ["MAX_BODY", "SECURITY_HEADERS", "Guard", "allowed_hosts"]

Scope = Any
MAX_BODY = 64 * 1024
TOO_LARGE = f"the body is larger than {MAX_BODY} bytes; send less."
BODY_SECONDS = 10.0  # in which the next part of it must come
WRITE_SECONDS = 20.0  # in which a reader must take something of an answer

SECURITY_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"x-frame-options", b"DENY"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
)


def allowed_hosts(host: str, port: int) -> set[str]:
    """Return what may stand in the Host header, besides addresses in numbers where `host` is not loopback."""
    names = {"127.0.0.1", "localhost", "[::1]", host.lower()}
    if not is_loopback(host):
        names |= {socket.gethostname().lower(), socket.getfqdn().lower()}
    return {f"{name}:{port}" for name in names} | (names if port == 80 else set())


def is_loopback(host: str) -> bool:
    """Return whether a name or an address is this machine's own."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Guard:
    """An ASGI application around another one, which hears of harmless requests alone.

    A page of another site can make the browser send requests here, and by a name that it lets point to this machine
    (DNS rebinding) it can even read the answers. Hence Host must be an address of ours, Origin the page's own, and
    every call of the interface carries the token, which no other page knows.

    Parameters
    ----------
    app : ASGI application
        What answers.
    token : str
        What the header ``Authorization: Bearer`` must bring.
    host : str
        Address that the server listens at.
    port : int
        Its port.
    policy : str
        The Content-Security-Policy of all answers.
    """

    def __init__(self, app: Any, token: str, host: str, port: int, policy: str) -> None:
        self.app, self.token, self.port = app, f"Bearer {token}".encode(), port
        self.hosts, self.numeric = allowed_hosts(host, port), not is_loopback(host)
        self.headers = [(b"content-security-policy", policy.encode()), *SECURITY_HEADERS]

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        """Answer a request, or have it answered."""
        if scope["type"] != "http":
            return

        async def answer(message: Any) -> None:
            if message["type"] == "http.response.start":
                own = list(self.headers)
                if scope["path"].startswith("/api/"):
                    own.append((b"cache-control", b"no-store"))
                message = {**message, "headers": [*message["headers"], *own]}
            async with asyncio.timeout(WRITE_SECONDS):  # for readers that take nothing
                await send(message)

        refused = self.refusal(scope)
        if refused is None:
            await self.app(scope, self.bounded(receive), answer)
        else:
            await _refuse(answer, *refused)

    def refusal(self, scope: Scope) -> tuple[int, str] | None:
        """Return status and reason of a refusal, or None."""
        given: dict[bytes, list[bytes]] = {}
        for name, value in scope["headers"]:
            given.setdefault(name, []).append(value)
        host = [value.decode("latin-1").lower() for value in given.get(b"host", [])]
        if len(host) != 1 or not self.is_ours(host[0]):
            return 403, "the Host header is not the address of this page; open it by the address that was printed."
        for origin in given.get(b"origin", []):
            scheme, _, source = origin.decode("latin-1").lower().partition("://")
            if scheme != "http" or source != host[0]:
                return 403, "the request comes from another site (Origin); use the page itself."
        if scope["path"].startswith("/api/"):
            tokens = given.get(b"authorization", [])
            if len(tokens) != 1 or not hmac.compare_digest(tokens[0], self.token):
                return 401, "the token is missing or wrong; open the page by the whole address that was printed."
        length = given.get(b"content-length", [b"0"])[0]
        if not length.isdigit() or int(length) > MAX_BODY:
            return 413, TOO_LARGE
        return None

    def is_ours(self, host: str) -> bool:
        """Return whether a Host header names this server; addresses in numbers cannot be rebound."""
        if host in self.hosts:
            return True
        name, _, port = host.rpartition(":")
        if not self.numeric or port != str(self.port):
            return False
        try:
            ipaddress.ip_address(name.removeprefix("[").removesuffix("]"))
        except ValueError:
            return False
        return True

    def bounded(self, receive: Any) -> Any:
        """Return what receives a body of bounded size within bounded time."""
        size = 0
        whole = False

        async def read() -> Any:
            nonlocal size, whole
            if whole:  # waits for the end of the connection
                return await receive()
            try:
                async with asyncio.timeout(BODY_SECONDS):
                    message = await receive()
            except TimeoutError:
                raise HTTPException(408, f"the body did not come within {BODY_SECONDS:g} s; send it at once.") from None
            size += len(message.get("body", b""))
            whole = not message.get("more_body", False)
            if size > MAX_BODY:
                raise HTTPException(413, TOO_LARGE)
            return message

        return read


async def _refuse(send: Any, status: int, reason: str) -> None:
    body = json.dumps({"error": reason}).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),  # whatever else the client meant to send is not read
    ]
    if status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
