"""Reading MNIST's files: what is in them comes out, and whatever is wrong with them is told."""

from __future__ import annotations

import gzip
import subprocess
import sys

import numpy
import pytest

import clearprop as cp

NAMES = {
    (part, what): f"{part}-{what}-idx{axes}-ubyte"
    for part in ("train", "t10k")
    for what, axes in (("images", 3), ("labels", 1))
}


def idx(array):
    """Return the bytes of an IDX file that holds `array`."""
    header = [0x0800 + array.ndim, *array.shape]
    return b"".join(size.to_bytes(4, "big") for size in header) + array.astype(numpy.uint8).tobytes()


def digits():
    """Return images and labels of a tiny data set, by part."""
    rng = numpy.random.default_rng(0)
    return {
        part: (rng.integers(0, 256, (n, 28, 28)), rng.integers(0, 10, n)) for part, n in (("train", 5), ("t10k", 3))
    }


def files():
    """Return the contents of its four files, by part and kind."""
    return {(part, what): idx(array) for part, both in digits().items()
            for what, array in zip(("images", "labels"), both, strict=True)}  # fmt: skip


def write(folder, contents):
    """Write the files, and return the folder."""
    for key, content in contents.items():
        (folder / NAMES[key]).write_bytes(content)
    return folder


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
def test_what_the_files_hold_comes_out(tmp_path, packed):
    for key, content in files().items():
        path = tmp_path / (NAMES[key] + (".gz" if packed else ""))
        path.write_bytes(gzip.compress(content) if packed else content)
    data = cp.datasets.load_mnist(str(tmp_path))
    X_train, y_train, X_test, y_test = data
    assert data.X_test is X_test
    for X, y, (images, labels) in zip((X_train, X_test), (y_train, y_test), digits().values(), strict=True):
        assert (X.dtype, X.shape, y.dtype) == (numpy.float32, (len(images), 784), numpy.int64)
        assert (numpy.float32(images.reshape(-1, 784)) / 255 == X).all()
        assert 0.0 <= X.min() < X.max() <= 1.0
        assert (y == labels).all()


def test_arrays_can_be_written_to_and_trained_on(tmp_path):
    X, y, *_ = cp.datasets.load_mnist(write(tmp_path, files()))
    X[0, 0] = 0.5
    net = cp.Network([cp.Dense(10)], inputs=784, loss=cp.CrossEntropy())
    reports = net.fit(X, y, optimizer=cp.Adam(0.01), epochs=5)
    assert reports[-1].loss < reports[0].loss


def test_the_folder_is_called_mnist_unless_another_is_named(tmp_path, monkeypatch):
    (tmp_path / "mnist").mkdir()
    write(tmp_path / "mnist", files())
    monkeypatch.chdir(tmp_path)
    assert len(cp.datasets.load_mnist().y_train) == 5


def test_a_missing_file_is_named_with_where_to_get_it(tmp_path, monkeypatch):
    wanted = (
        r"has neither 'train-images-idx3-ubyte' nor 'train-images-idx3-ubyte.gz'; the four files .* can be had from "
    )
    wanted += r"https://.*fetch_openml\('mnist_784'\)"
    monkeypatch.chdir(tmp_path)
    for arguments in ((), (tmp_path,), ("no such folder",)):
        with pytest.raises(cp.DataError, match=wanted):
            cp.datasets.load_mnist(*arguments)
    write(tmp_path, files())
    (tmp_path / NAMES["t10k", "labels"]).unlink()
    with pytest.raises(cp.DataError, match="neither 't10k-labels-idx1-ubyte' nor"):
        cp.datasets.load_mnist(tmp_path)
    with pytest.raises(cp.ArgumentError, match=r"folder must be a path, got None; the four files .* https://"):
        cp.datasets.load_mnist(None)


IMAGES, LABELS = ("train", "images"), ("train", "labels")
DAMAGE = [
    (IMAGES, lambda c: b"", r"train-images-idx3-ubyte.* is cut or damaged: unpack requires a buffer of 16 bytes"),
    (IMAGES, lambda c: c[:15], r"is cut or damaged: unpack requires"),
    (IMAGES, lambda c: c[:16], r"must hold 3,920 bytes for 5 items, got 0"),
    (IMAGES, lambda c: c[:-1], r"must hold 3,920 bytes for 5 items, got 3,919"),
    (IMAGES, lambda c: c + b"\0", r"must hold 3,920 bytes for 5 items, got more"),
    (IMAGES, lambda c: b"\0\0\x0d" + c[3:], r"must be 2051, .* and \(28, 28\); got 3331, 5 and \(28, 28\)"),
    (IMAGES, lambda c: idx(numpy.zeros((5, 32, 32))), r"and \(28, 28\); got 2051, 5 and \(32, 32\)"),
    (IMAGES, lambda c: idx(numpy.zeros((0, 28, 28))), r"from 1 to 1,000,000, .* got 2051, 0 and \(28, 28\)"),
    (IMAGES, lambda c: c[:4] + b"\xff\xff\xff\xff" + c[8:], r"got 2051, 4294967295 and \(28, 28\)"),
    (IMAGES, lambda c: files()[LABELS] * 9, r"must be 2051, .*got 2049"),
    (LABELS, lambda c: idx(numpy.zeros((5, 28, 28))), r"must be 2049, .* and no more; got 2051, 5 and no more"),
    (LABELS, lambda c: idx(numpy.arange(4)), r"the 'train' files in .* hold 5 images and 4 labels"),
    (LABELS, lambda c: idx(numpy.full(5, 10)), r"must hold labels 0 to 9, got 10"),
]


@pytest.mark.parametrize(("key", "damage", "message"), DAMAGE, ids=[message[:40] for *_, message in DAMAGE])
@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
def test_damaged_files_are_refused(tmp_path, packed, key, damage, message):
    contents = files()
    write(tmp_path, {other: content for other, content in contents.items() if other != key})
    damaged = damage(contents[key])
    name = NAMES[key] + (".gz" if packed else "")
    (tmp_path / name).write_bytes(gzip.compress(damaged) if packed else damaged)
    with pytest.raises(cp.DataError, match=message):
        cp.datasets.load_mnist(tmp_path)


PACKED_DAMAGE = {
    "cut": lambda c: c[:-9],
    "not gzip": lambda c: b"PK" + c[2:],
    "a flipped bit of the checksum": lambda c: c[:-8] + bytes([c[-8] ^ 1]) + c[-7:],
    "a damaged stream": lambda c: c[:10] + bytes(255 - byte for byte in c[10:40]) + c[40:],
}


@pytest.mark.parametrize("kind", PACKED_DAMAGE)
def test_damaged_archives_are_refused(tmp_path, kind):
    contents = files()
    packed = gzip.compress(contents.pop(IMAGES))
    write(tmp_path, contents)
    (tmp_path / f"{NAMES[IMAGES]}.gz").write_bytes(PACKED_DAMAGE[kind](packed))
    with pytest.raises(cp.DataError, match=r"train-images-idx3-ubyte.gz' is cut or damaged: .*fetch_openml"):
        cp.datasets.load_mnist(tmp_path)


def test_the_module_is_loaded_when_it_is_first_asked_for():
    code = (
        "import sys, clearprop; before = 'clearprop.datasets' in sys.modules; clearprop.datasets.load_mnist; "
        "print(before, 'clearprop.datasets' in sys.modules, 'sklearn' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True", "False"]
