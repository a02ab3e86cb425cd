"""Readers of public data sets that lie in files."""

from __future__ import annotations

import gzip
import math
import os
import struct
import zlib
from pathlib import Path
from typing import Any, NamedTuple

import numpy

from clearprop.errors import ArgumentError, DataError
from clearprop.validation import show

__all__ = ["DigitImages", "load_mnist"]

Array = Any
SIDE, CLASSES = 28, 10
MOST = 1_000_000  # images in a file: a damaged header must not ask for more memory than that
SOURCE = (
    "the four files train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte and "
    "t10k-labels-idx1-ubyte (as they are or as .gz) can be had from https://storage.googleapis.com/cvdf-datasets/mnist/,"
    " or take scikit-learn's fetch_openml('mnist_784'), which downloads the same images"
)


class DigitImages(NamedTuple):
    """Images for training and for testing, with their classes; a tuple of these four.

    Attributes
    ----------
    X_train, X_test : float32 array of shape (n, 784)
        One image a row, line by line, each pixel from 0 (background) to 1.
    y_train, y_test : int64 array of shape (n,)
        The class of each image, 0 to 9.
    """

    X_train: Array
    y_train: Array
    X_test: Array
    y_test: Array


def load_mnist(folder: str | os.PathLike[str] = "mnist") -> DigitImages:
    """Return the MNIST images of handwritten digits from the four IDX files in a folder.

    Data sets with files of the same names and form, such as Fashion-MNIST, are read likewise. Nothing is downloaded
    and nothing in the files is executed.

    Parameters
    ----------
    folder : path-like, default="mnist"
        Where the files are, each as it is or compressed by gzip (``.gz``).

    Returns
    -------
    DigitImages
        ``X_train, y_train, X_test, y_test``: 60,000 and 10,000 rows of 784 numbers from 0 to 1, and classes 0 to 9.

    Raises
    ------
    DataError
        If a file is missing (the message says where it can be had), cut, damaged or no IDX file of such images.
    ArgumentError
        If `folder` is no path.

    Examples
    --------
    A folder with one black image, a 7, for training and for testing:

    >>> import pathlib, tempfile
    >>> import clearprop as cp
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> for part in ("train", "t10k"):
    ...     images = bytes.fromhex("00000803 00000001 0000001c 0000001c") + bytes(784)
    ...     labels = bytes.fromhex("00000801 00000001 07")
    ...     _ = (folder / f"{part}-images-idx3-ubyte").write_bytes(images)
    ...     _ = (folder / f"{part}-labels-idx1-ubyte").write_bytes(labels)
    >>> X_train, y_train, X_test, y_test = cp.datasets.load_mnist(folder)
    >>> X_train.shape, X_train.dtype.name, y_train.tolist()
    ((1, 784), 'float32', [7])

    References
    ----------
    LeCun, Bottou, Bengio and Haffner (1998), "Gradient-based learning applied to document recognition", section III.A;
    IDX is the format of that data set's own page.
    """
    if not isinstance(folder, str | os.PathLike):
        raise ArgumentError(f"load_mnist: folder must be a path, got {show(folder)}; {SOURCE}.")
    return DigitImages(*_part(Path(folder), "train"), *_part(Path(folder), "t10k"))


def _part(folder: Path, part: str) -> tuple[Array, Array]:
    """Return the images and the classes of one half of the data."""
    images = _read_idx(folder / f"{part}-images-idx3-ubyte", (SIDE, SIDE))
    labels = _read_idx(folder / f"{part}-labels-idx1-ubyte", ())
    where = f"load_mnist: the '{part}' files in '{folder}'"
    if len(images) != len(labels):
        raise DataError(f"{where} hold {len(images)} images and {len(labels)} labels; take both from one data set.")
    if labels.max() >= CLASSES:
        raise DataError(f"{where} must hold labels 0 to {CLASSES - 1}, got {labels.max()}; {SOURCE}.")
    X = images.reshape(len(images), SIDE * SIDE).astype(numpy.float32)
    X /= 255
    return X, labels.astype(numpy.int64)


def _read_idx(path: Path, item: tuple[int, ...]) -> Array:
    """Return what an IDX file holds, a uint8 array of shape (n, *item).

    The header is 0, 0, 8 (unsigned bytes), the number of axes, and each axis' size as a big-endian 32-bit integer.
    """
    packed = path.with_name(f"{path.name}.gz")
    if not path.is_file() and not packed.is_file():
        raise DataError(f"load_mnist: '{path.parent}' has neither '{path.name}' nor '{packed.name}'; {SOURCE}.")
    path = path if path.is_file() else packed
    axes = 1 + len(item)
    magic = 0x0800 + axes
    try:
        with gzip.open(path) if path == packed else path.open("rb") as file:
            got, n, *sizes = struct.unpack(f">{1 + axes}I", file.read(4 * (1 + axes)))
            if got != magic or tuple(sizes) != item or not 0 < n <= MOST:
                raise DataError(
                    f"load_mnist: the header of '{path}' must be {magic}, a number of items from 1 to {MOST:,}, "
                    f"and {item or 'no more'}; got {got}, {n} and {tuple(sizes) or 'no more'}; {SOURCE}."
                )
            size = n * math.prod(item)
            values = file.read(size + 1)  # one byte more would be one too many
    except (EOFError, gzip.BadGzipFile, zlib.error, struct.error) as error:
        raise DataError(f"load_mnist: '{path}' is cut or damaged: {error}; {SOURCE}.") from error
    if len(values) != size:
        got_bytes = "more" if len(values) > size else f"{len(values):,}"
        raise DataError(f"load_mnist: '{path}' must hold {size:,} bytes for {n:,} items, got {got_bytes}; {SOURCE}.")
    return numpy.frombuffer(values, dtype=numpy.uint8).reshape(n, *item)
