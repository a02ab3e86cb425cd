"""Classification of the rows of any table."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real
from typing import Any, ClassVar, Self

import numpy
from sklearn.base import ClassifierMixin, _fit_context
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.class_weight import compute_class_weight, compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets, type_of_target

from clearprop.errors import ArgumentError, DataError
from clearprop.estimators.tables.estimator import TableEstimator
from clearprop.estimators.tables.measures import measure_classes, measure_labels
from clearprop.estimators.tables.target import ClassTarget
from clearprop.estimators.tables.training import HeldOut
from clearprop.validation import show

__all__ = ["Classifier"]

Array = Any


class Classifier(ClassifierMixin, TableEstimator):
    """Classes from the rows of any table, without tuning.

    The table may hold numbers, booleans, categories, texts and dates, in any units and with gaps: a data frame of
    pandas, polars or pyarrow, or an array. What becomes of each column is told by ``preprocessing_.summary()``. The
    networks are those of RealMLP (Holzmueller et al. 2024).

    Parameters
    ----------
    preset : {"fast", "balanced", "best"} or Recipe, default="balanced"
        How much time to spend: one network by a small recipe; four, or ten, by the full recipe of RealMLP, each
        validated on other rows, whose predictions are averaged. Fewer than 1,000 rows get more
        epochs, more than 16,384 fewer.
    objective : {"error", "probability"}, default="error"
        What matters: few wrong classes, or probabilities that can be relied upon (no label smoothing; the epoch is
        chosen by the log loss).
    class_weight : "balanced", mapping of class to weight, or None
        Weights of the classes, as in scikit-learn.
    categorical_features : array-like of str, int or bool, or None
        Columns whose numbers are names of categories, by name, place or mask.
    time_limit : float > 0 or None
        Seconds after which training ends with the best so far.
    random_state : int, RandomState instance or None
        Seed of split, initial weights, order and noise: the same one and the same data give the same bits.
    verbose : bool, default=False
        Whether to show on standard error how far training is: a bar on a terminal, else a line every ten seconds.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The classes, sorted. Where y is a matrix of 0 and 1, its columns: labels that do not exclude one another.
    preprocessing_ : Preprocessing
        How the columns become the inputs of the networks.
    members_ : list of Member
        The networks (``members_[0].network``), the rows that each was validated on, and its learning curve.
    recipe_ : Recipe
        How they were built and trained.
    validation_metrics_ : dict of str to float
        How good the model is on the rows that it was validated on, each predicted by networks that have not learned
        from it. They chose the epochs, so it is a little worse on other rows.
    n_features_in_, feature_names_in_
        As in scikit-learn.

    Examples
    --------
    >>> import pandas
    >>> import clearprop as cp
    >>> table = pandas.DataFrame({"size": [1.0, None, 8.0, 9.0] * 5, "colour": ["red", "red", "blue", "red"] * 5})
    >>> model = cp.Classifier(preset="fast", random_state=0).fit(table, ["small", "small", "large", "large"] * 5)
    >>> model.predict(pandas.DataFrame({"size": [2.0, 7.0], "colour": ["red", "green"]})).tolist()
    ['small', 'large']

    References
    ----------
    Holzmueller et al. (2024), "Better by default: strong pre-tuned MLPs and boosted trees on tabular data".
    """

    target_: ClassTarget

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **TableEstimator._parameter_constraints,
        "objective": [StrOptions({"error", "probability"})],
        "class_weight": [StrOptions({"balanced"}), dict, None],
    }

    def __init__(
        self,
        preset: Any = "balanced",
        *,
        objective: str = "error",
        class_weight: Any = None,
        categorical_features: Any = None,
        time_limit: float | None = None,
        random_state: Any = None,
        verbose: Any = False,
    ) -> None:
        self.preset = preset
        self.objective = objective
        self.class_weight = class_weight
        self.categorical_features = categorical_features
        self.time_limit = time_limit
        self.random_state = random_state
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, sample_weight: Any = None, X_val: Any = None, y_val: Any = None) -> Self:
        """Fit preprocessing and networks to X and y.

        Parameters
        ----------
        X : data frame, or array-like of shape (n, n_features)
            Rows.
        y : array-like of shape (n,), or (n, n_labels) of 0 and 1
            The class of each row, of any type that can be sorted; or its labels.
        sample_weight : array-like of shape (n,) or None
            Weights of the rows.
        X_val, y_val : like X and y, or None
            Rows that all networks are validated on; by default each is validated on its share of X.

        Returns
        -------
        Classifier
            Itself, fitted.
        """
        table, y, weight = self._rows(X, y, sample_weight)
        if y.dtype != object or not all(isinstance(label, Real) for label in y):  # numbers that are objects are labels
            check_classification_targets(y)
        several = type_of_target(y) == "multilabel-indicator"
        if several:
            codes = y
            self.classes_ = numpy.arange(codes.shape[1])
        else:
            self.classes_, codes = numpy.unique(y, return_inverse=True)
            if len(self.classes_) < 2:
                only = show(self.classes_.tolist()[0])
                among = "" if sample_weight is None else " among the rows that have a weight"
                raise DataError(f"y holds one class, {only}{among}; a classifier needs two or more.")
        self.target_ = ClassTarget(tuple(self.classes_.tolist()), several, self.objective == "probability")
        others = self._validation_rows(X_val, y_val, y)
        validation = None
        if others is not None:
            other, y_val = others
            validation = other, self._encode(y_val), None
        if self.class_weight is not None:
            if others is not None:
                chosen, factors = self._weighted(y_val, y, "y_val")
                validation = other.take(chosen), self._encode(y_val[chosen]), factors
            chosen, factors = self._weighted(y, y, "y")
            table, y, codes = table.take(chosen), y[chosen], codes[chosen]
            weight = factors if weight is None else weight[chosen] * factors
        return self._fit(table, self._encode(y), weight, None if several else codes, validation)

    def _encode(self, y: Any, name: str = "y_val") -> Array:
        """Return the place of each row's class in `classes_`, or its labels."""
        if self.target_.several:
            if not numpy.isin(y, (0, 1)).all():
                raise DataError(f"{name} must hold labels, 0 or 1, as in training; got other numbers.")
            return y.astype(numpy.float32)
        unknown = numpy.setdiff1d(y, self.classes_)
        if unknown.size:
            raise DataError(
                f"{name} holds {show(unknown.tolist()[0])}, which is no class in y of training; leave its rows out."
            )
        return numpy.searchsorted(self.classes_, y)

    def _weighted(self, y: Any, trained: Any, name: str) -> tuple[Array, Array]:
        """Return the rows to which `class_weight`, by what the training rows are, gives a weight, and these weights."""
        if not self.target_.several:
            factors = compute_class_weight(self.class_weight, classes=self.classes_, y=trained)[self._encode(y)]
        elif isinstance(self.class_weight, dict):
            raise ArgumentError(
                "Classifier: class_weight must be 'balanced' or None for labels that do not exclude one another, got a "
                "mapping; use sample_weight."
            )
        else:
            factors = compute_sample_weight("balanced", y)
        chosen = numpy.flatnonzero(factors)
        if not chosen.size:
            raise DataError(f"class_weight gives every row of {name} the weight 0; give one of its classes more.")
        return chosen, factors[chosen]

    def _own_state(self) -> dict[str, Any]:
        return {"classes_dtype": self.classes_.dtype.str}

    def _set_own_state(self, state: Mapping[str, Any], arrays: Mapping[str, Array]) -> None:
        dtype = numpy.dtype(state["classes_dtype"])
        self.classes_ = numpy.array(self.target_.labels, dtype=dtype)
        if dtype.kind not in "biufUO" or self.classes_.tolist() != list(self.target_.labels):
            raise ValueError(f"classes of type {dtype} are {show(self.target_.labels)}")

    def _learn_from_held_out(self, rows: HeldOut) -> None:
        self.target_ = self.target_.calibrate(rows.scores, rows.y, rows.weight)
        measure = measure_labels if self.target_.several else measure_classes
        self.validation_metrics_ = measure(self.target_.mean_prediction(rows.scores), rows.y, rows.weight)

    def predict_proba(self, X: Any) -> Array:
        """Return probabilities, shape (n, n_classes), in the order of `classes_`.

        They are means over the networks, whose scores are divided by a temperature that fits the held-out rows.
        """
        return self._mean_prediction(X)

    def predict(self, X: Any) -> Array:
        """Return the most probable class of each row, or all labels with a probability above 1/2."""
        p = self._mean_prediction(X)
        if self.target_.several:
            return (p > 0.5).astype(int)
        return self.classes_[p.argmax(axis=1)]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
