"""What a fitted estimator offers: its parameters, its predictions, and what its layers put out."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy
import scipy.sparse
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from clearprop.layers import Dense
from clearprop.network import Network

__all__ = ["FittedNetwork"]

Array = Any


class WritableViews(list[Array]):
    """Views of a network's parameters; assigning to an item writes into the network, as it does in scikit-learn."""

    def __setitem__(self, index: Any, value: Any) -> None:
        if isinstance(index, slice):
            for view, item in zip(self[index], value, strict=True):
                view[...] = item
        else:
            self[index][...] = value


class FittedNetwork(ClassNamePrefixFeaturesOutMixin, TransformerMixin):
    """The side of an estimator that reads `network_` and changes nothing."""

    network_: Network

    @abstractmethod
    def _from_prediction(self, prediction: Array) -> Array:
        """Return what `predict` returns for the network's prediction."""

    @property
    def coefs_(self) -> list[Array]:
        """Weights of each layer, shape (n_in, n_out): writable views of `network_`'s parameters."""
        return self._parameters("W")

    @coefs_.setter
    def coefs_(self, values: Sequence[Array]) -> None:
        self._parameters("W")[:] = values

    @property
    def intercepts_(self) -> list[Array]:
        """Biases of each layer, shape (n_out,): writable views of `network_`'s parameters."""
        return self._parameters("b")

    @intercepts_.setter
    def intercepts_(self, values: Sequence[Array]) -> None:
        self._parameters("b")[:] = values

    def _parameters(self, local: str) -> WritableViews:
        if "network_" not in vars(self):
            raise AttributeError(f"{type(self).__name__} is not fitted yet; call fit first.")
        views = self.network_.parameters
        dense = (node for node in self.network_.graph.nodes if isinstance(node.layer, Dense))
        return WritableViews(views[f"{node.name}.{local}"] for node in dense)

    @property
    def _n_features_out(self) -> int:
        """Number of columns that `transform` returns."""
        return int(self.coefs_[-1].shape[0])

    def _rows(self, X: Any) -> Array:
        """Return X as the network takes it."""
        X = validate_data(self, X, accept_sparse=["csr", "csc"], reset=False)
        X = X.tocsr() if scipy.sparse.issparse(X) else X
        if X.dtype != self.network_.dtype:
            (X,) = self.network_.inputs(X)  # checked again: a narrower type may not hold the numbers
        return X

    def _scores(self, X: Any) -> Array:
        check_is_fitted(self)
        net = self.network_
        return net.executor().scores(net.vector, net.buffer_vector, (self._rows(X),))

    def _prediction(self, X: Any) -> Array:
        check_is_fitted(self)
        net = self.network_
        return net.executor().predictions(net.vector, net.buffer_vector, (self._rows(X),))

    def predict(self, X: Any) -> Array:
        """Return the predicted classes or values of the rows of X, shape (n,) or (n, n_outputs)."""
        return self._from_prediction(self._prediction(X))

    def activations(self, X: Any) -> list[Array]:
        """Return what each hidden layer puts out, and last the network's prediction.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, n_features)
            Rows.

        Returns
        -------
        list of array of shape (n, n_units)
            One a hidden layer, after its activation, and one for the output after the link.
        """
        check_is_fitted(self)
        net = self.network_
        passed = net.reference().forward(net.vector, net.buffer_vector, (self._rows(X),))
        places = [i for i, node in enumerate(net.graph.nodes) if isinstance(node.layer, Dense)]
        hidden = [passed.outputs[place - 1] for place in places[1:]]
        return [*hidden, net.loss_function.prediction(numpy, passed.outputs[-1])]

    def transform(self, X: Any) -> Array:
        """Return what the last hidden layer puts out, shape (n, n_units); without hidden layers, X itself."""
        hidden = self.activations(X)[:-1]
        return hidden[-1] if hidden else self._rows(X)
