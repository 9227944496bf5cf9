"""Files in a ledger: one record a file and a directory, and never an await between look and write."""

from __future__ import annotations

from typing import TYPE_CHECKING

from acme_ledger.ledger import Change, new_version, time_after
from everstore import Capabilities, SessionFile, SessionFileSystem, SessionFileSystemFactory
from everstore.clock import now_ns
from everstore.compat import override
from everstore.content import stored_size
from everstore.errors import (
    ParentNotDirectoryError,
    PathExistsError,
    PathIsDirectoryError,
    PathNotFoundError,
    ReadOnlyFileError,
    RevisionConflictError,
)
from everstore.models import root_of
from everstore.paths import parent_of, parents_of, require_room

if TYPE_CHECKING:
    from uuid import UUID

    from acme_ledger.ledger import Ledger
    from everstore import FileInfo, InitialFile
    from everstore.context import PluginContext
    from everstore.models import Encoding
    from everstore.settings import Limits


class LedgerFileSystem(SessionFileSystem):
    """The abstract verbs; the others come from the interface."""

    capabilities = Capabilities(durable=True)

    def __init__(self, ledger: Ledger, limits: Limits) -> None:
        self._ledger = ledger
        self._limits = limits

    @override
    async def read_file(self, session_id: UUID, path: str) -> SessionFile | None:
        return self._find(session_id, path)

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
        old = self._replaceable(session_id, path)
        if old is not None and old.is_readonly:
            raise ReadOnlyFileError.at(path)
        current = None if old is None else old.revision
        if (if_absent or if_revision is not None) and current != if_revision:
            raise RevisionConflictError.found(path, if_revision, current)
        return self._put(session_id, path, content, encoding, old)

    @override
    async def seed_initial_file(self, session_id: UUID, file: InitialFile) -> SessionFile:
        old = self._replaceable(session_id, file.path)
        return self._put(
            session_id, file.path, file.content, file.encoding, old, is_readonly=file.is_readonly
        )

    @override
    async def create_directory(self, session_id: UUID, path: str) -> FileInfo:
        found = self._find(session_id, path)
        if found is not None and found.content is not None:
            raise PathExistsError.at(path)
        if found is not None:
            return found.info()
        self._require_parents(session_id, path)
        made = self._directory(session_id, path)
        self._require_room(session_id, path, [made])
        self._ledger.write(*self._missing_parents(session_id, path), _change(made))
        return made.info()

    @override
    async def list_directory(self, session_id: UUID, path: str = "/") -> list[FileInfo]:
        files = self._ledger.page("file", session_id)
        children = [child for child in files if parent_of(child) == path]
        return [files[child].info() for child in sorted(children)]

    @override
    async def delete_file(self, session_id: UUID, path: str, recursive: bool = False) -> bool:
        taken = [] if path == "/" else self._below(session_id, path)
        if not taken or any(file.is_readonly for file in taken) or (len(taken) > 1 and not recursive):
            return False
        self._ledger.write(*(_drop(file) for file in taken))
        return True

    @override
    async def copy_file(
        self, session_id: UUID, source: str, destination: str, *, overwrite: bool = False
    ) -> FileInfo:
        taken = self._transferable(session_id, source, destination, overwrite=overwrite, move=False)
        self._require_room(session_id, destination, taken)
        made = [self._renamed(file, source, destination, copied=True) for file in taken]
        return self._transfer(made, [])

    @override
    async def move_file(
        self, session_id: UUID, source: str, destination: str, *, overwrite: bool = False
    ) -> FileInfo:
        taken = self._transferable(session_id, source, destination, overwrite=overwrite, move=True)
        self._require_room(session_id, destination, [])
        return self._transfer([self._renamed(file, source, destination) for file in taken], taken)

    @override
    async def purge_session(self, session_id: UUID) -> bool:
        files = [*self._ledger.page("file", session_id).values()]
        if files:
            self._ledger.write(*(_drop(file) for file in files))
        return bool(files)

    def _find(self, session_id: UUID, path: str) -> SessionFile | None:
        if path == "/":
            return root_of(session_id)
        return self._ledger.page("file", session_id).get(path)

    def _below(self, session_id: UUID, path: str) -> list[SessionFile]:
        """What is at the path and below it, parents first; empty when nothing is."""
        files = self._ledger.page("file", session_id)
        return [files[at] for at in sorted(files) if at == path or at.startswith(path + "/")]

    def _require_parents(self, session_id: UUID, path: str) -> None:
        for parent in parents_of(path):
            found = self._find(session_id, parent)
            if found is not None and found.content is not None:
                raise ParentNotDirectoryError.through(path, parent)

    def _replaceable(self, session_id: UUID, path: str) -> SessionFile | None:
        self._require_parents(session_id, path)
        old = self._find(session_id, path)
        if old is not None and old.content is None:
            raise PathIsDirectoryError.at(path)
        return old

    def _directory(self, session_id: UUID, path: str) -> SessionFile:
        now, version = now_ns(), new_version()
        return SessionFile(version, now, now, session_id, path, version, 0, is_readonly=False, content=None)

    def _missing_parents(self, session_id: UUID, path: str) -> list[Change]:
        missing = [parent for parent in parents_of(path) if self._find(session_id, parent) is None]
        return [_change(self._directory(session_id, parent)) for parent in missing]

    def _put(
        self,
        session_id: UUID,
        path: str,
        content: str,
        encoding: Encoding,
        old: SessionFile | None,
        *,
        is_readonly: bool = False,
    ) -> SessionFile:
        parents = self._missing_parents(session_id, path)
        version = new_version()
        now = now_ns() if old is None else time_after(old.updated_ns)
        created, serial = (now, version) if old is None else (old.created_ns, old.serial)
        size = stored_size(content, encoding)
        file = SessionFile(
            version, created, now, session_id, path, serial, size, is_readonly, content, encoding
        )
        self._require_room(session_id, path, [file])
        self._ledger.write(*parents, _change(file))
        return file

    def _require_room(self, session_id: UUID, path: str, new: list[SessionFile]) -> None:
        """Refuse what is over a limit: entries in place of what may be at the path, and missing parents."""
        kept = self._ledger.page("file", session_id)
        more = [*new, *([] if path in kept else self._missing_parents(session_id, path))]
        old = kept.get(path)
        self._limits.require(
            path,
            file_bytes=(0, max((file.size_bytes for file in new), default=0)),
            session_entries=(len(kept), len(more) - (old is not None)),
            session_bytes=(_size([*kept.values()]), _size(new) - (old.size_bytes if old else 0)),
        )

    def _transferable(
        self, session_id: UUID, source: str, destination: str, *, overwrite: bool, move: bool
    ) -> list[SessionFile]:
        """The source and all below it, once nothing forbids to put it at the destination."""
        taken = self._below(session_id, source)
        if not taken:
            raise PathNotFoundError.at(source)
        self._require_parents(session_id, destination)
        target = self._find(session_id, destination)
        is_file = taken[0].content is not None
        if target is not None and target.content is None and is_file:
            raise PathIsDirectoryError.at(destination)
        stuck = next((file for file in taken if move and file.is_readonly), None)
        if stuck is not None:
            raise ReadOnlyFileError.at(stuck.path)
        if target is not None and not (overwrite and is_file):
            raise PathExistsError.at(destination)
        if target is not None and target.is_readonly:
            raise ReadOnlyFileError.at(destination)
        require_room(source, destination, (file.path for file in taken))
        return taken

    def _transfer(self, made: list[SessionFile], gone: list[SessionFile]) -> FileInfo:
        parents = self._missing_parents(made[0].session_id, made[0].path)
        self._ledger.write(*(_drop(file) for file in gone), *parents, *(_change(file) for file in made))
        return made[0].info()

    def _renamed(
        self, file: SessionFile, source: str, destination: str, *, copied: bool = False
    ) -> SessionFile:
        """The file at its new path; a copy is another file."""
        version = new_version()
        now = now_ns() if copied else time_after(file.updated_ns)
        created, serial = (now, version) if copied else (file.created_ns, file.serial)
        path = destination + file.path[len(source) :]
        return SessionFile(
            version, created, now, file.session_id, path, serial, file.size_bytes,
            is_readonly=False, content=file.content, encoding=file.encoding,
        )  # fmt: skip


def _change(file: SessionFile) -> Change:
    return Change("file", file.session_id, file.path, file)


def _drop(file: SessionFile) -> Change:
    return Change("file", file.session_id, file.path, None)


def _size(files: list[SessionFile]) -> int:
    return sum(file.size_bytes for file in files)


class LedgerFileSystemFactory(SessionFileSystemFactory):
    """Makes the file system of an opening store."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    @override
    async def create_session_file_system(self, context: PluginContext) -> SessionFileSystem:
        return LedgerFileSystem(self._ledger, context.limits)
