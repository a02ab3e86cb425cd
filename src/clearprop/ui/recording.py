"""The page as one HTML file: the same modules, with answers in the file instead of a server."""

from __future__ import annotations

import base64
import contextlib
import gzip
import html
import itertools
import json
import zlib
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

from clearprop.errors import ClearpropError
from clearprop.trace import NOTATIONS
from clearprop.ui import api
from clearprop.ui.desk import one_thread
from clearprop.ui.encoding import encode
from clearprop.ui.session import Session
from clearprop.ui.static_files import IMPORT_MAP, plotly_script, static_files

__all__ = ["MAX_BYTES", "recorded_page"]

MAX_BYTES = 5_900_000  # of the file
LEVEL = 6  # of compression
MAX_MISSES = 10  # answers in a row that do not fit, after which no others are tried
PAGE = 50  # rows that the page's table asks for at once
N_PAGES = 4
N_ROWS = 12  # that can be walked through, from the first on, and as many of the worst
N_CELLS = 8  # of each quantity that are explained, of the first row
N_EPOCHS = 16  # besides the last
POLICY = "default-src 'none'; script-src 'unsafe-inline' data:; style-src 'unsafe-inline'; img-src data: blob:"
STYLE = '<link rel="stylesheet" href="/static/style.css">'
MAIN = '<script type="module" src="/static/main.js"></script>'
Question = tuple[str, dict[str, Any]]


def recorded_page(session: Session, number: str | None = None) -> bytes:
    """Return the page of a run as one HTML file, in UTF-8, of less than `MAX_BYTES` bytes.

    What matters most is recorded first: the last epoch in every view, the numbers of the first row, other rows step by
    step, then earlier epochs. What does not fit is left out, and the page says so where it is asked for.

    Parameters
    ----------
    session : Session
        Whose run it is.
    number : str or None
        The run, by default the current one.
    """
    page, script = _page_without_recording(), plotly_script().decode().replace("</script", "<\\/script")
    shell = len(page.encode()) + len(script.encode()) + 4096
    with one_thread if session.spares_products else contextlib.nullcontext():
        entries = _answers(session, number, int((MAX_BYTES - shell) * 3 / 4))
    recording = b",".join(b"%s:%s" % (encode(address), body) for address, body in entries.items())
    packed = base64.b64encode(gzip.compress(b'{"entries":{%s}}' % recording, LEVEL, mtime=0)).decode()
    end = (
        f'<script type="application/octet-stream" id="recording">{packed}</script>\n<script>{script}</script>\n</body>'
    )
    return page.replace("</body>", end).encode()


def _page_without_recording() -> str:
    """Return the page with its style, and its modules as addresses that hold them."""
    files = static_files()
    page = files["index.html"].data.decode()
    modules = {
        f"clearprop/{name}": f"data:text/javascript;base64,{base64.b64encode(file.data).decode()}"
        for name, file in files.items()
        if name.endswith(".js")
    }
    policy = f'<meta http-equiv="Content-Security-Policy" content="{html.escape(POLICY)}">'
    imports = f'<script type="importmap">{json.dumps({"imports": modules})}</script>'
    page = page.replace("<meta charset", f"{policy}\n<meta charset", 1)
    page = IMPORT_MAP.sub(lambda _: imports, page)
    page = page.replace(STYLE, f"<style>{files['style.css'].data.decode()}</style>")
    return page.replace(MAIN, '<script type="module">import "clearprop/main.js";</script>')


def _answers(session: Session, number: str | None, budget: int) -> dict[str, bytes]:
    """Return what the page asks for, by address, as much of it as fits into so many compressed bytes."""
    run = session.run(number)
    state = session.state(run.id)
    state["runs"] = [item for item in state["runs"] if item["id"] == run.id]
    entries = {"/api/state": encode(state)}
    left = budget - len(zlib.compress(entries["/api/state"], LEVEL))
    misses = 0
    for name, parameters in _questions(session, run.id):
        pairs = [(key, str(value)) for key, value in sorted(parameters.items())]
        try:
            body = encode(api.answer(session, name, [*pairs, ("run", run.id)]))
        except ClearpropError:  # the page gets no such answer from a server either
            continue
        size = len(zlib.compress(body, LEVEL))
        if size <= left:
            left -= size
            entries[f"/api/{name}{'?' if pairs else ''}{urlencode(pairs)}"] = body
            misses = 0
        else:
            misses += 1
        if misses == MAX_MISSES:
            break
    return entries


def _questions(session: Session, number: str) -> Iterator[Question]:
    """Yield what the page may ask for, what matters most first."""
    run = session.run(number)
    yield "live", {}
    yield "layers", {}
    yield "step", {"row": 0}
    yield from (("formulas", {"notation": notation}) for notation in NOTATIONS)
    parts = ["train"] + (["validation"] if run.problem.n_validation else [])
    for part in parts:
        for order in ("row", "worst"):
            yield "data", {"order": order, "offset": 0, "limit": PAGE, "part": part}
    yield from _cells(session, number)
    rows = list(range(min(N_ROWS, run.problem.n_all)))
    for part in parts:
        worst = api.answer(
            session, "data", [("order", "worst"), ("limit", str(N_ROWS)), ("part", part), ("run", number)]
        )
        rows += [row["row"] for row in worst["rows"]]
    yield from (("step", {"row": row}) for row in dict.fromkeys(rows))
    recorded = sorted(run.history.snapshots)
    epochs = sorted({recorded[place * (len(recorded) - 1) // N_EPOCHS] for place in range(N_EPOCHS)})
    for epoch in epochs:
        yield "live", {"epoch": epoch}
        yield "layers", {"epoch": epoch}
        yield "step", {"epoch": epoch, "row": 0}
    for offset in range(PAGE, N_PAGES * PAGE, PAGE):
        for part in parts:
            yield "data", {"order": "row", "offset": offset, "limit": PAGE, "part": part}


def _cells(session: Session, number: str) -> Iterator[Question]:
    """Yield the questions about the first numbers of every quantity of the first row."""
    walk = api.answer(session, "step", [("row", "0"), ("run", number)])
    for item in walk["steps"]:
        for cell in itertools.islice(itertools.product(*map(range, item["shape"])), N_CELLS):
            where = {"row": 0, "name": item["name"], "cell": ",".join(map(str, cell))}
            yield "cell", {**where, "notation": "clearprop"}
            if item["checkable"]:
                yield "check", where
