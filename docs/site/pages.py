"""What Sphinx is told of the pages: their order, and what is generated in them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from commands import commands
from reference import GENERATED

if TYPE_CHECKING:
    from sphinx.application import Sphinx

_LIST = "docs/README"
_SECTION = re.compile(r"^## (?P<name>.+)\n(?P<text>(?:(?!## ).*\n)*)", re.MULTILINE)
_LINK = re.compile(r"\[(?P<title>[^\]]+)\]\((?P<page>[^)#:]+)\.md\)")
_ANY_LINK = re.compile(r"\[(?P<words>[^\]]+)\]\((?P<target>[^)#:\s]+)\)")
_MARK = re.compile(r"^<!-- generated: (?P<kind>\w+)(?: (?P<of>\S+))? -->$", re.MULTILINE)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register what is below."""
    app.connect("source-read", _complete)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _complete(app: Sphinx, page: str, source: list[str]) -> None:
    text = _without_folders(source[0], (Path(app.srcdir) / page).parent)
    source[0] = _MARK.sub(lambda mark: generated(mark["kind"], mark["of"]), text)
    if page == _LIST:
        sections = _SECTION.finditer(source[0])
        source[0] += "".join(_branch(section["name"], section["text"]) for section in sections)


def generated(kind: str, of: str | None) -> str:
    """What stands in the place of ``<!-- generated: kind of -->``."""
    if kind == "commands":
        return commands()
    return GENERATED[kind](of) if of else GENERATED[kind]()


def _branch(name: str, text: str) -> str:
    """A section of the list of pages, as a branch of the tree beside every page, with the list's titles."""
    titles = {link["page"]: link["title"].replace("`", "") for link in _LINK.finditer(text)}
    pages = "\n".join(f"{title} <{page}>" for page, title in titles.items())
    return f"\n```{{toctree}}\n:hidden:\n:caption: {name}\n\n{pages}\n```\n"


def _without_folders(text: str, folder: Path) -> str:
    """A text whose links to folders, which are the code's and no pages, are words only."""
    return _ANY_LINK.sub(lambda link: link["words"] if (folder / link["target"]).is_dir() else link[0], text)
