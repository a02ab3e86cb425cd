"""The interface under /api/: what can be asked, with which parameters, and how the answers are made."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping
from typing import Any

import numpy

from clearprop.errors import ArgumentError
from clearprop.ui import views
from clearprop.ui.history import Snapshot
from clearprop.ui.runs import RunRecord
from clearprop.ui.session import ACTIONS, Session
from clearprop.ui.views import Look
from clearprop.validation import check_choice, show

__all__ = ["MAX_TEXT", "VIEWS", "answer", "control", "parse_json", "query", "whole"]

MAX_TEXT = 1000  # characters of a parameter
DIGITS = 15


def whole(name: str, text: str) -> int:
    """Return a parameter that is a whole number >= 0."""
    if not (text.isascii() and text.isdigit() and len(text) <= DIGITS):
        raise ArgumentError(f"{name} must be a whole number >= 0 of at most {DIGITS} digits, got {show(text)}.")
    return int(text)


def cell(name: str, text: str) -> tuple[int, ...]:
    """Return a parameter that is a cell, such as ``0,2``."""
    parts = text.split(",")
    if len(parts) > 8:
        raise ArgumentError(f"{name} must be a cell such as 0,2, got {show(text)}.")
    return tuple(whole(name, part) for part in parts)


def text(name: str, given: str) -> str:
    """Return a parameter that is a text."""
    return given


Reader = Callable[[str, str], Any]
View = Callable[..., Any]
# path: (what makes the answer, its parameters with how each is read and what it is by default; ... for those it needs)
VIEWS: Mapping[str, tuple[View, Mapping[str, tuple[Reader, Any]]]] = {
    "live": (views.live, {"x": (text, None), "y": (text, None)}),
    "layers": (views.layers, {}),
    "formulas": (views.formulas, {"notation": (text, "clearprop")}),
    "step": (views.step, {"row": (whole, 0)}),
    "cell": (
        views.explain,
        {"row": (whole, 0), "name": (text, ...), "cell": (cell, ...), "notation": (text, "clearprop")},
    ),
    "check": (views.check, {"row": (whole, 0), "name": (text, ...), "cell": (cell, ...)}),
    "values": (views.window, {"row": (whole, 0), "name": (text, ...), "top": (whole, 0), "left": (whole, 0)}),
    "data": (
        views.data,
        {"order": (text, "row"), "offset": (whole, 0), "limit": (whole, 50), "part": (text, "train")},
    ),
}
MOMENT: Mapping[str, tuple[Reader, Any]] = {"run": (text, None), "epoch": (whole, None), "moment": (whole, None)}


def query(pairs: list[tuple[str, str]], known: Mapping[str, tuple[Reader, Any]]) -> dict[str, Any]:
    """Return the parameters of a request, checked, with their defaults."""
    found: dict[str, Any] = {}
    for name, value in pairs:
        check_choice("query", "parameter", name, known)
        if name in found:
            raise ArgumentError(f"the parameter {name} stands there twice; give it once.")
        if len(value) > MAX_TEXT:
            raise ArgumentError(f"the parameter {name} must have at most {MAX_TEXT} characters, got {len(value)}.")
        found[name] = known[name][0](name, value)
    for name, (_, default) in known.items():
        if name not in found and default is ...:
            raise ArgumentError(f"the parameter {name} is missing; give it as ?{name}=...")
        found.setdefault(name, default)
    return found


def answer(session: Session, name: str, pairs: list[tuple[str, str]]) -> Any:
    """Return what a view says of a run at one moment."""
    view, parameters = VIEWS[name]
    given = query(pairs, {**MOMENT, **parameters})
    look = _look(*session.snapshot(*(given.pop(name) for name in MOMENT)))
    with numpy.errstate(all="ignore"):  # what overflows is shown
        return view(look, **given)


@functools.lru_cache(maxsize=8)
def _look(run: RunRecord, snapshot: Snapshot) -> Look:
    return Look(run.problem, run.network_with(snapshot), snapshot.state, run.optimizer)


def control(session: Session, body: Any) -> dict[str, Any]:
    """Do what a JSON object asks for, and return how the run stands."""
    if not isinstance(body, dict) or set(body) != {"action"}:
        raise ArgumentError(f'control: expected {{"action": NAME}}, got {show(body)}.')
    check_choice("control", "action", body["action"], ACTIONS)
    session.control(body["action"])
    event = session.event(-1)
    return {"version": event["version"], "run": event["run"]}


def parse_json(body: bytes) -> Any:
    """Return a body as JSON of the strict kind: no names twice, no numbers that JSON has not."""
    try:
        return json.loads(body, object_pairs_hook=_object, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise ArgumentError(f"the body is not JSON: {error}; send an object such as {{}}.") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({name for name, _ in pairs}) < len(pairs):
        raise ValueError("a name stands there twice")
    return dict(pairs)


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no number of JSON")
