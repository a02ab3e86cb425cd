"""``clearprop ui``: what is opened, what is refused, and how it ends."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request

import numpy
import pytest

import clearprop as cp
from clearprop.cli import main, ui
from clearprop.ui.live import LiveSession
from clearprop.ui.server import PageServer


@pytest.fixture
def flowers(tmp_path):
    random = numpy.random.default_rng(0)
    path, size = tmp_path / "flowers.csv", random.normal(size=40)
    rows = [f"{x:.3f},{random.choice(['wet', 'dry'])},{'big' if x > 0 else 'small'},{3 * x:.3f}" for x in size]
    path.write_text("\n".join(["size,ground,kind,weight", *rows]) + "\n")
    return str(path)


@pytest.fixture
def opened(monkeypatch):
    """Sessions that the verb has opened; the page is asked for its state and then interrupted, as by Ctrl-C."""
    found = []

    def look(server):
        session = server.session
        found.append(session.state())
        session.control("epoch")
        found.append(session.state())
        raise KeyboardInterrupt

    monkeypatch.setattr(PageServer, "join", look)
    return found


def test_without_arguments_built_in_sets_are_learned(opened, capsys):
    assert main(["ui", "--port", "0", "--no-browser"]) == 0
    assert opened[0]["problem"]["name"] == "xor"
    assert opened[1]["run"]["epoch"] == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert re.search(r"the page is at http://127\.0\.0\.1:\d+/#token=[\w-]{43}$", told.err, re.MULTILINE)


@pytest.mark.parametrize(
    ("target", "task", "columns"),
    [("kind", "classification", ["size", "weight", "ground = wet"]),
     ("weight", "regression", ["size", "ground = wet", "kind = small"])],
)  # fmt: skip
def test_a_table_is_learned(opened, flowers, target, task, columns):
    assert main(["ui", flowers, "--target", target, "--port", "0", "--no-browser"]) == 0
    problem = opened[0]["problem"]
    assert (problem["task"], problem["columns"], problem["target"]) == (task, tuple(columns), target)
    assert problem["title"] == f"flowers.csv: {target}"
    assert [found["name"] for found in opened[0]["choices"]["problems"]][:2] == ["table", "xor"]


@pytest.mark.parametrize("target", ["kind", "weight"])
def test_a_model_goes_on_with_the_rows(opened, flowers, tmp_path, target, capsys):
    model = str(tmp_path / "m.clearprop")
    assert main(["train", flowers, "--target", target, "--preset", "fast", "--epochs", "2", "--out", model]) == 0
    assert main(["ui", model, flowers, "--port", "0", "--no-browser"]) == 0
    assert opened[0]["problem"]["title"] == "m.clearprop on flowers.csv"
    assert opened[0]["problem"]["target"] == target
    assert opened[0]["settings"]["activation"] is None
    assert opened[1]["run"]["epoch"] == 1


def test_a_network_that_was_saved_goes_on(opened, tmp_path):
    random = numpy.random.default_rng(0)
    net = cp.Network([cp.Dense(3), cp.Tanh(), cp.Dense(2)], inputs=2, loss=cp.CrossEntropy())
    net.save(tmp_path / "net")
    rows = [f"{x:.3f},{y:.3f},{int(x > y)}" for x, y in random.normal(size=(30, 2))]
    (tmp_path / "rows.csv").write_text("\n".join(["a,b,c", *rows]))
    arguments = ["ui", str(tmp_path / "net"), str(tmp_path / "rows.csv"), "--target", "c"]
    assert main([*arguments, "--port", "0", "--no-browser"]) == 0
    assert opened[0]["problem"]["classes"] == (0, 1)
    assert opened[0]["problem"]["columns"] == ("a", "b")


def test_the_page_is_kept_in_a_file(opened, tmp_path, capsys):
    path = tmp_path / "page.html"
    assert main(["ui", "--port", "0", "--no-browser", "--record", str(path)]) == 0
    assert path.read_bytes().startswith(b"<!doctype html>")
    assert f"saved {path}" in capsys.readouterr().err


def test_a_browser_is_opened_on_a_terminal_alone(opened, monkeypatch):
    tried = []
    monkeypatch.setattr("webbrowser.open", tried.append)
    assert main(["ui", "--port", "0"]) == 0  # the tests' standard error is no terminal
    assert tried == []


def test_a_port_in_use_is_told(capsys):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert main(["ui", "--port", str(port)]) == 6
    told = capsys.readouterr().err
    assert f"error: cannot listen at 127.0.0.1:{port}: Address already in use; give another --port" in told


def test_what_is_not_installed_is_told(monkeypatch, capsys):
    for name in [name for name in sys.modules if name.startswith("clearprop.ui.server")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "starlette.applications", None)
    assert main(["ui"]) == 6
    assert "error: the page needs starlette" in (told := capsys.readouterr().err)
    assert "pip install 'clearprop[ui]'" in told


def test_other_machines_are_let_in_with_a_warning_alone(opened, capsys):
    assert main(["ui", "--host", "0.0.0.0", "--port", "0", "--no-browser"]) == 0
    assert "warning: other machines can reach the page" in capsys.readouterr().err
    assert main(["ui", "--port", "0", "--no-browser"]) == 0
    assert "warning" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["{data}"], 2, "is a table; say what is to be learned with --target COL"),
        (["--target", "kind"], 2, "--target belongs to a table; give DATA or MODEL"),
        (["{data}", "{data}"], 2, "is a table and has its own rows"),
        (["{model}"], 2, "'m.clearprop' is a model; give it rows as well: clearprop ui m.clearprop DATA"),
        (["{model}", "{data}"], 4, "is not a clearprop model file"),
        (["{data}", "--target", "kinds"], 3, "did you mean 'kind'?"),
        (["nothing.csv", "--target", "x"], 3, "cannot read 'nothing.csv'"),
        (["--port", "99999"], 2, "must be at most 65535"),
        (["--port", "x"], 2, "must be a whole number >= 0"),
        (["--drop", "kind"], 2, "--drop belongs to a table"),
        (["{data}", "--target", "kind", "--drop", "kinds"], 3, "did you mean 'kind'?"),
        (["--record", "{folder}"], 2, "error: --record '{folder}' is a folder"),
        (["--host", ""], 2, "--host: must be a name or an address"),
        (["--host", "no.such.host.invalid"], 6, "cannot listen at no.such.host.invalid"),
        (["--host", "192.0.2.1"], 6, "give another --host, or leave it out"),
    ],
)
def test_slips_are_answered_in_one_line(flowers, tmp_path, capsys, arguments, code, message):
    model = tmp_path / "m.clearprop"
    model.write_text("no model")
    given = [text.format(data=flowers, model=model, folder=tmp_path) for text in arguments]
    assert main(["ui", *given]) == code
    told = capsys.readouterr().err
    assert message.format(folder=tmp_path) in told
    assert told.startswith("error: ")


def test_a_failure_leaves_no_thread_behind(monkeypatch):
    made, close = [], LiveSession.close
    monkeypatch.setattr(LiveSession, "close", lambda session: made.append(session) or close(session))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert main(["ui", "--port", str(taken.getsockname()[1])]) == 6
    assert not made[0]._thread.is_alive()


def test_help_is_quick_and_names_the_options(capsys):
    assert main(["ui", "--help"]) == 0
    told = capsys.readouterr().out
    for option in ("--target", "--port", "--host", "--no-browser", "--record"):
        assert option in told


def test_ctrl_c_ends_a_real_page_cleanly():
    command = [sys.executable, "-m", "clearprop", "ui", "--port", "0", "--no-browser"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as page:
        url, token = re.search(r"(http://\S+)#token=(\S+)", page.stderr.readline()).groups()
        assert urllib.request.urlopen(url).status == 200
        with pytest.raises(urllib.error.HTTPError, match="401"):
            urllib.request.urlopen(f"{url}api/state")
        asked = urllib.request.Request(f"{url}api/state", headers={"Authorization": f"Bearer {token}"})
        assert urllib.request.urlopen(asked).status == 200
        page.send_signal(signal.SIGINT)
        out, told = page.communicate(timeout=30)
        assert page.returncode == 0
        assert out == ""
        assert "Traceback" not in told


def test_models_are_known_by_their_content(tmp_path):
    net = cp.Network([cp.Dense(1)], inputs=1)
    net.save(tmp_path / "any.name")
    (tmp_path / "table.csv").write_text("a,b\n1,2\n")
    assert ui.is_model(str(tmp_path / "any.name"))
    assert ui.is_model("m.clearprop")
    assert not ui.is_model(str(tmp_path / "table.csv"))
    assert not ui.is_model("-")
