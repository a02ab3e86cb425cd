"""What is to be learned on the page: rows to train and to validate on, and what the network's inputs are called."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy

from clearprop.engines import Batch, sparse
from clearprop.estimators.tables.table import Table
from clearprop.estimators.tables.training import as_fed
from clearprop.layers import Dense, Layer
from clearprop.losses import BinaryCrossEntropy, CrossEntropy, Hinge, Loss
from clearprop.network import Network
from clearprop.penalties import L2
from clearprop.streams import Purpose, Stream
from clearprop.training.data import split_rows

__all__ = ["BUILT_IN", "PlaneSet", "Problem", "Source", "class_names", "dense", "distinct"]

Array = Any
N_POINTS = 400  # of a set in the plane
RADIUS = 2.0
TURNS = 1.25  # of an arm of the spirals
VALIDATION = 0.25  # share of the rows of a built-in set


@dataclass(frozen=True)
class Problem:
    """Rows to learn from.

    Attributes
    ----------
    name, title : str
        What the page calls it.
    task : {"classification", "regression"}
        What the target is.
    target : str
        Its name.
    columns : tuple of str
        What the network reads, the columns of all its inputs.
    classes : tuple or None
        The classes, in the order of their numbers.
    inputs : tuple of array
        One array an input of the network: first the rows to train on, then those to validate on.
    y : array
        The target of these rows, as `Network.batch` takes it.
    n_rows : int
        How many of the rows are to train on.
    loss : Loss
        The loss of a network for them.
    n_outputs : int
        Outputs of a network for them.
    dtype : dtype
        Type of its numbers.
    built_in : bool
        Whether it comes with the package.
    raw : Table or None
        The user's own columns; None where the network reads the rows as they are.
    scale, center : float
        What the network learns is (target - center) / scale.
    network : Network or None
        The network of a saved model; the page trains a copy.
    weight : array of shape (n,) or None
        What each row counts in a mean over rows; None for equal weights.
    """

    name: str
    title: str
    task: str
    target: str
    columns: tuple[str, ...]
    classes: tuple[Any, ...] | None
    inputs: tuple[Array, ...]
    y: Array
    n_rows: int
    loss: Loss
    n_outputs: int
    dtype: Any
    built_in: bool
    raw: Table | None
    scale: float = 1.0
    center: float = 0.0
    network: Network | None = None
    weight: Array | None = None

    @property
    def n_all(self) -> int:
        """Rows to train and to validate on."""
        return int(self.inputs[0].shape[0])

    @property
    def n_validation(self) -> int:
        """Rows to validate on."""
        return self.n_all - self.n_rows

    @property
    def metric(self) -> str:
        """What is measured besides the loss; scores of `Hinge` are no probabilities, but its targets are classes."""
        return "accuracy" if self.task == "classification" or isinstance(self.loss, Hinge) else "r2"

    def make_network(self, hidden: tuple[int, ...], activation: type[Layer], l2: float, seed: int) -> Network:
        """Return a fresh network for the rows, or a copy of the saved one."""
        if self.network is not None:
            return self.network.copy()
        boxes: list[Layer] = [box for units in hidden for box in (Dense(units), activation())]
        return Network(
            [*boxes, Dense(self.n_outputs)],
            inputs=len(self.columns),
            loss=self.loss,
            penalty=L2(l2) if l2 else None,
            seed=seed,
            dtype=self.dtype,
        )

    def batch(self, net: Network) -> Batch:
        """Return all rows, as the network takes them."""
        return net.batch(as_fed(self.inputs), self.y, self.weight)

    def batches(self, net: Network) -> tuple[Batch, Batch | None]:
        """Return the rows to train and those to validate on, as the network takes them."""
        rows = self.batch(net)
        held_out = rows.take(slice(self.n_rows, None)) if self.n_validation else None
        return rows.take(slice(0, self.n_rows)), held_out

    def unscale(self, values: Array) -> Array:
        """Return predictions or targets of a regression in the units of the user's table."""
        return values.astype(numpy.float64) * self.scale + self.center


def class_names(classes: Iterable[Any]) -> tuple[int | float | str, ...]:
    """Return classes as JSON has them, others as texts; so are True and False, which the page would write otherwise.

    Examples
    --------
    >>> class_names([False, True])
    ('False', 'True')
    """
    return tuple(
        value if isinstance(value, int | float | str) and not isinstance(value, bool) else str(value)
        for value in classes
    )


def distinct(names: Iterable[str]) -> tuple[str, ...]:
    """Return names with a number behind those that stand there before; the page asks for columns by their names.

    Examples
    --------
    >>> distinct(["a", "b", "a"])
    ('a', 'b', 'a (2)')
    """
    found: dict[str, None] = {}
    for name in names:
        others = (f"{name} ({number})" for number in itertools.count(2))
        found[next(other for other in itertools.chain([name], others) if other not in found)] = None
    return tuple(found)


def dense(x: Array) -> Array:
    """Return an input as a matrix with one row a row, sparse or not."""
    return x.toarray() if sparse(x) else x.reshape(len(x), math.prod(x.shape[1:]))


class Source(Protocol):
    """Where problems come from."""

    @property
    def name(self) -> str:
        """What a setting calls it."""
        ...

    @property
    def title(self) -> str:
        """What people call it."""
        ...

    @property
    def defaults(self) -> dict[str, Any]:
        """Settings that suit it."""
        ...

    @property
    def fixed(self) -> tuple[str, ...]:
        """Settings that it does not let change."""
        ...

    def problem(self, noise: float, seed: int) -> Problem:
        """Return the problem with noise in percent and a seed for rows and their split."""
        ...


@dataclass(frozen=True)
class PlaneSet:
    """Two classes of points in the plane, the same bits for the same seed.

    Attributes
    ----------
    name, title : str
        What the page calls it.
    draw : callable
        Makes of numbers in [0, 1), shape (n, 2), and the number of each point the points and their classes.
    defaults : dict
        Settings that suit it.
    """

    name: str
    title: str
    draw: Callable[[Array, Array], tuple[Array, Array]]
    defaults: dict[str, Any]
    fixed: ClassVar[tuple[str, ...]] = ()

    def problem(self, noise: float, seed: int) -> Problem:
        """Return the points, moved by normal noise of deviation ``noise / 100``; the set has radius 2."""
        stream = Stream(seed, Purpose.DATA)
        points, labels = self.draw(stream.uniform((N_POINTS, 2)), numpy.arange(N_POINTS))
        points = points + noise / 100.0 * stream.at(step=1).normal(points.shape)
        order = numpy.concatenate(split_rows(N_POINTS, VALIDATION, labels, seed))
        n_rows = N_POINTS - round(VALIDATION * N_POINTS)
        return Problem(
            self.name, self.title, "classification", "class", ("x1", "x2"), (0, 1), (points[order],),
            labels[order].astype(numpy.float64), n_rows, BinaryCrossEntropy(), 1, numpy.dtype(numpy.float64), True,
            None,
        )  # fmt: skip


def xor(u: Array, number: Array) -> tuple[Array, Array]:
    """Return points of a square; those of opposite quadrants are of one class."""
    points = RADIUS * (2.0 * u - 1.0)
    return points, ((points[:, 0] > 0.0) != (points[:, 1] > 0.0)).astype(numpy.int64)


def circles(u: Array, number: Array) -> tuple[Array, Array]:
    """Return a disc and the ring around it."""
    inner = number % 2
    radius = RADIUS * numpy.where(inner, 0.45 * numpy.sqrt(u[:, 0]), 0.7 + 0.3 * u[:, 0])
    return _polar(radius, 2.0 * math.pi * u[:, 1]), inner


def spirals(u: Array, number: Array) -> tuple[Array, Array]:
    """Return two arms that wind around one another."""
    arm = number % 2
    along = 0.05 + 0.95 * u[:, 0]
    return _polar(RADIUS * along, math.pi * (2.0 * TURNS * along + arm)), arm


def _polar(radius: Array, angle: Array) -> Array:
    return numpy.stack([radius * numpy.sin(angle), radius * numpy.cos(angle)], axis=1)


@dataclass(frozen=True)
class Digits:
    """scikit-learn's 1,797 images of hand-written digits, 8 x 8 grey values from 0 to 1."""

    name: str = "digits"
    title: str = "Digits: hand-written, 8 x 8 pixels"
    defaults: ClassVar[dict[str, Any]] = {
        "hidden": (32, 16), "activation": "relu", "learning_rate": 0.003, "batch_size": 32, "max_epochs": 200,
        "pace": 10.0,
    }  # fmt: skip
    fixed: ClassVar[tuple[str, ...]] = ()

    def problem(self, noise: float, seed: int) -> Problem:
        """Return the images, with normal noise of deviation ``noise / 100`` on each pixel."""
        from clearprop.estimators.demo_data import digits

        grey, labels, names = digits()
        x = grey / 16.0 + noise / 100.0 * Stream(seed, Purpose.DATA).normal(grey.shape)
        kept, held_out = split_rows(len(x), VALIDATION, labels, seed)
        order = numpy.concatenate([kept, held_out])
        return Problem(
            self.name, self.title, "classification", "digit", names, tuple(range(10)),
            (x[order].astype(numpy.float32),), labels[order], len(kept), CrossEntropy(), 10,
            numpy.dtype(numpy.float32), True, None,
        )  # fmt: skip


_PLANE = {"hidden": (4, 4), "learning_rate": 0.03, "noise": 5.0, "pace": 30.0}
BUILT_IN: tuple[Source, ...] = (
    PlaneSet("xor", "XOR: opposite quadrants", xor, _PLANE),
    PlaneSet("circles", "Circles: a disc in a ring", circles, _PLANE),
    PlaneSet("spirals", "Spirals: two arms", spirals, {**_PLANE, "hidden": (16, 8)}),
    Digits(),
)
