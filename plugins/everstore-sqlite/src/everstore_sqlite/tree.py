"""A session's files as the rules see them, within a transaction of the writer's."""

from __future__ import annotations

import sqlite3
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from msgspec import UNSET

from everstore.clock import now_ns
from everstore.compat import override
from everstore.content import content_bytes
from everstore.errors import DataDamagedError
from everstore.models import FileInfo, SessionFile, file_of
from everstore.rules import Tree
from everstore_sqlite import own_limits
from everstore_sqlite.failures import code_of
from everstore_sqlite.rows import (
    BELOW,
    ENTRY,
    KEY,
    SUBTREE,
    below,
    content_at,
    infos,
    is_sound,
    no_entry,
    require_entry,
    split,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from uuid import UUID

    from msgspec import UnsetType

    from everstore.settings import Limits
    from everstore_sqlite.writer import Transaction

__all__ = ["SqliteTree"]

_GET = f"SELECT {ENTRY} FROM entries WHERE {KEY}"  # noqa: S608 - all SQL here is made of constants
# For where a text that is no UTF-8 is in the way.
_NUMBERS = ", ".join(f"iif(typeof({column}) = 'integer', {column}, NULL)" for column in ENTRY.split(", "))
_GET_NUMBERS = f"SELECT {_NUMBERS} FROM entries WHERE {KEY}"  # noqa: S608 - made of constants
_INSERT = f"INSERT INTO entries (session, parent, name, {ENTRY}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608 - made of constants
_REPLACE = f"UPDATE entries SET version = ?, updated = ?, size = ?, is_readonly = ? WHERE {KEY}"  # noqa: S608 - made of constants
_CONTENT = "SELECT is_text, iif(typeof(data) = 'blob', data, NULL) FROM contents WHERE serial = ?"
_PUT_CONTENT = "INSERT INTO contents (serial, is_text, data) VALUES (?, ?, ?)"
_SET_CONTENT = "UPDATE contents SET is_text = ?, data = ? WHERE serial = ?"
# A row that was lost; the search index may still have work noted for it, which is replaced, too.
_RESTORE_CONTENT = "INSERT OR REPLACE INTO contents (serial, is_text, data) VALUES (?, ?, ?)"
_COPY_CONTENT = """
    INSERT INTO contents SELECT ?, is_text, data FROM contents
    WHERE serial = ? AND length(data) = ? AND typeof(data) = 'blob' AND is_text IN (0, 1)
"""
_MOVE = f"UPDATE entries SET parent = ?, name = ?, version = ?, updated = ? WHERE {KEY}"  # noqa: S608 - made of constants
_MOVE_BELOW = f"""
    UPDATE entries SET parent = ? || substr(parent, ?), version = ?, updated = max(?, updated + 1000)
    WHERE {BELOW}
"""  # noqa: S608 - made of constants
_SUM_BELOW = f"""
    SELECT count(*), count(*) - sum(is_directory), sum(size), min(iif(is_readonly, parent || name, NULL))
    FROM entries WHERE {BELOW}
"""  # noqa: S608 - made of constants
_DELETE_BELOW = f"DELETE FROM entries WHERE {BELOW}"  # noqa: S608 - made of constants
_DELETE_CONTENTS_BELOW = f"""
    DELETE FROM contents WHERE serial IN (SELECT serial FROM entries WHERE {BELOW} AND NOT is_directory)
"""  # noqa: S608 - made of constants
_LONGEST_BELOW = f"""
    SELECT parent || name FROM entries WHERE {BELOW}
    ORDER BY length(CAST(parent AS BLOB)) + length(CAST(name AS BLOB)) DESC, parent || name LIMIT 1
"""  # noqa: S608 - made of constants
_ANY_BELOW = f"SELECT 1 FROM entries WHERE {BELOW} LIMIT 1"  # noqa: S608 - made of constants
_HEAL = f"UPDATE entries SET ({ENTRY}) = (?, ?, ?, ?, ?, ?, ?) WHERE {KEY}"  # noqa: S608 - made of constants
_DELETE = f"DELETE FROM entries WHERE {KEY}"  # noqa: S608 - made of constants
_SUBTREE = f"{SUBTREE} ORDER BY parent, name"


class SqliteTree(Tree[FileInfo]):
    """One session's tree within one transaction; made for one call."""

    __slots__ = (
        "_directories",
        "_execute",
        "_key",
        "_limits",
        "_store_limits",
        "_sums",
        "_transaction",
        "_usages",
        "session_id",
    )

    def __init__(self, transaction: Transaction, session_id: UUID, limits: Limits) -> None:
        """``limits`` are the store's."""
        self.session_id = session_id
        self._store_limits = limits
        self._limits: Limits | UnsetType | None = UNSET
        self._transaction = transaction
        self._execute = transaction.execute
        self._key = session_id.bytes
        self._usages = transaction.usages
        self._directories = transaction.directories
        self._sums: tuple[str, tuple[int, int, int, str | None]] | None = None

    # -- looking ------------------------------------------------------------------------------------

    @property
    @override
    def limits(self) -> Limits | None:  # type: ignore[override]
        """Looked up where they are asked for: what makes nothing grow does not pay for them."""
        if self._limits is UNSET:
            own = self._transaction.own_limits.look(own_limits.FILES, self.session_id)
            self._limits = self._store_limits.of_files_with(own)
        return self._limits

    @override
    def get(self, path: str, /) -> FileInfo | None:
        row = self._execute(_GET, (self._key, *split(path))).fetchone()
        if row is None:
            return None
        require_entry(path, row)
        return self._entry(path, *row)

    @override
    def get_to_replace(self, path: str, /) -> FileInfo | None:
        try:
            row = self._execute(_GET, (self._key, *split(path))).fetchone()
        except sqlite3.OperationalError as error:
            if code_of(error):
                raise
            row = self._execute(_GET_NUMBERS, (self._key, *split(path))).fetchone()
        if row is None:
            return None
        return self._entry(path, *(row if is_sound(*row) else self._healed(path, row)))

    def _entry(
        self, path: str, version: int, created: int, updated: int, serial: int, size: int,
        is_readonly: int, is_directory: int,
    ) -> FileInfo:  # fmt: skip
        """The columns of ``ENTRY`` as a record."""
        return FileInfo(
            version,
            created,
            updated,
            self.session_id,
            path,
            serial,
            size,
            is_readonly == 1,
            is_directory == 1,
        )

    def _healed(self, path: str, damaged: tuple[Any, ...]) -> tuple[Any, ...]:
        """The columns for a damaged entry that is about to be replaced or deleted; what is sound is kept."""
        now, version = now_ns(), self.next_version()
        columns = [version, now, now, self.new_serial(version), 0, 0, 0]
        columns[-1] = int(self.has_below(path))
        for place, value in enumerate(damaged):
            kept = [*columns[:place], value, *columns[place + 1 :]]
            columns = kept if is_sound(*kept) else columns
        self._change(path, _HEAL, *columns, self._key, *split(path))
        self._usages.recount(self._key)
        return tuple(columns)

    @override
    def read(self, entry: FileInfo) -> SessionFile:
        row = self._execute(_CONTENT, (entry.serial,)).fetchone() or (None, None)
        return file_of(
            entry.version, entry.created_ns, entry.updated_ns, entry.session_id, entry.path, entry.serial,
            entry.size_bytes, entry.is_readonly, *content_at(entry.path, entry.size_bytes, *row),
        )  # fmt: skip

    @override
    def below(self, path: str) -> list[FileInfo]:
        rows = self._execute(_SUBTREE, below(self.session_id, path)).fetchall()
        if None in map(itemgetter(0), rows):
            raise no_entry(path)
        return infos(self.session_id, rows)

    @override
    def has_directory(self, path: str, /) -> bool:
        place = (self._key, path)
        if place not in self._directories:
            found = self.get(path)
            if found is None or not found.is_directory:
                return False
            self._directories.add(place)
        return True

    @override
    def has_below(self, path: str) -> bool:
        return self._execute(_ANY_BELOW, below(self.session_id, path)).fetchone() is not None

    @override
    def readonly_below(self, path: str) -> str | None:
        return self._sum_below(path)[-1]

    def _sum_below(self, path: str) -> tuple[int, int, int, str | None]:
        """Entries, files and bytes below a directory, and the first that is read-only; looked up once."""
        if self._sums is None or self._sums[0] != path:
            sums = self._execute(_SUM_BELOW, below(self.session_id, path)).fetchone()
            self._sums = path, sums
        return self._sums[1]

    @override
    def paths_below(self, path: str) -> Iterator[str]:
        for (longest,) in self._execute(_LONGEST_BELOW, below(self.session_id, path)):
            yield longest

    @override
    def usage(self) -> tuple[int, int]:
        usage = self._usages.get(self._key)
        return (usage.files + usage.directories, usage.bytes) if usage else (0, 0)

    # -- changing -----------------------------------------------------------------------------------

    @override
    def next_version(self) -> int:
        return self._transaction.version()

    @override
    def new_serial(self, version: int) -> int:
        del version
        return self._usages.new_serial(self._key)

    @override
    def put(self, file: SessionFile, old: FileInfo | None) -> None:
        self._sums = None
        if old is not None and old.serial == file.serial:
            self._replace(file, old)
            return
        if old is not None:
            self.remove(old)
        self._insert(file, is_directory=file.kept is None)
        if file.kept is not None:
            data = content_bytes(file.kept, file.encoding)
            self._execute(_PUT_CONTENT, (file.serial, file.encoding == "text", data))

    def _replace(self, file: SessionFile, old: FileInfo) -> None:
        data, is_text = content_bytes(file.kept or "", file.encoding), file.encoding == "text"
        columns = (file.version, file.updated_ns, file.size_bytes, file.is_readonly)
        self._change(file.path, _REPLACE, *columns, self._key, *split(file.path))
        if not self._execute(_SET_CONTENT, (is_text, data, file.serial)).rowcount:
            self._execute(_RESTORE_CONTENT, (file.serial, is_text, data))
        if file.size_bytes != old.size_bytes:
            self._usages.count(self._key, 0, file.size_bytes - old.size_bytes)

    def _insert(self, entry: SessionFile | FileInfo, *, is_directory: bool) -> None:
        self._execute(_INSERT, (
            self._key, *split(entry.path), entry.version, entry.created_ns, entry.updated_ns, entry.serial,
            entry.size_bytes, entry.is_readonly, is_directory,
        ))  # fmt: skip
        if is_directory:
            self._usages.count(self._key, 0, 0, 1)
            self._directories.add((self._key, entry.path))
        else:
            self._usages.count(self._key, 1, entry.size_bytes)

    @override
    def put_copy(self, copy: FileInfo, source: FileInfo, old: FileInfo | None) -> None:
        self._sums = None
        if old is not None:
            self.remove(old)
        self._insert(copy, is_directory=copy.is_directory)
        content = (copy.serial, source.serial, source.size_bytes)
        if not copy.is_directory and not self._execute(_COPY_CONTENT, content).rowcount:
            self.read(source)  # tells what is wrong with it

    @override
    def move(self, entry: FileInfo, destination: str, old: FileInfo | None) -> FileInfo:
        if old is not None:
            self.remove(old)
        source, moved = entry.path, self.moved_to(entry, destination)
        self._forget()
        place = (*split(destination), moved.version, moved.updated_ns)
        self._change(source, _MOVE, *place, self._key, *split(source))
        if entry.is_directory:
            cut = (destination, len(source) + 1)
            range_ = below(self.session_id, source)
            self._execute(_MOVE_BELOW, (*cut, moved.version, moved.updated_ns, *range_))
        return moved

    @override
    def remove_below(self, path: str) -> None:
        entries, files, size, _ = self._sum_below(path)
        self._forget()
        if not entries:
            return
        range_ = below(self.session_id, path)
        self._execute(_DELETE_CONTENTS_BELOW, range_)
        self._execute(_DELETE_BELOW, range_)
        if type(files) is type(size) is int:
            self._usages.count(self._key, -files, -size, files - entries)
        else:  # a damaged entry was among them
            self._usages.recount(self._key)

    @override
    def remove(self, entry: FileInfo) -> None:
        self._forget()
        self._change(entry.path, _DELETE, self._key, *split(entry.path))
        if entry.is_directory:
            self._usages.count(self._key, 0, 0, -1)
        else:
            self._execute("DELETE FROM contents WHERE serial = ?", (entry.serial,))
            self._usages.count(self._key, -1, -entry.size_bytes)

    def purge(self) -> bool:
        """Remove everything; whether there was anything."""
        self._forget()
        own_limits.forget(self._transaction, own_limits.FILES, self.session_id)
        serials = self._usages.remove(self._key)
        self._execute("DELETE FROM contents WHERE serial >= ? AND serial < ?", (serials.start, serials.stop))
        return self._execute("DELETE FROM entries WHERE session = ?", (self._key,)).rowcount > 0

    def _forget(self) -> None:
        """Something is taken away: what is known of what is there does not hold any more."""
        self._directories.clear()
        self._sums = None

    def _change(self, path: str, statement: str, *arguments: object) -> None:
        """Change the one entry at a path, which was found there before; nothing less is acknowledged."""
        if self._execute(statement, arguments).rowcount != 1:
            raise DataDamagedError.found(path, "its entry cannot be found again", path=path)
