"""The page that ``clearprop explain --html`` writes."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from importlib import resources
from string import Template
from typing import TYPE_CHECKING, Any

import numpy

from clearprop.engines import sparse
from clearprop.trace import PHASES

if TYPE_CHECKING:
    from clearprop.trace import Trace, TraceStep

__all__ = ["explain_page"]

SHOWN = 32  # rows and columns of a matrix


def explain_page(
    trace: Trace,
    steps: Sequence[TraceStep],
    notation: str,
    heading: str,
    model: str,
    names: Sequence[Sequence[str]],
    errors: Mapping[str, float],
) -> str:
    """Return the steps as HTML; texts from data are escaped, and no script is in it.

    Parameters
    ----------
    trace : Trace
        The pass.
    steps : sequence of TraceStep
        Those to show.
    notation : str
        Whose symbols.
    heading : str
        Which row it is.
    model : str
        What the model predicts of it; nothing for a bare network.
    names : sequence of sequence of str
        Names of the columns of each input.
    errors : mapping of str to float
        Largest error of each derivative that was checked.
    """
    inputs = [trace.graph.nodes[place].name for place in trace.graph.inputs]
    columns = dict(zip(inputs, names, strict=True))
    parts = []
    for phase, title in PHASES.items():
        here = [step for step in steps if step.phase == phase]
        if here:
            parts.append(f"<section><h2>{title}</h2>")
            parts += [_step(trace, step, notation, columns.get(step.node, ()), errors.get(step.name)) for step in here]
            parts.append("</section>")
    page = Template(resources.files(__package__).joinpath("explain_page.html").read_text("utf-8"))
    return page.substitute(
        heading=html.escape(heading),
        model=f"<p>{html.escape(model)}</p>" if model else "",
        loss=f"{trace.loss:.6g}",
        penalty=f"{trace.penalty:.6g}",
        steps="\n".join(parts),
    )


def _step(trace: Trace, step: TraceStep, notation: str, names: Sequence[str], error: float | None) -> str:
    checked = "" if error is None else f"<p>largest distance from finite differences: {error:.1e}</p>"
    return (
        f"<article><h3>{html.escape(step.title)}</h3><p class=formula>{trace.formula(step.name, notation).mathml}</p>"
        f"{_matrix(step.name, trace[step.name], names)}{checked}</article>"
    )


def _matrix(name: str, values: Any, names: Sequence[str]) -> str:
    """Return a table of the numbers, a vector as one line, of more axes the last two for each place of the others."""
    array = numpy.asarray(values.toarray() if sparse(values) else values)
    rows = array.reshape(-1, array.shape[-1]) if array.ndim else array.reshape(1, 1)
    shown = rows[:SHOWN, :SHOWN]
    head = "".join(f'<th scope="col">{html.escape(label)}</th>' for label in names[:SHOWN])
    lines = []
    for index, row in enumerate(shown):
        cells = []
        for column, value in enumerate(row):  # -0 + 0 is 0
            cell = numpy.unravel_index(index * array.shape[-1] + column, array.shape)
            place = ",".join(str(int(i)) for i in cell)
            about = f'data-quantity="{html.escape(name)}" data-cell="{place}" data-value="{float(value)!r}"'
            cells.append(f"<td {about}>{value + 0.0:.5g}</td>")
        lines.append(f"<tr>{''.join(cells)}</tr>")
    cut = "" if shown.size == rows.size else f"<p>{shown.size} of {rows.size:,} numbers</p>"
    caption = f"<caption>{html.escape(name)}, {' x '.join(map(str, array.shape))}</caption>"
    return (
        f'<div class=wide tabindex=0 role=region aria-label="{html.escape(name)}"><table>{caption}'
        f"{f'<thead><tr>{head}</tr></thead>' if head else ''}<tbody>{''.join(lines)}</tbody></table></div>{cut}"
    )
