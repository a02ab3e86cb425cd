"""Frozen dataclasses to JSON and back, and the rule that every public class has a row in the case table."""

from __future__ import annotations

import dataclasses
import importlib
import json
import subprocess
import sys

import pytest

import clearprop as cp
from cases import LAYERS, ROWS
from clearprop.config import Configurable, from_config, to_config
from clearprop.layers import Activation, Layer
from clearprop.losses import Loss
from clearprop.optimizers import Optimizer
from clearprop.penalties import Constraint, Penalty
from clearprop.schedules import Schedule

HOMES = ("layers", "losses", "optimizers", "penalties", "initializers", "schedules")
BASES = {"Activation", "Constraint", "Initializer", "Layer", "Loss", "Optimizer", "Penalty", "Schedule"}
BASES |= {"_VarianceScaling", "_Pointwise", "_Pool2D", "_Reduction"}


def registered() -> set[str]:
    """Return every class of clearprop's own that describes a layer, loss, optimizer, penalty, ..."""
    homes = tuple(importlib.import_module(f"clearprop.{home}").__name__ for home in HOMES)
    return {name for name, cls in Configurable._kinds.items() if cls.__module__.startswith(homes)}


def test_every_public_class_has_a_row_in_the_case_table():
    with_row = {type(row).__name__ for row in ROWS}
    assert registered() - BASES == with_row, "give each class a row in tests/cases.py"
    assert set(cp.layers.__all__) - BASES - {"Context"} <= with_row
    assert registered() >= BASES


def test_rows_have_different_ids():
    ids = [case.id for case in LAYERS]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("value", dict.fromkeys(ROWS), ids=repr)
def test_json_round_trip_and_repr(value):
    restored = from_config(json.loads(json.dumps(to_config(value))), type(value))
    assert restored == value
    assert type(restored) is type(value)
    assert eval(repr(value), {type(row).__name__: type(row) for row in ROWS}) == value


@pytest.mark.parametrize("value", dict.fromkeys(ROWS), ids=repr)
def test_values_are_frozen_hashable_and_compared_by_their_fields(value):
    fields = dataclasses.fields(value)
    twin = type(value)(**{field.name: getattr(value, field.name) for field in fields})
    assert twin == value
    assert hash(twin) == hash(value)
    for field in fields:
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(value, field.name, None)


NESTED = [
    cp.Dense(3, penalty=cp.ElasticNet(0.1, 0.3), constraint=cp.MaxNorm(2.0), initializer=cp.Orthogonal(), name="first"),
    cp.AdamW(cp.WarmUp(cp.Cosine(0.1, steps=9), 3), clip_norm=1.0, weight_decay=0.0),
    cp.Reshape((1, 2, 3)),
    cp.Parametric(cp.ELU(0.5), cp.Constant(0.5), name="mixed"),
]


@pytest.mark.parametrize("value", NESTED, ids=repr)
def test_nested_values_survive(value):
    assert from_config(json.loads(json.dumps(to_config(value))), type(value)) == value


def test_repr_leaves_out_what_is_at_its_default():
    assert repr(cp.Dense(3)) == "Dense(3)"
    assert repr(cp.Dense(3, bias=False, name="a")) == "Dense(3, bias=False, name='a')"
    assert repr(cp.SGD(0.01, momentum=0.9)) == "SGD(momentum=0.9)"
    assert repr(cp.L2(0.1, per_row=True)) == "L2(0.1, per_row=True)"


UNSAVED = [
    (cp.Adam(lambda step: 0.1), r"optimizer.learning_rate: <function .* cannot be saved as JSON"),
    (float("nan"), r"optimizer: nan cannot be saved; use a finite number"),
    ((1, {2}), r"optimizer\[1\]: \{2\} cannot be saved as JSON"),
]


@pytest.mark.parametrize(("value", "message"), UNSAVED, ids=[message for _, message in UNSAVED])
def test_what_json_cannot_hold_is_named_with_its_place(value, message):
    with pytest.raises(cp.ArgumentError, match=message):
        to_config(value, "optimizer")


DAMAGED = [
    ({"kind": "Nothing"}, Layer, r"unknown kind 'Nothing'; import the module that defines it"),
    ({"kind": ["Dense"]}, Layer, r"unknown kind \['Dense'\]"),
    ({}, Layer, r"unknown kind None"),
    ({"kind": "Configurable"}, Layer, r"unknown kind 'Configurable'"),
    ({"kind": "L2", "strength": 0.1}, Layer, r"expected a Layer, got .*'L2'"),
    ({"kind": "L2", "strength": -1}, Penalty, r"L2 cannot be restored from .*: L2: strength must be"),
    ({"kind": "L2", "force": 1}, Penalty, r"L2 cannot be restored from .*force"),
    ({"kind": "Dense"}, Layer, r"Dense cannot be restored"),
    (3, Loss, r"expected a Loss, got 3"),
    (None, Optimizer, r"expected a Optimizer, got None"),
]


@pytest.mark.parametrize(("config", "kind", "message"), DAMAGED, ids=[row[2] for row in DAMAGED])
def test_damaged_descriptions_are_refused(config, kind, message):
    with pytest.raises(cp.ModelFileError, match=message):
        from_config(config, kind)


def test_a_box_of_your_own_is_read_back_and_may_not_take_a_name_of_ours():
    @dataclasses.dataclass(frozen=True)
    class Doubled(Activation):
        factor: float = 2.0

    try:
        assert from_config(to_config(Doubled(3.0)), Layer) == Doubled(3.0)
        for base, name in ((Layer, "Dense"), (Penalty, "L2"), (Schedule, "Cosine"), (Constraint, "MaxNorm")):
            with pytest.raises(cp.ArgumentError, match=rf"class {name}: clearprop has a {name} of its own"):
                type(name, (base,), {"__module__": "elsewhere"})
    finally:
        del Configurable._kinds["Doubled"]


def test_importing_clearprop_imports_none_of_its_parts():
    code = (
        "import sys, clearprop; print(sorted(m for m in sys.modules if m.startswith(('clearprop.', 'scipy', 'torch'))))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
