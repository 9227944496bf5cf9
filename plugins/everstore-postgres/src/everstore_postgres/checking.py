"""Whether what is kept fits together; pages and indexes are the server's own matter (``pg_amcheck``)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from everstore_postgres.database import Database

__all__ = ["problems_of"]

# What is wrong, and a query for the session and the place of each.
_INDEXED = "SELECT session_id, created_ns, name, text FROM {schema}.labels"
_KEPT = (
    'SELECT s.id, s.created_ns, l.key COLLATE "C", l.value COLLATE "C" FROM {schema}.sessions s,'
    " jsonb_each_text(CASE WHEN jsonb_typeof(s.labels) = 'object' THEN s.labels END) l"
    r" WHERE substr(uuid_send(s.id), 7, 4) <> '\x8ec0ba5e'"  # no index has checkpoints'
)

_RULES = (
    (
        "files without content, or with another size than theirs",
        (
            "SELECT session_id, place FROM {schema}.files"
            " WHERE kind <> 'd' AND {schema}.bytes_of(content, content_id, tail) IS DISTINCT FROM size"
        ),
    ),
    (
        "directories with content",
        (
            "SELECT session_id, place FROM {schema}.files WHERE kind = 'd'"
            " AND (content IS NOT NULL OR content_id IS NOT NULL)"
        ),
    ),
    (
        "contents in chunks that are not those of their files",
        (
            "SELECT f.session_id, f.place FROM {schema}.files f, LATERAL ("
            "SELECT max(c.start) AS tail, sum(c.length) AS size, bool_and("
            "c.start = c.before AND c.length BETWEEN 1 AND {schema}.chunk_bytes()) AS are_sound FROM ("
            "SELECT c.start, length(c.data) AS length, coalesce(sum(length(c.data)) OVER ("
            "ORDER BY c.start ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS before"
            " FROM {schema}.contents c WHERE c.id = f.content_id) c) c"
            " WHERE f.content_id IS NOT NULL AND (NOT coalesce(c.are_sound, false)"
            " OR c.size <> f.size OR c.tail IS DISTINCT FROM f.tail)"
        ),
    ),
    (
        "contents that no file has",
        (
            "SELECT DISTINCT NULL::uuid, 'content ' || c.id FROM {schema}.contents c"
            " WHERE NOT EXISTS (SELECT FROM {schema}.files f WHERE f.content_id = c.id)"
        ),
    ),
    (
        "contents of which another number of files is counted than there are",
        (
            "SELECT NULL::uuid, 'content ' || coalesce(s.content_id, f.content_id) FROM {schema}.shares s"
            " FULL JOIN (SELECT content_id, count(*) AS files FROM {schema}.files"
            " WHERE content_id IS NOT NULL GROUP BY content_id) f ON f.content_id = s.content_id"
            " WHERE s.files IS DISTINCT FROM CASE WHEN f.files > 1 THEN f.files END"
        ),
    ),
    (
        "entries in no directory",
        (
            "SELECT f.session_id, f.place FROM {schema}.files f WHERE f.depth > 1"
            " AND NOT EXISTS (SELECT FROM {schema}.files p WHERE p.session_id = f.session_id"
            " AND p.depth = f.depth - 1 AND p.kind = 'd'"
            " AND p.place = {schema}.place_of(regexp_replace(coalesce(f.long_path, f.place), '/[^/]*$', '')))"
        ),
    ),
    (
        "paths that are not what the index says of them",
        (
            "SELECT session_id, place FROM {schema}.files"
            " WHERE place <> {schema}.place_of(coalesce(long_path, place))"
            " OR depth <> length(coalesce(long_path, place))"
            " - length(replace(coalesce(long_path, place), '/', ''))"
        ),
    ),
    (
        "texts that are no text",
        (
            "SELECT session_id, place FROM ("
            "SELECT session_id, place, kind, {schema}.whole(content, content_id, tail) AS content"
            " FROM {schema}.files WHERE kind IN ('t', 'z') OFFSET 0) f WHERE content IS NOT NULL"
            " AND ((position('\\x00'::bytea IN content) > 0) <> (kind = 'z')"
            " OR NOT {schema}.is_utf8(content, position('\\x00'::bytea IN content) > 0))"
        ),
    ),
    (
        "values or secrets that are no text",
        (
            "SELECT session_id, key FROM {schema}.entries"
            " WHERE NOT {schema}.is_utf8(value, position('\\x00'::bytea IN value) > 0)"
        ),
    ),
    (
        "entries that share their identity, or have one that is yet to be given out",
        (
            "SELECT session_id, place FROM {schema}.files"
            " WHERE serial > coalesce(pg_sequence_last_value('{schema}.serials'::regclass), 0)"
            " UNION ALL SELECT session_id, min(place) FROM {schema}.files"
            " GROUP BY session_id, serial HAVING count(*) > 1"
        ),
    ),
    (
        "sessions whose usage is counted wrongly",
        (
            "SELECT u.session_id, '/' FROM {schema}.usage u LEFT JOIN (SELECT session_id,"
            " count(*) AS entries, sum(size) FILTER (WHERE kind <> 'd') AS bytes"
            " FROM {schema}.files GROUP BY session_id) f USING (session_id)"
            " WHERE u.entries <> coalesce(f.entries, 0) OR u.bytes <> coalesce(f.bytes, 0)"
        ),
    ),
    (
        "limits of sessions that are none",
        (
            "SELECT session_id, 'its limits' FROM {schema}.session_limits"
            " WHERE part NOT IN ('f', 'v') OR most < 1 OR bytes < 1 OR coalesce(most, bytes) IS NULL"
        ),
    ),
    (
        "session labels that are none",
        (
            "SELECT id, 'its labels' FROM {schema}.sessions WHERE jsonb_typeof(labels) <> 'object'"
            " OR jsonb_path_exists(labels, '$.* ? (@.type() <> \"string\")')"
        ),
    ),
    (
        "checkpoints that are no session's",
        (
            r"SELECT id, 'its record' FROM {schema}.sessions"
            r" WHERE substr(uuid_send(id), 7, 4) = '\x8ec0ba5e' AND parent IS NULL"
        ),
    ),
    (
        "labels that the index has otherwise than their records",
        (
            f"(SELECT session_id, 'its labels' FROM ({_INDEXED} EXCEPT {_KEPT}) i)"
            f" UNION ALL (SELECT id, 'its labels' FROM ({_KEPT} EXCEPT {_INDEXED}) k)"
        ),
    ),
)


async def problems_of(database: Database) -> list[str]:
    """A line for each kind of thing that is wrong."""
    found = []
    for what, query in _RULES:
        counted = database.sql(
            f"SELECT count(*), min(w.session_id::text), min(w.place) FROM ({query}) w(session_id, place)"
        )
        [(count, session, place)] = await database.rows(counted)
        if count:
            where = "" if session is None else f" in session {session}"
            found.append(f"{count} {what}: one is {place!r:.300}{where}")
    return found
