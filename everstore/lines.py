r"""The lines of a text (contract §5.2): only ``\n`` ends one, and one ``\r`` before it is no part of it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from everstore.models import FileLines, NumberedLine
from everstore.turns import in_turns

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["lines_after", "lines_before", "lines_of"]

_SKIPPED_AT_ONCE = 1 << 14  # characters
_MADE_AT_ONCE = 1 << 10  # lines


async def lines_of(path: str, text: str, start: int, limit: int | None, revision: str) -> FileLines:
    """Lines ``start`` and following of a text, at most ``limit``, without holding the event loop."""
    lines: list[NumberedLine] = []
    ends: list[int] = []
    steps = _numbered(text, start, sys.maxsize if limit is None else start + limit, lines, ends)
    if len(text) > _SKIPPED_AT_ONCE or next(steps, None) is not None:
        await in_turns(steps)
    return FileLines(path, tuple(lines), has_more=ends[0] < len(text), revision=revision)


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
        number = start
        for number in range(start, min(stop, start + _MADE_AT_ONCE)):
            line, at = _line_at(text, at)
            lines.append(NumberedLine(number, line))
            if at == len(text):
                break
        start = number + 1
        if start < stop and at < len(text):
            yield 0
    ends.append(at)


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
