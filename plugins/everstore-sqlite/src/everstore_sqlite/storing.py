"""Writing contents, and freeing what nobody has any more; all within a writer's transaction.

What one entry has alone is changed in its place; nobody else can tell. What several have is never
changed: who changes it gets a content of its own, which shares with the old one the chunks that are the same.
"""

# ruff: noqa: S608 - all SQL here is made of constants

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any

from everstore.errors import DataDamagedError
from everstore_sqlite import index
from everstore_sqlite.contents import (
    CHUNK_BYTES,
    CONTENT,
    INLINE_BYTES,
    cut,
    digest_of,
    prefix_of,
    tail_of,
)
from everstore_sqlite.shares import (
    OF_NOBODY,
    OF_ONE,
    forget_shares,
    free_pieces,
    is_shared,
    share,
    unshare,
    unshare_all,
)

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

__all__ = ["append", "free", "free_all", "put", "replace"]

_PUT = "INSERT INTO contents (serial, is_text, data) VALUES (?, ?, ?)"
# Of a row that was lost; the search index may still have work noted for it, which is replaced, too.
_RESTORE = "INSERT OR REPLACE INTO contents (serial, is_text, data) VALUES (?, ?, ?)"
_SET = f"UPDATE contents SET is_text = ?, data = ? WHERE serial = ? AND {OF_ONE.format('contents.serial')}"
_FREE = f"DELETE FROM contents WHERE serial = ? AND {OF_ONE.format('contents.serial')}"

_PIECES = "SELECT number, chunk, digest FROM pieces WHERE content = ?"
_PIECE = "SELECT chunk, prefix FROM pieces WHERE content = ? AND number = ?"
_PUT_PIECE = "REPLACE INTO pieces (content, number, chunk, digest, prefix) VALUES (?, ?, ?, ?, ?)"
_PUT_CHUNK = "INSERT INTO chunks (id, data) VALUES (?, ?)"
_SET_CHUNK = "UPDATE chunks SET data = ? WHERE id = ?"
_COPY_PIECES = "INSERT INTO pieces SELECT ?, number, chunk, digest, prefix FROM pieces WHERE content = ?"
_SHARE_CHUNKS = """
    INSERT INTO shares (content, refs) SELECT chunk, 2 FROM pieces WHERE content = ?
    ON CONFLICT (content) DO UPDATE SET refs = refs + 1
"""


def put(
    connection: sqlite3.Connection,
    content: int,
    data: bytes,
    new_number: Callable[[], int],
    *,
    is_text: bool,
    like: int | None = None,
) -> bytes | None:
    """Write a content of a new number; the digest of one in chunks, which shares those it has of ``like``."""
    if len(data) <= INLINE_BYTES:
        connection.execute(_PUT, (content, is_text, data))
        return None
    connection.execute(_PUT, (content, is_text, b""))
    old = {number: (chunk, digest) for number, chunk, digest in connection.execute(_PIECES, (like,))}
    prefix = b""
    for number, piece in enumerate(cut(data)):
        digest = sha256(piece).digest()
        prefix = prefix_of(prefix, digest)
        chunk, old_digest = old.get(number, (0, None))
        if digest == old_digest and _is_chunk(connection, chunk, piece):
            share(connection, chunk)
        else:
            chunk = new_number()
            connection.execute(_PUT_CHUNK, (chunk, piece))
        connection.execute(_PUT_PIECE, (content, number, chunk, digest, prefix))
    return digest_of(prefix, is_text=is_text)


def _is_chunk(connection: sqlite3.Connection, chunk: int, piece: bytes) -> bool:
    """Whether a chunk is what its digest says: it may be damaged, and what is written anew must not be."""
    row = connection.execute("SELECT data FROM chunks WHERE id = ? AND typeof(data) = 'blob'", (chunk,))
    found: tuple[bytes] | None = row.fetchone()
    return found == (piece,)


def replace(
    connection: sqlite3.Connection,
    content: int,
    old_size: int,
    data: bytes,
    new_number: Callable[[], int],
    *,
    is_text: bool,
) -> tuple[int, bytes | None]:
    """Write what an entry has in place of a content; what ``put`` answers with, behind the number of it."""
    if max(old_size, len(data)) <= INLINE_BYTES:
        is_changed = connection.execute(_SET, (is_text, data, content)).rowcount
        if not is_changed and not is_shared(connection, content):
            connection.execute(_RESTORE, (content, is_text, data))
            is_changed = True
        if is_changed:
            return content, None
    number = new_number()
    digest = put(connection, number, data, new_number, is_text=is_text, like=content)
    free(connection, content, old_size)
    return number, digest


def append(
    connection: sqlite3.Connection,
    path: str,
    content: int,
    size: int,
    more: bytes,
    new_number: Callable[[], int],
    *,
    is_text: bool,
) -> tuple[int, bytes]:
    """Write behind the ``size`` bytes of a content in chunks; number and digest of what the entry has then.

    ``DataDamagedError`` where what is to be written behind is not what it was.
    """
    tail = tail_of(connection, path, content, size)
    first = size // CHUNK_BYTES
    prefix = _prefix_before(connection, path, content, first)
    if is_shared(connection, content):
        content = _apart(connection, content, new_number(), is_text=is_text)
    elif is_text:
        index.note_longer(connection, content, size)
    old: int | None = connection.execute(_PIECE, (content, first)).fetchone()[0] if tail else None
    for number, piece in enumerate(cut(tail + more), first):
        digest = sha256(piece).digest()
        prefix = prefix_of(prefix, digest)
        chunk = _put_chunk(connection, old, piece, new_number)
        connection.execute(_PUT_PIECE, (content, number, chunk, digest, prefix))
        old = None
    return content, digest_of(prefix, is_text=is_text)


def _prefix_before(connection: sqlite3.Connection, path: str, content: int, number: int) -> bytes:
    """The hash of all chunks before one."""
    if not number:
        return b""
    row = connection.execute(_PIECE, (content, number - 1)).fetchone()
    if row is None or type(row[1]) is not bytes:
        raise DataDamagedError.found(path, "a part of its content is missing", path=path)
    prefix: bytes = row[1]
    return prefix


def _put_chunk(
    connection: sqlite3.Connection, old: int | None, piece: bytes, new_number: Callable[[], int]
) -> int:
    """The number of a chunk of these bytes, which takes the place of an old one."""
    if old is not None and not unshare(connection, old):
        connection.execute(_SET_CHUNK, (piece, old))
        return old
    chunk = new_number()
    connection.execute(_PUT_CHUNK, (chunk, piece))
    return chunk


def _apart(connection: sqlite3.Connection, content: int, number: int, *, is_text: bool) -> int:
    """A content of an entry's own, of all the chunks of one that it shared."""
    connection.execute(_PUT, (number, is_text, b""))
    connection.execute(_SHARE_CHUNKS, (content,))
    connection.execute(_COPY_PIECES, (number, content))
    unshare(connection, content)
    return number


def free(connection: sqlite3.Connection, content: int, size: int) -> None:
    """One entry less has a content of ``size`` bytes; it goes with the last."""
    if size <= INLINE_BYTES and connection.execute(_FREE, (content,)).rowcount:
        return
    if not unshare(connection, content):
        _free_chunks(connection, content)
        connection.execute(_FREE, (content,))


def free_all(connection: sqlite3.Connection, where: str, arguments: tuple[Any, ...]) -> None:
    """The entries that ``where`` selects, which are still there, do not have their contents any more."""
    numbers = f"SELECT {CONTENT} AS number FROM entries WHERE {where} AND is_directory IS NOT 1"
    was_shared = unshare_all(connection, numbers, arguments)
    if connection.execute("SELECT 1 FROM pieces LIMIT 1").fetchone() is not None:
        large = f"""
            SELECT content FROM pieces
            WHERE number = 0 AND content IN ({numbers}) AND {OF_NOBODY.format("pieces.content")}
        """
        for (content,) in connection.execute(large, arguments).fetchall():
            _free_chunks(connection, content)
    connection.execute(
        f"DELETE FROM contents WHERE serial IN ({numbers}) AND {OF_NOBODY.format('contents.serial')}",
        arguments,
    )
    if was_shared:
        forget_shares(connection, numbers, arguments)


def _free_chunks(connection: sqlite3.Connection, content: int) -> None:
    """Nobody has a content any more: its chunks go, unless the search index has yet to forget the text."""
    if not index.keep_stale(connection, content):
        free_pieces(connection, content)
