"""Model files: one safetensors file with a JSON description and a digest, written at once or not at all.

The digest is the SHA-256 of the whole file with the digest's own 64 characters set to zeros, so that any flipped bit
and any missing byte is found. Reading executes nothing: tensors are copied, JSON is parsed.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import re
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from clearprop.errors import ArgumentError, ModelFileError
from clearprop.validation import show

__all__ = ["FORMAT", "check_arrays", "read_model", "write_atomically", "write_model"]

FORMAT = 1
_BLANK = "0" * 64
_DIGEST = re.compile(rb'\\"digest\\":\s*\\"([0-9a-f]{64})\\"')


def write_atomically(path: str | os.PathLike[str], data: bytes) -> None:
    """Write `data` to `path` so that a reader, or a crash, finds the old file or the new one and nothing between."""
    target = Path(os.path.realpath(as_path(path)))  # a link stays, and what it points to is written
    if target.is_dir():
        raise IsADirectoryError(errno.EISDIR, "Is a directory; give the name of a file", str(target))
    if target.exists() and not target.is_file():
        raise FileExistsError(errno.EEXIST, "it is a pipe or a device; give the name of a file", str(target))
    if not target.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, "there is no such folder; make it first", str(target.parent))
    temporary = target.with_name(f".{target.name}.{os.getpid()}-{secrets.token_hex(4)}.part")
    binary = getattr(os, "O_BINARY", 0)  # Windows would translate line ends
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | binary, 0o666)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileNotFoundError):
            os.chmod(temporary, target.stat().st_mode & 0o777)
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    with contextlib.suppress(OSError):  # not every system can open a folder
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def as_path(path: Any) -> Path:
    """Return `path` as a Path, or raise `ArgumentError`."""
    try:
        return Path(path)
    except TypeError:
        raise ArgumentError(f"path must be a string or a pathlib.Path, got {show(path)}.") from None


def write_model(path: str | os.PathLike[str], description: Mapping[str, Any], arrays: Mapping[str, Any]) -> None:
    """Write a model file.

    Parameters
    ----------
    path : path-like
        Where to; an existing file is replaced at the end.
    description : mapping
        What the json module can write.
    arrays : mapping of str to NumPy array
        The tensors.
    """
    from safetensors.numpy import save

    header = {"clearprop": FORMAT, "digest": _BLANK}
    if not header.keys().isdisjoint(description):
        raise ArgumentError(f"save: the names {', '.join(map(repr, header))} are taken; rename these entries.")
    try:
        text = json.dumps({**header, **description}, allow_nan=False, ensure_ascii=True)
    except (TypeError, ValueError) as error:
        raise ArgumentError(
            f"save: the description must be what JSON can hold: {error}; use finite numbers, strings, lists and "
            "mappings."
        ) from error
    data = save(dict(arrays), metadata={"clearprop": text})
    blank = f'\\"digest\\": \\"{_BLANK}\\"'.encode()
    if data.count(blank) != 1:
        raise ModelFileError("the description of the model holds a digest of its own; rename that entry.")
    digest = hashlib.sha256(data).hexdigest()
    write_atomically(path, data.replace(blank, f'\\"digest\\": \\"{digest}\\"'.encode()))


def read_model(path: str | os.PathLike[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the description and the tensors of a model file.

    Raises
    ------
    ModelFileError
        If the file is not a model file of clearprop, is damaged, or is of a newer format.
    OSError
        If it cannot be read.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    name = str(as_path(path))
    data = as_path(path).read_bytes()
    length = int.from_bytes(data[:8], "little") if len(data) >= 8 else -1
    header = data[8 : 8 + max(length, 0)]
    found = _DIGEST.search(header) if 0 < length == len(header) else None
    if found is None:
        raise ModelFileError(
            f"'{name}' is not a clearprop model file, or its beginning is damaged; it has to be one that net.save or "
            "'clearprop train' wrote."
        )
    start, stop = (8 + place for place in found.span(1))
    digest = hashlib.sha256(data[:start] + _BLANK.encode() + data[stop:]).hexdigest()
    if digest != found.group(1).decode():
        raise ModelFileError(
            f"'{name}' is damaged: its SHA-256 digest is {digest[:12]}..., expected {found.group(1).decode()[:12]}...; "
            "restore it from a copy or train again."
        )
    try:
        description = dict(json.loads(json.loads(header)["__metadata__"]["clearprop"]))
        arrays = load(data)
    except (SafetensorError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise ModelFileError(f"'{name}' cannot be read as a model file: {error}; save the model again.") from error
    if description.get("clearprop") != FORMAT:
        raise ModelFileError(
            f"'{name}' has format {description.get('clearprop')!r}, this version reads {FORMAT}; update clearprop."
        )
    return description, arrays


def check_arrays(arrays: Mapping[str, Any], shapes: Mapping[str, tuple[int, ...]], dtype: Any) -> None:
    """Raise `ModelFileError` unless the tensors of a file have the shapes and the dtype of its description."""
    for name, shape in shapes.items():
        stored = arrays.get(name)
        if stored is None or stored.shape != shape or stored.dtype != dtype:
            got = "nothing" if stored is None else f"{stored.dtype} {stored.shape}"
            raise ModelFileError(
                f"the model file has {got} for '{name}', expected {dtype} {shape}; save the network again."
            )
