"""``clearprop inspect``: what a model file holds."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from clearprop.cli.options import Parser
from clearprop.errors import ModelFileError

__all__ = ["run"]

MAX_FEATURES = 20  # shown to people


def run(arguments: Sequence[str]) -> int:
    """Run the verb and return its exit code."""
    parser = Parser("inspect", "Show the layers, shapes and parameter counts of a model file, and how it was trained.")
    parser.add_argument("model", metavar="MODEL", help="what 'clearprop train' or net.save wrote")
    parser.add_argument("--json", action="store_true", help="print everything but the weights as JSON")
    options = parser.read(arguments)

    description = describe(options.model)
    print(json.dumps(description, indent=2) if options.json else "\n".join(lines(description)))
    return 0


def describe(path: str) -> dict[str, Any]:
    """Return what a model file holds, as something the json module can write."""
    from clearprop.files import read_model
    from clearprop.network import Network

    try:
        stored, arrays = read_model(path)
        n_bytes = Path(path).stat().st_size
    except OSError as error:
        raise ModelFileError(f"cannot read '{path}': {error.strerror}; 'clearprop train' makes a model.") from error
    network = Network.from_file(stored, arrays)
    summary = network.summary()
    found: dict[str, Any] = {
        "file": path,
        "bytes": n_bytes,
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
    if "table" in stored:
        from clearprop.estimators.table import TableModel

        model = TableModel.from_json(network, stored["table"])
        found |= {"inputs": model.columns.inputs, **model.to_json()}
    return found


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
    if "target" not in found:
        return [*text, "", "a network without a table: open it with clearprop.load in Python"]
    target, record = found["target"], found["record"]
    text.append(f"target    '{target['name']}', {target['task']}")
    if "labels" in target:
        text.append(f"classes   {', '.join(map(str, target['labels']))}")
    text += ["", "features"]
    for column in found["columns"][:MAX_FEATURES]:
        if column["kind"] == "category":
            levels = ["(missing)" if level is None else level for level in column["levels"]]
            shown = ", ".join(levels[:8]) + (f", ... ({len(levels)})" if len(levels) > 8 else "")
            text.append(f"  {column['name']}: {shown}")
        else:
            gaps = f", {column['median']:.4g} where missing" if column["gaps"] else ""
            text.append(f"  {column['name']}: {column['kind']}, {column['mean']:.4g} +- {column['scale']:.4g}{gaps}")
    if len(found["columns"]) > MAX_FEATURES:
        text.append(f"  and {len(found['columns']) - MAX_FEATURES} more; --json shows all")
    text += ["", "training"]
    for name, value in record.items():
        if name == "history":
            continue
        if isinstance(value, dict):
            value = ", ".join(f"{key} {_short(item)}" for key, item in value.items() if item is not None)
        text.append(f"  {name.replace('_', ' ')}: {_short(value)}")
    return text


def _short(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
