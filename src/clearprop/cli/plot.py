"""``clearprop plot``: pictures of a model, in a file."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from clearprop.cli.options import (
    Parser,
    add_missing,
    add_quiet,
    check_output,
    integer,
    load_table,
    names,
    note,
    write_bytes,
)
from clearprop.errors import ArgumentError

if TYPE_CHECKING:
    from clearprop.cli.rows import ModelRows

__all__ = ["run"]

# what each kind draws, whether it needs rows, and the options that are its own
KINDS = {
    "loss": ("the loss by epoch", False, ()),
    "weights": ("the weights of the first layer", False, ()),
    "network": ("units and the weights between them", False, ()),
    "gradient-flow": ("the size of the gradient at every layer", True, ()),
    "activations": ("how the outputs of every layer are distributed", True, ()),
    "units": ("dead and saturated units", True, ()),
    "backprop": ("one row forward and its gradient back, with all numbers", True, ("row",)),
    "decision": ("what is predicted where two columns vary", True, ("features",)),
}
FORMATS = (".png", ".svg")
DPI = 150


def run(arguments: Sequence[str]) -> int:
    """Run the verb and return its exit code."""
    kinds = "\n".join(f"  {kind:<15}{text}" for kind, (text, *_) in KINDS.items())
    parser = Parser("plot", f"Draw a picture of a model. It trains nothing.\n\nkinds:\n{kinds}")
    parser.add_argument("model", metavar="MODEL", help="what 'clearprop train' or the method save wrote")
    parser.add_argument("kind", metavar="KIND", choices=KINDS, help="what to draw, see above")
    parser.add_argument("data", metavar="DATA", nargs="?", help="CSV or Parquet with rows and their targets")
    parser.add_argument("--out", metavar="FILE", required=True, help="where to write, FILE.png or FILE.svg")
    parser.add_argument(
        "--row", metavar="N", type=integer(0), help="for backprop, a row of DATA, from 0; default: the first"
    )
    parser.add_argument("--target", metavar="COL", help="the target's column; default: the one trained on")
    parser.add_argument(
        "--features", metavar="COL,COL", type=names, help="for decision; default: the first two of numbers"
    )
    parser.add_argument("--force", action="store_true", help="replace FILE if it exists")
    add_missing(parser)
    add_quiet(parser)
    options = parser.read(arguments)

    _, needs_rows, own = KINDS[options.kind]
    for name in ("row", "features"):
        if getattr(options, name) is not None and name not in own:
            raise ArgumentError(f"--{name} is not for '{options.kind}'; leave it out.")
    if needs_rows != (options.data is not None):
        raise ArgumentError(
            f"'{options.kind}' draws rows passing through the model; give DATA."
            if needs_rows
            else f"'{options.kind}' draws no rows; leave out '{options.data}'."
        )
    sources = [options.model] if options.data is None else [options.model, options.data]
    target = check_output(options.out, options.force, sources)
    if target.suffix.casefold() not in FORMATS:
        raise ArgumentError(f"--out '{target}' must end with {' or '.join(FORMATS)}.")

    from clearprop.cli.model_file import read_file

    _, model = read_file(options.model)
    rows = None
    if options.data is not None:
        from clearprop.cli.rows import model_rows

        missing = getattr(model, "missing", ())
        rows = model_rows(model, load_table(options.data, [*missing, *options.na]), options.target)
    chosen = {name: getattr(options, name) for name in own if getattr(options, name) is not None}
    write_bytes(target, _picture(options.kind, model, rows, chosen, target.suffix.casefold()[1:]))
    note(f"wrote {options.out}")
    return 0


def _picture(kind: str, model: Any, rows: ModelRows | None, options: dict[str, Any], form: str) -> bytes:
    """Return the picture as a file of a format."""
    from clearprop.displays.base import load_pyplot

    pyplot = load_pyplot("plot")
    pyplot.switch_backend("Agg")  # no window, and none is needed
    with warnings.catch_warnings(), pyplot.rc_context({"svg.hashsalt": "clearprop"}):
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        display = _draw(kind, model, rows, options)
        file = io.BytesIO()
        metadata = {"Date": None} if form == "svg" else {}
        display.figure_.savefig(file, format=form, dpi=DPI, metadata=metadata)
        pyplot.close(display.figure_)
    return file.getvalue()


def _draw(kind: str, model: Any, rows: ModelRows | None, options: dict[str, Any]) -> Any:
    from clearprop import displays
    from clearprop.network import Network

    kinds: dict[str, Any] = {
        "loss": displays.LossCurveDisplay,
        "weights": displays.WeightDisplay,
        "network": displays.NetworkDisplay,
        "gradient-flow": displays.GradientFlowDisplay,
        "activations": displays.ActivationDisplay,
        "units": displays.UnitHealthDisplay,
        "backprop": displays.BackpropDisplay,
        "decision": displays.DecisionSliceDisplay,
    }
    is_network = isinstance(model, Network)
    if kind == "loss" and is_network:
        raise ArgumentError("the model is a network, whose file keeps no losses; draw them from the reports in Python.")
    draw: Callable[..., Any] = kinds[kind].from_network if is_network else kinds[kind].from_estimator
    source = model if is_network else model.model
    if rows is None:
        return draw(source)
    if kind == "backprop":
        options = {"row": rows.place(options.get("row", int(rows.places[0])))}
    if kind == "decision" and is_network:
        options = {**options, "names": [name for names in rows.names for name in names], "classes": rows.classes}
    return draw(source, rows.X, rows.y, **options)
