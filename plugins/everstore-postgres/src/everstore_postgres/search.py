"""Searching where the data is: the server leaves out what cannot match, everstore's engine decides the rest."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from everstore.models import FileInfo
from everstore.search import Query, compile_glob

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from everstore.models import GrepMatch

    from everstore_postgres.database import Database

__all__ = ["Query", "glob", "grep", "infos"]

_BATCH = 1000  # records made between two looks at the event loop

_PATH = "coalesce(long_path, place)"
_FILES = (
    f"SELECT version, created_ns, updated_ns, serial, size, is_readonly, kind, {_PATH}"
    " FROM {schema}.files WHERE session_id = $1 AND kind <> 'd'"
)
_TEXTS = (
    f"SELECT {_PATH}, content FROM {{schema}}.files"
    " WHERE session_id = $1 AND kind IN ('t', 'z') AND ($2::bytea IS NULL OR position($2 IN content) > 0)"
)


async def infos(session_id: UUID, rows: Sequence[Any]) -> list[FileInfo]:
    """Records of the rows of a listing, sorted by path by code point, made without holding the event loop."""
    found: list[FileInfo] = []
    for start in range(0, len(rows), _BATCH):
        if start:
            await asyncio.sleep(0)
        for row in rows[start : start + _BATCH]:
            version, created_ns, updated_ns, serial, size, is_readonly, kind, path = row
            found.append(
                FileInfo(
                    version, created_ns, updated_ns, session_id, path, serial, size, is_readonly, kind == b"d"
                )
            )
    found.sort(key=lambda info: info.path)
    return found


async def glob(database: Database, session_id: UUID, pattern: str) -> list[FileInfo]:
    """The files whose path the glob selects, sorted by path."""
    selects = compile_glob(pattern)
    rows = await database.rows(database.sql(_FILES), session_id)
    return await infos(session_id, [row for row in rows if selects(row[7])])


async def grep(database: Database, session_id: UUID, query: Query, *, limit: int | None) -> list[GrepMatch]:
    """The matches of a search, sorted by path, then line."""
    literal = None if query.literal is None else query.literal.encode()
    rows = await database.rows(database.sql(_TEXTS), session_id, literal)
    rows = sorted((row for row in rows if query.selects(row[0])), key=lambda row: row[0])

    def match() -> None:
        for path, content in rows:
            if query.add_now(path, content.decode()):
                break

    await asyncio.to_thread(match)
    return query.matches
