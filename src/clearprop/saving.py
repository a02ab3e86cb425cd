"""Networks as JSON and as files."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Self

from clearprop.engines import Program
from clearprop.errors import ArgumentError, ModelFileError
from clearprop.files import check_arrays, write_model
from clearprop.validation import check_integer, show

__all__ = ["SavedNetwork", "describe"]

Array = Any


def describe(own: Mapping[str, Any], extra: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the description of a model file: the model's own entry, and those that the user adds."""
    if extra is None:
        return dict(own)
    if not isinstance(extra, Mapping) or not own.keys().isdisjoint(extra):
        taken = ", ".join(map(repr, own))
        raise ArgumentError(
            f"save: extra must be a mapping without {taken}, which is taken, got {show(extra)}; rename it."
        )
    return {**own, **extra}


class SavedNetwork(ABC):
    """The side of a network that goes into files and comes out of them."""

    program: Program
    seed: int

    @property
    @abstractmethod
    def parameters(self) -> Mapping[str, Array]:
        """What is learned, by name."""

    @property
    @abstractmethod
    def buffers(self) -> Mapping[str, Array]:
        """What is remembered but not learned, by name."""

    @classmethod
    @abstractmethod
    def from_program(cls, program: Program, *, seed: int = 0, engine: str = "auto") -> Self:
        """Return a fresh network of a program."""

    def to_config(self) -> dict[str, Any]:
        """Return the network without its numbers, as something the json module can write.

        Examples
        --------
        >>> import clearprop as cp
        >>> net = cp.Network([cp.Dense(2)], inputs=3, loss=cp.Huber())
        >>> cp.Network.from_config(net.to_config()).to_config() == net.to_config()
        True
        """
        return {**self.program.to_config(), "seed": self.seed}

    @classmethod
    def from_config(cls, config: Mapping[str, Any], engine: str = "auto") -> Self:
        """Return a fresh network from what `to_config` returned."""
        return cls._from_config(Program.from_config(config), config, engine)

    @classmethod
    def _from_config(cls, program: Program, config: Mapping[str, Any], engine: str) -> Self:
        try:
            seed = check_integer("Network", "seed", config["seed"])
        except (KeyError, ArgumentError) as error:
            raise ModelFileError(f"the description of the network is damaged: {error}; save it again.") from error
        return cls.from_program(program, seed=seed, engine=engine)

    def save(self, path: str | os.PathLike[str], *, extra: Mapping[str, Any] | None = None) -> None:
        """Write the network to a file, at once or not at all.

        Parameters
        ----------
        path : path-like
            One safetensors file; an existing one is replaced.
        extra : mapping or None
            Further entries of the file's JSON description.
        """
        write_model(path, describe({"network": self.to_config()}, extra), self.to_arrays())

    def to_arrays(self) -> dict[str, Array]:
        """Return what is learned and remembered, by the names that it has in a model file."""
        arrays = {f"parameters/{name}": view for name, view in self.parameters.items()}
        return arrays | {f"buffers/{name}": view for name, view in self.buffers.items()}

    @classmethod
    def from_file(cls, description: Mapping[str, Any], arrays: Mapping[str, Array], engine: str = "auto") -> Self:
        """Return the network that a model file holds; its shapes and dtypes must be those of the description."""
        if "network" not in description:
            raise ModelFileError("the model file holds no network; it has to be one that net.save wrote.")
        program = Program.from_config(description["network"])
        parts = {"parameters": program.graph.parameter_layout(), "buffers": program.graph.buffer_layout()}
        shapes = {
            f"{part}/{name}": slot.parameter.shape for part, slots in parts.items() for name, slot in slots.items()
        }
        check_arrays(arrays, shapes, program.dtype)  # before anything of these shapes is made
        network = cls._from_config(program, description["network"], engine)
        for part, views in (("parameters", network.parameters), ("buffers", network.buffers)):
            for name, view in views.items():
                view[...] = arrays[f"{part}/{name}"]
        return network
