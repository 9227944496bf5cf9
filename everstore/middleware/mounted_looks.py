"""The verbs that look, where another session's files are below a path."""

from __future__ import annotations

import heapq
from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeVar

from msgspec.structs import replace

from everstore.globs import ChosenPattern, Selection, compile_glob, compile_path_pattern
from everstore.models import SessionFile, file_of, root_of
from everstore.paths import parents_of
from everstore.trees import TreePage
from everstore.turns import sorted_in_turns

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    from everstore.interfaces import SessionFileSystem
    from everstore.models import FileChange, FileInfo, FileLines, FileStat, FileUsage, GrepMatch

__all__ = ["MountedLooks"]

E = TypeVar("E", "FileInfo", "FileStat")

_PATH = attrgetter("path")


class MountedLooks:
    """A session's files, with those of ``source`` at and below ``point`` unless it has its own there."""

    def __init__(self, inner: SessionFileSystem, point: str, source: UUID) -> None:
        """Look at ``inner``."""
        self._inner = inner
        self._point = point
        self._source = source
        self._above = frozenset({"/", *parents_of(point)})

    # -- places -------------------------------------------------------------------------------------

    def _inside(self, path: str) -> str | None:
        """The path in the mounted session; ``None`` for one that is neither the mount nor below it."""
        if path == self._point:
            return "/"
        return path[len(self._point) :] if path.startswith(f"{self._point}/") else None

    def _outside(self, path: str) -> str:
        """The path of what is there in the mounted session."""
        return self._point if path == "/" else self._point + path

    async def _is_there(self, session_id: UUID) -> bool:
        """Whether the session has nothing of its own where the mount is."""
        for place in (*parents_of(self._point), self._point):
            found = await self._inner.stat_file(session_id, place)
            if found is None:
                return True
            if place == self._point or not found.is_directory:
                return False
        return True

    def _shown(self, info: E) -> E:
        return replace(info, path=self._outside(info.path), is_readonly=not info.is_directory)

    def _shown_file(self, file: SessionFile) -> SessionFile:
        path = self._outside(file.path)
        if file.is_directory:
            return replace(file, path=path)
        return file_of(
            file.version, file.created_ns, file.updated_ns, file.session_id, path, file.serial,
            file.size_bytes, True, file.kept, file.encoding,  # noqa: FBT003 - in the order of the record
        )  # fmt: skip

    def _directory(self, path: str) -> SessionFile:
        """The mount itself, or a directory above it that is there for its sake only."""
        levels = self._point.count("/") - path.count("/")
        return replace(root_of(self._source), path=path, serial=-levels)  # so that no two have one id

    # -- verbs --------------------------------------------------------------------------------------

    async def read_file(self, session_id: UUID, path: str) -> SessionFile | None:
        inside = self._inside(path)
        if inside is not None and await self._is_there(session_id):
            file = await self._inner.read_file(self._source, inside)
            return None if file is None else self._shown_file(file)
        found = await self._inner.read_file(session_id, path)
        if found is None and path in self._above and await self._is_there(session_id):
            return self._directory(path)
        return found

    async def stat_file(self, session_id: UUID, path: str) -> FileStat | None:
        inside = self._inside(path)
        if inside is not None and await self._is_there(session_id):
            stat = await self._inner.stat_file(self._source, inside)
            return None if stat is None else self._shown(stat)
        found = await self._inner.stat_file(session_id, path)
        if found is None and path in self._above and await self._is_there(session_id):
            return self._directory(path).stat()
        return found

    async def read_bytes(
        self, session_id: UUID, path: str, start: int = 0, length: int | None = None
    ) -> bytes | None:
        inside = self._inside(path)
        if inside is not None and await self._is_there(session_id):
            return await self._inner.read_bytes(self._source, inside, start, length)
        return await self._inner.read_bytes(session_id, path, start, length)

    async def read_lines(
        self, session_id: UUID, path: str, start: int = 1, limit: int | None = None
    ) -> FileLines | None:
        inside = self._inside(path)
        if inside is not None and await self._is_there(session_id):
            lines = await self._inner.read_lines(self._source, inside, start, limit)
            return None if lines is None else replace(lines, path=path)
        return await self._inner.read_lines(session_id, path, start, limit)

    async def list_directory(self, session_id: UUID, path: str = "/") -> list[FileInfo]:
        if self._inside(path) is not None or path in self._above:
            return await self.list_tree(session_id, path, depth=1)
        return await self._inner.list_directory(session_id, path)

    async def list_tree(
        self,
        session_id: UUID,
        path: str = "/",
        *,
        depth: int | None = None,
        after: str | None = None,
        limit: int | None = None,
    ) -> list[FileInfo]:
        page = TreePage(path, depth, after, limit)
        inside = self._inside(path)
        is_concerned = inside is not None or path in self._above
        if not is_concerned or not await self._is_there(session_id):
            return await self._inner.list_tree(session_id, path, depth=depth, after=after, limit=limit)
        if inside is not None:
            return await self._mounted(page, inside)
        own = await self._inner.list_tree(session_id, path, depth=depth, after=after, limit=limit)
        known = {info.path for info in own}
        ways = [place for place in (*parents_of(self._point), self._point) if place not in known]
        made = [
            self._directory(place).info()
            for place in ways
            if place.startswith(f"{page.base}/") and page.selects(place)
        ]
        mounted = await self._mounted(page, "/")
        return page.cut(await sorted_in_turns([*own, *made, *mounted], _PATH))

    async def _mounted(self, page: TreePage, top: str) -> list[FileInfo]:
        """Those of a page that are below ``top`` in the mounted session."""
        point, depth, after = self._point, page.depth, page.after
        if top == "/" and page.deepest is not None:
            depth = page.deepest - point.count("/")
            if depth < 1:
                return []
        if after is not None:
            if after < f"{point}/":
                after = None
            elif after.startswith(f"{point}/"):
                after = after[len(point) :]
            else:
                return []
        infos = await self._inner.list_tree(self._source, top, depth=depth, after=after, limit=page.limit)
        return [self._shown(info) for info in infos]

    async def grep_files(
        self, session_id: UUID, pattern: str, path_pattern: str | None = None, **options: Any
    ) -> list[GrepMatch]:
        own = await self._inner.grep_files(session_id, pattern, path_pattern, **options)
        chosen = self._chosen(compile_path_pattern(path_pattern))
        if chosen is None or not await self._is_there(session_id):
            return own
        found = await self._inner.grep_files(self._source, pattern, chosen, **options)
        mounted = [replace(match, path=self._outside(match.path)) for match in found]
        limit = options.get("limit")
        return [*heapq.merge(own, mounted, key=lambda match: (match.path, match.line_number))][:limit]

    async def glob_files(self, session_id: UUID, pattern: str) -> list[FileInfo]:
        own = await self._inner.glob_files(session_id, pattern)
        chosen = self._chosen(compile_glob(pattern))
        if chosen is None or not await self._is_there(session_id):
            return own
        mounted = [self._shown(info) for info in await self._inner.glob_files(self._source, chosen)]
        return [*heapq.merge(own, mounted, key=_PATH)]

    async def usage(self, session_id: UUID) -> FileUsage:
        """Of what is the session's own."""
        return await self._inner.usage(session_id)

    async def diff_sessions(self, a: UUID, b: UUID, **options: Any) -> list[FileChange]:
        """Of what is the sessions' own: what is mounted is the same in both."""
        return await self._inner.diff_sessions(a, b, **options)

    def _chosen(self, selection: Selection) -> ChosenPattern | None:
        """The pattern of those files in the mounted session that are selected; ``None`` when none can be."""
        top, outside = selection.top, self._outside
        inside = self._inside(top)
        if inside is None and top not in self._above:
            return None
        selects: Callable[[str], bool] = selection
        return ChosenPattern(
            Selection(
                lambda path: selects(outside(path)),
                top="/" if inside is None else inside,
                weight=selection.weight,
                is_all=selection.is_all,
            )
        )
