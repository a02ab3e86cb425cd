"""Formulas, terms, finite differences and exports of traces, for every box."""

from __future__ import annotations

import dataclasses
import json
import math
import re
from xml.etree import ElementTree

import numpy
import pytest

import clearprop as cp
from cases import LAYERS, LOSSES, OPTIMIZERS, assert_close
from clearprop.parameters import Parameter
from clearprop.trace import NOTATIONS

N_CELLS = 6  # of each quantity, drawn at random


def traced(case, training=False, optimizer=None):
    """Return the trace of a network that ends in the box, flattened, and a dense layer."""
    xs = [cp.Input(shape) for shape in case.shapes]
    box = dataclasses.replace(case.layer)(*xs)
    flat = box if len(box.shape) == 1 else cp.Flatten()(box)
    net = cp.Network(cp.Dense(2)(flat), inputs=xs, penalty=cp.L2(0.1), dtype="float64")
    rows = case.inputs()
    X = rows[0] if len(rows) == 1 else rows
    return net.trace(X, numpy.ones((len(rows[0]), 2)), training=training, optimizer=optimizer)


def some_cells(array):
    """Return a few places of an array."""
    places = list(numpy.ndindex(array.shape))
    chosen = numpy.random.default_rng(0).permutation(len(places))[:N_CELLS]
    return [places[k] for k in chosen]


BOXES = [case for case in LAYERS if case.gradient]


@pytest.mark.parametrize("training", [False, True], ids=["predicting", "training"])
@pytest.mark.parametrize("case", BOXES, ids=lambda case: case.id)
def test_terms_add_up_and_derivatives_are_finite_differences(case, training):
    trace = traced(case, training, cp.AdamW(0.1, clip_norm=0.5))
    for name in trace:
        for cell in some_cells(trace[name]):
            found = trace.explain(name, cell)
            assert found.value == trace[name][cell]
            assert abs(found.sum - found.value) <= 1e-12 * max(1.0, abs(found.value))
            for term in found.terms:
                for factor in term.factors:
                    assert_is_the_number(trace, factor)
            if trace.checkable(name):
                # h^4 of the fifth derivative, and eps / h of the loss's rounding, relative to the largest number
                assert trace.check(name, cell).error < 1e-7


def assert_is_the_number(trace, factor):
    """Assert that a factor named after a cell of the trace holds that number."""
    name, bracket, place = factor.label.partition("[")
    if bracket and name in trace:
        assert factor.value == trace[name][tuple(json.loads("[" + place))]


PRODUCTS = (
    cp.Dense, cp.TransposedDense, cp.Maxout, cp.Conv2D, cp.MatMul, cp.Multiply, cp.Add, cp.Mean, cp.Sum, cp.MaxPool2D,
    cp.AveragePool2D, cp.Concatenate, cp.Embedding,
)  # fmt: skip


@pytest.mark.parametrize("case", [c for c in BOXES if isinstance(c.layer, PRODUCTS)], ids=lambda case: case.id)
def test_outputs_of_linear_boxes_are_sums_of_products_of_cells(case):
    trace = traced(case)
    node = list(trace.nodes.values())[len(case.shapes)]
    for cell in some_cells(node.output):
        for term in trace.explain(f"{node.name}.a", cell).terms:
            assert math.prod(factor.value for factor in term.factors) == term.value
            cells = [factor for factor in term.factors if factor.label.partition("[")[0] in trace]
            assert cells  # a weight, or an input


CONSTANT_SLOPES = (cp.Mean, cp.AveragePool2D, cp.Dropout)  # they are numbers of no cell


@pytest.mark.parametrize("case", [c for c in BOXES if not isinstance(c.layer, CONSTANT_SLOPES)], ids=lambda c: c.id)
@pytest.mark.parametrize("training", [False, True], ids=["predicting", "training"])
def test_what_passes_back_is_made_of_cells_and_of_formulas_of_cells(case, training):
    trace = traced(case, training)
    *inputs, box = list(trace.nodes)[: len(case.shapes) + 1]
    gradients = [name for name in trace if name.startswith(f"{box}.") and name.endswith(".gradient")]
    for name in (*(f"{each}.dx" for each in inputs if f"{each}.dx" in trace), *gradients):
        for cell in some_cells(trace[name]):
            for factor in (factor for term in trace.explain(name, cell).terms for factor in term.factors):
                known = factor.label.partition("[")[0] in trace or factor.label in ("-1", "1/sqrt(n_in)")
                assert factor.latex or known, factor.label


@pytest.mark.parametrize("notation", NOTATIONS)
@pytest.mark.parametrize("case", BOXES, ids=lambda case: case.id)
def test_every_quantity_has_a_formula_in_every_notation(case, notation):
    trace = traced(case, optimizer=cp.Adam(clip_value=1.0))
    for name in trace:
        formula = trace.formula(name, notation)
        assert "<" not in formula.latex.replace(" < ", "").replace("< <", "")  # every marker was replaced
        assert formula.latex.count("{") == formula.latex.count("}")
        parsed = ElementTree.fromstring(formula.mathml)
        assert "".join(parsed.itertext()).strip()


def test_the_notations_are_those_of_the_lectures():
    net = cp.Network([cp.Dense(2), cp.ReLU(), cp.Dense(1)], inputs=2)
    trace = net.trace([[1.0, 2.0]], [0.0])
    affine = {name: trace.formula("dense_2.a", name).latex for name in NOTATIONS}
    assert affine == {
        "clearprop": r"\mathbf{a}^{(2)} = \mathbf{h}^{(1)} \, {\mathbf{W}}^{(2)} + {\mathbf{b}}^{(2)}",
        "larochelle": r"\mathbf{a}^{(2)} = {\mathbf{b}}^{(2)} + {\mathbf{W}}^{(2)} \, \mathbf{h}^{(1)}",
        "ufldl": r"\mathbf{z}^{(3)} = {\mathbf{W}}^{(2)} \, \mathbf{a}^{(2)} + {\mathbf{b}}^{(2)}",
        "cmu": r"\mathbf{z}_{2} = {\mathbf{W}}_{2} \, \mathbf{y}_{1} + {\mathbf{b}}_{2}",
        "toronto": r"\mathbf{z}_{2} = {\mathbf{W}}_{2} \, \mathbf{h}_{1} + {\mathbf{b}}_{2}",
        "deep_learning_book": r"\mathbf{a}^{(2)} = {\mathbf{b}}^{(2)} + {\mathbf{W}}^{(2)} \, \mathbf{h}^{(1)}",
    }
    deltas = {name: trace.formula("dense_1.delta", name).latex.partition(" = ")[0] for name in NOTATIONS}
    assert deltas == {
        "clearprop": r"\mathbf{\delta}^{(1)}",
        "larochelle": r"\nabla_{\mathbf{a}^{(1)}} \ell",
        "ufldl": r"\mathbf{\delta}^{(2)}",
        "cmu": r"\nabla_{\mathbf{z}_{1}} \text{Div}",
        "toronto": r"\mathbf{\delta}_{1}",
        "deep_learning_book": r"\mathbf{g}^{(1)}",
    }
    with pytest.raises(cp.ArgumentError, match=r"notation must be one of 'clearprop', .*, got 'mine'"):
        trace.formula("dense_1.a", "mine")


def right_side(trace, name):
    return trace.formula(name).text.partition(" = ")[2]


def test_formulas_are_those_of_the_mode_of_the_pass():
    net = cp.Network([cp.BatchNorm(), cp.Dropout(0.25), cp.GaussianNoise(0.5)], inputs=2)
    texts = {
        training: {
            name: right_side(net.trace(numpy.eye(2), numpy.eye(2), training=training), name)
            for name in ("input_1.dx", "dropout_1.a", "gaussian_noise_1.a")
        }
        for training in (False, True)
    }
    assert texts[False] == {
        "input_1.dx": "(δ⁽¹⁾ ⊙ gain⁽¹⁾)/(√(σ² + 10⁻⁵))",
        "dropout_1.a": "a⁽¹⁾",
        "gaussian_noise_1.a": "a⁽²⁾",
    }
    assert "d = δ⁽¹⁾ ⊙ gain⁽¹⁾" in texts[True]["input_1.dx"]
    assert texts[True]["dropout_1.a"].startswith("m ⊙ a⁽¹⁾")
    assert texts[True]["gaussian_noise_1.a"].startswith("a⁽²⁾ + ε")


def test_each_input_of_a_product_has_the_formula_of_its_own_gradient():
    a, b = cp.Input((2, 3)), cp.Input((3, 2))
    net = cp.Network(cp.Flatten()(cp.MatMul()(a, b)), inputs=(a, b))
    trace = net.trace([numpy.ones((1, 2, 3)), numpy.ones((1, 3, 2))], numpy.ones((1, 4)))
    assert [right_side(trace, f"input_{k}.dx") for k in (1, 2)] == ["δ⁽¹⁾ x₂ᵀ", "x₁ᵀ δ⁽¹⁾"]
    x = cp.Input(2)
    trace = cp.Network(cp.Multiply()(x, x)).trace([[1.0, 2.0]], [[0.0, 0.0]])
    assert right_side(trace, "input_1.dx") == "δ⁽¹⁾ ⊙ x + δ⁽¹⁾ ⊙ x"


@pytest.mark.parametrize("notation", sorted(set(NOTATIONS) - {"clearprop"}))
def test_where_examples_are_columns_weights_stand_on_the_left(notation):
    net = cp.Network([cp.Maxout(2, 2), cp.Dense(1, ntk=True)], inputs=2)
    trace = net.trace([[1.0, 2.0], [3.0, 4.0]], [1.0, 0.0])
    delta, w, x, b = (trace.formula(name, notation).text.partition(" = ")[0]
                      for name in ("dense_1.delta", "dense_1.W", "maxout_1.a", "dense_1.b.gradient"))  # fmt: skip
    assert trace.formula("dense_1.W.gradient", notation).text.endswith(f"1/√(nᵢₙ) {delta} {x}ᵀ")
    assert trace.formula("dense_1.b.gradient", notation).text == f"{b} = ∑ᵢ {delta}"
    assert trace.formula("maxout_1.delta", notation).text.endswith(f"1/√(nᵢₙ) {w}ᵀ {delta}")
    assert trace.formula("maxout_1.a", notation).text.endswith("x + b⁽¹⁾ₖ)" if "⁽" in w else "x + b₁ₖ)")


def test_the_slope_of_an_activation_is_called_as_in_the_lecture():
    trace = cp.Network([cp.Tanh()], inputs=1).trace([[1.0]], [0.0])
    slopes = {name: trace.formula("tanh_1.f'", name).latex.partition("(")[0] for name in NOTATIONS}
    assert slopes.pop("larochelle") == "g'"
    assert set(slopes.values()) == {"f'"}
    assert trace.formula("input_1.dx", "larochelle").latex.endswith(
        r"\nabla_{\mathbf{h}^{(1)}} \ell \odot g'(\mathbf{x})"
    )


def test_links_shares_and_smoothing_are_in_the_formulas():
    rows, dense = [[1.0], [2.0]], [cp.Dense(2)]
    links = {loss: cp.Network(dense, inputs=1, loss=loss).trace(rows, numpy.eye(2)).formula("loss.prediction").text
             for loss in (cp.SquaredError(), cp.Poisson(), cp.BinaryCrossEntropy(), cp.CrossEntropy())}  # fmt: skip
    assert list(links.values()) == ["p = a⁽¹⁾", "p = e^(a⁽¹⁾)", "p = sigmoid(a⁽¹⁾)", "p = softmax(a⁽¹⁾)"]
    smooth = cp.Network(dense, inputs=1, loss=cp.CrossEntropy(0.1)).trace(rows, [0, 1])
    target = r"\left( (1 - 0.1) \cdot \mathbf{y} + \frac{0.1}{K} \right)"
    assert smooth.formula("dense_1.delta").latex.endswith(rf"\frac{{1}}{{n}} \left( \mathbf{{p}} - {target} \right)")
    shared = cp.Network(dense, inputs=1, penalty=cp.L2(0.5, per_row=True))
    for weight, share in ((None, "1/n"), ([1.0, 3.0], "1/(∑ⱼ wⱼ)")):
        assert (
            shared.trace(rows, numpy.eye(2), weight).formula("dense_1.W.penalty").text.endswith(f"= {share} 0.5 · W⁽¹⁾")
        )


def test_the_square_of_a_norm_needs_no_parentheses():
    net = cp.Network([cp.RBF(2)], inputs=2, dtype="float64")
    text = net.trace([[1.0, 2.0]], [[0.0, 0.0]]).formula("rbf_1.a").text
    assert re.search(r"[^(]‖x . W⁽¹⁾‖²/", text)


@pytest.mark.parametrize("case", LOSSES, ids=lambda case: repr(case.loss))
def test_every_loss_has_formulas_and_terms(case):
    net = cp.Network([cp.Dense(case.n_outputs)], inputs=3, loss=case.loss, dtype="float64")
    X, y = numpy.random.default_rng(0).normal(size=(4, 3)), case.raw(seed=0, n=4)
    for weight in (None, [1.0, 2.0, 0.0, 4.0]):
        trace = net.trace(X, y, weight)
        for name in ("loss.prediction", "loss.values", "dense_1.delta", "dense_1.W.gradient"):
            assert ElementTree.fromstring(trace.formula(name).mathml) is not None
            for cell in some_cells(trace[name]):
                found = trace.explain(name, cell)
                assert abs(found.sum - found.value) <= 1e-12 * max(1.0, abs(found.value))
        assert_close(trace.losses @ trace.passed.batch.shares(), trace.loss, k=4)


def test_zero_is_written_without_a_sign():
    net = cp.Network([cp.Dense(3)], inputs=1, loss=cp.Hinge(), dtype="float64")
    net.parameters["dense_1.b"][...] = [0.0, 0.5, 1.0]
    trace = net.trace([[0.0]], [1])
    assert numpy.signbit(trace["dense_1.delta"][0, 0])  # of the class that is neither right nor its rival it is -0.0
    assert trace.explain("dense_1.delta", (0, 0)).substituted.text.endswith(" = 0")


def test_a_box_of_the_users_own_has_formulas_and_terms_too():
    @dataclasses.dataclass(frozen=True)
    class Cube(cp.Activation):
        def forward(self, ctx, p, *xs):
            return xs[0] ** 3, xs[0]

        def derivative(self, ctx, kept):
            return 3 * kept**2

    trace = cp.Network([Cube(), cp.Dense(1)], inputs=1, dtype="float64").trace([[2.0]], [0.0])
    assert trace.formula("cube_1.h").latex == r"\mathbf{h}^{(1)} = \operatorname{Cube}(\mathbf{x})"
    assert trace.explain("cube_1.h", (0, 0)).substituted.latex.endswith(r"\operatorname{Cube}(2) = 8")
    assert trace.check("cube_1.f'", (0, 0)).error < 1e-9


@dataclasses.dataclass(frozen=True)
class Own_Box2(cp.Layer):
    def parameters(self, *shapes):
        return {"own_gain": Parameter((), cp.Constant(2.0), penalty=Own_Penalty(0.5))}

    def forward(self, ctx, p, *xs):
        return p["own_gain"] * xs[0], xs[0]

    def backward(self, ctx, p, kept, dh):
        return (p["own_gain"] * dh,), {"own_gain": (kept * dh).sum()}


@dataclasses.dataclass(frozen=True)
class Own_Penalty(cp.Penalty):
    def value(self, xp, w):
        return self.strength * xp.sum(w**4)

    def gradient(self, xp, w):
        return 4.0 * self.strength * w**3


@dataclasses.dataclass(frozen=True)
class Own_Loss(cp.Loss):
    def values(self, xp, scores, y):
        return xp.sum((scores - y) ** 4, axis=1)

    def gradient(self, xp, scores, y):
        return 4.0 * (scores - y) ** 3


def test_whatever_is_the_users_own_is_a_function_by_its_name():
    net = cp.Network([Own_Box2()], inputs=1, loss=Own_Loss(), dtype="float64")
    trace = net.trace([[3.0]], [5.0])
    shown = {name: trace.explain(name, (0,) * trace[name].ndim).substituted.text.partition(" = ")[2] for name in trace}
    assert shown["own_box2_1.a"] == "Own_Box2(3, 2) = 6"
    assert shown["loss.values"] == "Own_Loss(6, 5) = 1"
    assert shown["own_box2_1.delta"] == "1 · 4 = 4"
    assert shown["own_box2_1.own_gain.gradient"] == "4 · 3 = 12"
    assert shown["own_box2_1.own_gain.penalty"] == "Own_Penalty\N{PRIME}(2) = 16"
    assert r"\text{Own\_Box2}" in trace.formula("own_box2_1.a").latex
    assert trace.formula("own_box2_1.own_gain").text == "own_gain⁽¹⁾"
    for name in trace:
        if trace.checkable(name):
            assert trace.check(name, (0,) * trace[name].ndim).error < 1e-9
    assert trace._repr_html_().count("<tr>") == 1 + len(trace.steps())


# ---- the optimizer's step


@pytest.mark.parametrize("case", OPTIMIZERS, ids=lambda case: repr(getattr(case, "optimizer", case)))
def test_the_step_of_a_run_under_way_is_what_training_does_next(case):
    optimizer = getattr(case, "optimizer", case)
    X, y = numpy.random.default_rng(0).normal(size=(8, 3)), numpy.ones(8)
    net = cp.Network([cp.Dense(4), cp.Tanh(), cp.Dense(1)], inputs=3, penalty=cp.L2(0.1), dtype="float64")
    state = net.fit(X, y, optimizer=optimizer, epochs=3, batch_size=8, shuffle=False)[-1].state
    before, slots = net.vector.copy(), {name: slot.copy() for name, slot in state.slots.items()}
    trace = net.trace(X, y, training=True, optimizer=optimizer, state=state)
    assert net.vector.tobytes() == before.tobytes()
    assert all((state.slots[name] == slot).all() for name, slot in slots.items())
    net.fit(X, y, optimizer=optimizer, epochs=1, batch_size=8, shuffle=False, state=state)
    for name, moved in net.layout.views(net.vector - before).items():
        assert_close(trace[f"{name}.update"], moved, k=64, scale=1.0)  # parameters of size 1
        for slot, vector in state.slots.items():
            assert_close(trace[f"{name}.{slot}"], net.layout.views(vector)[name], k=64, scale=1.0)


def test_bias_correction_is_that_of_the_rule():
    net = cp.Network([cp.Dense(2)], inputs=2, dtype="float64")
    X, y, optimizer = [[1.0, -2.0]], [[0.5, 1.0]], cp.Adam(0.1)
    state = net.fit(X, y, optimizer=optimizer, epochs=4)[-1].state
    trace = net.trace(X, y, optimizer=optimizer, state=state)
    mean, square_mean = (trace[f"dense_1.W.{name}_corrected"] for name in ("mean", "square_mean"))
    assert_close(mean, trace["dense_1.W.mean"] / (1 - 0.9**5), k=4)
    assert_close(trace["dense_1.W.update"], -0.1 * mean / (numpy.sqrt(square_mean) + 1e-8), k=64)


def test_a_constraint_is_part_of_the_update():
    net = cp.Network(
        [cp.Dense(1, initializer=cp.Constant(-2.0))], inputs=1, dtype="float64", constraint=cp.MaxNorm(1.0)
    )
    trace = net.trace([[1.0]], [1.0], optimizer=cp.SGD(0.5))  # -2 + 0.5 * 3 = -0.5
    assert trace["dense_1.W.update"].tolist() == [[1.5]]
    trace = net.trace([[1.0]], [1.0], optimizer=cp.SGD(0.1))  # -2 + 0.3 = -1.7, whose norm is above 1
    assert_close(trace["dense_1.W.update"], [[1.0]], k=4)
    found = trace.explain("dense_1.W.update", (0, 0))
    assert found.substituted.latex.endswith(r"\operatorname{MaxNorm}(-2 + (- 0.1 \cdot ({-3}))) - ({-2}) = 1")
    assert found.note == "MaxNorm(1.0) acts on several numbers together"
    assert found.formula.latex.endswith(
        r"= \operatorname{MaxNorm}({\mathbf{W}}^{(1)} + (- \eta \cdot \mathbf{g}_{t})) - {\mathbf{W}}^{(1)}, "
        r"\quad \mathbf{g}_{t} = \frac{\partial \ell}{\partial {\mathbf{W}}^{(1)}}"
    )


def test_a_state_of_another_optimizer_is_refused():
    net = cp.Network([cp.Dense(1)], inputs=1)
    state = net.fit([[1.0]], [1.0], epochs=1)[-1].state
    with pytest.raises(cp.ArgumentError, match=r"state remembers \['mean', 'square_mean'\] .* SGD needs \[\]"):
        net.trace([[1.0]], [1.0], state=state)


@pytest.mark.parametrize(
    "rate", [cp.Cosine(0.1, steps=9), cp.StepDecay(0.1, every=2), cp.ReduceOnPlateau(0.1, patience=1, tolerance=1e9)]
)
def test_the_step_has_the_learning_rate_that_the_run_has_reached(rate):
    X, y = numpy.random.default_rng(0).normal(size=(8, 3)), numpy.ones(8)
    net = cp.Network([cp.Dense(1)], inputs=3, dtype="float64")
    state = net.fit(X, y, optimizer=cp.SGD(rate), epochs=5, batch_size=8)[-1].state
    trace, before = net.trace(X, y, optimizer=cp.SGD(rate), state=state), net.vector.copy()
    report = net.fit(X, y, optimizer=cp.SGD(rate), epochs=1, batch_size=8, state=state)[-1]
    assert trace.passed.rate == report.learning_rate < 0.1
    assert_close(trace["dense_1.b.update"], net.vector[-1:] - before[-1:], k=64, scale=1.0)


def test_a_schedule_needs_its_length_for_a_step_of_a_run_under_way():
    net = cp.Network([cp.Dense(1)], inputs=1)
    state = net.fit([[1.0]], [1.0], optimizer=cp.SGD(cp.Cosine(0.1)), epochs=2)[-1].state
    with pytest.raises(cp.ArgumentError, match="Cosine: steps is not known; pass steps="):
        net.trace([[1.0]], [1.0], optimizer=cp.SGD(cp.Cosine(0.1)), state=state)
    assert net.trace([[1.0]], [1.0], optimizer=cp.SGD(cp.Cosine(0.1))).passed.rate == 0.1


def test_clipping_is_shown():
    net = cp.Network([cp.Dense(1, initializer=cp.Constant(2.0))], inputs=1, dtype="float64")
    trace = net.trace([[3.0]], [5.0], optimizer=cp.SGD(0.1, clip_norm=1.0))  # gradient (3, 1)
    assert_close(trace["dense_1.W.clipped"], [[3 / math.sqrt(10)]], k=4)
    (term,) = trace.explain("dense_1.W.clipped", (0, 0)).terms
    assert [factor.label for factor in term.factors] == ["dense_1.W.gradient[0, 0]", "clipping"]
    assert "dense_1.W.clipped" not in net.trace([[3.0]], [5.0])


def test_the_engine_that_trains_gives_the_gradient_of_the_trace():
    X, y = numpy.random.default_rng(0).normal(size=(32, 5)), numpy.arange(32) % 3
    layers = [cp.Dense(16), cp.ReLU(), cp.LayerNorm(), cp.Dense(3)]
    for engine in ("auto", "array"):
        net = cp.Network(layers, inputs=5, loss=cp.CrossEntropy(), dtype="float64", engine=engine)
        trace = net.trace(X, y)
        for name, value in net.gradient(X, y)[1].items():
            assert_close(trace[f"{name}.gradient"], value, k=256)  # sums over 32 rows and 16 units


# ---- walking and exporting


def test_the_walk_visits_every_computed_quantity_once_in_order():
    net = cp.Network([cp.Dense(2), cp.Tanh(), cp.Dense(1)], inputs=2, penalty=cp.L2(0.1))
    trace = net.trace([[1.0, 2.0]], [1.0], optimizer=cp.Adam(clip_norm=1.0))
    steps = trace.steps()
    assert sorted(step.name for step in steps) == sorted(set(trace) - set(net.parameters))
    order = ["forward", "loss", "backward", "gradient", "update"]
    phases = [order.index(step.phase) for step in steps]
    assert phases == sorted(phases)
    assert all(step.shape == trace[step.name].shape for step in steps)


def test_cells_that_do_not_exist_are_refused():
    trace = cp.Network([cp.Dense(2)], inputs=2).trace([[1.0, 2.0]], [[1.0, 0.0]])
    assert trace.explain("dense_1.a", (-1, -1)).cell == (0, 1)
    for cell in ((0, 2), (0,), (0, 0, 0), (0, 0.5), "ab"):
        with pytest.raises(cp.ArgumentError, match=r"cell of 'dense_1.a', of shape \(1, 2\), must be a place in it"):
            trace.explain("dense_1.a", cell)
    with pytest.raises(cp.ArgumentError, match=r"check takes a derivative, got 'dense_1.a'; there are input_1.dx"):
        trace.check("dense_1.a", (0, 0))


def test_json_holds_every_number():
    net = cp.Network([cp.Dense(2), cp.Tanh(), cp.Dense(1)], inputs=2, dtype="float64")
    trace = net.trace([[1.0, 2.0]], [1.0], optimizer=cp.Adam())
    read = json.loads(trace.to_json("cmu"))
    assert read == trace.to_dict("cmu")
    assert read["loss"] == trace.loss
    assert [quantity["name"] for quantity in read["quantities"]] == list(trace)
    for quantity in read["quantities"]:
        assert (numpy.array(quantity["values"]) == trace[quantity["name"]]).all()
        assert quantity["formula"] == trace.formula(quantity["name"], "cmu").latex


def test_numbers_that_are_not_finite_are_named_in_json():
    net = cp.Network([cp.Dense(1)], inputs=1, dtype="float64")
    net.parameters["dense_1.W"][...] = numpy.inf
    with numpy.errstate(all="ignore"):
        trace = net.trace([[1.0]], [1.0])
    values = {quantity["name"]: quantity["values"] for quantity in json.loads(trace.to_json())["quantities"]}
    assert values["dense_1.a"] == [["Infinity"]]
    assert values["dense_1.W.update"] == [["NaN"]]


def test_a_data_frame_has_a_row_for_each_number():
    trace = cp.Network([cp.Dense(2)], inputs=2, dtype="float64").trace([[1.0, 2.0]], [[1.0, 0.0]])
    frame = trace.to_dataframe()
    assert len(frame) == sum(trace[name].size for name in trace)
    row = frame[(frame["quantity"] == "dense_1.W.gradient") & (frame["cell"] == (1, 0))]
    assert row["value"].item() == trace["dense_1.W.gradient"][1, 0]
    assert row["phase"].item() == "gradient"


def test_notebooks_show_a_table_with_escaped_text():
    page = cp.Network([cp.Dense(2), cp.Tanh()], inputs=2).trace([[1.0, 2.0]], [[1.0, 0.0]])._repr_html_()
    assert page.count("<tr>") == 1 + len(
        cp.Network([cp.Dense(2), cp.Tanh()], inputs=2).trace([[1.0, 2.0]], [[1.0, 0.0]]).steps()
    )
    assert "<math" in page
