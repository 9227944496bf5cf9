"""Which sessions hold anything, a page at a time.

One statement, and so one moment, which seeks each id by the one before it: what a session holds is not read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from everstore_postgres.database import Database

__all__ = ["Ids"]


class Ids:
    """The ids that some tables, or parts of one, have."""

    def __init__(self, database: Database, *sources: str, column: str = "session_id") -> None:
        """Each source is a table and a condition, of which ``column`` is what its index begins with."""
        self._database = database
        self._first = database.sql(_pages(sources, column, ""))
        self._next = database.sql(_pages(sources, column, f" AND {column} > $2"))

    async def page(self, after: UUID | None, limit: int) -> list[UUID]:
        """The first ids after one, ascending."""
        if after is None:
            rows = await self._database.rows(self._first, limit)
        else:
            rows = await self._database.rows(self._next, limit, after)
        return [UUID(int=row[0].int) for row in rows]


def _pages(sources: tuple[str, ...], column: str, start: str) -> str:
    return (
        f"WITH RECURSIVE ids (id) AS ({_least(sources, column, start)}"
        f" UNION ALL SELECT ({_least(sources, column, f' AND {column} > last.id')})"
        " FROM ids AS last WHERE last.id IS NOT NULL)"
        " SELECT id FROM ids WHERE id IS NOT NULL LIMIT $1"
    )


def _least(sources: tuple[str, ...], column: str, condition: str) -> str:
    """The least id of all sources; no row when there is none."""
    firsts = (f"(SELECT {column} FROM {source}{condition} ORDER BY {column} LIMIT 1)" for source in sources)
    least = " UNION ALL ".join(firsts)
    return f"(SELECT {column} FROM ({least}) AS firsts ORDER BY {column} LIMIT 1)"
