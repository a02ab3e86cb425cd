"""How the site is built: ``sphinx-build -W docs docs/_build``.

A warning, a broken reference, or an example that fails ends the build.
"""

import sys
from pathlib import Path

from numpydoc.xref import DEFAULT_LINKS

import clearprop

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "extensions"))

project = "clearprop"
author = "The clearprop developers"
copyright = author
version = release = clearprop.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "myst_parser",
    "executed",
    "matplotlib.sphinxext.plot_directive",
    "sphinx_gallery.gen_gallery",
    "literal_links",
    "mathml",
    "reference",
]
exclude_patterns = ["_build", "sg_execution_times.rst", "gallery/sg_execution_times.rst"]
nitpicky = True
default_role = "literal"  # docstrings name arguments in single backticks; literal_links.py makes links of public names
highlight_language = "none"  # literal blocks hold equations; code says its language
smartquotes = False  # code and equations keep the signs they are written with

# ---- docstrings

autodoc_typehints = "none"  # the numpydoc sections tell the types, in words
autodoc_preserve_defaults = True
autodoc_member_order = "bysource"
autosummary_generate = False  # reference.py writes the pages
numpydoc_show_class_members = False  # autodoc lists them
numpydoc_attributes_as_param_list = True
numpydoc_xref_param_type = True  # types that are ours become links, words such as "array-like" stay words
numpydoc_xref_ignore = "all"
DEFAULT_LINKS.clear()  # they lead to the sites of Python and NumPy, which a build without a network cannot check
numpydoc_xref_aliases = {name: f"clearprop.{name}" for name in clearprop._HOME if name[0].isupper()}

# ---- the guide

myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_heading_anchors = 3
html_math_renderer = "mathml"

# ---- pictures that pages draw of themselves

plot_formats = [("svg", 100)]
plot_html_show_formats = False
plot_html_show_source_link = False
plot_include_source = False

# ---- the gallery

sphinx_gallery_conf = {
    "examples_dirs": str(HERE.parent / "examples"),
    "gallery_dirs": "gallery",
    "filename_pattern": r"\.py$",  # all are run; one that fails ends the build
    "ignore_pattern": r"(gallery|run_all)\.py$",
    "within_subsection_order": "teaching_order.place",
    "backreferences_dir": "gallery/backreferences",
    "doc_module": ("clearprop",),
    "notebook_extensions": set(),  # the scripts read a command line
    "thumbnail_size": (480, 240),
    "show_signature": False,
    "download_all_examples": False,
    "min_reported_time": float("inf"),
    "copyfile_regex": r"gallery\.py",
}

# ---- the pages

html_theme = "furo"
html_title = f"clearprop {release}"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
html_use_index = False
html_domain_indices = False
html_logo = html_favicon = "static/logo.svg"
