"""Frozen dataclasses whose fields are their configuration, and their way to and from JSON."""

from __future__ import annotations

import dataclasses
import math
from numbers import Integral, Real
from typing import Any, ClassVar, TypeVar

from clearprop.errors import ArgumentError, ModelFileError
from clearprop.validation import show

__all__ = ["Configurable", "from_config", "to_config"]

Config = Any  # what the json module reads and writes


@dataclasses.dataclass(frozen=True, repr=False)
class Configurable:
    """Base of everything that is described by its fields: boxes, losses, penalties, optimizers, schedules.

    A subclass is a frozen dataclass; its class name is its name in JSON. Classes register themselves, so a box of
    your own is read back from a model file as soon as its module has been imported. Nothing else is ever executed.
    """

    _kinds: ClassVar[dict[str, type[Configurable]]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        known = cls._kinds.get(cls.__name__)
        if known is not None and known.__module__.split(".")[0] == "clearprop" != cls.__module__.split(".")[0]:
            raise ArgumentError(
                f"class {cls.__name__}: clearprop has a {cls.__name__} of its own; choose another class name."
            )
        cls._kinds[cls.__name__] = cls
        type.__setattr__(cls, "__repr__", Configurable.__repr__)  # a dataclass keeps a repr that is there

    def __repr__(self) -> str:
        """Return the call that makes this object, without the fields that have their default."""
        fields = [field for field in dataclasses.fields(self) if field.init]
        fields.sort(key=lambda field: field.kw_only is True)
        parts = []
        for field in fields:
            value = getattr(self, field.name)
            plain = not field.kw_only and field.default is dataclasses.MISSING
            if plain:
                parts.append(repr(value))
            elif value != field.default:
                parts.append(f"{field.name}={value!r}")
        return f"{type(self).__name__}({', '.join(parts)})"


Kind = TypeVar("Kind", bound=Configurable)


def to_config(value: Any, where: str = "value") -> Config:
    """Return `value` as something the json module can write.

    Examples
    --------
    >>> from clearprop import Dense
    >>> to_config(Dense(3))["units"]
    3
    """
    if isinstance(value, Configurable):
        fields = {
            field.name: to_config(getattr(value, field.name), f"{where}.{field.name}")
            for field in dataclasses.fields(value)
        }
        return {"kind": type(value).__name__, **fields}
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        if not math.isfinite(value):
            raise ArgumentError(f"{where}: {value!r} cannot be saved; use a finite number.")
        return float(value)
    if isinstance(value, tuple | list):
        return [to_config(item, f"{where}[{index}]") for index, item in enumerate(value)]
    raise ArgumentError(
        f"{where}: {show(value)} cannot be saved as JSON; use numbers, strings, tuples and clearprop's own classes."
    )


def from_config(config: Config, kind: type[Kind]) -> Kind:
    """Return the object that `config` describes; it must be of the given kind."""
    value = _restore(config)
    if not isinstance(value, kind):
        raise ModelFileError(f"expected a {kind.__name__}, got {show(config)}; the model file is not usable.")
    return value


def _restore(config: Config) -> Any:
    if isinstance(config, list):
        return tuple(_restore(item) for item in config)
    if not isinstance(config, dict):
        return config
    name = config.get("kind")
    cls = Configurable._kinds.get(name) if isinstance(name, str) else None
    if cls is None or not dataclasses.is_dataclass(cls):
        raise ModelFileError(
            f"unknown kind {show(name)}; import the module that defines it, or update clearprop, and load again."
        )
    fields = {key: _restore(item) for key, item in config.items() if key != "kind"}
    try:
        restored = cls(**fields)
    except (TypeError, ValueError) as error:
        raise ModelFileError(f"{name} cannot be restored from {show(fields)}: {error}") from error
    return restored
