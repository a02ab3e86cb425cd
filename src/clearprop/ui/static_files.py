"""The files of the page: a fixed list, read from the package, and the policy that lets nothing else run."""

from __future__ import annotations

import base64
import hashlib
import importlib.resources
import re
from dataclasses import dataclass

__all__ = ["IMPORT_MAP", "StaticFile", "content_policy", "plotly_script", "static_files"]

TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
IMPORT_MAP = re.compile(r'<script type="importmap">(.*?)</script>', re.DOTALL)
INLINE_SCRIPT = re.compile(r"<script(?![^>]* src=)[^>]*>(.*?)</script>", re.DOTALL)


@dataclass(frozen=True)
class StaticFile:
    """A file of the page, with its type and what tells its versions apart."""

    data: bytes
    type: str

    @property
    def tag(self) -> str:
        """The entity tag."""
        return f'"{hashlib.sha256(self.data).hexdigest()[:32]}"'


def static_files() -> dict[str, StaticFile]:
    """Return the files by name; nothing else can be asked for."""
    found = {}
    for entry in importlib.resources.files("clearprop.ui").joinpath("static").iterdir():
        kind = TYPES.get("." + entry.name.rpartition(".")[2])
        if kind is not None:
            found[entry.name] = StaticFile(entry.read_bytes(), f"{kind}; charset=utf-8")
    return found


def plotly_script() -> bytes:
    """Return plotly's own script."""
    return importlib.resources.files("plotly").joinpath("package_data", "plotly.min.js").read_bytes()


def content_policy(page: bytes) -> str:
    """Return the Content-Security-Policy of the served page; of inline scripts its own alone may run."""
    hashes = [
        f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
        for text in INLINE_SCRIPT.findall(page.decode())
    ]
    return (
        f"default-src 'none'; script-src {' '.join([chr(39) + 'self' + chr(39), *hashes])}; "
        "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; connect-src 'self'; font-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
