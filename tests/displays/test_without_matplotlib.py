"""matplotlib is an extra: displays hold their numbers without it, and name it when it is missing."""

from __future__ import annotations

import subprocess
import sys

import pytest

import clearprop as cp


def test_what_is_missing_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    display = cp.LossCurveDisplay([[2.0, 1.0]])
    with pytest.raises(cp.MissingExtraError, match=r"LossCurveDisplay: drawing needs matplotlib; pip install 'clearp"):
        display.plot()
    assert display.loss[0].tolist() == [2.0, 1.0]


def test_displays_load_neither_matplotlib_nor_scikit_learn():
    code = (
        "import sys, clearprop as cp\ncp.LossCurveDisplay([[2.0, 1.0]]); cp.WeightDisplay('W', [[1.0]])\n"
        "print([name for name in ('matplotlib', 'sklearn', 'scipy', 'pandas') if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "[]\n"
