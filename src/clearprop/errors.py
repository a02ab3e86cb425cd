"""The errors that clearprop raises on purpose.

Each says what was got, what was expected and what to do. All of them descend from `ClearpropError` and, so that
existing ``except`` clauses keep working, from the built-in class that NumPy or scikit-learn would have raised.
"""

from __future__ import annotations

__all__ = [
    "ArgumentError",
    "ClearpropError",
    "DataWarning",
    "DataError",
    "GradientCheckError",
    "MissingExtraError",
    "ModelFileError",
    "NoGradientError",
    "NonFiniteError",
    "ShapeError",
    "UnknownNameError",
]


class ClearpropError(Exception):
    """Base of every error that clearprop raises on purpose."""


class ArgumentError(ClearpropError, ValueError):
    """An argument has a value that is not allowed."""


class ShapeError(ClearpropError, ValueError):
    """A node was given inputs of shapes that it cannot take."""


class DataError(ClearpropError, ValueError):
    """The data (X, y, weights, a table) cannot be used as they are."""


class NoGradientError(ClearpropError, ValueError):
    """A gradient was asked for through a box that has none."""


class DataWarning(UserWarning):
    """The data can be used, but hardly as they are: numbers beyond 1e6, or one class alone."""


class GradientCheckError(ClearpropError, AssertionError):
    """An analytic gradient disagrees with the numeric one."""


class MissingExtraError(ClearpropError, ImportError):
    """A package that only some users need is not installed."""


class ModelFileError(ClearpropError, ValueError):
    """A model file is damaged, foreign or of a newer format."""


class UnknownNameError(ClearpropError, KeyError):
    """A mapping, such as a trace, holds nothing of that name."""

    __str__ = Exception.__str__  # KeyError shows the repr of its message


class NonFiniteError(ClearpropError, ValueError):
    """Training met an infinite or undefined number and stopped.

    Parameters
    ----------
    message : str
        The whole sentence shown to the user.
    epoch : int
        Epoch, counted from 1.
    batch : int
        Batch within the epoch, counted from 1.
    node : str
        Node (or ``loss``, or the name of a parameter) where the first non-finite value stood.
    """

    def __init__(self, message: str, *, epoch: int = 0, batch: int = 0, node: str = "") -> None:
        super().__init__(message)
        self.epoch = epoch
        self.batch = batch
        self.node = node

    def __reduce__(self) -> tuple[object, ...]:
        return _restore_non_finite, (str(self), self.epoch, self.batch, self.node)


def _restore_non_finite(message: str, epoch: int, batch: int, node: str) -> NonFiniteError:
    return NonFiniteError(message, epoch=epoch, batch=batch, node=node)
