"""One row's way through a network: forward, and the gradient's way back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy

from clearprop.displays.base import EDGE, GREY, INK, Axes, Display, diverging, label
from clearprop.engines import sparse
from clearprop.errors import ArgumentError
from clearprop.network import Network
from clearprop.trace import Trace
from clearprop.validation import check_integer

__all__ = ["BackpropDisplay", "NodePass"]

Array = Any
MAX_SHOWN = 10  # units of a column
WIDTH = 1.9  # of a column, in cells
STRENGTH = 0.75  # of the colour of the largest number, so that black letters stay legible


@dataclass(frozen=True)
class NodePass:
    """What one row brings about at a node.

    Attributes
    ----------
    node, box, symbol : str
        Its name, the kind of its layer, and ``"x"``, ``"a"`` or ``"h"``.
    output : array of shape (n_units,)
        x, a or h.
    derivative : array of shape (n_units,) or None
        f'(a) of an elementwise activation.
    delta : array of shape (n_units,) or None
        The gradient of the loss at the output.
    """

    node: str
    box: str
    symbol: str
    output: Array
    derivative: Array | None
    delta: Array | None


class BackpropDisplay(Display):
    """One row's pass through a network as numbers: forward above, the slopes, and the gradient on its way back below.

    Read the upper band from left to right and the lower one from right to left. Every number is that of the trace of
    this row alone. Colours compare the numbers of one column: blue above 0, vermillion below. Ten units of a column are
    shown at most, and the rest counted.

    Parameters
    ----------
    nodes : sequence of NodePass
        In the order of the forward pass.
    prediction : array-like of shape (n_outputs,)
        What the network says of the row.
    target : array-like
        What it should say, as the loss keeps it.
    loss : float
        Of the row, without penalties.
    row : int, default=0
        Which of the rows it is, for the title.
    names : sequence of str
        What the columns of the first input are called; empty for numbers.

    Attributes
    ----------
    nodes, prediction, target, loss, row, names
        As given.
    ax_, figure_ : matplotlib Axes and Figure
        After `plot`.

    Examples
    --------
    >>> import clearprop as cp
    >>> net = cp.Network([cp.Dense(1, initializer=cp.Constant(2.0)), cp.ReLU()], inputs=1)
    >>> display = cp.BackpropDisplay.from_network(net, [[1.0], [3.0]], [0.0, 5.0], row=1)
    >>> [(node.symbol, node.output.tolist(), node.delta.tolist()) for node in display.nodes]
    [('x', [3.0], [2.0]), ('a', [6.0], [1.0]), ('h', [6.0], [1.0])]
    >>> display.loss
    0.5
    """

    def __init__(
        self,
        nodes: Sequence[NodePass],
        prediction: Any,
        target: Any,
        loss: float,
        row: int = 0,
        names: Sequence[str] = (),
    ) -> None:
        self.nodes, self.loss, self.row, self.names = tuple(nodes), loss, row, tuple(names)
        self.prediction, self.target = numpy.asarray(prediction), numpy.asarray(target)

    @classmethod
    def from_network(
        cls, net: Network, X: Any, y: Any, *, row: int = 0, names: Sequence[str] = (), ax: Any = None
    ) -> Self:
        """Draw a row passing through a network, which stays as it is.

        Parameters
        ----------
        net : Network
            The network.
        X, y : array-like
            Rows and targets, as for `Network.loss`.
        row : int, default=0
            Which of them.
        names : sequence of str
            What the columns of the first input are called.
        ax : matplotlib Axes or None
            Where; by default a figure of its own.
        """
        batch = net.batch(X, y)
        if check_integer("BackpropDisplay", "row", row, 0) >= batch.n_rows:
            raise ArgumentError(f"BackpropDisplay: row must be below {batch.n_rows}, the number of rows, got {row}.")
        one = [x[[row]] for x in batch.inputs]
        trace = net.trace(one[0] if len(one) == 1 else one, numpy.asarray(y)[[row]])
        return cls(_node_passes(trace), trace.prediction[0], batch.target[row], trace.loss, row, names).plot(ax)

    @classmethod
    def from_estimator(cls, estimator: Any, X: Any, y: Any, *, row: int = 0, member: int = 0, ax: Any = None) -> Self:
        """Draw a row passing through the network of a fitted estimator, which stays as it is.

        Parameters
        ----------
        estimator : MLPClassifier, MLPRegressor, Classifier, Regressor or AutoEncoder
            Fitted.
        X, y : array-like
            Rows and targets, as for its methods.
        row : int, default=0
            Which of them.
        member : int, default=0
            Which of the networks, where the estimator has several.
        ax : matplotlib Axes or None
            Where; by default a figure of its own.
        """
        from clearprop.estimators import network_rows  # scikit-learn is imported for estimators alone

        rows = network_rows(estimator, X, y, member)
        names = rows.names[0] if rows.names else ()
        return cls.from_network(rows.network, rows.X, rows.y, row=row, names=names, ax=ax)

    def _bands(self) -> list[tuple[str, list[tuple[str, Array | None]]]]:
        """Return title and columns of each band: forward, slopes, backward."""
        forward = [(node.symbol, node.output) for node in self.nodes]
        slopes = [("f'", node.derivative) for node in self.nodes]
        names = {"x": "dx", "a": "δ", "h": "dh"}
        backward = [(names[node.symbol], node.delta) for node in self.nodes]
        bands = [("forward  →", [*forward, ("prediction", self.prediction)])]
        if any(values is not None for _, values in slopes):
            bands.append(("slope", slopes))
        return [*bands, ("←  backward", backward)]

    def _heights(self) -> list[float]:
        """Return the cells that each band is high, its heads included."""
        return [
            1.4 + max(min(len(v), MAX_SHOWN) + (len(v) > MAX_SHOWN) for _, v in columns if v is not None)
            for _, columns in self._bands()
        ]

    def _margin(self) -> float:
        """Return the width of what stands left of the first column, in cells."""
        return 3.2 if self.names else 2.1

    def _size(self) -> tuple[float, float]:
        return 0.3 + 0.48 * (self._margin() + WIDTH * (len(self.nodes) + 1)), 1.5 + 0.27 * (sum(self._heights()) + 2.0)

    def _draw(self, ax: Axes) -> None:
        top, right = 0.0, WIDTH * (len(self.nodes) + 1)
        for (title, columns), height in zip(self._bands(), self._heights(), strict=True):
            ax.text(-0.35, top + 0.85, title, ha="right", va="bottom", color=GREY, fontsize=10.0)
            for place, (symbol, values) in enumerate(columns):
                if values is not None:
                    self._draw_column(ax, place * WIDTH, top, symbol, values)
            top += height + 0.6
            if top < sum(self._heights()) + 0.6 * (len(self._heights()) - 1):
                ax.plot([-0.2, right - 0.4], [top - 0.45, top - 0.45], color=EDGE, linewidth=0.6)
        for line, name in enumerate(self.names[:MAX_SHOWN]):
            ax.text(-0.35, 1.49 + line, label(name, 18), ha="right", va="center", fontsize=8.0)
        for place, node in enumerate(self.nodes):
            x = place * WIDTH + (WIDTH - 0.3) / 2
            ax.text(x, -0.85, label(node.node, 12), ha="center", va="bottom", fontsize=9.0, weight="bold")
            ax.text(x, -0.25, label(node.box, 12), ha="center", va="bottom", fontsize=8.0, color=GREY)
        x = len(self.nodes) * WIDTH + (WIDTH - 0.3) / 2
        ax.text(x, -0.85, "loss", ha="center", va="bottom", fontsize=9.0, weight="bold")
        ax.text(x, -0.25, _number(self.loss), ha="center", va="bottom", fontsize=8.0, color=GREY)
        ax.set_title(f"Backpropagation of row {self.row}", pad=8.0)
        ax.text(right - 0.3, -1.75, f"target {self._target()}", ha="right", va="bottom", color=GREY, fontsize=9.0)
        ax.set(xlim=(-self._margin(), right - 0.2), ylim=(top - 0.2, -1.9))
        ax.set_axis_off()

    def _draw_column(self, ax: Axes, x: float, top: float, symbol: str, values: Array) -> None:
        from matplotlib.patches import Rectangle

        width, colours = WIDTH - 0.3, diverging()
        ax.text(x + width / 2, top + 0.85, symbol, ha="center", va="bottom", fontsize=9.0, style="italic", color=INK)
        largest = float(numpy.abs(values[numpy.isfinite(values)]).max(initial=0.0)) or 1.0
        for line, value in enumerate(values[:MAX_SHOWN].tolist()):
            share = STRENGTH * min(max(value / largest, -1.0), 1.0) if numpy.isfinite(value) else 0.0
            box = Rectangle((x, top + 1.0 + line), width, 0.94, facecolor=colours(0.5 + share / 2), edgecolor="white")
            ax.add_patch(box)
            ax.text(x + width / 2, top + 1.49 + line, _number(value), ha="center", va="center", fontsize=8.0)
        hidden = len(values) - MAX_SHOWN
        if hidden > 0:
            ax.text(x + width / 2, top + 1.45 + MAX_SHOWN, f"and {hidden} more", ha="center", va="center", fontsize=8.0,
                    color=GREY)  # fmt: skip

    def _target(self) -> str:
        if self.target.ndim == 0:
            return str(self.target.item())
        shown = ", ".join(map(_number, self.target[:4].tolist()))
        return shown if len(self.target) <= 4 else f"{shown}, …"


def _node_passes(trace: Trace) -> list[NodePass]:
    def row(values: Array | None) -> Array | None:
        if values is None:
            return None
        return values.toarray()[0] if sparse(values) else values[0].ravel()

    return [
        NodePass(node.name, node.box, node.symbol, row(node.output), row(node.derivative), row(node.delta))
        for node in trace.nodes.values()
    ]


def _number(value: float) -> str:
    """Return a number in the width of a cell, with a true minus sign."""
    value += 0.0  # of -0 makes 0
    text = f"{value:.0f}" if float(value).is_integer() and abs(value) < 1e4 else f"{value:.3g}"
    return text.replace("e-0", "e-").replace("e+0", "e").replace("-", "\N{MINUS SIGN}")
