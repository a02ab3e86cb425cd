"""The page as one file: what it holds are the server's answers, and it stays small."""

from __future__ import annotations

import base64
import gzip
import json
import re

import numpy
import pytest
from page_client import Client, train

import clearprop as cp
from clearprop.ui import recording
from clearprop.ui.live import LiveSession
from clearprop.ui.recording import MAX_BYTES, PAGE, recorded_page
from clearprop.ui.server import PageServer
from clearprop.ui.static_files import static_files


@pytest.fixture(scope="module")
def session():
    found = LiveSession(max_epochs=30, pace=None)
    train(found)
    yield found
    found.close()


@pytest.fixture(scope="module")
def page(session):
    return recorded_page(session).decode()


def entries(page):
    (packed,) = re.findall(r'<script type="application/octet-stream" id="recording">([^<]*)</script>', page)
    return json.loads(gzip.decompress(base64.b64decode(packed)))["entries"]


def test_the_entries_are_the_answers_of_the_server(session, page):
    with PageServer(session, port=0) as server:
        client = Client(server)
        found = entries(page)
        for address, answer in found.items():
            if address != "/api/state":
                assert client.get(address) == answer, address
        state = client.get("/api/state")
        assert found["/api/state"] == {
            **state,
            "runs": [run for run in state["runs"] if run["id"] == state["run"]["id"]],
        }


def test_every_view_is_recorded_for_the_last_epoch_and_for_earlier_ones(page):
    found = entries(page)
    assert {"/api/live", "/api/layers", "/api/step?row=0", "/api/formulas?notation=cmu"} <= set(found)
    for part in ("train", "validation"):
        assert f"/api/data?limit={PAGE}&offset=0&order=worst&part={part}" in found
        for row in found[f"/api/data?limit={PAGE}&offset=0&order=worst&part={part}"]["rows"][:5]:
            assert f"/api/step?row={row['row']}" in found
    assert {"/api/live?epoch=0", "/api/layers?epoch=15", "/api/step?epoch=0&row=0"} <= set(found)
    assert "/api/cell?cell=0%2C0&name=dense_1.a&notation=clearprop&row=0" in found
    assert "/api/check?cell=0%2C0&name=dense_1.W.gradient&row=0" in found


def test_the_page_asks_for_as_many_rows_as_are_recorded():
    assert f"const PAGE = {PAGE};" in static_files()["view_data.js"].data.decode()


def test_the_file_needs_nothing_else(page):
    bare = re.sub(
        r'<script type="application/octet-stream".*?</script>\n<script>.*?</script>', "", page, flags=re.DOTALL
    )
    assert "/static/" not in re.sub(r"data:text/javascript;base64,[A-Za-z0-9+/=]+", "", bare)
    assert not re.findall(r'(?:src|href)="(?!data:|#)[^"]*"', bare)
    (imports,) = re.findall(r'<script type="importmap">(.*?)</script>', page)
    modules = json.loads(imports)["imports"]
    assert set(modules) == {f"clearprop/{name}" for name in static_files() if name.endswith(".js")}
    for name, address in modules.items():
        source = base64.b64decode(address.partition(",")[2])
        assert source == static_files()[name.removeprefix("clearprop/")].data
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)
    assert policy.startswith("default-src &#x27;none&#x27;")
    assert "http" not in policy


def test_the_same_run_makes_the_same_file(session, page):
    assert recorded_page(session).decode() == page


def test_names_from_data_never_become_markup(tmp_path):
    random = numpy.random.default_rng(0)
    net = cp.Network([cp.Dense(1)], inputs=2)

    class Frame(numpy.ndarray):
        columns = ("</script><script>alert(1)</script>", "<img onerror=alert(1)>")

    X = random.normal(size=(20, 2)).view(Frame)
    with cp.LiveView(port=0, open=False) as view:
        net.fit(X, random.normal(size=20), epochs=1, callbacks=[view])
        page = view.page().decode()
    assert "alert(1)" not in page
    assert entries(page)["/api/state"]["problem"]["columns"] == list(Frame.columns)


def test_a_large_run_leaves_out_what_does_not_fit(session, monkeypatch):
    session.change({"problem": "digits", "hidden": [128, 64], "max_epochs": 40, "pace": None})
    train(session)
    page = recorded_page(session)
    assert len(page) < MAX_BYTES < 6_000_000
    found = entries(page.decode())
    assert {"/api/state", "/api/live", "/api/layers", "/api/step?row=0"} <= set(found)
    monkeypatch.setattr(recording, "MAX_BYTES", len(page) - 200_000)
    fewer = recorded_page(session)
    assert len(fewer) < len(page) - 200_000
    assert {"/api/state", "/api/live", "/api/layers"} <= set(entries(fewer.decode()))
    session.change({"problem": "xor", "max_epochs": 30, "pace": None})
    train(session)
