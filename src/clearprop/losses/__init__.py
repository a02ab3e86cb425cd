"""The losses, each with its link."""

from clearprop.losses.base import Loss
from clearprop.losses.classification import BinaryCrossEntropy, CrossEntropy, Hinge, KLDivergence
from clearprop.losses.regression import AbsoluteError, Huber, Poisson, Quantile, SquaredError
from clearprop.losses.sparse import SparseReconstruction

__all__ = [
    "Loss",
    "SquaredError", "AbsoluteError", "Huber", "Quantile", "Poisson",
    "BinaryCrossEntropy", "CrossEntropy", "KLDivergence", "Hinge",
    "SparseReconstruction",
]  # fmt: skip
