"""Nodes under construction: their names, their shapes, and what layers are called on."""

from __future__ import annotations

import numpy
import pytest

import clearprop as cp
from clearprop.layers import Layer

NAMES = {
    cp.Dense(2): "dense_1",
    cp.LayerNorm(): "layer_norm_1",
    cp.BatchNorm(): "batch_norm_1",
    cp.LeakyReLU(): "leaky_relu_1",
    cp.ReLU(): "relu_1",
    cp.PReLU(): "prelu_1",
    cp.RReLU(): "rrelu_1",
    cp.ELU(): "elu_1",
    cp.SELU(): "selu_1",
    cp.GELU(): "gelu_1",
    cp.SiLU(): "silu_1",
    cp.RBF(2): "rbf_1",
    cp.Maxout(2, 2): "maxout_1",
    cp.HardTanh(): "hard_tanh_1",
    cp.LogSoftmax(): "log_softmax_1",
    cp.GaussianNoise(0.1): "gaussian_noise_1",
}


@pytest.mark.parametrize("layer", NAMES, ids=repr)
def test_a_node_is_named_after_its_class(layer):
    net = cp.Network([layer], inputs=3)
    assert [node.name for node in net.graph.nodes] == ["input_1", NAMES[layer]]


def test_names_are_numbered_by_kind_and_can_be_given():
    net = cp.Network([cp.Dense(2), cp.ReLU(), cp.Dense(2, name="middle"), cp.ReLU(), cp.Dense(1)], inputs=3)
    assert [node.name for node in net.graph.nodes[1:]] == ["dense_1", "relu_1", "middle", "relu_2", "dense_3"]
    assert list(net.parameters) == ["dense_1.W", "dense_1.b", "middle.W", "middle.b", "dense_3.W", "dense_3.b"]


@pytest.mark.parametrize(
    ("cls", "kind"), [("MaxPool2D", "max_pool2d"), ("MyOwnBox", "my_own_box"), ("XYNorm", "xynorm"), ("Gate", "gate")]
)
def test_snake_case_of_other_class_names(cls, kind):
    class Plain:
        pass

    assert Layer.kind.__func__(type(cls, (Plain,), {})) == kind


def nodes(*shapes):
    """Return inputs of the given shapes."""
    return [cp.Input(shape) for shape in shapes]


REFUSED = [
    (lambda: cp.Add()(*nodes(64, 32)), r"node 'add_1': Add needs equal shapes; got \(64,\) from 'input_1' and \(32,\)"),
    (lambda: cp.Multiply()(*nodes(2, 3)), r"node 'multiply_1': Multiply needs equal shapes; got \(2,\) .*\(3,\) from"),
    (
        lambda: cp.Concatenate()(*nodes((2, 3), (2, 4))),
        r"node 'concatenate_1': .*except in the first axis; got \(2, 3\)",
    ),
    (lambda: cp.Add()(cp.Input(3)), r"node 'add_1': Add takes two or more inputs, got 1"),
    (lambda: cp.ReLU()(*nodes(3, 3)), r"node 'relu_1': ReLU takes 1 input, got 2"),
    (
        lambda: cp.Dense(2)(cp.Input((3, 4))),
        r"node 'dense_1': Dense takes one vector a row, got shape \(3, 4\); put Fl",
    ),
    (lambda: cp.Maxout(2, 2)(cp.Input((3, 4))), r"node 'maxout_1': Maxout takes one vector a row, got shape \(3, 4\)"),
    (lambda: cp.RBF(2)(cp.Input((3, 4))), r"node 'rbf_1': RBF takes one vector a row, got shape \(3, 4\)"),
    (
        lambda: cp.Reshape((2, 2))(cp.Input(5)),
        r"node 'reshape_1': Reshape to \(2, 2\) needs 4 entries a row, got \(5,\)",
    ),
]


@pytest.mark.parametrize(("make", "message"), REFUSED, ids=[message[:40] for _, message in REFUSED])
def test_shape_errors_name_the_node_and_what_it_got(make, message):
    with pytest.raises(cp.ShapeError, match=message):
        make()


def test_shape_errors_name_inner_nodes():
    x = cp.Input(8)
    with pytest.raises(cp.ShapeError, match=r"node 'add_1': .*got \(64,\) from 'relu_1' and \(32,\) from 'tanh_1'"):
        cp.Add()(cp.ReLU()(cp.Dense(64)(x)), cp.Tanh()(cp.Dense(32)(x)))


def test_what_layers_are_called_on_is_checked():
    with pytest.raises(cp.ArgumentError, match=r"Input: shape must be an integer >= 1, got 0"):
        cp.Input(0)
    with pytest.raises(cp.ArgumentError, match=r"Add: a layer is called on nodes"):
        cp.Add()(cp.Input(3), numpy.ones(3))
