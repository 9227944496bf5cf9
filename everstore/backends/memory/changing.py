"""What changes files in memory: all that the verbs which look share with it."""

from __future__ import annotations

import threading
from functools import partial
from operator import attrgetter
from typing import TYPE_CHECKING, TypeVar

from everstore.backends.memory.forks import Fork, ForkedTree
from everstore.backends.memory.tree import MemoryTree
from everstore.backends.memory.versions import versions
from everstore.compat import override
from everstore.interfaces import SessionFileSystem
from everstore.rules import answered_together, apply_to_tree, transfers
from everstore.rules import files as rules

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from everstore.changes import FileMutation
    from everstore.models import EditedFile, Encoding, FileInfo, SessionFile
    from everstore.settings import Limits

__all__ = ["ChangingFiles"]

T = TypeVar("T")

_PATH = attrgetter("path")
_TOLD_AT_ONCE = 256  # differences


class ChangingFiles(SessionFileSystem):
    """The trees of all sessions, and the verbs that change one of them."""

    def __init__(self, limits: Limits | None = None) -> None:
        """An empty one; without ``limits`` nothing is limited."""
        self._trees: dict[int, MemoryTree] = {}
        self._own_limits: dict[int, Limits] = {}
        """Of sessions with limits of their own: those and the store's together."""
        self._lock = threading.Lock()
        self._version = versions()
        self._all_limits = limits
        self._limits = None if limits is None else limits.of_files

    @override
    async def apply(self, session_id: UUID, changes: Sequence[FileMutation[T]]) -> list[T]:
        if len(changes) == 1:
            self._lock.acquire()
            try:
                tree = self._trees.get(session_id.int) or self._tree(session_id)
                answer = [apply_to_tree(tree, changes[0])]
                if tree.changing:
                    self._keep(tree)
                return answer
            finally:
                self._lock.release()
        with self._lock:
            tree = self._tree(session_id)
            tree.changing, tree.undo = True, []
            try:
                return answered_together(partial(apply_to_tree, tree), changes)
            except BaseException:
                tree.roll_back()
                raise
            finally:
                self._keep(tree.settled())

    def _tree(self, session_id: UUID) -> MemoryTree:
        number = session_id.int
        limits = self._own_limits.get(number, self._limits)
        tree = self._trees.get(number)
        if tree is None:
            return MemoryTree(session_id, self._version, limits)
        if isinstance(tree, Fork):
            tree = self._trees[number] = ForkedTree(tree, self._version, limits)
        if isinstance(tree, ForkedTree):
            tree = self._trees[number] = tree.settled()
        return tree

    def _keep(self, tree: MemoryTree) -> None:
        """Keep a tree that was changing, unless nothing is in it and never was."""
        tree.changing = isinstance(tree, ForkedTree)
        number = tree.session_id.int
        if len(tree.nodes) > 1 or number in self._trees:
            self._trees[number] = tree

    # A change that is a value costs more than what most calls do here: these, the most frequent, are none.
    # Nor does a lock cost as little in a with statement, or behind a function.

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
        self._lock.acquire()
        try:
            tree = self._trees.get(session_id.int) or self._tree(session_id)
            file = None
            if if_revision is None and not if_absent:
                file = tree.write_plainly(path, content, encoding)
            if file is None:
                file = rules.write(tree, path, content, encoding, if_revision, if_absent)
            if tree.changing:
                self._keep(tree)
            return file
        finally:
            self._lock.release()

    @override
    async def write_bytes(
        self,
        session_id: UUID,
        path: str,
        data: bytes | bytearray | memoryview,
        *,
        if_revision: str | None = None,
        if_absent: bool = False,
    ) -> FileInfo:
        if type(data) is not bytes:
            data = bytes(data)
        self._lock.acquire()
        try:
            tree = self._trees.get(session_id.int) or self._tree(session_id)
            file = None
            if if_revision is None and not if_absent:
                file = tree.write_plainly(path, data, "base64")
            if file is None:
                file = rules.write(tree, path, data, "base64", if_revision, if_absent)
            if tree.changing:
                self._keep(tree)
            return file.info()
        finally:
            self._lock.release()

    @override
    async def edit_file(
        self, session_id: UUID, path: str, old: str, new: str, *, replace_all: bool = False
    ) -> EditedFile:
        self._lock.acquire()
        try:
            tree = self._trees.get(session_id.int) or self._tree(session_id)
            answer = rules.edit(tree, path, old, new, replace_all)
            if tree.changing:
                self._keep(tree)
            return answer
        finally:
            self._lock.release()

    @override
    async def append_file(
        self, session_id: UUID, path: str, content: str, encoding: Encoding = "text"
    ) -> FileInfo:
        self._lock.acquire()
        try:
            tree = self._trees.get(session_id.int) or self._tree(session_id)
            answer = rules.append(tree, path, content, encoding)
            if tree.changing:
                self._keep(tree)
            return answer
        finally:
            self._lock.release()

    @override
    async def delete_file(
        self,
        session_id: UUID,
        path: str,
        recursive: bool = False,  # noqa: FBT001, FBT002 - the ancestor's signature
        *,
        strict: bool = False,
    ) -> bool:
        self._lock.acquire()
        try:
            tree = self._trees.get(session_id.int) or self._tree(session_id)
            answer = rules.delete(tree, path, recursive, strict)
            if tree.changing:
                self._keep(tree)
            return answer
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
        self._lock.acquire()
        try:
            tree = self._trees.get(session_id.int) or self._tree(session_id)
            answer = rules.compare_and_write(
                tree, path, expected_content, expected_encoding, content, encoding
            )
            if tree.changing:
                self._keep(tree)
            return answer
        finally:
            self._lock.release()

    @override
    async def create_directory(self, session_id: UUID, path: str, *, exist_ok: bool = True) -> FileInfo:
        self._lock.acquire()
        try:
            tree = self._trees.get(session_id.int) or self._tree(session_id)
            answer = rules.make_directory(tree, path, exist_ok)
            if tree.changing:
                self._keep(tree)
            return answer
        finally:
            self._lock.release()

    @override
    async def copy_file(
        self, session_id: UUID, source: str, destination: str, *, overwrite: bool = False
    ) -> FileInfo:
        self._lock.acquire()
        try:
            tree = self._trees.get(session_id.int) or self._tree(session_id)
            answer = transfers.copy(tree, source, destination, overwrite)
            if tree.changing:
                self._keep(tree)
            return answer
        finally:
            self._lock.release()
