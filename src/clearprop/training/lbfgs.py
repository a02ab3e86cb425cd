"""L-BFGS as a training run: SciPy's minimizer calls back, the generator hands its iterations on one by one."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy

from clearprop.engines import Batch
from clearprop.errors import ArgumentError, NonFiniteError
from clearprop.network import Network
from clearprop.optimizers import LBFGS

__all__ = ["check_trainable", "iterations", "minimize"]


def minimize(
    net: Network,
    batch: Batch,
    optimizer: LBFGS,
    max_iterations: int,
    on_iteration: Callable[[float], bool] | None = None,
) -> Any:
    """Fit the parameters of `net` to all rows at once and return SciPy's result.

    Parameters
    ----------
    net : Network
        Its parameters are changed; after an error they are the last finite ones.
    batch : Batch
        The rows.
    optimizer : LBFGS
        Tolerances.
    max_iterations : int
        Iterations at most.
    on_iteration : callable or None
        Called with the loss after every iteration, the parameters being those of that iteration; True stops.

    Raises
    ------
    NonFiniteError
        If the loss at the start, or at the end, is not finite.
    """
    check_trainable(net)
    # in float32 the rounding of the loss would end the line search early
    precise = net if net.dtype == numpy.float64 else net.astype(numpy.float64)
    batch = batch.astype(precise.dtype)
    executor = precise.executor()

    def objective(vector: Any) -> tuple[float, Any]:
        with numpy.errstate(all="ignore"):  # what overflows is told by the error below
            data, penalty, gradient = executor.gradient(
                vector, precise.buffer_vector, batch, training=False, seed=net.seed, step=0
            )
        return data + penalty, gradient

    stopped = False

    def keep(result: Any) -> bool:
        with numpy.errstate(over="ignore"):
            vector = result.x.astype(net.dtype)
        finite = bool(numpy.isfinite(result.fun) and numpy.isfinite(vector).all())
        if finite:
            net.vector[...] = vector
        return finite

    def callback(intermediate_result: Any) -> None:
        nonlocal stopped
        keep(intermediate_result)
        stopped = on_iteration is not None and on_iteration(float(intermediate_result.fun))
        if stopped:
            raise StopIteration

    value, gradient = objective(net.vector.astype(numpy.float64))
    if not (numpy.isfinite(value) and numpy.isfinite(gradient).all()):
        raise _non_finite(1)
    result = optimizer.minimize(objective, net.vector.astype(numpy.float64), max_iterations, callback)
    if not stopped and not keep(result):  # who stopped it may have put other parameters in place
        raise _non_finite(int(result.nit) + 1)
    return result


def check_trainable(net: Network) -> None:
    """Raise `ArgumentError` for a network that L-BFGS cannot train."""
    disturbed = [node.name for node in net.graph.nodes if node.layer is not None and node.layer.stochastic]
    if disturbed:
        raise ArgumentError(
            f"LBFGS cannot train '{disturbed[0]}', whose training pass differs from prediction; use Adam() instead."
        )
    constrained = list(net.reference().constraints)
    if constrained:
        raise ArgumentError(
            f"LBFGS cannot hold the constraint on '{constrained[0]}'; use Adam() or a penalty such as L2(1e-3)."
        )


def _non_finite(iteration: int) -> NonFiniteError:
    return NonFiniteError(
        f"L-BFGS stopped in iteration {iteration}: the loss or its gradient is not finite. The last finite parameters "
        "are kept. Scale the inputs (and targets) to about -3 to 3.",
        epoch=iteration,
        batch=1,
        node="loss",
    )


def iterations(net: Network, batch: Batch, optimizer: LBFGS, max_iterations: int) -> Iterator[float]:
    """Yield the loss after each iteration; closing the generator ends the run after the iteration under way.

    The minimizer runs in a thread and waits while the consumer works on a yielded value, so the network never changes
    under the consumer's hands.
    """
    results: queue.Queue[Any] = queue.Queue()
    resume = threading.Semaphore(0)
    closed = threading.Event()

    def hand_over(loss: float) -> bool:
        results.put(loss)
        resume.acquire()
        return closed.is_set()

    def work() -> None:
        try:
            minimize(net, batch, optimizer, max_iterations, hand_over)
            results.put(None)
        except BaseException as error:
            results.put(error)

    thread = threading.Thread(target=work, name="clearprop-lbfgs", daemon=True)
    thread.start()
    try:
        while True:
            item = results.get()
            if isinstance(item, BaseException):
                raise item
            if item is None:
                return
            yield item
            resume.release()
    finally:
        closed.set()
        resume.release()
        thread.join()
