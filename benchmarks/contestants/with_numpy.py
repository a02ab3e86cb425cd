"""The matrix product of NumPy's BLAS, as a yardstick."""

from __future__ import annotations

from typing import Any

import numpy
from threadpoolctl import threadpool_info


class MatrixProduct:
    """float32 products of square matrices.

    Parameters
    ----------
    task : Task
        Not looked at.
    threads : int
        Threads of the BLAS, which the environment has set.
    """

    def __init__(self, task: Any, threads: int) -> None:
        blas = next(info for info in threadpool_info() if info["user_api"] == "blas")
        self.detail = (
            f"{blas['internal_api']} {blas['version']} ({blas['architecture']}, {blas['num_threads']} threads)"
        )
        self.a = numpy.random.default_rng(0).random((2048, 2048), dtype=numpy.float32)
        self.b, self.out = self.a.T.copy(), numpy.empty_like(self.a)

    def operations(self) -> int:
        """Return the operations of one product."""
        return 2 * 2048**3

    def run(self) -> None:
        """Compute one product."""
        numpy.matmul(self.a, self.b, out=self.out)
