"""Files in memory."""

from __future__ import annotations

import asyncio
from functools import partial
from operator import attrgetter
from typing import TYPE_CHECKING, TypeVar

from everstore.backends.memory.changing import ChangingFiles
from everstore.backends.memory.forks import Fork, ForkedTree, Shown, layer_of
from everstore.backends.memory.ids import page_of
from everstore.backends.memory.layers import differences
from everstore.backends.memory.own_limits import limits_of, note_limits
from everstore.backends.memory.pieces import LARGE, PiecedFile, in_pieces
from everstore.compat import override
from everstore.errors import SessionNotEmptyError
from everstore.interfaces import Capabilities
from everstore.models import FileChange, FileUsage, root_of
from everstore.search import compile_glob, selected
from everstore.trees import TreePage
from everstore.turns import in_turns, merged_in_turns, sorted_in_turns

if TYPE_CHECKING:
    from collections.abc import Iterator
    from uuid import UUID

    from everstore.backends.memory.layers import Layer
    from everstore.models import FileInfo, FileStat, GrepMatch, SessionFile
    from everstore.search import Query
    from everstore.session_limits import SessionLimits

__all__ = ["MemoryFiles"]

T = TypeVar("T")

_PATH = attrgetter("path")
_TOLD_AT_ONCE = 256  # differences


class MemoryFiles(ChangingFiles):
    """A file system in memory. Cost follows the answer: no verb but a search looks at all files."""

    capabilities = Capabilities(forks=True)

    @override
    async def read_file(self, session_id: UUID, path: str) -> SessionFile | None:
        tree = self._trees.get(session_id.int)
        if tree is None:
            return root_of(session_id) if path == "/" else None
        node = tree.nodes.get(path)
        if tree.changing:
            node = self._once_changed(session_id, path)
        return node.plain() if type(node) is PiecedFile else node

    @override
    async def read_bytes(
        self, session_id: UUID, path: str, start: int = 0, length: int | None = None
    ) -> bytes | None:
        tree = self._trees.get(session_id.int)
        if tree is None:
            return None
        node = tree.nodes.get(path)
        if tree.changing:
            node = self._once_changed(session_id, path)
        if node is None:
            return None
        if node.size_bytes > LARGE and (start or length is not None) and _is_wide(node):
            node = await self._in_pieces(session_id, node)
        return node.part(start, length)

    async def _in_pieces(self, session_id: UUID, node: SessionFile) -> SessionFile:
        """A file of text with its content in pieces, and kept so unless it was changed meanwhile."""
        pieced = await in_pieces(node)
        with self._lock:
            tree = self._trees.get(session_id.int)
            if tree is not None:
                entries = tree.looked_at if isinstance(tree, Fork) else tree.nodes
                if entries.get(node.path) is node:
                    entries[node.path] = pieced
        return pieced

    @override
    async def stat_file(self, session_id: UUID, path: str) -> FileStat | None:
        tree = self._trees.get(session_id.int)
        if tree is None:
            return root_of(session_id).stat() if path == "/" else None
        node = tree.nodes.get(path)
        if tree.changing:
            node = self._once_changed(session_id, path)
        return None if node is None else node.stat()

    def _once_changed(self, session_id: UUID, path: str) -> SessionFile | None:
        """The entry after the change that another thread is making."""
        with self._lock:
            return self._look(session_id, path)

    def _look(self, session_id: UUID, path: str) -> SessionFile | None:
        tree = self._trees.get(session_id.int)
        if isinstance(tree, Fork):
            return tree.look(path, self._version)
        return self._tree(session_id).get(path)

    async def _make_all(self, session_id: UUID) -> None:
        """Have all entries of a fork made its own, some at a time."""
        while isinstance(self._trees.get(session_id.int), (Fork, ForkedTree)):
            with self._lock:
                self._tree(session_id)
            await asyncio.sleep(0)

    @override
    async def list_directory(self, session_id: UUID, path: str = "/") -> list[FileInfo]:
        with self._lock:
            return self._tree(session_id).listing(path)

    @override
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
        await self._make_all(session_id)
        files = [file for file in self._snapshot(session_id, path) if page.selects(file.path)]
        return [file.info() for file in page.cut(await sorted_in_turns(files, _PATH))]

    @override
    async def search(self, session_id: UUID, query: Query) -> list[GrepMatch]:
        await self._make_all(session_id)
        files = self._snapshot(session_id, query.selects.top)
        if query.limit is None:  # then the order of the search is free, and fewer things are to be sorted
            await query.run(files)
            return query.sorted_matches()
        return await query.run(await merged_in_turns(files, _PATH))

    @override
    async def glob_files(self, session_id: UUID, pattern: str) -> list[FileInfo]:
        selects = compile_glob(pattern)
        await self._make_all(session_id)
        files = [file for file in self._snapshot(session_id, selects.top) if file.kept is not None]
        found = await sorted_in_turns(await selected(selects, files), _PATH)
        return [file.info() for file in found]

    def _snapshot(self, session_id: UUID, top: str) -> list[SessionFile]:
        """All at a path and below it at one moment: records never change, so the list is enough."""
        with self._lock:
            tree = self._tree(session_id)
            if top not in tree.nodes:
                return []
            if top == "/":
                return tree.all()
            return [tree.at(top), *(tree.below(top) if tree.has_directory(top) else ())]

    @override
    async def usage(self, session_id: UUID) -> FileUsage:
        with self._lock:
            return self._tree(session_id).counted()

    @override
    async def session_ids(self, *, after: UUID | None = None, limit: int = 100) -> list[UUID]:
        with self._lock:
            return page_of(self._trees, lambda tree: not tree.is_empty, after, limit)

    @override
    async def limit_session(self, session_id: UUID, limits: SessionLimits) -> None:
        number = session_id.int
        together = limits_of(self._all_limits).of_files_with(limits.of_files)
        with self._lock:
            note_limits(self._own_limits, number, together, is_own=limits.of_files is not None)
            if number in self._trees:
                self._trees[number].limits = together

    @override
    async def purge_session(self, session_id: UUID) -> bool:
        with self._lock:
            self._own_limits.pop(session_id.int, None)
            tree = self._trees.pop(session_id.int, None)
            return tree is not None and not tree.is_empty

    @override
    async def fork_session(self, source: UUID, target: UUID, *, replaced: UUID | None = None) -> None:
        with self._lock:
            emptied = target if replaced is None else replaced
            if not self._is_empty(emptied):
                raise SessionNotEmptyError.of(emptied)
            taken = self._frozen(source)
            if replaced is not None:
                self._put_fork(replaced, self._frozen(target))
            elif source.int in self._own_limits and target.int not in self._own_limits:
                self._own_limits[target.int] = self._own_limits[source.int]
            self._put_fork(target, taken)

    def _is_empty(self, session_id: UUID) -> bool:
        tree = self._trees.get(session_id.int)
        return tree is None or tree.is_empty

    def _frozen(self, session_id: UUID) -> Layer:
        return layer_of(self._trees.get(session_id.int), root_of(session_id))

    def _put_fork(self, session_id: UUID, taken: Layer) -> None:
        if taken.count > 1:  # in one step, for whoever looks without the lock
            self._trees[session_id.int] = Fork(session_id, taken)
        else:
            self._trees.pop(session_id.int, None)

    @override
    async def diff_sessions(
        self, a: UUID, b: UUID, *, after: str | None = None, limit: int | None = None
    ) -> list[FileChange]:
        with self._lock:
            one, other = self._shown(a), self._shown(b)
        paths = (await differences(one.layer, other.layer, after))[:limit]
        changes: list[FileChange] = []
        await in_turns(self._changes(paths, one, other, changes))
        return changes

    def _changes(
        self, paths: list[str], one: Shown, other: Shown, changes: list[FileChange]
    ) -> Iterator[int]:
        for start in range(0, len(paths), _TOLD_AT_ONCE):
            yield 0
            with self._lock:
                changes += [
                    FileChange.between(path, one.info(path), other.info(path))
                    for path in paths[start : start + _TOLD_AT_ONCE]
                ]

    def _shown(self, session_id: UUID) -> Shown:
        """A session at this moment."""
        look = partial(self._look, session_id)
        return Shown(session_id, self._frozen(session_id), look, self._version)


def _is_wide(node: SessionFile) -> bool:
    """Whether a file is of text as it was written, in which bytes are looked for, for it is not ASCII."""
    return node.encoding == "text" and isinstance(node.kept, str) and not node.kept.isascii()
