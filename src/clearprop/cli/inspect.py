"""``clearprop inspect``: what a model file holds."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clearprop.cli.options import Parser
from clearprop.cli.reporting import ENDS

if TYPE_CHECKING:
    from clearprop.cli.model_file import StoredModel
    from clearprop.network import Network

__all__ = ["run"]

MAX_FEATURES = 20  # shown to people


def run(arguments: Sequence[str]) -> int:
    """Run the verb and return its exit code."""
    parser = Parser("inspect", "Show the layers, shapes and parameter counts of a model file, and how it was trained.")
    parser.add_argument("model", metavar="MODEL", help="what 'clearprop train' or the method save wrote")
    parser.add_argument("--json", action="store_true", help="print everything but the weights as JSON")
    options = parser.read(arguments)

    description = describe(options.model)
    print(json.dumps(description, indent=2) if options.json else "\n".join(lines(description)))
    return 0


def describe(path: str) -> dict[str, Any]:
    """Return what a model file holds, as something the json module can write."""
    from clearprop.cli.model_file import read_file
    from clearprop.network import Network

    stored, model = read_file(path)
    file = {"file": path, "bytes": Path(path).stat().st_size}
    if isinstance(model, Network):
        return {**file, **_network(model)}
    return {**file, **_network(model.model.members_[0].network), **_table(model, stored["estimator"])}


def _network(network: Network) -> dict[str, Any]:
    summary = network.summary()
    return {
        "n_parameters": summary.n_parameters,
        "dtype": network.dtype.name,
        "loss": repr(network.loss_function),
        "penalty": repr(network.program.penalty),
        "seed": network.seed,
        "layers": [
            {
                "node": r.name,
                "box": r.box,
                "inputs": list(r.inputs),
                "shape": list(r.shape),
                "parameters": r.n_parameters,
            }
            for r in summary.rows
        ],
        "summary": str(summary),
    }


def _table(stored: StoredModel, entry: dict[str, Any]) -> dict[str, Any]:
    preprocessing = stored.model.preprocessing_
    return {
        "class": entry["class"],
        "parameters": entry["parameters"],
        "target": {"name": stored.target, "task": stored.task, **entry["target"]},
        "inputs": [name for names in preprocessing.names for name in names],
        "preprocessing": entry["preprocessing"],
        "features": [list(row) for row in preprocessing.summary().rows],
        "networks": entry["members"],
        "validation": entry["validation_metrics"],
        "recipe": {name: value for name, value in entry["recipe"].items() if name != "kind"},
        "missing": list(stored.missing),
        "record": stored.record,
    }


def lines(found: dict[str, Any]) -> list[str]:
    """Return the description as text for people."""
    text = [
        f"{found['file']}: {found['bytes']:,} bytes, {found['n_parameters']:,} parameters, {found['dtype']}",
        "",
        found["summary"],
        "",
        f"loss      {found['loss']}",
        f"penalty   {found['penalty']}",
        f"seed      {found['seed']}",
    ]
    if "class" not in found:
        return [*text, "", "a network without a table: open it with clearprop.load in Python"]
    networks, target = found["networks"], found["target"]
    if len(networks) > 1:
        text[0] += f"; {len(networks)} such networks, whose predictions are averaged"
    name = "" if target["name"] is None else f"'{target['name']}', "
    text.append(f"target    {name}{target['task']}")
    if "labels" in target:
        text.append(f"classes   {', '.join(map(str, target['labels']))}")
    text += ["", "features"]
    for column, kind, _, how in found["features"][:MAX_FEATURES]:
        text.append(f"  {column}: {', '.join(filter(None, (kind, how)))}")
    if len(found["features"]) > MAX_FEATURES:
        text.append(f"  and {len(found['features']) - MAX_FEATURES} more; --json shows all")
    text += ["", "training"]
    epochs = [f"{len(network['history']['loss'])} ({ENDS[network['stopped']]})" for network in networks]
    text.append(f"  epochs: {', '.join(epochs)}")
    text.append(f"  best epoch: {', '.join(str(network['best_epoch']) for network in networks)}")
    for name, value in {**found["record"], "validation": found["validation"], "recipe": found["recipe"]}.items():
        if isinstance(value, dict):
            value = ", ".join(f"{key} {_short(item)}" for key, item in value.items() if item is not None)
        text.append(f"  {name.replace('_', ' ')}: {_short(value)}")
    return text


def _short(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
