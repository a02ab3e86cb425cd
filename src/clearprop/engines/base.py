"""The door between a network and what computes it.

An engine takes a whole graph, not single operations: it is asked whether it refuses a program, compiles it once, and
then runs scores, gradients and whole epochs on flat vectors.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from clearprop.graph import Graph
from clearprop.losses import Loss
from clearprop.optimizers import Optimizer
from clearprop.penalties import Constraint, Penalty
from clearprop.state import TrainState

__all__ = ["Array", "Batch", "Engine", "EpochLoss", "Executor", "Program"]

Array = Any


@dataclass(frozen=True)
class Program:
    """What an engine is asked to run.

    Attributes
    ----------
    graph : Graph
        The boxes.
    loss : Loss
        The loss at the last node.
    penalty : Penalty or None
        Added to the loss for every parameter that decays and has no penalty of its own.
    constraint : Constraint or None
        Holds after each update for every parameter that decays and has no constraint of its own.
    dtype : numpy.dtype
        float32 or float64.
    """

    graph: Graph
    loss: Loss
    penalty: Penalty | None
    constraint: Constraint | None
    dtype: Any


@dataclass(frozen=True)
class Batch:
    """Rows with their targets and weights.

    Attributes
    ----------
    inputs : tuple of array
        One array an input of the graph, rows first.
    target : array
        What `Loss.target` returned.
    weight : array of shape (n,) or None
        Weight of each row; None for equal weights.
    """

    inputs: tuple[Array, ...]
    target: Array
    weight: Array | None = None

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return int(self.inputs[0].shape[0])

    def take(self, rows: Any) -> Batch:
        """Return the batch of some rows, an index array or a slice."""
        weight = None if self.weight is None else self.weight[rows]
        return Batch(tuple(x[rows] for x in self.inputs), self.target[rows], weight)

    def astype(self, dtype: Any) -> Batch:
        """Return the batch with its numbers in another floating-point type; class numbers stay as they are."""
        target = self.target if self.target.dtype.kind == "i" else self.target.astype(dtype, copy=False)
        weight = None if self.weight is None else self.weight.astype(dtype, copy=False)
        return Batch(tuple(x.astype(dtype, copy=False) for x in self.inputs), target, weight)


@dataclass(frozen=True)
class EpochLoss:
    """The mean over an epoch's batches, each weighted by its rows, as the parameters were before each update.

    Attributes
    ----------
    data : float
        The loss of the data.
    penalty : float
        The penalties.
    gradient_norm : float
        Euclidean norm of the last batch's gradient, before clipping.
    """

    data: float
    penalty: float
    gradient_norm: float


class Executor(Protocol):
    """A compiled program."""

    def scores(self, parameters: Array, buffers: Array, inputs: tuple[Array, ...]) -> Array:
        """Return the output of the last node in prediction mode."""
        ...

    def gradient(
        self, parameters: Array, buffers: Array, batch: Batch, *, training: bool, seed: int, step: int
    ) -> tuple[float, float, Array]:
        """Return the loss of the data, the penalties and the gradient of their sum, without an update."""
        ...

    def run_epoch(
        self, state: TrainState, optimizer: Optimizer, data: Batch, order: Any, batch_size: int, rates: Any
    ) -> EpochLoss:
        """Run all batches of one epoch over the rows in the given order, with a learning rate for each update."""
        ...


class Engine(Protocol):
    """A way of computing networks."""

    name: str

    def refuses(self, program: Program, optimizer: Optimizer | None) -> str | None:
        """Return why this engine cannot run the program, or None."""
        ...

    def compile(self, program: Program) -> Executor:
        """Return the program, ready to run."""
        ...
