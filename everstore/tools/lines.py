"""Lines of files as they are shown, of texts and of bytes that are one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from everstore.errors import EverstoreError, InvalidContentError, PathNotFoundError
from everstore.lines import LineCounts, lines_of
from everstore.tools.answers import RefusedError, shown
from everstore.wording import shown_size

if TYPE_CHECKING:
    from everstore.models import FileLines, NumberedLine, SessionFile
    from everstore.tools.desk import Desk

__all__ = ["LONGEST_LINE", "ends_in_cr_lf", "lines_around", "lines_at", "numbered"]

LONGEST_LINE = 2000  # characters of a line among others
_AROUND = 200  # characters of a line around an edit
_LOOKED_AT = 8192  # bytes


async def lines_at(desk: Desk, path: str, start: int, limit: int) -> FileLines:
    """Lines of a file; what is stored as bytes is shown, too, where these are a text."""
    try:
        found = await desk.files.read_lines(path, start, limit)
    except InvalidContentError:
        file = await desk.files.read_file(path, strict=True)
        return await lines_of(file, _text_of(file), start, limit, LineCounts())
    if found is None:
        file = await desk.files.read_file(path, strict=True)  # which says why there are none
        raise PathNotFoundError.at(file.path)
    return found


def _text_of(file: SessionFile) -> str:
    data = file.data or b""
    text = None if b"\0" in data[:_LOOKED_AT] else _decoded(data)
    if text is None:
        raise RefusedError(
            f"{shown(file.path)} is binary, {shown_size(file.size_bytes)}, and has no lines to show."
            " It can be moved, copied and deleted."
        )
    return text


def _decoded(data: bytes) -> str | None:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None


def numbered(line: NumberedLine, column: int, most: int) -> tuple[str, int]:
    """A line from a column on, behind its number, and how many of its characters are left out at the end."""
    rest = len(line.text) - (column - 1) - most
    text = line.text[column - 1 : column - 1 + most]
    return (f"{line.number:>6}\t{text}", 0) if rest <= 0 else (f"{line.number:>6}\t{text} ...", rest)


async def lines_around(desk: Desk, path: str, number: int, count: int = 1, more: int = 2) -> list[str]:
    """Some lines of a file and those around them, to look at; none where there are none any more."""
    start = max(1, number - more)
    try:
        found = await desk.files.read_lines(path, start, number - start + count + more)
    except EverstoreError:  # it was there a moment ago; what is told without them is enough
        return []
    return [numbered(line, 1, _AROUND)[0] for line in found.lines] if found else []


async def ends_in_cr_lf(desk: Desk, path: str) -> bool:
    """Whether the first line of a file ends in CR LF, which no tool shows."""
    data = await desk.files.read_bytes(path, 0, _LOOKED_AT) or b""
    return data[: data.find(b"\n") + 1].endswith(b"\r\n")
