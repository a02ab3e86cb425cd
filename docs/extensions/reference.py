"""The reference: a page for every public name and one for every group, from ``clearprop._HOMES`` and the docstrings."""

import importlib
import inspect
from collections.abc import Iterator
from operator import attrgetter
from pathlib import Path

from sphinx.application import Sphinx

import clearprop

INTRODUCTION = """\
Reference
=========

All that ``import clearprop as cp`` offers, by subject. Every page is the docstring of its name, and its example is run
whenever the site is built.
"""


def groups() -> dict[str, list[str]]:
    """Return the public names by group; those of a public module have its name before theirs."""
    modules = {module: getattr(clearprop, module).__all__ for module in clearprop._MODULES}
    return clearprop._HOMES | {module: [f"{module}.{name}" for name in names] for module, names in modules.items()}


def members(cls: type) -> list[str]:
    """Return the public methods and properties of a class: its own, and those of bases of ours that are not public."""
    public = {getattr(clearprop, name) for name in clearprop._HOME}
    ours = [base for base in cls.__mro__ if base.__module__.startswith("clearprop.")]
    names = dict.fromkeys(name for base in ours if base is cls or base not in public for name in vars(base))
    return [name for name in names if not name.startswith("_") and is_documented_here(getattr(cls, name))]


def is_documented_here(member: object) -> bool:
    """Return whether a member is a property or a method that clearprop, not scikit-learn, wrote."""
    method = inspect.isroutine(member) and member.__module__.startswith("clearprop.")
    return method or isinstance(member, property)


def heading(text: str) -> list[str]:
    """Return the lines at the top of a page."""
    return [text, "=" * len(text), "", ".. currentmodule:: clearprop", ""]


def name_page(name: str) -> str:
    """Return the page of one public name."""
    value = attrgetter(name)(clearprop)
    lines = heading(name)
    if inspect.isclass(value):
        lines += [f".. autoclass:: clearprop.{name}"]
        lines += [f"   :members: {', '.join(members(value))}"] if members(value) else []
    else:
        lines += [f".. autofunction:: clearprop.{name}"]
    lines += ["", f".. minigallery:: clearprop.{name}", "   :add-heading: In the gallery", "   :heading-level: -", ""]
    return "\n".join(lines)


def docstring(module: str) -> str:
    """Return what a module of the package says of itself."""
    return inspect.getdoc(importlib.import_module(f"clearprop.{module}"))


TITLES = {"ui": "The page"}


def title(group: str) -> str:
    """Return the heading of a group."""
    return TITLES.get(group, group.replace("_", " ").capitalize())


def names_in_order(group: str) -> list[str]:
    """Return the names of a group as its ``__all__`` orders them, which is by subject."""
    order = importlib.import_module(f"clearprop.{group}").__all__
    return sorted(groups()[group], key=lambda name: order.index(name.rpartition(".")[2]))


def families(group: str) -> Iterator[tuple[str, list[str]]]:
    """Yield the names of a group by the module that defines them, with the first line of its docstring."""
    by_module: dict[str, list[str]] = {}
    for name in names_in_order(group):
        by_module.setdefault(attrgetter(name)(clearprop).__module__, []).append(name)
    for module, names in by_module.items():
        yield docstring(module.removeprefix("clearprop.")).splitlines()[0], names


def group_page(group: str) -> str:
    """Return the page of one group: a table of each family, and the way to the pages of the names."""
    lines = [*heading(title(group)), docstring(group), ""]
    found = list(families(group))
    for said, names in found:
        lines += [".. rst-class:: family", "", said, ""] if len(found) > 1 else []
        lines += [".. autosummary::", "   :nosignatures:", "", *(f"   {name}" for name in names), ""]
    pages = [f"   {name}" for _, names in found for name in names]
    return "\n".join([*lines, ".. toctree::", "   :hidden:", "", *pages, ""])


def index_page() -> str:
    """Return the page of all groups: what each is about, and its names."""
    lines = [INTRODUCTION]
    for group in groups():
        said = docstring(group).splitlines()[0]
        links = [f":py:obj:`~clearprop.{name}`" for name in names_in_order(group)]
        lines += [f":doc:`{title(group)} <{group}/index>`", f"    {said}", "", f"    {' '.join(links)}", ""]
    return "\n".join([*lines, ".. toctree::", "   :hidden:", "", *(f"   {group}/index" for group in groups()), ""])


def write_pages(app: Sphinx) -> None:
    """Write the pages that changed, and remove those whose name is gone."""
    folder = Path(app.srcdir, "reference")
    pages = {folder / "index.rst": index_page()}
    for group, names in groups().items():
        pages[folder / group / "index.rst"] = group_page(group)
        pages |= {folder / group / f"{name}.rst": name_page(name) for name in names}
    for path in set(folder.rglob("*.rst")) - set(pages):
        path.unlink()
    for path, text in pages.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    """Write the pages before Sphinx looks for them."""
    app.connect("builder-inited", write_pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
