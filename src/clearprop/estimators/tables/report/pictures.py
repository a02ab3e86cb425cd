"""Pictures for a page, as SVG that takes the colour of the text around it: legible in light and dark."""

from __future__ import annotations

import html
import io
import re
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy
from sklearn.calibration import CalibrationDisplay
from sklearn.metrics import ConfusionMatrixDisplay, PredictionErrorDisplay

from clearprop.errors import MissingExtraError
from clearprop.estimators.tables.report.markup import Markup, number, plain
from clearprop.estimators.tables.training import Member

__all__ = ["MAX_POINTS", "confusion", "learning_curves", "reliability", "residual_histogram", "residuals"]

Array = Any

MAX_POINTS = 1000  # of a scatter plot
N_BINS = 10  # of the reliability curve
N_BARS = 40  # of a histogram
MAX_VALUES = 10  # classes up to which the cells of a confusion matrix hold their share
MAX_LABELS = 20  # class names on an axis
BLUE, ORANGE = "#3d85c6", "#e0812b"  # legible on white and on black
NO_METADATA = dict.fromkeys(("Creator", "Date", "Format", "Type"))
STYLE: Any = {
    "font.size": 10.0,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "legend.frameon": False,
    "svg.fonttype": "none",  # letters stay letters, in the reader's font
}


def picture(alt: str, caption: str, plot: Callable[[Any], None], height: float = 3.6) -> Markup:
    """Return a figure with a description for those who do not see it.

    Parameters
    ----------
    alt : str
        The description.
    caption : str
        What stands below.
    plot : callable
        Draws on the axes that it is given.
    height : float, default=3.6
        In inches; the width is 5.

    Raises
    ------
    MissingExtraError
        If matplotlib is not installed.
    """
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingExtraError(
            "report: its pictures need matplotlib; pip install 'clearprop[plot]', or measure with sklearn.metrics."
        ) from None
    file = io.StringIO()
    with matplotlib.rc_context(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")  # the reader's font may have it
        matplotlib.rcdefaults()
        matplotlib.rcParams.update({**STYLE, "svg.hashsalt": alt})
        figure = Figure(figsize=(5.0, height), layout="constrained")
        plot(figure.add_subplot())
        figure.savefig(file, format="svg", transparent=True, metadata=NO_METADATA)
    svg = file.getvalue()
    svg = svg[svg.index("<svg") :].replace("#000000", "currentColor")
    svg = re.sub(r'<g id="[^"]*"', "<g", svg)  # a page must not have the same one twice
    svg = svg.replace("<svg", f'<svg role="img" aria-label="{html.escape(plain(alt))}"', 1)
    return Markup(f"<figure>\n{svg}<figcaption>{html.escape(caption)}</figcaption>\n</figure>")


def learning_curves(members: Sequence[Member], what: str) -> Markup:
    """Return how a quantity went with the epochs, a line a network; the chosen epochs are marked."""

    def plot(ax: Any) -> None:
        for place, member in enumerate(members):
            names = [None] * 3 if place else ["rows of training", "rows held out", "chosen epoch"]
            held_out = member.history[f"validation_{what}"]
            epochs, best = range(1, len(held_out) + 1), member.best_epoch
            if what in member.history:
                ax.plot(epochs, member.history[what], "k:", linewidth=1.2, alpha=0.7, label=names[0])
            ax.plot(epochs, held_out, color=BLUE, linewidth=1.2, label=names[1])
            ax.plot(best, held_out[best - 1], "D", color=ORANGE, markersize=6.0, label=names[2])
        ax.set(xlabel="epoch", ylabel=what)
        ax.legend()

    chosen = ", ".join(str(member.best_epoch) for member in members)
    return picture(
        f"Learning curves of the {what}; chosen epochs: {chosen}",
        f"The {what} by epoch, a line a network. Diamonds mark the chosen epochs.",
        plot,
    )


def confusion(y: Array, predicted: Array, classes: Array) -> Markup:
    """Return the confusion matrix, in shares of the rows of each class."""
    names = [_label(str(name)) for name in classes.tolist()]

    def plot(ax: Any) -> None:
        from matplotlib.colors import LinearSegmentedColormap

        values = len(names) <= MAX_VALUES
        text = {"color": "black", "fontsize": 10 if len(names) <= 6 else 7}
        shown = ConfusionMatrixDisplay.from_predictions(
            y, predicted, labels=classes, display_labels=names, normalize="true", include_values=values,
            values_format=".0%", text_kw=text, ax=ax, colorbar=False,
            cmap=LinearSegmentedColormap.from_list("blue", [f"{BLUE}00", BLUE]),
            xticks_rotation=0 if max(map(len, names)) < 5 else 45 if values else 90, im_kw={"vmin": 0.0, "vmax": 1.0},
        )  # fmt: skip
        if not values:
            ax.figure.colorbar(shown.im_, ax=ax, format="{x:.0%}", shrink=0.6)
        step = -(-len(names) // MAX_LABELS)
        ax.set(xticks=range(0, len(names), step), xticklabels=names[::step])
        ax.set(yticks=range(0, len(names), step), yticklabels=names[::step], xlabel="predicted class")
        ax.set(ylabel="true class")
        ax.spines[["right", "top"]].set_visible(True)

    right = float(numpy.mean(y == predicted))
    return picture(
        f"Confusion matrix of {len(names)} classes; {right:.1%} of the rows are on its diagonal",
        "Each row of the matrix tells what became of the rows of one class, in shares of them. "
        + ("" if len(names) <= MAX_LABELS else "Not every class is named on the axes."),
        plot,
        height=4.6,
    )


def reliability(confidence: Array, correct: Array) -> Markup:
    """Return how often predictions were right, by how sure the model was of them."""

    def plot(ax: Any) -> None:
        CalibrationDisplay.from_predictions(correct, confidence, n_bins=N_BINS, ax=ax, color=BLUE, name="model")
        ax.set(xlabel="mean confidence", ylabel="share of right predictions", xlim=(0.0, 1.02), ylim=(0.0, 1.02))

    return picture(
        f"Reliability curve: mean confidence {confidence.mean():.1%}, right predictions {correct.mean():.1%}",
        "How often predictions were right (up) among those of which the model was equally sure (across), in "
        f"{N_BINS} bins of equal width. On the dotted line probabilities can be taken at their word; below it the "
        "model is too sure.",
        plot,
    )


def residuals(y: Array, predicted: Array, name: str) -> Markup:
    """Return the residuals against the predictions."""

    def plot(ax: Any) -> None:
        PredictionErrorDisplay.from_predictions(
            y, predicted, subsample=MAX_POINTS, random_state=0, ax=ax,
            scatter_kwargs={"color": BLUE, "alpha": 0.6, "s": 12.0, "linewidths": 0.0},
        )  # fmt: skip
        ax.set(xlabel="prediction", ylabel="y - prediction")

    shown = f"{MAX_POINTS:,} of {len(y):,} rows, drawn at random." if len(y) > MAX_POINTS else f"All {len(y):,} rows."
    return picture(
        f"Residuals of {name} against predictions from {number(predicted.min())} to {number(predicted.max())}",
        f"Residuals of {name} against predictions. {shown}",
        plot,
    )


def residual_histogram(y: Array, predicted: Array, name: str) -> Markup:
    """Return the histogram of the residuals."""
    error = y - predicted

    def plot(ax: Any) -> None:
        ax.hist(error, bins=N_BARS, color=BLUE)
        ax.axvline(0.0, color="black", linestyle="--", linewidth=1.0)
        ax.set(xlabel="y - prediction", ylabel="rows")
        ax.locator_params(axis="x", nbins=5)

    low, middle, high = numpy.quantile(error, (0.05, 0.5, 0.95))
    spread = f"nine of ten lie between {number(low)} and {number(high)}, the median is {number(middle)}"
    return picture(f"Histogram of the residuals of {name}: {spread}", f"Residuals of {name}: {spread}.", plot)


def _label(text: str) -> str:
    """Return a text for an axis, in which matplotlib is to see no formula."""
    return plain(text, 18).replace("$", r"\$")
