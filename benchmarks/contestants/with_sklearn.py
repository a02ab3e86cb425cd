"""scikit-learn's multi-layer perceptrons, through `fit` alone."""

from __future__ import annotations

from typing import Any

import numpy
import sklearn
from nets import BETA_1, BETA_2, EPSILON, LEARNING_RATE, Task
from sklearn.neural_network import MLPClassifier, MLPRegressor


class SavedNumbers(numpy.random.RandomState):
    """A source of random numbers that returns a task's initial parameters and orders of rows.

    `fit` draws its parameters with `uniform` and orders with `shuffle`. It applies each new permutation to the order
    of the epoch before, so `shuffle` returns the permutations that lead from one saved order to the next.

    Parameters
    ----------
    task : Task
        What to return.
    """

    def __init__(self, task: Task) -> None:
        super().__init__(0)
        self._parameters = [array for pair in task.parameters for array in pair]
        before = [numpy.argsort(order) for order in task.orders]
        self._first = task.orders[0]
        self._moves = [before[k - 1][order] for k, order in enumerate(task.orders)]
        self.restart()

    def restart(self) -> None:
        """Begin again with the first parameter and the first order."""
        self._drawn = self._shuffled = 0

    def uniform(self, low: Any = 0.0, high: Any = 1.0, size: Any = None) -> Any:
        """Return the next initial parameter."""
        value = self._parameters[self._drawn]
        self._drawn += 1
        return value.astype(numpy.float64)

    def shuffle(self, x: Any) -> None:
        """Replace the row numbers `x` by the next permutation."""
        x[...] = self._moves[self._shuffled % len(self._moves)] if self._shuffled else self._first
        self._shuffled += 1


def make_estimator(task: Task, epochs: int, random_state: Any) -> Any:
    """Return an estimator that stops after the epochs asked for, and not before."""
    make = MLPRegressor if task.is_regression else MLPClassifier
    return make(
        hidden_layer_sizes=task.net.sizes[1:-1],
        alpha=0.0,
        batch_size=task.net.batch_size,
        learning_rate_init=LEARNING_RATE,
        beta_1=BETA_1,
        beta_2=BETA_2,
        epsilon=EPSILON,
        max_iter=epochs,
        n_iter_no_change=numpy.inf,
        random_state=random_state,
    )


class Trainer:
    """`fit` on float32 rows, `max_iter` epochs a call; its threads are those of the BLAS.

    Its Adam adds epsilon before the bias correction, so its losses are compared with a reference that does so too.

    Parameters
    ----------
    task : Task
        What to train.
    threads : int
        Threads of the BLAS, which the environment has set.
    """

    def __init__(self, task: Task, threads: int) -> None:
        self.task, self.numbers = task, SavedNumbers(task)
        self.detail = f"scikit-learn {sklearn.__version__}"

    def reset(self) -> None:
        """Start anew."""
        self.numbers.restart()

    def train(self, epochs: int) -> list[float]:
        """Run epochs and return their losses."""
        self.numbers.restart()
        model = make_estimator(self.task, epochs, self.numbers).fit(self.task.X, self.task.y)
        return [float(loss) for loss in model.loss_curve_]


class EstimatorTrainer:
    """`MLPClassifier.fit` in float64, from its own initial parameters.

    Parameters
    ----------
    task : Task
        Rows and classes.
    threads : int
        Threads of the BLAS, which the environment has set.
    """

    def __init__(self, task: Task, threads: int) -> None:
        self.task, self.X = task, task.X.astype(numpy.float64)
        self.detail = f"scikit-learn {sklearn.__version__}"

    def reset(self) -> None:
        """Do nothing: each `fit` starts anew."""

    def train(self, epochs: int) -> list[float]:
        """Run epochs and return their losses."""
        return [float(loss) for loss in make_estimator(self.task, epochs, 0).fit(self.X, self.task.y).loss_curve_]


class EstimatorPredictor:
    """`predict`, with the task's parameters.

    Parameters
    ----------
    task : Task
        Parameters and rows.
    threads : int
        Threads of the BLAS, which the environment has set.
    """

    def __init__(self, task: Task, threads: int) -> None:
        self.X, self.detail = task.X, f"scikit-learn {sklearn.__version__}"
        self.model = make_estimator(task, 1, 0).fit(task.X[:1000], task.y[:1000])
        self.model.coefs_ = [W for W, _ in task.parameters]
        self.model.intercepts_ = [b for _, b in task.parameters]

    def outputs(self, rows: int) -> Any:
        """Return the probabilities, or the values, of the first rows."""
        if hasattr(self.model, "predict_proba"):
            return self.model.predict_proba(self.X[:rows]).tolist()
        return self.model.predict(self.X[:rows]).reshape(rows, -1).tolist()

    def run(self, rows: int, calls: int) -> None:
        """Compute the classes or values of the first rows again and again."""
        x, call = self.X[:rows], self.model.predict
        for _ in range(calls):
            call(x)
