"""A network as units and the weights between them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy

from clearprop.displays.base import BLUE, EDGE, GREY, INK, VERMILLION, Axes, Display, label
from clearprop.layers import TransposedDense
from clearprop.network import Network

__all__ = ["Connection", "NetworkDisplay", "UnitColumn"]

Array = Any
MAX_SHOWN = 16  # units of a column
STACKED = 2.8  # gap between columns that stand at the same depth, in units


@dataclass(frozen=True)
class UnitColumn:
    """Units that stand one below the other.

    Attributes
    ----------
    nodes : tuple of str
        The node, and those that follow it with as many units and no weights, such as its activation.
    n_units : int
        Units in all.
    depth : int
        Columns between it and the inputs.
    """

    nodes: tuple[str, ...]
    n_units: int
    depth: int

    @property
    def n_shown(self) -> int:
        """Units that are drawn."""
        return min(self.n_units, MAX_SHOWN)


@dataclass(frozen=True)
class Connection:
    """What leads from one column to another.

    Attributes
    ----------
    source, target : int
        Places of the columns.
    weights : array of shape (n_source, n_target) or None
        Of the units; None where the connection is no matrix of weights.
    """

    source: int
    target: int
    weights: Array | None


class NetworkDisplay(Display):
    """The units of a network and the weights between them.

    Weights above 0 are blue and solid, those below vermillion and dashed; the wider, the larger, compared with the
    largest of the same matrix. At most 16 units of a column are shown, and the rest counted. Boxes without weights that
    keep the number of units share a column with the box before. A grey line stands for a box whose weights are no
    matrix, or that has none.

    Parameters
    ----------
    columns : sequence of UnitColumn
        Inputs first.
    connections : sequence of Connection
        Between them.
    names : sequence of str
        What the units of the first column are called; empty for numbers.

    Attributes
    ----------
    columns, connections, names
        As given.
    ax_, figure_ : matplotlib Axes and Figure
        After `plot`.

    Examples
    --------
    >>> import clearprop as cp
    >>> net = cp.Network([cp.Dense(3), cp.Tanh(), cp.Dense(1)], inputs=2)
    >>> display = cp.NetworkDisplay.from_network(net)
    >>> [(column.nodes, column.n_units) for column in display.columns]
    [(('input_1',), 2), (('dense_1', 'tanh_1'), 3), (('dense_2',), 1)]
    >>> [connection.weights.shape for connection in display.connections]
    [(2, 3), (3, 1)]
    """

    def __init__(
        self, columns: Sequence[UnitColumn], connections: Sequence[Connection], names: Sequence[str] = ()
    ) -> None:
        self.columns, self.connections, self.names = tuple(columns), tuple(connections), tuple(names)

    @classmethod
    def from_network(
        cls, net: Network, X: Any = None, y: Any = None, *, names: Sequence[str] = (), ax: Any = None
    ) -> Self:
        """Draw a network.

        Parameters
        ----------
        net : Network
            The network.
        X, y : None
            Not used; there so that all displays are called alike.
        names : sequence of str
            What the columns of the first input are called.
        ax : matplotlib Axes or None
            Where; by default a figure of its own.
        """
        graph, parameters, of = net.graph, net.parameters, net.graph.names("parameters")
        readers = [place for node in graph.nodes for place in node.inputs]
        columns: list[UnitColumn] = []
        connections: list[Connection] = []
        column_of: list[int] = []  # of each node
        for node, own in zip(graph.nodes, of, strict=True):
            n_units, before = math.prod(node.shape), [column_of[place] for place in node.inputs]
            W = parameters[own["W"]] if "W" in own and len(before) == 1 else None
            W = W.T if W is not None and isinstance(node.layer, TransposedDense) else W
            if W is not None and W.shape != (columns[before[0]].n_units, n_units):
                W = None
            alone = len(before) == 1 and readers.count(node.inputs[0]) == 1
            if alone and "W" not in own and columns[before[0]].n_units == n_units:
                last = columns[before[0]]
                columns[before[0]] = UnitColumn((*last.nodes, node.name), n_units, last.depth)
                column_of.append(before[0])
                continue
            depth = 1 + max((columns[place].depth for place in before), default=-1)
            connections += [Connection(place, len(columns), None if W is None else W.copy()) for place in before]
            column_of.append(len(columns))
            columns.append(UnitColumn((node.name,), n_units, depth))
        return cls(columns, connections, names).plot(ax)

    @classmethod
    def from_estimator(cls, estimator: Any, X: Any = None, y: Any = None, *, member: int = 0, ax: Any = None) -> Self:
        """Draw the network of a fitted estimator, with the names of its columns.

        Parameters
        ----------
        estimator : MLPClassifier, MLPRegressor, Classifier, Regressor or AutoEncoder
            Fitted.
        X, y : None
            Not used; there so that all displays are called alike.
        member : int, default=0
            Which of the networks, where the estimator has several.
        ax : matplotlib Axes or None
            Where; by default a figure of its own.
        """
        from clearprop.estimators import input_names, network_of  # scikit-learn is imported for estimators alone

        network, names = network_of(estimator, member), input_names(estimator)
        return cls.from_network(network, names=names[0] if names else (), ax=ax)

    def _size(self) -> tuple[float, float]:
        heights = self._stacks()
        return 1.8 + 2.0 * max(len(heights) - 1, 1), 1.6 + 0.36 * max(max(heights), 4.0)

    def _stacks(self) -> list[float]:
        """Return the height of what stands at each depth."""
        depths = range(1 + max(column.depth for column in self.columns))
        stacks = ([column.n_shown for column in self.columns if column.depth == depth] for depth in depths)
        return [sum(stack) + STACKED * (len(stack) - 1) for stack in stacks]

    def _places(self) -> list[Array]:
        """Return x and y of the shown units of each column, shape (n_shown, 2)."""
        top = [-height / 2 for height in self._stacks()]
        places = []
        for column in self.columns:
            y = top[column.depth] + 0.5 + numpy.arange(column.n_shown)
            top[column.depth] += column.n_shown + STACKED
            places.append(numpy.stack([numpy.full(column.n_shown, float(column.depth)), y], axis=1))
        return places

    def _draw(self, ax: Axes) -> None:
        places = self._places()
        for connection in self.connections:
            self._draw_connection(ax, connection, places)
        for place, (column, units) in enumerate(zip(self.columns, places, strict=True)):
            ax.scatter(*units.T, s=120.0, facecolor="white", edgecolor=INK, linewidth=1.2, zorder=3)
            names = [label(name, 18) for name in column.nodes]
            shown = "\n".join(names if len(names) <= 3 else [*names[:2], f"+ {len(names) - 2} more"])
            ax.text(units[0, 0], units[0, 1] - 0.75, shown, ha="center", va="bottom", fontsize=9.0)
            hidden = column.n_units - column.n_shown
            if hidden:
                ax.text(units[-1, 0], units[-1, 1] + 0.7, f"and {hidden} more", ha="center", va="top", color=GREY,
                        fontsize=9.0)  # fmt: skip
            if place == 0:
                for name, (x, y) in zip(self.names, units, strict=False):
                    ax.text(x - 0.1, y, label(name, 18), ha="right", va="center", fontsize=9.0)
        self._draw_key(ax)
        height, depth = max(self._stacks()), max(column.depth for column in self.columns)
        most = max(min(len(column.nodes), 3) for column in self.columns)
        ax.set(
            xlim=(-0.55 if self.names else -0.25, depth + 0.25), ylim=(height / 2 + 0.9, -height / 2 - 0.6 - 0.5 * most)
        )
        ax.set_title("Network", pad=24.0)
        ax.set_axis_off()

    def _draw_connection(self, ax: Axes, connection: Connection, places: list[Array]) -> None:
        from matplotlib.collections import LineCollection

        source, target = places[connection.source], places[connection.target]
        if connection.weights is None:
            ends = numpy.stack([source.mean(axis=0), target.mean(axis=0)])
            ax.plot(*ends.T, color=EDGE, linewidth=5.0, solid_capstyle="butt", zorder=1)
            return
        largest = float(numpy.abs(connection.weights).max(initial=0.0))
        size = numpy.abs(connection.weights) / (largest or 1.0)
        for below, colour, line in ((False, BLUE, "solid"), (True, VERMILLION, (0.0, (3.0, 1.6)))):
            pairs = [
                (i, j)
                for i in range(len(source))
                for j in range(len(target))
                if (connection.weights[i, j] < 0) == below and size[i, j] > 0
            ]
            if not pairs:
                continue
            lines = LineCollection(
                [(source[i], target[j]) for i, j in pairs],
                linewidths=[0.3 + 2.7 * size[i, j] for i, j in pairs],
                alpha=[0.15 + 0.85 * size[i, j] for i, j in pairs],
                colors=colour,
                linestyles=line,
                zorder=2,
            )
            ax.add_collection(lines)

    def _draw_key(self, ax: Axes) -> None:
        from matplotlib.lines import Line2D

        kinds = [
            Line2D([], [], color=BLUE, linewidth=2.0, label="weight above 0"),
            Line2D([], [], color=VERMILLION, linewidth=2.0, linestyle=(0.0, (3.0, 1.6)), label="below 0"),
        ]
        if any(connection.weights is None for connection in self.connections):
            kinds.append(Line2D([], [], color=EDGE, linewidth=5.0, label="other boxes"))
        ax.legend(handles=kinds, loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=3, borderaxespad=0.2)
