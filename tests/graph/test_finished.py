"""Finished graphs: what they are made of, shared layers, and the way to JSON and back."""

from __future__ import annotations

import json

import numpy
import pytest

import clearprop as cp
from cases import LAYERS, assert_close


def test_what_graphs_are_made_of_is_checked():
    x = cp.Input(3)
    with pytest.raises(cp.ArgumentError, match=r"two nodes are named 'a'"):
        cp.Network(cp.ReLU(name="a")(cp.Tanh(name="a")(x)))
    with pytest.raises(cp.ArgumentError, match=r"did you mean ReLU\(\)\?"):
        cp.Network([cp.ReLU], inputs=3)
    with pytest.raises(cp.ArgumentError, match=r"inputs must name each input of the graph once: input_1"):
        cp.Network(cp.ReLU()(x), inputs=[cp.Input(3)])


def test_output_shapes_are_those_of_the_arrays():
    for case in LAYERS:
        output = case.layer(*(cp.Input(shape) for shape in case.shapes))
        net = cp.Network(output)
        X = case.inputs() if len(case.shapes) > 1 else case.inputs()[0]
        assert net.scores(X).shape[1:] == output.shape == net.graph.output.shape


def test_a_shared_layer_adds_its_gradients():
    rng = numpy.random.default_rng(0)
    x, y = rng.normal(size=(6, 3)), rng.normal(size=(6, 2))

    def unrolled(first, second):
        entry = cp.Input(3)
        h = cp.Tanh()(first(entry))
        return cp.Network(cp.Dense(2)(cp.Tanh()(second(h))), dtype=numpy.float64)

    cell = cp.Dense(3)
    shared, separate = unrolled(cell, cell), unrolled(cell, cp.Dense(3))
    assert [node.name for node in shared.graph.nodes if node.owner == "dense_1"] == ["dense_1", "dense_2"]
    assert "dense_2.W" not in shared.parameters
    for name, view in separate.parameters.items():
        view[...] = shared.parameters[name.replace("dense_2", "dense_1")]
    loss, gradient = shared.gradient(x, y)
    other_loss, parts = separate.gradient(x, y)
    assert loss == other_loss
    for local in "Wb":
        assert_close(gradient[f"dense_1.{local}"], parts[f"dense_1.{local}"] + parts[f"dense_2.{local}"], k=2)


def test_a_fan_out_adds_its_gradients():
    x = cp.Input(1)
    h = cp.Dense(1, bias=False)(x)
    net = cp.Network(cp.Add()(h, h, cp.Multiply()(h, h)), dtype=numpy.float64)  # 2 h + h^2
    net.parameters["dense_1.W"][...] = 3.0
    _, gradient = net.gradient([[1.0]], [14.0])  # scores 15, residual 1, d/dh = 2 + 2 h
    assert gradient["dense_1.W"].item() == 8.0


def test_a_shared_layer_must_fit_all_its_inputs():
    cell = cp.Dense(3)
    with pytest.raises(
        cp.ShapeError, match=r"node 'dense_2': Dense shares 'dense_1.W' of shape \(5, 3\).*\(3,\) needs"
    ):
        cp.Network(cell(cell(cp.Input(5))))


def test_json_round_trip_keeps_names_order_and_sharing():
    a, b = cp.Input(3, name="left"), cp.Input(3, name="right")
    cell = cp.Dense(2, penalty=cp.L1(0.1))
    net = cp.Network(cp.Concatenate()(cell(a), cell(b), cp.Dense(1, name="own")(b)), inputs=[b, a])
    graph = cp.Graph.from_config(json.loads(json.dumps(net.graph.to_config())))
    assert graph == net.graph
    assert [graph.nodes[place].name for place in graph.inputs] == ["right", "left"]
    assert list(graph.parameter_layout()) == ["dense_1.W", "dense_1.b", "own.W", "own.b"]


DAMAGE = [
    (lambda c: c.pop("nodes"), "damaged"),
    (lambda c: c["nodes"][1].update(inputs=[1]), "reads nodes that do not come before it"),
    (lambda c: c["nodes"][1].update(inputs=[-1]), "reads nodes that do not come before it"),
    (lambda c: c["nodes"][1]["layer"].update(kind="NoSuchBox"), "unknown kind 'NoSuchBox'"),
    (lambda c: c["nodes"][1]["layer"].update(units=0), "Dense cannot be restored"),
    (lambda c: c["nodes"][1].update(layer={"kind": "L2", "strength": 1.0, "per_row": False}), "expected a Layer"),
    (lambda c: c.update(inputs=[]), "inputs do not match its nodes"),
    (lambda c: c.update(nodes=[]), "inputs do not match its nodes"),
]


@pytest.mark.parametrize(("damage", "message"), DAMAGE, ids=[message for _, message in DAMAGE])
def test_damaged_descriptions_are_refused(damage, message):
    config = json.loads(json.dumps(cp.Network([cp.Dense(2)], inputs=3).graph.to_config()))
    damage(config)
    with pytest.raises(cp.ModelFileError, match=message):
        cp.Graph.from_config(config)
