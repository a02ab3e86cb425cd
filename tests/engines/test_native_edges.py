"""Where kernels go wrong: odd sizes, numbers that are hardly numbers, sparse rows, and steps that overflow."""

from __future__ import annotations

import math
import subprocess
import sys
from dataclasses import replace

import numpy
import pytest
import scipy.sparse
from native_twin import TARGETS, assert_agree, native, passes, reference, same_bits, training_state, trajectory

import clearprop as cp
from cases import LAYERS, NATIVE_LOSSES, classes, counts, labels, one_hot, reals, soft
from clearprop.engines import native as door
from clearprop.engines.array import ArrayExecutor

DTYPES = (numpy.float32, numpy.float64)
DTYPE_IDS = ["float32", "float64"]
SIZES = (1, 3, 15, 16, 17, 31, 32, 33)  # around the lanes of all instruction sets
ROWS = (1, 2, 13, 14, 15, 255, 256, 257, 513)  # around tiles, shards and the rows that pass at a time
K = 64  # a sum over 513 rows adds a few roundings of its own


def rows_of(n_rows, *shape, seed=0, scale=0.7):
    return numpy.random.default_rng(seed).normal(scale=scale, size=(n_rows, *shape)).astype(numpy.float32)


def compare(net, batch, target=None, threads=1, k=K):
    """Assert that passes agree with those of the array engine in float64, to k eps of the dtype."""
    wide = net.astype(numpy.float64)
    wide.vector[...], wide.buffer_vector[...] = net.vector, net.buffer_vector
    expected = passes(reference(wide.program), wide, batch.astype(numpy.float64))
    other = None if net.dtype == numpy.float64 else passes(reference(net.program), net, batch)
    assert_agree(passes(native(net.program, target, threads), net, batch), expected, k, other)


# ---- sizes


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("dtype", DTYPES, ids=DTYPE_IDS)
@pytest.mark.parametrize("width", SIZES)
def test_widths_and_rows(width, dtype, target):
    boxes = [cp.Dense(width), cp.LayerNorm(), cp.Softplus(), cp.Dense(width), cp.ReLU(), cp.Dense(width)]
    net = cp.Network(boxes, inputs=width, dtype=dtype)
    for n_rows in ROWS:
        compare(net, net.batch(rows_of(n_rows, width), rows_of(n_rows, width, seed=1)), target)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("dtype", DTYPES, ids=DTYPE_IDS)
@pytest.mark.parametrize("width", [*SIZES, 129, 257, 513])
def test_no_hidden_layer(width, dtype, target):
    """Widths around what stays in a cache, too: sums go on where a block of columns ended."""
    for inputs, units in ((width, 1), (1, width), (width, 5)):
        net = cp.Network([cp.Dense(units)], inputs=inputs, dtype=dtype)
        for n_rows in (1, 16, 17, 40):
            batch = net.batch(rows_of(n_rows, inputs), rows_of(n_rows, units, seed=1))
            compare(net, batch, target, k=K + 4 * inputs)  # a score may be much smaller than the terms of its sum


@pytest.mark.parametrize("batch_size", [1, 2, 33, 64, 65, 10_000])
def test_batches_of_any_size(batch_size):
    """The last batch may be smaller, a batch may be all rows; batch norm takes no statistics of a single row."""
    boxes = [cp.Dense(9, bias=False), cp.BatchNorm(), cp.RReLU(), cp.Dropout(0.2), cp.Dense(2)]
    net = cp.Network(boxes, inputs=3, dtype="float64")
    batch = net.batch(rows_of(65, 3), rows_of(65, 2, seed=1))
    steps = [trajectory(make(net.program), net, batch, cp.SGD(0.01), batch_size) for make in (native, reference)]
    assert_agree(*steps, k=1024)  # up to 130 steps, a few roundings each


MAKERS = {"reals": reals, "counts": counts, "labels": labels, "classes": classes, "one-hot": one_hot, "soft": soft}


@pytest.mark.parametrize("dtype", DTYPES, ids=DTYPE_IDS)
@pytest.mark.parametrize("case", NATIVE_LOSSES, ids=lambda case: case.id)
def test_losses_of_many_outputs(case, dtype):
    """A row of scores may take less or more than one vector."""
    for n_outputs in (2, 4, 7, 8, 9, 15, 16, 17, 33):
        levels = isinstance(case.loss, cp.Quantile) and isinstance(case.loss.quantile, tuple)
        loss = cp.Quantile(tuple(numpy.linspace(0.05, 0.95, n_outputs).tolist())) if levels else case.loss
        net = cp.Network([cp.Dense(n_outputs)], inputs=3, loss=loss, dtype=dtype)
        y = MAKERS[case.kind](n_outputs)(numpy.random.default_rng(0), 21)
        batch = net.batch(rows_of(21, 3, scale=2.0), y, rows_of(21, seed=2) ** 2)
        for target in TARGETS:
            compare(net, batch, target)


@pytest.mark.parametrize("dtype", DTYPES, ids=DTYPE_IDS)
@pytest.mark.parametrize("case", NATIVE_LOSSES, ids=lambda case: case.id)
def test_losses_of_extreme_scores(case, dtype):
    """Scores go through Scale(1.0), which leaves them as they are; 0 and ties are among them."""
    sizes = numpy.array([0.0, 1e-30, 1e-4, 1.0, 20.0, 80.0, case.range])
    column = numpy.concatenate([sizes, -sizes])
    scores = numpy.stack([numpy.roll(column, 3 * j + j * j) for j in range(case.n_outputs)], axis=1)
    net = cp.Network([cp.Scale()], inputs=case.n_outputs, loss=case.loss, dtype=dtype)
    batch = net.batch(scores, case.raw(n=len(scores)))
    theirs, loss = reference(net.program), case.loss
    for target in TARGETS:
        for row in range(len(scores)):  # one by one, so that the largest does not hide the others
            one = batch.take(slice(row, row + 1))
            data, _, gradient = native(net.program, target).gradient(net.vector, net.buffer_vector, one, training=True)
            expected, _, slope = theirs.gradient(net.vector, net.buffer_vector, one, training=True)
            eps = float(numpy.finfo(dtype).eps)
            # a loss is a difference of numbers as large as the scores, its gradient one of numbers up to 1 (or exp(s))
            assert abs(data - expected) <= 8 * eps * max(abs(expected), numpy.abs(one.inputs[0]).max()), scores[row]
            size = numpy.abs(one.inputs[0]) * numpy.maximum(
                numpy.abs(loss.gradient(numpy, one.inputs[0], one.target)), 1.0
            )
            assert (numpy.abs(gradient - slope) <= 8 * eps * size[0]).all(), scores[row]
            assert loss.values(numpy, one.inputs[0], one.target)[0] == pytest.approx(expected)


# ---- hardly numbers

ELEMENTWISE = [
    case.layer for case in LAYERS
    if len(case.shapes) == 1 and len(case.shapes[0]) == 1 and isinstance(case.layer, cp.Activation)
    and type(case.layer).__name__ in door.core().ACTIVATIONS
]  # fmt: skip


def hardly_numbers(dtype):
    limits = numpy.finfo(dtype)
    sizes = [0.0, limits.smallest_subnormal, limits.tiny / 8, limits.tiny, limits.eps, 1.0, 30.0, 90.0, 800.0, 1e30]
    return [*sizes, *(-a for a in sizes), limits.max, -limits.max, math.inf, -math.inf, math.nan]


def alike(got, expected, k, dtype):
    """Whether two numbers are both NaN, the same infinity, or closer than k eps, or than k of the smallest numbers."""
    if math.isnan(expected) or math.isinf(expected):
        return math.isnan(got) if math.isnan(expected) else got == expected
    limits = numpy.finfo(dtype)
    return abs(got - expected) <= k * max(float(limits.eps) * abs(expected), float(limits.smallest_subnormal))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # the array engine's, of NumPy
@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("dtype", DTYPES, ids=DTYPE_IDS)
@pytest.mark.parametrize("box", ELEMENTWISE, ids=repr)
def test_activations_of_what_is_hardly_a_number(box, dtype, target):
    """Value and derivative: under the absolute error db is f'(a) or -f'(a)."""
    boxes = [cp.Dense(1, initializer=cp.Constant(1.0)), box]
    net = cp.Network(boxes, inputs=1, loss=cp.AbsoluteError(), dtype=dtype)
    ours, theirs = native(net.program, target), reference(net.program)
    for a in hardly_numbers(dtype):
        batch = replace(net.batch([[0.0]], [0.4321]), inputs=(numpy.array([[a]], dtype),))
        values, slopes = [], []
        for executor in (ours, theirs):
            values.append(float(executor.scores(net.vector, net.buffer_vector, batch.inputs)[0, 0]))
            gradient = executor.gradient(net.vector, net.buffer_vector, batch, training=False)[2]
            slopes.append(float(net.layout.views(gradient)["dense_1.b"][0]))
        # a dozen roundings in the longest formula; the array engine's exp(-a^2 / 2) has an error of a^2 / 2 eps
        k = 16 + a * a if isinstance(box, cp.GELU) and abs(a) < 40 else 16
        assert alike(*values, k, dtype), (a, values)
        # f' of the smooth units is a difference of terms that cancel in the tails: its error is one of 1
        assert alike(*slopes, 16, dtype) or abs(slopes[0] - slopes[1]) <= 16 * float(numpy.finfo(dtype).eps), (
            a,
            slopes,
        )


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("dtype", DTYPES, ids=DTYPE_IDS)
def test_what_is_not_a_number_stays_in_its_row(dtype, target, threads):
    boxes = [cp.Dense(70), cp.LayerNorm(), cp.GELU(), cp.Dense(70), cp.Softmax(), cp.Dense(3)]
    net = cp.Network(boxes, inputs=19, dtype=dtype)
    rows = rows_of(700, 19).astype(dtype)
    executor = native(net.program, target, threads)
    expected = executor.scores(net.vector, net.buffer_vector, (rows,))
    bad = rows.copy()
    for row, value in ((0, math.nan), (13, math.inf), (300, -math.inf), (699, math.nan)):
        bad[row, row % 19] = value
    got = executor.scores(net.vector, net.buffer_vector, (bad,))
    assert numpy.flatnonzero(~numpy.isfinite(got).all(axis=1)).tolist() == [0, 13, 300, 699]
    assert same_bits(numpy.delete(got, [0, 13, 300, 699], axis=0), numpy.delete(expected, [0, 13, 300, 699], axis=0))


@pytest.mark.parametrize("dtype", DTYPES, ids=DTYPE_IDS)
def test_subnormal_numbers_are_not_flushed(dtype):
    """Neither in the kernels nor, afterwards, in the thread that called them."""
    tiny = numpy.finfo(dtype).smallest_subnormal
    net = cp.Network([cp.Scale()], inputs=5, dtype=dtype)
    rows = numpy.arange(-50, 50, dtype=dtype).reshape(20, 5) * tiny
    for target in TARGETS:
        executor = native(net.program, target)
        assert same_bits(executor.scores(net.vector, net.buffer_vector, (rows,)), rows + 0)
        assert (rows * dtype(0.5) != 0).sum() > 90
        dense = cp.Network([cp.Dense(1, initializer=cp.Constant(1.0))], inputs=5, dtype=dtype)
        sums = native(dense.program, target).scores(dense.vector, dense.buffer_vector, (rows,))
        assert (sums[:, 0] == rows.sum(axis=1)).all()


@pytest.mark.parametrize("target", TARGETS)
def test_zeros_of_either_sign(target):
    """0 and -0 are the same number everywhere, also at a kink."""
    boxes = [cp.Abs(), cp.Dense(3), cp.ReLU(), cp.PReLU(), cp.LeakyReLU(), cp.HardTanh(), cp.Parametric(cp.ReLU())]
    boxes.append(cp.Dense(1))
    net = cp.Network(boxes, inputs=2, dtype="float64")
    batches = [net.batch(numpy.full((4, 2), zero), numpy.zeros(4)) for zero in (0.0, -0.0)]
    ours = [passes(native(net.program, target), net, batch) for batch in batches]
    theirs = passes(reference(net.program), net, batches[0])
    for name, value in theirs.items():
        assert (numpy.asarray(ours[0][name]) == ours[1][name]).all(), name
        assert (numpy.asarray(ours[0][name]) == value).all(), name


# ---- memory


def test_no_rows_have_no_scores():
    net = cp.Network([cp.Dense(2)], inputs=3)
    empty = (numpy.zeros((0, 3), numpy.float32),)
    for make in (native, reference):
        executor = make(net.program)
        assert executor.scores(net.vector, net.buffer_vector, empty).shape == (0, 2)
        assert executor.predictions(net.vector, net.buffer_vector, empty).shape == (0, 2)


def test_read_only_networks_and_rows():
    net = cp.Network([cp.Dense(4), cp.BatchNorm(), cp.Dense(1)], inputs=3, engine="native")
    X, y = rows_of(20, 3), rows_of(20)
    expected = [net.scores(X), net.loss(X, y), net.gradient(X, y)[1]["dense_1.W"], net.loss(X, y, training=True)]
    for array in (net.vector, net.buffer_vector, X, y):
        array.setflags(write=False)
    got = [net.scores(X), net.loss(X, y), net.gradient(X, y)[1]["dense_1.W"], net.loss(X, y, training=True)]
    assert all(same_bits(a, b) for a, b in zip(got, expected, strict=True))


def test_rows_that_lie_in_memory_in_another_way():
    net = cp.Network([cp.Dense(4), cp.Tanh(), cp.Dense(2)], inputs=3, engine="native")
    X, y, weight = rows_of(40, 3), rows_of(40, 2), rows_of(40) ** 2
    expected = net.gradient(X, y, weight)
    layouts = [
        (numpy.asfortranarray(X), numpy.asfortranarray(y), weight),
        (numpy.repeat(X, 2, axis=0)[::2], numpy.repeat(y, 3, axis=1)[:, ::3], numpy.repeat(weight, 2)[::2]),
        (X[::-1].copy()[::-1], y[::-1].copy()[::-1], weight[::-1].copy()[::-1]),
        (X.astype(">f4"), y.astype(numpy.float64), weight.tolist()),
    ]
    for layout in layouts:
        loss, gradient = net.gradient(*layout)
        assert loss == expected[0]
        assert all(same_bits(gradient[name], value) for name, value in expected[1].items())


GUARD = """
import ctypes, mmap, sys
sys.path[:0] = sys.argv[1:]
import numpy, scipy.sparse
import clearprop as cp
from clearprop.engines import Batch
from clearprop.state import TrainState
from native_twin import TARGETS, native, TARGETS

PAGE = mmap.PAGESIZE
libc = ctypes.CDLL(None, use_errno=True)

def guarded(array):
    \"\"\"The same numbers, right before a page that nobody may touch.\"\"\"
    size = -(-max(array.nbytes, 1) // PAGE) * PAGE
    memory = mmap.mmap(-1, size + PAGE)
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    assert libc.mprotect(ctypes.c_void_p(address + size), ctypes.c_size_t(PAGE), 0) == 0
    copy = numpy.frombuffer(memory, array.dtype, array.size, size - array.nbytes).reshape(array.shape)
    copy[...] = array
    return copy

rng = numpy.random.default_rng(0)
n_nets = 0
for dtype in (numpy.float32, numpy.float64):
    for width in (1, 2, 3, 5, 8, 9, 15, 17, 33):
        noisy = [cp.BatchNorm(), cp.Dropout(0.1), cp.RReLU()]
        boxes = [cp.Dense(width), cp.PReLU(), *noisy, cp.LayerNorm(), cp.Parametric(cp.SELU())]
        boxes.append(cp.Dense(width, bias=False))
        targets = rng.normal(size=(21, width)), rng.integers(0, max(width, 2), 21)
        for loss, y in zip((cp.SquaredError(), cp.Hinge()), targets, strict=True):
            for n_in, sparse in ((3, False), (17, False), (6, True)):
                terms = {"penalty": cp.L2(0.1), "constraint": cp.MaxNorm(0.5)}
                net = cp.Network(boxes, inputs=n_in, loss=loss, dtype=dtype, **terms)
                x = rng.normal(size=(21, n_in)) * (rng.uniform(size=(21, n_in)) < 0.7)
                batch = net.batch(scipy.sparse.csr_array(x) if sparse else x, y, rng.uniform(size=21))
                rows = batch.inputs[0]
                if sparse:
                    rows = scipy.sparse.csr_array(rows)
                    rows.data = guarded(rows.data)
                    rows.indices, rows.indptr = (guarded(a.astype(numpy.int64)) for a in (rows.indices, rows.indptr))
                else:
                    rows = guarded(rows)
                batch = Batch((rows,), guarded(batch.target), guarded(batch.weight))
                parameters, buffers = guarded(net.vector), guarded(net.buffer_vector)
                optimizer = cp.Adam(0.01, clip_norm=0.1)
                for target in TARGETS:
                    executor = native(net.program, target)
                    for some in (rows, rows[:16], rows[:1]):
                        executor.scores(parameters, buffers, (some if sparse else guarded(some),))
                    executor.gradient(parameters, buffers.copy(), batch, training=True)
                    slots = {name: guarded(slot) for name, slot in optimizer.new_slots(numpy, net.vector).items()}
                    state = TrainState(guarded(net.vector), guarded(net.buffer_vector), slots)
                    order = guarded(rng.permutation(21))
                    executor.run_epoch(state, optimizer, batch, order, 8, guarded(numpy.full(3, 0.01)))
                    executor.apply(state, optimizer, guarded(net.vector), 0.01)
                n_nets += 1
print("done", n_nets)
"""


def test_nothing_is_read_or_written_behind_an_array(request):
    """Every array ends where a page begins that may not be touched: a process that goes one number too far dies."""
    places = [str(request.path.parent), str(request.path.parent.parent)]
    done = subprocess.run([sys.executable, "-c", GUARD, *places], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "done 108\n"), done.stderr[-2000:]


# ---- sparse rows


def csr(x, index_dtype=numpy.int32):
    rows = scipy.sparse.csr_array(x)
    rows.indices, rows.indptr = rows.indices.astype(index_dtype), rows.indptr.astype(index_dtype)
    return rows


def sparse_rows(n_rows, n_in, seed=0):
    """Return rows of which most numbers are 0, and some rows nothing else."""
    rng = numpy.random.default_rng(seed)
    x = rng.normal(size=(n_rows, n_in)) * (rng.uniform(size=(n_rows, n_in)) < 0.3)
    x[rng.uniform(size=n_rows) < 0.2] = 0.0
    return x.astype(numpy.float32)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("dtype", DTYPES, ids=DTYPE_IDS)
@pytest.mark.parametrize("width", SIZES)
def test_sparse_rows_agree_with_dense_ones(width, dtype, target):
    """Also with the array engine; zero hidden layers, biases, activations and factors behind the sparse product."""
    for boxes in ([cp.Dense(width)], [cp.Dense(width, ntk=True, bias=False), cp.ReLU(), cp.Dense(width), cp.Tanh()]):
        net = cp.Network(boxes, inputs=23, dtype=dtype)
        for n_rows, index_dtype in ((1, numpy.int64), (16, numpy.int32), (17, numpy.int64), (300, numpy.int32)):
            x, y = sparse_rows(n_rows, 23), rows_of(n_rows, width, seed=1)
            batch = net.batch(csr(x, index_dtype), y, rows_of(n_rows, seed=2) ** 2 + numpy.float32(0.1))
            assert batch.inputs[0].indices.dtype == index_dtype
            compare(net, batch, target)
            dense = replace(batch, inputs=(x.astype(dtype),))
            executor = native(net.program, target)
            assert_agree(passes(executor, net, batch), passes(executor, net, dense), 4 * K)
            optimizer = cp.Adam(0.01, clip_norm=0.5)
            trained = [trajectory(executor, net, rows, optimizer, 33) for rows in (batch, dense)]
            # Adam divides by the size of each entry of the gradient, of which the smallest have the largest errors
            eps = float(numpy.finfo(dtype).eps)
            assert numpy.abs(trained[0]["parameters"] - trained[1]["parameters"]).max() <= 4096 * eps


@pytest.mark.parametrize(
    "rows",
    [
        scipy.sparse.csr_array((5, 3), dtype=numpy.float32),
        scipy.sparse.csr_array(([1.0, 2.0], ([4, 4], [2, 0])), shape=(5, 3), dtype=numpy.float32),
        scipy.sparse.csr_array(([1.0, 2.0, 3.0], [2, 0, 2], [0, 0, 3, 3, 3, 3]), shape=(5, 3), dtype=numpy.float32),
        scipy.sparse.csr_array(([0.0, 0.0, 3.0], [0, 1, 2], [0, 1, 2, 2, 2, 3]), shape=(5, 3), dtype=numpy.float32),
        scipy.sparse.csc_matrix(numpy.eye(5, 3, dtype=numpy.float32)),
        scipy.sparse.coo_array(numpy.eye(5, 3, -2, dtype=numpy.float64)),
        scipy.sparse.csr_array(numpy.eye(5, 3, dtype=numpy.float32))[[4, 0, 0, 2, 1]],
    ],
    ids=["all zero", "one row", "unsorted and twice", "zeros that are stored", "csc", "coo", "rows taken"],
)
def test_sparse_rows_of_every_kind(rows):
    net = cp.Network([cp.Dense(3), cp.Tanh(), cp.Dense(1)], inputs=3, dtype="float64", engine="native")
    y = rows_of(5)
    assert_agree({"scores": net.scores(rows)}, {"scores": net.scores(rows.toarray())}, k=8)
    loss, gradient = net.gradient(rows, y)
    assert_agree(dict(gradient), dict(net.gradient(rows.toarray(), y)[1]), k=8)
    compare(net, net.batch(rows, y))
    net.fit(rows, y, epochs=3, batch_size=2)
    assert net.loss(rows, y) != loss


@pytest.mark.parametrize(
    "kinds", [(csr, csr), (csr, numpy.asarray), (numpy.asarray, csr)], ids=["both", "first", "second"]
)
def test_a_layer_that_sparse_inputs_share(kinds):
    layer, inputs = cp.Dense(7), [cp.Input(5), cp.Input(5)]
    hidden = [cp.Tanh()(layer(inputs[0])), layer(inputs[1])]
    net = cp.Network(cp.Dense(2)(cp.Concatenate()(*hidden)), inputs, dtype="float64")
    x = tuple(kind(sparse_rows(30, 5, seed)) for seed, kind in enumerate(kinds))
    compare(net, net.batch(x, rows_of(30, 2)))
    batch = net.batch(x, rows_of(30, 2))
    steps = [trajectory(make(net.program), net, batch, cp.SGD(0.01, momentum=0.9), 7) for make in (native, reference)]
    assert_agree(*steps, k=1024)


def test_two_sparse_inputs_of_layers_of_their_own():
    inputs = [cp.Input(5), cp.Input(9), cp.Input(4)]
    hidden = [cp.ReLU()(cp.Dense(7)(inputs[0])), cp.Dense(3)(inputs[1]), cp.Dense(2)(inputs[0]), inputs[2]]
    net = cp.Network(cp.Dense(2)(cp.Concatenate()(*hidden)), inputs, dtype="float64")
    x = (csr(sparse_rows(300, 5)), csr(sparse_rows(300, 9, 1)), rows_of(300, 4))
    batch = net.batch(x, rows_of(300, 2))
    for target in TARGETS:
        compare(net, batch, target)
    steps = [trajectory(make(net.program), net, batch, cp.SGD(0.01, momentum=0.9), 70) for make in (native, reference)]
    assert_agree(*steps, k=1024)


def test_numbers_and_one_hot_categories_train_together():
    """A dense box on one-hot rows is an embedding; sparse or not, all of training has the same bits."""
    codes = [numpy.random.default_rng(levels).integers(levels, size=200) for levels in (30, 4)]
    one_hot = [numpy.eye(levels, dtype=numpy.float32)[code] for levels, code in zip((30, 4), codes, strict=True)]
    X, y = rows_of(200, 5), codes[0] % 3 + rows_of(200)
    found = []
    for categories in ([csr(rows) for rows in one_hot], one_hot):
        inputs = [cp.Input(5), cp.Input(30), cp.Input(4)]
        h = cp.Concatenate()(inputs[0], *(cp.Dense(8, bias=False)(x) for x in inputs[1:]))
        output = cp.Dense(1)(cp.Parametric(cp.Mish())(cp.Dense(17)(h)))
        net = cp.Network(output, inputs, loss=cp.SquaredError(), engine="native")
        train, held_out = (tuple(rows[part] for rows in (X, *categories)) for part in (slice(150), slice(150, None)))
        reports = net.fit(
            train, y[:150], epochs=30, batch_size=32, optimizer=cp.Adam(0.05), validation=(held_out, y[150:]),
            early_stopping=cp.EarlyStopping(patience=3),
        )  # fmt: skip
        losses = [(report.loss, report.validation_loss) for report in reports]
        found.append({"losses": losses, "parameters": net.vector.copy(), "predictions": net.predict(held_out)})
    assert same_bits(*found)
    assert len(losses) < 30
    assert min(losses)[1] < 0.9 * losses[0][1]


# ---- weights of rows


@pytest.mark.parametrize("dtype", DTYPES, ids=DTYPE_IDS)
def test_a_batch_without_weight_moves_nothing_but_what_decays(dtype):
    """Its loss is 0, its gradient that of the penalties that do not count by rows; momentum goes on."""
    boxes = [cp.Dense(6, penalty=cp.L2(0.1, per_row=True)), cp.ReLU(), cp.Dense(1)]
    net = cp.Network(boxes, inputs=4, dtype=dtype, penalty=cp.L1(0.02))
    weight = numpy.concatenate([numpy.ones(8), numpy.zeros(8), [0.0, 2.0] * 4])
    batch = net.batch(rows_of(24, 4), rows_of(24), weight)
    found = []
    for make in (native, reference):
        state, optimizer = training_state(net, cp.SGD(momentum=0.9)), cp.SGD(0.1, momentum=0.9)
        losses = make(net.program).run_epoch(state, optimizer, batch, numpy.arange(24), 8, [0.1] * 3)
        assert losses.data[1] == 0.0
        found.append({"data": losses.data, "penalty": losses.penalty, "w": state.parameters, **state.slots})
        empty = batch.take(slice(8, 16))
        data, _, gradient = make(net.program).gradient(net.vector, net.buffer_vector, empty, training=True)
        views = net.layout.views(gradient)
        assert data == 0.0
        assert not views["dense_1.W"].any()
        assert not views["dense_2.b"].any()
        assert (numpy.abs(views["dense_2.W"]) == dtype(0.02)).all()
    assert_agree(*found, k=64)


def test_a_row_of_weight_zero_counts_for_nothing():
    net = cp.Network([cp.Dense(40), cp.Tanh(), cp.LayerNorm(), cp.Dense(3)], inputs=9, dtype="float64", engine="native")
    X, y, weight = rows_of(70, 9), rows_of(70, 3), numpy.arange(70) % 3 / 2
    kept = weight > 0
    loss, gradient = net.gradient(X, y, weight)
    expected, slopes = net.gradient(X[kept], y[kept], weight[kept])
    assert loss == pytest.approx(expected, rel=1e-14)
    assert_agree(dict(gradient), dict(slopes), k=16)


# ---- steps that overflow


def outcome(make, net, batch, optimizer, rates, batch_size=4):
    """Return where training stopped and what it left: (epoch, batch, node, message), state."""
    state = training_state(net, optimizer)
    state.epoch = 6
    with pytest.raises(cp.NonFiniteError) as caught:
        make(net.program).run_epoch(state, optimizer, batch, numpy.arange(batch.n_rows), batch_size, rates)
    error = caught.value
    return (error.epoch, error.batch, error.node, str(error)), state


def deep(dtype, box, loss=None):
    return cp.Network([cp.Dense(8), box, cp.Dense(1)], inputs=3, dtype=dtype, loss=loss)


def big(dtype, power=1.0):
    return dtype(numpy.finfo(dtype).max) ** dtype(power)


OVERFLOWS = {
    "rate": (cp.ReLU(), lambda x, y, dtype: (x, y), 0.99),
    "rate of Tanh": (cp.Tanh(), lambda x, y, dtype: (x, y), 0.99),
    "x": (cp.ReLU(), lambda x, y, dtype: (x * big(dtype, 0.99), y), None),
    "one x": (cp.SiLU(), lambda x, y, dtype: (numpy.where(x == x.max(), big(dtype), x), y), None),
    "x of cosines": (cp.PeriodicEmbedding(2), lambda x, y, dtype: (x * big(dtype, 0.99), y), None),
    "y behind cosines": (cp.PeriodicEmbedding(2), lambda x, y, dtype: (x, y * big(dtype, 0.6)), None),
    "y": (cp.Tanh(), lambda x, y, dtype: (x, y * big(dtype, 0.6)), None),
    "square of the gradient": (cp.ReLU(), lambda x, y, dtype: (x * big(dtype, 0.6), y), None),
}


@pytest.mark.parametrize(
    "optimizer", [cp.SGD(), cp.SGD(momentum=0.9), cp.Adam(), cp.AdamW(), cp.AdaGrad(), cp.RMSProp()], ids=repr
)
@pytest.mark.parametrize("dtype", DTYPES, ids=DTYPE_IDS)
@pytest.mark.parametrize("case", OVERFLOWS)
def test_training_stops_where_the_array_engine_does(case, dtype, optimizer):
    """In the third batch of the seventh epoch, or in the next one; what came before is kept to the last bit."""
    box, spoil, rate = OVERFLOWS[case]
    net = deep(dtype, box, cp.Huber() if case.startswith("square") else None)
    x, y = rows_of(20, 3).astype(dtype), rows_of(20, 1, seed=1).astype(dtype)
    bad_x, bad_y = spoil(x[8:12], y[8:12], dtype)
    rates = [1e-3, 1e-3, 1e-3 if rate is None else rate * float(numpy.finfo(dtype).max), 1e-3, 1e-3]
    spoiled = net.batch(numpy.concatenate([x[:8], bad_x, x[12:]]), numpy.concatenate([y[:8], bad_y, y[12:]]))
    where, state = outcome(native, net, spoiled, optimizer, rates)
    expected, theirs = outcome(reference, net, spoiled, optimizer, rates)
    assert where == expected
    assert where[0] == 7
    assert where[1] == 3 or (rate is not None and where[1] == 4)
    done = where[1] - 1
    assert (state.epoch, state.step) == (theirs.epoch, theirs.step) == (6, done)
    good = training_state(net, optimizer)
    native(net.program).run_epoch(good, optimizer, spoiled, numpy.arange(4 * done), 4, rates[:done])
    assert same_bits(state.parameters, good.parameters)
    assert same_bits(state.buffers, good.buffers)


def test_statistics_of_the_batch_that_overflow_are_named():
    net = cp.Network([cp.BatchNorm(), cp.Dense(1)], inputs=1)
    rows = numpy.concatenate([rows_of(8, 1), numpy.float32([[1e25], [-1e25]])])
    batch = net.batch(rows, rows_of(10))
    where, state = outcome(native, net, batch, cp.SGD(), [0.01] * 3)
    assert where == outcome(reference, net, batch, cp.SGD(), [0.01] * 3)[0]
    assert where[:3] == (7, 3, "batch_norm_1.running_variance")
    assert numpy.isfinite(state.buffers).all()


@pytest.fixture
def steps_left(monkeypatch):
    """The batches that the native engine left to the array engine, by number."""
    seen = []
    run = ArrayExecutor.run_epoch

    def spy(self, *arguments, first_batch=1, **keywords):
        seen.append(first_batch)
        return run(self, *arguments, first_batch=first_batch, **keywords)

    monkeypatch.setattr(ArrayExecutor, "run_epoch", spy)
    return seen


@pytest.mark.parametrize("optimizer", [cp.SGD(), cp.Adam(clip_norm=10.0), cp.SGD(momentum=0.9)], ids=repr)
@pytest.mark.parametrize("unsafe", [1, 3, 5])
def test_a_step_that_might_overflow_is_left_to_the_array_engine(unsafe, optimizer, steps_left):
    """A row of 1e19 with hardly any weight: the bound of the gradient's square overflows, the gradient does not."""
    x, z = cp.Input(2), cp.Input(3)
    h = cp.Dense(6, initializer=cp.Constant(0.0))(x)  # stays 0, see rate_factors
    h = cp.Concatenate()(cp.Dropout(0.2)(h), cp.BatchNorm()(z))
    net = cp.Network(cp.Dense(1, penalty=cp.L2(0.1))(h), loss=cp.Huber())
    optimizer = replace(optimizer, rate_factors={"dense_1.W": 0.0})
    far, weight = rows_of(20, 2), numpy.ones(20)
    far[4 * unsafe - 4], weight[4 * unsafe - 4] = 1e19, 1e-15
    batch = net.batch((far, rows_of(20, 3)), rows_of(20), weight)
    found = []
    for make in (native, reference):
        state, rates = training_state(net, optimizer), [0.05, 0.04, 0.03, 0.02, 0.01]
        losses = make(net.program).run_epoch(state, optimizer, batch, numpy.arange(20), 4, rates)
        assert (state.epoch, state.step) == (1, 5)
        found.append({"data": losses.data, "penalty": losses.penalty, "norm": losses.gradient_norm, **state.slots})
        found[-1] |= {"parameters": state.parameters, "buffers": state.buffers}
    assert steps_left == [unsafe, 1]  # the second is the array engine's own epoch
    assert_agree(*found, k=1024)


def test_ordinary_training_is_never_left_to_the_array_engine(steps_left):
    """Deep, wide, float32, with every optimizer: bounds that are too coarse would cost all speed."""
    boxes = [box for _ in range(8) for box in (cp.Dense(128), cp.ReLU())]
    for optimizer in (cp.SGD(0.01, momentum=0.9), cp.Adam(), cp.AdaGrad(), cp.RMSProp(), cp.AdamW(clip_norm=1.0)):
        net = cp.Network([*boxes, cp.Dense(3)], inputs=20, loss=cp.CrossEntropy(), engine="native")
        net.fit(10 * rows_of(300, 20), numpy.arange(300) % 3, optimizer=optimizer, epochs=4)
    assert steps_left == []


@pytest.mark.parametrize("ends", [[1.0, 1.0], [1.0, -1.0]], ids=["infinite", "not a number"])
@pytest.mark.parametrize("loss", [cp.CrossEntropy(), cp.KLDivergence(), cp.Hinge()], ids=repr)
def test_a_score_that_is_no_number_is_found_whatever_the_loss_makes_of_it(loss, ends):
    """It belongs to the third class, a hinge looks at two scores of a row, and all gradients are finite."""
    x = cp.Input(2)
    net = cp.Network(cp.Add()(cp.Dense(3)(x), cp.Dense(3)(x)), loss=loss)
    net.vector[...] = 0.0
    for name, end in zip(("dense_1.W", "dense_2.W"), ends, strict=True):
        net.parameters[name][:, 2] = 3e38 * end
    y = [0, 1] if isinstance(loss, cp.Hinge) else [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
    batch = net.batch([[2.0, 2.0], [2.0, 2.0]], y)
    found = [outcome(make, net, batch, cp.SGD(), [0.1], batch_size=2)[0] for make in (native, reference)]
    assert found[0] == found[1]
    assert found[0][2] == "dense_1"
