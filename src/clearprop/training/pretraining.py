"""Unsupervised pretraining: greedy, layer by layer, with auto-encoders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

from clearprop.engines import sparse
from clearprop.errors import ArgumentError, DataError
from clearprop.graph import GraphNode, Input, Node
from clearprop.layers import Concatenate, Dense, Dropout, GaussianNoise, Layer, TransposedDense
from clearprop.losses import Loss, SparseReconstruction, SquaredError
from clearprop.network import Network
from clearprop.optimizers import LBFGS, Optimizer
from clearprop.training.loop import train
from clearprop.training.report import EpochReport
from clearprop.validation import check_bool, check_instance, check_real, show

__all__ = ["pretrain", "reconstruction"]

Array = Any


def pretrain(
    net: Network,
    X: Any,
    *,
    tied: bool = False,
    noise: Dropout | GaussianNoise | None = None,
    sparsity: float = 0.0,
    optimizer: Optimizer | LBFGS | None = None,
    epochs: int = 50,
    batch_size: int = 32,
    seed: int = 0,
) -> dict[str, list[EpochReport]]:
    """Train each hidden layer of a chain as the encoder of an auto-encoder, from the bottom up, without targets.

    A hidden layer is a Dense box h = f(x W + b) with what follows it up to the next Dense box. Its auto-encoder learns
    to reconstruct what the layers below put out, x of shape (n, n_in), from its own output h, shape (n, units)::

        z = h W' + c        l = 1/2 sum over columns of (z - x)^2

    with W' = W^T where it is tied. Then W and b stay in the network, W' and c are thrown away, and h is the x of the
    next layer. The last Dense box is left as it is: afterwards ``net.fit(X, y)`` trains all of them with targets
    ("fine-tuning").

    Parameters
    ----------
    net : Network
        A chain that begins with Dense boxes, one after another, with boxes such as activations between them. Its
        parameters are where training begins, and are changed in place. Its penalty and constraint hold here too.
    X : array-like of shape (n, n_features)
        Rows.
    tied : bool, default=False
        Whether the decoder uses the transpose of the encoder's W, which the array engine alone can do.
    noise : Dropout, GaussianNoise or None
        What disturbs the input of each auto-encoder, which has to reconstruct the input as it was ("denoising").
        `Dropout` also scales up what it leaves, which the masking noise of Vincent et al. does not.
    sparsity : float >= 0, default=0.0
        Strength of an L1 penalty on h, as in `SparseReconstruction`; 0 for none.
    optimizer, epochs, batch_size, seed
        As for `clearprop.train`, which trains each auto-encoder.

    Returns
    -------
    dict of str to list of EpochReport
        For each hidden layer, by the name of its Dense box, the reports of its epochs.

    Raises
    ------
    ArgumentError
        If the network is no such chain, and for arguments that `train` refuses.
    DataError
        For rows that do not fit or are sparse.
    NonFiniteError
        As `train` raises it; the layers before keep what they learned.

    Examples
    --------
    >>> import numpy
    >>> import clearprop as cp
    >>> X = numpy.random.default_rng(0).normal(size=(50, 2)) @ [[1.0, 2.0, 0.0, -1.0], [0.0, 1.0, 1.0, 1.0]]
    >>> net = cp.Network([cp.Dense(3), cp.Tanh(), cp.Dense(2), cp.Tanh(), cp.Dense(1)], inputs=4)
    >>> reports = cp.pretrain(net, X, noise=cp.GaussianNoise(0.1), optimizer=cp.Adam(0.01))
    >>> {name: bool(epochs[-1].loss < epochs[0].loss) for name, epochs in reports.items()}
    {'dense_1': True, 'dense_2': True}
    >>> fine_tuned = net.fit(X, X[:, 0], optimizer=cp.Adam(0.01))

    References
    ----------
    Hinton and Salakhutdinov (2006), "Reducing the dimensionality of data with neural networks" (with restricted
    Boltzmann machines); Bengio, Lamblin, Popovici and Larochelle (2007), "Greedy layer-wise training of deep networks";
    Vincent, Larochelle, Bengio and Manzagol (2008), "Extracting and composing robust features with denoising
    autoencoders".
    """
    check_instance("pretrain", "net", net, Network, "Network([Dense(8), ReLU(), Dense(1)], inputs=3)")
    check_bool("pretrain", "tied", tied)
    if noise is not None and not isinstance(noise, Dropout | GaussianNoise):
        raise ArgumentError(
            f"pretrain: noise must be Dropout(rate), GaussianNoise(deviation) or None, got {show(noise)}; pass for "
            "example GaussianNoise(0.1)."
        )
    check_real("pretrain", "sparsity", sparsity, low=0.0)
    below, *hidden = _blocks(net)
    (rows,) = net.inputs(X)
    if sparse(rows):
        raise DataError("pretrain: X is sparse, and an auto-encoder reconstructs all of its entries; pass X.toarray().")
    if below:
        rows = _part(net, below).scores(rows)
    reports = {}
    for block in hidden:
        encoder, autoencoder = _part(net, block), _autoencoder(net, block, tied, noise, sparsity, seed)
        _copy(encoder, autoencoder)
        run = train(autoencoder, rows, rows, optimizer=optimizer, epochs=epochs, batch_size=batch_size, seed=seed)
        reports[block[0].name] = list(run)
        _copy(autoencoder, encoder)
        _copy(encoder, net)
        rows = encoder.scores(rows)
    return reports


def reconstruction(
    width: int, encoder: Sequence[Layer], decoder: Sequence[Layer], loss: Loss, sparsity: float
) -> tuple[Node, Loss]:
    """Return the output node and the loss of an auto-encoder.

    Parameters
    ----------
    width : int
        Columns of a row.
    encoder, decoder : sequence of Layer
        The boxes up to the code and those after it.
    loss : Loss
        Loss of the reconstruction.
    sparsity : float
        Where it is above 0, the output is the reconstruction with the code beside it, which is penalised.
    """
    node: Node = Input(width)
    for layer in encoder:
        node = layer(node)
    code = node
    for layer in decoder:
        node = layer(node)
    if sparsity == 0.0:
        return node, loss
    return Concatenate()(node, code), SparseReconstruction(code.shape[0], sparsity, loss)


def _blocks(net: Network) -> list[list[GraphNode]]:
    """Return the nodes below the first Dense box, and then those of each hidden layer."""
    nodes, names = net.graph.nodes, net.graph.names()
    for index, node in enumerate(nodes[1:], start=1):
        wrong = ""
        if node.inputs != (index - 1,):
            wrong = "does not follow the node before it"
        elif len(node.shape) != 1:
            wrong = f"has rows of shape {node.shape}"
        elif any(name != f"{node.name}.{local}" for local, name in names[index].items()):
            wrong = "has parameters of another node"
        if wrong:
            raise ArgumentError(
                f"pretrain: the network must be a chain of Dense boxes and activations, but node '{node.name}' "
                f"{wrong}; pretrain a chain of the boxes in question and copy its parameters."
            )
    starts = [index for index, node in enumerate(nodes) if isinstance(node.layer, Dense)]
    if len(starts) < 2:
        raise ArgumentError(
            f"pretrain: the network must have a Dense box before its last one, got {len(starts)} Dense in all; add a "
            "hidden layer, as in [Dense(32), ReLU(), Dense(10)]."
        )
    return [list(nodes[start:stop]) for start, stop in pairwise([1, *starts])]


def _boxes(block: list[GraphNode]) -> list[Layer]:
    """Return the boxes of nodes, named as the nodes are."""
    return [replace(node.layer, name=node.name) for node in block if node.layer is not None]


def _part(net: Network, block: list[GraphNode]) -> Network:
    """Return a network of some of the nodes of a chain, with their parameters."""
    (place,) = block[0].inputs
    part = Network(_boxes(block), inputs=net.graph.nodes[place].shape, dtype=net.dtype)
    _copy(net, part)
    return part


def _autoencoder(
    net: Network, block: list[GraphNode], tied: bool, noise: Layer | None, sparsity: float, seed: int
) -> Network:
    """Return a network that reconstructs what the nodes of `block` read."""
    (place,), name = block[0].inputs, block[0].name
    (width,) = net.graph.nodes[place].shape
    # names of their own: those that boxes get by default may be taken by nodes of the block
    label = f"{name}_decoder"
    decoder = TransposedDense(width, of=name, name=label) if tied else Dense(width, name=label)
    disturbed = [] if noise is None else [replace(noise, name=f"{name}_noise")]
    output, loss = reconstruction(width, [*disturbed, *_boxes(block)], [decoder], SquaredError(), sparsity)
    penalty, constraint = net.program.penalty, net.program.constraint
    return Network(output, loss=loss, penalty=penalty, constraint=constraint, seed=seed, dtype=net.dtype)


def _copy(source: Network, target: Network) -> None:
    """Give `target` the parameters and buffers of `source` that have the same names."""
    for given, own in ((source.parameters, target.parameters), (source.buffers, target.buffers)):
        for name in own.keys() & given.keys():
            own[name] = given[name]
