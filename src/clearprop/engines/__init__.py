"""Ways of computing networks, behind one door."""

from __future__ import annotations

from clearprop.engines.array import ArrayEngine
from clearprop.engines.base import Batch, Engine, EpochLoss, Executor, Program, sparse
from clearprop.engines.native_executor import NativeEngine
from clearprop.errors import ArgumentError
from clearprop.optimizers import Optimizer
from clearprop.validation import check_choice

__all__ = [
    "ENGINES", "ArrayEngine", "Batch", "Engine", "EpochLoss", "Executor", "Program", "choose", "refusals", "sparse",
]  # fmt: skip

# fastest first: "auto" takes the first that does not refuse
ENGINES: dict[str, Engine] = {"native": NativeEngine(), "array": ArrayEngine()}


def choose(name: str, program: Program, optimizer: Optimizer | None = None) -> Engine:
    """Return the engine of that name, or with "auto" the first one that does not refuse.

    Raises
    ------
    ArgumentError
        For an unknown engine, or one that was forced and refuses; the message says why.
    """
    check_choice("Network", "engine", name, ["auto", *ENGINES])
    for key, engine in ENGINES.items():
        reason = engine.refuses(program, optimizer)
        if reason is None and name in ("auto", key):
            return engine
        if name == key:
            raise ArgumentError(f"engine {name!r} refuses this network: {reason}; use engine='auto'.")
    raise ArgumentError("no engine runs this network.")


def refusals(program: Program, optimizer: Optimizer | None = None) -> dict[str, str]:
    """Return the reason of each engine that refuses the program, by its name."""
    asked = {name: engine.refuses(program, optimizer) for name, engine in ENGINES.items()}
    return {name: reason for name, reason in asked.items() if reason is not None}
