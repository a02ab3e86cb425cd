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


def granted_cpus() -> int:
    """Return the number of CPUs that may be used."""
    return len(os.sched_getaffinity(0))


def add_threads(parser: argparse.ArgumentParser, default: int = 2) -> None:
    """Add the option that all benchmarks have."""
    parser.add_argument("--threads", type=int, default=default, help="threads of everybody; default %(default)s")


def check_threads(parser: argparse.ArgumentParser, given: argparse.Namespace) -> None:
    """End the program if there are not as many CPUs as threads are wanted."""
    if not 1 <= given.threads <= granted_cpus():
        cpus = granted_cpus()
        parser.error(f"--threads must be between 1 and {cpus}, the CPUs that may be used, got {given.threads}")


def add_common(parser: argparse.ArgumentParser) -> None:
    """Add the options of the benchmarks that measure time."""
    add_threads(parser)
    parser.add_argument("--repeats", type=int, default=7, help="turns of everybody; default 7")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures")


def check_common(parser: argparse.ArgumentParser, given: argparse.Namespace) -> None:
    """End the program where these options cannot be used."""
    check_threads(parser, given)
    if given.repeats < 1:
        parser.error(f"--repeats must be at least 1, got {given.repeats}")
