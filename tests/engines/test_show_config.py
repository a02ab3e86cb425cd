"""What `show_config` says, and what the environment may ask of the native engine, each in a process of its own."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import numpy
import pytest

import clearprop as cp
from clearprop.engines import native

OLD_PROCESSOR = """
import sys, types
fake = types.ModuleType("clearprop._native")
fake.targets, fake.supported = lambda: ["avx512", "avx2", "baseline"], lambda: ["avx2", "baseline"]
fake.available_cpus = lambda: 6
sys.modules["clearprop._native"] = fake
"""
OTHER_PROCESSOR = OLD_PROCESSOR + 'fake.targets = fake.supported = lambda: ["baseline"]\n'
NOT_BUILT = 'import sys\nsys.modules["clearprop._native"] = None\n'
DAMAGED = """
import sys
class Finder:
    def find_spec(name, path, target=None):
        if name == "clearprop._native":
            raise ImportError("undefined symbol:\\n memcpy")
sys.meta_path.insert(0, Finder)
"""
SHOW = "import clearprop as cp\ncp.show_config()"


def run(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run Python with no other variables of ours than these."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CLEARPROP_")}
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=kept | environment)


def shown(code: str, **environment: str) -> dict[str, str]:
    """Return the lines of `show_config` by their first word."""
    done = run(code + SHOW, **environment)
    assert done.returncode == 0, done.stderr
    return {line.split()[0]: line.partition("  ")[2].strip() for line in done.stdout.splitlines()}


def refused(code: str, **environment: str) -> str:
    """Return the one line of the error that `show_config` raises."""
    done = run(code + SHOW, **environment)
    assert (done.returncode, done.stdout) == (1, "")
    last = done.stderr.splitlines()[-1]
    assert last.startswith("clearprop.errors.ArgumentError: ")
    return last.partition(": ")[2]


def test_this_installation():
    lines = shown("")
    assert lines["clearprop"] == cp.__version__
    assert lines["Python"].startswith(platform.python_version())
    assert lines["NumPy"] == numpy.__version__
    assert lines["engine"].startswith("native" if native.missing() is None else "array: the native engine")
    assert ("instructions" in lines) == (native.missing() is None)
    assert f"{native.available_cpus()} granted" in lines["threads"]
    assert not any(name.startswith("CLEARPROP") for name in lines)


def test_every_supported_target_can_be_forced():
    for name in native.setting().supported:
        lines = shown("", CLEARPROP_TARGET=name)
        assert lines["instructions"].startswith(f"{name} (built: ")
        assert lines["CLEARPROP_TARGET"] == name


def test_the_best_target_and_all_processors_are_taken():
    for empty in ({}, {"CLEARPROP_TARGET": "", "CLEARPROP_THREADS": " "}):
        lines = shown(OLD_PROCESSOR, **empty)
        assert lines["engine"].startswith("native")
        assert lines["instructions"] == "avx2 (built: avx512, avx2, baseline; this processor runs: avx2, baseline)"
        assert lines["threads"] == "6 (6 granted to this process)"


def test_the_environment_wins():
    lines = shown(OLD_PROCESSOR, CLEARPROP_TARGET="baseline", CLEARPROP_THREADS="3")
    assert lines["instructions"].startswith("baseline (")
    assert lines["threads"] == "3 (6 granted to this process)"
    assert (lines["CLEARPROP_TARGET"], lines["CLEARPROP_THREADS"]) == ("baseline", "3")


@pytest.mark.parametrize("module", [OLD_PROCESSOR, NOT_BUILT, ""], ids=["fake", "not built", "real"])
def test_unknown_targets(module):
    message = refused(module, CLEARPROP_TARGET="AVX-2")
    assert message == (
        "CLEARPROP_TARGET must be one of avx512, avx2, baseline, got 'AVX-2'; unset it to let clearprop choose."
    )


def test_targets_that_cannot_be():
    message = refused(OLD_PROCESSOR, CLEARPROP_TARGET="avx512")
    assert message.startswith(
        "CLEARPROP_TARGET is 'avx512', which this processor does not run: expected one of avx2, b"
    )
    assert message.endswith("unset it to let clearprop choose.")
    message = refused(OTHER_PROCESSOR, CLEARPROP_TARGET="avx2")
    assert message.startswith("CLEARPROP_TARGET is 'avx2', which was not built: expected one of baseline; unset it")
    message = refused(NOT_BUILT, CLEARPROP_TARGET="avx2")
    assert message.startswith("CLEARPROP_TARGET is 'avx2', but the native engine was not built on this machine (")


@pytest.mark.parametrize("module", [OLD_PROCESSOR, NOT_BUILT, ""], ids=["fake", "not built", "real"])
@pytest.mark.parametrize("text", ["0", "-1", "1.5", "all", "1_0", "²"])
def test_threads_that_are_no_number_of_threads(module, text):
    message = refused(module, CLEARPROP_THREADS=text)
    assert message.startswith(f"CLEARPROP_THREADS must be a whole number >= 1, got {text!r}; unset it to use all ")


def test_importing_clearprop_asks_nothing_of_the_environment():
    done = run("import clearprop as cp\ncp.Network([cp.Dense(1)], inputs=1)\nimport clearprop.engines.native",
               CLEARPROP_TARGET="mmx", CLEARPROP_THREADS="0")  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


def test_without_the_native_engine():
    lines = shown(NOT_BUILT)
    assert lines["engine"].startswith("array: the native engine was not built on this machine (no C++20 compiler was")
    for remedy in ("apt install g++", "xcode-select --install", "pip install --force-reinstall"):
        assert remedy in lines["engine"]
    assert lines["threads"].startswith("as the libraries of NumPy choose (")
    assert "instructions" not in lines


def test_a_native_engine_that_cannot_be_loaded():
    assert "the native engine cannot be loaded (undefined symbol: memcpy), so networks" in shown(DAMAGED)["engine"]
