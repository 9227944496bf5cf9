"""Files in memory: one flat index of paths a session, and the names in each directory."""

from __future__ import annotations

import threading
from operator import attrgetter
from typing import TYPE_CHECKING

from everstore.backends.memory.versions import versions
from everstore.clock import now_ns
from everstore.compat import override
from everstore.content import append_content, replace_text, require_text, stored_size
from everstore.errors import (
    ParentNotDirectoryError,
    PathExistsError,
    PathIsDirectoryError,
    PathNotFoundError,
    ReadOnlyFileError,
    RevisionConflictError,
)
from everstore.interfaces import SessionFileSystem
from everstore.models import SessionFile, root_of
from everstore.paths import parent_of, parents_of, require_room
from everstore.search import Query, compile_glob, selected
from everstore.turns import merged_in_turns, sorted_in_turns

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    from everstore.models import Encoding, FileInfo, FileStat, GrepMatch, InitialFile
    from everstore.settings import Limits

__all__ = ["MemoryFiles"]

_PATH = attrgetter("path")


class _Tree:
    """One session's files. ``nodes`` has every path, ``children`` every directory's paths.

    Beside its path a directory keeps each child's line of a listing, once there was one, until the
    child changes: a listing makes only the lines that are not there yet.

    Whoever changes it holds the store's lock. Whoever reads one entry of ``nodes`` needs it only
    while ``changing`` is set: a change of several entries is under way, of which no one may be
    seen before the others. (No entry is ever gone between its old and its new state.)
    """

    __slots__ = (
        "changing",
        "children",
        "listed",
        "nodes",
        "readonly",
        "session_id",
        "size",
        "version",
    )

    def __init__(self, session_id: UUID, version: Callable[[], int]) -> None:
        self.session_id = session_id
        self.version = version
        self.changing = False
        self.nodes: dict[str, SessionFile] = {"/": root_of(session_id)}
        self.children: dict[str, dict[str, FileInfo | None]] = {"/": {}}
        self.listed = False
        self.size = 0
        self.readonly = 0

    def writable(self, path: str) -> SessionFile | None:
        """The file at the path, if any, once the tree's rules allow a write there."""
        old = self.nodes.get(path)
        if old is None:
            self.require_parents(path)
        elif old.content is None:
            raise PathIsDirectoryError.at(path)
        elif old.is_readonly:
            raise ReadOnlyFileError.at(path)
        return old

    def require_parents(self, path: str) -> None:
        """Refuse a path that leads through a file."""
        if (path.rpartition("/")[0] or "/") in self.children:
            return
        for parent in parents_of(path):
            found = self.nodes.get(parent)
            if found is not None and found.content is not None:
                raise ParentNotDirectoryError.through(path, parent)

    def missing_above(self, path: str) -> int:
        """How many directories above a path would be made with it."""
        return sum(parent not in self.children for parent in parents_of(path))

    def put(self, file: SessionFile, old: SessionFile | None) -> None:
        """Put a file in place, which is attached; nothing can fail any more."""
        path = file.path
        if old is None:
            self.size += file.size_bytes
            self.readonly += file.is_readonly
        else:
            self.size += file.size_bytes - old.size_bytes
            if file.is_readonly is not old.is_readonly:
                self.readonly += file.is_readonly - old.is_readonly
            if self.listed:
                self.children[path.rpartition("/")[0] or "/"][path] = None
        self.nodes[path] = file

    def attach(self, path: str) -> None:
        """Enter a path into its directory, which is made when missing."""
        parent = path.rpartition("/")[0] or "/"
        if parent not in self.children:
            self.make_directory(parent)
        self.children[parent][path] = None

    def make_directory(self, path: str) -> None:
        """Enter a directory and its missing parents."""
        self.changing = True
        for missing in (*parents_of(path), path):
            if missing not in self.children:
                now, version = now_ns(), self.version()
                self.children[missing] = {}
                self.attach(missing)
                self.nodes[missing] = SessionFile(
                    version, now, now, self.session_id, missing, version, 0, is_readonly=False, content=None
                )

    def below(self, path: str) -> list[str]:
        """The path and everything below it, parents before children."""
        found = [path]
        directories = [path] if path in self.children else []
        for directory in directories:
            found += self.children[directory]
            directories += filter(self.children.__contains__, self.children[directory])
        return found

    def remove(self, paths: list[str]) -> None:
        """Take out a path and everything below it, as ``below`` lists them; none of them read-only."""
        self.changing = True
        del self.children[parent_of(paths[0])][paths[0]]
        directories = [path for path in paths if path in self.children]
        for path in directories:
            del self.children[path]
        # One file at a time is what deleting a tree costs: the loops are left to C.
        self.size -= sum(map(attrgetter("size_bytes"), map(self.nodes.pop, paths)))

    def listing(self, path: str) -> list[FileInfo]:
        """What is in a directory, sorted by path; ``[]`` when it is none."""
        siblings = self.children.get(path, {})
        self.listed = True
        return [siblings[child] or self._line(siblings, child) for child in sorted(siblings)]

    def _line(self, siblings: dict[str, FileInfo | None], path: str) -> FileInfo:
        line = siblings[path] = self.nodes[path].info()
        return line


class MemoryFiles(SessionFileSystem):
    """A file system in memory. Cost follows the answer: no verb but a search looks at all files."""

    def __init__(self, limits: Limits | None = None) -> None:
        """An empty one; without ``limits`` nothing is limited."""
        self._trees: dict[int, _Tree] = {}
        self._lock = threading.Lock()
        self._version = versions()
        bounded = limits is not None and (limits.bounds_files or limits.file_bytes is not None)
        self._limits = limits if bounded else None

    @override
    async def read_file(self, session_id: UUID, path: str) -> SessionFile | None:
        tree = self._trees.get(session_id.int)
        if tree is None:
            return root_of(session_id) if path == "/" else None
        node = tree.nodes.get(path)
        return self._once_changed(tree, path) if tree.changing else node

    @override
    async def stat_file(self, session_id: UUID, path: str) -> FileStat | None:
        tree = self._trees.get(session_id.int)
        if tree is None:
            return root_of(session_id).stat() if path == "/" else None
        node = tree.nodes.get(path)
        if tree.changing:
            node = self._once_changed(tree, path)
        return None if node is None else node.stat()

    def _once_changed(self, tree: _Tree, path: str) -> SessionFile | None:
        """The entry after the change that another thread is making."""
        with self._lock:
            return tree.nodes.get(path)

    @override
    async def write_file(
        self,
        session_id: UUID,
        path: str,
        content: str,
        encoding: Encoding = "text",
        *,
        if_revision: str | None = None,
        if_absent: bool = False,
    ) -> SessionFile:
        self._lock.acquire()  # half the cost of a with statement
        try:
            tree = self._trees.get(session_id.int) or _Tree(session_id, self._version)
            old = tree.writable(path)
            if if_absent or if_revision is not None:
                _check_condition(old, if_revision, path)
            return self._store(tree, old, path, content, encoding)
        finally:
            self._lock.release()

    @override
    async def write_file_if_content_matches(
        self,
        session_id: UUID,
        path: str,
        expected_content: str,
        expected_encoding: Encoding,
        content: str,
        encoding: Encoding,
    ) -> SessionFile | None:
        with self._lock:
            tree = self._trees.get(session_id.int)
            old = None if tree is None else tree.nodes.get(path)
            if tree is None or old is None:
                return None
            if (old.content, old.encoding) != (expected_content, expected_encoding):
                return None
            return self._store(tree, tree.writable(path), path, content, encoding)

    @override
    async def seed_initial_file(self, session_id: UUID, file: InitialFile) -> SessionFile:
        with self._lock:
            tree = self._trees.get(session_id.int) or _Tree(session_id, self._version)
            old = tree.nodes.get(file.path)
            if old is None:
                tree.require_parents(file.path)
            elif old.content is None:
                raise PathIsDirectoryError.at(file.path)
            return self._store(
                tree, old, file.path, file.content, file.encoding, is_readonly=file.is_readonly
            )

    @override
    async def edit_file(
        self, session_id: UUID, path: str, old: str, new: str, *, replace_all: bool = False
    ) -> SessionFile:
        with self._lock:
            tree = self._trees.get(session_id.int) or _Tree(session_id, self._version)
            found = tree.writable(path)
            if found is None:
                raise PathNotFoundError.at(path)
            edited = replace_text(path, require_text(found), old, new, replace_all=replace_all)
            return self._store(tree, found, path, edited, "text")

    @override
    async def append_file(
        self, session_id: UUID, path: str, content: str, encoding: Encoding = "text"
    ) -> SessionFile:
        with self._lock:
            tree = self._trees.get(session_id.int) or _Tree(session_id, self._version)
            old = tree.writable(path)
            joined = content if old is None else append_content(old, content, encoding)
            return self._store(tree, old, path, joined, encoding)

    @override
    async def create_directory(self, session_id: UUID, path: str) -> FileInfo:
        with self._lock:
            tree = self._trees.get(session_id.int) or _Tree(session_id, self._version)
            node = tree.nodes.get(path)
            if node is None:
                tree.require_parents(path)
                if self._limits is not None:
                    self._require_room(self._limits, tree, path, 1 + tree.missing_above(path), 0)
                tree.make_directory(path)
                tree.changing = False
                self._trees[session_id.int] = tree
                node = tree.nodes[path]
            if node.content is not None:
                raise PathExistsError.at(path)
            return node.info()

    @override
    async def list_directory(self, session_id: UUID, path: str = "/") -> list[FileInfo]:
        tree = self._trees.get(session_id.int)
        if tree is None:
            return []
        with self._lock:
            return tree.listing(path)

    @override
    async def delete_file(self, session_id: UUID, path: str, recursive: bool = False) -> bool:  # noqa: FBT001, FBT002 - the ancestor's signature
        with self._lock:
            tree = self._trees.get(session_id.int)
            node = None if tree is None else tree.nodes.get(path)
            if tree is None or node is None or node.is_readonly or path == "/":
                return False
            if tree.children.get(path) and not recursive:
                return False
            doomed = tree.below(path)
            if tree.readonly and any(tree.nodes[at].is_readonly for at in doomed):
                return False
            tree.remove(doomed)
            tree.changing = False
            return True

    @override
    async def copy_file(
        self, session_id: UUID, source: str, destination: str, *, overwrite: bool = False
    ) -> FileInfo:
        with self._lock:
            return self._transfer(session_id, source, destination, overwrite=overwrite, move=False)

    @override
    async def move_file(
        self, session_id: UUID, source: str, destination: str, *, overwrite: bool = False
    ) -> FileInfo:
        with self._lock:
            return self._transfer(session_id, source, destination, overwrite=overwrite, move=True)

    def _transfer(
        self, session_id: UUID, source: str, destination: str, *, overwrite: bool, move: bool
    ) -> FileInfo:
        tree = self._trees.get(session_id.int)
        if tree is None or source not in tree.nodes:
            raise PathNotFoundError.at(source)
        taken = [tree.nodes[path] for path in tree.below(source)]
        self._check_transfer(tree, taken, destination, overwrite=overwrite, move=move)
        tree.changing = True
        target = tree.nodes.get(destination)
        if target is None:
            tree.attach(destination)  # before the copies are stamped: a parent is no younger
        moved = [self._renamed(file, source, destination, move=move) for file in taken]
        if move:
            tree.remove([file.path for file in taken])
        for file in moved:
            if file.content is not None:
                if target is None:
                    tree.attach(file.path)
                tree.put(file, target)
            else:
                tree.attach(file.path)
                tree.children[file.path] = {}
                tree.nodes[file.path] = file
        tree.changing = False
        return moved[0].info()

    def _check_transfer(
        self, tree: _Tree, taken: list[SessionFile], destination: str, *, overwrite: bool, move: bool
    ) -> None:
        """Refuse a transfer that cannot be; ``taken`` is the source and, after it, all below it."""
        tree.require_parents(destination)
        target = tree.nodes.get(destination)
        is_file = taken[0].content is not None
        if target is not None and target.content is None and is_file:
            raise PathIsDirectoryError.at(destination)
        stuck = min((file.path for file in taken if file.is_readonly), default=None) if move else None
        if stuck is not None:
            raise ReadOnlyFileError.at(stuck)
        if target is not None and target.is_readonly and overwrite and is_file:
            raise ReadOnlyFileError.at(destination)
        if target is not None and not (overwrite and is_file):
            raise PathExistsError.at(destination)
        require_room(taken[0].path, destination, (file.path for file in taken))
        if self._limits is not None:
            copied = [] if move else taken
            more = len(copied) - 1 if target is not None else len(copied) + tree.missing_above(destination)
            more_bytes = sum(file.size_bytes for file in copied) - (target.size_bytes if target else 0)
            largest = max((file.size_bytes for file in copied), default=0)
            self._require_room(self._limits, tree, destination, more, more_bytes, largest)

    def _renamed(self, file: SessionFile, source: str, destination: str, *, move: bool) -> SessionFile:
        now, version = now_ns(), self._version()
        path = destination + file.path[len(source) :]
        created, serial = now, version
        if move:
            created, serial = file.created_ns, file.serial
            now = max(now, file.updated_ns + 1000)
        return SessionFile(
            version, created, now, file.session_id, path, serial, file.size_bytes,
            is_readonly=False, content=file.content, encoding=file.encoding,
        )  # fmt: skip

    def _store(
        self,
        tree: _Tree,
        old: SessionFile | None,
        path: str,
        content: str,
        encoding: Encoding,
        *,
        is_readonly: bool = False,
    ) -> SessionFile:
        ascii_text = encoding == "text" and content.isascii()
        size = len(content) if ascii_text else stored_size(content, encoding)
        if self._limits is not None:
            more = 0 if old is not None else 1 + tree.missing_above(path)
            self._require_room(self._limits, tree, path, more, size - (old.size_bytes if old else 0), size)
        if old is None:
            tree.attach(path)
            self._trees[tree.session_id.int] = tree
            # Two integers for all four of a new file: 32 bytes each would be a tenth of a small file.
            created = now = now_ns()
            version = serial = self._version()
        else:
            created, serial, version = old.created_ns, old.serial, self._version()
            now, least = now_ns(), old.updated_ns + 1000
            if now < least:  # noqa: PLR1730 - the clock stands still or went back; max() costs more
                now = least
        file = SessionFile(
            version, created, now, tree.session_id, path, serial, size, is_readonly, content, encoding
        )
        tree.put(file, old)
        tree.changing = False
        return file

    @staticmethod
    def _require_room(
        limits: Limits, tree: _Tree, path: str, more: int, more_bytes: int, file_bytes: int = 0
    ) -> None:
        """Refuse what is over a limit: so many entries and bytes more, and a file of so many bytes."""
        entries = (len(tree.nodes) - 1, more)  # the root counts for nothing
        limits.require(
            path, file_bytes=(0, file_bytes), session_entries=entries, session_bytes=(tree.size, more_bytes)
        )

    @override
    async def grep_files(
        self,
        session_id: UUID,
        pattern: str,
        path_pattern: str | None = None,
        *,
        regex: bool = False,
        ignore_case: bool = False,
        before: int = 0,
        after: int = 0,
        limit: int | None = None,
    ) -> list[GrepMatch]:
        query = Query(
            pattern,
            path_pattern,
            regex=regex,
            ignore_case=ignore_case,
            before=before,
            after=after,
            limit=limit,
        )
        files = self._snapshot(session_id, query.selects.top)
        if limit is None:  # then the order of the search is free, and fewer things are to be sorted
            await query.run(files)
            return query.sorted_matches()
        return await query.run(await merged_in_turns(files, _PATH))

    @override
    async def glob_files(self, session_id: UUID, pattern: str) -> list[FileInfo]:
        selects = compile_glob(pattern)
        files = [file for file in self._snapshot(session_id, selects.top) if file.content is not None]
        found = await sorted_in_turns(await selected(selects, files), _PATH)
        return [file.info() for file in found]

    def _snapshot(self, session_id: UUID, top: str) -> list[SessionFile]:
        """All at a path and below it at one moment: records never change, so the list is enough."""
        with self._lock:
            tree = self._trees.get(session_id.int)
            if tree is None or top not in tree.nodes:
                return []
            return list(tree.nodes.values() if top == "/" else map(tree.nodes.__getitem__, tree.below(top)))

    @override
    async def purge_session(self, session_id: UUID) -> bool:
        with self._lock:
            tree = self._trees.pop(session_id.int, None)
            return tree is not None and len(tree.nodes) > 1


def _check_condition(old: SessionFile | None, if_revision: str | None, path: str) -> None:
    current = None if old is None else old.revision
    if current != if_revision:
        raise RevisionConflictError.found(path, if_revision, current)
