"""What both multi-layer perceptrons share: scikit-learn's way of fitting, on clearprop's training loop."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy
import scipy.sparse
from sklearn.base import BaseEstimator
from sklearn.callback import CallbackSupportMixin
from sklearn.metrics import get_scorer
from sklearn.model_selection import train_test_split
from sklearn.utils import _safe_indexing, check_random_state
from sklearn.utils.validation import _check_sample_weight

from clearprop.engines import Batch, Program
from clearprop.errors import ArgumentError, DataError, NonFiniteError
from clearprop.estimators.bookkeeping import HeldOut
from clearprop.estimators.hooks import Hooks
from clearprop.estimators.inference import FittedNetwork
from clearprop.estimators.options import CONSTRAINTS, build_graph, hidden_sizes, initialize, make_optimizer
from clearprop.estimators.rows import Names, column_names
from clearprop.estimators.solvers import Solvers
from clearprop.losses import Loss
from clearprop.network import Network
from clearprop.optimizers import LBFGS
from clearprop.training.data import warn_of_size

__all__ = ["BaseMLP"]

Array = Any
NON_FINITE = (
    "Solver produced non-finite parameter weights. The input data may contain large values and need to be preprocessed."
)


def set_parameters(model: BaseMLP, values: dict[str, Any]) -> None:
    """Store the arguments of a constructor, given as its ``locals()``, under their names."""
    for name in model._get_param_names():
        setattr(model, name, values[name])


def _product(first: Array | None, second: Array | None) -> Array | None:
    if first is None or second is None:
        return second if first is None else first
    return first * second


class BaseMLP(ABC, Solvers, FittedNetwork, CallbackSupportMixin, BaseEstimator):
    """Base of `MLPClassifier` and `MLPRegressor`."""

    _parameter_constraints: ClassVar[dict[str, Any]] = CONSTRAINTS

    random_state: Any
    warm_start: bool
    validation_fraction: float
    dtype: Any
    engine: str

    # ---- what the subclasses say

    @abstractmethod
    def _check_data(self, X: Any, y: Any, reset: bool, incremental: bool) -> tuple[Array, Array]:
        """Return checked X and the target as scikit-learn encodes it, shape (n, n_columns)."""

    @abstractmethod
    def _make_loss(self, y: Array) -> tuple[Loss, int]:
        """Return the loss and the number of outputs for a target that `_check_data` returned."""

    @abstractmethod
    def _target(self, y: Array) -> Array:
        """Return a target that `_check_data` returned as the loss takes it."""

    @abstractmethod
    def _original(self, y: Array) -> Array:
        """Return a target that `_check_data` returned as `score` takes it."""

    def _class_weights(self, y: Any, incremental: bool) -> Array | None:
        """Return the weight of each row's class, or None."""
        return None

    # ---- fitting

    def _fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        validation: tuple[Any, Any, Any],
        incremental: bool,
    ) -> BaseMLP:
        hidden_sizes(self)
        if isinstance(self.scoring, str) and self.scoring != "loss":
            get_scorer(self.scoring)  # an unknown name is an error now, not after the first epoch
        first = not hasattr(self, "network_") or (not self.warm_start and not incremental)
        given, labels = X, y
        X, y = self._check_data(X, y, reset=first, incremental=incremental)
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, X)
        class_weights = self._class_weights(labels, incremental)
        random_state = check_random_state(self.random_state)
        self._set_network(X, y, first, random_state)
        if X.dtype != self.network_.dtype:
            X = X.astype(self.network_.dtype)
        warn_of_size((X,), stacklevel=5)
        changes = self.solver == "sgd" and self.learning_rate != "constant"
        optimizer = make_optimizer(self, self._rate if changes else float(self.learning_rate_init))
        n_epochs = None if isinstance(optimizer, LBFGS) else self.max_iter
        hooks = Hooks(self, given, labels, incremental, n_epochs)
        weights = (sample_weight, class_weights)
        train, held_out = self._split(X, y, weights, validation, random_state, incremental)
        try:
            if isinstance(optimizer, LBFGS):
                self._fit_lbfgs(train, optimizer, hooks)
            else:
                self._start_curves(first)
                self._fit_stochastic(train, held_out, optimizer, random_state, incremental, hooks)
        except NonFiniteError as error:
            message = (
                f"{NON_FINITE} Training stopped in epoch {error.epoch}, batch {error.batch}, where '{error.node}' was "
                "not finite; the last finite parameters are kept. Scale X (and y), lower learning_rate_init, or clip "
                "the gradient with solver=clearprop.Adam(clip_norm=1.0)."
            )
            raise NonFiniteError(message, epoch=error.epoch, batch=error.batch, node=error.node) from error
        hooks.end(hooks.root)
        return self

    def _set_network(self, X: Array, y: Array, first: bool, random_state: Any) -> None:
        """Make the network, or on a warm start give the one there is the parameters that were changed since."""
        loss, n_outputs = self._make_loss(y)
        dtype = (X.dtype if self.dtype is None else self.dtype) if first else self.network_.dtype
        graph, penalty = build_graph(self, X.shape[1], n_outputs)
        program = Program(graph, loss, penalty, dtype=dtype)
        known = None if first else self.network_
        if known is not None and known.program == program:
            return
        network = Network.from_program(program, engine=self.engine)
        if known is None:
            initialize(self, network, random_state)
            self.t_ = 0
            self.n_outputs_ = n_outputs
            self.n_layers_ = len(hidden_sizes(self)) + 2
            self._state = None
        else:
            shapes, before = ({n: view.shape for n, view in net.parameters.items()} for net in (network, known))
            if shapes != before:
                raise ArgumentError(
                    f"a warm start cannot change the layers: the fitted network has {before}, the parameters now ask "
                    f"for {shapes}; set warm_start=False or restore them."
                )
            # share the vectors, so that the optimizer's state goes on
            network.vector, network.buffer_vector = known.vector, known.buffer_vector
        self.network_ = network

    def _split(
        self,
        X: Array,
        y: Array,
        weights: tuple[Array | None, Array | None],
        given: tuple[Any, Any, Any],
        random_state: Any,
        incremental: bool,
    ) -> tuple[Batch, HeldOut | None]:
        """Return rows for training, weighted also by class, and (rows, X, y) for validation where there are any."""
        weight = _product(*weights)
        X_val, y_val, weight_val = given
        if (X_val is None) != (y_val is None):
            raise DataError("X_val and y_val belong together; pass both or neither.")
        stochastic = self._is_stochastic()
        if X_val is not None:
            if not stochastic:
                raise ArgumentError("solver='lbfgs' takes no X_val and y_val; use solver='adam', or score afterwards.")
            original = y_val
            X_val, y_val = self._check_data(X_val, y_val, reset=False, incremental=True)
            if weight_val is not None:
                weight_val = _check_sample_weight(weight_val, X_val)
            return self._batch(X, y, weight), (self._batch(X_val, y_val, weight_val), X_val, original)
        if not (self.early_stopping and stochastic):
            return self._batch(X, y, weight), None
        if incremental:
            raise ArgumentError(
                "partial_fit does not support early_stopping=True without rows to validate on; pass X_val and y_val."
            )
        stratify = y if y.dtype == bool and y.shape[1] == 1 else None
        rows = numpy.arange(X.shape[0])
        kept, chosen = train_test_split(
            rows, random_state=random_state, test_size=self.validation_fraction, stratify=stratify
        )
        X, X_val, y, y_val = _safe_indexing(X, kept), _safe_indexing(X, chosen), y[kept], y[chosen]
        weight, weight_val = (None if part is None else part[at] for part, at in ((weight, kept), (weights[0], chosen)))
        if X_val.shape[0] < 2:
            raise DataError(
                "The validation set is too small. Increase 'validation_fraction' or the size of your dataset."
            )
        return self._batch(X, y, weight), (self._batch(X_val, y_val, weight_val), X_val, self._original(y_val))

    def _batch(self, X: Array, y: Array, weight: Array | None) -> Batch:
        X = X.tocsr() if scipy.sparse.issparse(X) else X
        return self.network_.batch(X, self._target(y), weight)

    def _network_rows(self, X: Any, y: Any) -> tuple[Array, Array]:
        X, y = self._check_data(X, y, reset=False, incremental=True)
        X = X.tocsr() if scipy.sparse.issparse(X) else X
        return X, self._target(y)

    def _input_names(self) -> Names:
        return column_names(self)

    def _snapshot(self) -> dict[str, Any]:
        """Return what a copy of the estimator needs to predict as it would now."""
        return {"network_": self.network_.copy()}

    def _is_stochastic(self) -> bool:
        return not isinstance(self.solver, LBFGS) and self.solver != "lbfgs"

    def _stochastic(self) -> bool:
        if not self._is_stochastic():
            raise AttributeError(
                f"partial_fit is only available for stochastic optimizers. {self.solver} is not stochastic."
            )
        return True

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
