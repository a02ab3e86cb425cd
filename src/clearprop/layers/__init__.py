"""The boxes of a network: each computes one function of a row, forward and backward."""

from clearprop.layers.base import Activation, Context, Layer
from clearprop.layers.convolution import Conv2D
from clearprop.layers.dense import Dense
from clearprop.layers.embedding import Embedding
from clearprop.layers.matrix import MatMul, Slice, Transpose
from clearprop.layers.merge import Add, Concatenate, Multiply
from clearprop.layers.noise import Dropout, GaussianNoise
from clearprop.layers.normalization import BatchNorm, LayerNorm
from clearprop.layers.parametric import Parametric
from clearprop.layers.periodic import PeriodicEmbedding
from clearprop.layers.pooling import AveragePool2D, MaxPool2D
from clearprop.layers.rectifiers import ELU, SELU, Abs, LeakyReLU, PReLU, ReLU, RReLU
from clearprop.layers.reduce import Mean, Sum
from clearprop.layers.rescale import Rescale
from clearprop.layers.reshape import Flatten, Reshape
from clearprop.layers.scale import Scale
from clearprop.layers.sigmoidal import HardTanh, Identity, Sigmoid, Step, Tanh
from clearprop.layers.smooth import GELU, Mish, SiLU, Softplus
from clearprop.layers.tied import TransposedDense
from clearprop.layers.units import RBF, Maxout
from clearprop.layers.vector import LogSoftmax, Softmax

__all__ = [
    "Activation", "Context", "Layer",
    "Dense", "TransposedDense", "Maxout", "RBF", "Scale", "Embedding", "PeriodicEmbedding",
    "Conv2D", "MaxPool2D", "AveragePool2D",
    "Identity", "Step", "Sigmoid", "Tanh", "HardTanh",
    "ReLU", "LeakyReLU", "RReLU", "PReLU", "Abs", "ELU", "SELU",
    "Softplus", "GELU", "SiLU", "Mish", "Parametric",
    "Softmax", "LogSoftmax",
    "Add", "Multiply", "Concatenate", "MatMul", "Sum", "Mean", "Rescale",
    "Flatten", "Reshape", "Slice", "Transpose",
    "Dropout", "GaussianNoise", "BatchNorm", "LayerNorm",
]  # fmt: skip
