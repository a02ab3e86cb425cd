"""The command itself: help, exit codes, streams, signals, and the demos."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from flower_table import flower_rows, write_csv

from clearprop import __version__, cli
from clearprop.cli import demo, model_file
from clearprop.engines import native

SCRIPT = str(Path(sysconfig.get_path("scripts")) / "clearprop")


def test_help_needs_nothing(folder):
    code = (
        "import sys; from clearprop.cli import main; assert main(['--help']) == 0; assert main(['train', '-h']) == 0; "
        "assert not {'numpy', 'sklearn', 'rich', 'pandas'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_help_and_version(clearprop):
    code, out, err = clearprop("--help")
    assert (code, err) == (0, "")
    assert all(verb in out for verb in cli.VERBS)
    for verb in cli.VERBS:
        code, out, err = clearprop(verb, "--help")
        assert (code, err) == (0, "")
        assert out.startswith(f"usage: clearprop {verb}")
    assert clearprop("--version") == (0, f"clearprop {__version__}\n", "")


def test_no_verb_and_unknown_verb(clearprop, fails):
    code, out, err = clearprop()
    assert (code, out) == (2, "")
    assert "usage: clearprop VERB" in err
    fails(2, "trian", says="no verb 'trian'; did you mean 'train'?")
    fails(2, "--verbose", says="there are train, predict")


def test_internal_error(fails, clearprop, model, flowers, monkeypatch):
    def broken(*args, **kwargs):
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr(model_file, "load_model", broken)
    fails(1, "predict", model, flowers, says=("internal: ZeroDivisionError", "report", "CLEARPROP_DEBUG=1"))
    monkeypatch.setenv("CLEARPROP_DEBUG", "1")
    code, _, err = clearprop("predict", model, flowers)
    assert code == 1
    assert "Traceback" in err


def test_interrupt_elsewhere(clearprop, model, flowers, monkeypatch):
    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(model_file, "load_model", interrupted)
    assert clearprop("predict", model, flowers) == (130, "", "interrupted\n")


def test_installed_command(folder, flowers):
    done = subprocess.run(
        [SCRIPT, "train", flowers, "--target", "species", "--preset", "fast", "--epochs", "2"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0
    assert done.stdout.startswith("accuracy")
    assert "\x1b" not in done.stderr  # no colours and no bar where there is no terminal
    done = subprocess.run([SCRIPT, "predict", "none", flowers], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (4, "")
    assert done.stderr.startswith("error: ")


def test_broken_pipe_is_silent(folder, model):
    write_csv(folder / "big.csv", flower_rows(3) * 20_000)
    command = [SCRIPT, "predict", model, "big.csv", "--keep", "id"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"id,prediction\n"
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


def test_output_to_a_full_disk(folder, model, flowers):
    if not os.path.exists("/dev/full"):  # Linux has it
        return
    with open("/dev/full", "w") as full:
        done = subprocess.run([SCRIPT, "predict", model, flowers], stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 2
    assert done.stderr == "error: cannot write the output: No space left on device.\n"


def test_ctrl_c_saves_the_best(folder, flowers):
    command = [SCRIPT, "train", flowers, "--target", "species", "--epochs", "1000000"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        while not process.stderr.readline().startswith("network:"):
            assert process.poll() is None
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(1.0)
        process.send_signal(signal.SIGINT)
        text = process.stderr.read()
    assert process.returncode == 130
    assert "saved flowers.clearprop (the best parameters so far)" in text
    assert "Traceback" not in text
    assert cli.main(["inspect", "flowers.clearprop"]) == 0


def accuracy_of(text: str) -> float:
    (line,) = [line for line in text.splitlines() if line.startswith("test accuracy")]
    return float(line.split()[2])


@pytest.mark.parametrize(("name", "least"), [("digits", 0.97), ("two", 0.98)])
def test_demo_and_what_it_says_to_do_next(clearprop, folder, name, least):
    code, out, err = clearprop("demo", *([] if name == "digits" else [name]))
    assert code == 0, err
    assert accuracy_of(out) >= least
    files = ["clearprop-demo", f"{name}.clearprop", f"{name}-test.csv"]
    assert os.listdir() == files[:1]
    assert sorted(os.listdir(files[0])) == sorted(files[1:])
    commands = [shlex.split(line) for line in out.splitlines() if line.startswith("  clearprop ")]
    assert [command[1] for command in commands] == ["evaluate", "predict", "inspect", "explain"]
    for command in commands:
        code, shown, err = clearprop(*command[1:])
        assert code == 0, err
        if command[1] == "evaluate":
            assert float(shown.split()[1]) == pytest.approx(accuracy_of(out), abs=1e-4)  # four digits are printed


def test_demo_keeps_foreign_files(clearprop, fails, folder, monkeypatch):
    monkeypatch.setitem(demo.RECIPES, "two", {"hidden": (), "epochs": 2, "members": 2})
    assert clearprop("demo", "two", "--out", "here")[0] == 0
    before = {path.name: path.read_bytes() for path in Path("here").iterdir()}
    assert clearprop("demo", "two", "--out", "here")[0] == 0  # its own files it may replace
    assert {path.name: path.read_bytes() for path in Path("here").iterdir()} == before
    for name in before:
        Path("here", name).write_text("mine")
        fails(2, "demo", "two", "--out", "here", says=(name, "--force"))
        assert Path("here", name).read_text() == "mine"
        assert clearprop("demo", "two", "--out", "here", "--force")[0] == 0
    fails(2, "demo", "two", "--out", "here/two-test.csv", says="not a folder")


def test_demo_xor(clearprop, folder):
    code, out, err = clearprop("demo", "xor")
    assert (code, err) == (0, "" if native.missing() is None else f"note: {native.missing()}\n")
    rows = [line.split() for line in out.splitlines() if line.lstrip()[:3] in ("0 0", "0  ", "1  ", "0 1")]
    table = [[float(item) for item in row] for row in rows if len(row) == 5]
    assert [row[:3] for row in table] == [[0, 0, 0], [0, 1, 1], [1, 0, 1], [1, 1, 0]]
    assert all(abs(row[3] - 0.5) < 1e-3 for row in table)
    assert all(abs(row[4] - row[2]) < 0.1 for row in table)
    assert "of 50 random starts" in out
    assert os.listdir() == []


def test_demo_unknown(fails):
    fails(2, "demo", "mnist", says="'mnist'")
