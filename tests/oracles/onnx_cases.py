"""The node tests that the onnx package carries: how each operation is told with our boxes, and what is left out."""

from __future__ import annotations

import functools
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy

import clearprop as cp
from clearprop.layers import Context, Layer

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # what other packages warn of while they are imported is no concern of ours
    import onnx
    from onnx import numpy_helper

__all__ = ["EXCLUDED", "NODES", "OPERATIONS", "NodeTest", "node_tests", "onnx", "read", "reason", "tell"]

Array = Any
NODES = Path(onnx.__file__).parent / "backend" / "test" / "data" / "node"


@dataclass(frozen=True)
class NodeTest:
    """One test: the attributes of its node, its inputs and the outputs that ONNX's reference computed."""

    name: str
    operation: str
    attributes: dict[str, Any]
    inputs: list[Array]
    outputs: list[Array]


def _tensors(folder: Path, kind: str) -> list[Array]:
    paths = sorted(folder.glob(f"{kind}_*.pb"), key=lambda path: int(path.stem.rpartition("_")[2]))
    return [numpy_helper.to_array(onnx.load_tensor(str(path))) for path in paths]


@functools.cache
def operation_of(name: str) -> tuple[str, dict[str, Any]] | None:
    """Return the operation and the attributes of a test of a single node, else None."""
    nodes = onnx.load(str(NODES / name / "model.onnx")).graph.node
    if len(nodes) != 1:
        return None
    values = {a.name: onnx.helper.get_attribute_value(a) for a in nodes[0].attribute}
    values = {key: value.decode() if isinstance(value, bytes) else value for key, value in values.items()}
    return nodes[0].op_type, values


@functools.cache
def node_tests() -> list[str]:
    """Return the names of all tests of our operations, those with the function written out in primitives included."""
    singles = ((folder.name, operation_of(folder.name.split("_expanded")[0])) for folder in sorted(NODES.iterdir()))
    return [name for name, single in singles if single is not None and single[0] in OPERATIONS]


def reason(name: str) -> str | None:
    """Return why a test is left out, or None."""
    return _EXPANDED if "_expanded" in name else EXCLUDED.get(name)


def read(name: str) -> NodeTest:
    """Return a test with its data."""
    operation, attributes = operation_of(name)
    folder = NODES / name / "test_data_set_0"
    return NodeTest(name, operation, attributes, _tensors(folder, "input"), _tensors(folder, "output"))


# ---- the operations


def run(layer: Layer, *xs: Array, p: dict[str, Array] | None = None, **context: Any) -> tuple[Array, Any]:
    """Return the output of a box and what it keeps."""
    return layer.forward(Context(numpy, **context), p or {}, *xs)


def plain(layer: Layer) -> Any:
    """Return an operation without attributes as a box."""
    return lambda test: [run(layer, *test.inputs)[0]]


def along(layer: Layer) -> Any:
    """Return a vector operation along an axis: ours goes along the last one."""

    def operation(test: NodeTest) -> list[Array]:
        axis = test.attributes.get("axis", -1)
        h, _ = run(layer, numpy.moveaxis(test.inputs[0], axis, -1))
        return [numpy.moveaxis(h, -1, axis)]

    return operation


def elu(test: NodeTest) -> list[Array]:
    return [run(cp.ELU(test.attributes.get("alpha", 1.0)), *test.inputs)[0]]


def selu(test: NodeTest) -> list[Array]:
    if not test.attributes:
        return [run(cp.SELU(), *test.inputs)[0]]
    x, gamma = test.inputs[0], numpy.full(test.inputs[0].shape[1:], test.attributes["gamma"], numpy.float32)
    return [run(cp.Scale(), run(cp.ELU(test.attributes["alpha"]), x)[0], p={"s": gamma})[0]]


def leaky_relu(test: NodeTest) -> list[Array]:
    return [run(cp.LeakyReLU(test.attributes.get("alpha", 0.01)), *test.inputs)[0]]


def prelu(test: NodeTest) -> list[Array]:
    x, slope = test.inputs  # a slope a unit: the axes before those of the slope are rows
    rows = x.reshape(-1, slope.size)
    return [run(cp.PReLU(), rows, p={"slope": slope.reshape(-1)})[0].reshape(x.shape)]


def gemm(test: NodeTest) -> list[Array]:
    x, w, *rest = test.inputs
    a = test.attributes
    x, w = (x.T if a.get("transA") else x), (w.T if a.get("transB") else w)
    p = {"W": w * numpy.float32(a.get("alpha", 1.0))}
    bias = [numpy.float32(a.get("beta", 1.0)) * c for c in rest]
    if bias and bias[0].shape == (len(x), w.shape[1]):  # a bias for every row is an Add
        return [run(cp.Add(), run(cp.Dense(w.shape[1], bias=False), x, p=p)[0], bias[0])[0]]
    for b in bias:
        p["b"] = numpy.broadcast_to(b.reshape(-1), (w.shape[1],))
    return [run(cp.Dense(w.shape[1], bias=bool(bias)), x, p=p)[0]]


def matmul(test: NodeTest) -> list[Array]:
    x, w = test.inputs
    columns = w.reshape(len(w), -1)
    h, _ = run(cp.Dense(columns.shape[1], bias=False), x.reshape(-1, x.shape[-1]), p={"W": columns})
    return [h.reshape(x.shape[:-1] + w.shape[1:])]


def concat(test: NodeTest) -> list[Array]:
    axis = test.attributes["axis"]
    h, _ = run(cp.Concatenate(), *(numpy.moveaxis(x, axis, 0)[None] for x in test.inputs))
    return [numpy.moveaxis(h[0], 0, axis)]


def flatten(test: NodeTest) -> list[Array]:
    x = test.inputs[0]
    axis = test.attributes.get("axis", 1)
    split = axis if axis >= 0 else axis + x.ndim
    return [run(cp.Flatten(), x.reshape(-1, *x.shape[split:]) if split else x[None])[0]]


def reshape(test: NodeTest) -> list[Array]:
    x, wanted = test.inputs  # the batch is part of ONNX's shape: here it is one row
    shape = [x.shape[i] if size == 0 else int(size) for i, size in enumerate(wanted)]
    known = -int(numpy.prod(shape)) if -1 in shape else 1
    shape = [x.size // known if size == -1 else size for size in shape]
    return [run(cp.Reshape(tuple(shape)), x[None])[0][0]]


def batch_norm(test: NodeTest) -> list[Array]:
    x, *vectors = test.inputs
    gain, bias, mean, variance = (v.reshape(-1, *(1 for _ in x.shape[2:])) for v in vectors)
    a, buffers = test.attributes, {"running_mean": mean.copy(), "running_variance": variance.copy()}
    layer = cp.BatchNorm(momentum=1 - a.get("momentum", 0.9), epsilon=a.get("epsilon", 1e-5))  # ONNX: weight of the old
    training = bool(a.get("training_mode", 0))
    h, _ = run(layer, x, p={"gain": gain, "bias": bias}, training=training, buffers=buffers)
    return [h, *(buffer.reshape(-1) for buffer in buffers.values())] if training else [h]


def layer_norm(test: NodeTest) -> list[Array]:
    x, gain, bias = test.inputs
    axis = test.attributes.get("axis", -1) % x.ndim  # the axes before it are rows
    rows = x.reshape(-1, *x.shape[axis:]) if axis else x[None]
    layer = cp.LayerNorm(test.attributes.get("epsilon", 1e-5))
    h, (z, deviation) = run(layer, rows, p={"gain": gain, "bias": bias})
    mean = (rows - z * deviation).reshape(*x.shape[:axis], -1)[..., 0]
    ones = (1,) * (x.ndim - axis)
    return [h.reshape(x.shape), mean.reshape(*mean.shape, *ones), (1 / deviation).reshape(*mean.shape, *ones)]


def dropout(test: NodeTest) -> list[Array]:
    x, *rest = test.inputs
    training = len(rest) == 2 and bool(rest[1])
    rate = float(rest[0]) if rest else test.attributes.get("ratio", 0.5)
    h, mask = run(cp.Dropout(rate), x, training=training)
    return [h, numpy.ones(x.shape, bool) if mask is None else mask != 0]


def rows_of_classes(scores: Array) -> Array:
    """Return (n, classes, ...) as rows."""
    return numpy.moveaxis(scores, 1, -1).reshape(-1, scores.shape[1])


def reduced(test: NodeTest, losses: Array, y: Array) -> Array:
    """Return the losses with class weights, without ignored classes, reduced as asked for."""
    weights = test.inputs[2][y] if len(test.inputs) > 2 else numpy.ones(len(y), losses.dtype)
    weights = weights * (test.inputs[1].reshape(-1) != test.attributes.get("ignore_index", numpy.inf))
    reduction = test.attributes.get("reduction", "mean")
    if reduction == "none":
        return (weights * losses).reshape(test.inputs[1].shape)
    return (weights @ losses) / (weights.sum() if reduction == "mean" else 1)


def cross_entropy(test: NodeTest) -> list[Array]:
    scores, labels = test.inputs[:2]
    y = numpy.clip(labels.reshape(-1), 0, scores.shape[1] - 1)  # an ignored class may have any number
    losses = cp.CrossEntropy().values(numpy, rows_of_classes(scores), y)
    logs, _ = run(cp.LogSoftmax(), numpy.moveaxis(scores, 1, -1))
    return [reduced(test, losses, y), numpy.moveaxis(logs, -1, 1)]


def negative_log_likelihood(test: NodeTest) -> list[Array]:
    scores, labels = test.inputs[:2]
    rows, y = rows_of_classes(scores), numpy.clip(labels.reshape(-1), 0, scores.shape[1] - 1)
    # -x_y = (log sum exp x - x_y) - log sum exp x: ONNX takes x that need not be logarithms of probabilities
    losses = cp.CrossEntropy().values(numpy, rows, y) - numpy.logaddexp.reduce(rows, axis=1)
    return [reduced(test, losses, y)]


def stepped(test: NodeTest, optimizer: cp.optimizers.Optimizer, rate: float, n_slots: int, signs: Array) -> list[Array]:
    """Return parameters and slots after one step; ONNX lists X..., G..., then one group a slot."""
    _, step, *tensors = test.inputs
    n = len(tensors) // (2 + n_slots)
    groups = [[t.copy() for t in tensors[i * n : (i + 1) * n]] for i in range(2 + n_slots)]
    decay = cp.L2(test.attributes.get("norm_coefficient", 0.0))
    for w, g, *slots in zip(*groups, strict=True):
        named = dict(zip(optimizer.slots, slots, strict=True))
        for slot, sign in zip(named.values(), signs, strict=True):
            slot *= sign
        regular = g + decay.gradient(numpy, w)
        optimizer.update(numpy, w, regular, named, max(int(step), 1), rate, numpy.zeros_like(w))
        for slot, sign in zip(named.values(), signs, strict=True):
            slot /= sign
    return [*groups[0], *(slot for group in groups[2:] for slot in group)]


def momentum(test: NodeTest) -> list[Array]:
    rate, a = float(test.inputs[0]), test.attributes
    optimizer = cp.SGD(momentum=a["alpha"], nesterov=a["mode"] == "nesterov")
    return stepped(test, optimizer, rate, 1, [-rate])  # our velocity has the learning rate in it, ONNX's has not


def adam(test: NodeTest) -> list[Array]:
    a = test.attributes
    optimizer = cp.Adam(beta_1=a["alpha"], beta_2=a["beta"], epsilon=a["epsilon"], epsilon_hat=True)
    if int(test.inputs[1]) > 0:
        return stepped(test, optimizer, float(test.inputs[0]), 2, [1, 1])
    # at step 0 ONNX leaves out the bias correction, which at our step 1 is sqrt(1 - beta_2) / (1 - beta_1)
    rate = float(test.inputs[0]) * (1 - a["alpha"]) / numpy.sqrt(1 - a["beta"])
    return stepped(test, optimizer, rate, 2, [1, 1])


def adagrad(test: NodeTest) -> list[Array]:
    a, (rate, step) = test.attributes, test.inputs[:2]
    decayed = cp.InverseScaling(float(rate), power=1.0)(float(step) * a.get("decay_factor", 0.0))
    return stepped(test, cp.AdaGrad(epsilon=a["epsilon"]), decayed, 1, [1])


OPERATIONS = {
    "Abs": plain(cp.Abs()),
    "Adagrad": adagrad,
    "Adam": adam,
    "Add": plain(cp.Add()),
    "BatchNormalization": batch_norm,
    "Clip": lambda test: [run(cp.HardTanh(), test.inputs[0])[0]],
    "Concat": concat,
    "Dropout": dropout,
    "Elu": elu,
    "Flatten": flatten,
    "Gelu": plain(cp.GELU()),
    "Gemm": gemm,
    "Identity": plain(cp.Identity()),
    "LayerNormalization": layer_norm,
    "LeakyRelu": leaky_relu,
    "LogSoftmax": along(cp.LogSoftmax()),
    "MatMul": matmul,
    "Mish": plain(cp.Mish()),
    "Momentum": momentum,
    "Mul": plain(cp.Multiply()),
    "NegativeLogLikelihoodLoss": negative_log_likelihood,
    "PRelu": prelu,
    "Relu": plain(cp.ReLU()),
    "Reshape": reshape,
    "Selu": selu,
    "Sigmoid": plain(cp.Sigmoid()),
    "Softmax": along(cp.Softmax()),
    "SoftmaxCrossEntropyLoss": cross_entropy,
    "Softplus": plain(cp.Softplus()),
    "Sum": plain(cp.Add()),
    "Swish": plain(cp.SiLU()),
    "Tanh": plain(cp.Tanh()),
}


def tell(test: NodeTest) -> list[Array]:
    """Return the outputs of the test's operation as our boxes compute them."""
    return OPERATIONS[test.operation](test)


# ---- what is left out

_INTEGERS = "integer inputs; our boxes compute in floating point"
_BROADCAST = "inputs of different shapes; our Add and Multiply need equal ones"
_MATMUL = "a matrix for each row; Dense has one W"
_SEEDED = "drops entries at random, with ONNX's random numbers"
_CLIP = "other limits than -1 and 1; HardTanh has these"
_EXPANDED = "the same data as the test without the suffix, with the function written out in primitive operations"
EXCLUDED = {
    **{f"test_{op}_{sign}int8": _INTEGERS for op in ("add", "mul") for sign in ("", "u")},
    **{f"test_{op}_{sign}int16": _INTEGERS for op in ("add", "mul") for sign in ("", "u")},
    **{f"test_{op}_uint{bits}": _INTEGERS for op in ("add", "mul") for bits in (32, 64)},
    **{f"test_clip_default_int8_{kind}": _INTEGERS for kind in ("inbounds", "max", "min")},
    **{f"test_clip_default_{kind}": _CLIP for kind in ("inbounds", "max", "min")},
    **{f"test_clip_{kind}": _CLIP for kind in ("inbounds", "min_greater_than_max", "outbounds", "splitbounds")},
    "test_add_bcast": _BROADCAST,
    "test_mul_bcast": _BROADCAST,
    "test_sum_one_input": "one input; our Add takes two or more",
    "test_matmul_1d_3d": _MATMUL,
    "test_matmul_3d": _MATMUL,
    "test_matmul_4d": _MATMUL,
    "test_matmul_bcast": _MATMUL,
    "test_training_dropout": _SEEDED,
    "test_training_dropout_default": _SEEDED,
    "test_training_dropout_default_mask": _SEEDED,
    "test_training_dropout_mask": _SEEDED,
    "test_gelu_tanh_1": "the tanh approximation; our GELU is the exact one",
    "test_gelu_tanh_2": "the tanh approximation; our GELU is the exact one",
    "test_identity_opt": "a sequence, not an array",
    "test_identity_sequence": "a sequence, not an array",
    "test_reshape_allowzero_reordered": "an array without entries; networks have at least one row and one feature",
}  # fmt: skip
