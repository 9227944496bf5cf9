"""What contents are made of, and how they are read.

One of at most ``INLINE_BYTES`` is in its row of ``contents``; a larger is in ``chunks`` of ``CHUNK_BYTES``
at fixed places, so that a part of it can be read, or written, without the rest. One that an older version
wrote is in its row, whatever its size.

Only chunks have digests. What is in its row is as quickly compared as it would be hashed when it is written,
and hardly anything that is written is ever compared.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from everstore.errors import DataDamagedError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

__all__ = [
    "CHUNK_BYTES",
    "CONTENT",
    "INLINE_BYTES",
    "cut",
    "digest_of",
    "holds",
    "is_in_chunks",
    "prefix_of",
    "range_of",
    "require_size",
    "size_of",
    "tail_of",
    "whole_of",
]

INLINE_BYTES = 1 << 16
"""The largest content that is in one row: what a look-up on the event loop's thread reads at most."""

CHUNK_BYTES = 1 << 15
"""An append writes one of these again, half of it on average."""

CONTENT = "ifnull(content, serial)"
"""The number of the content that a row of ``entries`` has."""

_DIGEST_BYTES = 20

_CHUNKS = """
    SELECT number, data FROM pieces LEFT JOIN chunks ON chunks.id = chunk
    WHERE content = ? AND number BETWEEN ? AND ? ORDER BY number
"""
_SIZE = """
    SELECT total(length(data)) FROM pieces JOIN chunks ON chunks.id = chunk
    WHERE content = ? AND typeof(data) = 'blob'
"""
_LOOK = """
    SELECT number, iif(typeof(data) = 'blob', length(data), -1), instr(data, :literal),
        iif(:edge, substr(data, 1, :edge), x''), iif(:edge, substr(data, -:edge), x'')
    FROM pieces LEFT JOIN chunks ON chunks.id = chunk WHERE content = :content ORDER BY number
"""


def digest_of(hashed: bytes, *, is_text: bool) -> bytes:
    """What tells a content, by its hash, from every other one of its size; the encoding is a part of it."""
    return hashed[:_DIGEST_BYTES] + (b"\1" if is_text else b"\0")


def prefix_of(before: bytes, digest: bytes) -> bytes:
    """The hash of all chunks up to one, of that up to the one before (``b""``) and that of the chunk."""
    return sha256(before + digest).digest()


def cut(data: bytes) -> Iterator[bytes]:
    """The chunks of a content, or of what begins with a chunk."""
    for start in range(0, len(data), CHUNK_BYTES):
        yield data[start : start + CHUNK_BYTES]


def is_in_chunks(size: int, data: object) -> bool:
    """Whether a content of ``size`` bytes is in chunks, by what its own row has."""
    return size > INLINE_BYTES and data == b""


def whole_of(connection: sqlite3.Connection, path: str, content: int, size: int) -> bytes:
    """All bytes of a content that is in chunks; within a snapshot. ``DataDamagedError`` where any is not."""
    return range_of(connection, path, content, size, 0, size)


def range_of(
    connection: sqlite3.Connection, path: str, content: int, size: int, low: int, high: int
) -> bytes:
    """Some bytes of a content that is in chunks; within a snapshot.

    ``DataDamagedError`` where a chunk of these is missing, or is none of such a content.
    """
    if low >= high:
        return b""
    first, last = low // CHUNK_BYTES, (high - 1) // CHUNK_BYTES
    found = connection.execute(_CHUNKS, (content, first, last)).fetchall()
    if [number for number, _ in found] != list(range(first, last + 1)):
        raise DataDamagedError.found(path, "a part of its content is missing", path=path)
    for number, data in found:
        _require_chunk(path, size, number, data)
    start = first * CHUNK_BYTES
    return b"".join([data for _, data in found])[low - start : high - start]


def tail_of(connection: sqlite3.Connection, path: str, content: int, size: int) -> bytes:
    """The bytes of the last chunk of a content of ``size`` bytes; ``b""`` where that chunk is full."""
    return range_of(connection, path, content, size, size // CHUNK_BYTES * CHUNK_BYTES, size)


def _require_chunk(path: str, size: int, number: int, data: object) -> None:
    wanted = min(CHUNK_BYTES, size - number * CHUNK_BYTES)
    if type(data) is not bytes:
        reason = "a part of its content is missing" if data is None else "its content is not what was written"
    elif len(data) != wanted:
        reason = f"a part of its content has {len(data)} bytes where there were {wanted}"
    else:
        return
    raise DataDamagedError.found(path, reason, path=path)


def holds(connection: sqlite3.Connection, path: str, content: int, size: int, literal: bytes) -> bool:
    """Whether a content in chunks holds some bytes; SQLite looks, outside of the interpreter's lock.

    Within a snapshot. ``DataDamagedError`` where a chunk is missing, or is none of such a content.
    """
    edge = len(literal) - 1
    # All at once: a statement that an error leaves half read would hold its snapshot as long as the error is.
    rows = connection.execute(_LOOK, {"content": content, "literal": literal, "edge": edge}).fetchall()
    is_there, count, end = False, 0, b""
    for count, (number, length, found, head, tail) in enumerate(rows, 1):
        if number != count - 1 or length != min(CHUNK_BYTES, size - number * CHUNK_BYTES):
            raise DataDamagedError.found(path, "a part of its content is missing", path=path)
        is_there = is_there or found != 0 or literal in end + head
        end = tail if length >= edge else (end + tail)[-edge:]
    if count != -(-size // CHUNK_BYTES):
        raise DataDamagedError.found(path, "a part of its content is missing", path=path)
    return is_there


def require_size(connection: sqlite3.Connection, path: str, content: int, size: int) -> None:
    """``DataDamagedError`` where the chunks of a content do not have ``size`` bytes; they are not read."""
    found = size_of(connection, content)
    if found != size:
        reason = f"its content has {found} bytes where there were {size}"
        raise DataDamagedError.found(path, reason, path=path)


def size_of(connection: sqlite3.Connection, content: int) -> int:
    """How many bytes there are in the chunks of a content; they are not read."""
    return int(connection.execute(_SIZE, (content,)).fetchone()[0])
