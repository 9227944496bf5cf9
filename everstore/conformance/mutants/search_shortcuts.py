"""Mistakes of searches that take a short cut: filters, rules of other tools, an early end."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from everstore.conformance.mutants.broken import Broken, mutant
from everstore.search import Query, compile_glob

if TYPE_CHECKING:
    from collections.abc import Callable

__all__: list[str] = []


def _matches(broken: Broken, keep: Callable[[Any, str, dict[str, Any]], bool]) -> None:
    """Only these matches, by match, pattern and options, are found."""

    @broken.verb
    async def grep_files(session_id: Any, pattern: str, *args: Any, **options: Any) -> Any:
        found = await broken.files.grep_files(session_id, pattern, *args, **options)
        return [match for match in found if keep(match, pattern, options)]


@mutant("search.ignore_case.long_s")
def filters_by_lower_case(broken: Broken) -> None:
    """Where case is ignored, a filter before the search compares lower case, as a database does."""
    _matches(
        broken,
        lambda match, pattern, options: (
            not options.get("ignore_case") or options.get("regex") or pattern.lower() in match.line.lower()
        ),
    )


@mutant("search.ignore_case.two_s")
def folds_whole_texts(broken: Broken) -> None:
    """Where case is ignored, a sharp s is two."""

    @broken.verb
    async def grep_files(session_id: Any, pattern: str, *args: Any, **options: Any) -> Any:
        if not options.get("ignore_case") or options.get("regex") or "ss" not in pattern.casefold():
            return await broken.files.grep_files(session_id, pattern, *args, **options)
        every = await broken.files.grep_files(session_id, "", *args, **options)
        return [match for match in every if pattern.casefold() in match.line.casefold()]


@mutant("search.ignore_case.dotted_i")
def takes_dotted_for_plain(broken: Broken) -> None:
    """Where case is ignored, a dotted capital I is an i, as Python's own expressions have it."""

    @broken.verb
    async def grep_files(session_id: Any, pattern: str, *args: Any, **options: Any) -> Any:
        if options.get("ignore_case") and not options.get("regex") and pattern == "\u0130":
            pattern = "i"
        return await broken.files.grep_files(session_id, pattern, *args, **options)


@mutant("search.at_random")
def leaves_hidden_files_out(broken: Broken) -> None:
    """Files whose name begins with a dot are not searched, as other tools have it."""
    _matches(broken, lambda match, _, __: "/." not in match.path)


@mutant("search.at_random")
def leaves_ignored_files_out(broken: Broken) -> None:
    """Directories that a .gitignore names are not searched."""

    @broken.verb
    async def grep_files(session_id: Any, pattern: str, *args: Any, **options: Any) -> Any:
        found = await broken.files.grep_files(session_id, pattern, *args, **options)
        ignore = await broken.files.read_file(session_id, "/.gitignore")
        if ignore is None or ignore.content is None:
            return found
        named = [line.strip("/") for line in ignore.content.splitlines() if line]
        return [match for match in found if not any(f"/{name}/" in match.path for name in named)]


@mutant("search.at_random")
def stops_at_the_limit(broken: Broken) -> None:
    """A search that reaches its limit has read no line behind it."""

    @broken.verb
    async def grep_files(session_id: Any, pattern: str, *args: Any, **options: Any) -> Any:
        found = await broken.files.grep_files(session_id, pattern, *args, **options)
        if found and len(found) == options.get("limit"):
            found[-1] = replace(found[-1], after=())
        return found


@mutant("search.at_random")
def strips_lines(broken: Broken) -> None:
    """Blanks at the end of a line are not shown."""

    @broken.verb
    async def grep_files(session_id: Any, pattern: str, *args: Any, **options: Any) -> Any:
        found = await broken.files.grep_files(session_id, pattern, *args, **options)
        return [replace(match, line=match.line.rstrip(" \t")) for match in found]


async def _listed(broken: Broken, session_id: Any) -> list[Any]:
    """Every file, found directory by directory while others go on."""
    infos: list[Any] = []
    directories = ["/"]
    while directories:
        await asyncio.sleep(0.001)
        found = await broken.files.list_directory(session_id, directories.pop())
        directories += [info.path for info in found if info.is_directory]
        infos += [info for info in found if not info.is_directory]
    return sorted(infos, key=lambda info: info.path)


@mutant("concurrency.search_beside_moves.grep_file")
def searches_file_by_file(broken: Broken) -> None:
    """A search lists the files, then reads them one by one."""

    @broken.verb
    async def grep_files(session_id: Any, pattern: str, *args: Any, **options: Any) -> Any:
        query = Query(pattern, *args, **options)
        for info in await _listed(broken, session_id):
            found = await broken.files.read_file(session_id, info.path)
            if found is not None and await query.add(found):
                break
        return query.matches


@mutant("concurrency.search_beside_moves.glob_tree")
def globs_directory_by_directory(broken: Broken) -> None:
    """A glob lists one directory after the other."""

    @broken.verb
    async def glob_files(session_id: Any, pattern: str) -> Any:
        selection = compile_glob(pattern)
        return [info for info in await _listed(broken, session_id) if selection(info.path)]
