"""Sessions too large to be written file by file: copies of a directory that everstore has written."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from uuid import UUID

    import asyncpg

    import everstore

__all__ = ["A_DIRECTORY", "file_at", "multiply", "write_directory"]

A_DIRECTORY = 100  # files

COLUMNS = """
SELECT attname FROM pg_attribute
WHERE attrelid = 'files'::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
"""
# Paths are short, so a row's place is its path; and a new row's serial is its version.
COPIED = {
    "place": "replace(place, $2, '/d/' || lpad(copy::text, 6, '0'))",
    "version": "stamp",
    "serial": "stamp",
}
COPY = """
INSERT INTO files ({columns}) SELECT {values} FROM (
    SELECT f.*, copy, nextval('serials') AS stamp FROM generate_series(1, $3::integer) AS copy, files AS f
    WHERE f.session_id = $1 AND starts_with(f.place, $2) OFFSET 0
) AS copies
"""
# Where the session's files are counted, the next change that needs the count counts them anew.
FORGET = "DELETE FROM usage WHERE session_id = $1"


def file_at(directory: str, number: int) -> str:
    """The path of a file in a directory."""
    return f"{directory}/file-{number:02}.txt"


async def write_directory(
    store: everstore.Store, session_id: UUID, directory: str, body: str, files: int = A_DIRECTORY
) -> None:
    """Write files into a directory, all at once."""
    write = store.file_system.write_file
    await asyncio.gather(*(write(session_id, file_at(directory, number), body) for number in range(files)))


async def multiply(connection: asyncpg.Connection, session_id: UUID, directory: str, copies: int) -> None:
    """Copy a directory to ``/d/000001``, ``/d/000002`` and so on; ``connection`` is in the schema.

    All columns are as everstore's functions have made them, and the planner knows of it.
    """
    columns = [row["attname"] for row in await connection.fetch(COLUMNS)]
    values = [COPIED.get(column, column) for column in columns]
    copy = COPY.format(columns=", ".join(columns), values=", ".join(values))
    await connection.execute(copy, session_id, directory, copies)
    await connection.execute(FORGET, session_id)
    await connection.execute("ANALYZE files")
