"""The native engine beside the array engine: every box, loss and optimizer in both dtypes, on every instruction set."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import replace

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from native_twin import TARGETS, assert_agree, engine, native, passes, reference, same_bits, training_state, trajectory

import clearprop as cp
from cases import CONSTRAINTS, LAYERS, LOSSES, NATIVE_LOSSES, OPTIMIZERS, PENALTIES
from clearprop.engines import choose
from clearprop.engines import native as door

N_ROWS, BATCH_ROWS = 18, 4  # 5 batches an epoch, the last one smaller
DTYPES = (numpy.float64, numpy.float32)
RUNS = (
    *OPTIMIZERS,
    cp.SGD(0.1, clip_norm=0.2),
    cp.Adam(0.05, clip_value=0.01),
    cp.SGD(0.1, momentum=0.5, clip_value=0.05, clip_norm=0.1),
    cp.RMSProp(0.01, rate_factors={"b": 0.5, "dense_1": 0.0, "dense_2.W": 2.0}),
    cp.AdamW(cp.Cosine(0.05), weight_decay=0.1, rate_factors={"W": 0.5}),
    cp.SGD(cp.WarmUp(0.1, 3)),
    cp.AdaGrad(cp.StepDecay(0.1, every=2), clip_norm=0.3),
)
TERMS = tuple(itertools.product((None, *PENALTIES, cp.L1(0.1, per_row=True)), (None, *CONSTRAINTS, cp.MaxNorm(0.4))))
UNROWS_BOXES = {
    cp.Embedding, cp.Flatten, cp.Maxout, cp.Multiply, cp.RBF, cp.Rescale, cp.Reshape, cp.Slice,
    cp.Step, cp.TransposedDense,
}  # fmt: skip

# A pass is a few dozen roundings in a row, of which most cancel: 5 eps is the most seen.
K_PASS = 16
# Ten steps add up ten such errors, and adaptive optimizers divide by the size of each entry of the gradient: the
# smallest of hundreds of entries, a thousand times smaller than the largest, has a thousand times its relative error.
K_TRAJECTORY = 4096


def known(case):
    """Return whether the native engine is to run this box."""
    return type(case.layer) not in UNROWS_BOXES and all(len(shape) == 1 for shape in case.shapes)


def table():
    """Rows of (box, loss, optimizer, (penalty, constraint)): all pairs of two occur, but those of box and terms."""
    used = Counter()
    for i, case in enumerate(case for case in LAYERS if known(case)):
        for j, loss_case in enumerate(NATIVE_LOSSES):
            which = (i + j) % len(RUNS)
            yield case, loss_case, RUNS[which], TERMS[used[which] % len(TERMS)]
            used[which] += 1


ROWS = list(table())


def row_id(row):
    case, loss_case, optimizer, _ = row
    return f"{case.id}-{loss_case.id}-{optimizer!r}"


def network(case, loss_case, terms=(None, None)):
    """Return Dense -> the box -> Dense -> the loss, and its rows; everything in float64, and fit for float32."""
    penalty, constraint = terms
    inputs = [cp.Input(3 + i) for i in range(len(case.shapes))]
    if all(len(shape) == 1 for shape in case.shapes):
        bias = not isinstance(case.layer, cp.BatchNorm)  # its gradient would be 0 but for rounding
        nodes = [cp.Dense(shape[0], bias=bias)(x) for x, shape in zip(inputs, case.shapes, strict=True)]
    else:
        inputs = nodes = [cp.Input(shape) for shape in case.shapes]
    node = case.layer(*nodes)
    if len(node.shape) > 1:
        node = cp.Flatten()(node)
    output = cp.Dense(loss_case.n_outputs)(node)
    options = {"penalty": penalty, "constraint": constraint, "dtype": numpy.float64}
    net = cp.Network(output, inputs, loss=loss_case.loss, **options)
    rng = numpy.random.default_rng(3)
    net.vector += rng.uniform(-0.2, 0.2, size=net.vector.shape)
    net.buffer_vector[...] = rng.uniform(0.5, 2.0, size=net.buffer_vector.shape)
    net.vector[...], net.buffer_vector[...] = (a.astype(numpy.float32) for a in (net.vector, net.buffer_vector))
    X = tuple(rng.normal(scale=0.7, size=(N_ROWS, *x.shape)).astype(numpy.float32) for x in inputs)
    weight = rng.integers(0, 4, size=N_ROWS).astype(numpy.float32) / 2 + numpy.float32(0.25)
    return net, X if len(X) > 1 else X[0], loss_case.raw(n=N_ROWS), weight


def check(net, X, y, weight, optimizer, dtype, ways=((None, 1),), batch_rows=BATCH_ROWS, times=1):
    """Assert that both engines agree about passes and two epochs, to `times` K; `ways`: instruction sets, threads."""
    narrow = net.astype(dtype)
    ours = [native(narrow.program, *way) for way in ways]
    theirs, wide = reference(narrow.program), reference(net.program)
    for weights, k, run in ((None, K_PASS, passes), (weight, K_PASS, passes), (weight, K_TRAJECTORY, trajectory)):
        batch = narrow.batch(X, y, weights)
        how = (optimizer, batch_rows) if run is trajectory else ()
        expected = run(wide, net, batch.astype(numpy.float64), *how)
        other = None if dtype == numpy.float64 else run(theirs, narrow, batch, *how)
        for executor in ours:
            assert_agree(run(executor, narrow, batch, *how), expected, times * k, other)


def test_the_table_pairs_everything_with_everything():
    boxes, losses = {id(row[0]) for row in ROWS}, {id(row[1]) for row in ROWS}
    assert len({(id(row[0]), repr(row[2])) for row in ROWS}) == len(boxes) * len(RUNS)
    assert len({(id(row[1]), repr(row[2])) for row in ROWS}) == len(losses) * len(RUNS)
    assert len({(repr(row[2]), row[3]) for row in ROWS}) == len(RUNS) * len(TERMS)


@pytest.mark.parametrize("dtype", DTYPES, ids=["float64", "float32"])
@pytest.mark.parametrize("row", ROWS, ids=row_id)
def test_engines_agree(row, dtype):
    case, loss_case, optimizer, terms = row
    check(*network(case, loss_case, terms), optimizer, dtype)


# ---- what is refused


def refused(program, optimizer=None):
    """Return the reason for which the native engine refuses; "auto" takes the array engine then."""
    reason = engine().refuses(program, optimizer)
    assert choose("auto", program, optimizer).name == ("native" if reason is None else "array")
    if reason is not None:
        with pytest.raises(cp.ArgumentError) as caught:
            choose("native", program, optimizer)
        assert str(caught.value) == f"engine 'native' refuses this network: {reason}; use engine='auto'."
    return reason


@pytest.mark.parametrize("case", LAYERS, ids=lambda case: case.id)
def test_a_box_without_a_kernel_is_refused_by_name(case):
    net = network(case, LOSSES[0])[0]
    first = next((node for node in net.graph.nodes if len(node.shape) > 1), None)
    if known(case):
        assert refused(net.program) is None
    elif first is not None:
        assert (
            refused(net.program) == f"node '{first.name}' has rows of shape {first.shape}, and it takes vectors alone"
        )
    else:
        node = next(node for node in net.graph.nodes if node.layer == case.layer)
        box = type(case.layer).__name__
        assert refused(net.program) == f"node '{node.name}' is a {box}, which it does not know"


def test_every_loss_has_a_kernel_or_is_refused_by_name():
    assert {type(case.loss).__name__ for case in NATIVE_LOSSES} == set(door.core().LOSSES)
    for case in set(LOSSES) - set(NATIVE_LOSSES):
        net = cp.Network([cp.Dense(case.n_outputs)], inputs=3, loss=case.loss)
        assert refused(net.program) == f"the loss is {type(case.loss).__name__}, which it does not know"


class Doubled(cp.SquaredError):
    """A loss that the kernels must not take for the one it descends from."""


class Steeper(cp.Tanh):
    """A box of the user's, likewise."""


class Slower(cp.SGD):
    """An optimizer of the user's, likewise."""


class Heavier(cp.L2):
    """A penalty of the user's, likewise."""


class Tighter(cp.MaxNorm):
    """A constraint of the user's, likewise."""


def chain(*boxes, **options):
    return cp.Network([cp.Dense(2), *boxes, cp.Dense(1)], inputs=3, **options).program


@pytest.mark.parametrize(
    ("program", "optimizer", "reason"),
    [
        (chain(Steeper()), None, "node 'steeper_1' is a Steeper, which it does not know"),
        (chain(loss=Doubled()), None, "the loss is Doubled, which it does not know"),
        (chain(penalty=Heavier(0.1)), None, "a penalty is Heavier, which it does not know"),
        (chain(constraint=Tighter(1.0)), None, "a constraint is Tighter, which it does not know"),
        (chain(), Slower(), "the optimizer is Slower, which it does not know"),
        (chain(), cp.Adam(epsilon=0.0), "the optimizer has epsilon=0, so that it may divide by zero"),
        (cp.Network([cp.Tanh()], inputs=3).program, None, "the network has no parameters"),
    ],
    ids=["box", "loss", "penalty", "constraint", "optimizer", "epsilon", "no parameters"],
)
def test_what_has_no_kernel_is_refused_with_a_reason(program, optimizer, reason):
    assert refused(program, optimizer) == reason


# ---- instruction sets, threads, and terms of single boxes


def rows_of(net, n=N_ROWS):
    """Return rows, targets and weights for a network; numbers of float32."""
    rng = numpy.random.default_rng(9)
    shapes = [net.graph.nodes[place].shape for place in net.graph.inputs]
    X = tuple(rng.normal(scale=0.7, size=(n, *shape)).astype(numpy.float32) for shape in shapes)
    y = rng.normal(size=(n, *net.graph.output.shape)).astype(numpy.float32)
    if isinstance(net.loss_function, cp.CrossEntropy):
        y = rng.integers(0, net.graph.output.shape[0], size=n)
    weight = rng.integers(0, 4, size=n).astype(numpy.float32) / 2 + numpy.float32(0.25)
    return X if len(X) > 1 else X[0], y, weight


def rounded(net):
    """Return the network with parameters that float32 holds, too."""
    net.vector[...] = net.vector.astype(numpy.float32)
    return net


@pytest.mark.parametrize("dtype", DTYPES, ids=["float64", "float32"])
def test_penalties_and_constraints_of_single_boxes_agree(dtype):
    boxes = [
        cp.Dense(7, penalty=cp.L1(0.1), constraint=cp.MaxNorm(0.5)),
        cp.PReLU(),
        cp.Dense(5, penalty=cp.ElasticNet(0.2, 0.4, per_row=True)),
        cp.Tanh(),
        cp.Dense(1, ntk=True),
    ]
    net = rounded(cp.Network(boxes, inputs=4, penalty=cp.L2(0.05), constraint=cp.MaxNorm(0.7), dtype="float64"))
    check(net, *rows_of(net), cp.SGD(0.05, momentum=0.9), dtype)


SUBSET = [case.layer for case in LAYERS if known(case) and len(case.shapes) == 1]
WIDE_ROWS = 300  # at the widths below worth three threads


@pytest.mark.parametrize("index", range(len(SUBSET)), ids=lambda index: repr(SUBSET[index]))
def test_every_instruction_set_agrees(index):
    """`native` asserts which instruction set is in force."""
    box, loss, dtype = SUBSET[index], (cp.SquaredError(), cp.CrossEntropy())[index % 2], DTYPES[index // 2 % 2]
    boxes = [cp.Dense(64, bias=not isinstance(box, cp.BatchNorm)), box, cp.Dense(33), cp.Tanh(), cp.Dense(4)]
    net = rounded(cp.Network(boxes, inputs=65, loss=loss, dtype="float64"))
    ways = list(itertools.product(TARGETS, (1, 3)))
    check(net, *rows_of(net, WIDE_ROWS), RUNS[index % len(RUNS)], dtype, ways, batch_rows=WIDE_ROWS)


@pytest.mark.parametrize(
    "activation",
    [case.layer for case in LAYERS if isinstance(case.layer, cp.Activation) and not case.layer.stochastic],
    ids=repr,
)
def test_every_activation_with_a_learned_share_agrees(activation):
    boxes = [cp.Dense(33), cp.Parametric(activation, cp.Constant(0.6)), cp.Dense(3)]
    net = rounded(cp.Network(boxes, inputs=5, dtype="float64"))
    for dtype in DTYPES:
        check(net, *rows_of(net), cp.Adam(0.01), dtype, [(target, 1) for target in TARGETS])


@pytest.mark.parametrize("seed", [0, -3, 2**63 + 1, 2**64 + 5])
@pytest.mark.parametrize("step", [0, 3, 2**40])
def test_random_numbers_have_the_same_addresses(seed, step):
    """Dropout's masks, noise, and slopes of RReLU, at odd widths, where rows do not begin with a block of numbers."""
    boxes = [cp.Dropout(0.5), cp.Dense(7), cp.RReLU(), cp.Dropout(0.9), cp.GaussianNoise(0.2), cp.Dense(3)]
    net = cp.Network(boxes, inputs=5, dtype="float64")
    batch = net.batch(*rows_of(net)[:2])
    ours, theirs = (
        executor.gradient(net.vector, net.buffer_vector, batch, training=True, seed=seed, step=step)
        for executor in (native(net.program), reference(net.program))
    )
    assert_agree({"loss": ours[0], "gradient": ours[2]}, {"loss": theirs[0], "gradient": theirs[2]}, K_PASS)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("width", [1, 3, 15, 16, 33, 250, 1025, 2100])
def test_masks_are_the_same_bits(width, dtype):
    """A sum over rows of 2^row m, with m of 0 and 2, is exact in any order and tells all masks apart."""
    boxes = [cp.Dropout(0.5), cp.Dense(1, bias=False, initializer=cp.Constant(0.0))]
    net = cp.Network(boxes, inputs=width, dtype=dtype)
    batch = net.batch(2.0 ** numpy.arange(16)[:, None] * numpy.ones(width), numpy.ones(16))
    options = {"training": True, "seed": 11, "step": 5}  # nothing is special about them
    expected = reference(net.program).gradient(net.vector, net.buffer_vector, batch, **options)[2]
    assert len(numpy.unique(expected)) > width // 2  # the masks of the columns differ
    for target, threads in itertools.product(TARGETS, (1, 3)):
        executor = native(net.program, target, threads)
        assert same_bits(executor.gradient(net.vector, net.buffer_vector, batch, **options)[2], expected)


@pytest.mark.parametrize(
    "optimizer", [cp.Adam(0.05), cp.AdamW(0.05, beta_2=0.99), cp.Adam(0.05, epsilon_hat=True)], ids=repr
)
def test_late_steps_agree(optimizer):
    """Corrections of the means fade with the number of the step."""
    net = cp.Network([cp.Dense(4), cp.Tanh(), cp.Dense(2)], inputs=3, dtype="float64")
    batch = net.batch(*rows_of(net))
    for done in (1, 30, 10_000, 10**9):
        found = []
        for executor in (native(net.program), reference(net.program)):
            state = training_state(net, optimizer)
            state.step = done
            for slot in state.slots.values():
                slot += 0.01
            executor.run_epoch(state, optimizer, batch, numpy.arange(N_ROWS), 6, [0.05] * 3)
            assert state.step == done + 3
            found.append({"parameters": state.parameters, **state.slots})
        assert_agree(*found, k=64)  # three steps


# ---- graphs

WIDTHS = (1, 3, 31, 33, 65)


def residual(w):
    x = cp.Input(5)
    h = cp.Tanh()(cp.Dense(w)(x))
    return cp.Dense(2)(cp.Add()(h, cp.Dense(w)(cp.ReLU()(cp.Dense(w + 2)(h)))))


def concatenation(w):
    x, z = cp.Input(3), cp.Input(w)
    h = cp.Dense(w)(x)
    return cp.Dense(2)(cp.Concatenate()(z, cp.ELU()(h), x, cp.Dense(7)(cp.Concatenate()(h, z))))


def fan_out_behind_a_wider_node(w):
    """The gradients of nodes of several widths are added in one spare place."""
    h = cp.Dense(w)(cp.Input(5))
    wide = cp.Tanh()(cp.Dense(w + 13)(cp.Add()(h, h)))
    return cp.Dense(1)(cp.Concatenate()(h, cp.Add()(cp.Dense(w + 13)(wide), cp.Dense(w + 13)(wide), wide)))


def recurrent(w):
    """One layer read three times: gradients add up."""
    first, inner = cp.Dense(w), cp.Dense(w)
    h = cp.Tanh()(first(cp.Input(4)))
    for _ in range(2):
        h = cp.Tanh()(cp.Add()(inner(h), first(cp.Input(4))))
    return cp.Dense(2)(inner(h))


def shared_normalization(w):
    x, norm, slopes, scale = cp.Input(4), cp.LayerNorm(), cp.PReLU(), cp.Scale()
    h = slopes(norm(cp.Dense(w)(x)))
    return cp.Dense(2)(scale(cp.Add()(h, slopes(norm(scale(h))))))


def activation_with_two_readers(w):
    h = cp.SiLU()(cp.Dense(w)(cp.Input(5)))
    return cp.Dense(2)(cp.Add()(cp.Dense(w)(h), h))


def parametric_activations(w):
    """At an input, shared, before one dense box and before another box; what lies behind is one dense box or not."""
    x, layer = cp.Input(5), cp.Parametric(cp.Tanh(), cp.Constant(0.7))
    h = cp.Dense(w)(layer(cp.Dense(w)(cp.Parametric(cp.Mish(), cp.Constant(0.4))(x))))
    return cp.Dense(2)(cp.Add()(cp.Scale()(layer(h)), cp.PReLU()(cp.Dense(w)(x))))


def dense_with_two_readers(w):
    """Neither activation may be computed in the place of the other."""
    a = cp.Dense(w)(cp.Input(5))
    return cp.Dense(2)(cp.Concatenate()(cp.ReLU()(a), cp.Tanh()(a), a))


def activations_in_a_row(w):
    return cp.Dense(2)(cp.Tanh()(cp.Softplus()(cp.ReLU()(cp.Dense(w)(cp.Abs()(cp.Tanh()(cp.Input(w))))))))


def activation_last(w):
    return cp.Parametric(cp.Sigmoid())(cp.Dense(w)(cp.PReLU()(cp.Input(w))))


def no_hidden_layer(w):
    return cp.Dense(w)(cp.Input(w))


def no_dense_layer(w):
    return cp.Scale()(cp.Tanh()(cp.LayerNorm()(cp.Input(w + 1))))


def normalized_branches(w):
    """Statistics of the batch in two branches; noise in one of them."""
    x = cp.Input(5)
    left = cp.ReLU()(cp.BatchNorm()(cp.Dense(w, bias=False)(x)))
    right = cp.Dropout(0.3)(cp.BatchNorm(momentum=0.4)(cp.RReLU()(cp.Dense(w)(x))))
    return cp.Dense(2)(cp.LogSoftmax()(cp.Concatenate()(cp.Add()(left, right), cp.BatchNorm()(left))))


def embedded_columns(w):
    """One embedding read twice: at an input, where nobody asks for a gradient, and behind another box."""
    x, embedding = cp.Input(w), cp.PeriodicEmbedding(18, width=2, deviation=0.3)
    h = cp.Tanh()(cp.Dense(w)(x))
    return cp.Dense(2)(cp.Add()(cp.Dense(3)(embedding(x)), cp.Dense(3)(embedding(h))))


def softmax_inside(w):
    x = cp.Input(5)
    return cp.Dense(2)(cp.Concatenate()(cp.Softmax()(cp.Dense(w)(x)), cp.Scale()(x), x))


GRAPHS = (
    residual, concatenation, fan_out_behind_a_wider_node, recurrent, shared_normalization, activation_with_two_readers,
    parametric_activations, dense_with_two_readers, activations_in_a_row, activation_last, no_hidden_layer,
    no_dense_layer, normalized_branches, embedded_columns, softmax_inside,
)  # fmt: skip


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("graph", GRAPHS, ids=lambda graph: graph.__name__)
def test_graphs_agree(graph, width):
    net = rounded(cp.Network(graph(width), dtype="float64"))
    optimizer = cp.SGD(0.02, momentum=0.9, clip_norm=0.05)  # the norm takes in every entry, also what lies behind a row
    for dtype in DTYPES:
        check(net, *rows_of(net), optimizer, dtype, [(target, 1) for target in TARGETS])


def test_a_layer_on_the_same_node_twice():
    h = cp.Dense(7)(cp.Input(5))
    layer = cp.Dense(3)
    net = rounded(cp.Network(cp.Concatenate()(layer(h), layer(h), h, h), dtype="float64"))
    check(net, *rows_of(net), cp.SGD(0.02, momentum=0.9), numpy.float64)


ONE_TO_ONE = [
    cp.Tanh(), cp.ReLU(), cp.ELU(), cp.HardTanh(), cp.GELU(), cp.PReLU(), cp.Abs(), cp.Identity(), cp.Scale(),
    cp.Softmax(), cp.LogSoftmax(), cp.LayerNorm(), cp.BatchNorm(), cp.Dropout(0.25), cp.Dropout(0.0), cp.RReLU(),
    cp.GaussianNoise(0.5), cp.Parametric(cp.ReLU(), cp.Constant(0.5)), cp.PeriodicEmbedding(3, width=2),
]  # fmt: skip


@st.composite
def graphs(draw):
    """Draw a graph: every node reads what came before it; a layer may come a second time."""
    widths = st.integers(1, 20) | st.sampled_from([31, 32, 33])
    nodes = [cp.Input(draw(widths)) for _ in range(draw(st.integers(1, 3)))]
    layers = []
    for _ in range(draw(st.integers(1, 9))):
        node = draw(st.sampled_from(nodes))
        kind = draw(st.sampled_from(["dense", "shared", "box", "add", "concatenate"]))
        mates = [other for other in nodes if other.shape == node.shape]
        readers = [layer for layer, shape in layers if shape == node.shape]
        if kind == "add":
            nodes.append(cp.Add()(node, *draw(st.lists(st.sampled_from(mates), min_size=1, max_size=3))))
        elif kind == "concatenate":
            nodes.append(cp.Concatenate()(node, *draw(st.lists(st.sampled_from(nodes), min_size=1, max_size=2))))
        elif kind == "shared" and readers:
            nodes.append(draw(st.sampled_from(readers))(node))
        else:
            layer = replace(draw(st.sampled_from(ONE_TO_ONE)))  # a layer of its own
            if kind != "box":
                layer = cp.Dense(draw(widths), bias=draw(st.booleans()), ntk=draw(st.booleans()))
            layers.append((layer, node.shape))
            nodes.append(layer(node))
    return cp.Dense(draw(st.integers(1, 5)))(cp.Concatenate()(*nodes) if len(nodes) > 1 else nodes[0])


@settings(max_examples=50, deadline=None)
@given(graphs(), st.sampled_from(TARGETS), st.integers(1, 20))
def test_random_graphs_agree(output, target, n_rows):
    net = rounded(cp.Network(output, dtype="float64"))
    optimizer = cp.SGD(1e-3, momentum=0.9, clip_norm=0.5)
    # layer norm divides by a deviation that may be as small as sqrt(1e-5), here several times in a row
    check(net, *rows_of(net, n_rows), optimizer, numpy.float64, [(target, 1)], times=1e6)
