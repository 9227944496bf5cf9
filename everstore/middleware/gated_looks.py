"""The verbs that look, where some of what is there may not be seen: it is as if it were not there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from everstore.globs import ChosenPattern, Selection, compile_glob, compile_path_pattern
from everstore.models import FileChange, FileUsage
from everstore.turns import MOST_AT_ONCE, in_turns

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator
    from uuid import UUID

    from everstore.interfaces import SessionFileSystem
    from everstore.middleware.areas import Area
    from everstore.models import FileInfo, FileLines, FileStat, GrepMatch, SessionFile

__all__ = ["GatedLooks"]

T = TypeVar("T")
E = TypeVar("E", "FileInfo", "FileChange")

_ENTRY = 1 << 10  # what an entry's own cost stands for


class GatedLooks:
    """What is there of a session's files for who may see those of an area only.

    Every answer is one of the store's, with what may not be seen left out: it is of one moment.
    """

    def __init__(self, inner: SessionFileSystem, readable: Area) -> None:
        """Look at ``inner``."""
        self._inner = inner
        self._readable = readable

    def _sees(self, entry: FileInfo | SessionFile) -> bool:
        readable = self._readable
        return readable.has_directory(entry.path) if entry.is_directory else readable.has(entry.path)

    def _sees_all_below(self, path: str) -> bool:
        return self._readable.has_all_below(path)

    async def read_file(self, session_id: UUID, path: str) -> SessionFile | None:
        if not self._readable.has_directory(path):
            return None
        found = await self._inner.read_file(session_id, path)
        return found if found is not None and self._sees(found) else None

    async def stat_file(self, session_id: UUID, path: str) -> FileStat | None:
        if not self._readable.has_directory(path):
            return None
        found = await self._inner.stat_file(session_id, path)
        return found if found is not None and self._sees(found) else None

    async def read_bytes(
        self, session_id: UUID, path: str, start: int = 0, length: int | None = None
    ) -> bytes | None:
        if not self._readable.has(path):  # then it is no file, or not there
            return None
        return await self._inner.read_bytes(session_id, path, start, length)

    async def read_lines(
        self, session_id: UUID, path: str, start: int = 1, limit: int | None = None
    ) -> FileLines | None:
        if not self._readable.has(path):
            return None
        return await self._inner.read_lines(session_id, path, start, limit)

    async def list_directory(self, session_id: UUID, path: str = "/") -> list[FileInfo]:
        if not self._readable.has_directory(path):
            return []
        return await self._seen(await self._inner.list_directory(session_id, path))

    async def list_tree(
        self,
        session_id: UUID,
        path: str = "/",
        *,
        depth: int | None = None,
        after: str | None = None,
        limit: int | None = None,
    ) -> list[FileInfo]:
        if not self._readable.has_directory(path):
            return []

        async def page(most: int | None) -> list[FileInfo]:
            return await self._inner.list_tree(session_id, path, depth=depth, after=after, limit=most)

        if self._sees_all_below(path):
            return await page(limit)
        return await _filled(page, self._seen, limit)

    async def grep_files(
        self, session_id: UUID, pattern: str, path_pattern: str | None = None, **options: Any
    ) -> list[GrepMatch]:
        if self._sees_all_below("/"):
            return await self._inner.grep_files(session_id, pattern, path_pattern, **options)
        chosen = self._chosen(compile_path_pattern(path_pattern))
        limit = options.pop("limit", None)

        async def page(most: int | None) -> list[GrepMatch]:
            return await self._inner.grep_files(session_id, pattern, chosen, **options, limit=most)

        async def seen(matches: list[GrepMatch]) -> list[GrepMatch]:
            return [match for match in matches if self._readable.has(match.path)]

        return await _filled(page, seen, limit)

    async def glob_files(self, session_id: UUID, pattern: str) -> list[FileInfo]:
        if self._sees_all_below("/"):
            return await self._inner.glob_files(session_id, pattern)
        return await self._seen(await self._inner.glob_files(session_id, self._chosen(compile_glob(pattern))))

    async def usage(self, session_id: UUID) -> FileUsage:
        """Of what is seen and is the session's own: a mount of another's takes no room in it."""
        if self._sees_all_below("/"):
            return await self._inner.usage(session_id)
        infos = await self._seen(await self._inner.list_tree(session_id))
        return FileUsage.of([info for info in infos if info.session_id == session_id])

    async def diff_sessions(
        self, a: UUID, b: UUID, *, after: str | None = None, limit: int | None = None
    ) -> list[FileChange]:
        """What may not be seen is left out of both sessions, though the policy may be about one only."""

        async def page(most: int | None) -> list[FileChange]:
            return await self._inner.diff_sessions(a, b, after=after, limit=most)

        async def seen(changes: list[FileChange]) -> list[FileChange]:
            kept: list[FileChange] = []
            await in_turns(self._sort_out_changes(changes, kept))
            return kept

        return await page(limit) if self._sees_all_below("/") else await _filled(page, seen, limit)

    def _sort_out_changes(self, changes: list[FileChange], seen: list[FileChange]) -> Iterator[int]:
        for cost, change in self._weighed(changes):
            if cost:
                yield cost
            before, after = (
                None if info is None or not self._sees(info) else info
                for info in (change.before, change.after)
            )
            if before is not None or after is not None:
                seen.append(FileChange.between(change.path, before, after))

    def _chosen(self, selection: Selection) -> ChosenPattern:
        """The pattern of those selected files that are seen, so that no other is searched."""
        has = self._readable.has
        return ChosenPattern(
            Selection(
                lambda path: selection(path) and has(path),
                top=selection.top,
                part=selection.part,
                weight=selection.weight + self._readable.weight,
            )
        )

    async def _seen(self, infos: list[FileInfo]) -> list[FileInfo]:
        seen: list[FileInfo] = []
        await in_turns(self._sort_out(infos, seen))
        return seen

    def _sort_out(self, infos: Iterable[FileInfo], seen: list[FileInfo]) -> Iterator[int]:
        for cost, info in self._weighed(infos):
            if cost:
                yield cost
            if self._sees(info):
                seen.append(info)

    def _weighed(self, entries: Iterable[E]) -> Iterator[tuple[int, E]]:
        """Each of some entries, and what looking at those since the last turn costs where one is over."""
        pending = 0
        for entry in entries:
            cost = self._readable.weight * len(entry.path) + _ENTRY
            pending += cost
            is_over = pending > MOST_AT_ONCE
            pending = 0 if is_over else pending
            yield (cost if is_over else 0), entry


async def _filled(
    page: Callable[[int | None], Awaitable[list[T]]],
    seen: Callable[[list[T]], Awaitable[list[T]]],
    limit: int | None,
) -> list[T]:
    """The first ``limit`` of those that are seen, all out of one answer.

    Where too much of that is not seen, it is asked for again, four times as long: so all of it costs not much
    more than the last, which is at most four times what had to be looked through.
    """
    most = limit
    while True:
        found = await page(most)
        kept = await seen(found)
        if limit is None or most is None or len(kept) >= limit or len(found) < most:
            return kept if limit is None else kept[:limit]
        most = max(64, 4 * most)
