"""The server under attack: what is harmful is refused, and training goes on to the same bits."""

from __future__ import annotations

import http.client
import json
import re
import socket
import time

import pytest
from page_client import SECONDS, Client, finish, in_threads, train, wait_until

from clearprop.ui import connections, guard
from clearprop.ui.connections import open_socket
from clearprop.ui.guard import Guard, allowed_hosts
from clearprop.ui.live import LiveSession
from clearprop.ui.server import MAX_LISTENERS, PageServer

ROUTES = ("state", "events", "live", "layers", "formulas", "step", "cell", "check", "values", "data", "record")
ORDERS = ("control", "settings")


@pytest.fixture(scope="module")
def server():
    session = LiveSession(max_epochs=3, pace=None)
    with PageServer(session, port=0) as started:
        yield started
    session.close()


@pytest.fixture
def client(server):
    server.session.control("rewind")
    return Client(server)


# ---- what a browser asks for


def test_the_page_and_its_modules_are_served(client):
    status, headers, page = client.ask("/", Authorization=None)
    assert status == 200
    assert headers["content-type"] == "text/html; charset=utf-8"
    for name in re.findall(rb'(?:src|href)="(/static/[^"]+)"', page):
        status, headers, body = client.ask(name.decode(), Authorization=None)
        assert status == 200
        assert body
    status, headers, body = client.ask("/static/plotly.min.js", Authorization=None)
    assert status == 200
    assert b"plotly.js" in body[:200]
    status, _, body = client.ask("/static/plotly.min.js", Authorization=None, If_None_Match=headers["etag"])
    assert (status, body) == (304, b"")


def test_the_state_says_everything(client):
    state = client.get("/api/state")
    assert state["mode"] == "live"
    assert [problem["name"] for problem in state["choices"]["problems"]] == ["xor", "circles", "spirals", "digits"]
    assert {"tanh", "relu"} <= set(state["choices"]["activations"])
    assert state["choices"]["notations"][0]["name"] == "clearprop"
    assert [node["name"] for node in state["network"]["nodes"]][:3] == ["input_1", "dense_1", "tanh_1"]
    assert state["network"]["nodes"][1]["parameters"] == ["dense_1.W", "dense_1.b"]
    assert state["network"]["loss"] == "BinaryCrossEntropy()"
    assert state["run"]["status"] == "idle"
    assert state["runs"][-1]["id"] == state["run"]["id"]


def test_orders_are_followed(client):
    answer = client.post("/api/control", {"action": "batch"})
    assert (answer["run"]["step"], answer["run"]["batch"]) == (1, 1)
    client.post("/api/control", {"action": "play"})
    finish(client.server.session)
    assert client.get("/api/state")["run"]["epoch"] == 3
    state = client.post("/api/settings", {"weight_seed": 1})
    assert state["settings"]["weight_seed"] == 1
    assert state["run"]["epoch"] == 0
    assert len(state["runs"]) == 2
    first = client.get(f"/api/state?run={state['runs'][0]['id']}")
    assert first["run"]["epoch"] == 3
    assert first["settings"]["weight_seed"] == 0
    client.post("/api/settings", {"weight_seed": 0})


def test_every_view_is_answered(client):
    for name in (
        "live",
        "layers",
        "formulas",
        "step",
        "data",
        "values?name=dense_1.W",
        "check?name=dense_1.a&cell=0,0",
    ):
        status, headers, body = client.ask(f"/api/{name}")
        assert status == (400 if name.startswith("check") else 200)
        assert headers["content-type"] == "application/json"
        json.loads(body)
    status, headers, body = client.ask("/api/record")
    assert status == 200
    assert headers["content-disposition"] == 'attachment; filename="clearprop.html"'
    assert body.startswith(b"<!doctype html>")


def test_events_come_and_go_on_from_a_version(client):
    events = client.events()
    first = next(events)
    assert first["reset"]
    client.post("/api/control", {"action": "epoch"})
    for event in events:
        if event["run"]["epoch"] == 1 and event["run"]["status"] == "paused":
            break
    events.close()
    again = next(client.events(after=first["version"]))
    assert not again["reset"]
    assert again["run"]["curve"]["from"] == 0
    assert again["run"]["curve"]["epoch"] == [1]


# ---- attacks


@pytest.mark.parametrize("path", [*(f"/api/{name}" for name in ROUTES), "/api/nothing", "/api/"])
@pytest.mark.parametrize("token", [None, "", "Bearer", "Bearer ", "Bearer x", "Basic {}", "Bearer {}x", "bearer {}"])
def test_without_the_token_nothing_is_told(client, path, token):
    given = None if token is None else token.format(client.server.token)
    status, headers, body = client.ask(path, Authorization=given)
    assert status == 401
    assert headers["www-authenticate"] == "Bearer"
    assert set(json.loads(body)) == {"error"}


@pytest.mark.parametrize("path", [f"/api/{name}" for name in ORDERS])
def test_without_the_token_nothing_is_done(client, path):
    before = client.server.session.version
    status, _, _ = client.ask(path, "POST", {"action": "play"}, Authorization="Bearer x")
    assert status == 401
    assert client.server.session.version == before


@pytest.mark.parametrize("path", ["/", "/static/main.js", "/api/state"])
@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{}", "127.0.0.1", "127.0.0.1:1", "localhost.evil.example:{}", "", "[::2]:{}",
             "10.0.0.1:{}"]
)  # fmt: skip
def test_another_host_is_refused(client, path, host):
    status, _, body = client.ask(path, Host=host.format(client.server.port))
    assert status == 403
    assert b"Host" in body


@pytest.mark.parametrize("host", ["127.0.0.1:{}", "localhost:{}", "[::1]:{}", "LOCALHOST:{}"])
def test_the_names_of_this_machine_are_accepted(client, host):
    client.get("/api/state", Host=host.format(client.server.port))


def test_two_hosts_are_refused(client):
    port, token = client.server.port, client.server.token
    head = (
        f"GET /api/state HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nHost: evil.example\r\nAuthorization: Bearer {token}\r\n"
    )
    assert client.raw(f"{head}Connection: close\r\n\r\n".encode()).startswith((b"HTTP/1.1 403", b"HTTP/1.1 400"))


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "https://127.0.0.1:{}", "http://127.0.0.1:1", "http://localhost:{}", ""]
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_another_origin_is_refused(client, origin, method):
    path = "/api/state" if method == "GET" else "/api/control"
    status, _, _ = client.ask(path, method, {"action": "play"}, Origin=origin.format(client.server.port))
    assert status == 403
    assert client.server.session.current.status == "idle"


def test_the_own_origin_is_accepted(client):
    client.get("/api/state", Origin=f"http://127.0.0.1:{client.server.port}")


@pytest.mark.parametrize("path", ["/", "/static/main.js", "/static/none", "/api/state", "/api/none", "/api/step?row=x"])
@pytest.mark.parametrize("wrong", [{}, {"Host": "evil.example"}, {"Authorization": "x"}])
def test_every_answer_has_the_headers_that_protect(client, path, wrong):
    _, headers, _ = client.ask(path, **wrong)
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self' 'sha256-")
    assert "frame-ancestors 'none'" in policy
    assert "unsafe-inline" not in policy.split("style-src")[0]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["x-frame-options"] == "DENY"
    assert "server" not in headers
    assert ("no-store" in headers.get("cache-control", "")) == path.startswith("/api")


@pytest.mark.parametrize(
    "path",
    ["/static/../server.py", "/static/%2e%2e/server.py", "/static/..%2fserver.py", "/static//etc/passwd", "/static/",
     "/static/%2fetc%2fpasswd", "/static/main.js%00", "/static/MAIN.JS", "/etc/passwd", "//evil.example/", "/%2e%2e/"],
)  # fmt: skip
def test_no_other_file_is_served(client, path):
    status, _, body = client.ask(path)
    assert status == 404
    assert set(json.loads(body)) == {"error"}


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/api/state"), ("PUT", "/api/settings"), ("GET", "/api/control"), ("DELETE", "/"),
     ("TRACE", "/api/state"), ("OPTIONS", "/api/settings")],
)  # fmt: skip
def test_other_methods_are_refused(client, method, path):
    status, _, body = client.ask(path, method)
    assert status == 405
    assert set(json.loads(body)) == {"error"}


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b'"play"', b'{"action": 1}', b'{"action": "format"}', b'{"action": "play", "x": 1}',
     b'{"action": "play", "action": "pause"}', b'{"action": NaN}', b"\xff\xfe", b"[" * 30_000, b'{"action": ["play"]}',
     b"1" * 5000],
)  # fmt: skip
def test_malformed_orders_are_refused(client, body):
    status, _, answer = client.ask("/api/control", "POST", body, Content_Type="application/json")
    assert status == 400, answer
    assert set(json.loads(answer)) == {"error"}
    assert client.server.session.current.status == "idle"


@pytest.mark.parametrize(
    "body",
    [b'{"hidden": [1e400]}', b'{"noise": NaN}', b'{"learning_rate": -1}', b'{"x": 1}', b'{"max_epochs": true}',
     b'{"data_seed": 1.5}', b'{"problem": "/etc/passwd"}'],
)  # fmt: skip
def test_malformed_settings_are_refused(client, body):
    before = client.server.session.settings
    status, _, answer = client.ask("/api/settings", "POST", body, Content_Type="application/json")
    assert status == 400, answer
    assert client.server.session.settings == before


@pytest.mark.parametrize("kind", [None, "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
def test_forms_of_other_sites_are_refused(client, kind):
    status, _, _ = client.ask("/api/control", "POST", b'{"action": "play"}', Content_Type=kind)
    assert status == 415
    assert client.server.session.current.status == "idle"


@pytest.mark.parametrize(
    "query",
    ["row=-1", "row=1e3", "row=99999", "row=9999999999", "row=", "row=1&row=2", "rows=1", "row=%D9%A1", "epoch=x",
     "epoch=77", "run=nothing", "row=0;x", "run=" + "x" * 1001],
)  # fmt: skip
def test_parameters_out_of_bounds_are_refused(client, query):
    status, _, body = client.ask(f"/api/step?{query}")
    assert status in (400, 404)
    assert set(json.loads(body)) == {"error"}


@pytest.mark.parametrize(
    "query", ["name=dense_1.W", "name=dense_1.W&cell=9,9", "name=x&cell=0", "cell=0,0", "name=dense_1.W&cell=0,0,0",
              "name=dense_1.W&cell=-1,0", "name=dense_1.W&cell=a", "name=dense_1.W&cell=0,0&notation=mine",
              "name=dense_1.W&cell=" + ",".join("0" * 50)]
)  # fmt: skip
def test_cells_that_there_are_not_are_refused(client, query):
    assert client.ask(f"/api/cell?{query}")[0] in (400, 404)


@pytest.mark.parametrize("query", ["limit=201", "limit=0", "order=best", "part=test", "offset=-1"])
def test_lists_are_bounded(client, query):
    client.get(f"/api/data?{query}", 400)


def test_oversized_bodies_are_refused_before_they_are_read(client):
    port, token = client.server.port, client.server.token
    head = f"POST /api/settings HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\n"
    answer = client.raw(f"{head}Content-Type: application/json\r\nContent-Length: 10000000000\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 413")
    assert b"content-security-policy" in answer


def test_chunked_bodies_are_bounded_too(client):
    port, token = client.server.port, client.server.token
    head = (
        f"POST /api/settings HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\n"
        "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    ).encode()
    chunk = b"4000\r\n" + b"x" * 0x4000 + b"\r\n"
    answer = client.raw(head + 5 * chunk)
    assert answer.startswith(b"HTTP/1.1 413")
    assert client.raw(head + b"2\r\n{}\r\n0\r\n\r\n").startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    "data",
    [b"\x16\x03\x01\x02\x00\x01", b"GET\r\n\r\n", b"GET / HTTP/9\r\n\r\n", b"\x00" * 99,
     b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: " + b"x" * 200_000 + b"\r\n\r\n"],
)  # fmt: skip
def test_what_is_not_http_is_refused(client, data):
    try:
        answer = client.raw(data)
    except ConnectionError:  # closed while it was still sending
        answer = b"HTTP/1.1 400"
    assert answer.startswith((b"HTTP/1.1 400", b"HTTP/1.1 403"))
    client.get("/api/state")


def test_a_request_without_a_host_is_refused(client):
    assert client.raw(b"GET /api/state HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.1 403")


def test_no_websocket_is_opened(client):
    port = client.server.port
    answer = client.raw(
        f"GET /api/events HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    assert answer.startswith(b"HTTP/1.1 401")


def test_a_body_that_never_comes_is_not_waited_for(client, monkeypatch):
    monkeypatch.setattr(guard, "BODY_SECONDS", 0.05)
    port, token = client.server.port, client.server.token
    head = f"POST /api/control HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\n"
    answer = client.raw(f"{head}Content-Type: application/json\r\nContent-Length: 20\r\n\r\n{{".encode())
    assert answer.startswith(b"HTTP/1.1 408")


def test_silent_connections_are_closed(client, monkeypatch):
    monkeypatch.setattr(connections, "IDLE_SECONDS", 0.05)
    assert client.raw(b"") == b""
    assert client.raw(b"GET / HTTP/1.1\r\nHost: ") == b""


def test_connections_in_use_stay_open_and_idle_ones_do_not(client):
    server = client.server
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=SECONDS)

    def request():
        connection.request("GET", "/api/state", headers={"Authorization": f"Bearer {server.token}"})
        assert connection.getresponse().read()

    request()
    address, bare = connection.sock.getsockname(), connection.sock
    (protocol,) = [item for item in server._server.server_state.connections if item.client == address]
    for _ in range(3):  # looks with requests between them
        protocol.loop.call_soon_threadsafe(protocol._look)
        request()
        assert connection.sock is bare
    for _ in range(2):
        protocol.loop.call_soon_threadsafe(protocol._look)
    assert bare.recv(1) == b""
    connection.close()


def test_streams_are_bounded_and_those_left_make_room(client):
    streams = [client.events() for _ in range(MAX_LISTENERS)]
    for stream in streams:
        assert next(stream)["reset"]
    status, _, body = client.ask("/api/events")
    assert status == 503
    assert b"close other pages" in body
    streams.pop().close()
    wait_until(lambda: len(client.server.streams) < MAX_LISTENERS)
    assert next(client.events())["reset"]
    for stream in streams:
        stream.close()
    wait_until(lambda: len(client.server.streams) == 0)
    wait_until(lambda: not client.server.session._listeners)


def test_a_reader_that_takes_nothing_is_dropped(client, monkeypatch):
    monkeypatch.setattr(guard, "WRITE_SECONDS", 0.2)
    session, server = client.server.session, client.server
    session.change({"max_epochs": 1_000_000, "pace": None})
    with client.connect() as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        head = f"GET /api/events HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nAuthorization: Bearer {server.token}\r\n"
        slow.sendall(f"{head}\r\n".encode())
        wait_until(lambda: len(server.streams) == 1)
        monkeypatch.setattr(session, "event", lambda after: {"version": time.monotonic_ns(), "padding": "x" * 10**7})
        session.control("play")
        wait_until(lambda: len(server.streams) == 0)
    session.control("pause")
    monkeypatch.undo()
    session.change({"max_epochs": 3})
    client.get("/api/state")


def test_a_hundred_connections_do_no_harm_and_training_ends_with_the_same_bits(client):
    session, server = client.server.session, client.server
    session.change({"problem": "spirals", "max_epochs": 300, "pace": None})
    expected = train(session).present.state.parameters.tobytes()
    session.control("rewind")
    silent = [client.connect() for _ in range(60)]
    session.control("play")

    def attack(place):
        try:
            if place % 3 == 0:
                return client.ask("/api/live", Authorization="Bearer wrong")[0]
            if place % 3 == 1:
                return client.ask("/api/settings", "POST", b"x" * 70_000, Content_Type="application/json")[0]
            return client.ask("/api/live")[0]
        except (ConnectionError, TimeoutError):
            return None

    statuses = set(in_threads(100, attack))
    finish(session)
    for connection in silent:
        connection.close()
    assert statuses <= {200, 401, 413, 503, None}
    assert session.current.status == "finished"
    assert session.current.present.state.parameters.tobytes() == expected
    wait_until(lambda: len(server._server.server_state.connections) < 10)
    assert client.get("/api/state")["run"]["epoch"] == 300
    session.change({"problem": "xor", "max_epochs": 3, "pace": None})


def test_an_error_of_ours_tells_nothing_of_the_machine(client, monkeypatch, caplog):
    def fails(number):
        raise RuntimeError("/home/somebody/secret")

    monkeypatch.setattr(client.server.session, "state", fails)
    answer = client.get("/api/state", 500)
    assert "secret" not in answer["error"]
    assert "RuntimeError" in answer["error"]
    assert "secret" in caplog.text  # but those who run it can read it


# ---- addresses


def test_the_token_is_long_and_new_every_time(server):
    other = PageServer(server.session, port=0)
    assert other.token != server.token
    assert len(server.token) >= 43  # 32 bytes in base 64
    assert server.url == f"http://127.0.0.1:{server.port}/#token={server.token}"
    other.close()


def test_a_port_in_use_is_an_error_unless_any_will_do(server, monkeypatch):
    with pytest.raises(OSError, match="in use"):
        open_socket(port=server.port)
    monkeypatch.setattr(connections, "DEFAULT_PORT", server.port)
    with open_socket() as found:
        assert found.getsockname()[0] == "127.0.0.1"
        assert found.getsockname()[1] != server.port


def test_addresses_of_other_machines_are_allowed_only_where_they_can_come():
    assert allowed_hosts("127.0.0.1", 8000) == {"127.0.0.1:8000", "localhost:8000", "[::1]:8000"}
    assert "127.0.0.2:8000" in allowed_hosts("127.0.0.2", 8000)
    assert "box.example:8000" in allowed_hosts("Box.example", 8000)
    assert "localhost" in allowed_hosts("127.0.0.1", 80)
    assert "192.168.0.7:8000" in allowed_hosts("192.168.0.7", 8000)
    everywhere = Guard(None, "token", "0.0.0.0", 8000, "")
    assert everywhere.is_ours("192.168.0.7:8000")
    assert everywhere.is_ours("[fe80::1]:8000")
    assert not everywhere.is_ours("192.168.0.7:8001")
    assert not everywhere.is_ours("rebound.example:8000")
    assert not Guard(None, "token", "127.0.0.1", 8000, "").is_ours("192.168.0.7:8000")
