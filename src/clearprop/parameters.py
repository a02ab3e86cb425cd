"""The parameters of a network: declared one by one, held in one flat vector."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy

from clearprop.errors import ShapeError, UnknownNameError
from clearprop.initializers import Initializer
from clearprop.penalties import Constraint, Penalty
from clearprop.streams import Purpose, Stream

__all__ = ["Layout", "NamedViews", "Parameter", "Slot"]


@dataclass(frozen=True)
class Parameter:
    """What a box says of one of its parameters.

    Parameters
    ----------
    shape : tuple of int
        Its shape.
    initializer : Initializer
        How it starts.
    fan_in, fan_out : int, default=1
        Number of inputs of a unit, and of units that an input feeds.
    decays : bool, default=False
        Whether penalties and weight decay of the whole network apply; True for weights, False for biases.
    penalty : Penalty or None
        A penalty of its own, in place of the network's.
    constraint : Constraint or None
        A constraint of its own, in place of the network's.
    tied : str or None
        Name of an earlier node's parameter that this one is, such as ``"dense_1.W"``: the shapes must be equal, that
        node's initializer, penalty and constraint hold, and the gradients add up.

    Examples
    --------
    >>> import clearprop as cp
    >>> declared = cp.Dense(2).parameters((3,))
    >>> {name: (p.shape, p.initializer, p.decays) for name, p in declared.items()}
    {'W': ((3, 2), Glorot(), True), 'b': ((2,), Constant(), False)}
    """

    shape: tuple[int, ...]
    initializer: Initializer
    fan_in: int = 1
    fan_out: int = 1
    decays: bool = False
    penalty: Penalty | None = None
    constraint: Constraint | None = None
    tied: str | None = None


@dataclass(frozen=True)
class Slot:
    """Where a parameter lies in the flat vector."""

    name: str
    parameter: Parameter
    start: int
    stop: int


class NamedViews(Mapping[str, Any]):
    """Parameters by name; assigning to a name writes into the vector that they are views of.

    Examples
    --------
    >>> import clearprop as cp
    >>> net = cp.Network([cp.Dense(1)], inputs=2)
    >>> net.parameters["dense_1.W"] = [[1.0], [2.0]]
    >>> net.predict([[3.0, 4.0]]).tolist()
    [[11.0]]
    """

    def __init__(self, views: Mapping[str, Any]) -> None:
        self._views = views

    def __getitem__(self, name: str) -> Any:
        if name not in self._views:
            known = ", ".join(self._views) or "nothing"
            raise UnknownNameError(f"no parameter {name!r}; the network has {known}.")
        return self._views[name]

    def __setitem__(self, name: str, value: Any) -> None:
        view, given = self[name], numpy.asarray(value)
        if given.shape != view.shape:
            raise ShapeError(
                f"'{name}' has shape {view.shape}, got {given.shape}; to fill it with one number write [...] = number."
            )
        view[...] = given

    def __iter__(self) -> Iterator[str]:
        return iter(self._views)

    def __len__(self) -> int:
        return len(self._views)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({dict(self._views)})"


class Layout(Mapping[str, Slot]):
    """The places of all parameters in one flat vector, by name.

    Parameters
    ----------
    parameters : mapping of str to Parameter
        In the order of the vector.
    """

    def __init__(self, parameters: Mapping[str, Parameter]) -> None:
        slots: dict[str, Slot] = {}
        start = 0
        for name, parameter in parameters.items():
            stop = start + math.prod(parameter.shape)
            slots[name] = Slot(name, parameter, start, stop)
            start = stop
        self._slots = slots
        self.size = start

    def __getitem__(self, name: str) -> Slot:
        return self._slots[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._slots)

    def __len__(self) -> int:
        return len(self._slots)

    def views(self, vector: Any) -> dict[str, Any]:
        """Return the named parameters as views of the flat `vector`."""
        return {
            slot.name: vector[slot.start : slot.stop].reshape(slot.parameter.shape) for slot in self._slots.values()
        }

    def initial(self, seed: int, dtype: Any) -> Any:
        """Return a vector of starting values; each parameter has a random stream of its own."""
        vector = numpy.empty(self.size, dtype=dtype)
        stream = Stream(seed, Purpose.INITIALIZE)
        for index, (slot, view) in enumerate(zip(self._slots.values(), self.views(vector).values(), strict=True)):
            p = slot.parameter
            view[...] = p.initializer.values(stream.at(node=index), p.shape, p.fan_in, p.fan_out)
        return vector

    def decay_mask(self, dtype: Any) -> Any:
        """Return a vector that is 1 where weight decay applies and 0 elsewhere."""
        mask = numpy.zeros(self.size, dtype=dtype)
        for slot in self._slots.values():
            mask[slot.start : slot.stop] = slot.parameter.decays
        return mask
