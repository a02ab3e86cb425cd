"""What this installation of clearprop computes with, on this machine."""

from __future__ import annotations

import os
import platform

import numpy

import clearprop
from clearprop.engines import native

__all__ = ["show_config"]

VARIABLES = ("CLEARPROP_TARGET", "CLEARPROP_THREADS")


def show_config() -> None:
    """Print versions, the engine in force and why, instruction sets and threads, for a report of a problem.

    Two environment variables decide what the native engine does; they are read when it is first used.
    ``CLEARPROP_TARGET`` names the instruction set: ``avx512``, ``avx2`` or ``baseline``. ``CLEARPROP_THREADS`` is the
    number of threads.

    Raises
    ------
    ArgumentError
        If one of them has a value that is unknown or that this machine cannot follow.

    Examples
    --------
    >>> import clearprop as cp
    >>> cp.show_config()  # doctest: +ELLIPSIS
    clearprop     ...
    """
    setting, reason, granted = native.setting(), native.missing(), native.available_cpus()
    lines = {
        "clearprop": clearprop.__version__,
        "Python": f"{platform.python_version()} ({platform.python_implementation()}, {platform.platform()})",
        "NumPy": numpy.__version__,
        "engine": "native, for all networks that it does not refuse" if reason is None else f"array: {reason}",
    }
    if reason is None:
        built, supported = ", ".join(setting.built), ", ".join(setting.supported)
        lines["instructions"] = f"{setting.target} (built: {built}; this processor runs: {supported})"
        lines["threads"] = f"{setting.threads} ({granted} granted to this process)"
    else:
        lines["threads"] = f"as the libraries of NumPy choose ({granted} granted to this process)"
    lines |= {name: value for name in VARIABLES if (value := os.environ.get(name))}
    width = max(map(len, lines))
    for name, text in lines.items():
        print(f"{name:<{width}}  {text}")
