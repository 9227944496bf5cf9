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
# Each level is looked up by itself, with the index: a LIMIT keeps the planner from joining all with all.
_NO_LIMIT = (1 << 31) - 1
_LEVELS = (
    "WITH RECURSIVE levels (depth) AS ("
    "SELECT $2::integer UNION ALL SELECT l.depth + 1 FROM levels l CROSS JOIN LATERAL ("
    "SELECT FROM {schema}.files f WHERE f.session_id = $1 AND f.depth = l.depth"
    " AND f.place >= $3 AND f.place < $4 ORDER BY f.place LIMIT 1) any_of_it WHERE l.depth < $6)"
)
_ON_LEVEL = (
    "f.session_id = $1 AND f.depth = l.depth AND f.place >= $5 AND f.place < {high}"
    f" AND starts_with({PATH}, $7) AND {PATH} > $8 ORDER BY f.place LIMIT"
)
_ROWS = (
    f"SELECT r.* FROM {{levels}} l CROSS JOIN LATERAL ("
    f"SELECT {RECORD} FROM {{{{schema}}}}.files f WHERE {_ON_LEVEL} {_NO_LIMIT}) r"
)
_ALL = f"{_LEVELS} {_ROWS.format(levels='levels', high='$4')}"
# Where paths are too long for the index, the first of a level may be any of those that begin alike.
_SOME = (
    f"{_LEVELS}, firsts (depth, high) AS MATERIALIZED (SELECT l.depth, ("
    "SELECT CASE WHEN count(*) < $9 THEN $4 ELSE left(max(place), 600) || chr(2) END"
    f" FROM (SELECT f.place FROM {{schema}}.files f WHERE {_ON_LEVEL.format(high='$4')} $9) f) FROM levels l)"
    f" {_ROWS.format(levels='firsts', high='l.high')}"
)


class Trees:
    """The trees in one database."""

    def __init__(self, database: Database) -> None:
        """Nothing is asked yet."""
        self._database = database
        self._all = database.sql(_ALL)
        self._some = database.sql(_SOME)

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
