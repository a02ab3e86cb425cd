"""Model files: bitwise round trips, damage that is always found, and writes that happen whole or not at all."""

from __future__ import annotations

import errno
import io
import os
import pickle
import stat
import subprocess
import sys
import time

import numpy
import pytest
import safetensors.numpy

import clearprop as cp
from cases import LAYERS
from clearprop import ModelFileError
from clearprop.files import read_model, write_atomically, write_model

DTYPES = ("float32", "float64")


def tiny(seed: int = 0) -> cp.Network:
    return cp.Network([cp.Dense(1)], inputs=1, seed=seed)


def of_box(case, dtype) -> cp.Network:
    """Return a network of one box, its parameters and buffers filled with numbers of all magnitudes."""
    net = cp.Network(case.layer(*(cp.Input(shape) for shape in case.shapes)), dtype=dtype, seed=3)
    rng = numpy.random.default_rng(4)
    for vector in (net.vector, net.buffer_vector):
        vector[...] = rng.normal(size=vector.shape) * 10.0 ** rng.integers(-30, 30, size=vector.shape)
    return net


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", LAYERS, ids=lambda case: case.id)
def test_a_round_trip_keeps_every_bit(case, dtype, tmp_path):
    net = of_box(case, dtype)
    net.save(tmp_path / "model")
    loaded = cp.load(tmp_path / "model")
    assert loaded.vector.tobytes() == net.vector.tobytes()
    assert loaded.buffer_vector.tobytes() == net.buffer_vector.tobytes()
    assert list(loaded.buffers) == list(net.buffers)
    assert loaded.dtype == numpy.dtype(dtype)
    assert loaded.to_config() == net.to_config()
    assert loaded.graph == net.graph
    loaded.save(tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == (tmp_path / "model").read_bytes()


def test_special_values_keep_their_bits(tmp_path):
    net = cp.Network([cp.Dense(2, bias=False)], inputs=4, dtype="float64")
    net.vector[...] = [0.0, -0.0, 5e-324, -5e-324, numpy.inf, -numpy.inf, numpy.nan, 1 + 2**-52]
    net.save(tmp_path / "model")
    assert cp.load(tmp_path / "model").vector.tobytes() == net.vector.tobytes()


def test_losses_penalties_constraints_and_extra_entries_are_kept(tmp_path):
    options = {"loss": cp.Huber(0.3), "penalty": cp.ElasticNet(0.1, 0.2), "constraint": cp.MaxNorm(2.0), "seed": 9}
    net = cp.Network([cp.Dense(2, penalty=cp.L1(0.1)), cp.BatchNorm(), cp.Dense(1)], inputs=3, **options)
    net.save(str(tmp_path / "model"), extra={"columns": ["a", "ü"], "scale": 0.1})
    loaded = cp.load(str(tmp_path / "model"))
    assert loaded.program == net.program
    assert loaded.seed == 9
    description, _ = read_model(tmp_path / "model")
    assert (description["columns"], description["scale"]) == (["a", "ü"], 0.1)


def test_the_same_network_gives_the_same_bytes_in_another_process(tmp_path):
    tiny().save(tmp_path / "here")
    code = f"import clearprop as cp; cp.Network([cp.Dense(1)], inputs=1).save({str(tmp_path / 'there')!r})"
    subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ, "PYTHONHASHSEED": "7"})
    assert (tmp_path / "here").read_bytes() == (tmp_path / "there").read_bytes()


# ---- damage


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> bytes:
    path = tmp_path_factory.mktemp("whole") / "model"
    tiny().save(path)
    return path.read_bytes()


def n_loaded(path, damaged) -> int:
    """Return how many of the damaged files are read as if they were whole; other errors than ours escape."""
    loaded = 0
    for data in damaged:
        path.write_bytes(data)
        try:
            cp.load(path)
        except ModelFileError:
            continue
        loaded += 1
    return loaded


def flipped(data: bytes, bits) -> list[bytes]:
    copies = []
    for bit in bits:
        copy = bytearray(data)
        copy[bit // 8] ^= 1 << bit % 8
        copies.append(bytes(copy))
    return copies


def test_the_whole_file_loads(whole, tmp_path):
    assert n_loaded(tmp_path / "model", [whole]) == 1


def test_every_truncation_is_refused(whole, tmp_path):
    assert n_loaded(tmp_path / "model", (whole[:length] for length in range(len(whole)))) == 0


def test_every_bit_of_a_tiny_file_is_guarded(whole, tmp_path):
    copies = flipped(whole, range(8 * len(whole)))  # length, header and numbers
    assert len(copies) > 3000
    assert n_loaded(tmp_path / "model", copies) == 0


def test_random_flips_of_a_larger_file_are_refused(tmp_path):
    net = cp.Network([cp.Dense(8), cp.BatchNorm(), cp.Tanh(), cp.Dense(2)], inputs=5, dtype="float64")
    net.save(tmp_path / "model")
    data = (tmp_path / "model").read_bytes()
    bits = numpy.random.default_rng(0).integers(8 * len(data), size=3000).tolist()
    assert n_loaded(tmp_path / "model", flipped(data, bits)) == 0


def test_appended_inserted_and_exchanged_bytes_are_refused(whole, tmp_path):
    middle = len(whole) // 2
    others = [whole + b"\0", b"\0" + whole, whole[:middle] + b" " + whole[middle:], whole * 2, whole[::-1]]
    others += [whole[:-8] + whole[-4:] + whole[-8:-4]]  # W and b exchanged
    assert n_loaded(tmp_path / "model", others) == 0


NUMBERS = {"a": numpy.arange(3.0)}
FOREIGN = {
    "empty": b"",
    "text": b"name,age\nAda,36\n" * 40,
    "pickle": pickle.dumps(NUMBERS),
    "zeros": bytes(5000),
    "huge header": (2**63).to_bytes(8, "little") + b"{}",
    "safetensors": safetensors.numpy.save(NUMBERS),
    "safetensors with metadata": safetensors.numpy.save(NUMBERS, metadata={"clearprop": "1", "digest": "0" * 64}),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_foreign_files_are_refused(name, tmp_path):
    path = tmp_path / "model"
    path.write_bytes(FOREIGN[name])
    with pytest.raises(ModelFileError, match=r"model' is not a clearprop model file, .*; it has to be one that net"):
        cp.load(path)


def test_nothing_is_ever_unpickled(tmp_path, monkeypatch):
    class Trap:
        def __reduce__(self):
            return os.system, ("exit 3",)

    def fail(*_, **__):
        raise AssertionError("unpickled")

    tiny().save(tmp_path / "model")
    pickled, stream = pickle.dumps(Trap()), io.BytesIO()
    numpy.save(stream, numpy.array([Trap()], dtype=object), allow_pickle=True)
    for name in ("load", "loads", "Unpickler", "_Unpickler"):
        monkeypatch.setattr(pickle, name, fail)
    monkeypatch.setattr(os, "system", fail)
    assert cp.load(tmp_path / "model").n_parameters == 2
    for data in (pickled, stream.getvalue()):
        (tmp_path / "trap").write_bytes(data)
        with pytest.raises(ModelFileError):
            cp.load(tmp_path / "trap")


def test_a_description_with_a_digest_of_its_own_is_refused(tmp_path):
    with pytest.raises(ModelFileError, match=r"holds a digest of its own; rename that entry"):
        write_model(tmp_path / "model", {"other": {"digest": "0" * 64}}, {})
    assert not list(tmp_path.iterdir())


def test_deeply_nested_descriptions_are_refused(tmp_path):
    nested: list = []
    for _ in range(400):
        nested = [nested]
    write_model(tmp_path / "model", {"network": nested}, {})
    with pytest.raises(ModelFileError, match="damaged"):
        cp.load(tmp_path / "model")


# ---- writing


def full_disk(*_, **__):
    raise OSError(errno.ENOSPC, "No space left on device")


class FullFile(io.BytesIO):
    """A file on a disk that fills up after 100 bytes."""

    def __init__(self, handle, mode):
        super().__init__()
        os.close(handle)

    def write(self, data):
        super().write(data[:100])
        full_disk()


@pytest.mark.parametrize(("name", "failure"), [("replace", full_disk), ("fsync", full_disk), ("fdopen", FullFile)])
def test_a_failing_write_leaves_the_old_file_and_nothing_else(name, failure, tmp_path, monkeypatch):
    path = tmp_path / "model"
    tiny(seed=1).save(path)
    before = path.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(os, name, failure)
        with pytest.raises(OSError, match="No space left"):
            tiny(seed=2).save(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
    tiny(seed=2).save(path)
    assert path.read_bytes() != before


def test_a_keyboard_interrupt_leaves_no_temporary(tmp_path, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        tiny().save(tmp_path / "model")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o444])
def test_permissions_of_the_old_file_are_kept(mode, tmp_path):
    path = tmp_path / "model"
    tiny().save(path)
    path.chmod(mode)
    tiny(seed=1).save(path)
    assert stat.S_IMODE(path.stat().st_mode) == mode


def test_a_new_file_has_the_permissions_that_open_gives(tmp_path):
    (tmp_path / "plain").write_bytes(b"")
    write_atomically(tmp_path / "model", b"")
    assert (tmp_path / "model").stat().st_mode == (tmp_path / "plain").stat().st_mode


SAVE_FOR_EVER = """
import sys
import clearprop as cp
nets = [cp.Network([cp.Dense(200)], inputs=200, seed=seed) for seed in (0, 1)]
nets[0].save(sys.argv[1])
print("ready", flush=True)
while True:
    for net in nets:
        net.save(sys.argv[1])
"""


def test_a_process_killed_while_saving_never_leaves_an_unreadable_file(tmp_path):
    path, rng = tmp_path / "model", numpy.random.default_rng(0)
    bits = {cp.Network([cp.Dense(200)], inputs=200, seed=seed).vector.tobytes() for seed in (0, 1)}
    found = set()
    for _ in range(30):
        with subprocess.Popen(
            [sys.executable, "-c", SAVE_FOR_EVER, str(path)], stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout.readline() == "ready\n"
            time.sleep(rng.uniform(0, 0.02))
            process.kill()
        found.add(cp.load(path).vector.tobytes())
    assert found <= bits
