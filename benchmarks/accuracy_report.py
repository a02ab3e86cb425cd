"""The tables and the picture of `accuracy.py`."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contestants import PRESETS
from measure import number
from report import GREY, print_table
from scores import Column
from tabular import SHIFT, shifted_geometric_mean

CONSTANT = "constant"  # who learns nothing is in the table, but is nobody's rival
# colours of Okabe and Ito (2008), which the colour-blind tell apart, and a shape each: readable on white and on black
OWN = "#3b8fd6"
MARKERS = {
    "fast": ("o", "none", OWN),
    "balanced": ("o", OWN, OWN),
    "best": ("*", OWN, OWN),
    "hgb": ("^", "none", "#009e73"),
    "lightgbm": ("s", "none", "#e69f00"),
    "xgboost": ("v", "none", "#d55e00"),
    "catboost": ("D", "none", "#cc79a7"),
    "mlp": ("x", GREY, GREY),
    "scaled_mlp": ("+", GREY, GREY),
}
TIE = 1 + 1e-9  # means over splits of equal errors may round differently
FARTHEST = 2.5  # times the best peer's error: who is beyond stands at the edge of the picture


@dataclass(frozen=True)
class Standing:
    """Presets and peers on one set.

    Attributes
    ----------
    peer : str
        The key of the best peer.
    ratios : dict of str to float
        By key: the error in multiples of the best peer's, both shifted as in the summary.
    """

    peer: str
    ratios: dict[str, float]

    @classmethod
    def of(cls, columns: Mapping[str, Column], name: str) -> Standing | None:
        """Return the standing on a set, or None if no peer has a figure."""
        errors = {key: error for key, column in columns.items() if (error := column.error(name)) is not None}
        rivals = [key for key in errors if key not in PRESETS and key != CONSTANT]
        if not rivals:
            return None
        peer = min(rivals, key=errors.__getitem__)
        best = errors[peer]
        return cls(peer, {key: (error + SHIFT) / (best + SHIFT) for key, error in errors.items()})

    @property
    def losing(self) -> list[str]:
        """The presets that the best peer beats."""
        return [key for key in PRESETS if self.ratios.get(key, 0.0) > TIE]


def _standings(columns: Mapping[str, Column]) -> dict[str, Standing]:
    """Return the standings on all sets on which a peer has a figure."""
    sets = next(iter(columns.values())).sets
    return {name: standing for name in sets if (standing := Standing.of(columns, name)) is not None}


def print_kind(kind: str, columns: Mapping[str, Column], sets: Sequence[str]) -> None:
    """Print the errors on all sets, the summary below them, and who loses where."""
    measure = "error rate" if kind == "classification" else "RMSE / std"
    print(f"\n{kind.capitalize()}: {measure}, mean over splits; the lowest in bold\n")
    table = [_set_cells(columns, name) for name in sets]
    table += [
        _summary_cells(columns, "shifted geometric mean", "error", shifted_geometric_mean, digits=4),
        _summary_cells(columns, "mean", "error", statistics.mean, digits=4),
    ]
    if kind == "classification":
        table.append(_summary_cells(columns, "log loss, mean", "log_loss", statistics.mean, digits=4))
        table.append(_summary_cells(columns, "calibration error, mean", "calibration_error", statistics.mean, digits=4))
    else:
        table.append(_summary_cells(columns, "coverage of 90 % intervals, mean", "coverage", statistics.mean, digits=3))
    table += [
        _summary_cells(columns, "fit, total s", "fit_seconds", sum),
        _summary_cells(columns, "fit, slowest set, s", "fit_seconds", max),
        _summary_cells(columns, "predict, total s", "predict_seconds", sum),
    ]
    print_table(("set", *(column.label for column in columns.values()), "losing"), table)
    print()
    for key in PRESETS:
        if key in columns:
            print(_verdict(columns, key, sets))
    for column in columns.values():
        for reason in dict.fromkeys(column.failures.values()):
            failed = [name for name in column.failures if column.failures[name] == reason]
            print(f"FAILED: {column.label} on {', '.join(failed)}: {reason}")


def _set_cells(columns: Mapping[str, Column], name: str) -> list[str]:
    errors = {key: column.error(name) for key, column in columns.items()}
    lowest = min((error for error in errors.values() if error is not None), default=None)
    cells = [name]
    for error in errors.values():
        text = "FAILED" if error is None else f"{error:.4f}"
        cells.append(f"**{text}**" if error is not None and error <= TIE * lowest else text)
    standing = Standing.of(columns, name)
    losing = standing.losing if standing else []
    return [*cells, f"{columns[standing.peer].label} beats {', '.join(losing)}" if standing and losing else ""]


def _summary_cells(
    columns: Mapping[str, Column], title: str, figure: str, summary: Any, digits: int | None = None
) -> list[str]:
    cells = [title]
    for column in columns.values():
        values = column.figures(figure)
        if values is None:
            cells.append(f"{len(column.failures)} FAILED")
        else:
            value = summary(values) if values else None
            cells.append(number(value) if value is None or digits is None else f"{value:.{digits}f}")
    return [*cells, ""]


def _verdict(columns: Mapping[str, Column], key: str, sets: Sequence[str]) -> str:
    """Return a line on a preset: its summary beside the best peer's, and the sets that it loses."""
    compared = {name: standing for name, standing in _standings(columns).items() if key in standing.ratios}
    lost = {name: standing for name, standing in compared.items() if key in standing.losing}
    worse = [name for name in sets if _worse_than_constant(columns, key, name)]
    means = {
        other: shifted_geometric_mean(errors)
        for other, column in columns.items()
        if other != CONSTANT and (other == key or other not in PRESETS) and (errors := column.figures("error"))
    }
    words = [f"{columns[key].label}:"]
    if columns[key].failures:
        words.append(f"FAILED on {len(columns[key].failures)};")
    if key in means and len(means) > 1:
        peer = min(means.keys() - {key}, key=means.__getitem__)
        words.append(f"{means[key] / means[peer]:.3f} times the best peer's shifted mean ({columns[peer].label});")
    names = ", ".join(f"{name} ({columns[standing.peer].label})" for name, standing in lost.items())
    words.append(f"loses {len(lost)} of {len(compared)} sets{': ' if lost else ''}{names};")
    words.append(f"worse than the mean or the majority on {len(worse)}{': ' if worse else ''}{', '.join(worse)}")
    return " ".join(words)


def _worse_than_constant(columns: Mapping[str, Column], key: str, name: str) -> bool:
    error, constant = columns[key].error(name), columns[CONSTANT].error(name) if CONSTANT in columns else None
    return error is not None and constant is not None and error > TIE * constant


def draw_errors(path: Path, kinds: Mapping[str, Mapping[str, Column]]) -> None:
    """Draw the errors on each set in multiples of the best peer's, a marker a contestant.

    Parameters
    ----------
    path : Path
        Where to; the ending (.svg, .png) is the format.
    kinds : mapping of str to columns
        By kind: the contestants by key.
    """
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams["svg.fonttype"] = "none"
    from matplotlib import pyplot

    standings = {kind: _standings(columns) for kind, columns in kinds.items()}
    if not any(standings.values()):
        raise SystemExit("nothing to draw: no peer was measured")
    heights = [len(found) + 0.6 for found in standings.values()]
    figure, panels = pyplot.subplots(
        len(kinds), figsize=(8, 1.3 + 0.33 * sum(heights)), dpi=200, sharex=True, squeeze=False, height_ratios=heights
    )
    handles: dict[str, Any] = {}
    for (kind, columns), axes in zip(kinds.items(), panels[:, 0], strict=True):
        axes.set_title(kind, loc="left", color=GREY, fontsize=10, fontweight="bold")
        _draw_kind(axes, columns, standings[kind], handles)
    axes.set_xlabel(
        f"error + {SHIFT}, in multiples of the best peer's (logarithmic; left of 1: better than all peers)", color=GREY
    )
    order = [key for key in MARKERS if key in handles]
    figure.legend(
        [handles[key] for key in order],
        [handles[key].get_label() for key in order],
        loc="lower center",
        bbox_to_anchor=(0.5, 1.0),
        ncols=3,
        frameon=False,
        labelcolor=GREY,
        fontsize=9,
    )
    figure.tight_layout()
    figure.savefig(path, transparent=True, bbox_inches="tight")


def _draw_kind(
    axes: Any, columns: Mapping[str, Column], standings: Mapping[str, Standing], handles: dict[str, Any]
) -> None:
    from matplotlib.ticker import FixedLocator, NullLocator

    # where ours are best comes first
    names = sorted(standings, key=lambda name: (min(standings[name].ratios.get(key, 1.0) for key in PRESETS), name))
    for place, name in enumerate(names):
        ratios = standings[name].ratios
        shown = {key: min(ratios[key], FARTHEST) for key in MARKERS if key in ratios}
        axes.hlines(place, min(shown.values()), max(shown.values()), color=GREY, alpha=0.3, linewidth=1, zorder=1)
        for key, ratio in shown.items():
            shape, face, edge = MARKERS[key]
            [handles[key]] = axes.plot(
                ratio,
                place,
                shape,
                markersize=10 if shape == "*" else 7,
                markerfacecolor=face,
                markeredgecolor=edge,
                markeredgewidth=1.6,
                linestyle="none",
                label=columns[key].label,
                zorder=4 if key in PRESETS else 3,
                clip_on=False,
            )
    axes.axvline(1, color=GREY, linewidth=1.2, zorder=2)
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(FixedLocator([0.25, 0.5, 0.7, 0.8, 0.9, 1, 1.1, 1.25, 1.5, 2, FARTHEST]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}" if value < FARTHEST else f"{value:g}+")
    axes.set_yticks(range(len(names)), [_set_label(name, standings[name], columns) for name in names])
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.tick_params(colors=GREY, which="both", length=0, labelsize=9)
    axes.spines[:].set_visible(False)
    axes.grid(axis="x", color=GREY, alpha=0.25, linewidth=0.8)
    axes.set_axisbelow(True)


def _set_label(name: str, standing: Standing, columns: Mapping[str, Column]) -> str:
    """Return the name of a set, how many of the presets lose on it, and who failed."""
    n_presets, n_losing = len(PRESETS.keys() & standing.ratios.keys()), len(standing.losing)
    remarks = [f"{column.label} failed" for column in columns.values() if name in column.failures]
    if n_losing:
        remarks.append("loses" if n_losing == n_presets else f"{n_losing} of {n_presets} lose")
    return f"{name} ({', '.join(remarks)})" if remarks else name
