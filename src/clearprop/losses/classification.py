"""Losses for classes, labels and distributions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy

from clearprop.errors import ArgumentError, DataError
from clearprop.losses.base import Array, Loss
from clearprop.losses.targets import class_numbers, distributions, first_row
from clearprop.numerics import log_softmax, logistic, softmax, softplus
from clearprop.validation import check_real

__all__ = ["BinaryCrossEntropy", "CrossEntropy", "Hinge", "KLDivergence"]


def _one_hot(xp: Any, classes: Array, n_classes: int) -> Array:
    """Return an array of shape (n, n_classes) that is True at the class of each row."""
    numbers = xp.arange(n_classes, dtype=classes.dtype, device=classes.device)
    return xp.expand_dims(classes, axis=1) == numbers


@dataclass(frozen=True)
class BinaryCrossEntropy(Loss):
    """l = - sum_k (y_k log p_k + (1 - y_k) log(1 - p_k)) with p = sigmoid(s); ds = p - y.

    Several outputs are independent labels. s, p and ds have shape (n, n_outputs), l (n,), in the network's dtype; `y`
    lies in [0, 1], shape (n,) for one output, else (n, n_outputs).
    Computed from the scores as max(s, 0) - s y + log(1 + exp(-|s|)), which neither overflows nor takes log 0.
    PyTorch's BCEWithLogitsLoss is l / n_outputs; scikit-learn sums over the outputs, as here.

    Raises
    ------
    DataError
        For a target outside [0, 1].

    Examples
    --------
    >>> import math, numpy
    >>> import clearprop as cp
    >>> s, y = numpy.array([[math.log(3.0)], [-1000.0]]), numpy.array([[1.0], [1.0]])  # p = 3/4 and 0
    >>> loss = cp.BinaryCrossEntropy()
    >>> loss.values(numpy, s, y).round(4).tolist()  # log 4/3
    [0.2877, 1000.0]
    >>> loss.gradient(numpy, s, y).round(4).tolist()
    [[-0.25], [-1.0]]

    References
    ----------
    Bishop (2006), "Pattern recognition and machine learning", section 5.2, eq. 5.21 and 5.22.
    """

    link: ClassVar[str | None] = "Sigmoid"

    def target(self, y: Any, n_rows: int, n_outputs: int, dtype: Any) -> Any:
        """Return y as numbers in [0, 1]."""
        y = super().target(y, n_rows, n_outputs, dtype)
        bad = (y < 0) | (y > 1)
        if bad.any():
            raise DataError(
                f"BinaryCrossEntropy: y must lie between 0 and 1, got {y[bad].ravel()[0]} in row {first_row(bad)}; "
                "encode the two classes as 0 and 1."
            )
        return y

    def prediction(self, xp: Any, scores: Array) -> Array:
        """Return sigmoid(s)."""
        return logistic(xp, scores)

    def values(self, xp: Any, scores: Array, y: Array) -> Array:
        """Return the cross-entropy of every row, summed over its labels."""
        return xp.sum(softplus(xp, scores) - scores * y, axis=1)

    def gradient(self, xp: Any, scores: Array, y: Array) -> Array:
        """Return p - y."""
        return self.prediction(xp, scores) - y


@dataclass(frozen=True)
class CrossEntropy(Loss):
    """l = - sum_k t_k log p_k with p = softmax(s); ds = p - t.

    s, p, t and ds have shape (n, n_classes), l (n,), in the network's dtype. `y` holds class numbers, shape (n,), or
    one column a class: one-hot or soft targets that sum to 1.

    Parameters
    ----------
    label_smoothing : float in [0, 1), default=0.0
        The target is t = (1 - label_smoothing) y + label_smoothing / n_classes, as in PyTorch and Keras. In the
        notation "1 - (K - 1) eps for the class, eps elsewhere", eps is label_smoothing / K.

    Raises
    ------
    ArgumentError
        For a label_smoothing outside its range, and for a network with one output.
    DataError
        For class numbers outside 0 to n_classes - 1, or rows that are no distribution.

    Notes
    -----
    Some lecture notes print (p - t) p (1 - p) for this gradient. The factor p (1 - p) belongs to the squared error
    behind a sigmoid; here it cancels.

    Examples
    --------
    >>> import clearprop as cp
    >>> net = cp.Network([cp.Dense(2, initializer=cp.Constant(0.0))], inputs=1, loss=cp.CrossEntropy())
    >>> round(net.loss([[1.0], [2.0]], [0, 1]), 4)  # log 2
    0.6931
    >>> net.gradient([[1.0]], [0])[1]["dense_1.b"].tolist()  # p - t
    [-0.5, 0.5]

    References
    ----------
    Bridle (1990), "Probabilistic interpretation of feedforward classification network outputs"; Szegedy et al. (2016),
    "Rethinking the Inception architecture for computer vision", section 7, for the smoothing.
    """

    label_smoothing: float = 0.0
    link: ClassVar[str | None] = "Softmax"
    classes: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_real("CrossEntropy", "label_smoothing", self.label_smoothing, low=0.0, high=1.0, closed="left")

    def check_outputs(self, n_outputs: int) -> None:
        """Refuse a single output: its softmax is always 1."""
        if n_outputs < 2:
            raise ArgumentError(
                "CrossEntropy needs one output a class and at least 2, got 1 output; use Dense(2) or more units, or "
                "BinaryCrossEntropy() with one output."
            )

    def target(self, y: Any, n_rows: int, n_outputs: int, dtype: Any) -> Any:
        """Return y as class numbers of shape (n,), or as distributions of shape (n, n_outputs)."""
        y = numpy.asarray(y)
        if y.ndim == 2 and y.shape[1] != 1:
            return distributions("CrossEntropy", y, n_rows, n_outputs, dtype)
        return class_numbers("CrossEntropy", y, n_rows, n_outputs)

    def prediction(self, xp: Any, scores: Array) -> Array:
        """Return softmax(s)."""
        return softmax(xp, scores)

    def _smooth(self, xp: Any, scores: Array, y: Array) -> Array:
        n_classes = scores.shape[1]
        if y.ndim == 1:
            y = xp.astype(_one_hot(xp, y, n_classes), scores.dtype)
        if self.label_smoothing == 0.0:
            return y
        return (1 - self.label_smoothing) * y + self.label_smoothing / n_classes

    def values(self, xp: Any, scores: Array, y: Array) -> Array:
        """Return - sum t log p of every row."""
        return -xp.sum(self._smooth(xp, scores, y) * log_softmax(xp, scores), axis=1)

    def gradient(self, xp: Any, scores: Array, y: Array) -> Array:
        """Return p - t."""
        return self.prediction(xp, scores) - self._smooth(xp, scores, y)


@dataclass(frozen=True)
class KLDivergence(Loss):
    """l = sum_k y_k (log y_k - log p_k) with p = softmax(s), for distributions y; ds = p - y.

    s, p, y and ds have shape (n, n_outputs), l (n,), in the network's dtype. It differs from the cross-entropy by the
    entropy of y, which does not depend on the network; terms with y_k = 0 are 0. PyTorch's KLDivLoss takes log p
    instead of scores and by default also divides by n_outputs; its ``reduction="batchmean"`` does not.

    Raises
    ------
    ArgumentError
        For a network with one output.
    DataError
        For rows of y that are negative somewhere or do not sum to 1 (within 0.001).

    Examples
    --------
    >>> import numpy
    >>> import clearprop as cp
    >>> s, y = numpy.array([[0.0, 0.0], [0.0, 0.0]]), numpy.array([[1.0, 0.0], [0.5, 0.5]])
    >>> loss = cp.KLDivergence()
    >>> loss.values(numpy, s, y).round(4).tolist()  # log 2, and 0 where p = y
    [0.6931, 0.0]
    >>> loss.gradient(numpy, s, y)[0].tolist()
    [-0.5, 0.5]

    References
    ----------
    Kullback and Leibler (1951), "On information and sufficiency".
    """

    link: ClassVar[str | None] = "Softmax"
    classes: ClassVar[bool] = True

    def check_outputs(self, n_outputs: int) -> None:
        """Refuse a single output: its softmax is always 1."""
        if n_outputs < 2:
            raise ArgumentError(
                "KLDivergence compares distributions over at least 2 outputs, got 1; use Dense(2) or more."
            )

    def target(self, y: Any, n_rows: int, n_outputs: int, dtype: Any) -> Any:
        """Return y as distributions of shape (n, n_outputs)."""
        return distributions("KLDivergence", y, n_rows, n_outputs, dtype)

    def prediction(self, xp: Any, scores: Array) -> Array:
        """Return softmax(s)."""
        return softmax(xp, scores)

    def values(self, xp: Any, scores: Array, y: Array) -> Array:
        """Return the divergence of every row."""
        positive = xp.where(y > 0, y, xp.ones_like(y))
        return xp.sum(y * (xp.log(positive) - log_softmax(xp, scores)), axis=1)

    def gradient(self, xp: Any, scores: Array, y: Array) -> Array:
        """Return p - y."""
        return self.prediction(xp, scores) - y


@dataclass(frozen=True)
class Hinge(Loss):
    """The margin loss of support vector machines; the prediction is the score itself.

    One output: l = max(0, 1 - t s) with t = 2 y - 1 and y in {0, 1}; ds = -t inside the margin, else 0.
    Several outputs, y a class number (Crammer and Singer 2001): with j the best other class,
    l = max(0, 1 + s_j - s_y); ds is 1 at j and -1 at y inside the margin, else 0. At the kink the subgradient is 0.

    s and ds have shape (n, n_outputs), l (n,), in the network's dtype; y has shape (n,). PyTorch's MultiMarginLoss sums
    over all other classes and divides by the number of classes (Weston and Watkins 1999, but for the division).

    Raises
    ------
    DataError
        For anything but class numbers.

    Examples
    --------
    >>> import numpy
    >>> import clearprop as cp
    >>> s, y = numpy.array([[1.0, 1.5], [3.0, 1.0]]), numpy.array([0, 0])
    >>> loss = cp.Hinge()
    >>> loss.values(numpy, s, y).tolist(), loss.gradient(numpy, s, y).tolist()
    ([1.5, 0.0], [[-1.0, 1.0], [0.0, 0.0]])

    References
    ----------
    Crammer and Singer (2001), "On the algorithmic implementation of multiclass kernel-based vector machines".
    """

    classes: ClassVar[bool] = True

    def target(self, y: Any, n_rows: int, n_outputs: int, dtype: Any) -> Any:
        """Return y as class numbers of shape (n,)."""
        return class_numbers("Hinge", y, n_rows, max(n_outputs, 2))

    def _signs(self, xp: Any, scores: Array, y: Array) -> Array:
        """Return per row +1 at the output that should win and -1 at the one that should lose."""
        if scores.shape[1] == 1:
            return xp.expand_dims(xp.astype(2 * y - 1, scores.dtype), axis=1)
        right = _one_hot(xp, y, scores.shape[1])
        lowest = xp.min(scores, axis=1, keepdims=True) - 1
        wrong = _one_hot(xp, xp.argmax(xp.where(right, lowest, scores), axis=1), scores.shape[1])
        return xp.astype(right, scores.dtype) - xp.astype(wrong, scores.dtype)

    def values(self, xp: Any, scores: Array, y: Array) -> Array:
        """Return max(0, 1 - margin)."""
        short = 1 - xp.sum(self._signs(xp, scores, y) * scores, axis=1)
        return xp.where(short <= 0, xp.zeros_like(short), short)  # NaN stays

    def gradient(self, xp: Any, scores: Array, y: Array) -> Array:
        """Return minus the signs inside the margin, else 0."""
        signs = self._signs(xp, scores, y)
        inside = 1 - xp.sum(signs * scores, axis=1, keepdims=True) > 0
        return xp.where(inside, -signs, xp.zeros_like(signs))
