"""The server's connections: where it listens, and which ones it gives up."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from clearprop.ui.encoding import encode
from clearprop.ui.guard import SECURITY_HEADERS

__all__ = ["DEFAULT_PORT", "IDLE_SECONDS", "QuietProtocol", "open_socket"]

DEFAULT_PORT = 8765
N_PORTS = 20  # that are tried from there on
IDLE_SECONDS = 15.0  # after which a connection without a request is closed


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
