"""What the verbs share: a parser that answers in one line, types of options, reading models, writing results."""

from __future__ import annotations

import argparse
import csv
import difflib
import os
import re
import shlex
import shutil
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from clearprop.errors import ArgumentError, DataError

if TYPE_CHECKING:
    from clearprop.estimators.tables import Preprocessing
    from clearprop.estimators.tables.table import Table

__all__ = [
    "Parser",
    "add_missing",
    "add_quiet",
    "check_output",
    "complain",
    "integer",
    "load_table",
    "model_name",
    "names",
    "note",
    "note_engine",
    "note_unseen",
    "program",
    "real",
    "show_metrics",
    "write_bytes",
    "write_text",
]


OPTION = re.compile(r"-(?![0-9.])[^ ]+$")  # as argparse sees it: negative numbers and texts with spaces are values
_quiet = False  # whether the command at hand was told to be


class Parser(argparse.ArgumentParser):
    """The parser of a verb; a wrong usage is one line on standard error and exit code 2."""

    def __init__(self, verb: str, description: str, **kwargs: Any) -> None:
        super().__init__(
            prog=f"clearprop {verb}",
            description=description,
            allow_abbrev=False,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            **kwargs,
        )

    def read(self, given: Sequence[str]) -> argparse.Namespace:
        """Parse; an unknown option is named before missing ones, and ``--quiet`` holds from here on."""
        global _quiet
        self._check_names(given)
        options = self.parse_args(given)
        _quiet = getattr(options, "quiet", False)
        return options

    def _check_names(self, given: Sequence[str]) -> None:
        known = [option for option in self._option_string_actions if option.startswith("--")]
        for text in given:
            name = text.partition("=")[0]
            if name in ("-h", "--help", "--"):  # nothing after them is an option to check
                return
            if not OPTION.match(text) or name in known:
                continue
            near = difflib.get_close_matches(name, known, n=1)
            self.error(f"no option '{name}'" + (f"; did you mean '{near[0]}'?" if near else ""))

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and where to read on, and leave."""
        end = "" if message.endswith("?") else ";"
        self.exit(2, f"error: {message}{end} see '{self.prog} --help'.\n")


def integer(minimum: int) -> Callable[[str], int]:
    """Return the type of an option that takes a whole number of at least `minimum`."""

    def convert(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = minimum - 1
        if value < minimum:
            raise argparse.ArgumentTypeError(f"must be a whole number >= {minimum}, got {text!r}")
        return value

    return convert


def real(positive: bool) -> Callable[[str], float]:
    """Return the type of an option that takes a finite number > 0, or >= 0."""

    def convert(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not (0.0 < value < float("inf") or (value == 0.0 and not positive)):
            raise argparse.ArgumentTypeError(f"must be a number {'>' if positive else '>='} 0, got {text!r}")
        return value

    return convert


def names(text: str) -> list[str]:
    """Return the parts of ``a,b,"c, d"``."""
    return [part.strip() for part in next(csv.reader([text], skipinitialspace=True), []) if part.strip()]


def add_missing(parser: argparse._ActionsContainer) -> None:
    """Add the option that says which texts stand for missing values."""
    parser.add_argument(
        "--na",
        metavar="TEXT,...",
        type=names,
        default=[],
        action="extend",
        help="texts that stand for a missing value, besides an empty field, NA, NaN and null",
    )


def add_quiet(parser: argparse._ActionsContainer) -> None:
    """Add the option that silences `note`."""
    parser.add_argument("--quiet", action="store_true", help="no messages but errors")


def note(text: str) -> None:
    """Tell the user something that is not data, unless ``--quiet`` was given."""
    if not _quiet:
        complain(text)


def complain(text: str) -> None:
    """Tell the user why the command does not end well, ``--quiet`` or not."""
    print(text, file=sys.stderr, flush=True)


def program() -> str:
    """Return how the user can call clearprop again: as it was called, unless the plain name finds the same file."""
    called = sys.argv[0]
    found = shutil.which("clearprop")
    if Path(called).name != "clearprop" or (found is not None and os.path.realpath(called) == os.path.realpath(found)):
        return "clearprop"
    return shlex.quote(called)


def load_table(path: str, missing: Iterable[str]) -> Table:
    """Read a table and tell what was left out."""
    from clearprop.estimators.tables.reader import read_table

    table = read_table(path, missing)
    for text in table.notes:
        note(f"note: {text}")
    return table


def note_engine() -> None:
    """Tell that training is slower than it could be, where the native engine is missing."""
    from clearprop.engines import native

    reason = native.missing()
    if reason is not None:
        note(f"note: {reason}")


def note_unseen(preprocessing: Preprocessing, table: Table) -> None:
    """Tell which columns hold categories that training did not have."""
    for text in preprocessing.unseen(table):
        note(f"note: {text}")


def model_name(data: str) -> str:
    """Return the name of a model file made from `data`: in this folder, without the endings of the data."""
    if data == "-":
        raise ArgumentError("DATA is standard input, which gives the model no name; add --out FILE.")
    path = Path(data)
    path = Path(path.stem) if path.suffix.casefold() == ".gz" else path
    return f"{path.stem}.clearprop"


def check_output(path: str | Path, force: bool, sources: Sequence[str] = (), option: str = "--out") -> Path:
    """Return `path` if a result may be written there, before any work is done for it; `option` is what it came from."""
    target = Path(path)
    sources = [source for source in sources if source != "-"]
    if target.is_dir():
        raise ArgumentError(f"{option} '{target}' is a folder; give the name of a file in it.")
    if not target.parent.is_dir():
        raise ArgumentError(f"{option} '{target}': there is no folder '{target.parent}'; make it first.")
    if any(target.exists() and os.path.exists(source) and target.samefile(source) for source in sources):
        raise ArgumentError(f"{option} '{target}' is a file to read from; choose another name.")
    if target.exists() and not force:
        raise ArgumentError(f"'{target}' exists; pass --force to replace it, or {option} with another name.")
    if not os.access(target.parent, os.W_OK):
        raise ArgumentError(f"{option} '{target}': the folder '{target.parent}' cannot be written to; choose another.")
    return target


def write_text(path: str | Path, text: str) -> None:
    """Write a text file, at once or not at all."""
    write_bytes(path, text.encode())


def write_bytes(path: str | Path, data: bytes) -> None:
    """Write a file, at once or not at all."""
    from clearprop.files import write_atomically

    try:
        write_atomically(path, data)
    except OSError as error:
        raise DataError(f"cannot write '{path}': {error.strerror}; nothing was left there.") from error


def show_metrics(metrics: dict[str, float]) -> None:
    """Print metrics as data: a name and a value a line."""
    for name, value in metrics.items():
        print(f"{name:<9} {value:.6g}", flush=True)
