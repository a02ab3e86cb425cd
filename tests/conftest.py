"""What all tests share: `pytest --oracles` also runs tests/oracles, which needs PyTorch and ONNX."""

import os
from pathlib import Path

import pytest

os.environ.setdefault("SCIPY_ARRAY_API", "1")  # else scikit-learn's estimator checks leave some out

ORACLES = Path(__file__).parent / "oracles"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--oracles", action="store_true", help="also collect tests/oracles (needs torch and onnx)")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    outside = collection_path != ORACLES and ORACLES not in collection_path.parents
    return None if outside or config.getoption("--oracles") else True
