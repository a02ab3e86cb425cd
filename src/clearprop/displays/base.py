"""What all displays share: the style, the axes, and the way from an estimator to its network."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Self

from clearprop.errors import MissingExtraError
from clearprop.network import Network

__all__ = [
    "BLUE", "EDGE", "GREY", "INK", "PALE", "PALETTE", "VERMILLION",
    "Axes", "Display", "TraceDisplay", "diverging", "label", "load_pyplot",
]  # fmt: skip

Array = Any
Axes = Any

# Okabe and Ito's palette, which colour-blind readers can tell apart
BLUE, VERMILLION, GREEN, ORANGE, PINK, SKY = "#0072B2", "#D55E00", "#009E73", "#E69F00", "#CC79A7", "#56B4E9"
PALETTE = (BLUE, VERMILLION, GREEN, ORANGE, PINK, SKY)
INK, GREY, EDGE, PALE = "#222222", "#6B6B6B", "#BBBBBB", "#EEEEEE"
STYLE: Any = {
    "axes.axisbelow": True,
    "axes.edgecolor": EDGE,
    "axes.labelcolor": INK,
    "axes.labelsize": 10.0,
    "axes.titlecolor": INK,
    "axes.titlelocation": "left",
    "axes.titlepad": 10.0,
    "axes.titlesize": 12.0,
    "axes.titleweight": "bold",
    "font.size": 10.0,
    "grid.color": PALE,
    "legend.fontsize": 9.0,
    "legend.frameon": False,
    "text.color": INK,
    "xtick.color": GREY,
    "xtick.labelsize": 9.0,
    "ytick.color": GREY,
    "ytick.labelsize": 9.0,
}


class Display(ABC):
    """Numbers and the way to draw them, in scikit-learn's manner."""

    ax_: Any
    figure_: Any

    @abstractmethod
    def _draw(self, ax: Axes) -> None:
        """Draw on axes that have the style already."""

    def _size(self) -> tuple[float, float]:
        """Return width and height in inches of a figure of its own."""
        return 6.4, 4.0

    def plot(self, ax: Any = None) -> Self:
        """Draw the numbers.

        Parameters
        ----------
        ax : matplotlib Axes or None
            Where; by default a figure of its own.

        Returns
        -------
        the display
            With the attributes ``ax_`` and ``figure_``.

        Raises
        ------
        MissingExtraError
            If matplotlib is not installed.
        """
        pyplot = load_pyplot(type(self).__name__)
        with pyplot.rc_context(STYLE):
            if ax is None:
                _, ax = pyplot.subplots(figsize=self._size(), layout="constrained")
            ax.spines[["right", "top"]].set_visible(False)
            self._draw(ax)
        self.ax_, self.figure_ = ax, ax.figure
        return self


class TraceDisplay(Display):
    """A display of one forward and one backward pass of rows through a network."""

    @classmethod
    @abstractmethod
    def _of(cls, net: Network, X: Any, y: Any) -> Self:
        """Return the display of a network and rows that it takes, not drawn yet."""

    @classmethod
    def from_network(cls, net: Network, X: Any, y: Any, *, ax: Any = None) -> Self:
        """Draw rows passing through a network, which stays as it is.

        Parameters
        ----------
        net : Network
            The network.
        X, y : array-like
            Rows and targets, as for `Network.loss`.
        ax : matplotlib Axes or None
            Where; by default a figure of its own.
        """
        return cls._of(net, X, y).plot(ax)

    @classmethod
    def from_estimator(cls, estimator: Any, X: Any, y: Any, *, member: int = 0, ax: Any = None) -> Self:
        """Draw rows passing through the network of a fitted estimator, which stays as it is.

        Parameters
        ----------
        estimator : MLPClassifier, MLPRegressor, Classifier, Regressor or AutoEncoder
            Fitted.
        X, y : array-like
            Rows and targets, as for its methods.
        member : int, default=0
            Which of the networks, where the estimator has several.
        ax : matplotlib Axes or None
            Where; by default a figure of its own.
        """
        from clearprop.estimators import network_rows  # scikit-learn is imported for estimators alone

        rows = network_rows(estimator, X, y, member)
        return cls._of(rows.network, rows.X, rows.y).plot(ax)


def load_pyplot(owner: str) -> Any:
    """Return matplotlib's pyplot, or raise `MissingExtraError` in the name of what needs it."""
    try:
        from matplotlib import pyplot
    except ImportError:
        raise MissingExtraError(f"{owner}: drawing needs matplotlib; pip install 'clearprop[plot]'.") from None
    return pyplot


def label(text: str, limit: int = 24) -> str:
    """Return a text that may come from data, as matplotlib is to show it: short, on one line, and never a formula."""
    text = text if len(text) <= limit else text[: limit - 1] + "…"
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in text).replace("$", r"\$")


def diverging() -> Any:
    """Return the colours of signed numbers: vermillion below 0, white at 0, blue above."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("sign", [VERMILLION, "#F7F7F7", BLUE])
