"""A drop-in for `sklearn.neural_network.MLPRegressor`, and more."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy
from sklearn.base import RegressorMixin, _fit_context
from sklearn.callback import with_callbacks
from sklearn.utils import column_or_1d
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import validate_data

from clearprop.estimators.mlp import Array, BaseMLP, set_parameters
from clearprop.estimators.options import CONSTRAINTS, LOSSES, OUT_ACTIVATIONS
from clearprop.losses import Loss

__all__ = ["MLPRegressor"]


class MLPRegressor(RegressorMixin, BaseMLP):
    """Multi-layer perceptron for numbers, with scikit-learn's contract and results.

    Parameters up to `max_fun` are scikit-learn's, with its defaults; those behind it are clearprop's own.

    Parameters
    ----------
    loss : {"squared_error", "poisson", "absolute_error", "huber", "quantile"} or Loss, default="squared_error"
        What is minimised; any loss of `clearprop`, such as ``clearprop.Quantile(0.9)``, will do.
    hidden_layer_sizes : array-like of int, or int, default=(100,)
        Units of each hidden layer; ``()`` is a linear model.
    activation : str, Layer, or a list of one for each hidden layer, default="relu"
        "identity", "logistic", "tanh", "relu", or any other activation of clearprop in snake case ("gelu", "selu",
        "leaky_relu", ...), or a layer such as ``clearprop.LeakyReLU(0.2)``.
    solver : {"lbfgs", "sgd", "adam", "adamw", "rmsprop", "adagrad"} or Optimizer, default="adam"
        How the loss is minimised; an optimizer of clearprop brings its own learning rate and schedule.
    alpha : float, default=0.0001
        Strength of the L2 penalty, divided by the rows of the batch; for "adamw" the decoupled weight decay.
    batch_size : int or "auto", default="auto"
        Rows of an update; "auto" is min(200, n). "lbfgs" takes all rows.
    learning_rate : {"constant", "invscaling", "adaptive"}, default="constant"
        Schedule for "sgd".
    learning_rate_init : float, default=0.001
        Learning rate of the stochastic solvers.
    power_t : float, default=0.5
        Exponent of "invscaling".
    max_iter : int, default=200
        Epochs (iterations of "lbfgs") at most.
    shuffle : bool, default=True
        Whether each epoch has an order of its own.
    random_state : int, RandomState or None
        Seed of the initial parameters, the split, the order of rows, and dropout.
    tol : float, default=0.0001
        What counts as an improvement; for "lbfgs" the largest entry of the gradient at the end.
    verbose : bool, default=False
        Print the loss of each epoch.
    warm_start : bool, default=False
        Continue from the last fit, with the optimizer's state (scikit-learn forgets that state).
    momentum : float, default=0.9
        For "sgd".
    nesterovs_momentum : bool, default=True
        For "sgd".
    early_stopping : bool, default=False
        Stop when the validation score no longer improves, and restore the best parameters.
    validation_fraction : float, default=0.1
        Share of the rows to validate on, unless `fit` is given `X_val` and `y_val`.
    beta_1, beta_2, epsilon : float, default=0.9, 0.999, 1e-8
        For "adam" and "adamw" ("rmsprop" takes `beta_2` and `epsilon`).
    n_iter_no_change : int, default=10
        Epochs without improvement before training stops.
    max_fun : int, default=15000
        Evaluations of the loss at most, for "lbfgs".
    dropout : float in [0, 1), default=0.0
        Share of each hidden layer's outputs that is dropped in training.
    batch_norm : bool, default=False
        Whether each hidden layer normalizes its pre-activations over the batch.
    scoring : str, callable or None, default=None
        What early stopping watches: None is `score` (R^2), "loss" the validation loss, or a scikit-learn scorer.
    n_layers, n_units : int or None
        Depth and width as numbers, for tuners; where one is given it replaces `hidden_layer_sizes`.
    dtype : float32, float64 or None, default=None
        Type of all computation; None keeps that of X.
    engine : {"auto", "native", "array"}, default="auto"
        What computes.

    Attributes
    ----------
    network_ : Network
        The fitted network; `coefs_` and `intercepts_` are views of its parameters.
    loss_, best_loss_, loss_curve_ : float, float or None, list of float
        The objective at the end, the best one, and after each epoch.
    validation_scores_, best_validation_score_, validation_loss_curve_ : list, float, list, or None
        With early stopping or `X_val`: scores, the best score, and the loss after each epoch.
    stopped_ : bool
        Whether the last fit ended because nothing improved any more (stochastic solvers).
    n_iter_, t_, n_layers_, n_outputs_, out_activation_, n_features_in_, feature_names_in_
        As in scikit-learn.

    Examples
    --------
    >>> import clearprop as cp
    >>> X, y = [[0.0], [1.0], [2.0], [3.0]], [1.0, 3.0, 5.0, 7.0]
    >>> model = cp.MLPRegressor(hidden_layer_sizes=(), solver="lbfgs", alpha=0.0, random_state=0).fit(X, y)
    >>> model.predict([[10.0]]).round(3).tolist()
    [21.0]
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {**CONSTRAINTS, "loss": [StrOptions(set(LOSSES)), Loss]}

    def __init__(
        self,
        loss: Any = "squared_error",
        hidden_layer_sizes: Any = (100,),
        activation: Any = "relu",
        *,
        solver: Any = "adam",
        alpha: float = 0.0001,
        batch_size: Any = "auto",
        learning_rate: str = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: Any = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float = 10,
        max_fun: int = 15_000,
        dropout: float = 0.0,
        batch_norm: bool = False,
        scoring: Any = None,
        n_layers: int | None = None,
        n_units: int | None = None,
        dtype: Any = None,
        engine: str = "auto",
    ) -> None:
        set_parameters(self, locals())

    def _check_data(self, X: Any, y: Any, reset: bool, incremental: bool) -> tuple[Array, Array]:
        X, y = validate_data(
            self,
            X,
            y,
            accept_sparse=["csr", "csc"],
            multi_output=True,
            y_numeric=True,
            dtype=(numpy.float64, numpy.float32),
            reset=reset,
        )
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        return X, y.reshape(len(y), -1)

    def _make_loss(self, y: Array) -> tuple[Loss, int]:
        loss = LOSSES[self.loss] if isinstance(self.loss, str) else self.loss
        self.out_activation_ = OUT_ACTIVATIONS.get(type(loss), "identity")
        return loss, y.shape[1]

    def _target(self, y: Array) -> Array:
        return y

    def _original(self, y: Array) -> Array:
        return y

    def _from_prediction(self, prediction: Array) -> Array:
        return prediction.ravel() if self.n_outputs_ == 1 else prediction

    @with_callbacks
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
    ) -> MLPRegressor:
        """Fit the network to X and y.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, n_features)
            Rows.
        y : array-like of shape (n,) or (n, n_outputs)
            Numbers.
        sample_weight : array-like of shape (n,) or None
            Weights of the rows.
        X_val, y_val, sample_weight_val : array-like or None
            Rows to validate on after each epoch, in place of a share of X; without `early_stopping` they are watched
            and nothing else.

        Returns
        -------
        MLPRegressor
            Itself, fitted.
        """
        self._fit(X, y, sample_weight, (X_val, y_val, sample_weight_val), incremental=False)
        return self

    @available_if(lambda model: model._stochastic())
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
    ) -> MLPRegressor:
        """Run one epoch over X and y, continuing from what is fitted; the arguments are those of `fit`."""
        self._fit(X, y, sample_weight, (X_val, y_val, sample_weight_val), incremental=True)
        return self
