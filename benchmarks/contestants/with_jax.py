"""JAX on the CPU: a whole epoch in one compiled call."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from nets import BETA_1, BETA_2, EPSILON, LEARNING_RATE, Task


def loss_of(parameters: Any, x: Any, y: Any) -> Any:
    """Return the mean loss of a batch, as clearprop defines it."""
    h = x
    for W, b in parameters[:-1]:
        h = jax.nn.relu(h @ W + b)
    W, b = parameters[-1]
    scores = h @ W + b
    if scores.shape[1] == 1:
        return 0.5 * jnp.mean((scores[:, 0] - y) ** 2)
    own = jnp.take_along_axis(scores, y[:, None], axis=1)[:, 0]
    return jnp.mean(jax.nn.logsumexp(scores, axis=1) - own)


def step(state: Any, batch: Any) -> Any:
    """Return the state after one step of Adam, and the loss before it."""
    parameters, means, squares, count = state
    loss, gradients = jax.value_and_grad(loss_of)(parameters, *batch)
    count = count + 1
    # 1 - beta^t without the cancellation of float32
    correction_1, correction_2 = (-jnp.expm1(count * math.log(beta)) for beta in (BETA_1, BETA_2))
    means = jax.tree.map(lambda m, g: BETA_1 * m + (1 - BETA_1) * g, means, gradients)
    squares = jax.tree.map(lambda v, g: BETA_2 * v + (1 - BETA_2) * g * g, squares, gradients)
    parameters = jax.tree.map(
        lambda w, m, v: w - LEARNING_RATE / correction_1 * m / (jnp.sqrt(v / correction_2) + EPSILON),
        parameters,
        means,
        squares,
    )
    return (parameters, means, squares, count), loss


def epoch(state: Any, X: Any, y: Any, order: Any, *, n_batches: int) -> Any:
    """Return the state after an epoch, and its loss; gathering all rows first is faster than an index a step."""
    state, losses = jax.lax.scan(
        step, state, (X[order].reshape(n_batches, -1, X.shape[1]), y[order].reshape(n_batches, -1))
    )
    return state, jnp.mean(losses)


class Trainer:
    """A jitted `scan` over the batches of an epoch, its state donated.

    Parameters
    ----------
    task : Task
        What to train.
    threads : int
        Not looked at: XLA makes as many threads as the process has CPUs.
    """

    detail = f"jax {jax.__version__}"

    def __init__(self, task: Task, threads: int) -> None:
        self.task = task
        self.X, self.y = jnp.asarray(task.X), jnp.asarray(task.y)
        self.orders = [jnp.asarray(order) for order in task.orders]
        self.epoch = jax.jit(partial(epoch, n_batches=task.net.n_batches), donate_argnums=0)
        self.reset()

    def reset(self) -> None:
        """Start anew."""
        parameters = [(jnp.array(W), jnp.array(b)) for W, b in self.task.parameters]
        means, squares = (jax.tree.map(jnp.zeros_like, parameters) for _ in range(2))
        self.state = jax.block_until_ready((parameters, means, squares, jnp.zeros(())))

    def train(self, epochs: int) -> list[float]:
        """Run epochs and return their losses."""
        losses = []
        for number in range(epochs):
            self.state, loss = self.epoch(self.state, self.X, self.y, self.orders[number % len(self.orders)])
            losses.append(loss)
        jax.block_until_ready(self.state)
        return [float(loss) for loss in losses]
