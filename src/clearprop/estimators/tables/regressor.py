"""Numbers from the rows of any table."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy
from sklearn.base import RegressorMixin, _fit_context
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.validation import check_array

from clearprop.estimators.tables.estimator import TableEstimator
from clearprop.estimators.tables.target import OBJECTIVES, NumberTarget

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
        validated on other rows, whose predictions are averaged.
    objective : {"squared_error", "absolute_error", "poisson"}, default="squared_error"
        What is predicted: the mean, the median, or the mean of a count.
    categorical_features : array-like of str, int or bool, or None
        Columns whose numbers are names of categories, by name, place or mask.
    time_limit : float > 0 or None
        Seconds after which training ends with the best so far.
    random_state : int, RandomState instance or None
        Seed of split, initial weights, order and noise: the same one and the same data give the same bits.
    verbose : bool, default=False
        Whether to show a progress bar, on a terminal only.

    Attributes
    ----------
    preprocessing_ : Preprocessing
        How the columns become the inputs of the networks.
    members_ : list of Member
        The networks (``members_[0].network``), the rows that each was validated on, and its learning curve.
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

    References
    ----------
    Holzmueller et al. (2024), "Better by default: strong pre-tuned MLPs and boosted trees on tabular data".
    """

    target_: NumberTarget

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **TableEstimator._parameter_constraints,
        "objective": [StrOptions(set(OBJECTIVES))],
    }

    def __init__(
        self,
        preset: Any = "balanced",
        *,
        objective: str = "squared_error",
        categorical_features: Any = None,
        time_limit: float | None = None,
        random_state: Any = None,
        verbose: Any = False,
    ) -> None:
        self.preset = preset
        self.objective = objective
        self.categorical_features = categorical_features
        self.time_limit = time_limit
        self.random_state = random_state
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit preprocessing and networks to X and y.

        Parameters
        ----------
        X : data frame, or array-like of shape (n, n_features)
            Rows.
        y : array-like of shape (n,) or (n, n_outputs)
            Numbers.
        sample_weight : array-like of shape (n,) or None
            Weights of the rows.

        Returns
        -------
        Regressor
            Itself, fitted.
        """
        table, y, weight = self._rows(X, y, sample_weight)
        self._one_column = y.ndim == 1
        y = check_array(y.reshape(len(y), -1), dtype=numpy.float64, input_name="y")
        self.target_ = NumberTarget.fit(y, weight, self.objective)
        return self._fit(table, self.target_.encode(y).astype(numpy.float32), weight, None)

    def predict(self, X: Any) -> Array:
        """Return the mean prediction of the networks, within the range of the target in training."""
        mean = self._mean_prediction(X)
        prediction = self.target_.decode(mean)
        return prediction[:, 0] if self._one_column else prediction
