"""What is predicted over the plane of two features, with all others held still."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy

from clearprop.displays.base import BLUE, GREY, INK, PALETTE, VERMILLION, Axes, Display, diverging, label
from clearprop.displays.planes import all_classes, label_classes, network_output, one_output, pair, span
from clearprop.errors import ArgumentError
from clearprop.network import Network
from clearprop.validation import check_integer

__all__ = ["DecisionSliceDisplay"]

Array = Any
MAX_POINTS = 500
MAX_NAMED = 16  # classes in the legend, for which there is room
MARKERS = "osD^vPX*"


class DecisionSliceDisplay(Display):
    """What is predicted where two features vary and the others stay at their medians (or most frequent values).

    The rows are drawn on top by their own two features, though they differ from the slice in the others: a row of
    another class on the wrong side need not be wrong. 500 of them are shown at most, evenly spread over the table.

    Parameters
    ----------
    x0, x1 : array-like of shape (n,)
        Values of the first feature (across) and of the second (up).
    response : array-like of shape (n, n) or (n, n, n_classes)
        For every x1 (first axis) and x0: the probability of the second of two classes, the probabilities (or scores) of
        more classes, or the predicted number.
    names : pair of str
        The two features.
    fixed : mapping of str to value
        The other features and where they are held.
    classes : sequence or None
        The classes; None for numbers.
    points : array-like of shape (n_points, 2)
        The rows' values of the two features.
    target : array-like of shape (n_points,)
        Places of the rows' classes in `classes`, or their numbers.

    Attributes
    ----------
    x0, x1, response, names, fixed, classes, points, target
        As given.
    ax_, figure_ : matplotlib Axes and Figure
        After `plot`.

    Examples
    --------
    >>> import clearprop as cp
    >>> net = cp.Network([cp.Dense(1, initializer=cp.Constant(1.0))], inputs=3)  # x0 + x1 + x2
    >>> display = cp.DecisionSliceDisplay.from_network(net, [[0, 0, 5], [1, 2, 7], [2, 4, 6]], [5, 10, 12])
    >>> display.fixed, display.response.shape
    ({'x2': 6.0}, (80, 80))
    >>> bool(abs(display.response[0, 0] - (display.x0[0] + display.x1[0] + 6)) < 1e-5)
    True
    """

    def __init__(
        self,
        x0: Any,
        x1: Any,
        response: Any,
        names: Sequence[str],
        fixed: Mapping[str, Any],
        classes: Sequence[Any] | None = None,
        points: Any = (),
        target: Any = (),
    ) -> None:
        self.x0, self.x1, self.response = numpy.asarray(x0), numpy.asarray(x1), numpy.asarray(response)
        self.names, self.fixed = tuple(names), dict(fixed)
        self.classes = None if classes is None else list(classes)
        self.points, self.target = numpy.asarray(points, dtype=float).reshape(-1, 2), numpy.asarray(target)

    @classmethod
    def from_network(
        cls,
        net: Network,
        X: Any,
        y: Any,
        *,
        features: Sequence[int] = (0, 1),
        names: Sequence[str] = (),
        output: int = 0,
        classes: Sequence[Any] | None = None,
        resolution: int = 80,
        ax: Any = None,
    ) -> Self:
        """Draw a slice of what a network predicts.

        Parameters
        ----------
        net : Network
            With one input of two columns or more.
        X : array-like of shape (n, n_columns)
            Rows.
        y : array-like of shape (n,) or (n, n_outputs)
            Their targets, as for `Network.loss`.
        features : pair of int, default=(0, 1)
            The columns that vary.
        names : sequence of str
            What the columns are called; by default ``x0``, ``x1``, ...
        output : int, default=0
            Which of several numbers, or of several labels that do not exclude one another, is drawn.
        classes : sequence or None
            What the classes or labels are called; by default their numbers.
        resolution : int, default=80
            Values of each of the two.
        ax : matplotlib Axes or None
            Where; by default a figure of its own.
        """
        batch = net.batch(X, y)
        if len(batch.inputs) != 1 or batch.inputs[0].ndim != 2 or batch.inputs[0].shape[1] < 2:
            shapes = ", ".join(str(x.shape) for x in batch.inputs)
            raise ArgumentError(
                f"DecisionSliceDisplay: net must have one input of two columns or more, got rows of shape {shapes}; "
                "draw a network for vectors."
            )
        rows = batch.inputs[0]
        rows = numpy.asarray(rows.toarray() if hasattr(rows, "toarray") else rows, dtype=numpy.float64)
        names = list(names) or [f"x{place}" for place in range(rows.shape[1])]
        first, second = pair(features, names)
        check_integer("DecisionSliceDisplay", "resolution", resolution, 2)
        x0, x1 = (span(rows[:, place], resolution) for place in (first, second))
        middle = numpy.median(rows, axis=0)
        plane = numpy.tile(middle, (resolution * resolution, 1))
        plane[:, first], plane[:, second] = numpy.tile(x0, resolution), numpy.repeat(x1, resolution)
        response = net.predict(plane).astype(numpy.float64)
        target, response, classes = network_output(net, batch.target, response, output, classes)
        fixed = {name: float(middle[place]) for place, name in enumerate(names) if place not in (first, second)}
        return cls(
            x0,
            x1,
            response.reshape(resolution, resolution, *response.shape[1:]),
            (names[first], names[second]),
            fixed,
            classes,
            rows[:, [first, second]],
            target,
        ).plot(ax)

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any,
        *,
        features: Sequence[int | str] | None = None,
        output: int = 0,
        resolution: int = 80,
        ax: Any = None,
    ) -> Self:
        """Draw a slice of what a fitted estimator predicts.

        Parameters
        ----------
        estimator : MLPClassifier, MLPRegressor, Classifier or Regressor
            Fitted.
        X : data frame, or array-like of shape (n, n_features)
            Rows.
        y : array-like of shape (n,) or (n, n_outputs)
            Their targets.
        features : pair of int or str, or None
            The columns of X that vary, by place or name; by default the first two that hold numbers.
        output : int, default=0
            Which of several numbers, or of several labels that do not exclude one another, is drawn.
        resolution : int, default=80
            Values of each of the two.
        ax : matplotlib Axes or None
            Where; by default a figure of its own.
        """
        from clearprop.estimators import network_rows  # scikit-learn is imported for estimators alone
        from clearprop.estimators.tables.slices import feature_table, slice_table

        rows = network_rows(estimator, X, y)
        if not hasattr(estimator, "members_"):
            (columns,) = rows.names
            classes = getattr(estimator, "classes_", None)
            return cls.from_network(
                rows.network,
                rows.X,
                rows.y,
                features=(0, 1) if features is None else pair(features, columns),
                names=columns,
                output=output,
                classes=None if classes is None else classes.tolist(),
                resolution=resolution,
                ax=ax,
            )
        check_integer("DecisionSliceDisplay", "resolution", resolution, 2)
        table = feature_table(estimator, X)
        names = list(table.columns)
        if features is None:
            features = [name for name in names if table.kind(name) == "number"][:2]
        found = slice_table(table, [names[place] for place in pair(features, names)], lambda x: span(x, resolution))
        classes = estimator.classes_.tolist() if hasattr(estimator, "classes_") else None
        response = (estimator.predict if classes is None else estimator.predict_proba)(found.plane)
        if classes is None:
            target, response = one_output(numpy.asarray(y), response, output)
        elif rows.y.ndim == 2:
            target, response = one_output(rows.y, response, output)
            classes = label_classes(classes[output])
        else:
            target, response = all_classes(rows.y, response, output)
        return cls(
            *found.axes,
            response.reshape(resolution, resolution, *response.shape[1:]),
            found.names,
            found.fixed,
            classes,
            found.points,
            target,
        ).plot(ax)

    def _size(self) -> tuple[float, float]:
        return 6.2, 5.2

    def _draw(self, ax: Axes) -> None:
        step = max(1, -(-len(self.points) // MAX_POINTS))
        points, target = self.points[::step], self.target[::step]
        if self.classes is None:
            self._draw_numbers(ax, points, target)
        else:
            self._draw_classes(ax, points, target)
        ax.set(xlabel=label(self.names[0]), ylabel=label(self.names[1]))
        ax.set(xlim=(self.x0[0], self.x0[-1]), ylim=(self.x1[0], self.x1[-1]))
        ax.set_title("Decision slice", pad=26.0 if self.fixed else 10.0)
        if self.fixed:
            held = ax.text(0.0, 1.02, self._held(), transform=ax.transAxes, color=GREY, fontsize=9.0)
            held.set_in_layout(False)  # a long line would leave the plane no room

    def _held(self) -> str:
        texts = [f"{label(name, 20)} = {_short(value)}" for name, value in self.fixed.items()]
        return "at " + ", ".join(texts[:3]) + (f" and {len(texts) - 3} more at their medians" if len(texts) > 3 else "")

    def _draw_numbers(self, ax: Axes, points: Array, target: Array) -> None:
        values = numpy.concatenate([self.response.ravel(), target.astype(float)])
        ends: dict[str, Any] = {"vmin": float(values.min()), "vmax": float(values.max()), "cmap": "cividis"}
        mesh = ax.pcolormesh(self.x0, self.x1, self.response, shading="gouraud", rasterized=True, **ends)
        if len(points):
            ax.scatter(*points.T, c=target.astype(float), s=24.0, edgecolor="white", linewidth=0.7, **ends)
        bar = ax.figure.colorbar(mesh, ax=ax, shrink=0.85, aspect=30, label="prediction (dots: target)")
        bar.outline.set_visible(False)

    def _draw_classes(self, ax: Axes, points: Array, target: Array) -> None:
        from matplotlib.colors import to_rgb

        classes = self.classes or []
        if self.response.ndim == 2:
            colours = [VERMILLION, BLUE]
            mesh = ax.pcolormesh(
                self.x0, self.x1, self.response, cmap=_faint(diverging()), vmin=0.0, vmax=1.0, shading="gouraud",
                rasterized=True,
            )  # fmt: skip
            if self.response.min() < 0.5 < self.response.max():
                ax.contour(self.x0, self.x1, self.response, levels=[0.5], colors=INK, linewidths=1.2)
            text = f"probability of {label(str(classes[-1]), 14)}"
            bar = ax.figure.colorbar(mesh, ax=ax, shrink=0.85, aspect=30, label=text, format="{x:.0%}")
            bar.outline.set_visible(False)
        else:
            colours = [PALETTE[place % len(PALETTE)] for place in range(len(classes))]
            shades = numpy.array([to_rgb(colour) for colour in colours])
            winner = self.response.argmax(axis=2)
            strength = 0.12 + 0.38 * numpy.clip(self.response.max(axis=2), 0.0, 1.0)[..., None]
            ends = (self.x0[0], self.x0[-1], self.x1[0], self.x1[-1])
            ax.imshow(
                1.0 - strength * (1.0 - shades[winner]), origin="lower", extent=ends, aspect="auto",
                interpolation="nearest",
            )  # fmt: skip
            for place in numpy.unique(winner)[1:]:
                lead = self.response[..., place] - numpy.delete(self.response, place, axis=2).max(axis=2)
                ax.contour(self.x0, self.x1, lead, levels=[0.0], colors="white", linewidths=1.5)
        dots: list[Any] = []
        for place, name in enumerate(classes):
            own = points[target == place] if len(points) else points
            dots.append(ax.scatter(
                *own.T, marker=MARKERS[place % len(MARKERS)], color=colours[place % len(colours)], s=26.0,
                edgecolor="white", linewidth=0.7, label=label(str(name), 14),
            ))  # fmt: skip
        if len(dots) > MAX_NAMED:
            dots[MAX_NAMED:] = ax.plot([], [], " ", label=f"and {len(dots) - MAX_NAMED} more")
        ax.legend(
            handles=dots, loc="upper right", fontsize=9.0, frameon=True, framealpha=0.85, edgecolor="white", ncols=1
        )


def _faint(colours: Any) -> Any:
    from matplotlib.colors import ListedColormap

    return ListedColormap(1.0 - 0.55 * (1.0 - colours(numpy.linspace(0.0, 1.0, 256))[:, :3]))


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else label(str(value), 14)
