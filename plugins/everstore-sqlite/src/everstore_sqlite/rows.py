"""Rows of ``entries`` as records, and the pieces of SQL that name them. What only reads is here.

SQLite lets any type into any column, and a disk lets anything into any page: what is read is looked at
before it is believed (contract §7.2.5).
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from itertools import takewhile
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from everstore.content import content_of
from everstore.errors import DataDamagedError
from everstore.models import FileInfo, FileStat, FileUsage, SessionFile, file_of, root_of, span_within
from everstore_sqlite.contents import CONTENT, INLINE_BYTES, is_in_chunks, range_of, whole_of
from everstore_sqlite.failures import code_of
from everstore_sqlite.readers import EVERYTHING, TOO_LARGE, TooLarge, snapshot

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from threading import Event
    from uuid import UUID

    from everstore.models import Encoding
    from everstore.trees import TreePage

__all__ = [
    "BELOW",
    "ENTRY",
    "KEY",
    "SUBTREE",
    "below",
    "content_at",
    "infos",
    "is_sound",
    "list_directory",
    "list_tree",
    "no_entry",
    "read_bytes",
    "read_file",
    "require_entry",
    "split",
    "stat_file",
    "usage",
]

ENTRY = "version, created, updated, serial, size, is_readonly, is_directory"
"""The columns of an entry that are neither its place nor its content."""

KEY = "session = ? AND parent = ? AND name = ?"
"""The place of one entry."""

BELOW = "session = ? AND parent >= ? AND parent < ?"
"""What lies below a directory, at any depth; ``below`` has its arguments."""

_ENTRY = ", ".join(f"entries.{column}" for column in ENTRY.split(", "))
_READ = f"""
    SELECT {_ENTRY}, is_text, iif(size <= ?, data, NULL)
    FROM entries LEFT JOIN contents ON contents.serial = ifnull(content, entries.serial) WHERE {KEY}
"""  # noqa: S608 - made of constants
_NUMBER = f"SELECT {CONTENT} FROM entries WHERE {KEY}"  # noqa: S608 - made of constants
_MEASURE = f"""
    SELECT {_ENTRY}, is_text, typeof(data), length(data), contents.serial
    FROM entries LEFT JOIN contents ON contents.serial = ifnull(content, entries.serial) WHERE {KEY}
"""  # noqa: S608 - made of constants
_STAT = f"SELECT {ENTRY} FROM entries WHERE {KEY}"  # noqa: S608 - made of constants
_LIST = f"SELECT name, {ENTRY} FROM entries WHERE session = ? AND parent = ? ORDER BY name"  # noqa: S608 - made of constants
_LIST_AFTER = f"SELECT name, {ENTRY} FROM entries WHERE session = ? AND parent = ? AND name > ? ORDER BY name"  # noqa: S608 - made of constants
_ROWS_AT_ONCE = 32
SUBTREE = f"""
    SELECT iif(typeof(parent) = 'text' AND typeof(name) = 'text', parent || name, NULL), {ENTRY}
    FROM entries WHERE {BELOW}
"""  # noqa: S608 - made of constants
"""Path and ``ENTRY`` of everything below a directory; the path of a damaged one is NULL."""

_WHOLE = " AND ".join(
    f"typeof({column}) = 'integer'" for column in ("version", "created", "updated", "serial", "size")
)
_USAGE = f"""
    SELECT count(*), total(is_directory), total(size), max(updated),
        total({_WHOLE} AND size >= 0 AND is_readonly IN (0, 1) AND is_directory IN (0, 1))
    FROM entries WHERE session = ?
"""  # noqa: S608 - made of constants
_ALL = f"SELECT parent || name, {ENTRY} FROM entries WHERE session = ?"  # noqa: S608 - made of constants

_FLAGS = (0, 1)
_Flag = Annotated[int, msgspec.Meta(ge=0, le=1)]
_ROWS = list[tuple[str, int, int, int, int, Annotated[int, msgspec.Meta(ge=0)], _Flag, _Flag]]


def split(path: str) -> tuple[str, str]:
    """A canonical path as ``entries`` has it: what leads to the name, with its slash, and the name."""
    name = path.rindex("/") + 1
    return path[:name], path[name:]


def below(session_id: UUID, path: str) -> tuple[bytes, str, str]:
    """The arguments of ``BELOW``: '0' is the character after '/', so no sibling '/ab' is below '/a'."""
    return session_id.bytes, path + "/", path + "0"


def is_sound(
    version: int,
    created: int,
    updated: int,
    serial: int,
    size: int,
    is_readonly: int,
    is_directory: int,
    content: int | None = None,
) -> bool:
    """Whether the columns of ``ENTRY``, and the number of a content, hold what they may hold."""
    return (
        type(version) is type(created) is type(updated) is type(serial) is type(size) is int
        and size >= 0
        and is_readonly in _FLAGS
        and is_directory in _FLAGS
        and (content is None or type(content) is int)
    )


def require_entry(path: str, row: Sequence[int]) -> None:
    """``DataDamagedError`` unless what ``is_sound`` takes is sound."""
    if not is_sound(*row):
        raise no_entry(path)


def no_entry(path: str) -> DataDamagedError:
    """The error of a row of ``entries`` that is no entry."""
    return DataDamagedError.found(path, "its entry holds what no entry has", path=path)


def content_at(path: str, size: int, is_text: object, data: object) -> tuple[str | bytes, Encoding]:
    """The content that a file of ``size`` bytes has by its row of ``contents``, and its encoding.

    ``DataDamagedError`` when there is no such row, or it cannot be that content.
    """
    if is_text is None:
        reason = "its content is missing"
    elif is_text not in _FLAGS or type(data) is not bytes:
        reason = "its content is not what was written"
    elif len(data) != size:
        reason = f"its content has {len(data)} bytes where there were {size}"
    else:
        encoding: Encoding = "text" if is_text else "base64"
        try:
            return content_of(data, encoding), encoding
        except UnicodeDecodeError:
            reason = "its text is no UTF-8"
    raise DataDamagedError.found(path, reason, path=path)


def read_file(
    connection: sqlite3.Connection, most: int, session_id: UUID, path: str
) -> SessionFile | TooLarge | None:
    """The entry with its content, if that has at most ``most`` bytes."""
    if path == "/":
        return root_of(session_id)
    row = _row_at(connection, path, _READ, most, session_id.bytes, *split(path))
    if row is None:
        return None
    version, created, updated, serial, size, is_readonly, is_directory, is_text, data = row
    if not is_sound(version, created, updated, serial, size, is_readonly, is_directory):
        raise no_entry(path)
    if is_directory:
        return SessionFile(
            version, created, updated, session_id, path, serial, size, is_readonly=False, content=None
        )
    if is_text == 1 and type(data) is bytes and len(data) == size and data.isascii():
        return SessionFile(  # nearly always, and without another call
            version, created, updated, session_id, path, serial, size, is_readonly == 1, data.decode()
        )
    if data is None and is_text is not None and most != EVERYTHING:
        return TOO_LARGE
    return _in_whole(connection, session_id, path, row)


def _in_whole(connection: sqlite3.Connection, session_id: UUID, path: str, row: Any) -> SessionFile | None:
    """A file by its row, wherever its content is."""
    *columns, is_readonly, _, is_text, data = row
    size = columns[-1]
    if is_in_chunks(size, data):
        if not connection.in_transaction:  # the row is to be of the same moment as the chunks
            with snapshot(connection):
                found = read_file(connection, EVERYTHING, session_id, path)
            return None if isinstance(found, TooLarge) else found
        (number,) = connection.execute(_NUMBER, (session_id.bytes, *split(path))).fetchone()
        data = whole_of(connection, path, number, size)
    version, created, updated, serial, _ = columns
    content, encoding = content_at(path, size, is_text, data)
    return file_of(
        version, created, updated, session_id, path, serial, size, is_readonly == 1, content, encoding
    )


def read_bytes(
    connection: sqlite3.Connection, most: int, session_id: UUID, path: str, start: int, length: int | None
) -> bytes | TooLarge | None:
    """Some of the bytes of a file, if no more than ``most`` have to be passed over and read."""
    if path == "/":
        return None
    with snapshot(connection):
        row = _row_at(connection, path, _MEASURE, session_id.bytes, *split(path))
        if row is None:
            return None
        *columns, is_text, kind, found, number = row
        require_entry(path, columns)
        size, is_directory = columns[4], columns[6]
        if is_directory:
            return None
        is_content = kind == "blob" and is_text in _FLAGS
        in_chunks = found == 0 and size > INLINE_BYTES
        if not is_content or not (found == size or in_chunks):
            read_file(connection, EVERYTHING, session_id, path)  # tells what is wrong
        low, high = span_within(size, start, length)
        if (high - low if in_chunks else high) > most:
            return TOO_LARGE
        if in_chunks:
            return range_of(connection, path, number, size, low, high)
        # SQL's substr() would read all there is; this passes over what comes before.
        with connection.blobopen("contents", "data", number, readonly=True) as blob:
            blob.seek(low)
            return blob.read(high - low)


def _row_at(connection: sqlite3.Connection, path: str, sql: str, *arguments: object) -> Any:
    """The row that a statement finds; ``DataDamagedError`` where the driver cannot tell what is in it."""
    try:
        return connection.execute(sql, arguments).fetchone()
    except sqlite3.OperationalError as error:
        if code_of(error):
            raise
    raise no_entry(path)  # the driver's own error: a text that is no UTF-8


def stat_file(connection: sqlite3.Connection, most: int, session_id: UUID, path: str) -> FileStat | None:
    """The entry without its content."""
    del most
    if path == "/":
        return root_of(session_id).stat()
    row = connection.execute(_STAT, (session_id.bytes, *split(path))).fetchone()
    if row is None:
        return None
    require_entry(path, row)
    version, created, updated, serial, size, is_readonly, is_directory = row
    return FileStat(
        version, created, updated, session_id, path, serial, size, is_readonly == 1, is_directory == 1
    )


def list_directory(connection: sqlite3.Connection, session_id: UUID, path: str) -> list[FileInfo]:
    """The children of a directory."""
    parent = path if path == "/" else path + "/"
    return infos(session_id, connection.execute(_LIST, (session_id.bytes, parent)), parent)


def list_tree(
    connection: sqlite3.Connection, unwanted: Event, session_id: UUID, page: TreePage
) -> list[FileInfo]:
    """What is below a directory, of one moment."""
    if page.limit is None:
        return page.among(infos(session_id, connection.execute(SUBTREE, below(session_id, page.base))))

    def children(directory: str, after: str) -> Iterator[FileInfo]:
        parent = directory if directory == "/" else directory + "/"
        # Closed, for an error that leaves it half read would hold its snapshot as long as it is kept.
        with closing(connection.execute(_LIST_AFTER, (session_id.bytes, parent, after))) as found:
            while rows := found.fetchmany(_ROWS_AT_ONCE):
                yield from infos(session_id, rows, parent)

    with snapshot(connection):
        return [*takewhile(lambda _: not unwanted.is_set(), page.walk(children))]


def usage(connection: sqlite3.Connection, session_id: UUID) -> FileUsage:
    """What all entries are."""
    found = connection.execute(_USAGE, (session_id.bytes,)).fetchone()
    entries, directories, size, last_write_ns, sound = found
    if sound != entries:
        infos(session_id, connection.execute(_ALL, (session_id.bytes,)))  # tells which of them is damaged
        return usage(connection, session_id)  # or it was mended meanwhile
    return FileUsage(entries - int(directories), int(directories), int(size), last_write_ns)


def infos(session_id: UUID, rows: Iterable[tuple[Any, ...]], above: str = "") -> list[FileInfo]:
    """Rows of a name (or path) and ``ENTRY`` as records; ``DataDamagedError`` for one that is none."""
    rows = list(rows)
    try:
        msgspec.convert(rows, _ROWS)  # a tenth of a microsecond a row
    except msgspec.ValidationError:
        for name, *columns in rows:
            if type(name) is not str:
                raise no_entry(above or "/") from None
            require_entry(above + name, columns)
        raise
    return [
        FileInfo(
            version, created, updated, session_id, above + name, serial, size, readonly == 1, directory == 1
        )
        for name, version, created, updated, serial, size, readonly, directory in rows
    ]
