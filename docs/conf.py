"""How Sphinx builds these pages: Markdown by MyST, the reference from the docstrings."""

from __future__ import annotations

from devrev_async import __version__

project = "devrev-async"
author = "The devrev-async authors"
copyright = "The devrev-async authors"
release = version = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_copybutton"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
suppress_warnings = ["myst.header"]

exclude_patterns = ["_build", "examples"]
html_theme = "furo"
html_title = f"devrev-async {version}"

autodoc_default_options = {"members": True, "show-inheritance": True}
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False
