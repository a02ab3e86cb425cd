"""The native engine: whole graphs compiled to fused steps, many batches in one call, the same bits for any threads."""

from __future__ import annotations

from typing import Any

import numpy

from clearprop.engines import native
from clearprop.engines.array import ArrayExecutor
from clearprop.engines.base import Array, Batch, EpochLoss, Program, sparse
from clearprop.engines.native_program import core_arguments, optimizer_argument, reason_to_refuse
from clearprop.optimizers import Optimizer
from clearprop.state import TrainState

__all__ = ["NativeEngine", "NativeExecutor"]


class NativeEngine:
    """Compiles what its kernels know, and says of anything else why it refuses.

    Parameters
    ----------
    setting : native.Setting or None
        Instruction set and threads; by default what the environment asks for.
    """

    name = "native"

    def __init__(self, setting: native.Setting | None = None) -> None:
        self._setting = setting

    def refuses(self, program: Program, optimizer: Optimizer | None) -> str | None:
        """Return the reason why the array engine has to run this program, or None."""
        return native.missing() or reason_to_refuse(program, optimizer)

    def compile(self, program: Program) -> NativeExecutor:
        """Return the program, ready to run."""
        return NativeExecutor(program, native.setting() if self._setting is None else self._setting)


class NativeExecutor:
    """A program on the native engine.

    Parameters
    ----------
    program : Program
        What to run; not refused.
    setting : native.Setting
        Instruction set and threads.
    """

    def __init__(self, program: Program, setting: native.Setting) -> None:
        self.program = program
        self.layout = program.graph.parameter_layout()
        self.setting = setting
        self._reference: ArrayExecutor | None = None
        owners = [node.owner for node in program.graph.nodes]
        self._shares = len(set(owners)) < len(owners)  # whether a layer stands at several nodes
        kind = native.core().Executor32 if program.dtype == numpy.float32 else native.core().Executor64
        self._core = kind(setting.target, *core_arguments(program))

    def scores(self, parameters: Array, buffers: Array, inputs: tuple[Array, ...]) -> Array:
        """Return the output of the last node in prediction mode, the same bits for any number of rows."""
        return self._output(parameters, buffers, inputs, False)

    def predictions(self, parameters: Array, buffers: Array, inputs: tuple[Array, ...]) -> Array:
        """Return the output after the loss's link, NaN in rows where a score is not finite."""
        return self._output(parameters, buffers, inputs, True)

    def _output(self, parameters: Array, buffers: Array, inputs: tuple[Array, ...], link: bool) -> Array:
        out = numpy.empty((inputs[0].shape[0], self.program.graph.output.shape[0]), self.program.dtype)
        self._core.scores(parameters, buffers, self._rows(inputs), link, out, self.setting.threads)
        return out

    def loss(
        self, parameters: Array, buffers: Array, batch: Batch, *, training: bool, seed: int = 0, step: int = 0
    ) -> tuple[float, float]:
        """Return the loss of the data and the penalties, the same bits as `gradient` returns."""
        return self._loss(parameters, buffers, batch, training, seed, step, -1.0, None)

    def gradient(
        self,
        parameters: Array,
        buffers: Array,
        batch: Batch,
        *,
        training: bool,
        seed: int = 0,
        step: int = 0,
        total_weight: float | None = None,
    ) -> tuple[float, float, Array]:
        """Return the loss of the data, the penalties and the gradient of their sum.

        Parameters
        ----------
        parameters, buffers, batch, training, seed, step
            As for `loss`.
        total_weight : float or None
            The rows are a shard of a larger batch of this weight: the results are its share, without penalties. The
            gradient of a batch that is cut into shards of ``SHARD_ROWS`` rows is the sum of theirs, added in order, to
            the last bit.
        """
        gradient = numpy.zeros(self.layout.size, self.program.dtype)
        total = -1.0 if total_weight is None else float(total_weight)
        data, penalty = self._loss(parameters, buffers, batch, training, seed, step, total, gradient)
        return data, penalty, gradient

    def _loss(
        self, parameters: Array, buffers: Array, batch: Batch, training: bool, seed: int, step: int, total: float,
        gradient: Array | None,
    ) -> tuple[float, float]:  # fmt: skip
        if not buffers.flags.writeable:  # memory-mapped; only training writes to it
            buffers = buffers.copy()
        data, penalty = self._core.loss(
            parameters, buffers, self._rows(batch.inputs), _target(batch.target), _contiguous(batch.weight),
            training, seed % 2**64, step, total, gradient, self.setting.threads,
        )  # fmt: skip
        return data, penalty

    def apply(self, state: TrainState, optimizer: Optimizer, gradient: Array, rate: float) -> None:
        """Change parameters and slots as one step with this gradient does; it is limited as the optimizer says."""
        clipped = numpy.ascontiguousarray(optimizer.clip(numpy, gradient))
        slots = [state.slots[name] for name in optimizer.slots if name in state.slots]
        rule = optimizer_argument(optimizer, self.layout)
        self._core.apply(state.parameters, slots, state.step, rule, clipped, rate)
        state.step += 1

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
        """Run batches of one epoch in one call, without Python.

        A step in which a number might overflow is left to the array engine, which looks at every number: it names the
        first one that is not finite, or makes the step.
        """
        order = numpy.ascontiguousarray(order, numpy.int64)
        rates = numpy.ascontiguousarray(rates, numpy.float64)
        losses_, penalties_ = numpy.empty(len(rates)), numpy.empty(len(rates))
        inputs, target, weight = self._rows(data.inputs), _target(data.target), _contiguous(data.weight)
        slots = [state.slots[name] for name in optimizer.slots if name in state.slots]
        rule = optimizer_argument(optimizer, self.layout)
        begin, norm = 0, 0.0
        while begin < len(rates):
            done, unsafe, seen, raised = self._core.run_epoch(
                state.parameters, state.buffers, slots, state.seed % 2**64, state.step, rule, inputs, target, weight,
                order[begin * batch_size :], batch_size, rates[begin:], losses_[begin:], penalties_[begin:],
                self.setting.threads,
            )  # fmt: skip
            norm = seen if done else norm
            begin, state.step = begin + done, state.step + done
            if raised is not None:  # Ctrl-C
                raise raised
            if not unsafe:
                break
            rows = order[begin * batch_size : (begin + 1) * batch_size]
            one = self._array().run_epoch(
                state, optimizer, data, rows, batch_size, rates[begin : begin + 1],
                first_batch=first_batch + begin, ends=False,
            )  # fmt: skip
            losses_[begin], penalties_[begin], norm = one.data[0], one.penalty[0], one.gradient_norm
            begin += 1
        state.epoch += ends
        return EpochLoss(losses_, penalties_, norm)

    def _rows(self, inputs: tuple[Array, ...]) -> list[Any]:
        """Return the inputs as the core takes them: C-contiguous arrays as they are, or a sparse one's three."""
        rows: list[Any] = []
        for x in inputs:
            if not sparse(x):
                rows.append(numpy.ascontiguousarray(x))
            elif self._shares:  # the kernels for sparse rows know one use of a matrix
                rows.append(x.toarray())
            else:
                rows.append((x.data, x.indices.astype(numpy.int64), x.indptr.astype(numpy.int64)))
        return rows

    def _array(self) -> ArrayExecutor:
        if self._reference is None:
            self._reference = ArrayExecutor(self.program)
        return self._reference


def _target(target: Any) -> Any:
    return numpy.ascontiguousarray(target, numpy.int64 if target.dtype.kind == "i" else None)


def _contiguous(weight: Any) -> Any:
    return None if weight is None else numpy.ascontiguousarray(weight)
