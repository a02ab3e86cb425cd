"""What the command lines of the benchmarks share."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Collection
from pathlib import Path


def names(known: Collection[str]) -> Callable[[str], list[str]]:
    """Return the reader of a comma-separated list of known names."""

    def read(text: str) -> list[str]:
        chosen = text.split(",")
        unknown = [name for name in chosen if name not in known]
        if unknown:
            raise argparse.ArgumentTypeError(f"unknown {', '.join(unknown)}; known are {', '.join(known)}")
        return chosen

    return read


def add_common(parser: argparse.ArgumentParser) -> None:
    """Add the options that all benchmarks have."""
    parser.add_argument("--threads", type=int, default=2, help="threads of everybody; default 2")
    parser.add_argument("--repeats", type=int, default=7, help="turns of everybody; default 7")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures")


def check_common(parser: argparse.ArgumentParser, given: argparse.Namespace) -> None:
    """End the program where the options cannot be used."""
    cpus = len(os.sched_getaffinity(0))
    if not 1 <= given.threads <= cpus:
        parser.error(f"--threads must be between 1 and {cpus}, the CPUs that may be used, got {given.threads}")
    if given.repeats < 1:
        parser.error(f"--repeats must be at least 1, got {given.repeats}")
