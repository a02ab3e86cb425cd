"""The same bits: for any threads, any number of rows, any order of them, any stop, and whatever was computed before."""

from __future__ import annotations

import copy
import pickle
import tracemalloc
from pathlib import Path

import numpy
import pytest
import scipy.sparse
from native_twin import SEED, STEP, TARGETS, engine, native, passes, same_bits, training_state, trajectory

import clearprop as cp
from cases import OPTIMIZERS
from clearprop import engines
from clearprop.engines import Batch
from clearprop.engines import native as door

SHARD_ROWS = door.core().SHARD_ROWS
N_IN, N_ROWS = 96, 1100
RNG = numpy.random.default_rng(0)
X = RNG.normal(size=(N_ROWS, N_IN)).astype(numpy.float32)
Y = RNG.normal(size=(N_ROWS, 3)).astype(numpy.float32)
CLASSES = RNG.integers(0, 10, size=N_ROWS)
WEIGHT = RNG.integers(0, 3, size=N_ROWS).astype(numpy.float32)
SPARSE = scipy.sparse.random_array((N_ROWS, N_IN), density=0.1, format="csr", rng=1, dtype=numpy.float32)


def plain(**options):
    """Dense layers and what a kernel folds into them."""
    boxes = [cp.Dense(192), cp.ReLU(), cp.Dense(131), cp.Tanh(), cp.Dense(40), cp.PReLU(), cp.Dense(10)]
    return cp.Network(boxes, inputs=N_IN, loss=cp.CrossEntropy(), **options)


def mixed(**options):
    """Statistics of the batch, of the row, noise, slopes, and a node that three others read."""
    x = cp.Input(N_IN)
    h = cp.Parametric(cp.SELU(), cp.Constant(0.7))(cp.Dense(150)(x))
    h = cp.Dropout(0.2)(cp.BatchNorm()(cp.Dense(150)(h)))
    h = cp.PReLU()(cp.LayerNorm()(cp.Add()(h, cp.RReLU()(cp.Dense(150)(h)))))
    return cp.Network(cp.Dense(3)(cp.Concatenate()(h, cp.Scale()(cp.Softmax()(cp.Dense(33)(h))))), **options)


def embedded(**options):
    """Parameters whose gradients are made together, of several panels of columns."""
    boxes = [cp.Dense(45), cp.Tanh(), cp.PeriodicEmbedding(18), cp.Dense(3)]
    return cp.Network(boxes, inputs=N_IN, **options)


def target_of(net):
    return CLASSES if isinstance(net.loss_function, cp.CrossEntropy) else Y


# ---- threads


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("make", [plain, mixed, embedded])
def test_any_number_of_threads(make, dtype):
    """The batches of 500 rows are worth 8 threads (2.5e6 operations each), the last one of 100 fewer."""
    net = make(dtype=dtype, penalty=cp.L2(0.01, per_row=True), constraint=cp.MaxNorm(1.0))
    batch = net.batch(X, target_of(net), WEIGHT)
    expected = None
    for threads in (1, 2, 3, 4, 8):
        executor = native(net.program, threads=threads)
        found = passes(executor, net, batch)
        for optimizer in (cp.SGD(0.01, momentum=0.9), cp.Adam(0.01, clip_norm=0.1)):
            trained = trajectory(executor, net, batch, optimizer, 500)
            found |= {f"{optimizer!r} {name}": value for name, value in trained.items()}
        expected = found if expected is None else expected
        assert [name for name, value in found.items() if not same_bits(value, expected[name])] == []
    tasks = Path("/proc/self/task")
    assert not tasks.exists() or len(list(tasks.iterdir())) >= 8  # they were there


def test_any_number_of_threads_on_sparse_rows():
    net = plain()
    batch = net.batch(SPARSE, CLASSES, WEIGHT)
    results = [
        (passes(executor, net, batch), trajectory(executor, net, batch, cp.Adam(0.01), 500))
        for executor in (native(net.program, threads=threads) for threads in (1, 3, 8))
    ]
    assert all(same_bits(one, other) for result in results for one, other in zip(result, results[0], strict=True))


@pytest.mark.parametrize("n_rows", [1, 2, 5, 17])
def test_more_threads_than_rows(n_rows):
    """Layers so wide that a few rows are worth eight threads; the shares of some threads are empty."""
    boxes = [cp.Dense(900), cp.BatchNorm(), cp.ReLU(), cp.Dropout(0.1), cp.Dense(900), cp.Tanh(), cp.Dense(3)]
    net = cp.Network(boxes, inputs=N_IN, loss=cp.SquaredError())
    batch = net.batch(X[:n_rows], Y[:n_rows])
    results = [
        passes(executor, net, batch) | trajectory(executor, net, batch, cp.SGD(0.01, momentum=0.9), n_rows)
        for executor in (native(net.program, threads=threads) for threads in (1, 2, 8))
    ]
    assert all(same_bits(result, results[0]) for result in results)


# ---- rows


def narrow(**options):
    mixed = cp.Parametric(cp.Mish(), cp.Constant(0.7))
    return cp.Network([cp.Dense(17), mixed, cp.Dense(33), cp.Softplus(), cp.Dense(1)], inputs=N_IN, **options)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("make", [plain, mixed, narrow, embedded])
@pytest.mark.parametrize("rows", [X, SPARSE], ids=["dense", "sparse"])
def test_a_prediction_does_not_depend_on_the_rows_beside_it(rows, make, dtype, target):
    net = make(dtype=dtype)
    (x,) = net.inputs(rows)
    for threads in (1, 3):
        executor = native(net.program, target, threads)
        for run in (executor.scores, executor.predictions):
            whole = run(net.vector, net.buffer_vector, (x,))
            for size in (1, 2, 15, 16, 17, 100, N_ROWS - 1):
                some = [slice(start, start + size) for start in (0, 3, N_ROWS - size)]
                assert all(same_bits(run(net.vector, net.buffer_vector, (x[s],)), whole[s]) for s in some), size
            order = numpy.random.default_rng(2).permutation(N_ROWS)
            assert same_bits(run(net.vector, net.buffer_vector, (x[order],)), whole[order])


def test_the_estimators_predict_the_same_bits_row_by_row():
    model = cp.MLPClassifier((40, 17), max_iter=3, early_stopping=False, random_state=0)
    with pytest.warns(Warning, match="converge"):
        model.fit(X[:300], CLASSES[:300])
    whole = model.predict_proba(X[:40])
    assert same_bits(numpy.concatenate([model.predict_proba(x[None]) for x in X[:40]]), whole)


# ---- time


@pytest.mark.parametrize("optimizer", [cp.Adam(0.01), cp.SGD(0.01, momentum=0.9)], ids=repr)
def test_stop_and_resume(optimizer):
    arguments = {"optimizer": optimizer, "batch_size": 256, "seed": 4, "sample_weight": WEIGHT}
    whole, parts = mixed(engine="native"), mixed(engine="native")
    expected = whole.fit(X, Y, epochs=5, **arguments)
    (first,) = parts.fit(X, Y, epochs=1, **arguments)
    parts, state = pickle.loads(pickle.dumps((parts, first.state)))
    rest = parts.fit(X, Y, epochs=4, state=state, **arguments)
    assert same_bits(parts.vector, whole.vector)
    assert same_bits(parts.buffer_vector, whole.buffer_vector)
    assert [report.loss for report in (first, *rest)] == [report.loss for report in expected]
    assert [report.gradient_norm for report in (first, *rest)] == [report.gradient_norm for report in expected]


@pytest.mark.parametrize("threads", [1, 4])
def test_what_was_computed_before_leaves_no_trace(threads):
    """The same executor, whose memory holds a larger batch, and then one that overflows."""
    net = mixed()
    batch = net.batch(X, Y, WEIGHT)
    small = batch.take(slice(5, 70))
    expected = passes(native(net.program, threads=threads), net, small)
    trained = trajectory(native(net.program, threads=threads), net, small, cp.Adam(), 16)
    executor = native(net.program, threads=threads)
    passes(executor, net, batch)
    with numpy.errstate(all="ignore"):
        far = Batch(tuple(x * numpy.float32(1e38) for x in batch.inputs), batch.target, batch.weight)
        loss, _, gradient = executor.gradient(net.vector, net.buffer_vector.copy(), far, training=True)
    assert not (numpy.isfinite(loss) and numpy.isfinite(gradient).all())
    assert same_bits(trajectory(executor, net, small, cp.Adam(), 16), trained)
    assert same_bits(passes(executor, net, small), expected)


# ---- a step, taken apart

STEPS = (
    *OPTIMIZERS,
    cp.SGD(0.1, clip_value=0.01),
    cp.AdamW(0.05, weight_decay=0.1, rate_factors={"b": 0.5, "dense_2": 0.0}),
)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("make", [plain, mixed, narrow, embedded])
@pytest.mark.parametrize("optimizer", STEPS, ids=repr)
def test_a_step_is_its_gradient_and_its_update(optimizer, make, dtype):
    net = make(dtype=dtype, penalty=cp.ElasticNet(0.01, 0.5, per_row=True), constraint=cp.MaxNorm(0.9))
    batch = net.batch(X[:300], Y[:300, :1] if make is narrow else target_of(net)[:300], WEIGHT[:300])
    executor = native(net.program, threads=3)
    fused, apart = training_state(net, optimizer), training_state(net, optimizer)
    rows = numpy.arange(300)[::-1]
    for rate in (0.1, 0.05, 0.02):
        losses = executor.run_epoch(fused, optimizer, batch, rows, 300, [rate])
        data, penalty, gradient = executor.gradient(
            apart.parameters, apart.buffers, batch.take(rows), training=True, seed=apart.seed, step=apart.step
        )
        assert losses.data.tolist() == [data]
        assert numpy.isclose(losses.penalty[0], penalty, rtol=1e-5)  # sums of squares, in another order
        executor.apply(apart, optimizer, gradient, rate)
        assert fused.step == apart.step
        for name in ("parameters", "buffers", "slots"):
            assert same_bits(getattr(fused, name), getattr(apart, name)), name


def test_a_step_with_a_limited_norm_is_its_gradient_and_its_update_but_for_the_norm():
    """NumPy adds the squares up in another order, so that the factor may differ in its last bits."""
    net, optimizer = plain(dtype="float64"), cp.SGD(0.1, clip_norm=0.01)
    batch = net.batch(X[:300], CLASSES[:300])
    executor = native(net.program, threads=3)
    fused, apart = training_state(net, optimizer), training_state(net, optimizer)
    executor.run_epoch(fused, optimizer, batch, numpy.arange(300), 300, [0.1])
    gradient = executor.gradient(apart.parameters, apart.buffers, batch, training=True, seed=SEED)[2]
    executor.apply(apart, optimizer, gradient, 0.1)
    eps = float(numpy.finfo(numpy.float64).eps)
    moved = numpy.abs(apart.parameters - net.vector).max()
    # a few eps of the move, and one rounding of the parameter itself
    assert numpy.abs(fused.parameters - apart.parameters).max() <= 8 * eps * moved + eps * numpy.abs(net.vector).max()


def test_an_update_finds_its_slots_by_name():
    net, optimizer = narrow(), cp.Adam(0.1)
    gradient = numpy.linspace(-1, 1, net.n_parameters, dtype=numpy.float32)
    states = [training_state(net, optimizer), training_state(net, optimizer)]
    states[1].slots = dict(reversed(states[1].slots.items()))
    executor = native(net.program)
    for state in states:
        for _ in range(3):
            executor.apply(state, optimizer, gradient, 0.1)
    assert same_bits(states[0].parameters, states[1].parameters)
    assert all(same_bits(slot, states[1].slots[name]) for name, slot in states[0].slots.items())


def shardable(**options):
    """Everything whose gradient is a sum over rows: no statistics of the batch, and no noise."""
    x = cp.Input(N_IN)
    h = cp.Parametric(cp.GELU(), cp.Constant(0.7))(cp.Dense(70)(x))
    h = cp.PReLU()(cp.LayerNorm()(cp.Dense(70)(h)))
    layer = cp.Dense(70)
    h = cp.Concatenate()(cp.Tanh()(layer(h)), cp.ReLU()(layer(h)), cp.Scale()(h), cp.PeriodicEmbedding(5, width=2)(h))
    return cp.Network(cp.Dense(3)(h), **options)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("rows", [X, SPARSE], ids=["dense", "sparse"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n_rows", [SHARD_ROWS - 1, SHARD_ROWS, SHARD_ROWS + 1, 4 * SHARD_ROWS, N_ROWS])
def test_a_gradient_is_the_sum_of_its_shards(n_rows, dtype, rows, target):
    net = shardable(dtype=dtype)
    batch = net.batch(rows[:n_rows], Y[:n_rows], WEIGHT[:n_rows])
    total = float(batch.weight.astype(numpy.float64).sum())
    options = {"training": True, "seed": SEED, "step": STEP}
    data, _, gradient = native(net.program, target, threads=2).gradient(net.vector, net.buffer_vector, batch, **options)
    executor = native(net.program, target)
    losses, added = [], None
    for start in range(0, n_rows, SHARD_ROWS):
        shard = batch.take(slice(start, start + SHARD_ROWS))
        loss, penalty, part = executor.gradient(net.vector, net.buffer_vector, shard, total_weight=total, **options)
        assert penalty == 0.0
        losses.append(loss)
        added = part if added is None else added + part
    assert same_bits(added, gradient)
    assert abs(sum(losses) - data) <= len(losses) * float(numpy.finfo(numpy.float64).eps) * abs(data)


# ---- copies


def traced_peak(function):
    """Return how many bytes Python and NumPy held at most beyond those of the start."""
    tracemalloc.start()
    try:
        function()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("dtype", [numpy.float32, numpy.float64])
def test_rows_are_not_copied(dtype):
    net = cp.Network([cp.Dense(8), cp.ReLU(), cp.Dense(1)], inputs=200, dtype=dtype, engine="native")
    rows = numpy.ones((20_000, 200), dtype)
    rows.setflags(write=False)
    batch = net.batch(rows, numpy.zeros(20_000))
    assert batch.inputs[0] is rows
    executor, optimizer = net.executor(), cp.Adam()
    state, order = training_state(net, optimizer), numpy.arange(20_000)[::-1]
    results = 20_000 * 8  # one output a row, and the order as it is
    calls = {
        "scores": lambda: executor.scores(net.vector, net.buffer_vector, batch.inputs),
        "loss": lambda: executor.loss(net.vector, net.buffer_vector, batch, training=False),
        "gradient": lambda: executor.gradient(net.vector, net.buffer_vector, batch, training=True),
        "run_epoch": lambda: executor.run_epoch(state, optimizer, batch, order, 20_000, [0.01]),
    }
    for name, call in calls.items():
        assert traced_peak(call) < 4 * results < rows.nbytes / 10, name


def test_sparse_rows_are_not_made_dense():
    net = cp.Network([cp.Dense(8), cp.ReLU(), cp.Dense(1)], inputs=20_000, engine="native")
    rows = scipy.sparse.random_array((500, 20_000), density=1e-3, format="csr", rng=1, dtype=numpy.float32)
    batch, executor, optimizer = net.batch(rows, numpy.zeros(500)), net.executor(), cp.SGD()
    state = training_state(net, optimizer)
    dense = 500 * 20_000 * 4
    assert traced_peak(lambda: executor.scores(net.vector, net.buffer_vector, batch.inputs)) < dense / 10
    assert (
        traced_peak(lambda: executor.run_epoch(state, optimizer, batch, numpy.arange(500), 50, [0.01] * 10))
        < dense / 10
    )


def test_the_environment_gives_the_same_bits_as_the_argument(monkeypatch):
    """`auto` takes the native engine with what is in force, here three threads."""
    net = plain()
    expected = native(net.program, threads=3).scores(net.vector, net.buffer_vector, net.inputs(X))
    monkeypatch.setitem(engines.ENGINES, "native", engine(threads=3))
    assert same_bits(copy.deepcopy(net).scores(X), expected)
