"""Changing a session's tree, within a transaction of the writer's."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

import msgspec

from everstore.clock import now_ns
from everstore.content import append_content, content_bytes, replace_text, require_text
from everstore.errors import (
    DataDamagedError,
    ParentNotDirectoryError,
    PathExistsError,
    PathIsDirectoryError,
    PathNotFoundError,
    ReadOnlyFileError,
    RevisionConflictError,
)
from everstore.models import FileInfo, SessionFile, root_of
from everstore.paths import parent_of, parents_of, require_room
from everstore_sqlite.failures import code_of
from everstore_sqlite.rows import (
    BELOW,
    ENTRY,
    KEY,
    below,
    content_at,
    is_sound,
    no_entry,
    require_entry,
    split,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from uuid import UUID

    from everstore.models import Encoding, InitialFile
    from everstore.settings import Limits
    from everstore_sqlite.writer import Transaction

__all__ = ["Tree"]

_GET = f"SELECT {ENTRY} FROM entries WHERE {KEY}"  # noqa: S608 - all SQL here is made of constants
# For where a text that is no UTF-8 is in the way.
_NUMBERS = ", ".join(f"iif(typeof({column}) = 'integer', {column}, NULL)" for column in ENTRY.split(", "))
_GET_NUMBERS = f"SELECT {_NUMBERS} FROM entries WHERE {KEY}"  # noqa: S608
_INSERT = f"INSERT INTO entries (session, parent, name, {ENTRY}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608
_REPLACE = f"UPDATE entries SET version = ?, updated = ?, size = ?, is_readonly = ? WHERE {KEY}"  # noqa: S608
_CONTENT = "SELECT is_text, iif(typeof(data) = 'blob', data, NULL) FROM contents WHERE serial = ?"
_PUT_CONTENT = "INSERT INTO contents (serial, is_text, data) VALUES (?, ?, ?)"
_SET_CONTENT = "UPDATE contents SET is_text = ?, data = ? WHERE serial = ?"
# A row that was lost; the search index may still have work noted for it, which is replaced, too.
_RESTORE_CONTENT = "INSERT OR REPLACE INTO contents (serial, is_text, data) VALUES (?, ?, ?)"
_COPY_CONTENT = """
    INSERT INTO contents SELECT ?, is_text, data FROM contents
    WHERE serial = ? AND length(data) = ? AND typeof(data) = 'blob' AND is_text IN (0, 1)
"""
_MOVE = f"UPDATE entries SET parent = ?, name = ?, version = ?, updated = ? WHERE {KEY}"  # noqa: S608
_MOVE_BELOW = f"""
    UPDATE entries SET parent = ? || substr(parent, ?), version = ?, updated = max(?, updated + 1000)
    WHERE {BELOW}
"""  # noqa: S608
_SUM_BELOW = f"""
    SELECT count(*), count(*) - sum(is_directory), sum(size), sum(is_readonly) FROM entries WHERE {BELOW}
"""  # noqa: S608
_DELETE_BELOW = f"DELETE FROM entries WHERE {BELOW}"  # noqa: S608
_DELETE_CONTENTS_BELOW = f"""
    DELETE FROM contents WHERE serial IN (SELECT serial FROM entries WHERE {BELOW} AND NOT is_directory)
"""  # noqa: S608
_READONLY_BELOW = f"SELECT min(parent || name) FROM entries WHERE {BELOW} AND is_readonly"  # noqa: S608
_LONGEST_BELOW = f"""
    SELECT parent || name FROM entries WHERE {BELOW}
    ORDER BY length(CAST(parent AS BLOB)) + length(CAST(name AS BLOB)) DESC LIMIT 1
"""  # noqa: S608
_ANY_BELOW = f"SELECT 1 FROM entries WHERE {BELOW} LIMIT 1"  # noqa: S608
_HEAL = f"UPDATE entries SET ({ENTRY}) = (?, ?, ?, ?, ?, ?, ?) WHERE {KEY}"  # noqa: S608
_DELETE = f"DELETE FROM entries WHERE {KEY}"  # noqa: S608
_SUBTREE = f"SELECT parent, name, {ENTRY} FROM entries WHERE {BELOW} ORDER BY parent, name"  # noqa: S608


class _Entry(msgspec.Struct, frozen=True, gc=False):
    """A row of ``entries`` without its place: the columns of ``ENTRY``."""

    version: int
    created: int
    updated: int
    serial: int
    size: int
    is_readonly: int
    is_directory: int


class Tree:
    """One session's tree within one transaction."""

    def __init__(self, transaction: Transaction, session_id: UUID, limits: Limits) -> None:
        """Made for one call."""
        self._transaction = transaction
        self._execute = transaction.execute
        self._id = session_id
        self._key = session_id.bytes
        self._limits = limits
        self._is_limited = limits.bounds_files or limits.file_bytes is not None
        self._directories = transaction.directories
        self._missing: list[str] = []  # above the path to be made, nearest the root last

    # -- the verbs ---------------------------------------------------------------------------------

    def write(
        self,
        path: str,
        content: str,
        encoding: Encoding,
        *,
        if_revision: str | None = None,
        if_absent: bool = False,
    ) -> SessionFile:
        """``write_file``."""
        old = self._writable(path, heal=True)
        if if_absent or if_revision is not None:
            current = None if old is None else format(old.version, "x")
            if current != if_revision:
                raise RevisionConflictError.found(path, if_revision, current)
        return self._store(path, old, content, encoding)

    def write_if_matches(
        self, path: str, expected: tuple[str, Encoding], content: str, encoding: Encoding
    ) -> SessionFile | None:
        """``write_file_if_content_matches``."""
        old = self._get(path)
        if old is None or old.is_directory or self._content(path, old) != expected:
            return None
        return self._store(path, self._writable(path), content, encoding)

    def seed(self, file: InitialFile) -> SessionFile:
        """``seed_initial_file``."""
        old = self._get(file.path, heal=True)
        if old is None:
            self._require_parents(file.path)
        elif old.is_directory:
            raise PathIsDirectoryError.at(file.path)
        return self._store(file.path, old, file.content, file.encoding, is_readonly=file.is_readonly)

    def edit(self, path: str, old: str, new: str, *, replace_all: bool) -> SessionFile:
        """``edit_file``."""
        entry = self._writable(path)
        if entry is None:
            raise PathNotFoundError.at(path)
        text = require_text(self._file(path, entry))
        return self._store(path, entry, replace_text(path, text, old, new, replace_all=replace_all), "text")

    def append(self, path: str, content: str, encoding: Encoding) -> SessionFile:
        """``append_file``."""
        old = self._writable(path)
        if old is not None:
            content = append_content(self._file(path, old), content, encoding)
        return self._store(path, old, content, encoding)

    def create_directory(self, path: str) -> FileInfo:
        """``create_directory``."""
        if path == "/":
            return root_of(self._id).info()
        entry = self._get(path)
        if entry is None:
            self._require_parents(path)
            if self._is_limited:
                self._require_room(path, 1 + len(self._missing), 0)
            self._make_parents()
            entry = self._make_directory(path)
        if not entry.is_directory:
            raise PathExistsError.at(path)
        return self._info(path, entry)

    def delete(self, path: str, *, recursive: bool) -> bool:
        """``delete_file``."""
        entry = None if path == "/" else self._get(path, heal=True)
        if entry is None or entry.is_readonly:
            return False
        if entry.is_directory and not self._empty(path, recursive=recursive):
            return False
        self._remove(path, entry)
        return True

    def copy(self, source: str, destination: str, *, overwrite: bool) -> FileInfo:
        """``copy_file``."""
        entry, target = self._ends(source, destination, overwrite=overwrite, move=False)
        members = self._members(source, entry)
        sizes = [member.size for _, member in members if not member.is_directory]
        if self._is_limited:
            more = 0 if target else len(members) + len(self._missing)
            more_bytes = sum(sizes) - (target.size if target else 0)
            self._require_room(destination, more, more_bytes, max(sizes, default=0))
        if target is not None:
            self._remove(destination, target)
        self._make_parents()
        copies = [self._copied(path, destination + path[len(source) :], member) for path, member in members]
        self._count(files=len(sizes), size=sum(sizes), directories=len(members) - len(sizes))
        return self._info(destination, copies[0])

    def move(self, source: str, destination: str, *, overwrite: bool) -> FileInfo:
        """``move_file``."""
        entry, target = self._ends(source, destination, overwrite=overwrite, move=True)
        if self._is_limited:
            self._require_room(destination, len(self._missing), 0)
        if target is not None:
            self._remove(destination, target)
        self._make_parents()
        moved = msgspec.structs.replace(
            entry, version=self._transaction.version(), updated=_after(entry.updated), is_readonly=0
        )
        self._directories.clear()
        place = split(destination)
        self._change(source, _MOVE, *place, moved.version, moved.updated, self._key, *split(source))
        if entry.is_directory:
            cut = (destination, len(source) + 1)
            self._execute(_MOVE_BELOW, (*cut, moved.version, moved.updated, *below(self._id, source)))
        return self._info(destination, moved)

    def purge(self) -> bool:
        """``purge_session``."""
        self._directories.clear()
        serials = self._transaction.usages.remove(self._key)
        self._execute("DELETE FROM contents WHERE serial >= ? AND serial < ?", (serials.start, serials.stop))
        return self._execute("DELETE FROM entries WHERE session = ?", (self._key,)).rowcount > 0

    # -- looking ------------------------------------------------------------------------------------

    def _get(self, path: str, *, heal: bool = False) -> _Entry | None:
        try:
            row = self._execute(_GET, (self._key, *split(path))).fetchone()
        except sqlite3.OperationalError as error:
            if not heal or code_of(error):
                raise
            row = self._execute(_GET_NUMBERS, (self._key, *split(path))).fetchone()
        if row is None:
            return None
        if heal and not is_sound(*row):
            return self._healed(path, _Entry(*row))
        require_entry(path, row)
        return _Entry(*row)

    def _healed(self, path: str, damaged: _Entry) -> _Entry:
        """An entry for a damaged one that is about to be replaced or deleted; what is sound is kept."""
        now = now_ns()
        entry = _Entry(self._transaction.version(), now, now, self._count(serials=1), 0, 0, 0)
        if self._execute(_ANY_BELOW, below(self._id, path)).fetchone():
            entry = msgspec.structs.replace(entry, is_directory=1)
        for field in _Entry.__struct_fields__:
            kept = msgspec.structs.replace(entry, **{field: getattr(damaged, field)})
            entry = kept if is_sound(*msgspec.structs.astuple(kept)) else entry
        self._change(path, _HEAL, *msgspec.structs.astuple(entry), self._key, *split(path))
        self._transaction.usages.recount(self._key)
        return entry

    def _content(self, path: str, entry: _Entry) -> tuple[str, Encoding]:
        row = self._execute(_CONTENT, (entry.serial,)).fetchone() or (None, None)
        return content_at(path, entry.size, *row)

    def _file(self, path: str, entry: _Entry) -> SessionFile:
        return SessionFile(
            entry.version, entry.created, entry.updated, self._id, path, entry.serial, entry.size,
            bool(entry.is_readonly), *self._content(path, entry),
        )  # fmt: skip

    def _info(self, path: str, entry: _Entry) -> FileInfo:
        return FileInfo(
            entry.version, entry.created, entry.updated, self._id, path, entry.serial, entry.size,
            bool(entry.is_readonly), bool(entry.is_directory),
        )  # fmt: skip

    def _writable(self, path: str, *, heal: bool = False) -> _Entry | None:
        """The file at the path, if any, once the tree's rules allow a write there."""
        entry = self._get(path, heal=heal)
        if entry is None:
            self._require_parents(path)
        elif entry.is_directory:
            raise PathIsDirectoryError.at(path)
        elif entry.is_readonly:
            raise ReadOnlyFileError.at(path)
        return entry

    def _require_parents(self, path: str) -> None:
        """Refuse a path that leads through a file, and note which directories above it are missing."""
        if (self._key, parent_of(path)) in self._directories:
            return
        parents = parents_of(path)
        while parents:
            entry = self._get(parents[-1])
            if entry is not None and entry.is_directory:
                self._directories.add((self._key, parents[-1]))
                return  # what is above a directory is one, too
            if entry is not None:
                raise ParentNotDirectoryError.through(path, parents[-1])
            self._missing.append(parents.pop())

    def _members(self, path: str, entry: _Entry) -> list[tuple[str, _Entry]]:
        """An entry and everything below it, each with its path, the entry itself first."""
        members = [(path, entry)]
        if entry.is_directory:
            rows = self._execute(_SUBTREE, below(self._id, path))
            for parent, name, *row in rows:
                if not type(parent) is type(name) is str:
                    raise no_entry(path)
                require_entry(parent + name, row)
                members.append((parent + name, _Entry(*row)))
        return members

    def _ends(
        self, source: str, destination: str, *, overwrite: bool, move: bool
    ) -> tuple[_Entry, _Entry | None]:
        """What is at both ends of a copy or move, once the tree's rules allow it."""
        entry = self._get(source)
        if entry is None:
            raise PathNotFoundError.at(source)
        target = self._get(destination)
        if target is None:
            self._require_parents(destination)
        elif target.is_directory and not entry.is_directory:
            raise PathIsDirectoryError.at(destination)
        if move:
            self._require_no_readonly(source, entry)
        if target is not None and target.is_readonly and overwrite and not entry.is_directory:
            raise ReadOnlyFileError.at(destination)
        if target is not None and (entry.is_directory or not overwrite):
            raise PathExistsError.at(destination)
        require_room(source, destination, self._longest_below(source) if entry.is_directory else ())
        return entry, target

    def _longest_below(self, path: str) -> Iterator[str]:
        """The longest path below a directory, if any; looked for when it is asked for."""
        for (found,) in self._execute(_LONGEST_BELOW, below(self._id, path)):
            yield found

    def _require_no_readonly(self, path: str, entry: _Entry) -> None:
        found: str | None = path if entry.is_readonly else None
        if entry.is_directory:
            (found,) = self._execute(_READONLY_BELOW, below(self._id, path)).fetchone()
        if found is not None:
            raise ReadOnlyFileError.at(found)

    # -- changing -----------------------------------------------------------------------------------

    def _store(
        self, path: str, old: _Entry | None, content: str, encoding: Encoding, *, is_readonly: bool = False
    ) -> SessionFile:
        """Put a file in place of ``old``; the tree's rules were checked."""
        data = content_bytes(content, encoding)
        size = len(data)
        if self._is_limited:
            more = 0 if old else 1 + len(self._missing)
            self._require_room(path, more, size - (old.size if old else 0), size)
        parent, name = split(path)
        is_text = encoding == "text"
        if old is None:
            self._make_parents()
            serial = self._count(serials=1, files=1, size=size)
            version = self._transaction.version()
            created = updated = now_ns()
            row = (self._key, parent, name, version, created, updated, serial, size, is_readonly, False)
            self._execute(_INSERT, row)
            self._execute(_PUT_CONTENT, (serial, is_text, data))
        else:
            serial, created = old.serial, old.created
            version = self._transaction.version()
            updated = _after(old.updated)
            self._change(path, _REPLACE, version, updated, size, is_readonly, self._key, parent, name)
            if not self._execute(_SET_CONTENT, (is_text, data, serial)).rowcount:
                self._execute(_RESTORE_CONTENT, (serial, is_text, data))
            if size != old.size:
                self._count(size=size - old.size)
        return SessionFile(
            version, created, updated, self._id, path, serial, size, is_readonly, content, encoding
        )

    def _make_parents(self) -> None:
        """Create the directories that are missing above the path of this call."""
        while self._missing:
            self._make_directory(self._missing.pop())

    def _make_directory(self, path: str) -> _Entry:
        now = now_ns()
        entry = _Entry(self._transaction.version(), now, now, self._count(serials=1, directories=1), 0, 0, 1)
        self._insert(path, entry)
        self._directories.add((self._key, path))
        return entry

    def _insert(self, path: str, entry: _Entry) -> None:
        self._execute(_INSERT, (self._key, *split(path), *msgspec.structs.astuple(entry)))

    def _copied(self, source: str, path: str, entry: _Entry) -> _Entry:
        now = now_ns()
        serial = self._count(serials=1)
        copy = _Entry(self._transaction.version(), now, now, serial, entry.size, 0, entry.is_directory)
        self._insert(path, copy)
        if not entry.is_directory:
            content = (serial, entry.serial, entry.size)
            if not self._execute(_COPY_CONTENT, content).rowcount:
                self._content(source, entry)  # tells what is wrong with it
        return copy

    def _empty(self, path: str, *, recursive: bool) -> bool:
        """Remove what is below a directory, if that may be; whether there is nothing (left)."""
        range_ = below(self._id, path)
        entries, files, size, readonly = self._execute(_SUM_BELOW, range_).fetchone()
        if not entries:
            return True
        if not recursive or readonly:
            return False
        self._directories.clear()
        self._execute(_DELETE_CONTENTS_BELOW, range_)
        self._execute(_DELETE_BELOW, range_)
        if type(files) is type(size) is int:
            self._count(files=-files, size=-size, directories=files - entries)
        else:  # a damaged entry was among them
            self._transaction.usages.recount(self._key)
        return True

    def _remove(self, path: str, entry: _Entry) -> None:
        """Remove a file or an empty directory."""
        self._directories.clear()
        self._change(path, _DELETE, self._key, *split(path))
        if not entry.is_directory:
            self._execute("DELETE FROM contents WHERE serial = ?", (entry.serial,))
            self._count(files=-1, size=-entry.size)
        else:
            self._count(directories=-1)

    def _change(self, path: str, statement: str, *arguments: object) -> None:
        """Change the one entry at a path, which was found there before; nothing less is acknowledged."""
        if self._execute(statement, arguments).rowcount != 1:
            raise DataDamagedError.found(path, "its entry cannot be found again", path=path)

    def _count(self, *, serials: int = 0, files: int = 0, size: int = 0, directories: int = 0) -> int:
        """Count what was added to the tree (or taken, below 0); the last serial that a new entry got."""
        return self._transaction.usages.count(
            self._key, serials=serials, files=files, size=size, directories=directories
        )

    def _require_room(self, path: str, more: int, more_bytes: int, file_bytes: int = 0) -> None:
        """Refuse what is over a limit: so many entries and bytes more, and a file of so many bytes."""
        limits = self._limits
        entries = size = 0
        if limits.bounds_files:
            usage = self._transaction.usages.get(self._key)
            entries, size = (usage.files + usage.directories, usage.bytes) if usage else (0, 0)
        limits.require(
            path,
            file_bytes=(0, file_bytes),
            session_entries=(entries, more),
            session_bytes=(size, more_bytes),
        )


def _after(updated: int) -> int:
    """Now, and in any case a microsecond later than the last change: a clock may be set back."""
    return max(now_ns(), updated + 1000)
