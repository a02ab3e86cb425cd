"""The weights of one node."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy

from clearprop.displays.base import BLUE, EDGE, GREY, VERMILLION, Axes, Display, diverging, label
from clearprop.errors import ArgumentError, UnknownNameError
from clearprop.layers import RBF, Dense, Maxout
from clearprop.network import Network

__all__ = ["WeightDisplay"]

Array = Any
MAX_SQUARES = 40  # a side, up to which each weight is a square


class WeightDisplay(Display):
    """The entries of one parameter, as squares: blue and filled above 0, vermillion and hollow below.

    The area of a square is the size of the weight, as in the diagrams of Hinton's papers. Rows of the picture are rows
    of the array, so that a column holds the weights into a unit. Other shapes than a matrix are drawn with all axes
    but the first in one. From 40 rows or columns on there is no room for squares, and a heat map takes their place.

    Parameters
    ----------
    name : str
        What the parameter is called.
    weights : array-like
        The parameter.
    axes : pair of str, default=("input", "unit")
        What rows and columns of a matrix are.

    Attributes
    ----------
    name, weights, axes
        As given.
    ax_, figure_ : matplotlib Axes and Figure
        After `plot`.

    Examples
    --------
    >>> import clearprop as cp
    >>> net = cp.Network([cp.Dense(3), cp.Tanh(), cp.Dense(1)], inputs=2)
    >>> display = cp.WeightDisplay.from_network(net)
    >>> display.name, display.weights.shape, display.ax_.get_xlabel()
    ('dense_1.W', (2, 3), 'unit')
    """

    def __init__(self, name: str, weights: Any, axes: Sequence[str] = ("input", "unit")) -> None:
        self.name, self.weights, self.axes = name, numpy.asarray(weights), tuple(axes)

    @classmethod
    def from_network(
        cls, net: Network, X: Any = None, y: Any = None, *, parameter: str | None = None, ax: Any = None
    ) -> Self:
        """Draw a parameter of a network.

        Parameters
        ----------
        net : Network
            The network.
        X, y : None
            Not used; there so that all displays are called alike.
        parameter : str or None
            Its name in ``net.parameters``; by default the first weights.
        ax : matplotlib Axes or None
            Where; by default a figure of its own.
        """
        known = [name for name, slot in net.layout.items() if slot.parameter.decays] or list(net.layout)
        if not known:
            raise ArgumentError("WeightDisplay: net has no parameters; pass a network with a Dense or the like.")
        name = known[0] if parameter is None else parameter
        if name not in net.layout:
            raise UnknownNameError(f"WeightDisplay: no parameter {name!r}; there are {', '.join(net.layout)}.")
        layer = next(node.layer for node in net.graph.nodes if node.name == name.rpartition(".")[0])
        axes = ("input", "unit") if isinstance(layer, Dense | Maxout | RBF) else ("row", "column")
        return cls(name, net.parameters[name].copy(), axes).plot(ax)

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any = None,
        y: Any = None,
        *,
        parameter: str | None = None,
        member: int = 0,
        ax: Any = None,
    ) -> Self:
        """Draw a parameter of a fitted estimator's network.

        Parameters
        ----------
        estimator : MLPClassifier, MLPRegressor, Classifier, Regressor or AutoEncoder
            Fitted.
        X, y : None
            Not used; there so that all displays are called alike.
        parameter : str or None
            Its name in the network's ``parameters``; by default the first weights.
        member : int, default=0
            Which of the networks, where the estimator has several.
        ax : matplotlib Axes or None
            Where; by default a figure of its own.
        """
        from clearprop.estimators import network_of  # scikit-learn is imported for estimators alone

        return cls.from_network(network_of(estimator, member), parameter=parameter, ax=ax)

    @property
    def _matrix(self) -> Array:
        W = self.weights.astype(numpy.float64)
        return W.reshape(len(W), -1) if W.ndim > 1 else W.reshape(1, -1)

    def _size(self) -> tuple[float, float]:
        n_rows, n_columns = self._matrix.shape
        scale = min(0.42, 7.5 / max(n_rows, n_columns))
        return max(scale * n_columns, 2.4) + 1.9, max(scale * n_rows, 1.2) + 1.3

    def _draw(self, ax: Axes) -> None:
        W = self._matrix
        largest = float(numpy.abs(W[numpy.isfinite(W)]).max(initial=0.0)) or 1.0
        if max(W.shape) <= MAX_SQUARES:
            self._draw_squares(ax, W, largest)
        else:
            image = ax.imshow(W, cmap=diverging(), vmin=-largest, vmax=largest, interpolation="nearest", aspect="auto")
            bar = ax.figure.colorbar(image, ax=ax, shrink=0.8, aspect=30, format="{x:+.2g}")
            bar.outline.set_visible(False)
        ax.set_title(label(self.name), pad=26.0)
        told = f"{int((W < 0).sum())} of {W.size} are below 0"
        told = f"{told}; largest {self._largest(W):+.3g}"
        above = {"xytext": (0.0, 5.0), "textcoords": "offset points", "annotation_clip": False}
        ax.annotate(told, (0.0, 1.0), xycoords="axes fraction", color=GREY, fontsize=9.0, **above)
        down, across = self.axes if self.weights.ndim == 2 else ("", "entry")
        ax.set(xlabel=across, ylabel=down)
        for axis in (ax.xaxis, ax.yaxis):
            axis.get_major_locator().set_params(integer=True)
        ax.spines[:].set_visible(False)
        ax.tick_params(length=0)

    def _draw_squares(self, ax: Axes, W: Array, largest: float) -> None:
        from matplotlib.collections import PatchCollection
        from matplotlib.patches import Rectangle

        n_rows, n_columns = W.shape
        for below in (False, True):
            squares = []
            for row, column in zip(*numpy.nonzero((W < 0) == below), strict=True):
                side = 0.92 * (abs(W[row, column]) / largest) ** 0.5 - (0.06 if below else 0.0)
                side = max(side, 0.01)
                squares.append(Rectangle((column - side / 2, row - side / 2), side, side))
            colour = VERMILLION if below else BLUE
            style: dict[str, Any] = {"facecolor": "white" if below else BLUE, "edgecolor": colour}
            ax.add_collection(PatchCollection(squares, linewidths=1.6 if below else 0.0, **style))
        ax.set_xticks(numpy.arange(n_columns + 1) - 0.5, minor=True)
        ax.set_yticks(numpy.arange(n_rows + 1) - 0.5, minor=True)
        ax.grid(which="minor", color=EDGE, linewidth=0.4)
        ax.tick_params(which="minor", length=0)
        ax.set(xlim=(-0.5, n_columns - 0.5), ylim=(n_rows - 0.5, -0.5), aspect="equal")

    @staticmethod
    def _largest(W: Array) -> float:
        """Return the entry that is furthest from 0."""
        return float(W.flat[int(numpy.argmax(numpy.abs(W)))])
