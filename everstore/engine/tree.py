"""Changing a session's files: what the rules of ``everstore.rules`` are given."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from msgspec import UNSET

from everstore.clock import now_ns
from everstore.compat import override
from everstore.content import content_bytes
from everstore.engine import own_limits
from everstore.engine.entries import Entries
from everstore.engine.keys import LIMITS_OF_FILES, usage_key
from everstore.engine.rows import DIRECTORY, READONLY, TEXT, Row
from everstore.errors import DataDamagedError
from everstore.models import FileInfo
from everstore.rules import Tree

if TYPE_CHECKING:
    from collections.abc import Iterator
    from uuid import UUID

    from msgspec import UnsetType

    from everstore.engine.base import Engine
    from everstore.engine.writing import Writing
    from everstore.models import Encoding, SessionFile
    from everstore.settings import Limits

__all__ = ["EngineTree"]

_decode = msgspec.msgpack.Decoder(tuple[int, int]).decode


class EngineTree(Tree[FileInfo]):
    """One session's files within a writing transaction, for one call.

    What they are in all is kept only under a limit, or else every write would have to change the same row;
    whoever writes without one takes the row away, and the next under a limit counts anew.
    """

    __slots__ = ("_entries", "_limits", "_more", "_more_bytes", "_store_limits", "_writing", "session_id")

    def __init__(self, writing: Writing, engine: Engine, session_id: UUID, limits: Limits) -> None:
        """``finish`` ends the call."""
        self.session_id = session_id
        self._store_limits = limits
        self._limits: Limits | UnsetType | None = UNSET
        self._writing = writing
        self._entries = Entries(writing, engine, session_id)
        self._more = self._more_bytes = 0

    def finish(self) -> None:
        """Write what was kept back."""
        if self._more or self._more_bytes:
            key = usage_key(self.session_id)
            if self.limits is None or not self.limits.bounds_files:
                self._writing.delete(key)
            else:
                self._writing.put(key, msgspec.msgpack.encode(self.usage()))

    def purge(self) -> bool:
        """Remove everything; whether there was anything."""
        had = next(self._entries.rows.kept(), None) is not None
        self._entries.rows.clear()
        self._writing.delete(usage_key(self.session_id))
        own_limits.forget(self._writing, LIMITS_OF_FILES, self.session_id)
        return had

    # -- looking ------------------------------------------------------------------------------------

    @property
    @override
    def limits(self) -> Limits | None:  # type: ignore[override]
        """Looked up where they are asked for: what makes nothing grow does not pay for them."""
        if self._limits is UNSET:
            own = own_limits.look(self._writing, LIMITS_OF_FILES, self.session_id)
            self._limits = self._store_limits.of_files_with(own)
        return self._limits

    @override
    def get(self, path: str) -> FileInfo | None:
        row = self._entries.row(path)
        return None if row is None else self._entries.info(path, row)

    @override
    def get_to_replace(self, path: str) -> FileInfo | None:
        try:
            return self.get(path)
        except DataDamagedError:
            return self._mend(path)

    def _mend(self, path: str) -> FileInfo:
        """An entry in the place of a damaged one, which is about to be replaced or deleted."""
        version, now = self.next_version(), now_ns()
        flags = DIRECTORY if self.has_below(path) else TEXT
        row = Row(version, now, now, None, serial=version, flags=flags)
        self._entries.rows.put(self._entries.name(path), row)
        self._writing.delete(usage_key(self.session_id))  # what it counted for cannot be told
        return self._entries.info(path, row)

    @override
    def read(self, entry: FileInfo) -> SessionFile:
        return self._entries.file(entry.path, self._row(entry.path))

    @override
    def below(self, path: str) -> Iterator[FileInfo]:
        return (self._entries.info(found, row) for found, row in self._entries.below(path))

    @override
    def has_directory(self, path: str) -> bool:
        row = self._entries.row(path)
        return row is not None and row.flags & DIRECTORY != 0

    @override
    def usage(self) -> tuple[int, int]:
        kept = self._writing.get(usage_key(self.session_id))
        try:
            entries, size = self._counted() if kept is None else _decode(kept)
        except msgspec.DecodeError:
            entries, size = self._counted()
        return entries + self._more, size + self._more_bytes

    def _counted(self) -> tuple[int, int]:
        """What the session has, and had before this call: which is all that is in the map now, less that."""
        sizes = [0 if row is None else row.size for _, row in self._entries.rows.kept()]
        return len(sizes) - self._more, sum(sizes) - self._more_bytes

    def _row(self, path: str) -> Row:
        row = self._entries.row(path)
        if row is None:
            raise DataDamagedError.found(path, "its entry cannot be found again", path=path)
        return row

    # -- changing -----------------------------------------------------------------------------------

    @override
    def next_version(self) -> int:
        return self._writing.next_version()

    @override
    def new_serial(self, version: int) -> int:
        return version

    @override
    def put(self, file: SessionFile, old: FileInfo | None) -> None:
        content, flags = b"", DIRECTORY
        if file.kept is not None:
            content = content_bytes(file.kept, file.encoding)
            flags = (TEXT if file.encoding == "text" else 0) | (READONLY if file.is_readonly else 0)
        row = Row(file.version, file.created_ns, file.updated_ns, None, serial=file.serial, flags=flags)
        self._entries.rows.put(self._entries.name(file.path), row, content)
        self._count(0 if old else 1, file.size_bytes - (old.size_bytes if old else 0))

    @override
    def encoding(self, file: FileInfo) -> Encoding:
        return "text" if self._row(file.path).flags & TEXT else "base64"

    @override
    def append(self, file: FileInfo, old: FileInfo, content: str | bytes, encoding: Encoding) -> None:
        row, more = self._row(old.path), content_bytes(content, encoding)
        new = Row(file.version, file.created_ns, file.updated_ns, None, serial=file.serial, flags=row.flags)
        self._entries.rows.append(self._entries.name(file.path), new, row, more)
        self._count(0, len(more))

    @override
    def put_copy(self, copy: FileInfo, source: FileInfo, old: FileInfo | None) -> None:
        """Contents are not copied, but shared."""
        row = self._entries.rows.shared(self._entries.name(source.path), self._row(source.path))
        row = msgspec.structs.replace(
            row, version=copy.version, created_ns=copy.created_ns, updated_ns=copy.updated_ns,
            serial=copy.serial, flags=row.flags & ~READONLY, name=None,
        )  # fmt: skip
        self._entries.rows.put_shared(self._entries.name(copy.path), row)
        self._count(0 if old else 1, copy.size_bytes - (old.size_bytes if old else 0))

    @override
    def restamp(self, entry: FileInfo, old: FileInfo) -> None:
        row = self._row(old.path)
        new = msgspec.structs.replace(row, created_ns=entry.created_ns, updated_ns=entry.updated_ns)
        self._entries.rows.put_row(self._entries.name(entry.path), new, row)

    @override
    def remove(self, entry: FileInfo) -> None:
        self._entries.rows.remove(self._entries.name(entry.path))
        self._count(-1, -entry.size_bytes)

    @override
    def move(self, entry: FileInfo, destination: str, old: FileInfo | None) -> FileInfo:
        """Rows go, and contents stay where they are."""
        taken = [(entry.path, self._row(entry.path))]
        if entry.is_directory:
            taken += self._entries.below(entry.path)
        if old is not None:
            self.remove(old)
        for path, row in taken:
            self._entries.rows.remove_row(self._entries.name(path), row)
        moved = [
            self._put_moved(self._entries.info(path, row), destination + path[len(entry.path) :], row)
            for path, row in taken
        ]
        return moved[0]

    def _put_moved(self, entry: FileInfo, path: str, row: Row) -> FileInfo:
        moved = self.moved_to(entry, path)
        row = msgspec.structs.replace(row, version=moved.version, updated_ns=moved.updated_ns)
        self._entries.rows.put_row(self._entries.name(path), row, None)
        return moved

    def _count(self, more: int, more_bytes: int) -> None:
        self._more += more
        self._more_bytes += more_bytes
