"""A client of the page's server, for tests: what a browser would send, and what it would not."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time

SECONDS = 30.0  # after which a test has failed


class Client:
    """Asks a server, by default with its token."""

    def __init__(self, server):
        self.server = server

    def ask(self, path, method="GET", body=None, **headers):
        """Return status, headers and body of an answer; a header that is None is left out."""
        given = {"Authorization": f"Bearer {self.server.token}"}
        if isinstance(body, dict | list):
            body, given["Content-Type"] = json.dumps(body), "application/json"
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=SECONDS)
        try:
            connection.request(method, path, body, {name: value for name, value in given.items() if value is not None})
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            connection.close()

    def get(self, path, status=200, **headers):
        """Return an answer as JSON."""
        found, _, body = self.ask(path, **headers)
        assert found == status, body
        return json.loads(body)

    def post(self, path, body, status=200):
        """Return the answer to a JSON body."""
        found, _, answer = self.ask(path, "POST", body)
        assert found == status, answer
        return json.loads(answer)

    def raw(self, data):
        """Return all that the server answers to some bytes, until it closes the connection."""
        with self.connect() as connection:
            connection.sendall(data)
            found = b""
            while part := connection.recv(65536):
                found += part
            return found

    def connect(self):
        """Return a bare connection."""
        return socket.create_connection(("127.0.0.1", self.server.port), timeout=SECONDS)

    def events(self, after=0):
        """Yield the events of a stream."""
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=SECONDS)
        try:
            headers = {"Authorization": f"Bearer {self.server.token}"}
            connection.request("GET", f"/api/events?after={after}", headers=headers)
            answer = connection.getresponse()
            assert answer.status == 200
            assert answer.getheader("content-type").startswith("text/event-stream")
            while line := answer.readline():
                if line.startswith(b"data:"):
                    yield json.loads(line[5:])
        finally:
            connection.close()


def finish(session):
    """Wait until training stands still."""
    with session.changed:
        assert session.changed.wait_for(lambda: session.current.status not in ("running",), timeout=SECONDS)


def train(session, action="play"):
    """Train to the end of what the action asks for, and return the run."""
    session.control(action)
    finish(session)
    return session.current


def wait_until(condition):
    """Wait for something that another thread brings about."""
    ends = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.01)


def in_threads(count, work):
    """Do something in so many threads at once and return the results."""
    found = [None] * count

    def run(place):
        found[place] = work(place)

    threads = [threading.Thread(target=run, args=(place,)) for place in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS)
        assert not thread.is_alive()
    return found
