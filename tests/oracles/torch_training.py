"""A training as PyTorch's autograd and its optimizers run it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy
from test_torch_networks import random_graph
from torch_trace import OPTIMIZERS
from torch_twin import LOSSES, forward, loss_of, torch

import clearprop as cp

__all__ = ["random_plain_graph", "train_by_torch"]

CHANGED_BY_TRAINING = (cp.Dropout, cp.GaussianNoise, cp.RReLU, cp.BatchNorm)  # draw numbers, or gather statistics


def random_plain_graph(rng: Any, n_in: int, n_out: int) -> tuple[Any, list[Any]]:
    """Return the output node and the inputs of a graph whose boxes compute in training what they do in prediction."""
    while True:
        output, inputs = random_graph(rng, n_in, n_out)
        nodes = cp.Graph.from_output(output, inputs).nodes
        if not any(isinstance(node.layer, CHANGED_BY_TRAINING) for node in nodes):
            return output, inputs


def metric(loss: cp.Loss, scores: Any, target: Any) -> float:
    """Return the accuracy of scores of classes, or R^2 of numbers."""
    if isinstance(loss, cp.SquaredError):
        return float(1 - ((target - scores) ** 2).sum() / ((target - target.mean(axis=0)) ** 2).sum())
    if isinstance(loss, cp.BinaryCrossEntropy):
        return float(((scores > 0) == (target > 0.5)).mean())
    return float((scores.argmax(axis=1) == target).mean())


def train_by_torch(
    net: cp.Network, rows: Any, held_out: Any, optimizer: Any, orders: Iterable[Any], batch_size: int
) -> tuple[list[dict[str, float]], Any]:
    """Train a network in place by PyTorch, and return what each epoch comes to, and PyTorch's optimizer.

    Its boxes must compute in training what they do in prediction, as those of `random_plain_graph`.

    Parameters
    ----------
    net : Network
        In float64; PyTorch's parameters are views of its own.
    rows, held_out : Batch
        To train and to validate on.
    optimizer : Optimizer
        What PyTorch's is made like.
    orders : iterable of array
        The order of the rows in every epoch.
    batch_size : int
        Rows of an update.
    """
    p = {name: torch.from_numpy(view).requires_grad_() for name, view in net.parameters.items()}
    rule = OPTIMIZERS[type(optimizer)](optimizer, p.values())

    def scores(batch: Any) -> Any:
        contexts = net.reference().forward(net.vector, net.buffer_vector, batch.inputs).contexts
        return forward(net, contexts, p, [torch.tensor(x) for x in batch.inputs])

    epochs = []
    for order in orders:
        losses, sizes = [], []
        for start in range(0, len(order), batch_size):
            batch = rows.take(order[start : start + batch_size])
            rule.zero_grad()
            loss = loss_of(net, batch, p, scores(batch))
            loss.backward()
            rule.step()
            losses.append(loss.item())
            sizes.append(batch.n_rows)
        found = scores(held_out).detach()
        values = LOSSES[type(net.loss_function)](net.loss_function, found, torch.tensor(held_out.target))
        gradient = torch.cat([w.grad.ravel() for w in p.values()])
        epochs.append(
            {
                "loss": float(numpy.average(losses, weights=sizes)),
                "validation_loss": values.mean().item(),
                "metric": metric(net.loss_function, found.numpy(), held_out.target),
                "gradient_norm": torch.linalg.vector_norm(gradient).item(),
                "learning_rate": rule.param_groups[0]["lr"],
            }
        )
    return epochs, rule
