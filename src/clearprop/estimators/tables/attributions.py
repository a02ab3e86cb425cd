"""What the columns of a table contribute to predictions: gradients times inputs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy
import scipy.sparse

from clearprop.estimators.tables.preprocessing import Preprocessing
from clearprop.estimators.tables.table import Table
from clearprop.estimators.tables.target import ClassTarget, NumberTarget
from clearprop.estimators.tables.training import as_fed
from clearprop.network import Network

__all__ = ["gradients_times_inputs"]

Array = Any

NUMBERS = 2**22  # that the boxes put out for the rows of one pass: it bounds the memory, whatever the table


def gradients_times_inputs(
    networks: Sequence[Network],
    preprocessing: Preprocessing,
    table: Table,
    target: ClassTarget | NumberTarget,
) -> Array:
    """Return the attributions that `TableEstimator.attributions` documents.

    Parameters
    ----------
    networks : sequence of Network
        Whose attributions are averaged.
    preprocessing : Preprocessing
        What makes their inputs of the table.
    table : Table
        The rows.
    target : ClassTarget or NumberTarget
        What is explained, by its derivatives at the scores.

    Returns
    -------
    array of shape (n_explained, n, n_columns)
        In float64.
    """
    inputs, place = preprocessing.transform(table), {name: number for number, name in enumerate(table.columns)}
    prediction = target.mean_prediction(net.scores(as_fed(inputs)).astype(numpy.float64) for net in networks)
    belongs = []  # for each matrix of inputs a 1 where one of its columns comes from a column of the table
    for sources in preprocessing.sources:
        ones, own = numpy.ones(len(sources)), [place[name] for name in sources]
        belongs.append(scipy.sparse.csr_array((ones, (range(len(own)), own)), shape=(len(own), len(place))))

    def explain(net: Network, rows: slice) -> Array:
        executor = net.reference()
        xs = net.inputs(as_fed([x[rows] for x in inputs]))
        passed = executor.forward(net.vector, net.buffer_vector, xs, wants_dx=True)
        scores = passed.outputs[-1]
        slopes = target.slopes(scores, prediction[rows])
        size = numpy.abs(slopes).max(axis=2, keepdims=True)  # in the units of y, which float32 may not hold
        size[size == 0.0] = 1.0
        result = numpy.zeros((len(slopes), len(scores), len(place)))
        for explained, ds in zip(result, (slopes / size).astype(scores.dtype), strict=True):
            deltas: list[Any] = executor.backward(net.vector, passed, ds).deltas
            for x, node, own in zip(xs, net.graph.inputs, belongs, strict=bool(belongs)):
                product = scipy.sparse.csr_array(x).multiply(deltas[node].astype(numpy.float64))
                explained += (product @ own).toarray()
        return result * size

    total: Any = 0.0
    for net in networks:
        step = max(1, NUMBERS // sum(math.prod(node.shape) for node in net.graph.nodes))
        starts = range(0, table.n_rows, step)
        total += numpy.concatenate([explain(net, slice(start, start + step)) for start in starts], axis=1)
    return total / len(networks)
