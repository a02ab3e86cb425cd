"""Code in running text that names something public becomes a link, wherever it stands: guide, docstring or gallery.

``cp.Dense(3)``, ``Network.save``, ``net.save(path)`` and ``ArgumentError`` link to the reference. What looks like a
public name and is none, such as ``cp.Dens``, is a broken reference and fails the build.
"""

import inspect
import re

from docutils import nodes
from docutils.parsers.rst.states import Inliner
from reference import groups, members
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform

import clearprop

NAME = re.compile(r"((?:cp|clearprop)\.)?([A-Za-z]\w*)(?:\.([A-Za-z]\w*))?(?=[(\[]|$)")


def target(code: str) -> str | None:
    """Return the full name of what a piece of code names, or None if it names nothing of ours."""
    found = NAME.match(code)
    if found is None:
        return None
    module, name, member = found.groups()
    if name == "net" and member:
        name = "Network"
    elif not module and (name not in clearprop._HOME or name[0].islower()):  # `train` may be an argument
        return None
    value = getattr(clearprop, name, None)
    if member and inspect.isclass(value) and member not in members(value) and is_attribute(value, member):
        member = None  # the page of the class describes it
    return ".".join(part for part in ("clearprop", name, member) if part)


def is_attribute(cls: type, member: str) -> bool:
    """Return whether a class declares an attribute, in its body or in its docstring."""
    return any(member in vars(base).get("__annotations__", ()) for base in cls.__mro__) or bool(
        re.search(rf"^\s*(\w+, )*{member}\b.* : ", cls.__doc__ or "", re.MULTILINE)
    )


class LiteralLinks(SphinxTransform):
    """Wrap literals that name something public into references."""

    default_priority = 400

    def apply(self) -> None:
        """Look at every literal that is neither a link already nor part of a heading."""
        for literal in list(self.document.findall(nodes.literal)):
            full_name = target(literal.astext())
            if full_name is None or isinstance(literal.parent, nodes.reference | nodes.title | pending_xref):
                continue
            domain, kind = "py", "obj"
            group = full_name.removeprefix("clearprop.")
            if group in groups() and group not in clearprop._HOME:
                domain, kind, full_name = "std", "doc", f"/reference/{group}/index"
            link = pending_xref(
                "",
                literal.deepcopy(),
                refdomain=domain,
                reftype=kind,
                reftarget=full_name,
                refdoc=self.env.docname,
                refexplicit=True,
                refwarn=True,
            )
            link.source, link.line = literal.source, literal.line
            literal.replace_self(link)


def bar(inliner: Inliner, match: re.Match[str], line: int) -> tuple[str, list, str, list]:
    """Leave a | as it stands: in our docstrings |a| is an absolute value, never a substitution."""
    end = match.end("start")
    return match.string[:end], [], match.string[end:], []


def setup(app: Sphinx) -> dict[str, bool]:
    """Add the transform."""
    app.add_transform(LiteralLinks)
    Inliner.dispatch["|"] = bar
    return {"parallel_read_safe": True, "parallel_write_safe": True}
