"""A drop-in for `sklearn.neural_network.MLPClassifier`, and more."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy
import scipy.sparse
import scipy.special
from sklearn.base import ClassifierMixin, _fit_context
from sklearn.callback import with_callbacks
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils import column_or_1d, compute_sample_weight
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import (
    _check_partial_fit_first_call,
    check_classification_targets,
    type_of_target,
    unique_labels,
)
from sklearn.utils.validation import validate_data

from clearprop.errors import ArgumentError, DataError
from clearprop.estimators.mlp import Array, BaseMLP, set_parameters
from clearprop.estimators.options import CONSTRAINTS, OUT_ACTIVATIONS
from clearprop.losses import BinaryCrossEntropy, CrossEntropy, Hinge, KLDivergence, Loss

__all__ = ["MLPClassifier"]

EXCLUSIVE = (CrossEntropy, KLDivergence, Hinge)  # losses for exactly one class a row


class MLPClassifier(ClassifierMixin, BaseMLP):
    """Multi-layer perceptron for classes, with scikit-learn's contract and results.

    Parameters up to `max_fun` are scikit-learn's, with its defaults; those behind it are clearprop's own.

    Parameters
    ----------
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
    loss : {"log_loss", "hinge"} or Loss, default="log_loss"
        "log_loss" is the cross-entropy: with a sigmoid for two classes and for independent labels, with a softmax for
        more classes. Any loss of clearprop will do, such as ``clearprop.CrossEntropy(label_smoothing=0.1)``; those
        without probabilities leave out `predict_proba`.
    class_weight : "balanced", dict, list of dict, or None, default=None
        Weights of the classes, as in scikit-learn's other classifiers; rows to validate on are not reweighted.
    dropout : float in [0, 1), default=0.0
        Share of each hidden layer's outputs that is dropped in training.
    batch_norm : bool, default=False
        Whether each hidden layer normalizes its pre-activations over the batch.
    scoring : str, callable or None, default=None
        What early stopping watches: None is `score` (accuracy), "loss" the validation loss, or a scikit-learn scorer.
    n_layers, n_units : int or None
        Depth and width as numbers, for tuners; where one is given it replaces `hidden_layer_sizes`.
    dtype : float32, float64 or None, default=None
        Type of all computation; None keeps that of X.
    engine : {"auto", "native", "array"}, default="auto"
        What computes.

    Attributes
    ----------
    classes_ : array of shape (n_classes,)
        The classes, in the order of the columns of `predict_proba`.
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

    Notes
    -----
    The cross-entropy is exact. scikit-learn clips probabilities at the machine epsilon before the logarithm, so where
    outputs saturate (often a sign of inputs that were not scaled) the loss it reports, and stops by, is smaller.

    Examples
    --------
    >>> import clearprop as cp
    >>> X, y = [[0, 0], [0, 1], [1, 0], [1, 1]], ["no", "yes", "yes", "no"]
    >>> model = cp.MLPClassifier(8, "tanh", solver="lbfgs", random_state=0).fit(X, y)
    >>> model.predict(X).tolist()
    ['no', 'yes', 'yes', 'no']
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **CONSTRAINTS,
        "loss": [StrOptions({"log_loss", "hinge"}), Loss],
        "class_weight": [StrOptions({"balanced"}), dict, list, None],
    }

    def __init__(
        self,
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
        loss: Any = "log_loss",
        class_weight: Any = None,
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
            dtype=(numpy.float64, numpy.float32),
            reset=reset,
        )
        check_classification_targets(y)
        if y.ndim == 2 and y.shape[1] == 1 and not scipy.sparse.issparse(y):
            y = column_or_1d(y, warn=True)
        if not hasattr(self, "classes_") or (not self.warm_start and not incremental):
            self._label_binarizer = LabelBinarizer().fit(y)
            self.classes_ = self._label_binarizer.classes_
        else:
            self._check_classes(unique_labels(y), incremental)
        encoded = self._label_binarizer.transform(y)
        encoded = encoded.toarray() if scipy.sparse.issparse(encoded) else encoded
        return X, encoded.astype(bool)

    def _check_classes(self, classes: Array, incremental: bool) -> None:
        if self.warm_start and not incremental and set(classes) != set(self.classes_):
            raise DataError(
                "warm_start can only be used where `y` has the same classes as in the previous call to fit. "
                f"Previously got {self.classes_}, `y` has {classes}"
            )
        if len(numpy.setdiff1d(classes, self.classes_, assume_unique=True)):
            raise DataError(
                f"`y` has classes not in `self.classes_`. `self.classes_` has {self.classes_}. 'y' has {classes}."
            )

    def _make_loss(self, y: Array) -> tuple[Loss, int]:
        kind, n_columns = self._label_binarizer.y_type_, y.shape[1]
        loss = self.loss
        if isinstance(loss, str):
            plain = CrossEntropy() if kind == "multiclass" else BinaryCrossEntropy()
            loss = Hinge() if loss == "hinge" else plain
        if kind.startswith("multilabel") and isinstance(loss, EXCLUSIVE):
            raise ArgumentError(
                f"{type(loss).__name__} is for one class a row, but y holds several labels a row; use loss='log_loss'."
            )
        if n_columns == 1 and isinstance(loss, CrossEntropy | KLDivergence):
            n_columns = 2
        self.out_activation_ = OUT_ACTIVATIONS.get(type(loss), "identity")
        return loss, n_columns

    def _target(self, y: Array) -> Array:
        loss = self.network_.loss_function
        if isinstance(loss, CrossEntropy | Hinge):
            return y[:, 0].astype(numpy.int64) if y.shape[1] == 1 else y.argmax(axis=1)
        if isinstance(loss, KLDivergence) and y.shape[1] == 1:
            return numpy.hstack([~y, y])
        return y

    def _original(self, y: Array) -> Array:
        return self._label_binarizer.inverse_transform(y)

    def _class_weights(self, y: Any, incremental: bool) -> Array | None:
        if self.class_weight is None:
            return None
        if incremental and self.class_weight == "balanced":
            raise ArgumentError(
                "class_weight='balanced' is not supported by partial_fit, which sees the rows piece by piece; use "
                "sample_weight, or a dict with the weights of all classes."
            )
        weights = compute_sample_weight(self.class_weight, y)
        if (weights < 0).any():
            raise ArgumentError(f"class_weight must hold numbers >= 0, got {self.class_weight}.")
        return weights

    def _from_prediction(self, prediction: Array) -> Array:
        if isinstance(self.network_.loss_function, Hinge) and self.n_outputs_ == 1:
            prediction = (prediction > 0).astype(prediction.dtype)
        if self._label_binarizer.y_type_.startswith("multilabel"):
            return self._label_binarizer.inverse_transform(prediction)
        if self.n_outputs_ == 1:
            last = len(self.classes_) - 1  # 0 where all rows were of one class
            return self.classes_[numpy.minimum(prediction[:, 0] > 0.5, last)]
        return self.classes_[prediction.argmax(axis=1)]

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
    ) -> MLPClassifier:
        """Fit the network to X and y.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, n_features)
            Rows.
        y : array-like of shape (n,), or indicator matrix of shape (n, n_labels)
            Classes of any kind, or labels that do not exclude each other.
        sample_weight : array-like of shape (n,) or None
            Weights of the rows.
        X_val, y_val, sample_weight_val : array-like or None
            Rows to validate on after each epoch, in place of a share of X; without `early_stopping` they are watched
            and nothing else.

        Returns
        -------
        MLPClassifier
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
        classes: Any = None,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
    ) -> MLPClassifier:
        """Run one epoch over X and y, continuing from what is fitted.

        Parameters
        ----------
        X, y, sample_weight, X_val, y_val, sample_weight_val
            As for `fit`.
        classes : array-like of shape (n_classes,) or None
            All classes that will ever come; required in the first call.
        """
        if _check_partial_fit_first_call(self, classes):
            labels = y if type_of_target(y).startswith("multilabel") else classes
            self._label_binarizer = LabelBinarizer().fit(labels)
        self._fit(X, y, sample_weight, (X_val, y_val, sample_weight_val), incremental=True)
        return self

    def _has_probabilities(self) -> bool:
        loss = self.network_.loss_function if hasattr(self, "network_") else self.loss
        if loss == "log_loss" or isinstance(loss, BinaryCrossEntropy | CrossEntropy | KLDivergence):
            return True
        raise AttributeError(f"loss={self.loss!r} has no probabilities; use loss='log_loss'.")

    def _has_no_probabilities(self) -> bool:
        try:
            return not self._has_probabilities()
        except AttributeError:
            return True

    @available_if(_has_probabilities)
    def predict_proba(self, X: Any) -> Array:
        """Return the probability of each class, in the order of `classes_`, shape (n, n_classes)."""
        scores = self._scores(X)
        if self._label_binarizer.y_type_ == "multiclass" and self.out_activation_ == "logistic":
            return scipy.special.softmax(scipy.special.log_expit(scores), axis=1)  # one against all the others
        probability = self.network_.loss_function.prediction(numpy, scores)
        if self.n_outputs_ == 1:
            return numpy.hstack([1 - probability, probability])
        return probability

    @available_if(_has_probabilities)
    def predict_log_proba(self, X: Any) -> Array:
        """Return the logarithm of `predict_proba`."""
        probability = self.predict_proba(X)
        with numpy.errstate(divide="ignore"):
            return numpy.log(probability, out=probability)

    @available_if(_has_no_probabilities)
    def decision_function(self, X: Any) -> Array:
        """Return the scores, for losses without probabilities; shape (n,) for two classes, else (n, n_classes)."""
        scores = self._scores(X)
        return scores.ravel() if self.n_outputs_ == 1 else scores

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
