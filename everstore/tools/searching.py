"""The tool that finds lines in files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from msgspec import Meta

from everstore.expressions import compile_re2
from everstore.tools.answers import Page, call_of, in_json, shown
from everstore.tools.declaring import tool
from everstore.tools.desk import Desk
from everstore.wording import counted

if TYPE_CHECKING:
    from everstore.models import GrepMatch

__all__ = ["grep"]

_AROUND = 300  # characters above and below lines, but for pattern and path
_LONGEST = 400  # characters of a line
_BEFORE_HIT = 100  # characters of a long line
_SPECIAL = frozenset("\\^$.|?*+()[]{}")


@tool(reads_only=True)
async def grep(
    desk: Desk,
    pattern: Annotated[str, Meta(description="Text to find in lines; with regex an RE2 expression")],
    path: Annotated[str, Meta(description="Only files whose path has this in it, or matches it as a glob")]
    | None = None,
    *,
    regex: Annotated[bool, Meta(description="Take the pattern as a regular expression")] = False,
    ignore_case: Annotated[bool, Meta(description="Take upper and lower case as the same")] = False,
    context: Annotated[int, Meta(description="Lines to show before and after each match", ge=0, le=20)] = 0,
    limit: Annotated[int, Meta(description="How many matches at most", ge=1, le=1000)] = 100,
    skip: Annotated[int, Meta(description="To see more: how many matches to leave out", ge=0)] = 0,
) -> str:
    """Find lines that contain a text, or match a regular expression, in all text files of the session.

    Matches are listed below the path of their file, as number:line; lines around them as number-line.
    """
    again = {
        "pattern": pattern,
        "path": path,
        "regex": regex or None,
        "ignore_case": ignore_case or None,
        "context": context or None,
        "limit": limit if limit != 100 else None,
    }
    found = await desk.files.grep_files(
        pattern,
        path,
        regex=regex,
        ignore_case=ignore_case,
        before=context,
        after=context,
        limit=skip + limit + 1,
    )
    matches = found[skip : skip + limit]
    if not matches:
        return _nothing(pattern, path, skip, regex=regex)
    page = Page(desk.most, _AROUND + len(call_of("grep", **again)))
    window = _Window(pattern, regex=regex, ignore_case=ignore_case)
    count = _add(page, matches, window)
    where = "" if path is None else f" in files of {in_json(path[:200])}"
    if skip + count == len(found):
        return page.text(f"{counted(count, 'match')}{where}:")
    more = call_of("grep", **again, skip=skip + count)
    return page.text(f"Matches {skip + 1:,} to {skip + count:,}{where}:", f"more: {more}")


def _nothing(pattern: str, path: str | None, skip: int, *, regex: bool) -> str:
    if skip:
        return f"No more than {skip:,} matches."
    where = "" if path is None else f" in the files whose path matches {in_json(path[:200])}"
    told = f"No line {'matches' if regex else 'has'} {in_json(pattern[:200])}{where}."
    if not regex and _SPECIAL & set(pattern):
        told += " The pattern was taken as it is; with regex true it is a regular expression."
    return told


def _add(page: Page, matches: list[GrepMatch], window: _Window) -> int:
    """Add the matches that have room, each with the lines around it; how many these are."""
    path, last = "", 0
    for index, match in enumerate(matches):
        lines: list[str] = []
        if match.path != path:
            path, last = match.path, 0
            lines.append(shown(path))
        number = match.line_number
        first = number - len(match.before)
        if last and (match.before or match.after) and first > last + 1:
            lines.append("--")
        lines += _numbered(first, match.before, last + 1, number)
        lines.append(f"{number}:{window.of(match.line)}")
        following = matches[index + 1] if index + 1 < len(matches) else None
        stop = following.line_number if following and following.path == path else None
        lines += _numbered(number + 1, match.after, 0, stop)
        fits = page.add(*lines) or (not index and page.add(shown(path), f"{number}:{window.of(match.line)}"))
        if not fits:
            return index
        last = min(number + len(match.after), (stop or number + len(match.after) + 1) - 1)
    return len(matches)


def _numbered(first: int, lines: tuple[str, ...], start: int, stop: int | None) -> list[str]:
    """Lines around a match, from a number on and before another."""
    return [
        f"{number}-{line if len(line) <= _LONGEST else line[:_LONGEST] + ' ...'}"
        for number, line in enumerate(lines, first)
        if number >= start and (stop is None or number < stop)
    ]


class _Window:
    """What is shown of a line that matches: of a long one the part where it does."""

    def __init__(self, pattern: str, *, regex: bool, ignore_case: bool) -> None:
        self._pattern = pattern
        self._options = {"literal": not regex, "ignore_case": ignore_case}

    def of(self, line: str) -> str:
        """The line, or a part of it."""
        if len(line) <= _LONGEST:
            return line
        program = compile_re2(self._pattern, pattern=self._pattern, **self._options)
        data = line.encode()
        hit = program.search(data)
        at = len(data[: hit.start()].decode()) if hit else 0
        start = max(0, at - _BEFORE_HIT)
        part = line[start : start + _LONGEST]
        return f"{'... ' if start else ''}{part}{' ...' if start + _LONGEST < len(line) else ''}"
