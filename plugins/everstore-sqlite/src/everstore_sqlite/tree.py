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
from everstore_sqlite import own_limits, storing
from everstore_sqlite.contents import INLINE_BYTES, is_in_chunks, require_size, whole_of
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
from everstore_sqlite.shares import share

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from uuid import UUID

    from msgspec import UnsetType

    from everstore.models import Encoding
    from everstore.settings import Limits
    from everstore_sqlite.writer import Transaction

__all__ = ["SqliteTree"]

_GET = f"SELECT {ENTRY}, content FROM entries WHERE {KEY}"  # noqa: S608 - all SQL here is made of constants
# For where a text that is no UTF-8 is in the way. What is no number is one that no content has.
_NUMBERS = ", ".join(f"iif(typeof({column}) = 'integer', {column}, NULL)" for column in ENTRY.split(", "))
_GET_NUMBERS = f"""
    SELECT {_NUMBERS}, iif(typeof(content) IN ('integer', 'null'), content, '') FROM entries WHERE {KEY}
"""  # noqa: S608 - made of constants
_INSERT = f"""
    INSERT INTO entries (session, parent, name, {ENTRY}, content, digest)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""  # noqa: S608 - made of constants
_REPLACE = f"""
    UPDATE entries SET version = ?, updated = ?, size = ?, is_readonly = ?, digest = NULL WHERE {KEY}
"""  # noqa: S608 - made of constants
_REPLACE_CONTENT = f"""
    UPDATE entries SET version = ?, updated = ?, size = ?, is_readonly = ?, content = ?, digest = ?
    WHERE {KEY}
"""  # noqa: S608 - made of constants
_CONTENT = "SELECT is_text, iif(typeof(data) = 'blob', data, NULL) FROM contents WHERE serial = ?"
_HEAD = "SELECT is_text, typeof(data), length(data) FROM contents WHERE serial = ?"
_DIGEST = f"SELECT iif(typeof(digest) = 'blob', digest, NULL) FROM entries WHERE {KEY}"  # noqa: S608 - made of constants
_SHARED_BELOW = f"SELECT serial, content FROM entries WHERE {BELOW} AND content IS NOT NULL"  # noqa: S608 - made of constants
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
_LONGEST_BELOW = f"""
    SELECT parent || name FROM entries WHERE {BELOW}
    ORDER BY length(CAST(parent AS BLOB)) + length(CAST(name AS BLOB)) DESC, parent || name LIMIT 1
"""  # noqa: S608 - made of constants
_ANY_BELOW = f"SELECT 1 FROM entries WHERE {BELOW} LIMIT 1"  # noqa: S608 - made of constants
_HEAL = f"UPDATE entries SET ({ENTRY}, content) = (?, ?, ?, ?, ?, ?, ?, ?) WHERE {KEY}"  # noqa: S608 - made of constants
_RESTAMP = f"UPDATE entries SET created = ?, updated = ? WHERE {KEY}"  # noqa: S608 - made of constants
_DELETE = f"DELETE FROM entries WHERE {KEY}"  # noqa: S608 - made of constants
_SUBTREE = f"{SUBTREE} ORDER BY parent, name"


class SqliteTree(Tree[FileInfo]):
    """One session's tree within one transaction; made for one call."""

    __slots__ = (
        "_connection",
        "_contents",
        "_directories",
        "_execute",
        "_key",
        "_limits",
        "_read_before",
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
        self._connection = transaction.connection
        self._contents: dict[int, int] = {}
        """The number of the content of each entry looked at that has another than its own serial's."""
        self._read_before: tuple[int, str | bytes, Encoding] | None = None
        """The serial of a file whose encoding was asked for, and its content, which came with it."""
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

    def _content(self, entry: FileInfo) -> int:
        """The number of the content of an entry that was looked at."""
        return self._contents.get(entry.serial, entry.serial)

    def _new_number(self) -> int:
        """A number for a content or a chunk: one that no entry's serial is."""
        return self._usages.new_serial(self._key)

    def _entry(
        self, path: str, version: int, created: int, updated: int, serial: int, size: int,
        is_readonly: int, is_directory: int, content: int | None,
    ) -> FileInfo:  # fmt: skip
        """The columns of ``_GET`` as a record."""
        if content is not None:
            self._contents[serial] = content
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

    def _healed(self, path: str, row: Sequence[Any]) -> tuple[Any, ...]:
        """The columns of ``_GET`` for a damaged entry that is about to be replaced or deleted.

        What is sound is kept. A content that cannot be told is one that nobody has: the serial's own may be
        another entry's.
        """
        *damaged, content = row
        now, version = now_ns(), self.next_version()
        columns = [version, now, now, self.new_serial(version), 0, 0, 0]
        columns[-1] = int(self.has_below(path))
        for place, value in enumerate(damaged):
            kept = [*columns[:place], value, *columns[place + 1 :]]
            columns = kept if is_sound(*kept) else columns
        number = content if content is None or type(content) is int else self._new_number()
        self._change(path, _HEAL, *columns, number, self._key, *split(path))
        self._usages.recount(self._key)
        return (*columns, number)

    @override
    def read(self, entry: FileInfo) -> SessionFile:
        content, encoding = self._read(entry)
        return file_of(
            entry.version, entry.created_ns, entry.updated_ns, entry.session_id, entry.path, entry.serial,
            entry.size_bytes, entry.is_readonly, content, encoding,
        )  # fmt: skip

    def _read(self, entry: FileInfo) -> tuple[str | bytes, Encoding]:
        before, self._read_before = self._read_before, None
        if before is not None and before[0] == entry.serial:
            return before[1:]
        number = self._content(entry)
        is_text, data = self._execute(_CONTENT, (number,)).fetchone() or (None, None)
        if is_in_chunks(entry.size_bytes, data):
            data = whole_of(self._connection, entry.path, number, entry.size_bytes)
        return content_at(entry.path, entry.size_bytes, is_text, data)

    @override
    def encoding(self, file: FileInfo) -> Encoding:
        if file.size_bytes > INLINE_BYTES:
            return self._told_encoding(file)
        content, encoding = self._read(file)
        self._read_before = file.serial, content, encoding  # whoever asks is about to append to it
        return encoding

    def _told_encoding(self, file: FileInfo) -> Encoding:
        """The encoding alone; the content is not read unless something is wrong with it."""
        is_text, kind, length = self._head(file)
        in_chunks = length == 0 and file.size_bytes > INLINE_BYTES
        if is_text in {0, 1} and kind == "blob" and (in_chunks or length == file.size_bytes):
            return "text" if is_text else "base64"
        return self._read(file)[1]  # tells what is wrong with it

    def _head(self, file: FileInfo) -> tuple[Any, Any, Any]:
        """Whether a content is text, its type in SQLite and its length; all ``None`` where it is missing."""
        row: tuple[Any, Any, Any] | None = self._execute(_HEAD, (self._content(file),)).fetchone()
        return (None, None, None) if row is None else row

    def _is_in_chunks(self, file: FileInfo) -> bool:
        return file.size_bytes > INLINE_BYTES and self._head(file)[2] == 0

    @override
    def below(self, path: str) -> list[FileInfo]:
        rows = self._execute(_SUBTREE, below(self.session_id, path)).fetchall()
        if None in map(itemgetter(0), rows):
            raise no_entry(path)
        for serial, content in self._execute(_SHARED_BELOW, below(self.session_id, path)).fetchall():
            if type(content) is not int:
                raise no_entry(path)
            self._contents[serial] = content
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
        if file.kept is None:
            self._insert(file, None, None, is_directory=True)
            return
        data, is_text = content_bytes(file.kept, file.encoding), file.encoding == "text"
        if old is not None and old.serial == file.serial:
            number, size = self._content(old), old.size_bytes
            written = storing.replace(self._connection, number, size, data, self._new_number, is_text=is_text)
            self._replace(file, old, *written)
            return
        if old is not None:
            self.remove(old)
        digest = storing.put(self._connection, file.serial, data, self._new_number, is_text=is_text)
        self._insert(file, None, digest, is_directory=False)

    @override
    def append(self, file: FileInfo, old: FileInfo, content: str | bytes, encoding: Encoding) -> None:
        if not self._is_in_chunks(old):
            super().append(file, old, content, encoding)
            return
        self._sums = None
        number, more = self._content(old), content_bytes(content, encoding)
        written = storing.append(
            self._connection, old.path, number, old.size_bytes, more, self._new_number,
            is_text=encoding == "text",
        )  # fmt: skip
        self._replace(file, old, *written)

    def _replace(
        self, file: SessionFile | FileInfo, old: FileInfo, number: int, digest: bytes | None
    ) -> None:
        """Change an entry, whose content is changed already."""
        place = (self._key, *split(file.path))
        columns = (file.version, file.updated_ns, file.size_bytes, file.is_readonly)
        if digest is None and number == self._content(old):
            self._change(file.path, _REPLACE, *columns, *place)
        else:
            content = None if number == file.serial else number
            self._change(file.path, _REPLACE_CONTENT, *columns, content, digest, *place)
            if content is not None:
                self._contents[file.serial] = content
        if file.size_bytes != old.size_bytes:
            self._usages.count(self._key, 0, file.size_bytes - old.size_bytes)

    def _insert(
        self, entry: SessionFile | FileInfo, content: int | None, digest: bytes | None, *, is_directory: bool
    ) -> None:
        self._execute(_INSERT, (
            self._key, *split(entry.path), entry.version, entry.created_ns, entry.updated_ns, entry.serial,
            entry.size_bytes, entry.is_readonly, is_directory, content, digest,
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
        if copy.is_directory:
            self._insert(copy, None, None, is_directory=True)
            return
        self._told_encoding(source)  # or damage would be copied, and not be told
        number = self._content(source)
        if self._is_in_chunks(source):
            require_size(self._connection, source.path, number, source.size_bytes)
        share(self._connection, number)
        self._contents[copy.serial] = number
        (digest,) = self._execute(_DIGEST, (self._key, *split(source.path))).fetchone()
        self._insert(copy, number, digest, is_directory=False)

    @override
    def restamp(self, entry: FileInfo, old: FileInfo) -> None:
        times = entry.created_ns, entry.updated_ns
        self._change(old.path, _RESTAMP, *times, self._key, *split(old.path))

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
        storing.free_all(self._connection, BELOW, range_)
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
            storing.free(self._connection, self._content(entry), entry.size_bytes)
            self._usages.count(self._key, -1, -entry.size_bytes)

    def purge(self) -> bool:
        """Remove everything; whether there was anything."""
        self._forget()
        own_limits.forget(self._transaction, own_limits.FILES, self.session_id)
        self._usages.remove(self._key)
        storing.free_all(self._connection, "session = ?", (self._key,))
        return self._execute("DELETE FROM entries WHERE session = ?", (self._key,)).rowcount > 0

    def _forget(self) -> None:
        """Something is taken away: what is known of what is there does not hold any more."""
        self._directories.clear()
        self._sums = None

    def _change(self, path: str, statement: str, *arguments: object) -> None:
        """Change the one entry at a path, which was found there before; nothing less is acknowledged."""
        if self._execute(statement, arguments).rowcount != 1:
            raise DataDamagedError.found(path, "its entry cannot be found again", path=path)
