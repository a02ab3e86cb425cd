"""PyTorch on the CPU: eager with its fused Adam, and the whole step compiled."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
import torch.nn.functional as F
from nets import BETA_1, BETA_2, EPSILON, LEARNING_RATE, Task

torch.set_num_interop_threads(1)
CPP_WRAPPER = {"cpp_wrapper": True}  # calls the kernels from C++ and not from Python: faster at every size


def loss_of(scores: Any, y: Any) -> Any:
    """Return the mean loss of a batch, as clearprop defines it."""
    return 0.5 * F.mse_loss(scores[:, 0], y) if scores.shape[1] == 1 else F.cross_entropy(scores, y)


def forward(parameters: list[tuple[Any, Any]], x: Any) -> Any:
    """Return the scores of some rows."""
    h = x
    for W, b in parameters[:-1]:
        h = F.relu(F.linear(h, W, b))
    return F.linear(h, *parameters[-1])


def load(parameters: Iterable[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    """Return the parameters as tensors, W as PyTorch lays it out: (n_out, n_in)."""
    return [(torch.from_numpy(W.T.copy()), torch.from_numpy(b.copy())) for W, b in parameters]


class EagerTrainer:
    """Autograd and fused Adam; the rows of an epoch are gathered at once and split, faster than an index a step.

    Parameters
    ----------
    task : Task
        What to train.
    threads : int
        Threads of its pool.
    """

    detail = f"torch {torch.__version__}"

    def __init__(self, task: Task, threads: int) -> None:
        torch.set_num_threads(threads)
        self.task = task
        self.X, self.y = torch.from_numpy(task.X), torch.from_numpy(task.y)
        self.orders = [torch.from_numpy(order) for order in task.orders]
        self.reset()

    def reset(self) -> None:
        """Start anew."""
        self.parameters = load(self.task.parameters)
        leaves = [array.requires_grad_() for pair in self.parameters for array in pair]
        self.optimizer = torch.optim.Adam(leaves, LEARNING_RATE, (BETA_1, BETA_2), EPSILON, fused=True)

    def step(self, x: Any, y: Any) -> Any:
        """Take one step and return the loss."""
        self.optimizer.zero_grad(set_to_none=True)
        loss = loss_of(forward(self.parameters, x), y)
        loss.backward()
        self.optimizer.step()
        return loss.detach()

    def train(self, epochs: int) -> list[float]:
        """Run epochs and return their losses."""
        losses = []
        for epoch in range(epochs):
            order = self.orders[epoch % len(self.orders)]
            xs, ys = (array[order].split(self.task.net.batch_size) for array in (self.X, self.y))
            losses.append(torch.stack([self.step(x, y) for x, y in zip(xs, ys, strict=True)]).double().mean())
        return [float(loss) for loss in losses]


class CompiledTrainer(EagerTrainer):
    """Forward, backward and Adam compiled as one graph, without a break, into one C++ function a step."""

    def __init__(self, task: Task, threads: int) -> None:
        super().__init__(task, threads)
        torch.compiler.reset()
        self.compiled = torch.compile(_whole_step, fullgraph=True, dynamic=False, options=CPP_WRAPPER)

    def reset(self) -> None:
        """Start anew, in the tensors that there are."""
        if not hasattr(self, "parameters"):
            self.parameters = load(self.task.parameters)
            self.means, self.squares = (
                [tuple(torch.zeros_like(array) for array in pair) for pair in self.parameters] for _ in range(2)
            )
            self.count = torch.zeros((), dtype=torch.float64)
        self.count.zero_()
        for pairs in (self.means, self.squares):
            for pair in pairs:
                for array in pair:
                    array.zero_()
        for pair, start in zip(self.parameters, load(self.task.parameters), strict=True):
            for array, value in zip(pair, start, strict=True):
                array.copy_(value)

    def step(self, x: Any, y: Any) -> Any:
        """Take one step and return the loss."""
        return self.compiled(self.parameters, self.means, self.squares, self.count, x, y)


def _whole_step(parameters: Any, means: Any, squares: Any, count: Any, x: Any, y: Any) -> Any:
    gradients, loss = torch.func.grad_and_value(lambda p: loss_of(forward(p, x), y))(parameters)
    count += 1
    correction_1, correction_2 = 1 - BETA_1**count, (1 - BETA_2**count).sqrt()
    for group in zip(parameters, gradients, means, squares, strict=True):
        for w, g, m, v in zip(*group, strict=True):
            m.mul_(BETA_1).add_(g, alpha=1 - BETA_1)
            v.mul_(BETA_2).addcmul_(g, g, value=1 - BETA_2)
            w.sub_(LEARNING_RATE / correction_1.float() * m / (v.sqrt() / correction_2.float() + EPSILON))
    return loss


class EagerPredictor:
    """The scores of a `Sequential` in inference mode.

    Parameters
    ----------
    task : Task
        Parameters and rows.
    threads : int
        Threads of its pool.
    """

    detail = f"torch {torch.__version__}"

    def __init__(self, task: Task, threads: int) -> None:
        torch.set_num_threads(threads)
        self.X = torch.from_numpy(task.X)
        layers: list[Any] = []
        for W, b in load(task.parameters):
            linear = torch.nn.Linear(W.shape[1], W.shape[0])
            linear.weight.data, linear.bias.data = W, b
            layers += [linear, torch.nn.ReLU()]
        self.model = torch.nn.Sequential(*layers[:-1]).eval()

    def outputs(self, rows: int) -> Any:
        """Return the scores of the first rows."""
        with torch.inference_mode():
            return self.model(self.X[:rows]).tolist()

    def run(self, rows: int, calls: int) -> None:
        """Compute the scores of the first rows again and again."""
        x, call = self.X[:rows], self.model
        with torch.inference_mode():
            for _ in range(calls):
                call(x)


class CompiledPredictor(EagerPredictor):
    """The same compiled, once for each number of rows."""

    def __init__(self, task: Task, threads: int) -> None:
        super().__init__(task, threads)
        self.model = torch.compile(self.model, fullgraph=True, dynamic=False, options=CPP_WRAPPER)
