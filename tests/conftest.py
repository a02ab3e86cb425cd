"""What all tests share: `pytest --oracles` also runs tests/oracles, which needs PyTorch and ONNX.

The tests of the page in tests/ui/browser need Playwright and Chromium, those of its accessibility npm as well; where
one of them is absent, the header of the report says so.
"""

import importlib.util
import os
import shutil
from pathlib import Path

import pytest

os.environ.setdefault("SCIPY_ARRAY_API", "1")  # else scikit-learn's estimator checks leave some out

ORACLES = Path(__file__).parent / "oracles"
BROWSER = Path(__file__).parent / "ui" / "browser"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
PACKAGES = ("playwright", "starlette", "uvicorn", "plotly", "latex2mathml")


def left_out() -> dict[Path, str]:
    """Return which tests of the page are left out, and what they lack."""
    absent = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    if not any(map(shutil.which, BROWSERS)):
        absent.append(" or ".join(BROWSERS))
    if absent:
        return {BROWSER: ", ".join(absent)}
    return {} if shutil.which("npm") else {BROWSER / "test_accessibility.py": "npm"}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--oracles", action="store_true", help="also collect tests/oracles (needs torch and onnx)")


def pytest_report_header() -> list[str]:
    if os.environ.get("CLEARPROP_REQUIRE_BROWSER") and left_out():
        pytest.exit(f"CLEARPROP_REQUIRE_BROWSER is set, but missing: {', '.join(left_out().values())}.", returncode=4)
    return [f"left out: {path.relative_to(ORACLES.parent.parent)} (needs {what})" for path, what in left_out().items()]


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    ignored = [*left_out(), *([] if config.getoption("--oracles") else [ORACLES, *BROWSER.glob("test_torch_*.py")])]
    return True if {collection_path, *collection_path.parents} & set(ignored) else None
