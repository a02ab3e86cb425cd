"""Numbers from the rows of any table."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from numbers import Real
from typing import Any, ClassVar, Self

import numpy
from sklearn.base import RegressorMixin, _fit_context
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_array

from clearprop.errors import ArgumentError, DataError
from clearprop.estimators.tables.estimator import TableEstimator
from clearprop.estimators.tables.intervals import conformity_scores, interval
from clearprop.estimators.tables.measures import measure_numbers, measure_quantiles
from clearprop.estimators.tables.target import OBJECTIVES, NumberTarget
from clearprop.estimators.tables.training import HeldOut
from clearprop.validation import show

__all__ = ["Regressor"]

Array = Any


class Regressor(RegressorMixin, TableEstimator):
    """Numbers from the rows of any table, without tuning.

    Tables, preprocessing and networks are those of `Classifier`. The target is standardised for the networks, and no
    prediction leaves the range that it had in training.

    Parameters
    ----------
    preset : {"fast", "balanced", "best"} or Recipe, default="balanced"
        How much time to spend: one network by a small recipe; four, or ten, by the full recipe of RealMLP, each
        validated on other rows, whose predictions are averaged. Fewer than 1,000 rows get more
        epochs, more than 16,384 fewer.
    objective : {"squared_error", "absolute_error", "poisson", "quantile"}, default="squared_error"
        What is predicted: the mean, the median, the mean of a count, or quantiles.
    quantile : float in (0, 1), sequence of them in ascending order, or None
        The quantiles, where they are the objective.
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
    preprocessing_ : Preprocessing
        How the columns become the inputs of the networks.
    members_ : list of Member
        The networks (``members_[0].network``), the rows that each was validated on, and its learning curve.
    recipe_ : Recipe
        How they were built and trained.
    validation_metrics_ : dict of str to float
        How good the model is on the rows that it was validated on, each predicted by networks that have not learned
        from it. They chose the epochs, so it is a little worse on other rows.
    conformity_scores_ : ndarray of shape (n_held_out, n_outputs)
        How far the held-out rows lie from their predictions, in ascending order: what `predict_interval` reads.
    conformity_counts_ : ndarray of shape (n_held_out, n_outputs)
        How many rows, by their weights, lie no farther.
    n_features_in_, feature_names_in_
        As in scikit-learn.

    Examples
    --------
    >>> import numpy
    >>> import clearprop as cp
    >>> X = numpy.linspace(0.0, 1.0, 200)[:, None]
    >>> model = cp.Regressor(preset="fast", random_state=0).fit(X, 1e6 * X[:, 0])
    >>> bool(abs(model.predict([[0.5]])[0] - 5e5) < 2e4)
    True
    >>> low, high = model.predict_interval([[0.5]], coverage=0.9)[0]
    >>> bool(low < 5e5 < high)
    True

    References
    ----------
    Holzmueller et al. (2024), "Better by default: strong pre-tuned MLPs and boosted trees on tabular data".
    """

    target_: NumberTarget

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **TableEstimator._parameter_constraints,
        "objective": [StrOptions(set(OBJECTIVES))],
        "quantile": [Interval(Real, 0, 1, closed="neither"), "array-like", None],
    }

    def __init__(
        self,
        preset: Any = "balanced",
        *,
        objective: str = "squared_error",
        quantile: Any = None,
        categorical_features: Any = None,
        time_limit: float | None = None,
        random_state: Any = None,
        verbose: Any = False,
    ) -> None:
        self.preset = preset
        self.objective = objective
        self.quantile = quantile
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
        y : array-like of shape (n,) or (n, n_outputs)
            Numbers.
        sample_weight : array-like of shape (n,) or None
            Weights of the rows.
        X_val, y_val : like X and y, or None
            Rows that all networks are validated on; by default each is validated on its share of X.

        Returns
        -------
        Regressor
            Itself, fitted.
        """
        table, y, weight = self._rows(X, y, sample_weight)
        self._one_column = y.ndim == 1
        self.target_ = NumberTarget.fit(_numbers(y), weight, self.objective, self._quantiles())
        others = self._validation_rows(X_val, y_val, y)
        if others is not None and self.objective == "poisson" and others[1].min() < 0:
            raise DataError(f"objective='poisson' needs y_val >= 0, got {others[1].min():g}.")
        validation = None if others is None else (others[0], self._encode(others[1]), None)
        return self._fit(table, self._encode(y), weight, None, validation)

    def _encode(self, y: Any, name: str = "y_val") -> Array:
        """Return the scaled numbers, a column an output."""
        return self.target_.encode(_numbers(y)).astype(numpy.float32)

    def _own_state(self) -> dict[str, Any]:
        return {"one_column": self._one_column}

    def _own_arrays(self) -> dict[str, Array]:
        return {"conformity_scores": self.conformity_scores_, "conformity_counts": self.conformity_counts_}

    def _set_own_state(self, state: Mapping[str, Any], arrays: Mapping[str, Array]) -> None:
        self._one_column = state["one_column"]
        scores, counts = arrays["conformity_scores"], arrays["conformity_counts"]
        if not isinstance(self._one_column, bool) or (self._one_column and len(self.target_.mean) > 1):
            raise ValueError(f"one_column is {self._one_column!r}")
        if scores.dtype != numpy.float64 or scores.ndim != 2 or scores.shape[1] != len(self.target_.mean):
            raise ValueError(f"the conformity scores are {show(scores)}")
        if counts.dtype != numpy.float64 or counts.shape != scores.shape:
            raise ValueError(f"the conformity counts are {show(counts)}")
        self.conformity_scores_, self.conformity_counts_ = scores, counts

    def _quantiles(self) -> tuple[float, ...]:
        """Return the quantiles to predict, none unless they are the objective."""
        if self.objective != "quantile":
            if self.quantile is not None:
                raise ArgumentError(
                    f"Regressor: quantile={show(self.quantile)} needs objective='quantile', got '{self.objective}'."
                )
            return ()
        levels = numpy.ravel([] if self.quantile is None else self.quantile).tolist()
        if not levels or any(low >= high for low, high in pairwise(levels)):
            raise ArgumentError(
                "Regressor: objective='quantile' needs quantile=0.9, or several in ascending order such as "
                f"[0.05, 0.5, 0.95]; got {show(self.quantile)}."
            )
        return tuple(levels)

    def _learn_from_held_out(self, rows: HeldOut) -> None:
        prediction = self.target_.decode(self.target_.mean_prediction(rows.scores))
        y = self.target_.unscale(rows.y[:, : len(self.target_.mean)].astype(numpy.float64))
        found = conformity_scores(self.target_, prediction, y, rows.weight)
        self.conformity_scores_, self.conformity_counts_ = found
        self.validation_metrics_ = (
            measure_quantiles(prediction, y, self.target_.quantiles, rows.weight)
            if self.target_.quantiles
            else measure_numbers(prediction, y, rows.weight)
        )

    def predict(self, X: Any) -> Array:
        """Return the mean prediction of the networks, within the range of the target in training.

        Returns
        -------
        array of shape (n,), (n, n_outputs) or (n, n_quantiles)
            float64. Of several quantiles a column each.
        """
        mean = self._mean_prediction(X)
        prediction = self.target_.decode(mean)
        return prediction[:, 0] if self._one_column and prediction.shape[1] == 1 else prediction

    def predict_interval(self, X: Any, coverage: float = 0.9) -> Array:
        """Return intervals that hold the true value with a given probability.

        They reach as far from the prediction as the held-out rows of training ask for. That makes them right on average
        for rows that come from where those of training came from. Few held-out rows make intervals too narrow, since
        they have also chosen the epoch: intervals of 90 % held 85 % with tables of 60 rows, and 88 % with 200.

        With ``objective="quantile"`` and two or more quantiles, intervals are wide where the values spread; else all
        have the same width (counts: of their roots).

        Parameters
        ----------
        X : data frame, or array-like of shape (n, n_features)
            Rows.
        coverage : float in (0, 1), default=0.9
            The probability.

        Returns
        -------
        array of shape (n, 2), or (n, n_outputs, 2) where several numbers are predicted
            Lower and upper ends, float64.

        Raises
        ------
        DataError
            If there are too few held-out rows for that coverage.

        References
        ----------
        Lei et al. (2018), "Distribution-free predictive inference for regression"; Romano et al. (2019),
        "Conformalized quantile regression".
        """
        mean = self._mean_prediction(X)
        prediction = self.target_.decode(mean)
        ends = interval(self.target_, prediction, self.conformity_scores_, self.conformity_counts_, coverage)
        return ends[:, 0] if self._one_column else ends


def _numbers(y: Any) -> Array:
    """Return a checked target as a matrix of numbers."""
    return check_array(y.reshape(len(y), -1), dtype=numpy.float64, input_name="y")
