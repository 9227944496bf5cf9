"""What may have been meant by a path where nothing is."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from everstore.errors import EverstoreError
from everstore.paths import parents_of
from everstore.tools.answers import call_of, shown

if TYPE_CHECKING:
    from everstore.tools.desk import Desk

__all__ = ["what_is_like"]

_COMPARED = 1000  # names of a directory
_MOST = 3
_LEAST_ALIKE = 0.7
_OF_A_GLOB = frozenset("*?[]{}")


async def what_is_like(desk: Desk, path: str) -> str:
    """What is there that is spelled like it, or else a call that shows what there is."""
    try:
        return await _what_is_like(desk, path)
    except EverstoreError:  # that nothing is there is the news
        return f"See what there is: {call_of('ls')}"


async def _what_is_like(desk: Desk, path: str) -> str:
    place, name = await _last_step(desk, path)
    entries = await desk.files.list_tree(place, depth=1, limit=_COMPARED)
    paths = {entry.name.lower(): entry.path for entry in entries}
    alike = [paths[found] for found in get_close_matches(name.lower(), paths, _MOST, _LEAST_ALIKE)]
    base = path.rpartition("/")[2]
    if not _OF_A_GLOB & set(base):
        alike += [info.path for info in (await desk.files.glob_files(base))[:_MOST] if info.path not in alike]
    if alike:
        return f"Did you mean {' or '.join(shown(found) for found in alike[:_MOST])}?"
    if not entries:
        return f"{shown(place)} is empty."
    return f"See what is in {shown(place)}: {call_of('ls', path=place)}"


async def _last_step(desk: Desk, path: str) -> tuple[str, str]:
    """The nearest directory above that is there, and what was looked for in it."""
    place = "/"
    for step in parents_of(path):
        found = await desk.files.stat_file(step)
        if found is None or not found.is_directory:
            break
        place = step
    return place, path[len(place.rstrip("/")) + 1 :].partition("/")[0]
