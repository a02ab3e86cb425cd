"""One line a node, from the input down to the output: gradients, outputs, units."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy

from clearprop.diagnosis import moments
from clearprop.displays.base import BLUE, EDGE, GREY, INK, PALE, VERMILLION, Axes, TraceDisplay, label
from clearprop.engines import sparse
from clearprop.errors import ArgumentError
from clearprop.network import Network

__all__ = ["ActivationDisplay", "GradientFlowDisplay", "UnitHealthDisplay"]

Array = Any
N_BINS = 60
RIDGE = 0.85  # height of a histogram, in lines
OUTSIDE = 0.005  # share of the outputs on either side that no bin counts


class NodesDisplay(TraceDisplay):
    """A display with a line for each of some nodes."""

    nodes: tuple[str, ...]

    def _size(self) -> tuple[float, float]:
        return 6.8, 1.3 + 0.36 * max(len(self.nodes), 3)

    def _name_lines(self, ax: Axes) -> None:
        ax.set_yticks(range(len(self.nodes)), [label(name) for name in self.nodes])
        ax.set_ylim(len(self.nodes) - 0.4, -0.7)
        ax.tick_params(axis="y", length=0, labelcolor=INK)
        ax.spines["left"].set_visible(False)


class GradientFlowDisplay(NodesDisplay):
    """The size of the gradient at every node and at its weights, on its way back from the loss.

    Read it from the bottom, where the gradient starts: it vanishes where its dots go left by powers of ten, and
    explodes where they go right. A gradient of exactly 0, for which a logarithmic axis has no place, is a triangle at
    the left edge.

    Parameters
    ----------
    nodes : sequence of str
        Names of the nodes, in the order of the forward pass.
    delta : array-like of shape (n_nodes,)
        RMS of the gradient at the node's output, over rows and units; NaN where none passes.
    gradient : array-like of shape (n_nodes,)
        RMS of the gradient at the node's own parameters, of the data alone; NaN where it has none.

    Attributes
    ----------
    nodes, delta, gradient
        As given.
    ax_, figure_ : matplotlib Axes and Figure
        After `plot`.

    Examples
    --------
    >>> import clearprop as cp
    >>> net = cp.Network([cp.Dense(1, initializer=cp.Constant(2.0))], inputs=1)
    >>> display = cp.GradientFlowDisplay.from_network(net, [[3.0]], [5.0])  # the score is 6
    >>> display.nodes, display.delta.tolist()
    (('input_1', 'dense_1'), [2.0, 1.0])
    """

    def __init__(self, nodes: Sequence[str], delta: Any, gradient: Any) -> None:
        self.nodes = tuple(nodes)
        self.delta, self.gradient = (numpy.asarray(values, dtype=float) for values in (delta, gradient))

    @classmethod
    def _of(cls, net: Network, X: Any, y: Any) -> Self:
        trace = net.trace(X, y)
        own = {
            node: [trace[name] for name in trace if name.startswith(f"{node}.") and name.endswith(".gradient")]
            for node in trace.nodes
        }
        delta = [[] if node.delta is None else [node.delta] for node in trace.nodes.values()]
        return cls(list(trace.nodes), list(map(_rms, delta)), list(map(_rms, own.values())))

    def _draw(self, ax: Axes) -> None:
        lines = numpy.arange(len(self.nodes))
        ax.set_xscale("log")
        ax.grid(axis="x")
        for values, style in (
            (self.delta, {"marker": "o", "color": BLUE, "label": "at the output of the node", "linewidth": 1.5}),
            (
                self.gradient,
                {"marker": "s", "color": VERMILLION, "label": "at its parameters", "linestyle": "none", "mfc": "white"},
            ),
        ):
            shown = values > 0.0
            ax.plot(values[shown], lines[shown], markersize=6.0, **style)
            zero = values == 0.0
            edge = ax.get_yaxis_transform()
            ax.plot(
                numpy.full(zero.sum(), 0.01), lines[zero], "<", color=style["color"], transform=edge, markersize=7.0
            )
        self._name_lines(ax)
        ax.set_xlabel("root mean square of the gradient")
        ax.set_title("Gradient flow", pad=28.0)
        ax.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=2, borderaxespad=0.2)


class ActivationDisplay(NodesDisplay):
    """How the outputs of every node are distributed, over rows and units.

    Each histogram has the height of its line, so that heights cannot be compared between nodes; mean and standard
    deviation of all outputs stand beside it. Bins span the central 99 % of the outputs; those that are not finite are
    left out, as are sparse inputs.

    Parameters
    ----------
    nodes : sequence of str
        Names of the nodes, in the order of the forward pass.
    edges : sequence of array-like of shape (n_bins + 1,)
        Ends of the bins, one array a node.
    counts : sequence of array-like of shape (n_bins,)
        Outputs in each bin.
    mean, deviation : array-like of shape (n_nodes,)
        Of all outputs of the node.

    Attributes
    ----------
    nodes, edges, counts, mean, deviation
        As given.
    ax_, figure_ : matplotlib Axes and Figure
        After `plot`.

    Examples
    --------
    >>> import clearprop as cp
    >>> net = cp.Network([cp.ReLU()], inputs=2)
    >>> display = cp.ActivationDisplay.from_network(net, [[-1.0, 2.0], [-3.0, 6.0]], [[0.0, 0.0], [0.0, 0.0]])
    >>> display.mean.tolist(), [int(counts.sum()) for counts in display.counts]
    ([1.0, 2.0], [4, 4])
    """

    def __init__(self, nodes: Sequence[str], edges: Sequence[Any], counts: Sequence[Any], mean: Any, deviation: Any):
        self.nodes = tuple(nodes)
        self.edges, self.counts = (tuple(map(numpy.asarray, arrays)) for arrays in (edges, counts))
        self.mean, self.deviation = (numpy.asarray(values, dtype=float) for values in (mean, deviation))

    @classmethod
    def _of(cls, net: Network, X: Any, y: Any) -> Self:
        outputs = {name: node.output for name, node in net.trace(X, y).nodes.items() if not sparse(node.output)}
        histograms, moment = list(map(_histogram, outputs.values())), list(map(moments, outputs.values()))
        return cls(
            list(outputs),
            [edges for _, edges in histograms],
            [counts for counts, _ in histograms],
            [mean for mean, _ in moment],
            [deviation for _, deviation in moment],
        )

    def _draw(self, ax: Axes) -> None:
        for line, (edges, counts) in enumerate(zip(self.edges, self.counts, strict=True)):
            height = RIDGE * counts / max(counts.max(initial=0), 1)
            ax.stairs(line - height, edges, baseline=line, fill=True, color=BLUE, alpha=0.75, linewidth=0.0)
            ax.axhline(line, color=EDGE, linewidth=0.6)
            text = f"{self.mean[line]:.2g} ± {self.deviation[line]:.2g}"
            ax.text(1.02, line, text, transform=ax.get_yaxis_transform(), color=GREY, fontsize=9.0)
        ax.axvline(0.0, color=GREY, linewidth=0.8, linestyle=":")
        self._name_lines(ax)
        ax.set_ylim(len(self.nodes) - 0.7, -1.05)
        ax.set(xlabel="output of a unit", title="Activations")
        ax.text(1.02, 1.02, "mean ± deviation", transform=ax.transAxes, color=GREY, fontsize=9.0)


class UnitHealthDisplay(NodesDisplay):
    """How many units of every activation are dead or saturated, as `Finding` defines them.

    Parameters
    ----------
    nodes : sequence of str
        Names of the elementwise activations, in the order of the forward pass.
    n_units, dead, saturated : array-like of int of shape (n_nodes,)
        Units in all, units that put out 0 on all rows, and other units that are flat on nearly all rows.
    n_rows : int
        The rows.

    Attributes
    ----------
    nodes, n_units, dead, saturated, n_rows
        As given.
    ax_, figure_ : matplotlib Axes and Figure
        After `plot`.

    Examples
    --------
    >>> import clearprop as cp
    >>> net = cp.Network([cp.ReLU(), cp.Tanh()], inputs=2)
    >>> display = cp.UnitHealthDisplay.from_network(net, [[-1.0, 4.0], [-3.0, 6.0]], [[0.0, 0.0], [0.0, 0.0]])
    >>> display.nodes, display.dead.tolist(), display.saturated.tolist()
    (('relu_1', 'tanh_1'), [1, 0], [0, 1])
    """

    def __init__(self, nodes: Sequence[str], n_units: Any, dead: Any, saturated: Any, n_rows: int) -> None:
        self.nodes, self.n_rows = tuple(nodes), n_rows
        self.n_units, self.dead, self.saturated = (
            numpy.asarray(values, dtype=int) for values in (n_units, dead, saturated)
        )

    @classmethod
    def _of(cls, net: Network, X: Any, y: Any) -> Self:
        diagnosis = net.diagnose(X, y)
        activations = {n.name for n in net.graph.nodes if n.layer is not None and n.layer.is_activation}
        layers = [layer for layer in diagnosis.layers if layer.node in activations]
        if not layers:
            raise ArgumentError(
                "UnitHealthDisplay: the network must have an activation such as ReLU(), got none; nothing "
                "else can be dead or saturated."
            )
        return cls(
            [layer.node for layer in layers],
            [layer.n_units for layer in layers],
            [len(layer.dead) for layer in layers],
            [len(layer.saturated) for layer in layers],
            diagnosis.n_rows,
        )

    def _draw(self, ax: Axes) -> None:
        lines, start = numpy.arange(len(self.nodes)), numpy.zeros(len(self.nodes))
        fine = self.n_units - self.dead - self.saturated
        for name, units, style in (
            ("dead", self.dead, {"color": INK}),
            ("saturated", self.saturated, {"facecolor": "white", "edgecolor": VERMILLION, "hatch": "////"}),
            ("neither", fine, {"color": PALE}),
        ):
            share = units / self.n_units
            edge = numpy.where(share > 0.0, 0.8, 0.0)  # else bars of no length would show
            ax.barh(lines, share, left=start, height=0.62, label=name, linewidth=edge, **style)
            start = start + share
        for line, (dead, saturated, units) in enumerate(zip(self.dead, self.saturated, self.n_units, strict=True)):
            text = ", ".join(f"{n} {what}" for n, what in ((dead, "dead"), (saturated, "saturated")) if n)
            ax.text(1.015, line, f"{text or 'none'} of {units}", va="center", color=GREY, fontsize=9.0)
        self._name_lines(ax)
        ax.set_xlim(0.0, 1.0)
        ax.xaxis.set_major_formatter(lambda share, _: f"{share:.0%}")
        ax.set_xlabel(f"share of the units, on {self.n_rows} row{'' if self.n_rows == 1 else 's'}")
        ax.set_title("Dead and saturated units", pad=28.0)
        ax.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=3, borderaxespad=0.2)


def _rms(arrays: Sequence[Array]) -> float:
    """Return the root mean square over arrays, NaN of none."""
    flat = [numpy.ravel(array).astype(numpy.float64) for array in arrays]
    return float(numpy.sqrt(numpy.mean(numpy.concatenate(flat) ** 2))) if flat else float("nan")


def _histogram(x: Array) -> tuple[Array, Array]:
    """Return counts and edges of the finite values but the outermost ones."""
    values = x[numpy.isfinite(x)].astype(numpy.float64)
    if not values.size:
        return numpy.zeros(1, dtype=int), numpy.array([0.0, 1.0])
    ordered = numpy.sort(values)
    outside = int(OUTSIDE * len(ordered))
    return numpy.histogram(ordered, bins=N_BINS, range=(ordered[outside], ordered[-1 - outside]))
