"""What README.md and ARCHITECTURE.md say is run or looked up."""

import doctest
import re
from pathlib import Path

import pytest

import clearprop

ROOT = Path(__file__).parents[1]


def test_readme_examples_give_what_they_say(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    outcome = doctest.testfile(str(ROOT / "README.md"), module_relative=False, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert outcome.attempted >= 15
    assert outcome.failed == 0


def test_the_map_names_every_module():
    text = (ROOT / "ARCHITECTURE.md").read_text()
    package = Path(clearprop.__file__).parent
    modules = {path.stem for path in package.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    missing = {name for name in modules - {"__init__", "__main__"} if not re.search(rf"\b{name}\b", text)}
    assert not missing


@pytest.mark.parametrize("command", ["clearprop demo", "pytest"])
def test_readme_has_its_set_up_commands(command):
    lines = [line for line in (ROOT / "README.md").read_text().splitlines() if line.startswith("python3 -m venv .venv")]
    assert len(lines) == 2
    assert any(line.endswith(f".venv/bin/{command}") for line in lines)
