"""The shared case tables: every public layer, loss, optimizer, penalty, initializer and schedule has a row here.

test_config.py fails for a class without a row. Shapes are those of one row, without the axis of rows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy

import clearprop as cp
from clearprop.layers import Context, Layer
from clearprop.losses import Loss
from clearprop.schedules import ConstantRate
from clearprop.streams import Purpose, Stream

Array = Any
Shape = tuple[int, ...]
EPS = float(numpy.finfo(numpy.float64).eps)
N_ROWS = 5


def assert_close(got: Array, expected: Array, k: float, scale: float | None = None) -> None:
    """Assert max|got - expected| <= k * eps * scale, eps of the coarser dtype, scale = max|expected| unless given."""
    got, expected = numpy.asarray(got), numpy.asarray(expected)
    assert got.shape == expected.shape
    kinds = [a.dtype for a in (got, expected) if a.dtype.kind in "fc"]
    eps = max((float(numpy.finfo(kind).eps) for kind in kinds), default=EPS)
    scale = float(numpy.max(numpy.abs(expected), initial=0.0)) if scale is None else scale
    worst = float(numpy.max(numpy.abs(got - expected), initial=0.0))
    assert worst <= k * eps * scale, f"off by {worst:.3g} = {worst / (eps * (scale or 1.0)):.3g} eps * scale"


# ---- layers


@dataclass(frozen=True)
class LayerCase:
    """One layer to test.

    `value` is h = f(a) in Python's math, for elementwise layers; `kinks` maps a pre-activation at which the derivative
    jumps to the subgradient that the layer's docstring promises there (with the parameters as they start); `analytic`
    says that the box is smooth and that NumPy computes it for complex numbers.
    """

    layer: Layer
    shapes: tuple[Shape, ...] = ((4,),)
    value: Callable[[float], float] | None = None
    kinks: Mapping[float, float] = field(default_factory=dict)
    analytic: bool = False
    differs: bool = False  # training and prediction give different outputs
    gradient: bool = True
    levels: int | None = None  # the inputs are codes 0 to levels - 1, which have no gradient

    @property
    def id(self) -> str:
        shapes = "" if self.shapes == ((4,),) else "-" + "+".join("x".join(map(str, s)) for s in self.shapes)
        return repr(self.layer) + shapes

    def inputs(self, dtype: Any = numpy.float64, seed: int = 0) -> tuple[Array, ...]:
        """Return read-only inputs that stay 0.05 away from the kinks."""
        rng = numpy.random.default_rng(seed)
        if self.levels is not None:
            codes = (rng.integers(self.levels, size=(N_ROWS, *shape)) for shape in self.shapes)
            return tuple(frozen(x.astype(dtype)) for x in codes)
        xs = []
        for shape in self.shapes:
            x = rng.normal(scale=1.5, size=(N_ROWS, *shape))
            for kink in self.kinks:
                x = numpy.where(numpy.abs(x - kink) < 0.05, kink + 0.1, x)
            xs.append(frozen(x.astype(dtype)))
        return tuple(xs)

    def parameters(self, dtype: Any = numpy.float64, disturb: float = 0.1) -> dict[str, Array]:
        """Return read-only parameters: the starting values, disturbed so that none is special."""
        rng = numpy.random.default_rng(1)
        values = {}
        for index, (name, p) in enumerate(self.layer.parameters(*self.shapes).items()):
            start = p.initializer.values(Stream(1, Purpose.INITIALIZE, node=index), p.shape, p.fan_in, p.fan_out)
            values[name] = frozen((start + disturb * rng.uniform(-1, 1, size=p.shape)).astype(dtype))
        return values

    def buffers(self, dtype: Any = numpy.float64) -> dict[str, Array]:
        """Return buffers like those after some training (a running variance is > 0)."""
        rng = numpy.random.default_rng(2)
        return {
            name: rng.uniform(0.5, 2.0, size=p.shape).astype(dtype)
            for name, p in self.layer.buffers(*self.shapes).items()
        }

    def context(self, xp: Any = numpy, dtype: Any = numpy.float64, training: bool = False) -> Context:
        """Return a context whose noise is the same at every call."""
        buffers = {name: xp.asarray(value) for name, value in self.buffers(dtype).items()}
        return Context(xp, training=training, buffers=buffers, noise=fixed_noise)


def fixed_noise(kind: str, shape: Shape) -> Array:
    """Return the same noise at every call."""
    return getattr(Stream(7, Purpose.NOISE), kind)(shape)


def frozen(array: Array) -> Array:
    """Return the array, read-only."""
    array.setflags(write=False)
    return array


def _sigmoid(a: float) -> float:
    return 1 / (1 + math.exp(-a))


def _phi(a: float) -> float:
    return 0.5 * (1 + math.erf(a / math.sqrt(2)))


SELU_SCALE, SELU_ALPHA = 1.0507009873554805, 1.6732632423543772  # Klambauer et al. (2017), eq. 14
RRELU_SLOPE = (1 / 8 + 1 / 3) / 2

LAYERS = (
    LayerCase(cp.Dense(3), analytic=True),
    LayerCase(cp.Dense(3, bias=False, initializer=cp.He()), analytic=True),
    LayerCase(cp.Dense(3, ntk=True, initializer=cp.Normal(1.0)), analytic=True),
    LayerCase(cp.TransposedDense(3), analytic=True),
    LayerCase(cp.TransposedDense(3, bias=False), analytic=True),
    LayerCase(cp.Maxout(3, 2)),
    LayerCase(cp.RBF(3), analytic=True),
    LayerCase(cp.Conv2D(2, 2), ((1, 3, 3),), analytic=True),
    LayerCase(cp.Conv2D(2, (2, 3), stride=(2, 1), padding=(1, 0)), ((3, 3, 4),), analytic=True),
    LayerCase(cp.Conv2D(3, (1, 2), stride=2, padding=(0, 1), bias=False), ((2, 4, 3),), analytic=True),
    LayerCase(cp.Conv2D(1, 3, stride=3), ((2, 5, 7),), analytic=True),
    LayerCase(cp.MaxPool2D(2), ((2, 4, 4),)),
    LayerCase(cp.MaxPool2D((1, 2), stride=(2, 1)), ((1, 4, 3),)),
    LayerCase(cp.MaxPool2D(3, stride=2), ((2, 5, 6),)),
    LayerCase(cp.AveragePool2D(2), ((2, 4, 5),), analytic=True),
    LayerCase(cp.AveragePool2D((2, 1), stride=1), ((1, 4, 3),), analytic=True),
    LayerCase(cp.AveragePool2D(3, stride=2), ((2, 5, 6),), analytic=True),
    LayerCase(cp.Scale(), analytic=True),
    LayerCase(cp.Scale(), ((2, 3),), analytic=True),
    LayerCase(cp.Identity(), value=lambda a: a, analytic=True),
    LayerCase(cp.Step(), value=lambda a: float(a >= 0), gradient=False),
    LayerCase(cp.Sigmoid(), value=_sigmoid),
    LayerCase(cp.Tanh(), value=math.tanh, analytic=True),
    LayerCase(cp.HardTanh(), value=lambda a: min(max(a, -1.0), 1.0), kinks={-1.0: 0.0, 1.0: 0.0}),
    LayerCase(cp.ReLU(), value=lambda a: max(a, 0.0), kinks={0.0: 0.0}),
    LayerCase(cp.LeakyReLU(), value=lambda a: max(a, 0.01 * a), kinks={0.0: 0.01}),
    LayerCase(cp.LeakyReLU(0.3), value=lambda a: max(a, 0.3 * a), kinks={0.0: 0.3}),
    LayerCase(cp.RReLU(), value=lambda a: max(a, RRELU_SLOPE * a), kinks={0.0: RRELU_SLOPE}, differs=True),
    LayerCase(cp.PReLU(), kinks={0.0: 0.25}),
    LayerCase(cp.PReLU(), ((2, 3, 2),), kinks={0.0: 0.25}),
    LayerCase(cp.Abs(), value=abs, kinks={0.0: 0.0}),
    LayerCase(cp.ELU(), value=lambda a: a if a > 0 else math.expm1(a)),
    LayerCase(cp.ELU(0.5), value=lambda a: a if a > 0 else 0.5 * math.expm1(a), kinks={0.0: 0.5}),
    LayerCase(
        cp.SELU(),
        value=lambda a: SELU_SCALE * (a if a > 0 else SELU_ALPHA * math.expm1(a)),
        kinks={0.0: SELU_SCALE * SELU_ALPHA},
    ),
    LayerCase(cp.Softplus(), value=lambda a: math.log1p(math.exp(a))),
    LayerCase(cp.GELU(), value=lambda a: a * _phi(a), analytic=True),
    LayerCase(cp.SiLU(), value=lambda a: a * _sigmoid(a)),
    LayerCase(cp.Mish(), value=lambda a: a * math.tanh(math.log1p(math.exp(a)))),
    LayerCase(cp.Softmax(), analytic=True),
    LayerCase(cp.Softmax(), ((2, 3),), analytic=True),
    LayerCase(cp.LogSoftmax(), analytic=True),
    LayerCase(cp.Add(), ((4,), (4,)), analytic=True),
    LayerCase(cp.Add(), ((2, 3), (2, 3), (2, 3)), analytic=True),
    LayerCase(cp.Multiply(), ((4,), (4,)), analytic=True),
    LayerCase(cp.Multiply(), ((4,), (4,), (4,)), analytic=True),
    LayerCase(cp.Concatenate(), ((4,), (2,)), analytic=True),
    LayerCase(cp.Concatenate(), ((1, 2, 2), (3, 2, 2), (2, 2, 2)), analytic=True),
    LayerCase(cp.MatMul(), ((2, 3), (3, 4)), analytic=True),
    LayerCase(cp.MatMul(), ((2, 2, 3), (2, 3, 1)), analytic=True),
    LayerCase(cp.Sum(0), ((3, 2),), analytic=True),
    LayerCase(cp.Sum((2, 0)), ((2, 3, 2),), analytic=True),
    LayerCase(cp.Mean(1), ((3, 2),), analytic=True),
    LayerCase(cp.Mean((0, 1)), ((2, 3, 2),), analytic=True),
    LayerCase(cp.Rescale(-2.0, 0.5), value=lambda a: -2.0 * a + 0.5, analytic=True),
    LayerCase(cp.Embedding(4, 3), ((3,),), levels=4),
    LayerCase(cp.Embedding(2, 1), ((2, 2),), levels=2),
    LayerCase(cp.Slice(1, 3), analytic=True),
    LayerCase(cp.Slice(0, 2, axis=1), ((2, 3, 2),), analytic=True),
    LayerCase(cp.Transpose(), ((3, 2),), analytic=True),
    LayerCase(cp.Transpose((1, 2, 0)), ((2, 3, 4),), analytic=True),
    LayerCase(cp.Flatten(), ((2, 3, 2),), analytic=True),
    LayerCase(cp.Reshape((3, 4)), ((2, 3, 2),), analytic=True),
    LayerCase(cp.Dropout(0.4), analytic=True, differs=True),
    LayerCase(cp.Dropout(0.0), analytic=True),
    LayerCase(cp.GaussianNoise(0.5), ((2, 3),), analytic=True, differs=True),
    LayerCase(cp.BatchNorm(), analytic=True, differs=True),
    LayerCase(cp.BatchNorm(momentum=0.3, epsilon=1e-3), ((2, 3, 2),), analytic=True, differs=True),
    LayerCase(cp.LayerNorm(), analytic=True),
    LayerCase(cp.LayerNorm(epsilon=1e-3), ((2, 3, 2),), analytic=True),
    LayerCase(cp.Parametric(cp.Tanh()), analytic=True),
    LayerCase(cp.Parametric(cp.SELU(), cp.Constant(0.5)), kinks={0.0: 0.5 + 0.5 * SELU_SCALE * SELU_ALPHA}),
    LayerCase(cp.Parametric(cp.ReLU()), ((2, 3),), kinks={0.0: 0.0}),
    LayerCase(cp.Parametric(cp.Mish())),
    LayerCase(cp.PeriodicEmbedding(3, width=2), analytic=True),
    LayerCase(cp.PeriodicEmbedding(18, width=1), ((3,),), analytic=True),
)


# ---- losses


@dataclass(frozen=True)
class LossCase:
    """One loss to test: `make(rng, n)` gives n targets as a user would pass them, `dense(y)` the same as rows of t.

    `canonical` says that the gradient at the scores is prediction - t; `range` is how far scores may be from 0
    without an overflow in float32.
    """

    loss: Loss
    n_outputs: int
    kind: str
    make: Callable[[numpy.random.Generator, int], Array]
    canonical: bool = False
    range: float = 1e4

    @property
    def id(self) -> str:
        return f"{self.loss!r}-{self.n_outputs}-{self.kind}"

    def scores(self, seed: int = 0, n: int = 7) -> Array:
        """Return read-only scores of shape (n, n_outputs)."""
        return frozen(numpy.random.default_rng(seed).normal(scale=1.5, size=(n, self.n_outputs)))

    def target(self, seed: int = 1, n: int = 7, dtype: Any = numpy.float64) -> Array:
        """Return n targets as the loss keeps them."""
        return frozen(self.loss.target(self.raw(seed, n), n, self.n_outputs, dtype).copy())

    def raw(self, seed: int = 1, n: int = 7) -> Array:
        """Return n targets as a user passes them."""
        return self.make(numpy.random.default_rng(seed), n)


def reals(k: int) -> Callable[..., Array]:
    return lambda rng, n: rng.normal(scale=1.5, size=(n, k) if k > 1 else n)


def counts(k: int) -> Callable[..., Array]:
    return lambda rng, n: rng.poisson(1.5, size=(n, k) if k > 1 else n)


def labels(k: int) -> Callable[..., Array]:
    return lambda rng, n: rng.integers(0, 2, size=(n, k) if k > 1 else n)


def classes(k: int) -> Callable[..., Array]:
    return lambda rng, n: rng.integers(0, k, size=n)


def one_hot(k: int) -> Callable[..., Array]:
    return lambda rng, n: numpy.eye(k)[rng.integers(0, k, size=n)]


def soft(k: int) -> Callable[..., Array]:
    return lambda rng, n: rng.dirichlet(numpy.ones(k), size=n)


LOSSES = (
    LossCase(cp.SquaredError(), 1, "reals", reals(1), canonical=True),
    LossCase(cp.SquaredError(), 3, "reals", reals(3), canonical=True),
    LossCase(cp.AbsoluteError(), 2, "reals", reals(2)),
    LossCase(cp.Huber(), 1, "reals", reals(1)),
    LossCase(cp.Huber(0.3), 2, "reals", reals(2)),
    LossCase(cp.Quantile(), 1, "reals", reals(1)),
    LossCase(cp.Quantile(0.9), 2, "reals", reals(2)),
    LossCase(cp.Poisson(), 1, "counts", counts(1), canonical=True, range=80.0),  # exp(88.7) overflows float32
    LossCase(cp.Poisson(), 3, "counts", counts(3), canonical=True, range=80.0),
    LossCase(cp.BinaryCrossEntropy(), 1, "labels", labels(1), canonical=True),
    LossCase(cp.BinaryCrossEntropy(), 3, "labels", labels(3), canonical=True),
    LossCase(cp.BinaryCrossEntropy(), 3, "soft", soft(3), canonical=True),
    LossCase(cp.CrossEntropy(), 4, "classes", classes(4), canonical=True),
    LossCase(cp.CrossEntropy(), 4, "one-hot", one_hot(4), canonical=True),
    LossCase(cp.CrossEntropy(), 2, "soft", soft(2), canonical=True),
    LossCase(cp.CrossEntropy(label_smoothing=0.1), 4, "classes", classes(4)),
    LossCase(cp.CrossEntropy(label_smoothing=0.3), 3, "soft", soft(3)),
    LossCase(cp.KLDivergence(), 3, "soft", soft(3), canonical=True),
    LossCase(cp.KLDivergence(), 4, "one-hot", one_hot(4), canonical=True),
    LossCase(cp.Hinge(), 1, "classes", classes(2)),
    LossCase(cp.Hinge(), 4, "classes", classes(4)),
    LossCase(cp.SparseReconstruction(2, 0.3), 5, "reals", reals(3)),
    LossCase(cp.SparseReconstruction(1, 0.2, cp.BinaryCrossEntropy()), 3, "labels", labels(2)),
    LossCase(cp.Quantile((0.1, 0.5, 0.9)), 3, "reals", reals(3)),
)
NATIVE_LOSSES = tuple(case for case in LOSSES if type(case.loss) is not cp.SparseReconstruction)

# ---- what has a row of its own and no further columns

OPTIMIZERS = (
    cp.SGD(0.1),
    cp.SGD(0.1, momentum=0.9),
    cp.SGD(0.05, momentum=0.9, nesterov=True),
    cp.AdaGrad(0.1),
    cp.RMSProp(0.01, alpha=0.9),
    cp.Adam(0.05),
    cp.Adam(0.05, beta_1=0.8, beta_2=0.95, epsilon=1e-2, epsilon_hat=True),
    cp.AdamW(0.05, weight_decay=0.1),
)
MINIMIZERS = (cp.LBFGS(),)
PENALTIES = (cp.L2(0.3), cp.L2(0.3, per_row=True), cp.L1(0.2), cp.ElasticNet(0.4, 0.25))
CONSTRAINTS = (cp.MaxNorm(1.5),)
INITIALIZERS = (
    cp.Constant(0.1),
    cp.Uniform(0.2),
    cp.Normal(0.3),
    cp.Glorot(),
    cp.Glorot("normal"),
    cp.He(),
    cp.He("normal"),
    cp.LeCun(),
    cp.LeCun("normal"),
    cp.Orthogonal(),
    cp.Orthogonal(2.0),
)
SCHEDULES = (
    ConstantRate(0.1),
    cp.InverseScaling(0.1),
    cp.StepDecay(0.1, every=3),
    cp.ExponentialDecay(0.1, 0.9),
    cp.Cosine(0.1, steps=11),
    cp.Cosine(0.1, minimum=0.01),
    cp.OneCycle(0.1, steps=11),
    cp.CosLog4(0.1, steps=16),
    cp.WarmUp(0.1, 4),
    cp.WarmUp(cp.Cosine(0.1), 4),
    cp.ReduceOnPlateau(0.1),
)
ROWS = (
    *(case.layer for case in LAYERS),
    *(case.loss for case in LOSSES),
    *OPTIMIZERS,
    *MINIMIZERS,
    *PENALTIES,
    *CONSTRAINTS,
    *INITIALIZERS,
    *SCHEDULES,
)


def network(case: LayerCase, loss_case: LossCase) -> cp.Network:
    """Return inputs -> the box -> Dense -> the loss, with parameters and running statistics that are not special."""
    node = case.layer(*(cp.Input(shape) for shape in case.shapes))
    if len(node.shape) > 1:
        node = cp.Flatten()(node)
    net = cp.Network(cp.Dense(loss_case.n_outputs)(node), loss=loss_case.loss, dtype=numpy.float64)
    rng = numpy.random.default_rng(0)
    net.vector += rng.uniform(-0.2, 0.2, size=net.vector.shape)
    net.buffer_vector[...] = rng.uniform(0.5, 2.0, size=net.buffer_vector.shape)
    return net
