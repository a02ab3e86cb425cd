"""Weights and biases that fit the data before the first update."""

from __future__ import annotations

from typing import Any

import numpy

from clearprop.layers import Dense
from clearprop.network import Network
from clearprop.streams import Purpose, Stream

__all__ = ["initialize_from_data"]

ROWS = 1000  # that the scales are measured on
POINTS = 5  # that a bias is made of


def initialize_from_data(net: Network, inputs: tuple[Any, ...], seed: int) -> None:
    """Scale the weights of every hidden Dense box with a bias to pre-activations of variance 1, and set the biases.

    With z = x W of some rows, scaled so, the bias of a unit is b = -sum_i v_i z_i over five rows i drawn at random,
    with weights v_i drawn evenly from those that sum to 1: the kink of the unit, at z = -b, then lies among the data.
    Boxes are taken in the order of the graph, each on what those before it put out.

    Parameters
    ----------
    net : Network
        Its parameters are changed in place.
    inputs : tuple of array
        Rows, one array an input of the graph.
    seed : int
        Of the rows that are looked at, and of the biases.

    References
    ----------
    Holzmueller et al. (2024), "Better by default: strong pre-tuned MLPs and boosted trees on tabular data", section 3.
    """
    stream = Stream(seed, Purpose.INITIALIZE, epoch=1)
    rows = numpy.sort(stream.permutation(inputs[0].shape[0])[:ROWS])
    inputs = tuple(x[rows] for x in inputs)
    for place, node in enumerate(net.graph.nodes[:-1]):
        if not isinstance(node.layer, Dense) or not node.layer.bias:
            continue
        W, b = net.parameters[f"{node.name}.W"], net.parameters[f"{node.name}.b"]
        b[...] = 0.0
        outputs = net.reference().forward(net.vector, net.buffer_vector, inputs).outputs
        z = outputs[place].astype(numpy.float64)
        deviation = z.std(axis=0)
        deviation[deviation == 0.0] = 1.0
        W /= deviation
        z /= deviation
        random = stream.at(node=place).generator()
        chosen = random.integers(len(z), size=(POINTS, z.shape[1]))
        weights = random.dirichlet(numpy.ones(POINTS), size=z.shape[1]).T
        b[...] = -(weights * numpy.take_along_axis(z, chosen, axis=0)).sum(axis=0)
