"""What the estimators' parameters mean: their allowed values, and the network and optimizer that they describe."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Iterable, Mapping
from numbers import Integral, Real
from typing import Any

import numpy
from sklearn.utils._param_validation import Interval, Options, StrOptions

from clearprop import layers, losses, optimizers
from clearprop.errors import ArgumentError
from clearprop.graph import Graph
from clearprop.layers import Layer
from clearprop.network import Network
from clearprop.optimizers import LBFGS, SGD, AdaGrad, Adam, AdamW, Optimizer, RMSProp
from clearprop.penalties import L2
from clearprop.schedules import Rate
from clearprop.validation import show

__all__ = ["ACTIVATIONS", "CONSTRAINTS", "LOSSES", "OUT_ACTIVATIONS", "build_graph", "initialize", "make_optimizer"]

# every box that keeps the shape of its input and needs no arguments, by name; "logistic" is scikit-learn's name
_SHAPE_KEEPING = (layers.Activation, layers.PReLU, layers.Softmax, layers.LogSoftmax)
ACTIVATIONS: Mapping[str, type[Layer]] = {
    box.kind(): box
    for box in (getattr(layers, name) for name in layers.__all__)
    if inspect.isclass(box) and issubclass(box, _SHAPE_KEEPING) and box is not layers.Activation
} | {"logistic": layers.Sigmoid}

LOSSES: dict[str, losses.Loss] = {
    "squared_error": losses.SquaredError(),
    "poisson": losses.Poisson(),
    "absolute_error": losses.AbsoluteError(),
    "huber": losses.Huber(),
    "quantile": losses.Quantile(),
}

OUT_ACTIVATIONS: dict[type, str] = {
    losses.BinaryCrossEntropy: "logistic",
    losses.CrossEntropy: "softmax",
    losses.KLDivergence: "softmax",
    losses.Poisson: "exp",
}

SOLVERS = ("lbfgs", "sgd", "adam", "adamw", "rmsprop", "adagrad")

CONSTRAINTS: dict[str, Any] = {
    "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
    "activation": [StrOptions(set(ACTIVATIONS)), Layer, list, tuple],
    "solver": [StrOptions(set(SOLVERS)), Optimizer, LBFGS],
    "alpha": [Interval(Real, 0, None, closed="left")],
    "batch_size": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
    "learning_rate": [StrOptions({"constant", "invscaling", "adaptive"})],
    "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
    "power_t": [Interval(Real, 0, None, closed="left")],
    "max_iter": [Interval(Integral, 1, None, closed="left")],
    "shuffle": ["boolean"],
    "random_state": ["random_state"],
    "tol": [Interval(Real, 0, None, closed="left")],
    "verbose": ["verbose"],
    "warm_start": ["boolean"],
    "momentum": [Interval(Real, 0, 1, closed="both")],
    "nesterovs_momentum": ["boolean"],
    "early_stopping": ["boolean"],
    "validation_fraction": [Interval(Real, 0, 1, closed="left")],
    "beta_1": [Interval(Real, 0, 1, closed="left")],
    "beta_2": [Interval(Real, 0, 1, closed="left")],
    "epsilon": [Interval(Real, 0, None, closed="neither")],
    "n_iter_no_change": [Interval(Integral, 1, None, closed="left"), Options(Real, {numpy.inf})],
    "max_fun": [Interval(Integral, 1, None, closed="left")],
    "dropout": [Interval(Real, 0, 1, closed="left")],
    "batch_norm": ["boolean"],
    "scoring": [str, callable, None],
    "n_layers": [Interval(Integral, 0, None, closed="left"), None],
    "n_units": [Interval(Integral, 1, None, closed="left"), None],
    "dtype": "no_validation",
    "engine": [str],
}


def hidden_sizes(model: Any) -> list[int]:
    """Return the number of units of each hidden layer."""
    if model.n_layers is not None or model.n_units is not None:
        n_layers = 1 if model.n_layers is None else model.n_layers
        return [100 if model.n_units is None else int(model.n_units)] * n_layers
    return unit_counts(model.hidden_layer_sizes)


def unit_counts(sizes: Any) -> list[int]:
    """Return `hidden_layer_sizes`, one number or several, as a list."""
    sizes = list(sizes) if isinstance(sizes, Iterable) else [sizes]
    if not all(isinstance(size, Integral) and int(size) > 0 for size in sizes):
        raise ArgumentError(
            f"hidden_layer_sizes must be > 0, got {sizes}; give whole numbers of units, or () for no hidden layer."
        )
    return [int(size) for size in sizes]


def hidden_activations(model: Any, n_layers: int) -> list[Layer]:
    """Return the activation of each hidden layer."""
    given = model.activation
    listed = list(given) if isinstance(given, list | tuple) else [given] * n_layers
    if len(listed) != n_layers:
        raise ArgumentError(
            f"activation must be one name, or one for each of the {n_layers} hidden layers, got {show(given)}."
        )
    chosen: list[Layer] = []
    for item in listed:
        if isinstance(item, str) and item in ACTIVATIONS:
            chosen.append(ACTIVATIONS[item]())
        elif isinstance(item, (*_SHAPE_KEEPING, layers.Parametric)):
            chosen.append(dataclasses.replace(item, name=None))  # a box of its own: the same object shares parameters
        else:
            raise ArgumentError(
                f"activation must be among {', '.join(sorted(ACTIVATIONS))} or a layer, got {show(item)}."
            )
    return chosen


def build_graph(model: Any, n_features: int, n_outputs: int) -> tuple[Graph, L2 | None]:
    """Return the network that the parameters of `model` describe, and its penalty."""
    sizes = hidden_sizes(model)
    boxes: list[Layer] = []
    for size, activation in zip(sizes, hidden_activations(model, len(sizes)), strict=True):
        boxes.append(layers.Dense(size))
        if model.batch_norm:
            boxes.append(layers.BatchNorm())
        boxes.append(activation)
        if model.dropout > 0:
            boxes.append(layers.Dropout(float(model.dropout)))
    boxes.append(layers.Dense(n_outputs))
    decoupled = model.solver == "adamw" or isinstance(model.solver, AdamW)
    penalty = L2(float(model.alpha), per_row=True) if model.alpha > 0 and not decoupled else None
    return Graph.chain(boxes, n_features), penalty


def initialize(model: Any, net: Network, random_state: numpy.random.RandomState) -> None:
    """Draw the initial parameters of the network of `model` as scikit-learn does, from the same random numbers.

    Weights and biases are uniform with bound sqrt(f / (n_in + n_out)); f is 2 for the logistic activation, else 6. The
    output layer has the f of the last hidden one, and without a hidden layer that of the activation named.
    """
    activations = hidden_activations(model, len(hidden_sizes(model)))
    last = activations[-1] if activations else _without_hidden(model.activation)
    dense = [node for node in net.graph.nodes if isinstance(node.layer, layers.Dense)]
    for node, activation in zip(dense, [*activations, last], strict=True):
        factor = 2.0 if isinstance(activation, layers.Sigmoid) else 6.0
        weights = net.parameters[f"{node.name}.W"]
        bound = numpy.sqrt(factor / sum(weights.shape))
        for view in (weights, net.parameters[f"{node.name}.b"]):
            view[...] = random_state.uniform(-bound, bound, view.shape)


def _without_hidden(activation: Any) -> Layer:
    named = isinstance(activation, str) and activation in ACTIVATIONS
    return ACTIVATIONS[activation]() if named else layers.Identity()


def make_optimizer(model: Any, rate: Rate) -> Optimizer | LBFGS:
    """Return the optimizer that the parameters of `model` describe."""
    solver = model.solver
    if isinstance(solver, Optimizer | LBFGS):
        return solver
    if solver == "lbfgs":
        # scikit-learn leaves SciPy's own tolerance on the loss in force
        return optimizers.LBFGS(
            gradient_tolerance=float(model.tol), loss_tolerance=2.2204460492503131e-09, max_evaluations=model.max_fun
        )
    if solver == "sgd":
        momentum = float(model.momentum)
        return SGD(rate, momentum=momentum, nesterov=bool(model.nesterovs_momentum) and momentum > 0)
    if solver == "rmsprop":
        return RMSProp(rate, alpha=float(model.beta_2), epsilon=float(model.epsilon))
    if solver == "adagrad":
        return AdaGrad(rate, epsilon=float(model.epsilon))
    betas = float(model.beta_1), float(model.beta_2), float(model.epsilon)
    if solver == "adamw":
        return AdamW(rate, *betas, epsilon_hat=True, weight_decay=float(model.alpha))
    return Adam(rate, *betas, epsilon_hat=True)
