"""Files in a ledger: one record a file and a directory, and never an await between look and write."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, TypeVar

from acme_ledger.ledger import Change, new_version
from everstore import Capabilities, SessionFile, SessionFileSystem, SessionFileSystemFactory
from everstore.compat import override
from everstore.models import root_of
from everstore.paths import parent_of
from everstore.rules import Tree, answered_together, apply_to_tree

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from acme_ledger.ledger import Ledger
    from everstore import FileInfo
    from everstore.changes import FileMutation
    from everstore.context import PluginContext
    from everstore.session_limits import SessionLimits
    from everstore.settings import Limits

T = TypeVar("T")


class LedgerFileSystem(SessionFileSystem):
    """What a backend has to have; the other verbs come from the interface."""

    capabilities = Capabilities(durable=True)

    def __init__(self, ledger: Ledger, limits: Limits) -> None:
        self._ledger = ledger
        self._limits = limits

    @override
    async def apply(self, session_id: UUID, changes: Sequence[FileMutation[T]]) -> list[T]:
        own = self._ledger.limits("limits of files", session_id)
        limits = self._limits.of_files_with(own.of_files)
        tree = LedgerTree(session_id, self._ledger.page("file", session_id), limits)
        answers = answered_together(partial(apply_to_tree, tree), changes)
        if tree.changes:
            self._ledger.write(*tree.changes)
        return answers

    @override
    async def read_file(self, session_id: UUID, path: str) -> SessionFile | None:
        if path == "/":
            return root_of(session_id)
        return self._ledger.page("file", session_id).get(path)

    @override
    async def list_directory(self, session_id: UUID, path: str = "/") -> list[FileInfo]:
        files = self._ledger.page("file", session_id)
        children = [child for child in files if parent_of(child) == path]
        return [files[child].info() for child in sorted(children)]

    @override
    async def session_ids(self, *, after: UUID | None = None, limit: int = 100) -> list[UUID]:
        holding = [session_id for session_id, page in self._ledger.pages("file") if page]
        return sorted(each for each in holding if after is None or each > after)[:limit]

    @override
    async def limit_session(self, session_id: UUID, limits: SessionLimits) -> None:
        kept = None if limits.of_files is None else limits
        self._ledger.write(Change("limits of files", session_id, "", kept))

    @override
    async def purge_session(self, session_id: UUID) -> bool:
        files = [*self._ledger.page("file", session_id)]
        gone = [Change("file", session_id, path, None) for path in files]
        self._ledger.write(*gone, Change("limits of files", session_id, "", None))
        return bool(files)


class LedgerTree(Tree[SessionFile]):
    """A session's page as the rules see it. What they change is noted, and written by who asked them."""

    def __init__(self, session_id: UUID, page: dict[str, SessionFile], limits: Limits | None) -> None:
        self.session_id = session_id
        self.limits = limits
        self.changes: list[Change] = []
        self._page = dict(page)

    @override
    def get(self, path: str, /) -> SessionFile | None:
        return self._page.get(path)

    @override
    def read(self, entry: SessionFile) -> SessionFile:
        return entry

    @override
    def below(self, path: str) -> list[SessionFile]:
        return [self._page[at] for at in sorted(self._page) if at.startswith(path + "/")]

    @override
    def usage(self) -> tuple[int, int]:
        return len(self._page), sum(file.size_bytes for file in self._page.values())

    @override
    def next_version(self) -> int:
        return new_version()

    @override
    def new_serial(self, version: int) -> int:
        return version

    @override
    def put(self, file: SessionFile, old: SessionFile | None) -> None:
        self._page[file.path] = file
        self.changes.append(Change("file", self.session_id, file.path, file))

    @override
    def remove(self, entry: SessionFile) -> None:
        del self._page[entry.path]
        self.changes.append(Change("file", self.session_id, entry.path, None))


class LedgerFileSystemFactory(SessionFileSystemFactory):
    """Makes the file system of an opening store."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    @override
    async def create_session_file_system(self, context: PluginContext) -> SessionFileSystem:
        return LedgerFileSystem(self._ledger, context.limits)
