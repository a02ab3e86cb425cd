"""clearprop, through its public functions."""

from __future__ import annotations

import importlib
from typing import Any

import numpy
from nets import BETA_1, BETA_2, EPSILON, LEARNING_RATE, Task

import clearprop as cp
from clearprop.engines import choose


def build(task: Task, dtype: Any, engine: str) -> cp.Network:
    """Return the network of a task, its parameters set."""
    *hidden, n_outputs = task.net.sizes[1:]
    layers = [box for units in hidden for box in (cp.Dense(units), cp.ReLU())]
    loss = cp.SquaredError() if task.is_regression else cp.CrossEntropy()
    net = cp.Network([*layers, cp.Dense(n_outputs)], inputs=task.net.sizes[0], loss=loss, dtype=dtype, engine=engine)
    set_parameters(net, task)
    return net


def set_parameters(net: cp.Network, task: Task) -> None:
    """Give the network the parameters that the task starts from."""
    for number, (W, b) in enumerate(task.parameters, 1):
        net.parameters[f"dense_{number}.W"][...] = W
        net.parameters[f"dense_{number}.b"][...] = b


class Trainer:
    """`Network.fit` on the fastest engine; a repeat is one call, its checks of the data included.

    Parameters
    ----------
    task : Task
        What to train.
    threads : int
        Threads of `fma_peak`; training takes the CPUs that the process may use.
    """

    dtype: Any = numpy.float32
    engine = "auto"

    def __init__(self, task: Task, threads: int) -> None:
        self.task, self.threads = task, threads
        self.net = build(task, self.dtype, self.engine)
        self.optimizer = cp.Adam(LEARNING_RATE, BETA_1, BETA_2, EPSILON)
        chosen = choose(self.engine, self.net.program, self.optimizer)
        self.detail = f"clearprop {cp.__version__}, engine {chosen.name}"

    def reset(self) -> None:
        """Start anew; each call of `fit` begins with an optimizer that remembers nothing."""
        set_parameters(self.net, self.task)

    def train(self, epochs: int) -> list[float]:
        """Run epochs and return their losses."""
        task = self.task
        reports = self.net.fit(
            task.X,
            task.y,
            optimizer=self.optimizer,
            epochs=epochs,
            batch_size=task.net.batch_size,
            shuffle=lambda epoch, n_rows: task.order(epoch),
        )
        return [report.loss for report in reports]

    def fma_peak(self) -> float | None:
        """Return the GF/s of float32 fused multiply-adds in registers, or None without the native engine."""
        try:
            native = importlib.import_module("clearprop.engines.native")
        except ModuleNotFoundError:
            return None
        return float(native.fma_peak(self.threads))


class ReferenceTrainer(Trainer):
    """The array engine in float64: what the losses of all contestants are compared with."""

    dtype: Any = numpy.float64
    engine = "array"

    def losses(self, epochs: int, epsilon_hat: bool) -> list[float]:
        """Return the losses with either place of Adam's epsilon."""
        self.reset()
        self.optimizer = cp.Adam(LEARNING_RATE, BETA_1, BETA_2, EPSILON, epsilon_hat)
        return self.train(epochs)


class EstimatorTrainer:
    """`MLPClassifier.fit` in float64, from its own initial parameters.

    Parameters
    ----------
    task : Task
        Rows and classes; parameters and orders are drawn from ``random_state=0`` as scikit-learn does.
    threads : int
        Not looked at: clearprop takes the CPUs that the process may use.
    """

    def __init__(self, task: Task, threads: int) -> None:
        self.task, self.X = task, task.X.astype(numpy.float64)
        self.detail = f"clearprop {cp.__version__}"

    def reset(self) -> None:
        """Do nothing: each `fit` starts anew."""

    def train(self, epochs: int) -> list[float]:
        """Run epochs and return their losses."""
        return make_estimator(self.task, epochs).fit(self.X, self.task.y).loss_curve_


def make_estimator(task: Task, epochs: int) -> Any:
    """Return an estimator that stops after the epochs asked for, and not before."""
    make = cp.MLPRegressor if task.is_regression else cp.MLPClassifier
    return make(
        hidden_layer_sizes=task.net.sizes[1:-1],
        alpha=0.0,
        batch_size=task.net.batch_size,
        max_iter=epochs,
        n_iter_no_change=numpy.inf,
        random_state=0,
    )


class ScoresPredictor:
    """The scores before the link, straight from the engine: what the other libraries compute.

    Parameters
    ----------
    task : Task
        Parameters and rows.
    threads : int
        Not looked at: clearprop takes the CPUs that the process may use.
    """

    def __init__(self, task: Task, threads: int) -> None:
        self.net, self.X = build(task, numpy.float32, "auto"), task.X
        self.executor = self.net.executor()
        self.detail = f"clearprop {cp.__version__}, engine {choose('auto', self.net.program).name}"

    def call(self, x: Any) -> Any:
        """Return the scores of some rows."""
        return self.executor.scores(self.net.vector, self.net.buffer_vector, (x,))

    def outputs(self, rows: int) -> Any:
        """Return the outputs of the first rows."""
        return numpy.asarray(self.call(self.X[:rows])).tolist()

    def run(self, rows: int, calls: int) -> None:
        """Compute the outputs of the first rows again and again."""
        x, call = self.X[:rows], self.call
        for _ in range(calls):
            call(x)


class NetworkPredictor(ScoresPredictor):
    """`Network.predict`: the same with all checks, and with the softmax."""

    def call(self, x: Any) -> Any:
        """Return the predictions for some rows."""
        return self.net.predict(x)


class EstimatorPredictor(ScoresPredictor):
    """The estimator's `predict`, with the task's parameters."""

    def __init__(self, task: Task, threads: int) -> None:
        self.model = make_estimator(task, 1).fit(task.X[:1000], task.y[:1000])
        set_parameters(self.model.network_, task)
        self.X, self.detail = task.X, f"clearprop {cp.__version__}"

    def call(self, x: Any) -> Any:
        """Return the classes or values of some rows."""
        return self.model.predict(x)

    def outputs(self, rows: int) -> Any:
        """Return the probabilities, or the values, of the first rows."""
        if hasattr(self.model, "predict_proba"):
            return self.model.predict_proba(self.X[:rows]).tolist()
        return self.model.predict(self.X[:rows]).reshape(rows, -1).tolist()
