"""The format of patches that begins with ``*** Begin Patch``: files by name, hunks without line numbers."""

from __future__ import annotations

import re

from everstore.tools.patches.model import FilePatch, Hunk, PatchError

__all__ = ["BEGIN", "parse_v4a"]

BEGIN = "*** Begin Patch"
_END = "*** End Patch"
_END_OF_FILE = "*** End of File"
_ADD, _DELETE, _UPDATE = "*** Add File: ", "*** Delete File: ", "*** Update File: "
_MOVE = "*** Move to: "
_NUMBERS = re.compile(r"-(\d+)(?:,\d+)? \+\d+(?:,\d+)? @@")


def parse_v4a(lines: list[str]) -> list[FilePatch]:
    """The files of such a patch; what stands before its beginning and behind its end is left out."""
    bare = [line.rstrip() for line in lines]  # with a space before it, it is a line of a file
    begin = bare.index(BEGIN)
    if _END not in bare[begin:]:
        raise PatchError(f"It does not end with {_END!r}, so that a part of it may be missing.")
    reader = _Reader(lines[: bare.index(_END, begin)], begin + 1)
    patches = []
    while reader.has_more:
        patches.append(_file(reader))
    return patches


class _Reader:
    """The lines of a patch, one after another."""

    def __init__(self, lines: list[str], at: int) -> None:
        self._lines = lines
        self._at = at

    @property
    def has_more(self) -> bool:
        return self._at < len(self._lines)

    @property
    def number(self) -> int:
        """The number of the next line, from 1."""
        return self._at + 1

    @property
    def line(self) -> str:
        """The next line; empty behind the last one."""
        return self._lines[self._at] if self.has_more else ""

    def take(self) -> str:
        line = self.line
        self._at += 1
        return line

    def take_if(self, beginning: str) -> str | None:
        """What stands behind a beginning of the next line; ``None`` where it begins otherwise."""
        if self.has_more and self.line.startswith(beginning):
            return self.take()[len(beginning) :].strip()
        return None

    def is_within_file(self) -> bool:
        """Whether the next line belongs to the file that is under way."""
        return self.has_more and not self.line.startswith("*** ")


def _file(reader: _Reader) -> FilePatch:
    number = reader.number
    if path := reader.take_if(_ADD):
        return FilePatch("add", path, _added(reader))
    if path := reader.take_if(_DELETE):
        return FilePatch("delete", path)
    if path := reader.take_if(_UPDATE):
        moved_to = reader.take_if(_MOVE)
        hunks: list[Hunk] = []
        while reader.is_within_file():
            hunks.append(_hunk(reader, len(hunks) + 1))
        if not hunks and not moved_to:
            raise PatchError(f"Line {number} updates {path!r}, and nothing says how.")
        return FilePatch("update", path, tuple(hunks), moved_to)
    raise PatchError(
        f"Line {number} is none of {_ADD!r}, {_UPDATE!r}, {_DELETE!r} with a path, and {_END!r}."
    )


def _added(reader: _Reader) -> tuple[Hunk, ...]:
    lines = []
    while reader.is_within_file():
        number, line = reader.number, reader.take()
        if line[:1] not in {"+", ""}:
            raise PatchError(f"Line {number} is of a new file, and does not begin with '+'.")
        lines.append(line)
    lines = [line or "+" for line in _without_blank_end(lines)]
    return (Hunk(tuple(lines), "the new file"),) if lines else ()


def _without_blank_end(lines: list[str]) -> list[str]:
    """The lines without those at the end that have not even a mark: they stand between files and hunks."""
    count = len(lines)
    while count and not lines[count - 1]:
        count -= 1
    return lines[:count]


def _hunk(reader: _Reader, count: int) -> Hunk:
    number = reader.number
    anchors = []
    line_before = None
    while (anchor := reader.take_if("@@")) is not None:
        found = _NUMBERS.match(anchor)  # as in a unified diff
        if found:
            line_before = max(int(found[1]) - 1, 0)
        elif anchor:
            anchors.append(anchor.removesuffix("@@").strip())
    lines = []
    while reader.is_within_file() and not reader.line.startswith("@@"):
        at, line = reader.number, reader.take()
        if line[:1] not in {" ", "-", "+", ""}:
            raise PatchError(f"Line {at} begins with neither ' ', '-' nor '+'.")
        lines.append(line)
    lines = [line or " " for line in _without_blank_end(lines)]
    at_end = reader.take_if(_END_OF_FILE) is not None
    if not any(line[0] != " " for line in lines):
        raise PatchError(f"The hunk at line {number} changes nothing: no line begins with '-' or '+'.")
    return Hunk(tuple(lines), f"hunk {count}", line=line_before, anchors=tuple(anchors), at_end=at_end)
