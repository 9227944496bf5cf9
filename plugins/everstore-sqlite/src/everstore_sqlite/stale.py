"""Whether the log beside a database may be another one's, as bytes tell it.

Both are opened here, and closing a database drops all locks that this process has on it: only for one that
it has not open.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["may_have_log", "was_written_over"]

_MAGIC = b"SQLite format 3\0"
_HAS_LOG = b"\2\2"  # at byte 18: a database says so before it gets a log, and no backup of ours does
_LOG_HEADER = 32
_FRAME_HEADER = 24


def may_have_log(database: Path) -> bool:
    """Whether the database's header speaks of a log; of what is no database at all, others tell."""
    with database.open("rb") as file:
        header = file.read(20)
    return bool(header) and (header[18:] == _HAS_LOG or not header.startswith(_MAGIC))


def was_written_over(database: Path, log: Path) -> bool:
    """Whether something else than the log's own pages was written to the database since the log was.

    Nobody but who copies pages out of the log writes to a database that has one, so one of them at least
    would be found in both.
    """
    if database.stat().st_mtime_ns <= log.stat().st_mtime_ns:
        return False
    with database.open("rb") as file:
        for page, size, data in _pages(log):
            file.seek((page - 1) * size)
            if file.read(size) == data:
                return False
    return True


def _pages(log: Path) -> Iterator[tuple[int, int, bytes]]:
    """Number, size and content of each page that was written since the log was last begun anew."""
    with log.open("rb") as file:
        header = file.read(_LOG_HEADER)
        if len(header) < _LOG_HEADER:
            return
        (size,) = struct.unpack_from(">I", header, 8)
        salts = header[16:24]
        while len(frame := file.read(_FRAME_HEADER)) == _FRAME_HEADER and frame[8:16] == salts:
            yield int.from_bytes(frame[:4], "big"), size, file.read(size)
