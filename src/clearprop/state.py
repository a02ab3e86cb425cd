"""The state of a training run: all that a stop and a resume need."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

__all__ = ["TrainState"]


@dataclass
class TrainState:
    """Everything that training changes.

    Attributes
    ----------
    parameters, buffers : array of shape (n,)
        The network's own flat vectors (not copies).
    slots : dict of str to array of shape (n_parameters,)
        What the optimizer remembers, by name.
    step, epoch : int
        Updates and epochs done.
    seed : int
        Seed of shuffling and noise; with `epoch` and `step` it addresses every random number of the run.
    reductions, waiting : int
        How often a plateau has reduced the learning rate, and for how many epochs it has waited.
    best : float
        The best loss a plateau schedule has seen.

    Examples
    --------
    Two epochs and then two more are the same as four (a schedule without `steps` ends with the epochs of its call, so
    give it its length where a run is to be continued):

    >>> import clearprop as cp
    >>> X, y = [[0.0], [1.0], [2.0]], [1.0, 3.0, 5.0]
    >>> whole, parts = cp.Network([cp.Dense(1)], inputs=1), cp.Network([cp.Dense(1)], inputs=1)
    >>> reports = whole.fit(X, y, epochs=4, batch_size=1)
    >>> state = parts.fit(X, y, epochs=2, batch_size=1)[-1].state
    >>> state.epoch, state.step, sorted(state.slots)
    (2, 6, ['mean', 'square_mean'])
    >>> reports = parts.fit(X, y, epochs=2, batch_size=1, state=state)
    >>> bool((whole.vector == parts.vector).all())
    True
    """

    parameters: Any
    buffers: Any
    slots: dict[str, Any] = field(default_factory=dict)
    step: int = 0
    epoch: int = 0
    seed: int = 0
    reductions: int = 0
    waiting: int = 0
    best: float = float("inf")

    def copy(self) -> TrainState:
        """Return a state with arrays of its own."""
        slots = {name: slot.copy() for name, slot in self.slots.items()}
        return replace(self, parameters=self.parameters.copy(), buffers=self.buffers.copy(), slots=slots)

    def restore(self, kept: TrainState) -> None:
        """Put back what `copy` returned; the arrays stay the same objects."""
        self.parameters[...], self.buffers[...] = kept.parameters, kept.buffers
        for name, slot in kept.slots.items():
            self.slots[name][...] = slot
        self.step, self.epoch = kept.step, kept.epoch
        self.reductions, self.waiting, self.best = kept.reductions, kept.waiting, kept.best
