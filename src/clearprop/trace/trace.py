"""A trace: one pass with every quantity by name, each with its formula, its terms and a finite difference."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from clearprop.engines import Batch
from clearprop.engines.array import ArrayExecutor
from clearprop.errors import ArgumentError
from clearprop.trace import export
from clearprop.trace.checks import CellCheck, check_cell, is_derivative
from clearprop.trace.formulas import Formula, quantity_formula
from clearprop.trace.parts import Cell
from clearprop.trace.passing import pass_again, record_pass
from clearprop.trace.record import Record
from clearprop.trace.terms import Explanation, explain
from clearprop.trace.walk import TraceStep, walk
from clearprop.validation import show

__all__ = ["Trace", "trace_pass"]

Array = Any


@dataclass(frozen=True, repr=False, eq=False)
class Trace(Record):
    r"""One forward and one backward pass and the optimizer's step, every quantity by name.

    ``trace["dense_1.delta"]`` reads a quantity, ``list(trace)`` names them. At each node: the output, called ``a``, of
    an elementwise activation ``h``, of an input ``x``; ``f'`` of an activation; the gradient of the loss at the output,
    ``delta``, ``dh`` or ``dx``. At each parameter, such as ``W``: its value, ``W.gradient`` of the data loss,
    ``W.penalty``, ``W.total`` and ``W.clipped`` where there are such, what the optimizer remembers after the step
    (``W.mean``, ``W.square_mean_corrected``, ...) and ``W.update``. At last ``loss.prediction`` and ``loss.values``.

    Arrays have the rows first, and the network's dtype. They are those of the array engine, which is the reference of
    the native one: whichever trains, the numbers are the same but for rounding.

    Attributes
    ----------
    nodes : mapping of str to NodeTrace
        The nodes in order.
    loss, penalty : float
        The loss of the data and the penalties.
    scores, prediction : array of shape (n, n_outputs)
        The output before and after the link.
    losses : array of shape (n,)
        The loss of each row.
    passed : TracedPass
        What was passed, and how.

    Examples
    --------
    >>> import clearprop as cp
    >>> net = cp.Network([cp.Dense(2), cp.Tanh(), cp.Dense(1)], inputs=3, dtype="float64")
    >>> trace = net.trace([[1.0, -2.0, 0.5]], [1.0], optimizer=cp.Adam(0.1))
    >>> trace["dense_1.a"].shape, trace["dense_1.W.update"].shape
    ((1, 2), (3, 2))
    >>> [step.name for step in trace.steps() if step.phase == "backward"]
    ['dense_2.delta', 'tanh_1.dh', "tanh_1.f'", 'dense_1.delta', 'input_1.dx']
    >>> print(trace.formula("dense_1.delta").latex)
    \mathbf{\delta}^{(1)} = \frac{\partial \ell}{\partial \mathbf{h}^{(1)}} \odot f'(\mathbf{a}^{(1)})
    >>> [factor.label for factor in trace.explain("dense_1.delta", (0, 1)).terms[0].factors]
    ['tanh_1.dh[0, 1]', "tanh_1.f'[0, 1]"]
    >>> trace.check("dense_1.W.gradient", (2, 0)).error < 1e-8
    True
    """

    def __reduce__(self) -> tuple[Any, ...]:
        passed = self.passed
        given = (passed.parameters, passed.buffers, passed.batch, passed.training, passed.seed, passed.step)
        return _again, (passed.executor.program, *given, passed.optimizer, passed.rate, passed.slots)

    def __str__(self) -> str:
        return export.to_text(self)

    __repr__ = __str__

    # ---- the walk

    def steps(self) -> tuple[TraceStep, ...]:
        """Return the steps of the pass in the order of their computation, from x to the update."""
        return tuple(walk(self))

    # ---- formulas, terms and checks

    def formula(self, name: str, notation: str = "clearprop") -> Formula:
        """Return the formula of a quantity.

        Parameters
        ----------
        name : str
            The quantity.
        notation : str, default="clearprop"
            Whose symbols: ours, or those of ``"larochelle"``, ``"ufldl"``, ``"cmu"``, ``"toronto"`` or
            ``"deep_learning_book"``. These have examples as columns, so that their W is the transpose of ours.
        """
        self[name]  # raises where there is none
        return quantity_formula(self, name, notation)

    def explain(self, name: str, cell: Sequence[int], notation: str = "clearprop") -> Explanation:
        """Return where one number comes from: its terms, and its formula with the numbers put in.

        Parameters
        ----------
        name : str
            The quantity.
        cell : sequence of int
            The place of the number, such as ``(0, 2)``; negative numbers count from the end.
        notation : str, default="clearprop"
            As for `formula`.
        """
        return explain(self, name, self.cell(name, cell), notation)

    def checkable(self, name: str) -> bool:
        """Return whether a quantity is a derivative, which a finite difference can check."""
        self[name]
        return is_derivative(self, name)

    def check(self, name: str, cell: Sequence[int]) -> CellCheck:
        """Return one number of a derivative beside its finite difference, which is computed in float64.

        Parameters
        ----------
        name : str
            A gradient (``"dense_1.W.gradient"``, ``"dense_1.delta"``, ...) or ``f'``.
        cell : sequence of int
            The place of the number.

        Raises
        ------
        ArgumentError
            For a quantity that is no derivative.
        """
        return check_cell(self, name, self.cell(name, cell))

    def cell(self, name: str, cell: Sequence[int]) -> Cell:
        """Return a place in a quantity with its numbers counted from 0, or raise `ArgumentError`."""
        shape = self[name].shape
        try:
            place = tuple(operator.index(at) for at in cell)
        except TypeError:
            place = ()
        if len(place) != len(shape) or any(not -size <= at < size for at, size in zip(place, shape, strict=True)):
            raise ArgumentError(f"trace: cell of {name!r}, of shape {shape}, must be a place in it, got {show(cell)}.")
        return tuple(at % size for at, size in zip(place, shape, strict=True))

    # ---- for other programs

    def to_dict(self, notation: str = "clearprop") -> dict[str, Any]:
        """Return all quantities with their formulas as dicts, lists, texts and floats.

        Numbers that are not finite are the texts ``"NaN"``, ``"Infinity"`` and ``"-Infinity"``, as JSON has none.
        """
        return export.to_dict(self, notation)

    def to_json(self, notation: str = "clearprop") -> str:
        """Return `to_dict` as JSON."""
        return export.to_json(self, notation)

    def to_dataframe(self) -> Any:
        """Return a data frame of one number a row: ``quantity``, ``node``, ``phase``, ``cell`` and ``value``.

        Raises
        ------
        MissingExtraError
            If pandas is not installed.
        """
        return export.to_dataframe(self)

    def _repr_html_(self) -> str:
        return export.to_html(self)


def trace_pass(executor: ArrayExecutor, w: Array, buffers: Array, batch: Batch, **how: Any) -> Trace:
    """Return the trace of one pass at the parameters `w`, as `record_pass` makes it."""
    return Trace(**vars(record_pass(executor, w, buffers, batch, **how)))


def _again(*given: Any) -> Trace:
    """Return the trace of a pass that is made again: copies of a trace are made so."""
    return Trace(**vars(pass_again(*given)))
