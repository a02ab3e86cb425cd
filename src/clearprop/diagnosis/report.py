"""What a diagnosis says: the health of every layer, and findings with their remedies."""

from __future__ import annotations

import html
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from clearprop.summary import aligned

__all__ = ["Diagnosis", "Finding", "LayerHealth"]


@dataclass(frozen=True)
class LayerHealth:
    """How one node of a network is doing, on the rows of a diagnosis.

    A unit is an entry of a row of the node's output; those of images and sequences are numbered as ``ravel`` puts them.
    What a node does not have is None: an Add has no parameters, a Dense has no f'.

    Attributes
    ----------
    node, box : str
        Its name, and the kind of its layer (``"Input"`` for an input).
    n_units : int
        Entries of a row of its output.
    dead, saturated : tuple of int
        Numbers of such units, as `Finding` defines them; a dead unit does not count as saturated.
    mean, deviation : float
        Mean and standard deviation of the output, over rows and units.
    delta_norm : float or None
        Euclidean norm of the gradient of the loss at the output, over rows and units.
    gradient_norm, parameter_norm, update_norm : float or None
        Euclidean norms over the node's own parameters: of the gradient of loss and penalty, of the parameters, and of
        what one step of the optimizer adds to them.
    update_ratio : float or None
        The norm of the update of the node's weights divided by the norm of the weights, without biases and the like,
        which start at 0.

    Examples
    --------
    >>> import clearprop as cp
    >>> net = cp.Network([cp.Dense(2, initializer=cp.Constant(-1.0)), cp.ReLU(), cp.Dense(1)], inputs=1)
    >>> layers = net.diagnose([[1.0], [3.0]], [0.0, 1.0]).layers
    >>> [(layer.node, layer.n_units, layer.dead) for layer in layers]
    [('input_1', 1, ()), ('dense_1', 2, ()), ('relu_1', 2, (0, 1)), ('dense_2', 1, ())]
    >>> layers[1].mean
    -2.0
    """

    node: str
    box: str
    n_units: int
    dead: tuple[int, ...]
    saturated: tuple[int, ...]
    mean: float
    deviation: float
    delta_norm: float | None
    gradient_norm: float | None
    parameter_norm: float | None
    update_norm: float | None
    update_ratio: float | None


@dataclass(frozen=True)
class Finding:
    """Something that keeps a network from learning, with its definition and a remedy.

    Attributes
    ----------
    kind : str
        ``"non-finite value"``, ``"unscaled inputs"``, ``"constant inputs"``, ``"dead units"``, ``"saturated units"``,
        ``"vanishing gradient"``, ``"exploding gradient"``, ``"update ratio too high"``, ``"update ratio too low"``,
        ``"learning rate too high"`` or ``"learning rate too low"``.
    node : str
        Where: a node, a parameter, or ``"loss"``.
    definition : str
        What counts as such a finding.
    count, total : int
        How many, and of how many: units, columns, layers, entries of an array, or 1 of 1.
    n_rows : int
        Rows that it was found on.
    units : tuple of int
        The units, or the columns of the input, that are meant; empty where the whole node is.
    message : str
        What was found, in a sentence.
    remedy : str
        What to do about it.

    Examples
    --------
    >>> import clearprop as cp
    >>> net = cp.Network([cp.Dense(1)], inputs=2)
    >>> finding = net.diagnose([[0.5, 1000.0], [-0.5, 3000.0]], [0.0, 1.0]).findings[0]
    >>> finding.kind, finding.node, finding.count, finding.total, finding.units
    ('unscaled inputs', 'input_1', 1, 2, (1,))
    """

    kind: str
    node: str
    definition: str
    count: int
    total: int
    n_rows: int
    units: tuple[int, ...]
    message: str
    remedy: str


@dataclass(frozen=True, repr=False)
class Diagnosis:
    """The health of a network on some rows; see `Network.diagnose`. `print` shows it, and a notebook as a table.

    Attributes
    ----------
    n_rows : int
        Rows that passed through the network.
    layers : tuple of LayerHealth
        One a node, in the order of the forward pass.
    findings : tuple of Finding
        What is not as it should be.

    Examples
    --------
    >>> import clearprop as cp
    >>> net = cp.Network([cp.Dense(1, initializer=cp.Constant(2.0))], inputs=1)
    >>> diagnosis = net.diagnose([[-1.0], [1.0]], [-1.0, 1.0], optimizer=cp.SGD(4.0))
    >>> diagnosis.ok, [finding.kind for finding in diagnosis.findings]
    (False, ['update ratio too high', 'learning rate too high'])
    >>> print(diagnosis.findings[1].message)
    one step of SGD(learning_rate=4.0) takes the loss from 0.5 to 4.5
    """

    n_rows: int
    layers: tuple[LayerHealth, ...]
    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing was found."""
        return not self.findings

    def to_dict(self) -> dict[str, Any]:
        """Return everything as something the json module can write; what is not finite stays a float."""
        return {"n_rows": self.n_rows, "ok": self.ok} | {
            what: [asdict(entry) for entry in entries]
            for what, entries in (("layers", self.layers), ("findings", self.findings))
        }

    def __str__(self) -> str:
        lines = [aligned(list(self._table()), right=range(2, len(HEAD))), "", self._verdict()]
        for finding in self.findings:
            lines += [
                "",
                f"{finding.kind} ({finding.node}): {finding.message}.",
                f"  remedy: {finding.remedy}",
                f"  definition: {finding.definition}",
            ]
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        """Return the layers and the findings as two tables, every text escaped."""
        found = [["finding", "where", "what", "remedy"]]
        found += [[finding.kind, finding.node, finding.message, finding.remedy] for finding in self.findings]
        tables = [_html_table(list(self._table()))]
        tables += [_html_table(found)] if self.findings else []
        return f"<p>{html.escape(self._verdict())}</p>" + "".join(tables)

    def _verdict(self) -> str:
        n, rows = len(self.findings), f"{self.n_rows} row{'' if self.n_rows == 1 else 's'}"
        return f"nothing found on {rows}" if self.ok else f"{n} finding{'' if n == 1 else 's'} on {rows}"

    def _table(self) -> Iterator[list[str]]:
        yield list(HEAD)
        for layer in self.layers:
            yield [layer.node, layer.box] + [
                str(len(value)) if isinstance(value, tuple) else _number(value)
                for value in (getattr(layer, name) for name in HEAD.values() if name not in ("node", "box"))
            ]


HEAD = {  # of the table of layers, and what stands below
    "node": "node",
    "box": "box",
    "units": "n_units",
    "dead": "dead",
    "saturated": "saturated",
    "mean": "mean",
    "deviation": "deviation",
    "|delta|": "delta_norm",
    "|gradient|": "gradient_norm",
    "|update|/|W|": "update_ratio",
}


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return str(value) if isinstance(value, int) else f"{value:.3g}" if math.isfinite(value) else "not finite"


def _html_table(rows: Sequence[Sequence[str]]) -> str:
    head, *body = rows
    lines = ["".join(f'<th scope="col">{html.escape(cell)}</th>' for cell in head)]
    lines += ["".join(f"<td>{html.escape(cell)}</td>" for cell in row) for row in body]
    return "<table>" + "".join(f"<tr>{line}</tr>" for line in lines) + "</table>"
