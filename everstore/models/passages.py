"""What is put into files, and what is found in them."""

from __future__ import annotations

import msgspec

from everstore.models.entries import Encoding

__all__ = [
    "FileLines",
    "GrepMatch",
    "InitialFile",
    "NumberedLine",
]


class InitialFile(msgspec.Struct, frozen=True, gc=False):
    """A file that trusted host code puts into a session, perhaps read-only (§3.9)."""

    path: str
    content: str
    encoding: Encoding = "text"
    is_readonly: bool = False


class GrepMatch(msgspec.Struct, frozen=True, gc=False):
    """One matching line: its number from 1, its text without the line end, and its neighbours."""

    path: str
    line_number: int
    line: str
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()


class NumberedLine(msgspec.Struct, frozen=True, gc=False):
    """A line and its number, from 1."""

    number: int
    text: str


class FileLines(msgspec.Struct, frozen=True, gc=False):
    """Some lines of a file, whether more follow, the revision they were read from, and how many it has."""

    path: str
    lines: tuple[NumberedLine, ...]
    has_more: bool
    revision: str
    total_lines: int
