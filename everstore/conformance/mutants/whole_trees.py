"""Mistakes with listings of whole trees."""

from __future__ import annotations

import asyncio
from typing import Any

from everstore.conformance.mutants.broken import Broken, mutant

__all__: list[str] = []


@mutant("tree.whole.all")
def lists_directory_by_directory(broken: Broken) -> None:
    """What is in a directory comes right behind it, before what is beside it."""

    @broken.verb
    async def list_tree(session_id: Any, path: str = "/", **options: Any) -> Any:
        found = await broken.files.list_tree(session_id, path, **options)
        if options.get("after") is not None or options.get("limit") is not None:
            return found
        return sorted(found, key=lambda info: info.path.split("/"))


@mutant("tree.whole.shows_what_reading_shows")
def remembers_trees(broken: Broken) -> None:
    """A listing of a tree is remembered while no path of it changes."""
    known: dict[Any, Any] = {}

    @broken.verb
    async def list_tree(session_id: Any, path: str = "/", **options: Any) -> Any:
        found = await broken.files.list_tree(session_id, path, **options)
        return known.setdefault((session_id, path, *(info.path for info in found)), found)


@mutant("tree.whole.file")
def lists_a_file_as_a_tree(broken: Broken) -> None:
    """A file is a tree of one."""

    @broken.verb
    async def list_tree(session_id: Any, path: str = "/", **options: Any) -> Any:
        found = await broken.files.list_tree(session_id, path, **options)
        top = await broken.files.stat_file(session_id, path)
        if top is None or top.is_directory:
            return found
        file = await broken.files.read_file(session_id, path)
        return [file.info()] if file else found


@mutant("tree.whole.depth")
def counts_levels_from_the_root(broken: Broken) -> None:
    """The levels of a listing are counted from the root."""

    @broken.verb
    async def list_tree(session_id: Any, path: str = "/", *, depth: int | None = None, **options: Any) -> Any:
        found = await broken.files.list_tree(session_id, path, depth=depth, **options)
        return [info for info in found if depth is None or info.path.count("/") <= depth]


@mutant("tree.whole.pages")
def begins_again_where_it_ended(broken: Broken) -> None:
    """A page leaves out what is beside the directory that the last one ended in, and before what is in it."""

    @broken.verb
    async def list_tree(session_id: Any, path: str = "/", *, after: str | None = None, **options: Any) -> Any:
        found = await broken.files.list_tree(session_id, path, after=after, **options)
        return [info for info in found if after is None or info.path.split("/") > after.split("/")]


@mutant("tree.whole.after_deletion")
def looks_for_the_end_of_the_last_page(broken: Broken) -> None:
    """Where nothing is at ``after`` any more, there is no next page."""

    @broken.verb
    async def list_tree(session_id: Any, path: str = "/", *, after: str | None = None, **options: Any) -> Any:
        found = await broken.files.list_tree(session_id, path, after=after, **options)
        if isinstance(after, str) and await broken.files.stat_file(session_id, after) is None:
            return []
        return found


@mutant("tree.whole.after")
def takes_after_for_a_beginning(broken: Broken) -> None:
    """Below what comes after the top itself, everything is listed, and nothing below another path."""

    @broken.verb
    async def list_tree(session_id: Any, path: str = "/", *, after: str | None = None, **options: Any) -> Any:
        top = (await broken.files.stat_file(session_id, path)) if isinstance(after, str) else None
        if top is not None and top.path != "/" and isinstance(after, str) and not after.startswith(top.path):
            after = None
        return await broken.files.list_tree(session_id, path, after=after, **options)


@mutant("concurrency.no_torn_listing")
def lists_trees_in_many_looks(broken: Broken) -> None:
    """A tree is listed directory by directory, while others change it."""

    @broken.verb
    async def list_tree(session_id: Any, path: str = "/", **options: Any) -> Any:
        sound = await broken.files.list_tree(session_id, path, **options)
        if any(value is not None for name, value in options.items() if name != "limit"):
            return sound
        found, directories = [], [path]
        while directories:
            infos = await broken.files.list_directory(session_id, directories.pop(0))
            await asyncio.sleep(0)
            found += infos
            directories += [info.path for info in infos if info.is_directory]
        return sorted(found, key=lambda info: info.path)[: options.get("limit")]


@mutant("transfers.levels.copy")
def lists_32_levels(broken: Broken) -> None:
    """A tree is listed down to its 32nd level."""

    @broken.verb
    async def list_tree(session_id: Any, path: str = "/", *, depth: Any = None, **page: Any) -> Any:
        most = 32 if depth is None else min(depth, 32)
        return await broken.files.list_tree(session_id, path, depth=most, **page)


@mutant("concurrency.no_torn_listing")
def lists_the_first_level_first(broken: Broken) -> None:
    """What is in the directory itself is listed first, and what is below that a moment later."""

    @broken.verb
    async def list_tree(session_id: Any, path: str = "/", *, depth: Any = None, **page: Any) -> Any:
        if depth is not None or page.get("after") is not None:
            return await broken.files.list_tree(session_id, path, depth=depth, **page)
        first = await broken.files.list_tree(session_id, path, depth=1, **page)
        await asyncio.sleep(0)
        found = await broken.files.list_tree(session_id, path, **page)
        names = {info.path for info in await broken.files.list_tree(session_id, path, depth=1)}
        below = [info for info in found if info.path not in names]
        return sorted([*first, *below], key=lambda info: info.path)
