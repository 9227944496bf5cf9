"""The site made of the pages in docs/, README.md, CONTRIBUTING.md and the plugins' own: ``tox -e site``.

The sources are the Markdown that a forge shows. What the site needs besides is in ``docs/site``: the order of
the pages, which is that of ``docs/README.md``, and what is generated from the code.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "site"))

project = "everstore"
author = "The everstore developers"
html_title = "everstore"
extensions = ["myst_parser", "pages"]

root_doc = "docs/README"
include_patterns = [
    "*.md",
    "docs/**.md",
    "plugins/*/README.md",
    "tests/sample_plugin/README.md",
]
# The kill matrix has thousands of rows, which nobody reads in a row: pages that name it offer it as a file.
exclude_patterns = [".*", "changes", "everstore", "docs/site"]

nitpicky = True
myst_heading_anchors = 4
suppress_warnings = ["myst.header"]  # a heading of the third level below none of the second: CHANGELOG's

html_theme = "furo"
html_copy_source = False
html_extra_path = ["site/index.html"]
html_static_path = ["site/site.css"]
html_css_files = ["site.css"]
