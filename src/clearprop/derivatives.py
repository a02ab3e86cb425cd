"""Derivatives beyond the gradient: of the loss and the scores by the inputs, and of the gradient by the parameters."""

from __future__ import annotations

from typing import Any

import numpy

from clearprop.engines import Batch, Executor
from clearprop.engines.array import ArrayExecutor

__all__ = ["hessian_vector_pass", "input_gradients", "jacobians"]

Array = Any
STEP = 2.0**-15  # of the parameters along v: eps / STEP = 7e-12 is the rounding, STEP^4 = 9e-19 what is cut off


def input_gradients(executor: ArrayExecutor, w: Array, buffers: Array, batch: Batch) -> tuple[Array, ...]:
    """Return the gradient of the loss at every input, of its shape; see `Network.input_gradient`."""
    *_, backward = executor.passes(w, buffers, batch, training=False, wants_dx=True)
    deltas = (backward.deltas[place] for place in executor.program.graph.inputs)
    return tuple(
        numpy.zeros(x.shape, x.dtype) if dx is None else dx for x, dx in zip(batch.inputs, deltas, strict=True)
    )


def jacobians(executor: ArrayExecutor, w: Array, buffers: Array, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
    """Return the derivatives of the scores by every input; see `Network.jacobian`.

    A backward pass turns the gradient ds at the scores into dx = J^T ds, where J_kj is the derivative of score k by
    input j. The unit vector ds = e_k gives row k of J, for all rows of the data at once: in prediction they do not mix.
    """
    passed = executor.forward(w, buffers, inputs, wants_dx=True)
    scores = passed.outputs[-1]
    results = tuple(numpy.zeros((*scores.shape, *x.shape[1:]), scores.dtype) for x in inputs)
    for output in numpy.ndindex(scores.shape[1:]):
        ds = numpy.zeros_like(scores)
        ds[:, *output] = 1.0
        deltas = executor.backward(w, passed, ds).deltas
        for place, result in zip(executor.program.graph.inputs, results, strict=True):
            if deltas[place] is not None:
                result[:, *output] = deltas[place]
    return results


def hessian_vector_pass(executor: Executor, w: Array, buffers: Array, batch: Batch, v: Array) -> tuple[Array, float]:
    """Return H v at the float64 parameters `w`, and how far two widths disagree; see `Network.hessian_vector_product`.

    With g the gradient and u = v / max|v|, so that neither a long nor a short v overflows::

        D(h) = max|v| (g(w + h u) - g(w - h u)) / 2h,    h = STEP / |u|
        H v = (4 D(h) - D(2h)) / 3

    What is cut off is STEP^4 / 30 times the fifth derivative of g along v; g and w are rounded, which adds a few times
    eps max(1, |w|) / STEP. The second result is max|D(h) - D(2h)|, which is small (it goes with STEP^2) unless the
    gradient jumps at a kink within 2h: then D goes with 1 / h.
    """
    size = numpy.max(numpy.abs(v), initial=0.0)
    if size == 0.0:
        return numpy.zeros_like(w), 0.0
    u = v / size
    h = STEP / float(numpy.linalg.norm(u))

    def gradient(at: Array) -> Array:
        return executor.gradient(at, buffers, batch, training=False, seed=0, step=0)[2]

    def difference(width: float) -> Array:
        return size * ((gradient(w + width * u) - gradient(w - width * u)) / (2.0 * width))

    narrow, wide = difference(h), difference(2.0 * h)
    return (4.0 * narrow - wide) / 3.0, float(numpy.max(numpy.abs(narrow - wide)))
