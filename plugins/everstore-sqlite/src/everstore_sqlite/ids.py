"""Which sessions hold anything, a page at a time.

One statement, and so one moment, which seeks each id by the one before it: what a session holds is not read.
"""

# ruff: noqa: S608 - made of constants

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from everstore.clock import now_ns
from everstore_sqlite.failures import damaged_file

if TYPE_CHECKING:
    import sqlite3

__all__ = ["FILES", "RECORDS", "TEXTS", "page_of", "session_of"]

_ID_BYTES = 16
_BEFORE_ALL = -(1 << 63)  # an id is bytes; where it is damaged and none, it is met at the first page
_LATEST = (1 << 63) - 1  # what an INTEGER holds


def _pages(*nexts: str) -> str:
    """A statement that seeks with ``nexts``, each of which gives the first id of one table after another."""
    first = " UNION ALL ".join(f"SELECT ({following}) AS id" for following in nexts)
    return f"""
        WITH RECURSIVE ids (id) AS (
            VALUES (:after)
            UNION ALL
            SELECT (SELECT min(id) FROM ({first})) FROM ids AS last WHERE last.id IS NOT NULL
        )
        SELECT id FROM ids WHERE id IS NOT NULL LIMIT :limit OFFSET 1
    """


FILES = _pages("SELECT session FROM entries WHERE session > last.id ORDER BY session LIMIT 1")
RECORDS = _pages("SELECT id FROM sessions WHERE sessions.id > last.id ORDER BY id LIMIT 1")
TEXTS = _pages(
    *(
        f"""
        SELECT session FROM {table} WHERE session > last.id AND (expires IS NULL OR expires > :now)
        ORDER BY session LIMIT 1
        """
        for table in ("pairs", "secrets")
    )
)


def session_of(key: object) -> UUID:
    """The session that a row belongs to; ``DataDamagedError`` when it cannot be told."""
    if type(key) is not bytes or len(key) != _ID_BYTES:
        raise damaged_file("it holds a session whose id is none")
    return UUID(bytes=key)


def page_of(connection: sqlite3.Connection, pages: str, after: UUID | None, limit: int) -> list[UUID]:
    """The first ids after one, ascending."""
    start = _BEFORE_ALL if after is None else after.bytes
    arguments = {"after": start, "limit": min(limit, _LATEST), "now": now_ns()}
    return [session_of(session) for (session,) in connection.execute(pages, arguments)]
