"""The door between a network and what computes it.

An engine takes a whole graph, not single operations: it is asked whether it refuses a program, compiles it once, and
then runs scores, gradients and whole epochs on flat vectors.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy

from clearprop.config import from_config, to_config
from clearprop.errors import ArgumentError, ModelFileError
from clearprop.graph import Graph
from clearprop.losses import Loss
from clearprop.optimizers import Optimizer
from clearprop.penalties import Constraint, Penalty
from clearprop.state import TrainState
from clearprop.validation import check_instance, show

__all__ = ["Array", "Batch", "Engine", "EpochLoss", "Executor", "Program", "sparse"]

Array = Any
DTYPES = (numpy.dtype(numpy.float32), numpy.dtype(numpy.float64))


@dataclass(frozen=True)
class Program:
    """What an engine is asked to run: a network without its numbers.

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

    Raises
    ------
    ArgumentError
        For anything of another kind, and for a loss that makes no sense for the number of outputs.
    """

    graph: Graph
    loss: Loss
    penalty: Penalty | None = None
    constraint: Constraint | None = None
    dtype: Any = numpy.float32

    def __post_init__(self) -> None:
        check_instance("Network", "loss", self.loss, Loss, "CrossEntropy()")
        if self.penalty is not None:
            check_instance("Network", "penalty", self.penalty, Penalty, "L2(1e-4)")
        if self.constraint is not None:
            check_instance("Network", "constraint", self.constraint, Constraint, "MaxNorm(2.0)")
        try:
            dtype = None if self.dtype is None else numpy.dtype(self.dtype)
        except (TypeError, ValueError):
            dtype = None
        if dtype is None or dtype not in DTYPES:  # NumPy holds None to be equal to float64
            raise ArgumentError(f"Network: dtype must be float32 or float64, got {show(self.dtype)}.")
        object.__setattr__(self, "dtype", dtype)
        if len(self.graph.output.shape) == 1:
            self.loss.check_outputs(self.graph.output.shape[0])

    def penalties(self) -> dict[str, Penalty]:
        """Return the penalty of every parameter that has one, by name."""
        return self._by_parameter("penalty", self.penalty)

    def constraints(self) -> dict[str, Constraint]:
        """Return the constraint of every parameter that has one, by name."""
        return self._by_parameter("constraint", self.constraint)

    def _by_parameter(self, what: str, common: Any) -> dict[str, Any]:
        """Return for each parameter its own penalty or constraint, or else the network's if it decays."""
        chosen = {}
        for slot in self.graph.parameter_layout().values():
            own = getattr(slot.parameter, what)
            if own is not None or (common is not None and slot.parameter.decays):
                chosen[slot.name] = common if own is None else own
        return chosen

    def double_link(self) -> str | None:
        """Return a warning where the last box is the link that the loss applies anyway, else None."""
        link, box = self.loss.link, self.graph.output.layer
        if link is None or type(box).__name__ != link:
            return None
        loss = type(self.loss).__name__
        return f"{loss} applies {link} to the scores itself, so it is applied twice here; leave out the last {link}()."

    def to_config(self) -> dict[str, Any]:
        """Return the program as something the json module can write."""
        return {
            "graph": self.graph.to_config(),
            "loss": to_config(self.loss, "loss"),
            "penalty": to_config(self.penalty, "penalty"),
            "constraint": to_config(self.constraint, "constraint"),
            "dtype": self.dtype.name,
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Program:
        """Return what `to_config` described, or raise `ModelFileError`."""
        try:
            kinds: tuple[tuple[str, Any], ...] = (("penalty", Penalty), ("constraint", Constraint))
            parts = {key: None if config[key] is None else from_config(config[key], kind) for key, kind in kinds}
            graph, loss = Graph.from_config(config["graph"]), from_config(config["loss"], Loss)
            return cls(graph, loss, dtype=config["dtype"], **parts)
        except (KeyError, TypeError, ArgumentError) as error:
            raise ModelFileError(f"the description of the network is damaged: {error}") from error


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

    @property
    def total_weight(self) -> float:
        """Sum of the weights, taken in float64; the number of rows where they are equal."""
        return float(self.n_rows if self.weight is None else self.weight.astype(numpy.float64).sum())

    def shares(self) -> Array:
        """Return what each row counts in the mean over the batch, w / sum(w) in float64."""
        weight = numpy.ones(self.n_rows) if self.weight is None else self.weight.astype(numpy.float64)
        total = self.total_weight
        # a batch without weight has no loss and no gradient
        return weight / total if total > 0.0 else weight

    def take(self, rows: Any) -> Batch:
        """Return the batch of some rows, an index array or a slice."""
        weight = None if self.weight is None else self.weight[rows]
        return Batch(tuple(x[rows] for x in self.inputs), self.target[rows], weight)

    def astype(self, dtype: Any) -> Batch:
        """Return the batch with its numbers in another floating-point type; class numbers stay as they are."""
        target = self.target if self.target.dtype.kind == "i" else self.target.astype(dtype, copy=False)
        weight = None if self.weight is None else self.weight.astype(dtype, copy=False)
        return Batch(tuple(x.astype(dtype, copy=False) for x in self.inputs), target, weight)


def sparse(x: Any) -> bool:
    """Return whether `x` is a SciPy sparse matrix or array (without importing SciPy)."""
    return not isinstance(x, numpy.ndarray) and hasattr(x, "tocsr")


@dataclass(frozen=True)
class EpochLoss:
    """The losses of an epoch's batches, as the parameters were before each update.

    Attributes
    ----------
    data : float64 array of shape (n_batches,)
        The loss of the data: the weighted mean over the rows of a batch.
    penalty : float64 array of shape (n_batches,)
        The penalties.
    gradient_norm : float
        Euclidean norm of the last batch's gradient, before clipping.
    """

    data: Any
    penalty: Any
    gradient_norm: float


class Executor(Protocol):
    """A compiled program."""

    def scores(self, parameters: Array, buffers: Array, inputs: tuple[Array, ...]) -> Array:
        """Return the output of the last node in prediction mode."""
        ...

    def predictions(self, parameters: Array, buffers: Array, inputs: tuple[Array, ...]) -> Array:
        """Return the same after the loss's link, NaN in rows where a score is not finite."""
        ...

    def loss(
        self, parameters: Array, buffers: Array, batch: Batch, *, training: bool, seed: int, step: int
    ) -> tuple[float, float]:
        """Return the loss of the data and the penalties, the same bits as `gradient` returns."""
        ...

    def gradient(
        self, parameters: Array, buffers: Array, batch: Batch, *, training: bool, seed: int, step: int
    ) -> tuple[float, float, Array]:
        """Return the loss of the data, the penalties and the gradient of their sum, without an update."""
        ...

    def run_epoch(
        self,
        state: TrainState,
        optimizer: Optimizer,
        data: Batch,
        order: Any,
        batch_size: int,
        rates: Any,
        *,
        first_batch: int = 1,
        ends: bool = True,
    ) -> EpochLoss:
        """Run batches of one epoch over the rows in the given order, with a learning rate for each update.

        An epoch may be run in parts: `first_batch` is the number of the first batch, `ends` says whether the last one
        ends the epoch. The parts leave the same bits as the whole.
        """
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
