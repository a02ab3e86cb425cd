"""Pieces of an HTML page; every text that is not markup already is escaped."""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Sequence

__all__ = ["Markup", "bar", "facts", "grid", "number", "paragraph", "plain", "section", "table"]

LIMIT = 160  # characters of a cell: a level of a category may be a novel
Cell = str | int | float


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


def plain(text: str, limit: int = LIMIT) -> str:
    """Return a text from the data as it can be shown anywhere: cut at the limit, without control characters."""
    text = text if len(text) <= limit else text[: limit - 1] + "…"
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in text)


def number(value: float) -> str:
    """Return a number as people read it: four digits, or all digits of an integer."""
    if isinstance(value, int):
        return f"{value:,}"
    if math.isnan(value):
        return "not defined"
    return f"{value:,.0f}" if 1e4 <= abs(value) < 1e9 else f"{value:.4g}"


def paragraph(text: str) -> Markup:
    """Return a paragraph."""
    return Markup(f"<p>{html.escape(text)}</p>")


def section(title: str, *parts: Markup) -> Markup:
    """Return a section with its heading."""
    return Markup(f"<section>\n<h2>{html.escape(title)}</h2>\n" + "\n".join(parts) + "\n</section>")


def grid(parts: Iterable[Markup]) -> Markup:
    """Return pictures and tables side by side, where there is room."""
    return Markup('<div class="grid">\n' + "\n".join(parts) + "\n</div>")


def facts(pairs: Iterable[tuple[str, Cell]]) -> Markup:
    """Return names with their values, as a list of cards."""
    cards = (f"<div><dt>{_cell(name)}</dt><dd>{_cell(value)}</dd></div>" for name, value in pairs)
    return Markup(f'<dl class="facts">{"".join(cards)}</dl>')


def table(caption: str, head: Sequence[str], rows: Sequence[Sequence[Cell]]) -> Markup:
    """Return a table whose first column names its rows; numbers stand on the right."""
    title = html.escape(caption)
    kinds = ["" if isinstance(cell, str) else " class=number" for cell in rows[0]] if rows else [""] * len(head)
    names = "".join(
        f'<th scope="col"{kind}>{_cell(name)}</th>' if name else "<td></td>"
        for name, kind in zip(head, kinds, strict=True)
    )
    lines = []
    for name, *cells in rows:
        line = (f"<td{kind}>{_cell(cell)}</td>" for cell, kind in zip(cells, kinds[1:], strict=True))
        lines.append(f'<tr><th scope="row">{_cell(name)}</th>{"".join(line)}</tr>')
    return Markup(
        f'<div class="wide" role="region" tabindex="0" aria-label="{title}">\n<table>\n<caption>{title}</caption>\n'
        f"<thead><tr>{names}</tr></thead>\n<tbody>\n" + "\n".join(lines) + "\n</tbody>\n</table>\n</div>"
    )


def bar(value: float, largest: float, deviation: float = 0.0) -> Markup:
    """Return a bar whose length is a share of the largest value, with a line of one deviation to both sides.

    Its number stands beside it, so it is not read aloud.
    """
    share = 100.0 / largest if largest > 0.0 else 0.0
    left, middle, right = (min(max(share * end, 0.0), 100.0) for end in (value - deviation, value, value + deviation))
    line = f'<i style="left:{left:.2f}%;width:{right - left:.2f}%"></i>' if deviation > 0.0 else ""
    return Markup(f'<span class="bar" aria-hidden="true"><b style="width:{middle:.2f}%"></b>{line}</span>')


def _cell(value: Cell) -> str:
    if isinstance(value, Markup):
        return value
    return html.escape(plain(value) if isinstance(value, str) else number(value))
