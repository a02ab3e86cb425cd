"""clearprop: feedforward neural networks for Python, exact, fast and clear.

Public names are loaded when they are first used, so that ``import clearprop`` costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "network": ["Network"],
    "loading": ["load"],
    "graph": ["Graph", "Input"],
    "blocks": ["attention", "gru", "lstm", "rnn"],
    "layers": [
        "Abs", "Activation", "Add", "AveragePool2D", "BatchNorm", "Concatenate", "Context", "Conv2D", "Dense",
        "Dropout", "ELU", "Embedding", "Flatten", "GELU", "GaussianNoise", "HardTanh", "Identity", "Layer", "LayerNorm",
        "LeakyReLU", "LogSoftmax", "MatMul", "MaxPool2D", "Maxout", "Mean", "Mish", "Multiply", "PReLU", "Parametric",
        "PeriodicEmbedding", "RBF", "RReLU", "ReLU", "Rescale", "Reshape", "SELU", "Scale", "SiLU", "Sigmoid", "Slice",
        "Softmax", "Softplus", "Step", "Sum", "Tanh", "Transpose", "TransposedDense",
    ],
    "losses": [
        "AbsoluteError", "BinaryCrossEntropy", "CrossEntropy", "Hinge", "Huber", "KLDivergence", "Loss", "Poisson",
        "Quantile", "SparseReconstruction", "SquaredError",
    ],
    "penalties": ["Constraint", "ElasticNet", "L1", "L2", "MaxNorm", "Penalty"],
    "initializers": [
        "Constant", "Glorot", "He", "Initializer", "LeCun", "Normal", "Orthogonal", "Uniform",
    ],
    "parameters": ["Parameter"],
    "optimizers": ["AdaGrad", "Adam", "AdamW", "LBFGS", "Optimizer", "RMSProp", "SGD"],
    "schedules": [
        "CosLog4", "Cosine", "ExponentialDecay", "InverseScaling", "OneCycle", "ReduceOnPlateau", "Schedule",
        "StepDecay", "WarmUp",
    ],
    "gradient_check": ["GradientReport", "check_gradient"],
    "optimality": ["OptimalityReport", "check_optimality"],
    "trace": ["CellCheck", "Explanation", "Formula", "Trace"],
    "diagnosis": ["Diagnosis", "Finding", "LayerHealth"],
    "training": ["Callback", "EarlyStopping", "EpochReport", "TrainState", "pretrain", "train"],
    "estimators": [
        "AutoEncoder", "Classifier", "MLPClassifier", "MLPRegressor", "NetworkRows", "Regressor", "network_rows",
    ],
    "displays": [
        "ActivationDisplay", "BackpropDisplay", "DecisionSliceDisplay", "GradientFlowDisplay", "LossCurveDisplay",
        "NetworkDisplay", "UnitHealthDisplay", "WeightDisplay",
    ],
    "ui": ["LiveView"],
    "installation": ["show_config"],
    "errors": [
        "ArgumentError", "ClearpropError", "DataError", "DataWarning", "GradientCheckError", "MissingExtraError",
        "ModelFileError", "NoGradientError",
        "NonFiniteError", "ShapeError", "UnknownNameError",
    ],
}  # fmt: skip
_HOME = {name: module for module, names in _HOMES.items() for name in names}
_MODULES = ["datasets"]

__all__ = [*_HOME, *_MODULES, "__version__"]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"clearprop.{name}")
    if name not in _HOME:
        raise AttributeError(f"module 'clearprop' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"clearprop.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME, *_MODULES})
