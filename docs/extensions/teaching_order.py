"""The order of the gallery: that of the list in examples/README.md."""

import re
from pathlib import Path

README = Path(__file__).parents[2] / "examples" / "README.md"


def place(script: str) -> int:
    """Return where the list names a script."""
    return re.findall(r"python examples/(\w+\.py)", README.read_text(encoding="utf-8")).index(script)
