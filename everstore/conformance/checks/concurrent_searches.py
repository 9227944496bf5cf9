"""Searches beside what moves files about: one state is searched, not a bit of each."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from everstore.conformance.registry import table

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from everstore.conformance.case import Case
    from everstore.session import BoundFiles

_MOVES = 40
_TOPS = ("a", "m", "z")


async def _grep(files: BoundFiles) -> list[Any]:
    return await files.grep_files("needle")


async def _glob(files: BoundFiles) -> list[Any]:
    return await files.glob_files("**/f")


async def _move_file(files: BoundFiles, source: str, destination: str) -> None:
    await files.move_file(f"{source}/x/f", f"{destination}/x/f")


async def _move_tree(files: BoundFiles, source: str, destination: str) -> None:
    await files.move_file(f"{source}/x", f"{destination}/x")


@table(
    "concurrency.search_beside_moves.{row}",
    "3.10.1",
    "5.1.1",
    "5.5.1",
    rows={
        "grep_file": (_grep, _move_file),
        "grep_tree": (_grep, _move_tree),
        "glob_file": (_glob, _move_file),
        "glob_tree": (_glob, _move_tree),
    },
    likely="the files are listed, then read one by one, directory by directory",
    level="standard",
    tags=("concurrency",),
    since="1.1",
)
async def search_beside_moves(
    case: Case,
    search: Callable[[BoundFiles], Awaitable[list[Any]]],
    move: Callable[[BoundFiles, str, str], Awaitable[None]],
) -> None:
    """A file that is moved about while others search is found once by each, wherever it is: {row}."""
    files = case.files
    for top in _TOPS:
        await asyncio.gather(*(files.write_file(f"{top}/{number}", "hay\n") for number in range(8)))
    await files.write_file("a/x/f", "needle\n")

    async def moving() -> None:
        for turn in range(_MOVES):
            await move(files, _TOPS[turn % 3], _TOPS[(turn + 1) % 3])
            await asyncio.sleep(0.001 * (turn % 3))

    with case.trace.paused():
        mover = asyncio.ensure_future(moving())
        try:
            while not mover.done():
                found = await search(files)
                places = [one.path for one in found]
                assert len(places) == 1, f"{len(places)} places: {places}"
                await asyncio.sleep(0)
        finally:
            await mover
