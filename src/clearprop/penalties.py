"""Penalties that are added to the loss, and constraints that hold after an update; on weights only, never on biases."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from clearprop.config import Configurable
from clearprop.validation import check_bool, check_real

__all__ = ["L1", "L2", "Constraint", "ElasticNet", "MaxNorm", "Penalty"]


@dataclass(frozen=True)
class Penalty(Configurable):
    """Base of all penalties: what is added to the loss for the weights w.

    w is an array of any shape in the network's dtype, the value a scalar, the gradient of the shape of w. A network
    penalises its weights only, never biases.

    Parameters
    ----------
    strength : float >= 0
        How much the penalty counts.
    per_row : bool, default=False
        Divide the strength by the sum of the batch's weights (the number of its rows), as scikit-learn's MLP does;
        the objective is then (sum of losses + penalty) / rows.

    Raises
    ------
    ArgumentError
        For arguments outside these ranges.

    Examples
    --------
    >>> import clearprop as cp
    >>> unit = cp.Dense(1, initializer=cp.Constant(2.0))
    >>> for penalty in (cp.L2(0.5), cp.L2(0.5, per_row=True)):  # scores 0, so the loss is the penalty alone
    ...     print(cp.Network([unit], inputs=1, penalty=penalty).loss([[0.0], [0.0]], [0.0, 0.0]))
    1.0
    0.5
    """

    strength: float
    per_row: bool = field(default=False, kw_only=True)

    def __post_init__(self) -> None:
        check_real(type(self).__name__, "strength", self.strength, low=0.0)
        check_bool(type(self).__name__, "per_row", self.per_row)

    def value(self, xp: Any, w: Any) -> Any:
        """Return the penalty of the weights `w`, a scalar."""
        raise NotImplementedError

    def gradient(self, xp: Any, w: Any) -> Any:
        """Return the derivative of the penalty, of the shape of `w`."""
        raise NotImplementedError


@dataclass(frozen=True)
class L2(Penalty):
    """strength / 2 * sum w^2: a Gaussian prior on the weights.

    The factor 1/2 makes the gradient strength * w, the same as ``alpha`` in scikit-learn (there ``per_row``) and
    ``weight_decay`` in ``torch.optim.SGD``. Keras' L2 has no 1/2.

    Parameters
    ----------
    strength, per_row
        As in `Penalty`.

    Examples
    --------
    >>> import numpy
    >>> float(L2(0.5).value(numpy, numpy.array([[1.0, 2.0]])))
    1.25
    >>> L2(0.5).gradient(numpy, numpy.array([[1.0, 2.0]])).tolist()
    [[0.5, 1.0]]

    References
    ----------
    Hoerl and Kennard (1970), "Ridge regression"; Krogh and Hertz (1992), "A simple weight decay can improve
    generalization".
    """

    def value(self, xp: Any, w: Any) -> Any:
        """Return strength / 2 * sum w^2."""
        return 0.5 * self.strength * xp.sum(w * w)

    def gradient(self, xp: Any, w: Any) -> Any:
        """Return strength * w."""
        return self.strength * w


@dataclass(frozen=True)
class L1(Penalty):
    """strength * sum |w|: a Laplace prior on the weights; the gradient is strength * sign(w), 0 at 0.

    It pulls every weight to 0 with the same force. Steps of gradient descent cross 0 rather than stay there, so weights
    become small, but seldom exactly 0.

    Parameters
    ----------
    strength, per_row
        As in `Penalty`.

    Examples
    --------
    >>> import numpy
    >>> import clearprop as cp
    >>> w = numpy.array([[1.0, 0.0, -2.0]])
    >>> float(cp.L1(0.5).value(numpy, w)), cp.L1(0.5).gradient(numpy, w).tolist()
    (1.5, [[0.5, 0.0, -0.5]])

    References
    ----------
    Tibshirani (1996), "Regression shrinkage and selection via the lasso".
    """

    def value(self, xp: Any, w: Any) -> Any:
        """Return strength * sum |w|."""
        return self.strength * xp.sum(xp.abs(w))

    def gradient(self, xp: Any, w: Any) -> Any:
        """Return strength * sign(w)."""
        return self.strength * xp.sign(w)


@dataclass(frozen=True)
class ElasticNet(Penalty):
    """strength * (l1_ratio * sum |w| + (1 - l1_ratio) / 2 * sum w^2) (Zou and Hastie 2005, scikit-learn's scaling).

    The gradient is strength * (l1_ratio * sign(w) + (1 - l1_ratio) * w), with sign(0) = 0. The paper has no 1/2 at the
    square, and a strength for each part.

    Parameters
    ----------
    l1_ratio : float in [0, 1], default=0.5
        Share of `L1`; 0 is `L2`. ArgumentError outside the range.
    strength, per_row
        As in `Penalty`.

    Examples
    --------
    >>> import numpy
    >>> import clearprop as cp
    >>> w = numpy.array([[1.0, -2.0]])
    >>> penalty = cp.ElasticNet(1.0, l1_ratio=0.5)
    >>> float(penalty.value(numpy, w)), penalty.gradient(numpy, w).tolist()  # (3 + 5 / 2) / 2
    (2.75, [[1.0, -1.5]])

    References
    ----------
    Zou and Hastie (2005), "Regularization and variable selection via the elastic net".
    """

    l1_ratio: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        check_real("ElasticNet", "l1_ratio", self.l1_ratio, low=0.0, high=1.0)

    def value(self, xp: Any, w: Any) -> Any:
        """Return the mixture of both penalties."""
        return self.strength * (self.l1_ratio * xp.sum(xp.abs(w)) + 0.5 * (1.0 - self.l1_ratio) * xp.sum(w * w))

    def gradient(self, xp: Any, w: Any) -> Any:
        """Return the mixture of both gradients."""
        return self.strength * (self.l1_ratio * xp.sign(w) + (1.0 - self.l1_ratio) * w)


@dataclass(frozen=True)
class Constraint(Configurable):
    """Base of all constraints: `project` is applied to the weights after every update.

    Examples
    --------
    >>> import clearprop as cp
    >>> layers = [cp.Dense(1, initializer=cp.Constant(3.0), constraint=cp.MaxNorm(1.0))]
    >>> net = cp.Network(layers, inputs=1)
    >>> _ = net.fit([[1.0]], [3.0], epochs=1)
    >>> net.parameters["dense_1.W"].tolist()  # not 3: the norm is 1 at most
    [[1.0]]
    """

    def project(self, xp: Any, w: Any) -> Any:
        """Return the nearest allowed weights."""
        raise NotImplementedError


@dataclass(frozen=True)
class MaxNorm(Constraint):
    """The weights into a unit have a norm of at most `limit` (Srivastava et al. 2014, section 5.1).

    ``W`` of `Dense` is (n_in, n_out): the norm is that of a column. ``W`` of `Conv2D` is (filters, channels, ...): the
    norm is that of a filter. Units above the limit are scaled down to it, after every update, as by Keras'
    MaxNorm(axis=0), or MaxNorm(axis=[0, 1, 2]) for its convolutions.

    Parameters
    ----------
    limit : float > 0
        Largest Euclidean norm; ArgumentError outside the range.

    Examples
    --------
    >>> import numpy
    >>> import clearprop as cp
    >>> w = numpy.array([[3.0, 0.3], [4.0, 0.4]])  # columns of norm 5 and 0.5
    >>> cp.MaxNorm(2.5).project(numpy, w).tolist()
    [[1.5, 0.3], [2.0, 0.4]]

    References
    ----------
    Srivastava et al. (2014), "Dropout: a simple way to prevent neural networks from overfitting".
    """

    limit: float

    def __post_init__(self) -> None:
        check_real("MaxNorm", "limit", self.limit, low=0.0, closed="neither")

    def project(self, xp: Any, w: Any) -> Any:
        """Return `w` with its columns, or filters, scaled down to the limit where they exceed it."""
        inputs = 0 if w.ndim <= 2 else tuple(range(1, w.ndim))
        norm = xp.sqrt(xp.sum(w * w, axis=inputs, keepdims=True))
        # a norm that overflows is left alone: the next loss then says what happened
        above = (norm > self.limit) & xp.isfinite(norm)
        return xp.where(above, w * (self.limit / xp.where(above, norm, xp.ones_like(norm))), w)
