"""The native telling: the compiled module, and what the environment asks of it. Nothing else imports that module."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from clearprop.errors import ArgumentError
from clearprop.validation import show

_load_error = ""  # what the system says of a module that is there and cannot be loaded
try:
    import clearprop._native as _native
except ImportError as error:
    _native = None  # type: ignore[assignment]
    if not isinstance(error, ModuleNotFoundError):
        _load_error = " ".join(str(error).split())

__all__ = ["Setting", "available_cpus", "core", "fma_peak", "missing", "setting", "threads"]

TARGETS = ("avx512", "avx2", "baseline")  # all that a build can hold, best first
REMEDY = (
    "install GCC 11 or clang 14 or newer (Debian, Ubuntu: apt install g++; Fedora: dnf install gcc-c++; macOS: "
    "xcode-select --install) and, where the sources of clearprop are, run 'pip install --force-reinstall --no-deps "
    "--no-cache-dir -v .'"
)


def missing() -> str | None:
    """Return in one line why there is no native engine and what to do, or None where there is one."""
    if _native is not None:
        return None
    why = "was not built on this machine (no C++20 compiler was found, or it failed, when clearprop was installed)"
    if _load_error:
        why = f"cannot be loaded ({_load_error})"
    return f"the native engine {why}, so networks train on the slower array engine; {REMEDY}."


def core() -> Any:
    """Return the compiled module; call it only where `missing` returns None."""
    assert _native is not None
    return _native


def fma_peak(threads: int, dtype: str = "float32") -> float:
    """Return how many billion operations a second multiply-adds alone reach in so many threads.

    No engine can exceed it; the benchmarks print their share of it.
    """
    return float(core().measure_fma_peak(setting().target, dtype == "float32", threads)) / 1e9


def available_cpus() -> int:
    """Return how many processors this process is granted."""
    if _native is not None:
        return _native.available_cpus()
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@dataclass(frozen=True)
class Setting:
    """What the native engine computes with.

    Attributes
    ----------
    target : str or None
        The instruction set in force; None where there is no native engine.
    built, supported : tuple of str
        The instruction sets that the module holds, and those of them that this processor runs; best first.
    threads : int
        Threads in force.
    """

    target: str | None
    built: tuple[str, ...]
    supported: tuple[str, ...]
    threads: int


_held_to: list[int] = []  # numbers of threads that callers of `threads` ask for, the innermost last


@contextlib.contextmanager
def threads(count: int) -> Iterator[None]:
    """Let engines that are compiled within this context use so many threads."""
    _held_to.append(count)
    try:
        yield
    finally:
        _held_to.pop()


def setting() -> Setting:
    """Return what is in force: what the environment asked for when this was first called, or `threads` since.

    ``CLEARPROP_TARGET`` is the name of an instruction set, ``CLEARPROP_THREADS`` a number of threads; unset or empty,
    the best instruction set and all granted processors are taken.

    Raises
    ------
    ArgumentError
        For values that cannot be followed; the message names the variable.
    """
    asked = _asked()
    return dataclasses.replace(asked, threads=_held_to[-1]) if _held_to else asked


@functools.cache
def _asked() -> Setting:
    """Return what the environment asks for."""
    n_threads = _threads(os.environ)
    target = _target(os.environ)
    if _native is None:
        return Setting(None, (), (), n_threads)
    supported = tuple(_native.supported())
    return Setting(target or supported[0], tuple(_native.targets()), supported, n_threads)


def _threads(environment: Mapping[str, str]) -> int:
    text = environment.get("CLEARPROP_THREADS", "").strip()
    if not text:
        return available_cpus()
    if not (text.isascii() and text.isdigit() and int(text) >= 1):
        raise ArgumentError(
            f"CLEARPROP_THREADS must be a whole number >= 1, got {show(text)}; unset it to use all "
            f"{available_cpus()} that this process is granted."
        )
    return int(text)


def _target(environment: Mapping[str, str]) -> str | None:
    name = environment.get("CLEARPROP_TARGET", "").strip()
    if not name:
        return None
    begin, remedy = f"CLEARPROP_TARGET is {show(name)}", "unset it to let clearprop choose."
    if name not in TARGETS:
        raise ArgumentError(f"CLEARPROP_TARGET must be one of {', '.join(TARGETS)}, got {show(name)}; {remedy}")
    if _native is None:
        raise ArgumentError(f"{begin}, but {missing()} Or {remedy}")
    if name not in _native.targets():
        built = ", ".join(_native.targets())
        raise ArgumentError(f"{begin}, which was not built: expected one of {built}; {remedy}")
    if name not in _native.supported():
        able = ", ".join(_native.supported())
        raise ArgumentError(f"{begin}, which this processor does not run: expected one of {able}; {remedy}")
    return name
