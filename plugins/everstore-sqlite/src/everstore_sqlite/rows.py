"""Rows of ``entries`` as records, and the pieces of SQL that name them. What only reads is here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from everstore.content import content_of
from everstore.models import FileInfo, FileStat, SessionFile, root_of
from everstore_sqlite.readers import TOO_LARGE, TooLarge

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable
    from uuid import UUID

    from everstore.models import Encoding

__all__ = [
    "BELOW",
    "ENTRY",
    "KEY",
    "below",
    "encoding_of",
    "infos",
    "list_directory",
    "read_file",
    "split",
    "stat_file",
]

ENTRY = "version, created, updated, serial, size, is_readonly, is_directory"
"""The columns of an entry that are neither its place nor its content."""

KEY = "session = ? AND parent = ? AND name = ?"
"""The place of one entry."""

BELOW = "session = ? AND parent >= ? AND parent < ?"
"""What lies below a directory, at any depth; ``below`` has its arguments."""

_READ = f"""
    SELECT version, created, updated, serial, size, is_readonly, is_text, iif(size <= ?, data, NULL)
    FROM entries LEFT JOIN contents USING (serial) WHERE {KEY}
"""  # noqa: S608 - made of constants
_STAT = f"SELECT {ENTRY} FROM entries WHERE {KEY}"  # noqa: S608
_LIST = f"SELECT name, {ENTRY} FROM entries WHERE session = ? AND parent = ? ORDER BY name"  # noqa: S608


def split(path: str) -> tuple[str, str]:
    """A canonical path as ``entries`` has it: what leads to the name, with its slash, and the name."""
    name = path.rindex("/") + 1
    return path[:name], path[name:]


def below(session_id: UUID, path: str) -> tuple[bytes, str, str]:
    """The arguments of ``BELOW``: '0' is the character after '/', so no sibling '/ab' is below '/a'."""
    return session_id.bytes, path + "/", path + "0"


def encoding_of(is_text: int) -> Encoding:
    """The encoding that a row of ``contents`` has."""
    return "text" if is_text else "base64"


def read_file(
    connection: sqlite3.Connection, most: int, session_id: UUID, path: str
) -> SessionFile | TooLarge | None:
    """The entry with its content, if that has at most ``most`` bytes."""
    if path == "/":
        return root_of(session_id)
    row = connection.execute(_READ, (most, session_id.bytes, *split(path))).fetchone()
    if row is None:
        return None
    version, created, updated, serial, size, is_readonly, is_text, data = row
    if is_text is None:
        return SessionFile(
            version, created, updated, session_id, path, serial, size, is_readonly=False, content=None
        )
    if data is None:
        return TOO_LARGE
    encoding = encoding_of(is_text)
    content = content_of(data, encoding)
    return SessionFile(
        version, created, updated, session_id, path, serial, size, bool(is_readonly), content, encoding
    )


def stat_file(connection: sqlite3.Connection, most: int, session_id: UUID, path: str) -> FileStat | None:
    """The entry without its content."""
    del most
    if path == "/":
        return root_of(session_id).stat()
    row = connection.execute(_STAT, (session_id.bytes, *split(path))).fetchone()
    if row is None:
        return None
    version, created, updated, serial, size, is_readonly, is_directory = row
    return FileStat(
        version, created, updated, session_id, path, serial, size, bool(is_readonly), bool(is_directory)
    )


def list_directory(connection: sqlite3.Connection, session_id: UUID, path: str) -> list[FileInfo]:
    """The children of a directory."""
    parent = path if path == "/" else path + "/"
    return infos(session_id, connection.execute(_LIST, (session_id.bytes, parent)), parent)


def infos(session_id: UUID, rows: Iterable[tuple[Any, ...]], above: str = "") -> list[FileInfo]:
    """Rows of a name (or path) and ``ENTRY`` as records."""
    return [
        FileInfo(
            version, created, updated, session_id, above + name, serial, size, bool(readonly), bool(directory)
        )
        for name, version, created, updated, serial, size, readonly, directory in rows
    ]
