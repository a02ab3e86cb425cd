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
    if x.ndim == w.ndim > 1:
        return [run(cp.MatMul(), x[None], w[None])[0][0]]
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


def reduce(box: type[Layer]) -> Any:
    """Return a sum or mean over axes; ours leaves one axis at least, hence the one put behind the others."""

    def operation(test: NodeTest) -> list[Array]:
        x, axes = test.inputs
        axis = tuple(int(a) % x.ndim for a in axes) or tuple(range(x.ndim))
        h, _ = run(box(axis), x[None, ..., None])
        kept = [1 if a in axis else size for a, size in enumerate(x.shape)]
        return [h.reshape(kept) if test.attributes["keepdims"] else h[0, ..., 0]]

    return operation


def cut(test: NodeTest) -> list[Array]:
    x, starts, stops, *rest = test.inputs
    axes = rest[0] if rest else range(len(starts))
    h = x[None]
    for start, stop, axis in zip(starts, stops, axes, strict=True):
        size = x.shape[axis]
        first, last = (int(min(place + size if place < 0 else place, size)) for place in (start, stop))
        h, _ = run(cp.Slice(first, last, axis=int(axis) % x.ndim), h)
    return [h[0]]


def transpose(test: NodeTest) -> list[Array]:
    axes = test.attributes.get("perm")
    return [run(cp.Transpose(tuple(axes) if axes else None), test.inputs[0][None])[0][0]]


def gather(test: NodeTest) -> list[Array]:
    x, codes = test.inputs
    axis = test.attributes["axis"]
    front = numpy.moveaxis(x, axis, 0)  # what is gathered, as the rows of a table
    p = {"W": front.reshape(len(front), -1)}
    h, _ = run(cp.Embedding(*p["W"].shape), codes[None].astype(numpy.float32), p=p)
    places = range(axis, axis + codes.ndim)
    return [numpy.moveaxis(h.reshape(*codes.shape, *front.shape[1:]), range(codes.ndim), places)]


def borders(test: NodeTest) -> list[tuple[int, int]]:
    """Return the padding above and below, and on the left and on the right."""
    kind, a = test.attributes.get("auto_pad"), test.attributes
    if kind is None:
        above, left, below, right = a.get("pads", [0] * 4)
        return [(above, below), (left, right)]
    pairs = []
    for size, window, step in zip(test.inputs[0].shape[2:], a["kernel_shape"], a.get("strides", [1, 1]), strict=True):
        total = max((-(-size // step) - 1) * step + window - size, 0)  # as many windows as steps
        small, large = total // 2, total - total // 2
        pairs.append((small, large) if kind == "SAME_UPPER" else (large, small))
    return pairs


def convolution(test: NodeTest) -> list[Array]:
    x, w = test.inputs
    padding = tuple(before for before, after in borders(test) if before == after)
    layer = cp.Conv2D(len(w), w.shape[2:], tuple(test.attributes.get("strides", [1, 1])), padding, bias=False)
    return [run(layer, x, p={"W": w})[0]]


def pool(box: type[Layer], border: float) -> Any:
    """Return a pooling with what its padding counts as, put around the image before the box."""

    def operation(test: NodeTest) -> list[Array]:
        x, a = test.inputs[0], test.attributes
        padded = numpy.pad(x, [(0, 0), (0, 0), *borders(test)], constant_values=border)
        size = tuple(a.get("kernel_shape", x.shape[2:]))  # a global one has no kernel
        return [run(box(size, tuple(a.get("strides", [1, 1]))), padded)[0]]

    return operation


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
    "AveragePool": pool(cp.AveragePool2D, 0.0),
    "BatchNormalization": batch_norm,
    "Clip": lambda test: [run(cp.HardTanh(), test.inputs[0])[0]],
    "Concat": concat,
    "Conv": convolution,
    "Dropout": dropout,
    "Elu": elu,
    "Flatten": flatten,
    "Gather": gather,
    "Gelu": plain(cp.GELU()),
    "Gemm": gemm,
    "GlobalAveragePool": pool(cp.AveragePool2D, 0.0),
    "GlobalMaxPool": pool(cp.MaxPool2D, -numpy.inf),
    "Identity": plain(cp.Identity()),
    "LayerNormalization": layer_norm,
    "LeakyRelu": leaky_relu,
    "LogSoftmax": along(cp.LogSoftmax()),
    "MatMul": matmul,
    "MaxPool": pool(cp.MaxPool2D, -numpy.inf),
    "Mish": plain(cp.Mish()),
    "Momentum": momentum,
    "Mul": plain(cp.Multiply()),
    "NegativeLogLikelihoodLoss": negative_log_likelihood,
    "PRelu": prelu,
    "ReduceMean": reduce(cp.Mean),
    "ReduceSum": reduce(cp.Sum),
    "Relu": plain(cp.ReLU()),
    "Reshape": reshape,
    "Selu": selu,
    "Sigmoid": plain(cp.Sigmoid()),
    "Slice": cut,
    "Softmax": along(cp.Softmax()),
    "SoftmaxCrossEntropyLoss": cross_entropy,
    "Softplus": plain(cp.Softplus()),
    "Sum": plain(cp.Add()),
    "Swish": plain(cp.SiLU()),
    "Tanh": plain(cp.Tanh()),
    "Transpose": transpose,
}


def tell(test: NodeTest) -> list[Array]:
    """Return the outputs of the test's operation as our boxes compute them."""
    return OPERATIONS[test.operation](test)


# ---- what is left out

_INTEGERS = "integer inputs; our boxes compute in floating point"
_BROADCAST = "inputs of different shapes; our Add and Multiply need equal ones"
_MATMUL = "a matrix that is used several times; our MatMul needs as many of both"
_EMPTY = "an array without entries; networks have at least one row and one feature"
_NO_AXES = "no axes: nothing is summed"
_PLANES = "windows over one or three axes; our pools take images"
_CEIL = "windows that stand out of the image; ours stay within"
_DILATED = "windows with gaps; ours have none"
_INSIDE = "a mean over the part of the window that is inside; ours is over all of it"
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
    "test_matmul_bcast": _MATMUL,
    "test_training_dropout": _SEEDED,
    "test_training_dropout_default": _SEEDED,
    "test_training_dropout_default_mask": _SEEDED,
    "test_training_dropout_mask": _SEEDED,
    "test_gelu_tanh_1": "the tanh approximation; our GELU is the exact one",
    "test_gelu_tanh_2": "the tanh approximation; our GELU is the exact one",
    **{f"test_{kind}pool_{n}d_default": _PLANES for kind in ("average", "max") for n in (1, 3)},
    **{f"test_averagepool_3d_dilations_{which}": _PLANES for which in (
        "small",
        *(f"large_count_include_pad_is_{n}_ceil_mode_is_{ceil}" for n in (0, 1) for ceil in (False, True)),
    )},
    **{f"test_maxpool_3d_dilations{which}": _PLANES for which in ("", "_use_ref_impl", "_use_ref_impl_large")},
    **{f"test_{kind}pool_2d_ceil": _CEIL for kind in ("average", "max")},
    "test_averagepool_2d_ceil_last_window_starts_on_pad": _CEIL,
    "test_maxpool_2d_ceil_output_size_reduce_by_one": _CEIL,
    **{f"test_{kind}pool_2d_dilations": _DILATED for kind in ("average", "max")},
    **{f"test_averagepool_2d_{which}": _INSIDE for which in (
        "pads", "precomputed_pads", "precomputed_same_upper", "same_lower", "same_upper",
    )},
    "test_maxpool_2d_uint8": _INTEGERS,
    **{f"test_maxpool_with_argmax_2d_precomputed_{which}": "also asks where the largest entries are"
       for which in ("pads", "strides")},
    "test_identity_opt": "a sequence, not an array",
    "test_identity_sequence": "a sequence, not an array",
    "test_reshape_allowzero_reordered": _EMPTY,
    "test_gather_negative_indices": "negative indices; codes count from 0",
    "test_reduce_sum_empty_axes_input_noop": _NO_AXES,
    "test_reduce_sum_empty_axes_input_noop_example": _NO_AXES,
    "test_reduce_sum_empty_set": _EMPTY,
    "test_reduce_sum_empty_set_non_reduced_axis_zero": _EMPTY,
    "test_slice_neg_steps": "steps backwards; our Slice takes every entry in order",
    "test_slice_start_out_of_bounds": _EMPTY,
}  # fmt: skip
