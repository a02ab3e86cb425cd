from __future__ import annotations

from pathlib import Path

import pytest
from flower_table import flower_rows, write_csv

from clearprop.cli import main
from clearprop.training.run import Run


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """The current folder, empty."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def flowers(folder) -> str:
    """A CSV file in the current folder."""
    return Path(write_csv(folder / "flowers.csv", flower_rows())).name


@pytest.fixture(scope="session")
def trained(tmp_path_factory) -> bytes:
    """What a model file of the flowers holds."""
    place = tmp_path_factory.mktemp("trained")
    data = write_csv(place / "flowers.csv", flower_rows())
    options = ["--preset", "fast", "--epochs", "40", "--out", str(place / "m.clearprop")]
    assert main(["train", data, "--target", "species", *options]) == 0
    return (place / "m.clearprop").read_bytes()


@pytest.fixture
def model(folder, trained) -> str:
    """A model file in the current folder."""
    (folder / "flowers.clearprop").write_bytes(trained)
    return "flowers.clearprop"


@pytest.fixture
def stop_after(monkeypatch):
    """Let the user press Ctrl-C after so many epochs of a network."""

    def stop(epochs: int) -> None:
        class Interrupted(Run):
            def reports(self):
                for report in super().reports():
                    yield report
                    if report.epoch >= epochs:
                        raise KeyboardInterrupt

        monkeypatch.setattr("clearprop.estimators.tables.training.Run", Interrupted)

    return stop


@pytest.fixture
def clearprop(capsys):
    """Run the command line in this process: code, standard output, standard error."""

    def run(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


@pytest.fixture
def fails(clearprop):
    """Run a command that has to fail: one line on standard error that holds all these texts, nothing on output."""

    def run(code: int, *arguments: str, says: str | tuple[str, ...] = ()) -> str:
        got, out, err = clearprop(*arguments)
        assert got == code, err
        assert out == ""
        *before, last = err.splitlines()
        assert last.startswith("error: ")
        assert not any(line.startswith("error") or "Traceback" in line for line in before)
        for text in [says] if isinstance(says, str) else says:
            assert text in last
        return last

    return run
