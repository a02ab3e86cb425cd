"""`Classifier` and `Regressor` as files: JSON and arrays, nothing pickled."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from clearprop.config import Configurable, from_config, to_config
from clearprop.errors import ArgumentError, ModelFileError
from clearprop.estimators.tables.preprocessing import Preprocessing
from clearprop.estimators.tables.recipe import Recipe
from clearprop.estimators.tables.target import ClassTarget, NumberTarget, target_from_config
from clearprop.estimators.tables.training import STOPPED, Member
from clearprop.files import write_model
from clearprop.network import Network
from clearprop.saving import describe
from clearprop.validation import show

__all__ = ["SavedEstimator"]

Array = Any


class SavedEstimator(ABC, BaseEstimator):
    """The side of an estimator that goes into files and comes out of them."""

    n_features_in_: int
    feature_names_in_: Array
    preprocessing_: Preprocessing
    target_: ClassTarget | NumberTarget
    recipe_: Recipe
    validation_metrics_: dict[str, float]
    members_: list[Member]

    @abstractmethod
    def _own_state(self) -> dict[str, Any]:
        """Return what a class of estimators has besides, as something the json module can write."""

    @abstractmethod
    def _set_own_state(self, state: Mapping[str, Any], arrays: Mapping[str, Array]) -> None:
        """Take what `_own_state` and `_own_arrays` returned, after `target_`; any error says that it is damaged."""

    def _own_arrays(self) -> dict[str, Array]:
        """Return the arrays that a class of estimators has besides."""
        return {}

    def save(self, path: str | os.PathLike[str], *, extra: Mapping[str, Any] | None = None) -> None:
        """Write the fitted model to a file, at once or not at all; `clearprop.load` reads it.

        A `random_state` that is no number becomes None, for what it draws next is no part of the model.

        Parameters
        ----------
        path : path-like
            One safetensors file; an existing one is replaced.
        extra : mapping or None
            Further entries of the file's JSON description.
        """
        check_is_fitted(self, "members_")
        if type(self).__name__ not in ("Classifier", "Regressor"):
            raise ArgumentError(
                f"save: a {type(self).__name__} is not known to `load`; save a Classifier or Regressor."
            )
        network = self.members_[0].network.to_config()
        del network["seed"]
        members: list[dict[str, Any]] = []
        arrays = self._own_arrays()
        for place, member in enumerate(self.members_):
            described = {"history": member.history, "best_epoch": member.best_epoch, "stopped": member.stopped}
            members.append({"seed": member.network.seed, **described})
            stored = {**member.network.to_arrays(), "held_out": numpy.asarray(member.held_out, dtype=numpy.int64)}
            arrays |= {f"members/{place}/{name}": array for name, array in stored.items()}
        names = getattr(self, "feature_names_in_", None)
        entry = {
            "class": type(self).__name__,
            "parameters": {name: _to_json(name, value) for name, value in self.get_params(deep=False).items()},
            "n_features_in": self.n_features_in_,
            "feature_names_in": None if names is None else names.tolist(),
            "preprocessing": self.preprocessing_.to_json(),
            "target": to_config(self.target_, "target"),
            "recipe": to_config(self.recipe_, "recipe"),
            "validation_metrics": self.validation_metrics_,
            "network": network,
            "members": members,
            **self._own_state(),
        }
        write_model(path, describe({"estimator": entry}, extra), arrays)

    @classmethod
    def from_file(cls, entry: Any, arrays: Mapping[str, Array], engine: str = "auto") -> Self:
        """Return the model of an entry and arrays that `save` wrote, or raise `ModelFileError`."""
        try:
            model = cls(**{name: _from_json(value) for name, value in entry["parameters"].items()})
            model._validate_params()
            model.target_ = target_from_config(entry["target"])
            model.preprocessing_ = Preprocessing.from_json(entry["preprocessing"])
            model.recipe_ = from_config(entry["recipe"], Recipe)
            model.validation_metrics_ = _metrics(entry["validation_metrics"])
            model._set_features(entry["n_features_in"], entry["feature_names_in"])
            model._set_own_state(entry, arrays)
            model.members_ = [
                _member(place, described, entry["network"], arrays, model.recipe_.monitor(model.target_), engine)
                for place, described in enumerate(entry["members"])
            ]
            model._check_networks()
        except ModelFileError:
            raise
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            raise ModelFileError(
                f"the description of the model is damaged: {type(error).__name__}: {error}; save it again."
            ) from error
        return model

    def _set_features(self, count: Any, names: Any) -> None:
        if type(count) is not int or count < 1:
            raise ValueError(f"n_features_in is {show(count)}")
        self.n_features_in_ = count
        if names is not None:
            if not isinstance(names, list) or len(set(map(str, names))) != count or names != list(map(str, names)):
                raise ValueError(f"feature_names_in is {show(names)}")
            self.feature_names_in_ = numpy.array(names, dtype=object)
        known = {column.name for column in self.preprocessing_.columns} | self.preprocessing_.dropped.keys()
        if len(known) != count or (names is not None and known != set(names)):
            raise ValueError(f"its features are {show(names or count)}, its preprocessing knows {show(sorted(known))}")

    def _check_networks(self) -> None:
        """Raise an error unless the networks read what the preprocessing makes and answer what the target means."""
        if not self.members_:
            raise ValueError("it has no networks")
        net = self.members_[0].network
        shapes = [net.graph.nodes[place].shape for place in net.graph.inputs], net.graph.output.shape
        expected = [(width,) for width in self.preprocessing_.n_inputs], (self.target_.n_outputs,)
        if shapes != expected or type(net.loss_function) is not type(self.target_.loss(0.0)):
            raise ValueError(f"its networks have inputs and output {shapes}, its table needs {expected}")


def _to_json(name: str, value: Any) -> Any:
    """Return a parameter of an estimator as something the json module can write, or raise `ArgumentError`."""
    if isinstance(value, numpy.random.RandomState):
        return None
    if isinstance(value, Mapping):
        return {"items": [[_to_json(name, item) for item in pair] for pair in value.items()]}
    plain = value.tolist() if hasattr(value, "tolist") else value  # arrays and series
    return to_config(plain, name)


def _from_json(value: Any) -> Any:
    if isinstance(value, dict):
        return from_config(value, Configurable) if "kind" in value else dict(value["items"])
    return value


def _member(place: int, described: Any, network: Any, arrays: Mapping[str, Array], monitor: str, engine: str) -> Member:
    """Return a network of the model, its shapes and dtypes checked."""
    prefix = f"members/{place}/"
    own = {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
    held_out, history = own["held_out"], described["history"]
    if held_out.dtype != numpy.int64 or held_out.ndim != 1 or (held_out < 0).any():
        raise ValueError(f"the rows held out of member {place} are {show(held_out)}")
    best_epoch, stopped = described["best_epoch"], described["stopped"]
    if type(best_epoch) is not int or best_epoch < 1 or stopped not in STOPPED:
        raise ValueError(f"member {place} is {show(described)}")
    curves = [history[name] for name in ("loss", "validation_loss", monitor)]
    if not all(_are_numbers(curve) and len(curve) == len(curves[0]) >= best_epoch for curve in curves):
        raise ValueError(f"the history of member {place} is {show(history)}")
    net = Network.from_file({"network": {**network, "seed": described["seed"]}}, own, engine)
    return Member(net, held_out, history, best_epoch, stopped)


def _metrics(entry: Any) -> dict[str, float]:
    if not isinstance(entry, dict) or not all(type(value) is float for value in entry.values()):
        raise ValueError(f"the validation metrics are {show(entry)}")
    return entry


def _are_numbers(values: Sequence[Any]) -> bool:
    return isinstance(values, list) and all(type(value) in (int, float) for value in values)
