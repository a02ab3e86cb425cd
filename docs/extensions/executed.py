"""The examples of the guide and of all docstrings are run before the site is built; one that fails ends the build."""

import contextlib
import doctest
import importlib
import pkgutil
import tempfile
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.transforms import SphinxTransform

import clearprop


def run_examples(app: Sphinx) -> None:
    """Run all examples, in a folder that is thrown away."""
    how = {"optionflags": doctest.NORMALIZE_WHITESPACE}
    pages = sorted(Path(app.srcdir).glob("*.md")) + sorted(Path(app.srcdir, "guide").glob("*.md"))
    modules = [module.name for module in pkgutil.walk_packages(clearprop.__path__, "clearprop.")]
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        outcomes = {page.name: doctest.testfile(str(page), module_relative=False, **how) for page in pages}
        for name in modules:
            if not name.endswith(("__main__", "_native")):
                outcomes[name] = doctest.testmod(importlib.import_module(name), **how)
    failed = [f"{name} ({outcome.failed})" for name, outcome in outcomes.items() if outcome.failed]
    if failed:
        raise ExtensionError(f"examples that do not give what they say, see above: {', '.join(failed)}")


class WithoutLastBlankLine(SphinxTransform):
    """Take away the blank line that doctest asks for between an example and the fence that ends it."""

    default_priority = 400

    def apply(self) -> None:
        """Look at every block of code."""
        for block in self.document.findall(nodes.literal_block):
            code = block.astext().rstrip()
            block.rawsource, block.children = code, []
            block += nodes.Text(code)


def setup(app: Sphinx) -> dict[str, bool]:
    """Run the examples when a build begins."""
    app.add_transform(WithoutLastBlankLine)
    app.connect("builder-inited", run_examples)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
