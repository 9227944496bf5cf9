"""Pages of a whole tree: of each level, a range of the key, the server gives what may be on the page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from everstore_postgres.places import depth_of, head_of, span_of
from everstore_postgres.search import PATH, RECORD, infos

if TYPE_CHECKING:
    from uuid import UUID

    from everstore.models import FileInfo
    from everstore.trees import TreePage
    from everstore_postgres.database import Database

__all__ = ["Trees"]

_DEEPEST = 1 << 30  # more levels than a path has room for

# From $3 to $4 are the places of what is below the directory, from $5 on those of what the page may have.
_LEVELS = (
    "WITH RECURSIVE levels (depth) AS ("
    "SELECT $2::integer UNION ALL SELECT l.depth + 1 FROM levels l WHERE l.depth < $6 AND EXISTS ("
    "SELECT FROM {schema}.files f"
    " WHERE f.session_id = $1 AND f.depth = l.depth AND f.place >= $3 AND f.place < $4))"
)
_ON_LEVEL = (
    "f.session_id = $1 AND f.depth = l.depth AND f.place >= $5 AND f.place < {high}"
    f" AND starts_with({PATH}, $7) AND {PATH} > $8"
)
_ALL = f"{_LEVELS} SELECT {RECORD} FROM levels l JOIN {{schema}}.files f ON {_ON_LEVEL}"
_SOME = (
    f"{_LEVELS} SELECT {RECORD} FROM levels l CROSS JOIN LATERAL ("
    # Where paths are too long for the index, the first of a level may be any of those that begin alike.
    f"SELECT CASE WHEN count(*) < $9 THEN $4 ELSE left(max(place), 600) || chr(2) END AS high FROM ("
    f"SELECT f.place FROM {{schema}}.files f WHERE {_ON_LEVEL} ORDER BY f.place LIMIT $9) firsts) e"
    f" JOIN {{schema}}.files f ON {_ON_LEVEL}"
)


class Trees:
    """The trees in one database."""

    def __init__(self, database: Database) -> None:
        """Nothing is asked yet."""
        self._database = database
        self._all = database.sql(_ALL.replace("{high}", "$4"))
        first, behind = _SOME.rsplit("{high}", 1)
        self._some = database.sql(first.replace("{high}", "$4") + "e.high" + behind)

    async def page(self, session_id: UUID, page: TreePage) -> list[FileInfo]:
        """The page, in one round trip: of each level at most as much as the page has room for."""
        prefix, low, high = span_of(page.top)
        after = page.after or ""
        deepest = _DEEPEST if page.deepest is None else min(page.deepest, _DEEPEST)
        span = (depth_of(page.top) + 1, low, high, max(low, head_of(after)), deepest, prefix, after)
        if page.limit is None:
            rows = await self._database.rows(self._all, session_id, *span)
        else:
            rows = await self._database.rows(self._some, session_id, *span, page.limit)
        return page.cut(await infos(session_id, rows))
