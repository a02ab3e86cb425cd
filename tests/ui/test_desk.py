"""Where the page's answers are computed, and what that leaves alone."""

from __future__ import annotations

import numpy
from threadpoolctl import threadpool_info

import clearprop as cp
from clearprop.engines import native
from clearprop.ui.desk import one_thread
from clearprop.ui.live import LiveSession
from clearprop.ui.sources import SavedModel


def blas_threads():
    """Return how many threads NumPy's libraries for matrix products may use."""
    return [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"]


def test_looks_that_overlap_give_the_threads_back():
    before = blas_threads()
    assert before
    with one_thread:
        assert set(blas_threads()) == {1}
        with one_thread:
            assert set(blas_threads()) == {1}
        assert set(blas_threads()) == {1}
    assert blas_threads() == before


def test_the_products_of_a_watched_program_keep_their_threads():
    with cp.LiveView(port=0, open=False) as view:
        net = cp.Network([cp.Dense(1)], inputs=2, loss=cp.BinaryCrossEntropy())
        net.fit(numpy.zeros((10, 2)), numpy.arange(10) % 2, epochs=1, callbacks=[view])
        assert not view.session.spares_products


def test_products_are_spared_only_where_the_native_engine_trains():
    X, y = numpy.zeros((10, 2)), numpy.arange(10) % 2
    chosen = []
    for box in (cp.ReLU(), cp.Maxout(3, 2)):  # the second one is left to the array engine
        net = cp.Network([cp.Dense(4), box, cp.Dense(1)], inputs=2, loss=cp.BinaryCrossEntropy())
        session = LiveSession([SavedModel(net, [X], y, ["a", "b"], "y", [0, 1], "m")])
        chosen.append(session.spares_products)
        session.close()
    assert chosen == [native.missing() is None, False]
