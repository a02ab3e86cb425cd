"""A network: a graph, its parameters and its loss."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Self

import numpy

from clearprop.engines import Executor, Program, choose, refusals
from clearprop.engines.array import ArrayEngine, ArrayExecutor
from clearprop.errors import ArgumentError
from clearprop.evaluation import EvaluatedNetwork
from clearprop.graph import Graph, Node
from clearprop.layers import Layer
from clearprop.losses import Loss, SquaredError
from clearprop.optimizers import Optimizer
from clearprop.parameters import NamedViews
from clearprop.penalties import Constraint, Penalty
from clearprop.saving import SavedNetwork
from clearprop.summary import Summary, summarize
from clearprop.validation import check_integer, show

__all__ = ["Network"]

Array = Any


class Network(EvaluatedNetwork, SavedNetwork):
    """A feedforward network.

    A network draws and owns its parameters: two networks made of the same boxes share the description, not the numbers.

    Parameters
    ----------
    layers : sequence of Layer, or Node
        Layers that follow one another, or the output node of a graph.
    inputs : int or tuple of int, or sequence of Node
        For a chain, the shape of one row; for a graph, optionally the order of its inputs.
    loss : Loss, default=SquaredError()
        The loss, which owns the link from scores to predictions.
    penalty : Penalty or None
        A penalty on all weights (never biases) that have none of their own.
    constraint : Constraint or None
        A constraint on all weights that have none of their own.
    seed : int, default=0
        Seed of the initial parameters.
    dtype : float32 or float64, default=float32
        Type of the parameters and of all computation.
    engine : {"auto", "native", "array"}, default="auto"
        What computes; "auto" takes the fastest engine that can, and `refusals` says why another one cannot.

    Attributes
    ----------
    parameters : mapping of str to array
        The parameters by name, as writable views of one flat vector.
    buffers : mapping of str to array
        What is remembered but not learned (running means), likewise.

    Examples
    --------
    >>> import clearprop as cp
    >>> net = cp.Network([cp.Dense(10), cp.Tanh(), cp.Dense(5), cp.Tanh(), cp.Dense(1)], inputs=10)
    >>> net.n_parameters
    171
    >>> net.scores([[0.0] * 10]).shape
    (1, 1)
    """

    def __init__(
        self,
        layers: Sequence[Layer] | Node,
        inputs: int | Sequence[Any] | None = None,
        loss: Loss | None = None,
        *,
        penalty: Penalty | None = None,
        constraint: Constraint | None = None,
        seed: int = 0,
        dtype: Any = numpy.float32,
        engine: str = "auto",
    ) -> None:
        graph = Graph.make(layers, inputs)
        self._prepare(
            Program(graph, SquaredError() if loss is None else loss, penalty, constraint, dtype), seed, engine
        )

    def _prepare(self, program: Program, seed: int, engine: str) -> None:
        self.program = program
        self.seed = check_integer("Network", "seed", seed)
        self.engine = engine
        choose(engine, program)
        double = program.double_link()
        if double is not None:
            warnings.warn(double, stacklevel=3)
        self.layout, self.buffer_layout = program.graph.parameter_layout(), program.graph.buffer_layout()
        try:
            if self.layout.size * self.dtype.itemsize > sys.maxsize:
                raise MemoryError
            self.vector = self.layout.initial(self.seed, self.dtype)
        except MemoryError:
            raise ArgumentError(
                f"Network: the layers have {show(self.layout.size)} parameters, more than memory can hold; use fewer "
                "units."
            ) from None
        self.buffer_vector = self.buffer_layout.initial(self.seed, self.dtype)
        self._executors: dict[str | None, Any] = {}  # by engine; None: for predictions

    @classmethod
    def from_program(cls, program: Program, *, seed: int = 0, engine: str = "auto") -> Self:
        """Return a fresh network of a program: graph, loss, penalty, constraint and dtype."""
        network = cls.__new__(cls)
        network._prepare(program, seed, engine)
        return network

    @property
    def graph(self) -> Graph:
        """The boxes and how they are connected."""
        return self.program.graph

    @property
    def loss_function(self) -> Loss:
        """The loss that the network was made with."""
        return self.program.loss

    @property
    def dtype(self) -> Any:
        """Type of the parameters."""
        return self.program.dtype

    @property
    def n_parameters(self) -> int:
        """Number of learned numbers."""
        return self.layout.size

    @property
    def parameters(self) -> NamedViews:
        """The parameters by name: writable views, so ``net.parameters["dense_1.b"][...] = 0.1`` changes the network."""
        return NamedViews(self.layout.views(self.vector))

    @property
    def buffers(self) -> NamedViews:
        """What is remembered but not learned, by name: writable views."""
        return NamedViews(self.buffer_layout.views(self.buffer_vector))

    def executor(self, optimizer: Optimizer | None = None) -> Executor:
        """Return what computes this network, compiled at the first call."""
        if optimizer is None and None in self._executors:  # the hot path of predictions
            known: Executor = self._executors[None]
            return known
        engine = choose(self.engine, self.program, optimizer)
        if engine.name not in self._executors:
            self._executors[engine.name] = engine.compile(self.program)
        executor: Executor = self._executors[engine.name]
        if optimizer is None:
            self._executors[None] = executor
        return executor

    def refusals(self, optimizer: Optimizer | None = None) -> dict[str, str]:
        """Return why faster engines leave this network to slower ones: the reason of each engine that refuses it.

        Examples
        --------
        >>> import clearprop as cp
        >>> net = cp.Network([cp.Maxout(2, 3), cp.Dense(1)], inputs=4)
        >>> net.refusals()["native"]
        "node 'maxout_1' is a Maxout, which it does not know"
        """
        return refusals(self.program, optimizer)

    def reference(self) -> ArrayExecutor:
        """Return the array engine's executor, which shows every intermediate quantity."""
        if "array" not in self._executors:
            self._executors["array"] = ArrayEngine().compile(self.program)
        executor: ArrayExecutor = self._executors["array"]
        return executor

    # ---- use

    def fit(self, X: Any, y: Any, **arguments: Any) -> list[Any]:
        """Train to the end and return the reports of all epochs.

        Parameters
        ----------
        X, y : array-like
            Rows and targets.
        **arguments
            The other arguments of `clearprop.train`, which this drains.

        Examples
        --------
        >>> import clearprop as cp
        >>> net = cp.Network([cp.Dense(1)], inputs=1, dtype="float64")
        >>> reports = net.fit([[0.0], [1.0]], [1.0, 3.0], optimizer=cp.LBFGS(), epochs=20)
        >>> net.predict([[2.0]]).round(6).tolist()
        [[5.0]]
        """
        import clearprop  # training stands left of networks; the package's public face knows both

        return list(clearprop.train(self, X, y, **arguments))

    def summary(self) -> Summary:
        """Return a table of nodes, shapes and parameter counts; `print` shows it."""
        return summarize(self.graph, self.layout)

    def __repr__(self) -> str:
        boxes = [repr(node.layer) for node in self.graph.nodes if node.layer is not None]
        return f"Network([{', '.join(boxes)}], loss={self.loss_function!r}, n_parameters={self.n_parameters})"

    # ---- copies

    def astype(self, dtype: Any) -> Network:
        """Return a copy whose parameters and computation have another dtype."""
        copy = Network.from_program(replace(self.program, dtype=dtype), seed=self.seed, engine=self.engine)
        copy.vector[...] = self.vector
        copy.buffer_vector[...] = self.buffer_vector
        return copy

    def copy(self) -> Network:
        """Return an independent copy."""
        return self.astype(self.dtype)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_executors": {}}
