"""grep and glob of deepagents: its own globs, over what everstore finds."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, TypeVar

from deepagents.backends.protocol import GlobResult, GrepMatch, GrepResult
from deepagents.backends.utils import InvalidGlobPatternError, compile_grep_include_glob

from everstore.adapters.deepagents.verbs import REFUSALS, info_of
from everstore.adapters.files import plain_path

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from everstore.models import FileInfo
    from everstore.models import GrepMatch as Match
    from everstore.session import BoundFiles

    Found = TypeVar("Found", FileInfo, Match)

__all__ = ["glob", "grep"]

_MATCHED_AT_ONCE = 1 << 10
"""Paths that a glob is held against on the event loop; more are in a thread."""

_SPECIAL = re.compile(r"[*?\[{},]")
_SIMPLE_BRACES = re.compile(r"(?<!\$)\{[\w*-]+(?:\.\w+)*(?:,[\w*-]+(?:\.\w+)*)+\}")
_NOT_ALIKE = re.compile(r"\.\.|[][\\{}$|()!+@~-]")


async def grep(
    files: BoundFiles, pattern: str, path: str | None, include: str | None, max_count: int | None
) -> GrepResult:
    """The lines that contain a text, by path and line, of the files of one moment."""
    limit = None if max_count is None or include else max(max_count, 0) + 1
    try:
        includes = compile_grep_include_glob(include) if include else None
        top = await plain_path(files, path or "/")
        found = await files.grep_files(pattern, _at_or_below(top, include or ""), limit=limit)
    except InvalidGlobPatternError as error:
        return GrepResult(error=str(error))
    except REFUSALS as error:
        return GrepResult(error=f"Error searching path '{path or '/'}': {error}")
    if includes is not None:
        found = await _included(includes, top, found)
    kept = found if max_count is None else found[: max(max_count, 0)]
    matches = [GrepMatch(path=match.path, line=match.line_number, text=match.line) for match in kept]
    return GrepResult(matches=matches, truncated=len(kept) < len(found))


async def glob(files: BoundFiles, pattern: str, path: str | None) -> GlobResult:
    """The files below a directory that a glob selects, sorted by path, of one moment."""
    try:
        includes = compile_grep_include_glob(pattern)
        top = await plain_path(files, path or "/")
        found = await files.glob_files(_at_or_below(top, pattern))
    except InvalidGlobPatternError as error:
        return GlobResult(error=str(error))
    except REFUSALS as error:
        return GlobResult(error=f"Error globbing path '{path or '/'}': {error}")
    return GlobResult(matches=[info_of(info) for info in await _included(includes, top, found)])


async def _included(includes: Callable[[str], bool], top: str, found: Sequence[Found]) -> list[Found]:
    """What deepagents' glob includes: it has the names of the directory that was searched before it."""
    start = len(top.rstrip("/")) + 1

    def select() -> list[Found]:
        paths = {each.path for each in found}
        included = {path for path in paths if includes(path[start:] or path.rpartition("/")[2])}
        return [each for each in found if each.path in included]

    if len(found) <= _MATCHED_AT_ONCE:
        return select()
    return await asyncio.to_thread(select)


def _at_or_below(top: str, pattern: str) -> str:
    """A glob of everstore's that selects at least what deepagents' pattern does, at a path and below it.

    Where both read a pattern alike, everstore need look at no more than it selects. Else all is looked at.
    """
    root = _SPECIAL.sub(r"[\g<0>]", top.rstrip("/"))
    rest = "**"
    if pattern and not _NOT_ALIKE.search(_SIMPLE_BRACES.sub("", pattern)):
        rest = pattern.lstrip("/") if "/" in pattern else f"**/{pattern}"
    return f"{root}{{,/{rest}}}" if root else f"/{rest}"
