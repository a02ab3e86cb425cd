"""The array telling: every box runs its own rule on Array API arrays. With NumPy it is the reference."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy

from clearprop.engines.base import Array, Batch, EpochLoss, Program
from clearprop.engines.probe import probe
from clearprop.errors import DataError, NonFiniteError
from clearprop.layers import Context
from clearprop.optimizers import Optimizer
from clearprop.parameters import Layout
from clearprop.state import TrainState
from clearprop.streams import Purpose, Stream

__all__ = ["ArrayEngine", "ArrayExecutor", "BackwardPass", "ForwardPass"]


@dataclass(frozen=True)
class ForwardPass:
    """What one forward pass computed.

    Attributes
    ----------
    outputs : list of array
        The output of each node of the graph.
    kept : list
        What each box keeps for its backward rule.
    contexts : list of Context or None
        The context each box was called with; None for inputs.
    """

    outputs: list[Array]
    kept: list[Any]
    contexts: list[Context | None]


@dataclass(frozen=True)
class BackwardPass:
    """What one backward pass computed.

    Attributes
    ----------
    deltas : list of array or None
        Gradient of the loss at the output of each node; None where nothing asked for it.
    gradient : array of shape (n_parameters,)
        Gradient of the data loss.
    """

    deltas: list[Array | None]
    gradient: Array


class ArrayEngine:
    """Runs every program; refuses none."""

    name = "array"

    def refuses(self, program: Program, optimizer: Optimizer | None) -> str | None:
        """Return None: the boxes bring their own rules."""
        return None

    def compile(self, program: Program) -> ArrayExecutor:
        """Return the program, ready to run."""
        return ArrayExecutor(program)


class ArrayExecutor:
    """A program on the array engine.

    Parameters
    ----------
    program : Program
        What to run.
    """

    def __init__(self, program: Program) -> None:
        self.program = program
        self.layout = program.graph.parameter_layout()
        self.buffer_layout = program.graph.buffer_layout()
        nodes = program.graph.nodes
        self._names = program.graph.names("parameters")
        self._parameters = _NodeViews(self.layout, self._names)
        self._buffers = _NodeViews(self.buffer_layout, program.graph.names("buffers"))
        self._learns: list[bool] = []  # dx is wanted where it leads to a parameter
        self._last_reader = list(range(len(nodes)))
        for position, node in enumerate(nodes):
            self._learns.append(bool(self._names[position]) or any(self._learns[index] for index in node.inputs))
            for index in node.inputs:
                self._last_reader[index] = position
        self.penalties = penalties_by_slot(self.layout, "penalty", program.penalty)
        self.constraints = penalties_by_slot(self.layout, "constraint", program.constraint)
        probe(program.graph, program.dtype)

    def forward(
        self,
        parameters: Array,
        buffers: Array,
        inputs: tuple[Array, ...],
        *,
        training: bool = False,
        seed: int = 0,
        step: int = 0,
        wants_dx: bool = False,
        keep: bool = True,
    ) -> ForwardPass:
        """Run all boxes in order; with ``keep=False`` only the last output is left."""
        graph = self.program.graph
        p, b = self._parameters.of(parameters), self._buffers.of(buffers)
        result = ForwardPass([None] * len(graph.nodes), [None] * len(graph.nodes), [None] * len(graph.nodes))
        for place, x in zip(graph.inputs, inputs, strict=True):
            result.outputs[place] = x
        stream = Stream(seed, Purpose.NOISE, step=step)
        for index, node in enumerate(graph.nodes):
            if node.layer is None:
                continue
            ctx = Context(
                numpy,
                training=training,
                buffers=b[index],
                noise=_noise(stream, index),
                wants_dx=wants_dx or any(self._learns[i] for i in node.inputs),
            )
            xs = (result.outputs[i] for i in node.inputs)
            try:
                output, kept = node.layer.forward(ctx, p[index], *xs)
            except DataError as error:  # a box does not know its node
                raise DataError(f"node '{node.name}': {error}") from None
            result.outputs[index] = output
            if keep:
                result.kept[index], result.contexts[index] = kept, ctx
                continue
            for place in node.inputs:
                if self._last_reader[place] == index:
                    result.outputs[place] = None
        return result

    def backward(self, parameters: Array, passed: ForwardPass, delta: Array) -> BackwardPass:
        """Run all boxes in reverse; gradients add up where a node fans out or a parameter is shared."""
        graph = self.program.graph
        p = self._parameters.of(parameters)
        gradient = numpy.zeros(self.layout.size, dtype=self.program.dtype)
        views = self.layout.views(gradient)
        deltas: list[Array | None] = [None] * len(graph.nodes)
        deltas[-1] = delta
        for index in range(len(graph.nodes) - 1, -1, -1):
            node, ctx, dh = graph.nodes[index], passed.contexts[index], deltas[index]
            if node.layer is None or ctx is None or dh is None or not (ctx.wants_dx or self._learns[index]):
                continue
            dxs, gradients = node.layer.backward(ctx, p[index], passed.kept[index], dh)
            for local, value in gradients.items():
                view = views[self._names[index][local]]
                view += value
            for place, dx in zip(node.inputs, dxs, strict=True):
                known = deltas[place]
                if dx is not None:
                    deltas[place] = dx if known is None else known + dx
        return BackwardPass(deltas, gradient)

    def scores(self, parameters: Array, buffers: Array, inputs: tuple[Array, ...]) -> Array:
        """Return the output of the last node in prediction mode."""
        return self.forward(parameters, buffers, inputs, keep=False).outputs[-1]

    def predictions(self, parameters: Array, buffers: Array, inputs: tuple[Array, ...]) -> Array:
        """Return the same after the loss's link, NaN in rows where a score is not finite."""
        scores = self.scores(parameters, buffers, inputs)
        prediction = self.program.loss.prediction(numpy, scores)
        finite = numpy.isfinite(scores).all(axis=tuple(range(1, scores.ndim)))
        return prediction if finite.all() else numpy.where(finite[:, None], prediction, numpy.nan)

    def loss(
        self, parameters: Array, buffers: Array, batch: Batch, *, training: bool, seed: int = 0, step: int = 0
    ) -> tuple[float, float]:
        """Return the loss of the data and the penalties, the same bits as `gradient` returns."""
        passed = self.forward(parameters, buffers, batch.inputs, training=training, seed=seed, step=step, keep=False)
        values = self.program.loss.values(numpy, passed.outputs[-1], batch.target)
        share, total = _shares(batch)
        return float(values @ share), self.penalty(parameters, total)[0]

    def gradient(
        self,
        parameters: Array,
        buffers: Array,
        batch: Batch,
        *,
        training: bool,
        seed: int = 0,
        step: int = 0,
    ) -> tuple[float, float, Array]:
        """Return the loss of the data, the penalties and the gradient of their sum."""
        data, _, backward = self.passes(parameters, buffers, batch, training=training, seed=seed, step=step)
        penalty, gradient = self.penalty(parameters, _shares(batch)[1])
        return data, penalty, backward.gradient if gradient is None else backward.gradient + gradient

    def passes(
        self,
        parameters: Array,
        buffers: Array,
        batch: Batch,
        *,
        training: bool,
        seed: int = 0,
        step: int = 0,
        wants_dx: bool = False,
    ) -> tuple[float, ForwardPass, BackwardPass]:
        """Run one forward and one backward pass of the data loss, without penalties."""
        forward = self.forward(
            parameters, buffers, batch.inputs, training=training, seed=seed, step=step, wants_dx=wants_dx
        )
        scores, loss = forward.outputs[-1], self.program.loss
        share, _ = _shares(batch)
        value = float(loss.values(numpy, scores, batch.target) @ share)
        delta = loss.gradient(numpy, scores, batch.target) * share[:, None].astype(scores.dtype)
        return value, forward, self.backward(parameters, forward, delta)

    def penalty(self, parameters: Array, total_weight: float) -> tuple[float, Array | None]:
        """Return the sum of all penalties and its gradient (None where there is no penalty)."""
        if not self.penalties:
            return 0.0, None
        gradient = numpy.zeros(self.layout.size, dtype=self.program.dtype)
        w, g = self.layout.views(parameters), self.layout.views(gradient)
        value = 0.0
        for name, penalty in self.penalties.items():
            scale = (1.0 / total_weight if total_weight > 0.0 else 0.0) if penalty.per_row else 1.0
            value += float(penalty.value(numpy, w[name])) * scale
            g[name][...] = penalty.gradient(numpy, w[name]) * scale
        return value, gradient

    def constrain(self, parameters: Array) -> None:
        """Project the parameters onto their constraints, in place."""
        views = self.layout.views(parameters) if self.constraints else {}
        for name, constraint in self.constraints.items():
            views[name][...] = constraint.project(numpy, views[name])

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
    ) -> EpochLoss:
        """Run all batches of one epoch; stop at the first number that is not finite, with the parameters before it.

        `first_batch` is what an error calls the first of them.
        """
        w = state.parameters
        ones = numpy.ones_like(w)
        factors = optimizer.factors(self.layout, ones)
        decays = self.layout.decay_mask(self.program.dtype)
        before = numpy.empty_like(w)
        losses: list[tuple[float, float]] = []
        norm = 0.0
        for number, start in enumerate(range(0, len(order), batch_size)):
            batch = data.take(order[start : start + batch_size])
            where = {"epoch": state.epoch + 1, "batch": first_batch + number}
            buffers = state.buffers.copy()
            with numpy.errstate(all="ignore"):  # what overflows is found and named below
                value, penalty, gradient = self.gradient(
                    w, state.buffers, batch, training=True, seed=state.seed, step=state.step
                )
                norm = math.sqrt(float(numpy.dot(gradient, gradient)))
                finite = math.isfinite(value + penalty) and numpy.isfinite(gradient).all()
                clipped = optimizer.clip(numpy, gradient) if finite else gradient
                # with squares that overflow, adaptive optimizers would stand still for ever
                if not (finite and math.isfinite(clipped @ clipped) and numpy.isfinite(state.buffers).all()):
                    state.buffers[...] = buffers
                    raise self._non_finite(state, batch, gradient, **where)
                gradient = clipped
                rate = rates[number] if factors is None else rates[number] * factors
                before[...] = w
                optimizer.update(numpy, w, gradient, state.slots, state.step + 1, rate, decays)
                self.constrain(w)
                if not numpy.isfinite(w).all():
                    bad = next(name for name, view in self.layout.views(w).items() if not numpy.isfinite(view).all())
                    w[...], state.buffers[...] = before, buffers
                    raise non_finite_error(f"the update of '{bad}'", bad, **where)
            state.step += 1
            losses.append((value, penalty))
        state.epoch += 1
        data_loss, penalty_loss = numpy.array(losses).T
        return EpochLoss(data_loss, penalty_loss, norm)

    def _non_finite(self, state: TrainState, rows: Batch, gradient: Array, **where: int) -> NonFiniteError:
        """Return the error that names the first node, or parameter's gradient, that is not finite."""
        buffers = state.buffers.copy()
        passed = self.forward(state.parameters, buffers, rows.inputs, training=True, seed=state.seed, step=state.step)
        for node, output in zip(self.program.graph.nodes, passed.outputs, strict=True):
            if not numpy.isfinite(output.data if sparse(output) else output).all():
                return non_finite_error(f"the output of '{node.name}'", node.name, **where)
        for name, view in reversed(self.layout.views(gradient).items()):
            if not numpy.isfinite(view).all():
                return non_finite_error(f"the gradient of '{name}'", name, **where)
        for name, view in self.buffer_layout.views(buffers).items():
            if not numpy.isfinite(view).all():
                return non_finite_error(f"'{name}'", name, **where)
        if not numpy.isfinite(self.program.loss.values(numpy, passed.outputs[-1], rows.target)).all():
            return non_finite_error("the loss", "loss", **where)
        squares = {name: float(numpy.sum(view * view)) for name, view in self.layout.views(gradient).items()}
        largest = max(squares, key=squares.__getitem__, default="loss")
        return non_finite_error(f"the square of the gradient of '{largest}'", largest, **where)


def sparse(x: Any) -> bool:
    """Return whether `x` is a SciPy sparse matrix or array (without importing SciPy)."""
    return not isinstance(x, numpy.ndarray) and hasattr(x, "tocsr")


def non_finite_error(what: str, node: str, epoch: int, batch: int) -> NonFiniteError:
    """Return the error that ends a training run, with its remedy."""
    return NonFiniteError(
        f"training stopped in epoch {epoch}, batch {batch}: {what} is not finite. The last finite parameters are kept. "
        "Scale the inputs (and targets) to about -3 to 3, lower the learning rate, or clip the gradient with "
        "clip_norm=1.0.",
        epoch=epoch,
        batch=batch,
        node=node,
    )


def _noise(stream: Stream, node: int) -> Any:
    def noise(kind: str, shape: tuple[int, ...]) -> Array:
        at = stream.at(node=node)
        return at.uniform(shape) if kind == "uniform" else at.normal(shape)

    return noise


class _NodeViews:
    """The views of a flat vector, by node and local name; those of the vector asked for last are remembered."""

    def __init__(self, layout: Layout, names: tuple[dict[str, str], ...]) -> None:
        self._layout, self._names = layout, names
        self._last: tuple[Array, list[dict[str, Array]]] = (None, [])  # one attribute: threads may share it

    def of(self, vector: Array) -> list[dict[str, Array]]:
        """Return the views of `vector`, those of each node by local name."""
        known, views = self._last
        if vector is known:
            return views
        whole = self._layout.views(vector)
        views = [{local: whole[name] for local, name in names.items()} for names in self._names]
        self._last = vector, views
        return views


def penalties_by_slot(layout: Layout, what: str, common: Any) -> dict[str, Any]:
    """Return the penalty or constraint of every parameter that has one: its own, or the network's if it decays."""
    chosen = {}
    for slot in layout.values():
        own = getattr(slot.parameter, what)
        if own is not None or (common is not None and slot.parameter.decays):
            chosen[slot.name] = common if own is None else own
    return chosen


def _shares(batch: Batch) -> tuple[Array, float]:
    """Return each row's share of the mean, w / sum(w) in float64, and sum(w)."""
    weight = numpy.ones(batch.n_rows) if batch.weight is None else batch.weight.astype(numpy.float64)
    total = float(weight.sum())
    # a batch without weight has no loss and no gradient
    return weight / total if total > 0.0 else weight, total
