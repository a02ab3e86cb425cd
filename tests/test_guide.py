"""The guide is true: its examples run, its box is as short as it says, its commands work."""

import doctest
import re
import shlex
from pathlib import Path

import array_api_strict
import numpy
import pytest
from sklearn.datasets import load_iris

import clearprop as cp
from clearprop.cli import main
from clearprop.engines.array import ArrayExecutor

DOCS = Path(__file__).parents[1] / "docs"
PAGES = [DOCS / "index.md", *sorted((DOCS / "guide").glob("*.md"))]


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", (DOCS / "guide" / page).read_text(), re.DOTALL | re.MULTILINE)


def box_of_the_guide(change=lambda code: code) -> dict:
    """Run the example as it stands on the page, or with a change, and return its names."""
    (code,) = blocks("custom_box.md", "python")
    names = {"__name__": "guide"}
    exec(compile(change(code), "custom_box.md", "exec"), names)
    return names


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_examples_of_a_page_give_what_they_say(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    outcome = doctest.testfile(str(page), module_relative=False, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert outcome.failed == 0
    assert outcome.attempted == len(re.findall(r"^>>> ", page.read_text(), re.MULTILINE))


def test_every_page_is_in_the_guide():
    (listed,) = blocks("index.md", "{toctree}")
    assert {page.stem for page in (DOCS / "guide").glob("*.md")} - {"index"} == set(listed.split()) - {":titlesonly:"}


def test_the_box_has_20_lines_and_checks_its_gradient_on_the_array_engine(capsys):
    (code,) = blocks("custom_box.md", "python")
    assert len([line for line in code.splitlines() if line.strip()]) <= 20
    net = box_of_the_guide()["net"]
    assert isinstance(net.executor(), ArrayExecutor)
    assert "gained_tanh_1.g" in capsys.readouterr().out


def test_the_box_keeps_to_the_array_api():
    box, (a, dh) = box_of_the_guide()["GainedTanh"](), numpy.random.default_rng(0).normal(size=(2, 3, 4))
    g = numpy.array([0.5, 1.0, 2.0, -1.0])
    found = []
    for xp in (numpy, array_api_strict):
        ctx, p = cp.Context(xp), {"g": xp.asarray(g)}
        h, kept = box.forward(ctx, p, xp.asarray(a))
        (da,), gradients = box.backward(ctx, p, kept, xp.asarray(dh))
        found.append([numpy.asarray(array) for array in (h, da, gradients["g"])])
    for ours, strict in zip(*found, strict=True):
        numpy.testing.assert_array_equal(ours, strict)  # array_api_strict computes with NumPy


def test_a_wrong_backward_rule_does_not_pass():
    with pytest.raises(cp.GradientCheckError, match=r"dense_1|input_1"):
        box_of_the_guide(lambda code: code.replace("(1 - t * t)", "(t * t)"))


def test_the_commands_of_the_guide_work(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    flowers = load_iris()
    header = ["sepal_length", "sepal_width", "petal_length", "petal_width", "species"]
    rows = [[*map(str, x), flowers.target_names[y]] for x, y in zip(flowers.data, flowers.target, strict=True)]
    Path("iris.csv").write_text("\n".join(",".join(row) for row in [header, *rows]) + "\n")
    shown = blocks("command_line.md", "")[0].splitlines()
    assert shown[0].split(",") == header
    assert set(shown[1:-1]) <= set(Path("iris.csv").read_text().splitlines())
    commands = [
        line.removeprefix("$ ") for block in blocks("command_line.md", "console") for line in block.splitlines()
    ]
    assert len(commands) == 5
    for command in commands:
        program, *arguments = shlex.split(command)
        assert program == "clearprop"
        assert main(arguments) == 0, capsys.readouterr().err
