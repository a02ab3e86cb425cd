"""Every public class of the building blocks explains itself: equations, an example that is executed, a source."""

from __future__ import annotations

import inspect
import re

import pytest

import clearprop as cp
from clearprop.optimizers import Optimizer

HOMES = "layers|losses|optimizers|initializers|penalties|schedules|parameters|graph|state"
TRAINING = "training.(report|stopping|callbacks)"
HOME = re.compile(rf"clearprop\.({HOMES}|{TRAINING})(\..*)?")
CLASSES = {
    name: value
    for name, value in ((name, getattr(cp, name)) for name in cp.__all__)
    if inspect.isclass(value) and HOME.fullmatch(value.__module__)
}
BASES = {"Layer", "Activation", "Loss"}
MATHS = sorted(name for name, cls in CLASSES.items() if issubclass(cls, cp.Layer | cp.Loss))
FROM_PAPERS = sorted(
    name
    for name, cls in CLASSES.items()
    if issubclass(cls, cp.Layer | cp.Loss | Optimizer | cp.LBFGS) and name not in BASES
)
ORDER = ["Parameters", "Attributes", "Raises", "Notes", "Examples", "References"]  # as in Dense


def sections(name: str) -> tuple[str, dict[str, str]]:
    """Return what stands before the first section of a class's own docstring, and the sections by title."""
    own = CLASSES[name].__dict__.get("__doc__") or ""
    assert own.strip(), f"{name} has no docstring"
    head, *rest = re.split(r"^(\w+)\n-{3,}\n", inspect.cleandoc(own), flags=re.MULTILINE)
    return head, dict(zip(rest[::2], rest[1::2], strict=True))


def test_the_classes_are_found():
    assert {*cp.layers.__all__, *cp.losses.__all__, "LBFGS", "Adam", "Glorot", "MaxNorm", "Cosine"} <= CLASSES.keys()
    assert {"Parameter", "Graph", "Input", "TrainState", "EpochReport", "EarlyStopping", "Callback"} <= CLASSES.keys()


@pytest.mark.parametrize("name", CLASSES)
def test_there_is_an_executed_example(name):
    head, found = sections(name)
    assert not head.startswith(f"{name}("), f"{name}: its docstring is the signature that dataclass generates"
    assert ">>>" in found.get("Examples", ""), f"{name}: no Examples section with a >>>"
    assert "+SKIP" not in found["Examples"], f"{name}: an example is not executed"


@pytest.mark.parametrize("name", CLASSES)
def test_the_sections_are_known_and_in_order(name):
    titles = list(sections(name)[1])
    assert titles == [title for title in ORDER if title in titles]


@pytest.mark.parametrize("name", MATHS)
def test_the_equation_the_shapes_and_the_dtype_stand_there(name):
    head, _ = sections(name)
    for word in ("=", "shape", "dtype"):
        assert any(word in line for line in head.splitlines()), f"{name}: no {word!r} before the first section"


@pytest.mark.parametrize("name", FROM_PAPERS)
def test_there_is_a_source(name):
    head, found = sections(name)
    named = re.search(r"[A-Z]\w+ (et al\. )?\(?(19|20)\d\d\b", head)
    assert found.get("References", "").strip() or named, f"{name}: no References section and no author with a year"
