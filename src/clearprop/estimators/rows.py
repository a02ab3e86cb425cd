"""The network of an estimator, and rows as this network takes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sklearn.utils.validation import check_is_fitted

from clearprop.errors import ArgumentError
from clearprop.network import Network
from clearprop.validation import check_integer

__all__ = ["Names", "NetworkRows", "column_names", "input_names", "network_of", "network_rows"]

Array = Any
Names = tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class NetworkRows:
    """A fitted network with rows and targets in its own terms; see `network_rows`.

    Attributes
    ----------
    network : Network
        The estimator's own, not a copy.
    X : array, sparse matrix or list of them
        What the network reads, one array an input: for tables scaled numbers, flags and one-hot codes.
    y : array
        The target as the network's loss takes it: class numbers, or scaled numbers.
    names : tuple of tuple of str
        What each column of each input is.

    Examples
    --------
    >>> import clearprop as cp
    >>> X, y = [[0.0], [1.0]], ["no", "yes"]
    >>> model = cp.MLPClassifier(2, solver="lbfgs", random_state=0).fit(X, y)
    >>> rows = cp.network_rows(model, X, y)
    >>> rows.network is model.network_, rows.y.tolist(), rows.names
    (True, [[False], [True]], (('x0',),))
    """

    network: Network
    X: Any
    y: Array
    names: Names


def network_rows(estimator: Any, X: Any, y: Any, member: int = 0) -> NetworkRows:
    """Return the network of a fitted estimator with rows and targets as it takes them.

    What an estimator does to a table before its network sees it is done here, so that `Network.trace`,
    `Network.diagnose` and the like can be asked about the user's own rows.

    Parameters
    ----------
    estimator : MLPClassifier, MLPRegressor, Classifier, Regressor or AutoEncoder
        Fitted.
    X : data frame, or array-like of shape (n, n_features)
        Rows, as for its method ``predict``.
    y : array-like of shape (n,) or (n, n_outputs), or None
        Their targets, as for its method ``fit``; an `AutoEncoder` needs none.
    member : int, default=0
        Which of the networks, where the estimator has several.

    Returns
    -------
    NetworkRows
        The network, and X, y and the names of X's columns in its terms.

    Raises
    ------
    ArgumentError
        For another kind of estimator, and where there is no such member.
    DataError
        If X or y do not fit those of training.

    Examples
    --------
    >>> import clearprop as cp
    >>> X, y = [[1.0], [2.0], [3.0], [4.0]] * 5, ["small", "small", "large", "large"] * 5
    >>> rows = cp.network_rows(cp.Classifier(preset="fast", random_state=0).fit(X, y), X, y)
    >>> rows.X.shape, rows.y[:4].tolist(), rows.network.trace(rows.X, rows.y).scores.shape
    ((20, 1), [1, 1, 0, 0], (20, 2))
    """
    network = network_of(estimator, member)
    X, y = estimator._network_rows(X, y)
    return NetworkRows(network, X, y, input_names(estimator))


def network_of(estimator: Any, member: int = 0) -> Network:
    """Return the network of a fitted estimator, or one of its networks; see `network_rows`."""
    name = type(estimator).__name__
    if not hasattr(estimator, "_network_rows"):
        raise ArgumentError(
            "network_rows: estimator must be an MLPClassifier, MLPRegressor, Classifier, Regressor or AutoEncoder, "
            f"got {name}; of a pipeline pass the last step, with rows that the steps before it have transformed."
        )
    check_is_fitted(estimator)
    several = hasattr(estimator, "members_")
    networks: list[Network] = [each.network for each in estimator.members_] if several else [estimator.network_]
    if check_integer("network_rows", "member", member, 0) >= len(networks):
        raise ArgumentError(
            f"network_rows: member must be below {len(networks)}, the number of networks of this {name}, got {member}."
        )
    return networks[member]


def input_names(estimator: Any) -> Names:
    """Return what each column of each input of a fitted estimator's networks is; see `network_rows`."""
    names: Names = estimator._input_names()
    return names


def column_names(estimator: Any) -> Names:
    """Return the names of the columns that a fitted estimator without preprocessing reads."""
    places = [f"x{place}" for place in range(estimator.n_features_in_)]
    return (tuple(map(str, getattr(estimator, "feature_names_in_", places))),)
