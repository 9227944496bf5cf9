r"""The lines of a text (contract §5.2): only ``\n`` ends one, and one ``\r`` before it is no part of it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from everstore.models import FileLines, NumberedLine
from everstore.turns import in_turns

if TYPE_CHECKING:
    from collections.abc import Iterator
    from uuid import UUID

    from everstore.models import SessionFile

__all__ = ["LineCounts", "lines_after", "lines_before", "lines_of"]

_SKIPPED_AT_ONCE = 1 << 14  # characters
_COUNTED_AT_ONCE = 1 << 20  # characters
_MOST_KNOWN = 1024  # files
_MADE_AT_ONCE = 1 << 10  # lines


class LineCounts:
    """How many lines large files have: counted once, and not for every page that is read of one."""

    def __init__(self) -> None:
        """Of one storage, where no revision is ever another content's of the same path."""
        self._known: dict[tuple[UUID, str, int], int] = {}

    async def of(self, file: SessionFile, text: str) -> int:
        """The number of lines of a file."""
        if len(text) <= _SKIPPED_AT_ONCE:
            return await _ended(text, 0)
        key = (file.session_id, file.path, file.version)
        known = self._known.get(key)
        if known is None:
            known = await _ended(text, 0)
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            self._known[key] = known
        return known


async def lines_of(
    file: SessionFile, text: str, start: int, limit: int | None, counts: LineCounts
) -> FileLines:
    """Lines ``start`` and following of a file, at most ``limit``, without holding the event loop.

    A negative ``start`` counts from the end: -1 is the last line.
    """
    total = await counts.of(file, text)
    if start < 0:
        start = max(1, total + 1 + start)
    lines: list[NumberedLine] = []
    ends: list[int] = []
    steps = _numbered(text, start, sys.maxsize if limit is None else start + limit, lines, ends)
    if len(text) > _SKIPPED_AT_ONCE or next(steps, None) is not None:
        await in_turns(steps)
    has_more = ends[0] < len(text)
    return FileLines(file.path, tuple(lines), has_more, file.revision, total)


async def _ended(text: str, at: int) -> int:
    """How many lines there are from where one begins."""
    if at >= len(text):
        return 0
    is_open = not text.endswith("\n")
    if len(text) - at <= _COUNTED_AT_ONCE:
        return text.count("\n", at) + is_open
    counts: list[int] = []
    await in_turns(_counted(text, at, counts))
    return sum(counts) + is_open


def _counted(text: str, at: int, counts: list[int]) -> Iterator[int]:
    for start in range(at, len(text), _COUNTED_AT_ONCE):
        counts.append(text.count("\n", start, start + _COUNTED_AT_ONCE))
        yield 0


def _numbered(text: str, start: int, stop: int, lines: list[NumberedLine], ends: list[int]) -> Iterator[int]:
    """Add the lines before ``stop`` to ``lines``, and where they end to ``ends``; see ``turns``."""
    skipped = at = 0
    while skipped < start - 1 and at < len(text):
        end = at + _SKIPPED_AT_ONCE
        count = text.count("\n", at, end)
        if skipped + count < start - 1:
            skipped, at = skipped + count, end
            yield 0
            continue
        for _ in range(start - 1 - skipped):
            at = text.find("\n", at) + 1
        break
    while at < len(text) and start < stop:
        some, at = _some_lines(text, at, min(stop - start, _MADE_AT_ONCE))
        lines += map(NumberedLine, range(start, start + len(some)), some)
        start += len(some)
        if start < stop and at < len(text):
            yield 0
    ends.append(at)


def _some_lines(text: str, start: int, most: int) -> tuple[list[str], int]:
    """Some of the lines that begin here, at least one, and where the next one does."""
    piece = text[start : start + min(_SKIPPED_AT_ONCE, 100 * most)]
    end = piece.rfind("\n")
    if end == -1:
        line, at = _line_at(text, start)
        return [line], at
    some = piece[:end].split("\n", most)
    if len(some) > most:
        end -= len(some.pop()) + 1
    if "\r" in piece:
        some = [line.removesuffix("\r") for line in some]
    return some, start + end + 1


def _line_at(text: str, start: int) -> tuple[str, int]:
    """The line that starts here, and where the next one does."""
    end = text.find("\n", start)
    if end == -1:
        return text[start:], len(text)
    return text[start : end - 1 if end > start and text[end - 1] == "\r" else end], end + 1


def lines_after(text: str, offset: int, count: int) -> list[str]:
    """The lines from where one starts, at most ``count``."""
    lines: list[str] = []
    while len(lines) < count and offset < len(text):
        line, offset = _line_at(text, offset)
        lines.append(line)
    return lines


def lines_before(text: str, offset: int, count: int) -> list[str]:
    """The lines up to where one starts, the last ``count`` at most."""
    lines: list[str] = []
    while len(lines) < count and offset > 0:
        start = text.rfind("\n", 0, offset - 1) + 1
        lines.append(_line_at(text, start)[0])
        offset = start
    return lines[::-1]
