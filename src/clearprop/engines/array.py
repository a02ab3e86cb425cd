"""The array telling: every box runs its own rule on Array API arrays. With NumPy it is the reference."""

from __future__ import annotations

import math
from typing import Any

import numpy

from clearprop.engines.base import Array, Batch, EpochLoss, Program, sparse
from clearprop.engines.passes import BackwardPass, ForwardPass, GraphPasses
from clearprop.errors import NonFiniteError
from clearprop.optimizers import Optimizer
from clearprop.state import TrainState

__all__ = ["ArrayEngine", "ArrayExecutor"]


class ArrayEngine:
    """Runs every program; refuses none."""

    name = "array"

    def refuses(self, program: Program, optimizer: Optimizer | None) -> str | None:
        """Return None: the boxes bring their own rules."""
        return None

    def compile(self, program: Program) -> ArrayExecutor:
        """Return the program, ready to run."""
        return ArrayExecutor(program)


class ArrayExecutor(GraphPasses):
    """A program on the array engine: the passes through its graph, with its loss, penalties and constraints.

    Parameters
    ----------
    program : Program
        What to run.
    """

    def __init__(self, program: Program) -> None:
        super().__init__(program.graph, program.dtype)
        self.program = program
        self.penalties, self.constraints = program.penalties(), program.constraints()

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
        return float(values @ batch.shares()), self.penalty(parameters, batch.total_weight)[0]

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
        penalty, gradient = self.penalty(parameters, batch.total_weight)
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
        share = batch.shares()
        value = float(loss.values(numpy, scores, batch.target) @ share)
        delta = loss.gradient(numpy, scores, batch.target) * share[:, None].astype(scores.dtype)
        return value, forward, self.backward(parameters, forward, delta)

    def penalty(self, parameters: Array, total_weight: float) -> tuple[float, Array | None]:
        """Return the sum of all penalties and its gradient (None where there is no penalty)."""
        if not self.penalties:
            return 0.0, None
        gradient = numpy.zeros(self.layout.size, dtype=self.dtype)
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
        ends: bool = True,
    ) -> EpochLoss:
        """Run batches of one epoch; stop at the first number that is not finite, with the parameters before it."""
        w = state.parameters
        ones = numpy.ones_like(w)
        factors = optimizer.factors(self.layout, ones)
        decays = self.layout.decay_mask(self.dtype)
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
        state.epoch += ends
        data_loss, penalty_loss = numpy.array(losses).T
        return EpochLoss(data_loss, penalty_loss, norm)

    def _non_finite(self, state: TrainState, rows: Batch, gradient: Array, **where: int) -> NonFiniteError:
        """Return the error that names the first node, or parameter's gradient, that is not finite."""
        buffers = state.buffers.copy()
        passed = self.forward(state.parameters, buffers, rows.inputs, training=True, seed=state.seed, step=state.step)
        for node, output in zip(self.graph.nodes, passed.outputs, strict=True):
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
