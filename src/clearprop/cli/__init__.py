"""The command line: ``clearprop VERB ...``.

Only what the verb at hand needs is imported, so that help and slips of the keyboard are answered at once.
"""

from __future__ import annotations

import difflib
import importlib
import os
import sys
from collections.abc import Sequence

from clearprop.errors import ArgumentError, ClearpropError, DataError, ModelFileError, NonFiniteError, ShapeError

__all__ = ["main"]

VERBS = {
    "train": "fit a network to a table and write a model file",
    "predict": "predict the rows of a table, as CSV",
    "evaluate": "measure a model on rows whose target is known",
    "inspect": "show what a model file holds",
    "explain": "show every quantity of one row's pass through a model",
    "plot": "draw a model: loss, weights, gradients, units, one row's pass, decisions",
    "ui": "train and look inside on a page in the browser",
    "demo": "train a named example on bundled data: digits, xor, two",
}
FINE, INTERNAL, USAGE, DATA, MODEL_FILE, DIVERGED, UNAVAILABLE, FAIL_UNDER, INTERRUPTED = 0, 1, 2, 3, 4, 5, 6, 7, 130
EXIT_CODES: tuple[tuple[type[BaseException], int], ...] = (
    (ImportError, UNAVAILABLE),
    (NonFiniteError, DIVERGED),
    (ModelFileError, MODEL_FILE),
    (DataError, DATA),
    (ArgumentError, USAGE),
    (ShapeError, USAGE),
)

HELP = f"""\
usage: clearprop VERB ...

Feedforward neural networks for tables (CSV or Parquet).

verbs:
{chr(10).join(f"  {verb:<10}{text}" for verb, text in VERBS.items())}

options:
  -h, --help  show this help; 'clearprop VERB --help' or 'clearprop help VERB' shows that of a verb
  --version   show the version

begin with: clearprop demo

exit codes: 0 fine, 1 internal error, 2 usage, 3 data, 4 model file, 5 training diverged,
6 not installed, or port in use, 7 --fail-under missed, 130 interrupted
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    Parameters
    ----------
    arguments : sequence of str or None
        By default those of the process.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        code = _run(given)
        sys.stdout.flush()
        return code
    except SystemExit as stop:  # argparse: help was asked for, or the usage is wrong
        return stop.code if isinstance(stop.code, int) else USAGE
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # the reader, such as head, has seen enough
        _close_output()
        return FINE
    except Exception as error:
        return _failure(error)


def _close_output() -> None:
    """Send what is left of the output nowhere, so that Python does not fail on it again when it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _run(given: list[str]) -> int:
    if not given:
        sys.stderr.write(HELP)
        return USAGE
    verb, *rest = given
    if verb in ("-h", "--help"):
        sys.stdout.write(HELP)
        return FINE
    if verb == "--version":
        from clearprop import __version__

        print(f"clearprop {__version__}")
        return FINE
    if verb == "help":
        return _run([*rest[:1], "--help"])
    if verb not in VERBS:
        near = difflib.get_close_matches(verb, VERBS, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"there are {', '.join(VERBS)}."
        raise ArgumentError(f"no verb '{verb}'; {hint}")
    run = importlib.import_module(f"clearprop.cli.{verb}").run
    code: int = run(rest)
    return code


def _failure(error: Exception) -> int:
    """Say in one line what went wrong, and return the exit code."""
    if os.environ.get("CLEARPROP_DEBUG"):
        import traceback

        traceback.print_exc()
    if isinstance(error, ClearpropError):
        for kind, code in EXIT_CODES:
            if isinstance(error, kind):
                print(f"error: {error}", file=sys.stderr)
                return code
    if isinstance(error, OSError) and error.strerror:
        if error.filename is None:  # standard output, as on a full disk
            print(f"error: cannot write the output: {error.strerror}.", file=sys.stderr)
            _close_output()
        else:
            print(f"error: cannot use '{error.filename}': {error.strerror}.", file=sys.stderr)
        return USAGE
    print(
        f"error: internal: {type(error).__name__}: {error}. This is a bug in clearprop; please report it with the "
        "output of the same command after CLEARPROP_DEBUG=1.",
        file=sys.stderr,
    )
    return INTERNAL
