"""Options of the command line from a TOML file."""

from __future__ import annotations

import argparse
import csv
import difflib
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from clearprop.cli.options import Parser
from clearprop.errors import ArgumentError

__all__ = ["configured"]

FLAGS = ("force", "quiet")


def configured(parser: Parser, arguments: Sequence[str]) -> Iterator[str]:
    """Yield the options of ``--config F.toml`` as if they had been typed before the others."""
    finder = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    finder.add_argument("--config")
    try:
        path = finder.parse_known_args(list(arguments))[0].config
    except argparse.ArgumentError:  # the real parser says so better
        return
    if path is None:
        return
    import tomllib

    try:
        settings = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ArgumentError(f"--config: cannot read '{path}': {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ArgumentError(f"--config: {path} is not TOML: {error}.") from error
    known = {option[2:] for option in parser._option_string_actions if option.startswith("--")} - {"config", "help"}
    for key, value in settings.items():
        option = key.replace("_", "-")
        if option not in known:
            near = difflib.get_close_matches(option, known, n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"there are {', '.join(sorted(known))}."
            raise ArgumentError(f"{path}: no option '{key}'; {hint}")
        if option in FLAGS:
            if not isinstance(value, bool):
                raise ArgumentError(f"{path}: {option} must be true or false, got {value!r}.")
            if value:
                yield f"--{option}"
        else:
            yield f"--{option}={_as_text(path, key, value)}"


def _as_text(path: str, key: str, value: Any) -> str:
    items = value if isinstance(value, list) else [value]
    if not all(isinstance(item, str | int | float) and not isinstance(item, bool) for item in items):
        raise ArgumentError(f"{path}: {key} must be a number, a text or a list of them, got {value!r}.")
    if not isinstance(value, list):
        return str(value)
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="").writerow(items)
    return buffer.getvalue()
