"""What the page says of a network: its nodes with their shapes and parameters."""

from __future__ import annotations

from typing import Any

from clearprop.network import Network
from clearprop.summary import summarize

__all__ = ["describe_network"]


def describe_network(net: Network) -> dict[str, Any]:
    """Return nodes, parameters, loss and dtype of a network."""
    owned: dict[str, list[str]] = {}
    for name in net.parameters:
        owned.setdefault(name.rpartition(".")[0], []).append(name)
    rows = summarize(net.graph, net.layout).rows
    nodes = [
        {
            "name": row.name,
            "box": row.box,
            "inputs": row.inputs,
            "shape": row.shape,
            "n_parameters": row.n_parameters,
            "parameters": owned.get(row.name, []),
        }
        for row in rows
    ]
    loss, dtype = repr(net.loss_function), net.dtype.name
    return {"nodes": nodes, "loss": loss, "n_parameters": net.n_parameters, "dtype": dtype}
