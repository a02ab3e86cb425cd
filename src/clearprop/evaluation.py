"""What a network computes of rows: scores and predictions, the loss, and all derivatives."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy

from clearprop.batches import check_finite, check_inputs, make_batch
from clearprop.derivatives import hessian_vector_pass, input_gradients, jacobians
from clearprop.diagnosis import Diagnosis, diagnose_trace
from clearprop.engines import Batch, Executor, Program
from clearprop.engines.array import ArrayExecutor
from clearprop.errors import ArgumentError
from clearprop.optimizers import SGD, Optimizer
from clearprop.parameters import Layout
from clearprop.state import TrainState
from clearprop.trace import Trace, trace_pass

__all__ = ["EvaluatedNetwork"]

Array = Any


class EvaluatedNetwork(ABC):
    """The side of a network that rows pass through, forward and backward."""

    program: Program
    layout: Layout
    buffer_layout: Layout
    vector: Array
    buffer_vector: Array
    seed: int

    @abstractmethod
    def executor(self, optimizer: Optimizer | None = None) -> Executor:
        """Return what computes this network."""

    @abstractmethod
    def reference(self) -> ArrayExecutor:
        """Return the array engine's executor, which shows every intermediate quantity."""

    @abstractmethod
    def astype(self, dtype: Any) -> EvaluatedNetwork:
        """Return a copy whose parameters and computation have another dtype."""

    def batch(self, X: Any, y: Any, sample_weight: Any = None) -> Batch:
        """Return rows, targets and weights, checked and in the network's dtype."""
        return make_batch(self.program, X, y, sample_weight)

    def inputs(self, X: Any) -> tuple[Array, ...]:
        """Return `X` as one checked array an input of the graph, in the network's dtype."""
        return check_inputs(self.program.graph, X, self.program.dtype)

    def scores(self, X: Any) -> Array:
        """Return the output before the loss's link ("logits"), shape (n, n_outputs).

        Raises
        ------
        NonFiniteError
            If a score is infinite or undefined; `predict`, `loss` and `gradient` raise it likewise.
        """
        rows = self.inputs(X)
        with numpy.errstate(all="ignore"):  # what overflows is told below
            scores = self.executor().scores(self.vector, self.buffer_vector, rows)
        return self._finite("scores", scores)

    def predict(self, X: Any) -> Array:
        """Return the output after the link: probabilities, or the value of a regression, shape (n, n_outputs)."""
        rows = self.inputs(X)
        with numpy.errstate(all="ignore"):
            prediction = self.executor().predictions(self.vector, self.buffer_vector, rows)
        if numpy.isfinite(prediction).all():
            return prediction
        self.scores(X)  # says so where they are the cause
        return self._finite("prediction", prediction)

    def loss(self, X: Any, y: Any, sample_weight: Any = None, *, training: bool = False) -> float:
        """Return the weighted mean loss of the rows, plus the penalties.

        Parameters
        ----------
        X : array-like of shape (n, ...)
            Rows.
        y : array-like of shape (n,) or (n, n_outputs)
            Targets.
        sample_weight : array-like of shape (n,) or None
            Weights of the rows.
        training : bool, default=False
            Whether to pass forward as in training (batch statistics, dropout) or as in prediction. Networks without
            such boxes do not tell the difference.
        """
        batch = self.batch(X, y, sample_weight)
        with numpy.errstate(all="ignore"):
            data, penalty = self.executor().loss(
                self.vector, self._buffers(training), batch, training=training, seed=self.seed, step=0
            )
        self._finite("loss", numpy.array([data + penalty]))
        return data + penalty

    def gradient(
        self, X: Any, y: Any, sample_weight: Any = None, *, training: bool = False
    ) -> tuple[float, dict[str, Array]]:
        """Return the loss, as `loss` does, and its gradient at every parameter, by name.

        Examples
        --------
        >>> import clearprop as cp
        >>> net = cp.Network([cp.Dense(1, initializer=cp.Constant(2.0))], inputs=1, dtype="float64")
        >>> loss, gradient = net.gradient([[3.0]], [5.0])  # score 6, residual 1
        >>> loss, gradient["dense_1.W"].tolist(), gradient["dense_1.b"].tolist()
        (0.5, [[3.0]], [1.0])
        """
        batch = self.batch(X, y, sample_weight)
        with numpy.errstate(all="ignore"):
            data, penalty, gradient = self.executor().gradient(
                self.vector, self._buffers(training), batch, training=training, seed=self.seed, step=0
            )
        self._finite("loss", numpy.array([data + penalty]))
        self._finite("gradient", gradient)
        return data + penalty, self.layout.views(gradient)

    def input_gradient(self, X: Any, y: Any, sample_weight: Any = None) -> Array:
        """Return the gradient of the loss at the inputs, in the shape of `X`.

        Row i holds the derivative of the whole loss by row i, so it carries the row's share of the mean, 1/n or
        w_i / sum(w). Penalties do not depend on the inputs. A graph with several inputs has a tuple of such arrays, in
        their order.

        Parameters
        ----------
        X, y, sample_weight : array-like
            As for `loss`.

        Examples
        --------
        >>> import clearprop as cp
        >>> net = cp.Network([cp.Dense(1, initializer=cp.Constant(2.0))], inputs=1)
        >>> net.input_gradient([[3.0], [4.0]], [5.0, 6.0]).tolist()  # residuals 1 and 2, times w = 2, over 2 rows
        [[1.0], [2.0]]
        """
        batch = self.batch(X, y, sample_weight)
        with numpy.errstate(all="ignore"):
            gradients = input_gradients(self.reference(), self.vector, self.buffer_vector, batch)
        return self._by_input("gradient", gradients)

    def jacobian(self, X: Any) -> Any:
        """Return the derivatives of the scores by the inputs in every row, J_kj = ds_k/dx_j in prediction mode.

        A box with a scalar activation has a diagonal Jacobian, for h_k depends on a_k alone; that of a vector
        activation such as `Softmax` is full. The network's is the product of its boxes' Jacobians, and is computed by
        one backward pass for each score.

        Parameters
        ----------
        X : array-like of shape (n, ...)
            Rows.

        Returns
        -------
        array of shape (n, n_outputs, ...)
            The last axes are those of a row. In the network's dtype; for a graph with several inputs a tuple of such
            arrays, in their order.

        Raises
        ------
        NoGradientError
            If the network holds a box without a gradient, such as Step.

        Examples
        --------
        >>> import clearprop as cp
        >>> cp.Network([cp.Tanh()], inputs=2).jacobian([[0.0, 0.0]]).tolist()  # tanh'(0) = 1
        [[[1.0, 0.0], [0.0, 1.0]]]
        >>> cp.Network([cp.Softmax()], inputs=2).jacobian([[0.0, 0.0]]).tolist()  # y_k (delta_kj - y_j)
        [[[0.25, -0.25], [-0.25, 0.25]]]
        """
        inputs = self.inputs(X)
        with numpy.errstate(all="ignore"):
            found = jacobians(self.reference(), self.vector, self.buffer_vector, inputs)
        return self._by_input("Jacobian", found)

    def hessian_vector_product(self, X: Any, y: Any, vector: Any, sample_weight: Any = None) -> Array:
        """Return H v, with H the second derivatives of the loss (and the penalties) by the parameters.

        Boxes have rules of first order, so this takes central differences of the gradient along v, with four points
        within 2^-14 of the parameters, in float64 whatever the network's dtype. Their error is some 1e-11 |v| times the
        largest entry of H or of the gradient, and that times the size of the parameters where they are larger than 1.
        H does not exist at a kink (of ReLU, L1, ...); where one lies between the points, its jump shows.

        Parameters
        ----------
        X, y, sample_weight : array-like
            As for `loss`.
        vector : array-like of shape (n_parameters,)
            v, one number a parameter in the order of ``net.vector``.

        Returns
        -------
        array of shape (n_parameters,)
            H v in the same order, in the network's dtype; ``net.layout.views`` names its parts.

        Examples
        --------
        >>> import clearprop as cp
        >>> net = cp.Network([cp.Dense(1)], inputs=1)
        >>> X, y = [[1.0], [3.0]], [0.0, 1.0]
        >>> net.hessian_vector_product(X, y, [1.0, 0.0]).round(6).tolist()  # mean x^2, mean x
        [5.0, 2.0]

        References
        ----------
        Nocedal and Wright (2006), "Numerical optimization", section 8.1. Pearlmutter (1994), "Fast exact multiplication
        by the Hessian", derives the exact rules.
        """
        v = self._check_vector(vector)
        double = self if self.program.dtype == numpy.float64 else self.astype(numpy.float64)
        batch = double.batch(X, y, sample_weight)
        with numpy.errstate(all="ignore"):
            product, _ = hessian_vector_pass(double.executor(), double.vector, double.buffer_vector, batch, v)
            product = product.astype(self.program.dtype)
        return self._finite("Hessian-vector product", product)

    def trace(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        training: bool = False,
        optimizer: Optimizer | None = None,
        state: TrainState | None = None,
    ) -> Trace:
        """Return every quantity of one forward and one backward pass and of the optimizer's step, by name.

        Parameters
        ----------
        X, y, sample_weight : array-like
            As for `loss`.
        training : bool, default=False
            Whether to pass as in training or as in prediction.
        optimizer : Optimizer or None
            Whose step is shown as the update; by default plain gradient descent at 0.01.
        state : TrainState or None
            The state of a run, such as `EpochReport.state`: the step is the next one of that run, with what its
            optimizer remembers. By default it is the first step of a run that begins.

        Raises
        ------
        DataError
            For rows that do not fit, as from `loss`.
        ArgumentError
            For a state of another optimizer, and for a schedule in the midst of a run whose `steps` are not given.
        NoGradientError
            If the network holds a box without a gradient, such as Step.

        Examples
        --------
        >>> import clearprop as cp
        >>> net = cp.Network([cp.Dense(1, initializer=cp.Constant(2.0)), cp.ReLU()], inputs=1)
        >>> trace = net.trace([[3.0]], [5.0])  # a = 6, residual 1
        >>> list(trace)[1:5]
        ['input_1.dx', 'dense_1.a', 'dense_1.delta', 'dense_1.W']
        >>> float(trace["dense_1.W.gradient"][0, 0])
        3.0
        """
        batch = self.batch(X, y, sample_weight)
        with numpy.errstate(all="ignore"):  # what overflows is shown
            return trace_pass(
                self.reference(),
                self.vector,
                self.buffer_vector,
                batch,
                training=training,
                seed=self.seed,
                optimizer=SGD() if optimizer is None else optimizer,
                state=state,
            )

    def diagnose(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        optimizer: Optimizer | None = None,
        state: TrainState | None = None,
    ) -> Diagnosis:
        """Return what keeps the network from learning these rows, with definitions, counts and remedies.

        It reads the trace of one pass in prediction mode, and the loss that one step of the optimizer would lead to.
        Dead and saturated units, vanishing and exploding gradients, updates of the wrong size, a learning rate that is
        too high or too low, unscaled inputs, and the first value that is not finite are found; `Finding` lists them.
        Such a value is reported and raises no error. Statistics are over all rows, whatever their weights.

        Parameters
        ----------
        X, y, sample_weight : array-like
            As for `loss`. A few hundred rows are enough; what is dead on few rows may live on others.
        optimizer : Optimizer or None
            Whose step is judged; by default plain gradient descent at 0.01.
        state : TrainState or None
            The state of a run, as for `trace`: its next step is judged. By default it is the first step of a run.

        Raises
        ------
        DataError
            For rows that do not fit, as from `loss`.
        NoGradientError
            If the network holds a box without a gradient, such as Step.

        Examples
        --------
        >>> import clearprop as cp
        >>> net = cp.Network([cp.Dense(4, bias_initializer=cp.Constant(-9.0)), cp.ReLU(), cp.Dense(1)], inputs=1)
        >>> diagnosis = net.diagnose([[-1.0], [0.0], [1.0]], [1.0, 0.0, 1.0])
        >>> for finding in diagnosis.findings:
        ...     print(f"{finding.kind}: {finding.message}")
        dead units: 4 of 4 units put out 0 on all 3 rows (number 0, 1, 2, 3)
        vanishing gradient: the RMS of delta is 0 at 'dense_1' and 0.272 at 'dense_2'
        """
        double = self if self.program.dtype == numpy.float64 else self.astype(numpy.float64)
        with numpy.errstate(all="ignore"):  # what overflows is a finding
            trace = self.trace(X, y, sample_weight, optimizer=optimizer, state=state)
            return diagnose_trace(trace, double.executor())

    def _check_vector(self, vector: Any) -> Array:
        n = self.layout.size
        try:
            v = numpy.asarray(vector)
            fits = v.dtype.kind in "biuf" and v.shape == (n,)
            got = "NaN or infinity" if fits else f"shape {v.shape} of dtype {v.dtype}"
        except ValueError:
            fits, got = False, "rows of different lengths"
        if not (fits and numpy.isfinite(v).all()):
            raise ArgumentError(
                f"hessian_vector_product: vector must hold {n} finite numbers, one a parameter in the order of "
                f"net.vector, got {got}; start from numpy.zeros_like(net.vector)."
            )
        return v.astype(numpy.float64)

    def _by_input(self, what: str, arrays: tuple[Array, ...]) -> Any:
        """Return the array of the only input, or a tuple with one of each, all finite."""
        for array in arrays:
            self._finite(what, array)
        return arrays[0] if len(arrays) == 1 else arrays

    def _finite(self, what: str, values: Array) -> Array:
        """Return `values`, or raise `NonFiniteError` with the first parameter, or else the output, named."""
        named = self.layout.views(self.vector) | self.buffer_layout.views(self.buffer_vector)
        return check_finite(what, values, named, self.program.graph.output.name)

    def _buffers(self, training: bool) -> Array:
        """Return the buffers, or a copy where a pass would write to them."""
        return self.buffer_vector.copy() if training else self.buffer_vector
