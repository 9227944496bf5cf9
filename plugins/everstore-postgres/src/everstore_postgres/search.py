"""Searching where the data is: the server leaves out what cannot match, everstore's engine decides the rest.

What the server compares are bytes (``position`` in a bytea, ``strpos`` under the collation "C"), which no
locale changes and no syntax misreads. A small answer is one round trip. A large one is read again
through a cursor, so that it is one state of the session and never in memory as a whole.
"""

from __future__ import annotations

import asyncio
import re
from operator import attrgetter, itemgetter
from typing import TYPE_CHECKING, Any

from everstore.models import FileInfo
from everstore.search import Text, compile_glob, selected
from everstore.turns import sorted_in_turns
from everstore_postgres.damage import content_as_text
from everstore_postgres.places import depth_of, place_of, span_of
from everstore_postgres.plain_files import CONTENT

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from everstore.models import GrepMatch
    from everstore.search import Query
    from everstore_postgres.database import Database

__all__ = ["PATH", "RECORD", "Searcher", "infos"]

_RECORDS = 1000  # made between two looks at the event loop
_FILES_AT_ONCE = 200  # at most so many texts come with the first round trip,
_BYTES_AT_ONCE = 8 << 20  # and together they are at most so large
_BATCH_BYTES = 4 << 20  # of a large answer, about so much is in memory at a time
_BYTES_ON_THE_LOOP = 1 << 16  # matched sooner than a thread is asked

# A run of which pg_trgm makes a trigram at least. It folds case by the database's locale, which for two
# letters may depend on what follows them (Lithuanian, Turkish).
_INDEXABLE = re.compile(r"[A-HK-Za-z0-9]{3,}")
# Where case is ignored, without the letters that are the same as another one outside of ASCII, too.
_INDEXABLE_FOLDED = re.compile(r"[A-HL-RT-Za-hl-rt-z0-9]{3,}")

_PATH_OF_RECORD = itemgetter(7)
_PATH_OF_TEXT = itemgetter(0)
PATH = "coalesce(long_path, place)"
_HERE = f"session_id = $1 AND ($2::text IS NULL OR strpos({PATH}, $2) > 0)"
RECORD = f"version, created_ns, updated_ns, serial, size, is_readonly, kind, {PATH}"
_TEXT = f"{PATH} AS path, size, content, content_id, tail"  # what is apart is read last, where it is sent
_CANDIDATES = f"SELECT {_TEXT} FROM {{schema}}.files WHERE {_HERE}"
_HOLDS = (
    "($3::bytea IS NULL OR CASE WHEN content_id IS NULL THEN position($3 IN content) > 0"
    " WHEN tail = 0 THEN coalesce("
    "(SELECT position($3 IN data) > 0 OR length(data) <> size"
    " FROM {schema}.contents WHERE id = content_id AND start = 0), true)"
    " ELSE (SELECT coalesce(position($3 IN string_agg(data, '')) > 0 OR sum(length(data)) <> size, true)"
    " FROM (SELECT data FROM {schema}.contents"
    " WHERE id = content_id AND start <= tail ORDER BY start) c) END)"
)
_IS_TEXT = f"kind IN ('t', 'z') AND {_HOLDS}"
# The index has the texts that pg_trgm can take in, and that are in their rows. The others have an index of
# their own, and are looked at one by one; CASE, so that no plan compares any other file's content first.
_OTHERS = "(kind = 'z' OR kind = 't' AND (size > 1048576 OR content_id IS NOT NULL))"


def _below(columns: str, first: int) -> str:
    """The statement that finds what is at a path and below it, level by level, as the key is ordered.

    Its first argument for that has the number ``first``: see ``_span``.
    """
    depth, low, high, low_below, high_below = (f"${first + each}" for each in range(5))
    found = "f.session_id = $1 AND f.depth = l.depth AND f.place >= l.low AND f.place < l.high"
    return (
        "WITH RECURSIVE levels (depth, low, high) AS ("
        f'SELECT {depth}::integer, {low}::text COLLATE "C", {high}::text COLLATE "C" UNION ALL'
        f' SELECT l.depth + 1, {low_below}::text COLLATE "C", {high_below}::text COLLATE "C" FROM levels l'
        f" WHERE EXISTS (SELECT FROM {{schema}}.files f WHERE {found}))"
        f" SELECT {columns} FROM levels l JOIN {{schema}}.files f ON {found} WHERE {_HERE}"
    )


def _span(top: str) -> tuple[int, str, str, str, str]:
    """What ``_below`` wants of a path: its depth, its place, and the places of what is below it."""
    place = place_of(top)
    _, low, high = span_of(top)
    return depth_of(top), place, f"{place}\x01", low, high


def _indexed(like: str) -> str:
    """The statement that has the index find the texts."""
    return (
        f"{_CANDIDATES} AND kind = 't' AND size <= 1048576"
        f' AND ({{schema}}.text_of(content) COLLATE "C") {like} $4 AND {_HOLDS}'
        f" UNION ALL {_CANDIDATES} AND {_OTHERS} AND CASE WHEN {_OTHERS} THEN {_HOLDS} ELSE false END"
    )


async def infos(session_id: UUID, rows: Sequence[Any]) -> list[FileInfo]:
    """Records of a listing's rows, sorted by path by code point, made without holding the event loop."""
    found: list[FileInfo] = []
    for start in range(0, len(rows), _RECORDS):
        if start:
            await asyncio.sleep(0)
        for row in rows[start : start + _RECORDS]:
            version, created_ns, updated_ns, serial, size, is_readonly, kind, path = row
            found.append(
                FileInfo(
                    version, created_ns, updated_ns, session_id, path, serial, size, is_readonly, kind == b"d"
                )
            )
    return await sorted_in_turns(found, attrgetter("path"))


def _at_first(texts: str) -> str:
    """As many of the texts as fit into one round trip; of the first that does not, only its path and size."""
    fits = f"upto <= {_BYTES_AT_ONCE}"
    return (
        f"SELECT path, size, CASE WHEN {fits} THEN {CONTENT} END, {fits} FROM ("
        "SELECT *, sum(size) OVER (ROWS UNBOUNDED PRECEDING) AS upto FROM ("
        f"{texts} LIMIT {_FILES_AT_ONCE + 1}) f) f"
    )


class Searcher:
    """The searches of one database."""

    def __init__(self, database: Database) -> None:
        """With or without the search index, as the database has it."""
        self._database = database
        self._files = database.sql(f"SELECT {RECORD} FROM {{schema}}.files WHERE {_HERE} AND kind <> 'd'")
        self._files_below = database.sql(f"{_below(RECORD, 3)} AND kind <> 'd'")
        self._scanned = database.sql(f"{_CANDIDATES} AND {_IS_TEXT}")
        self._scanned_below = database.sql(f"{_below(_TEXT, 4)} AND {_IS_TEXT}")
        self._indexed = database.sql(_indexed("LIKE"))
        self._indexed_folded = database.sql(_indexed("ILIKE"))

    async def glob(self, session_id: UUID, pattern: str) -> list[FileInfo]:
        """The files whose path the glob selects, sorted by path."""
        selects = compile_glob(pattern)
        statement = self._files
        args: list[object] = [session_id, selects.part]
        if selects.top != "/":
            statement, args = self._files_below, [*args, *_span(selects.top)]
        await self._database.begin_search()
        try:
            rows = await self._database.rows(statement, *args)
            chosen = await selected(selects, rows, _PATH_OF_RECORD)
        finally:
            self._database.end_search()
        return await infos(session_id, chosen)

    async def grep(self, session_id: UUID, query: Query, *, in_order: bool) -> list[GrepMatch]:
        """The matches of a search, sorted by path, then line.

        ``in_order`` has the server sort by path, for a search that stops at a limit.
        """
        texts, args = self._texts(session_id, query)
        if in_order:
            texts = f"SELECT * FROM ({texts}) f ORDER BY path"
        await self._database.begin_search()
        try:
            await self._grep(query, texts, args)
        finally:
            self._database.end_search()
        return query.sorted_matches()

    async def _grep(self, query: Query, texts: str, args: list[object]) -> None:
        """Match what the first round trip brings; when that is not all, all."""
        rows = await self._database.rows(self._database.sql(_at_first(texts)), *args)
        whole = next((count for count, row in enumerate(rows) if not row[3]), len(rows))
        if not await _match(query, rows[:whole]) and (whole < len(rows) or whole > _FILES_AT_ONCE):
            query.clear()
            await self._grep_all(query, texts, args)

    def _texts(self, session_id: UUID, query: Query) -> tuple[str, list[object]]:
        """The statement that finds the texts to look at, and its arguments."""
        required = query.required
        args: list[object] = [session_id, query.selects.part, None if required is None else required.encode()]
        if self._database.search_index:
            if run := _longest(_INDEXABLE, required):
                return self._indexed, [*args, f"%{run}%"]
            if run := _longest(_INDEXABLE_FOLDED, query.folded):
                return self._indexed_folded, [*args, f"%{run}%"]
        if query.selects.top != "/":
            return self._scanned_below, [*args, *_span(query.selects.top)]
        return self._scanned, args

    async def _grep_all(self, query: Query, texts: str, args: list[object]) -> None:
        """Match all texts of a large answer, a few MiB at a time."""
        count = 16
        # In one frame with its end, whatever ends it: a generator that is left early would keep the
        # transaction until somebody collects it, and hand its connection back with it.
        async with self._database.link() as link, link.connection.transaction(readonly=True):
            texts = self._database.sql(f"SELECT path, size, {CONTENT} FROM ({texts}) f")
            cursor = await link.cursor(texts, *args)
            while rows := await cursor.fetch(count):
                if await _match(query, rows):
                    break
                average = sum(size for _, size, _ in rows) // len(rows)
                count = max(1, min(1000, _BATCH_BYTES // (average + 1)))


def _longest(runs: re.Pattern[str], text: str | None) -> str | None:
    return max(runs.findall(text or ""), key=len, default=None)


async def _match(query: Query, rows: Sequence[Any]) -> bool:
    """Match some texts without holding the event loop; whether the limit is reached.

    The rows begin with the path, the size and the content.
    """
    chosen = await selected(query.selects, rows, _PATH_OF_TEXT)
    size = sum(row[1] for row in chosen)
    texts = (Text(row[0], content_as_text(*row[:3])) for row in chosen)
    await query.run(texts, in_thread=size > _BYTES_ON_THE_LOOP)
    return query.is_full
