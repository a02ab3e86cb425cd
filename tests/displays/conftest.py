from __future__ import annotations

import matplotlib
import pytest

matplotlib.use("Agg")


@pytest.fixture(autouse=True)
def closed_figures():
    """Close what a test has drawn: matplotlib warns of more than 20 figures."""
    from matplotlib import pyplot

    yield
    pyplot.close("all")
