"""Tables, JSON and the picture."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any

from nets import NETS

GREY = "#7d8590"  # readable on white and on near black alike
COLOURS = {"sklearn": "#e0823d", "torch": "#d1495b", "compile": "#a06cd5", "jax": "#2a9d8f"}


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table in Markdown, the first column to the left and the others to the right."""
    widths = [max(map(len, cells)) for cells in zip(columns, *rows, strict=True)]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    for cells in (columns, rule, *rows):
        first, *others = zip(cells, widths, strict=True)
        padded = [first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in others)]
        print(f"| {' | '.join(padded)} |", flush=True)


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write figures with all their digits."""
    path.write_text(json.dumps(content, indent=1, default=_plain) + "\n")


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    raise TypeError(f"cannot write {type(value).__name__} as JSON")


def draw(path: Path, rows: Sequence[Any]) -> None:
    """Draw how many times clearprop's time a step of everybody else takes, a bar a network and contestant.

    Parameters
    ----------
    path : Path
        Where to; the ending (.png, .svg) is the format.
    rows : sequence of contest.Row
        The training table.
    """
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams["svg.fonttype"] = "none"
    from matplotlib import pyplot
    from matplotlib.ticker import LogLocator, NullLocator

    others = [row for row in rows if row.best_ratio is not None and row.contestant != "clearprop"]
    if not others:
        raise SystemExit("nothing to draw: no contestant was measured beside clearprop")
    groups = {net: [row for row in others if row.net == net] for net in dict.fromkeys(row.net for row in others)}
    figure, axes = pyplot.subplots(figsize=(8, 0.8 + 0.21 * (len(others) + len(groups))), dpi=200)
    place, ticks, known = 0.0, [], set()
    for net, group in groups.items():
        ticks.append((place + (len(group) - 1) / 2, f"{net}\n{'-'.join(map(str, NETS[net].sizes))}"))
        for row in group:
            label = None if row.label in known else row.label
            known.add(row.label)
            axes.barh(place, row.best_ratio - 1, left=1, height=0.86, color=COLOURS[row.contestant], label=label)
            beyond = row.best_ratio >= 1
            axes.annotate(
                f"{row.best_ratio:.1f}" if row.best_ratio < 10 else f"{row.best_ratio:.0f}",
                (row.best_ratio, place),
                (3 if beyond else -3, 0),
                textcoords="offset points",
                va="center",
                ha="left" if beyond else "right",
                color=GREY,
                fontsize=8,
            )
            place += 1
        place += 0.8
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.axvline(1, color=GREY, linewidth=1.2)
    axes.set_xlim(
        min(0.8, 0.75 * min(row.best_ratio for row in others)), 1.5 * max(1.5, *(r.best_ratio for r in others))
    )
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_yticks([tick for tick, _ in ticks], [name for _, name in ticks])
    axes.invert_yaxis()
    axes.set_xlabel(
        "time of a training step, in multiples of clearprop's (logarithmic; right of 1: clearprop is faster)"
    )
    axes.tick_params(colors=GREY, which="both", length=0, labelsize=9)
    axes.xaxis.label.set_color(GREY)
    axes.spines[:].set_visible(False)
    axes.grid(axis="x", which="major", color=GREY, alpha=0.25, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=4, frameon=False, labelcolor=GREY, fontsize=9)
    figure.savefig(path, transparent=True, bbox_inches="tight")
