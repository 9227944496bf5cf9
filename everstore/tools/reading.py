"""Tools that show lines of a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from msgspec import Meta

from everstore.tools.answers import Page, call_of, shown
from everstore.tools.declaring import tool
from everstore.tools.desk import Desk
from everstore.tools.lines import LONGEST_LINE, lines_at, numbered
from everstore.wording import counted

if TYPE_CHECKING:
    from everstore.models import FileLines

__all__ = ["Path", "read", "tail"]

Path = Annotated[str, Meta(description="Path of the file, e.g. /src/app.py")]

_LEAST = 8  # characters of a line with its number
_AROUND = 250  # characters above and below lines, but for calls


@tool(reads_only=True)
async def read(
    desk: Desk,
    path: Path,
    start: Annotated[int, Meta(description="Number of the first line, from 1", ge=1)] = 1,
    limit: Annotated[int, Meta(description="How many lines at most; else as many as fit", ge=1)]
    | None = None,
    column: Annotated[int, Meta(description="First character to show of each line, from 1", ge=1)] = 1,
) -> str:
    """Show lines of a text file, each with its number and a tab before it, which are not part of the file.

    What does not fit is cut, and the answer says how to read on.
    """
    found = await lines_at(desk, path, start, _fitting(desk, limit))
    desk.saw(path, found.path, found.revision)
    name = shown(found.path)
    if not found.lines:
        return f"{name} is empty." if not found.total_lines else _behind(name, found)
    page = Page(desk.most, _AROUND + 2 * len(call_of("read", path=found.path)))
    longest = page.room - _LEAST - 6 if limit == 1 else min(LONGEST_LINE, page.room - _LEAST - 6)
    cut, last = [], start
    for line in found.lines:
        written, left = numbered(line, column, longest)
        if not page.add(written):
            break
        last = line.number
        cut += [last] if left else []
    above = _above(name, start, last, found.total_lines, column)
    return page.text(above, _cut(found.path, cut, column + longest), _more(found, last, limit, column))


@tool(reads_only=True)
async def tail(
    desk: Desk,
    path: Path,
    lines: Annotated[int, Meta(description="How many lines at most", ge=1)] = 20,
) -> str:
    """Show the last lines of a text file, such as a log, with their numbers."""
    most = _fitting(desk, lines)
    found = await lines_at(desk, path, -most, most)
    desk.saw(path, found.path, found.revision)
    name = shown(found.path)
    if not found.lines:
        return f"{name} is empty."
    page = Page(desk.most, _AROUND + 2 * len(call_of("read", path=found.path)))
    longest = min(LONGEST_LINE, page.room - _LEAST - 6)
    cut, first = [], 0
    for line in reversed(found.lines):
        written, left = numbered(line, 1, longest)
        if not page.add(written):
            break
        first = line.number
        cut += [first] if left else []
    page.lines.reverse()
    above = _above(name, first, found.lines[-1].number, found.total_lines, 1)
    before = {"start": max(1, first - lines), "limit": min(lines, first - 1)}
    earlier = "" if first == 1 else f"before these: {call_of('read', path=found.path, **before)}"
    return page.text(above, _cut(found.path, cut[::-1], longest + 1), earlier)


def _fitting(desk: Desk, limit: int | None) -> int:
    """How many lines can be in an answer."""
    most = desk.most // _LEAST
    return most if limit is None else min(limit, most)


def _above(name: str, first: int, last: int, total: int, column: int) -> str:
    if first == 1 and last == total and column == 1:
        return f"{name}: {'all ' if total > 1 else ''}{counted(total, 'line')}"
    which = f"line {first:,}" if first == last else f"lines {first:,} to {last:,}"
    return f"{name}: {which} of {total:,}" + (f", from character {column:,} on" if column > 1 else "")


def _behind(name: str, found: FileLines) -> str:
    return f"{name} has no such line: its last line is line {found.total_lines:,}."


def _cut(path: str, numbers: list[int], column: int) -> str:
    """How to see the rest of lines that were cut: of the first, and so of the others."""
    if not numbers:
        return ""
    others = f"; so are {', '.join(map(str, numbers[1:11]))}" if len(numbers) > 1 else ""
    others += " and others" if len(numbers) > 11 else ""
    first = numbers[0]
    call = call_of("read", path=path, start=first, limit=1, column=column)
    return f"line {first} is cut{others}; the rest of it: {call}"


def _more(found: FileLines, last: int, limit: int | None, column: int) -> str:
    if last >= found.total_lines:
        return ""
    more = {"start": last + 1, "limit": limit, "column": column if column > 1 and limit != 1 else None}
    return f"more: {call_of('read', path=found.path, **more)}"
