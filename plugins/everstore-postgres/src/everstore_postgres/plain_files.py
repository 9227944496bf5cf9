"""The plain read, stat and write of a file, which most calls are, and which share statements."""

from __future__ import annotations

from typing import TYPE_CHECKING

from everstore_postgres.sharing import LARGE, PATIENCE, Shared

if TYPE_CHECKING:
    from everstore_postgres.database import Database

__all__ = ["AT", "CHUNKS", "CONTENT", "PART", "STAMPS", "plain_reads", "plain_stats", "plain_writes"]

STAMPS = "version, created_ns, updated_ns, serial, size, is_readonly, kind"
"""What is known of a file, but its content."""
AT = "session_id = $1 AND depth = $2 AND place = $3"
"""Of one file."""
CONTENT = (
    "CASE WHEN content_id IS NULL THEN content"
    " WHEN tail = 0 THEN (SELECT c.data FROM {schema}.contents c WHERE c.id = content_id AND c.start = 0)"
    " ELSE {schema}.content_of(content_id, tail) END"
)
"""The whole content of each of many rows: of one chunk, as most have, without a call of a function."""

# Of one row by the function: for what is in the row, as the smallest are, no plan of chunks is begun.
_SMALL = (
    "CASE WHEN content_id IS NULL THEN content"
    " WHEN size <= 262144 THEN {schema}.content_of(content_id, tail) END"
)
CHUNKS = (
    f"SELECT {STAMPS}, CASE WHEN content_id IS NULL THEN content ELSE chunk END FROM {{schema}}.files"
    f" LEFT JOIN LATERAL {{schema}}.chunks_of(content_id, tail) AS chunk ON true WHERE {AT}"
)
"""The stamps and the content of a file, in a row a chunk."""

# No more than the range is read: of what is apart, the chunks that have it; of what is in the row, and
# large, the pieces that the server keeps it in, uncompressed. There is no data where it is not whole.
_FIRST = "CASE WHEN $4::bigint < 0 THEN greatest(size + $4, 0) ELSE least(size, $4) END::integer"
_MOST = "least(size, $5::bigint)::integer"
PART = (
    "SELECT kind, CASE"
    f" WHEN content_id IS NOT NULL THEN {{schema}}.part_of(content_id, tail, size, {_FIRST}, {_MOST})"
    f" WHEN length(content) = size THEN substr(content, {_FIRST} + 1, {_MOST})"
    f" END AS data FROM {{schema}}.files WHERE {AT}"
)
"""The kind and some bytes of a file."""

_MANY = """
SELECT session_id, depth, place, {alone} AS alone, {columns}
FROM unnest($1::uuid[], $2::integer[], $3::text[]) AS asked (session_id, depth, place)
JOIN {{schema}}.files USING (session_id, depth, place)
"""
_ALONE = f"coalesce(greatest(length(content), size) > {LARGE}, false)"
_CONTENT = f"CASE WHEN greatest(length(content), size) <= {LARGE} THEN {CONTENT} END AS content"


def plain_reads(database: Database) -> Shared:
    """The stamps and the content, last in the row, of a session, a depth and a place.

    There is no content where it is to be asked for in chunks: the server would take longer to join them.
    """
    return _looks(
        database, f"{STAMPS}, {_SMALL}", _MANY.format(alone=_ALONE, columns=f"{STAMPS}, {_CONTENT}")
    )


def plain_stats(database: Database) -> Shared:
    """The stamps, last in the row, of a session, a depth and a place."""
    return _looks(database, STAMPS, _MANY.format(alone=False, columns=STAMPS))


def _looks(database: Database, columns: str, many: str) -> Shared:
    one = f"SELECT {columns} FROM {{schema}}.files WHERE {AT}"
    return Shared(database, database.sql(one), database.sql(many), about=3, changes=False)


def plain_writes(database: Database) -> Shared:
    """Writes without a condition or limits, of a session, a path and what ``write_file`` wants besides."""
    one = "SELECT * FROM {schema}.write_file($1, $2, $3, $4, $5, $6, $7)"
    many = f"SELECT * FROM {{schema}}.put_files($1, $2, $3, $4, $5, $6, $7, '{PATIENCE}')"
    return Shared(database, database.sql(one), database.sql(many), about=2, changes=True)
