"""The networks that are measured, and the task that every contestant gets: data, initial parameters, orders of rows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy

N_ORDERS = 16  # epoch e takes the rows in order e % N_ORDERS
LEARNING_RATE, BETA_1, BETA_2, EPSILON = 1e-3, 0.9, 0.999, 1e-8


@dataclass(frozen=True)
class Net:
    """A network of Dense and ReLU layers and how it is trained.

    One output means squared error, several mean softmax and cross-entropy.

    Attributes
    ----------
    name : str
        What the tables call it.
    sizes : tuple of int
        Inputs, units of each layer, outputs.
    batch_size : int
        Rows of a step.
    n_batches : int
        Steps of an epoch.
    """

    name: str
    sizes: tuple[int, ...]
    batch_size: int
    n_batches: int

    @property
    def n_rows(self) -> int:
        """Rows of the training data."""
        return self.batch_size * self.n_batches

    @property
    def n_parameters(self) -> int:
        """Weights and biases."""
        return sum((n_in + 1) * n_out for n_in, n_out in zip(self.sizes, self.sizes[1:], strict=False))

    @property
    def operations(self) -> int:
        """Floating-point operations of the matrix products of a step: three a layer, two for the first."""
        pairs = list(zip(self.sizes, self.sizes[1:], strict=False))
        return self.batch_size * (6 * sum(n * m for n, m in pairs) - 2 * pairs[0][0] * pairs[0][1])

    def __str__(self) -> str:
        return f"{self.name} ({'-'.join(map(str, self.sizes))}, batch {self.batch_size})"


NETS = {
    net.name: net
    for net in (
        Net("tiny", (64, 32, 10), 32, 312),
        Net("small", (64, 100, 10), 200, 50),
        Net("tab", (8, 64, 64, 1), 256, 40),
        Net("mnist", (784, 128, 64, 10), 128, 40),
        Net("cov", (54, 256, 256, 256, 7), 256, 20),
        Net("wide", (784, 800, 800, 10), 256, 10),
        Net("huge", (1024, 2048, 2048, 2048, 10), 1024, 3),
    )
}


@dataclass(frozen=True)
class SavedParameters:
    """(W, b) of each layer, read from a file when they are asked for: what a process starts from is not its data.

    Attributes
    ----------
    path : Path
        The file, with arrays W and b in turn.
    """

    path: Path

    def __iter__(self) -> Iterator[tuple[Any, Any]]:
        with numpy.load(self.path) as file:
            for W, b in zip(file.files[::2], file.files[1::2], strict=True):
                yield file[W], file[b]

    def __len__(self) -> int:
        with numpy.load(self.path) as file:
            return len(file.files) // 2


@dataclass(frozen=True)
class Task:
    """What a contestant gets.

    Attributes
    ----------
    net : Net
        The network.
    X : float32 array of shape (n_rows, n_inputs)
        Rows.
    y : array of shape (n_rows,)
        int64 class numbers, or float32 values for a single output.
    parameters : iterable of (W, b)
        float32 initial parameters of each layer, W of shape (n_in, n_out).
    orders : int64 array of shape (N_ORDERS, n_rows)
        The order of rows of each epoch.
    """

    net: Net
    X: Any
    y: Any
    parameters: list[tuple[Any, Any]] | SavedParameters
    orders: Any

    @property
    def is_regression(self) -> bool:
        """Whether the loss is the squared error."""
        return self.net.sizes[-1] == 1

    def order(self, epoch: int) -> Any:
        """Return the order of rows of an epoch, counted from 0."""
        return self.orders[epoch % N_ORDERS]

    @classmethod
    def make(cls, net: Net) -> Task:
        """Return the task of a network: a noisy linear teacher, so that the loss falls and never reaches zero."""
        random = numpy.random.default_rng(20240607)
        n_inputs, n_outputs = net.sizes[0], net.sizes[-1]
        X = random.standard_normal((net.n_rows, n_inputs), dtype=numpy.float32)
        # rows no longer than 8, or the first steps of a wide net overshoot and small differences grow
        X *= min(1.0, 8.0 / n_inputs**0.5)
        teacher = random.standard_normal((n_inputs, n_outputs), dtype=numpy.float32)
        noise = random.standard_normal((net.n_rows, n_outputs), dtype=numpy.float32)
        answer = X @ teacher / min(8.0, n_inputs**0.5) + 0.5 * noise
        y = answer[:, 0] if n_outputs == 1 else answer.argmax(axis=1)
        parameters = []
        for n_in, n_out in zip(net.sizes, net.sizes[1:], strict=False):
            bound = (6.0 / (n_in + n_out)) ** 0.5
            W = random.uniform(-bound, bound, (n_in, n_out)).astype(numpy.float32)
            parameters.append((W, numpy.zeros(n_out, dtype=numpy.float32)))
        orders = numpy.array([random.permutation(net.n_rows) for _ in range(N_ORDERS)])
        return cls(net, X, y, parameters, orders)

    def save(self, folder: Path) -> None:
        """Write the task to a new folder, for the workers."""
        folder.mkdir()
        (folder / "net.json").write_text(json.dumps(asdict(self.net)))
        numpy.savez(folder / "parameters.npz", *(array for pair in self.parameters for array in pair))
        for name in ("X", "y", "orders"):
            numpy.save(folder / f"{name}.npy", getattr(self, name))

    @classmethod
    def load(cls, folder: Path) -> Task:
        """Return the task that `save` wrote."""
        net = json.loads((folder / "net.json").read_text())
        X, y, orders = (numpy.load(folder / f"{name}.npy") for name in ("X", "y", "orders"))
        parameters = SavedParameters(folder / "parameters.npz")
        return cls(Net(**{**net, "sizes": tuple(net["sizes"])}), X, y, parameters, orders)
