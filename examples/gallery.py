"""What all experiments of the gallery share: the style of the pictures, the command line, the list of scripts."""

import argparse
import os
import sys
from collections.abc import Callable
from numbers import Integral
from pathlib import Path

import matplotlib.pyplot as plt
from cycler import cycler
from matplotlib.figure import Figure

Figures = dict[str, float | int | str]

FOLDER = Path(__file__).parent

# Okabe and Ito's palette, which colour-blind readers can tell apart; scripts write "C0" to "C6".
BLUE, ORANGE, GREEN, PINK, SKY, RED, GREY = "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#666666"

STYLE = {
    "axes.prop_cycle": cycler(color=[BLUE, ORANGE, GREEN, PINK, SKY, RED, GREY]),
    "axes.axisbelow": True,
    "axes.edgecolor": "#444444",
    "axes.grid": True,
    "axes.labelsize": 14,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 15,
    "figure.constrained_layout.use": True,
    "figure.dpi": 100,
    "figure.figsize": (12, 5),
    "figure.titlesize": 17,
    "font.size": 13,
    "grid.color": "#E6E6E6",
    "image.cmap": "RdBu_r",
    "legend.fontsize": 13,
    "legend.frameon": False,
    "lines.linewidth": 2.5,
    "savefig.dpi": 150,
    "xtick.labelsize": 12,
    "ytick.labelsize": 12,
}


def scripts() -> list[Path]:
    """Return the scripts that hold an experiment, in the order of their names."""
    return [path for path in sorted(FOLDER.glob("*.py")) if "\ndef experiment(" in path.read_text(encoding="utf-8")]


def show(experiment: Callable[[bool], tuple[Figure, Figures]]) -> None:
    """Run an experiment as the command line asks: print its figures and save its picture.

    ``--small``, or the environment variable ``CLEARPROP_GALLERY=small``, runs it at a small size. Under sphinx-gallery,
    which takes the open picture itself, nothing is saved.
    """
    parser = argparse.ArgumentParser(description=sys.modules["__main__"].__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--small", action="store_true", help="a few seconds instead of up to a minute")
    parser.add_argument("--picture", type=Path, default=Path(sys.argv[0]).stem + ".png", help="default: %(default)s")
    arguments = parser.parse_args()
    plt.rcParams.update(STYLE)
    figure, figures = experiment(arguments.small or os.environ.get("CLEARPROP_GALLERY") == "small")
    for name, value in figures.items():
        print(f"{name}: {value if isinstance(value, str | Integral) else format(value, '.4g')}")
    if "sphinx_gallery" not in sys.modules:
        figure.savefig(arguments.picture)
