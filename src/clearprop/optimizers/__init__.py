"""The optimizers, on the flat vector of parameters."""

from clearprop.optimizers.adaptive import AdaGrad, Adam, AdamW, RMSProp
from clearprop.optimizers.base import Optimizer
from clearprop.optimizers.gradient_descent import SGD
from clearprop.optimizers.lbfgs import LBFGS

__all__ = ["LBFGS", "SGD", "AdaGrad", "Adam", "AdamW", "Optimizer", "RMSProp"]
