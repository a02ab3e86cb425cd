"""The table that `Network.summary` returns."""

from __future__ import annotations

import html
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from clearprop.graph import Graph
from clearprop.parameters import Layout

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["Summary", "SummaryRow", "aligned", "summarize"]

HEAD = ["node", "box", "inputs", "shape", "parameters"]


@dataclass(frozen=True, repr=False)
class SummaryRow:
    """A node: its name, its box, what it reads, the shape of a row, and how many numbers it learns."""

    name: str
    box: str
    inputs: tuple[str, ...]
    shape: tuple[int, ...]
    n_parameters: int


@dataclass(frozen=True)
class Summary:
    """The nodes of a network with their shapes and parameter counts.

    Examples
    --------
    >>> import clearprop as cp
    >>> print(cp.Network([cp.Dense(2), cp.ReLU(), cp.Dense(1)], inputs=3).summary())
    node     box    inputs   shape  parameters
    input_1  Input           (3,)            0
    dense_1  Dense  input_1  (2,)            8
    relu_1   ReLU   dense_1  (2,)            0
    dense_2  Dense  relu_1   (1,)            3
    total                                   11
    """

    rows: tuple[SummaryRow, ...]

    @property
    def n_parameters(self) -> int:
        """Number of learned numbers in all."""
        return sum(row.n_parameters for row in self.rows)

    def _lines(self) -> list[list[str]]:
        """Return the texts of the table: head, nodes, total."""
        rows = [[r.name, r.box, ", ".join(r.inputs), str(r.shape), f"{r.n_parameters:,}"] for r in self.rows]
        return [HEAD, *rows, ["total", "", "", "", f"{self.n_parameters:,}"]]

    def __str__(self) -> str:
        return aligned(self._lines(), right=(4,))

    __repr__ = __str__

    def __rich__(self) -> Table:
        """Return the table for consoles of rich: ``rich.print(net.summary())``."""
        from rich import box
        from rich.table import Table
        from rich.text import Text

        head, *rows, total = self._lines()
        table = Table(box=box.SIMPLE_HEAD, show_footer=True)
        for place, (name, last) in enumerate(zip(head, total, strict=True)):
            table.add_column(name, Text(last), justify="right" if place == 4 else "left")
        for row in rows:
            table.add_row(*map(Text, row))
        return table

    def _repr_html_(self) -> str:
        """Return the table for notebooks."""
        head, *rows, total = ([html.escape(text) for text in line] for line in self._lines())
        body = "".join(f'<tr><th scope="row">{name}</th>{_cells(cells, "td")}</tr>' for name, *cells in rows)
        return (
            f"<table><thead><tr>{_cells(head, 'th')}</tr></thead><tbody>{body}</tbody>"
            f'<tfoot><tr><th scope="row">{total[0]}</th>{_cells(total[1:], "td")}</tr></tfoot></table>'
        )


def _cells(texts: Sequence[str], tag: str) -> str:
    return "".join(f"<{tag}>{text}</{tag}>" for text in texts)


def aligned(lines: Sequence[Sequence[str]], right: Collection[int] = ()) -> str:
    """Return a table of texts with aligned columns; those whose numbers are in `right` end alike."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    padded = (
        [
            text.rjust(w) if place in right else text.ljust(w)
            for place, (text, w) in enumerate(zip(line, widths, strict=True))
        ]
        for line in lines
    )
    return "\n".join("  ".join(line).rstrip() for line in padded)


def summarize(graph: Graph, layout: Layout) -> Summary:
    """Return the summary of a graph; parameters of a shared layer count where it is used first."""
    sizes: dict[str, int] = {}
    for slot in layout.values():
        owner = slot.name.rpartition(".")[0]
        sizes[owner] = sizes.get(owner, 0) + slot.stop - slot.start
    rows = []
    for node in graph.nodes:
        box = "Input" if node.layer is None else type(node.layer).__name__
        inputs = tuple(graph.nodes[index].name for index in node.inputs)
        rows.append(SummaryRow(node.name, box, inputs, node.shape, sizes.pop(node.owner, 0)))
    return Summary(tuple(rows))
