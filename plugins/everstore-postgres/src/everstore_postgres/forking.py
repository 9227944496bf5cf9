"""Forks of a session's files, and what tells two sessions apart: a statement each, and no content is sent."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from everstore.errors import SessionNotEmptyError
from everstore.models import FileChange, FileInfo
from everstore_postgres.outcomes import DIRECTORY
from everstore_postgres.plain_files import STAMPS
from everstore_postgres.search import PATH

if TYPE_CHECKING:
    from uuid import UUID

    from everstore_postgres.database import Database

__all__ = ["Forks"]

_AT_ONCE = 500  # changes made between two looks at the event loop

_SIDE = (
    f"SELECT {PATH} AS path, depth, place, {STAMPS}, content, content_id, tail FROM {{{{schema}}}}.files"
    f" WHERE session_id = {{session}} AND ($3::text IS NULL OR {PATH} > $3)"
)
# Rows that share a content have the same. What has one size is compared, but for chunks that are copies.
_WHOLE = "{{schema}}.whole({0}.content, {0}.content_id, {0}.tail)"
_DIFFER = (
    "CASE WHEN a.version IS NULL OR b.version IS NULL THEN true"
    " WHEN (a.kind, a.size, a.is_readonly) <> (b.kind, b.size, b.is_readonly) THEN true"
    " WHEN a.content_id = b.content_id THEN false"
    " WHEN a.content_id IS NOT NULL AND b.content_id IS NOT NULL"
    " THEN {schema}.are_other(a.content_id, a.tail, b.content_id, b.tail, a.size)"
    f" ELSE {_WHOLE.format('a')} IS DISTINCT FROM {_WHOLE.format('b')} END"
)
_OF_BOTH = ", ".join(f"{side}.{column}" for side in "ab" for column in STAMPS.split(", "))
_DIFFERENCES = (
    f"SELECT coalesce(a.path, b.path) AS path, {_OF_BOTH}"
    f" FROM ({_SIDE.format(session='$1')}) a FULL JOIN ({_SIDE.format(session='$2')}) b"
    f" ON a.depth = b.depth AND a.place = b.place WHERE {_DIFFER} ORDER BY coalesce(a.path, b.path) LIMIT $4"
)


class Forks:
    """The forks in one database."""

    def __init__(self, database: Database) -> None:
        """Nothing is asked yet."""
        self._database = database
        self._fork = database.sql("SELECT * FROM {schema}.fork_files($1, $2, $3)")
        self._differences = database.sql(_DIFFERENCES)

    async def fork(self, source: UUID, target: UUID, replaced: UUID | None) -> None:
        """As ``fork_session`` of the interface, in one round trip."""
        row = await self._database.change(self._fork, source, target, replaced)
        if row["outcome"] != "done":
            raise SessionNotEmptyError.of(target if replaced is None else replaced)

    async def differences(self, a: UUID, b: UUID, after: str | None, limit: int | None) -> list[FileChange]:
        """As ``diff_sessions`` of the interface, in one round trip."""
        rows = await self._database.rows(self._differences, a, b, after, limit)
        found: list[FileChange] = []
        for number, (path, *stamps) in enumerate(rows, 1):
            found.append(FileChange.between(path, _info(a, path, *stamps[:7]), _info(b, path, *stamps[7:])))
            if number % _AT_ONCE == 0:
                await asyncio.sleep(0)
        return found


def _info(session_id: UUID, path: str, *stamps: Any) -> FileInfo | None:
    """The record of what is at a path in a session; ``None`` where nothing is."""
    version, created_ns, updated_ns, serial, size, is_readonly, kind = stamps
    if version is None:
        return None
    return FileInfo(
        version, created_ns, updated_ns, session_id, path, serial, size, is_readonly, kind == DIRECTORY
    )
