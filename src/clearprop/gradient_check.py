"""Analytic gradients held against numeric ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy

from clearprop.engines import Batch
from clearprop.errors import GradientCheckError, NonFiniteError
from clearprop.network import Network
from clearprop.streams import Purpose, Stream
from clearprop.validation import check_bool, check_instance, check_integer, check_real

__all__ = ["GradientReport", "ParameterCheck", "check_gradient"]

WIDTHS = (1e-3, 1e-4, 1e-5)  # tried in turn: a narrow stencil steps over fewer kinks, a wide one rounds less
KINK_WIDTH = 1e-7
NARROW = (1e-6, 1e-7, 1e-8)  # with many rows, wider stencils always cross some kink


@dataclass(frozen=True)
class ParameterCheck:
    """The comparison for one parameter, or for one input.

    Attributes
    ----------
    name : str
        ``"dense_1.W"``, or ``"input_1"`` for the gradient at the input.
    n_checked : int
        Number of entries compared.
    n_kinks : int
        How many of them lie at a kink, where the analytic value is one of the subgradients.
    error : float
        Largest relative error of the others.
    """

    name: str
    n_checked: int
    n_kinks: int
    error: float


@dataclass(frozen=True, repr=False)
class GradientReport:
    """What `check_gradient` found.

    Attributes
    ----------
    checks : tuple of ParameterCheck
        One a parameter and one an input.
    tolerance : float
        Largest relative error allowed.
    """

    checks: tuple[ParameterCheck, ...]
    tolerance: float

    @property
    def error(self) -> float:
        """Largest relative error of all."""
        return max((check.error for check in self.checks), default=0.0)

    def __str__(self) -> str:
        width = max(len(check.name) for check in self.checks)
        lines = [f"{'':{width}}  checked  kinks  relative error (at most {self.tolerance:g})"]
        lines += [f"{c.name:{width}}  {c.n_checked:7}  {c.n_kinks:5}  {c.error:.1e}" for c in self.checks]
        return "\n".join(lines)

    __repr__ = __str__


def check_gradient(
    net: Network,
    X: Any,
    y: Any,
    sample_weight: Any = None,
    *,
    training: bool = False,
    tolerance: float = 1e-6,
    max_entries: int = 200,
) -> GradientReport:
    """Compare the gradient of `net` with finite differences, for every parameter and for all inputs but codes.

    All of it happens on a float64 copy of the network. The numeric derivative is a central difference with four
    points, (8 (f(+h) - f(-h)) - (f(+2h) - f(-2h))) / 12 h, relative to the largest entry of the parameter's gradient.
    Where it disagrees the step is made narrower, and last the two one-sided differences are taken: if they differ,
    the loss has a kink there and the analytic value has to lie between them. Kinks of other rows near by are stepped
    over by steps down to 1e-8, within their rounding. Entries of a parameter whose gradient is
    below 1e-5 of the loss are compared on that scale, for their differences drown in the rounding of the loss.

    Parameters
    ----------
    net : Network
        Left as it is.
    X, y, sample_weight : array-like
        A few rows, as for `Network.loss`.
    training : bool, default=False
        Whether to check the pass of training (batch statistics, fixed dropout masks) instead of prediction.
    tolerance : float, default=1e-6
        Largest relative error allowed.
    max_entries : int, default=200
        Entries of each parameter to compare, drawn at random where it has more.

    Returns
    -------
    GradientReport
        Error, number of entries and of kinks for each parameter and input.

    Raises
    ------
    GradientCheckError
        If a gradient is wrong; the message names the worst entry.
    NoGradientError
        If the network holds a box without a gradient, such as Step.

    Examples
    --------
    >>> import clearprop as cp
    >>> net = cp.Network([cp.Dense(3), cp.Tanh(), cp.Dense(1)], inputs=2, loss=cp.BinaryCrossEntropy())
    >>> report = cp.check_gradient(net, [[0.0, 1.0], [1.0, 1.0]], [1, 0])
    >>> [check.name for check in report.checks]
    ['dense_1.W', 'dense_1.b', 'dense_2.W', 'dense_2.b', 'input_1']
    >>> report.error < 1e-6
    True
    """
    check_instance("check_gradient", "net", net, Network, "Network([Dense(1)], inputs=3)")
    check_bool("check_gradient", "training", training)
    check_real("check_gradient", "tolerance", tolerance, low=0.0, closed="neither")
    check_integer("check_gradient", "max_entries", max_entries, minimum=1)
    net = net.astype(numpy.float64)
    batch = net.batch(X, y, sample_weight)
    batch = Batch(tuple(_writable(x) for x in batch.inputs), batch.target, batch.weight)
    executor = net.reference()

    def loss() -> float:
        return sum(executor.loss(net.vector, net.buffer_vector.copy(), batch, training=training, seed=net.seed))

    with numpy.errstate(all="ignore"):
        value = loss()
    if not numpy.isfinite(value):
        raise NonFiniteError(
            f"check_gradient: the loss must be finite, got {value}; scale the inputs (and targets) to about -3 to 3.",
            node="loss",
        )
    buffers = net.buffer_vector.copy()
    *_, gradient = executor.gradient(net.vector, buffers, batch, training=training, seed=net.seed)
    *_, backward = executor.passes(net.vector, buffers, batch, training=training, seed=net.seed, wants_dx=True)
    gradients = net.layout.views(gradient)
    compared = [(name, view, gradients[name]) for name, view in net.parameters.items()]
    codes = net.graph.codes()
    for place, x in zip(net.graph.inputs, batch.inputs, strict=True):
        if place in codes:
            continue  # there is nothing between them
        delta = backward.deltas[place]
        compared.append((net.graph.nodes[place].name, x, numpy.zeros_like(x) if delta is None else delta))
    checks = []
    for index, (name, values, gradient) in enumerate(compared):
        entries = Stream(net.seed, Purpose.SPLIT, node=index).permutation(values.size)[:max_entries]
        checks.append(_check(name, values, gradient, sorted(entries), loss, tolerance))
    return GradientReport(tuple(checks), tolerance)


def _writable(x: Any) -> Any:
    return x.toarray() if hasattr(x, "toarray") else numpy.array(x)


def _check(
    name: str, values: Any, gradient: Any, entries: Any, loss: Callable[[], float], tolerance: float
) -> ParameterCheck:
    middle = loss()
    unit = max(abs(middle), 1.0)  # on this scale the loss is rounded
    scale = max(float(numpy.abs(gradient).max(initial=0.0)), 1e-5 * unit)
    worst, n_kinks = 0.0, 0
    for entry in entries:
        place = numpy.unravel_index(entry, values.shape)
        analytic = float(gradient[place])
        error, numeric = numpy.inf, numpy.nan
        for width in WIDTHS:
            estimate, jump = _central(values, place, width, loss, middle)
            if abs(estimate - analytic) / scale < error:
                error, numeric = abs(estimate - analytic) / scale, estimate
            if error <= tolerance:  # also at a kink, where the analytic value is the middle of both sides
                n_kinks += jump > max(1e-5 * scale, 1e-9 * unit)
                break
        else:
            left, right = _one_sided(values, place, loss, middle)
            slack = max(1e-5 * max(scale, abs(left), abs(right)), 1e-8 * unit)
            if abs(left - right) > slack and min(left, right) - slack <= analytic <= max(left, right) + slack:
                n_kinks += 1
                continue
            if any(_steps_over(values, place, width, loss, analytic, tolerance * scale, unit) for width in NARROW):
                n_kinks += 1
                continue
            raise GradientCheckError(
                f"the gradient of '{name}' is wrong at {tuple(int(i) for i in place)}: backward gives {analytic:.10g}, "
                f"finite differences give {numeric:.10g} (relative error {error:.1e}, allowed {tolerance:g}); "
                "check the backward rule of that box and of those after it."
            )
        worst = max(worst, error)
    return ParameterCheck(name, len(entries), n_kinks, worst)


def _at(values: Any, place: Any, moved: float, loss: Callable[[], float]) -> float:
    before = values[place]
    values[place] = moved
    result = loss()
    values[place] = before
    return result


def _central(values: Any, place: Any, width: float, loss: Callable[[], float], middle: float) -> tuple[float, float]:
    """Return the derivative, and by how much it jumps if there is a kink right here."""
    x = float(values[place])
    h = width * max(abs(x), 1.0)
    up, down, far_up, far_down = (_at(values, place, x + step * h, loss) for step in (1, -1, 2, -2))
    bend, far_bend = up + down - 2.0 * middle, far_up + far_down - 2.0 * middle
    # at a kink the bend grows like h, elsewhere like h^2
    jump = abs(bend) / h if abs(far_bend - 2.0 * bend) < 0.1 * abs(bend) else 0.0
    return (8.0 * (up - down) - (far_up - far_down)) / (12.0 * h), jump


def _steps_over(
    values: Any, place: Any, width: float, loss: Callable[[], float], analytic: float, allowed: float, unit: float
) -> bool:
    """Return whether a stencil too narrow to cross a kink agrees, as well as its rounding lets one tell."""
    x = float(values[place])
    h = width * max(abs(x), 1.0)
    estimate = (_at(values, place, x + h, loss) - _at(values, place, x - h, loss)) / (2.0 * h)
    rounding = 16.0 * float(numpy.finfo(numpy.float64).eps) * unit / h  # a few roundings of the loss in each value
    return abs(estimate - analytic) <= max(allowed, rounding)


def _one_sided(values: Any, place: Any, loss: Callable[[], float], middle: float) -> tuple[float, float]:
    x = float(values[place])
    h = KINK_WIDTH * max(abs(x), 1.0)
    return (middle - _at(values, place, x - h, loss)) / h, (_at(values, place, x + h, loss) - middle) / h
