"""``clearprop ui``: the page that trains and shows every number, in the browser."""

from __future__ import annotations

import argparse
import errno
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from clearprop.cli.options import (
    Parser,
    add_missing,
    check_output,
    complain,
    integer,
    load_table,
    names,
    note,
    note_engine,
)
from clearprop.errors import ArgumentError

if TYPE_CHECKING:
    from clearprop.ui.problems import Source
    from clearprop.ui.server import PageServer
    from clearprop.ui.session import Session

__all__ = ["run"]

FINE, UNAVAILABLE = 0, 6
MODEL_ENDING = ".clearprop"


def run(arguments: Sequence[str]) -> int:
    """Run the verb and return its exit code."""
    options = make_parser().read(arguments)
    if options.target and options.source is None:
        raise ArgumentError("--target belongs to a table; give DATA or MODEL as well.")
    if options.drop and (options.source is None or is_model(options.source)):
        raise ArgumentError("--drop belongs to a table; a model reads the columns that it was trained on.")
    if options.data and not is_model(options.source):
        raise ArgumentError(
            f"'{options.source}' is a table and has its own rows; leave '{options.data}' out, or give a model first."
        )
    if options.record is not None:
        sources = [file for file in (options.source, options.data) if file]
        check_output(options.record, force=True, sources=sources, option="--record")
    from clearprop.ui.live import LiveSession
    from clearprop.ui.problems import BUILT_IN
    from clearprop.ui.server import PageServer, is_loopback, open_in_browser

    own = [] if options.source is None else [user_source(options.source, options)]
    note_engine()
    session = LiveSession([*own, *BUILT_IN])
    try:
        try:
            server = PageServer(session, options.host, options.port)
        except OSError as error:
            where = f"{options.host}:{options.port}" if options.port is not None else options.host
            wrong = "--port" if error.errno in (errno.EADDRINUSE, errno.EACCES) else "--host"
            complain(f"error: cannot listen at {where}: {error.strerror}; give another {wrong}, or leave it out.")
            return UNAVAILABLE
        if not is_loopback(options.host):
            complain(
                f"warning: other machines can reach the page, at port {server.port} of this one; it speaks plain HTTP, "
                "so whoever listens on the way can read its token."
            )
        with server:
            complain(f"the page is at {server.url}")
            note("stop it with Ctrl-C")
            if not options.no_browser:
                open_in_browser(server.url)
            wait(server)
        if options.record is not None:
            write_record(options.record, session)
    finally:
        session.close()
    return FINE


def make_parser() -> Parser:
    """Return the parser of the verb."""
    parser = Parser(
        "ui",
        "Open the page: it trains a network and shows its surface, layers, rows, and every number of a pass.\n\n"
        "Without arguments it learns built-in sets, of a table it learns the target, a model goes on from where it is.",
    )
    add = parser.add_argument
    add("source", metavar="MODEL|DATA", nargs="?", help="a model file, or a CSV or Parquet file with --target")
    add("data", metavar="DATA", nargs="?", help="the rows of a model")
    add("--target", metavar="COL", help="the column to predict; a model of 'clearprop train' knows its own")
    add("--drop", metavar="COL,...", type=names, default=[], help="columns of DATA not to learn from")
    add("--task", choices=("classification", "regression"), help="default: told from the values of the target")
    add_missing(parser)
    add("--port", metavar="N", type=port_number, help="default: the first free one from 8765 on")
    add(
        "--host",
        metavar="H",
        type=host_name,
        default="127.0.0.1",
        help="address to listen at; default: %(default)s, this machine alone",
    )
    add("--no-browser", action="store_true", help="print the address and open nothing")
    add("--record", metavar="FILE", help="write the page as one HTML file at the end")
    return parser


def port_number(text: str) -> int:
    """Return a number of a port."""
    value = integer(0)(text)
    if value > 65535:
        raise argparse.ArgumentTypeError(f"must be at most 65535, got {text!r}")
    return value


def host_name(text: str) -> str:
    """Return a name or an address to listen at; the empty one would be all of this machine's."""
    if not text:
        raise argparse.ArgumentTypeError("must be a name or an address, such as 0.0.0.0 for all of this machine's")
    return text


def wait(server: PageServer) -> None:
    """Wait until the user stops the page."""
    try:
        server.join()
    except KeyboardInterrupt:  # as people end a server
        print(file=sys.stderr)


def write_record(path: str, session: Session) -> None:
    """Write the page of the current run."""
    from clearprop.files import write_atomically
    from clearprop.ui.recording import recorded_page

    write_atomically(path, recorded_page(session))
    note(f"saved {path}")


def is_model(path: str | None) -> bool:
    """Return whether a file is a model file, by its name or by what it begins with."""
    if path is None or path == "-":
        return False
    if Path(path).suffix == MODEL_ENDING:
        return True
    try:
        with open(path, "rb") as file:
            return file.read(4096)[8:].startswith(b'{"__metadata__"')
    except OSError:
        return False


def user_source(path: str, options: argparse.Namespace) -> Source:
    """Return what the user's file gives to learn."""
    if is_model(path):
        return saved_model(path, options)
    from clearprop.cli.problem import Problem
    from clearprop.ui.sources import UserTable

    if options.target is None:
        raise ArgumentError(f"'{path}' is a table; say what is to be learned with --target COL.")
    problem = Problem.of(load_table(path, options.na), options.target, task=options.task, drop=options.drop)
    for text in problem.notes:
        note(f"note: {text}")
    read = dict.fromkeys(column.name for column in problem.preprocessing.columns)
    return UserTable(problem.features.select(read), problem.y, problem.target, problem.task)


def saved_model(path: str, options: argparse.Namespace) -> Source:
    """Return the first network of a model file with the user's rows."""
    from clearprop.cli.model_file import StoredModel, read_file
    from clearprop.cli.rows import as_network_rows, model_rows
    from clearprop.estimators import Classifier, Regressor
    from clearprop.losses import BinaryCrossEntropy, CrossEntropy
    from clearprop.ui.sources import SavedModel

    name = Path(path).name
    if options.data is None:
        raise ArgumentError(f"'{name}' is a model; give it rows as well: clearprop ui {name} DATA.")
    _, stored = read_file(path)
    table = load_table(options.data, [*getattr(stored, "missing", ()), *options.na])
    known = model_rows(stored, table, options.target)
    rows = as_network_rows(stored, known)
    model = stored.model if isinstance(stored, StoredModel) else stored
    target = stored.one_target(options.target) if isinstance(stored, StoredModel) else options.target
    classes, scale, center = None, 1.0, 0.0
    if isinstance(model, Classifier):
        classes = model.classes_.tolist()
        note(f"note: probabilities are the network's own; 'predict' divides scores by {model.target_.temperature:.6g}")
    elif isinstance(model, Regressor):
        scale, center = model.target_.scale[0], model.target_.mean[0]
    elif isinstance(rows.network.loss_function, BinaryCrossEntropy | CrossEntropy):
        classes = known.classes or list(range(max(2, rows.network.graph.output.shape[0])))
    return SavedModel(
        rows.network,
        rows.X if isinstance(rows.X, list) else [rows.X],
        rows.y,
        [column for names in rows.names for column in names],
        target,
        classes,
        f"{name} on {table.source}",
        table.take(known.places),
        scale,
        center,
    )
