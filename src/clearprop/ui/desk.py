"""Where answers are computed: few at a time, in threads of their own, and with little of the machine."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from threadpoolctl import ThreadpoolController

from clearprop.ui.encoding import encode

__all__ = ["Desk", "one_thread"]

VIEW_THREADS = 2
ORDER_THREADS = 4
SHARE = 1 / 160  # of the time, that a page which looks on may take from training on this side
OVERHEAD = 0.007  # seconds that an event and a request take besides
MAX_PAUSE = 2.0  # seconds between two events, each of which may bring a look


class Desk:
    """Threads that compute answers, and what they cost."""

    def __init__(self) -> None:
        self._views = ThreadPoolExecutor(VIEW_THREADS, "clearprop-view")
        self._orders = ThreadPoolExecutor(ORDER_THREADS, "clearprop-order")
        self._cost = 0.0  # seconds that a look has taken lately

    @property
    def pause(self) -> float:
        """Seconds to leave between two looks at a training under way."""
        return min((self._cost + OVERHEAD) / SHARE, MAX_PAUSE)

    async def view(self, make: Callable[[], Any], lean: bool) -> bytes:
        """Return what `make` returns as JSON, unless it is bytes; `lean` says whether `one_thread` may hold."""

        def work() -> bytes:
            began = time.thread_time()
            with one_thread if lean else contextlib.nullcontext():
                found = make()
            body = found if isinstance(found, bytes) else encode(found)
            self._cost = max(time.thread_time() - began, 0.5 * self._cost)
            return body

        return await asyncio.get_running_loop().run_in_executor(self._views, work)

    async def order(self, do: Callable[[], Any]) -> bytes:
        """Do what may have to wait for the training thread, and return the answer as JSON."""
        return await asyncio.get_running_loop().run_in_executor(self._orders, lambda: encode(do()))

    def close(self) -> None:
        """End the threads."""
        self._views.shutdown(wait=False, cancel_futures=True)
        self._orders.shutdown(wait=False, cancel_futures=True)


class OneThread:
    """A context that holds NumPy's matrix products to one thread; it may be entered by several threads at a time.

    The threads of OpenBLAS wait for more work by spinning, which would cost training more than the products themselves.
    The number of threads is one for the whole process, and products of float32 depend on it in their last digit: enter
    it only where nothing else multiplies matrices.
    """

    def __init__(self) -> None:
        self._lock, self._n_inside, self._limit = threading.Lock(), 0, contextlib.ExitStack()

    def __enter__(self) -> None:
        with self._lock:
            if self._n_inside == 0:
                self._limit.enter_context(_libraries().limit(limits=1, user_api="blas"))
            self._n_inside += 1

    def __exit__(self, *exception: object) -> None:
        with self._lock:
            self._n_inside -= 1
            if self._n_inside == 0:
                self._limit.close()


one_thread = OneThread()


@functools.cache
def _libraries() -> ThreadpoolController:
    """Return the numeric libraries in use."""
    return ThreadpoolController()
