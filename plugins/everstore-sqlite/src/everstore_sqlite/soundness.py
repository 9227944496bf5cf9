"""What must hold of a sound database, as queries for what is not so."""

from __future__ import annotations

from everstore_sqlite.schema import CHECKPOINTS, SESSIONS

__all__ = [
    "DIRECTORIES",
    "INDEX_RULES",
    "LABELS",
    "LIMITS",
    "NO_STALE",
    "OLDER_VIEWS",
    "PARENTS",
    "RULES",
    "SHARING",
    "STALE",
    "VIEWS",
]

_NO_STAMPS = "(typeof(version) <> 'integer' OR typeof(created) <> 'integer' OR typeof(updated) <> 'integer')"
_NO_KEY = "(typeof(key) <> 'text' OR key = '' OR NOT is_text(CAST(key AS BLOB)) OR length(session) <> 16)"

# Each row: what is wrong, and a query for the session (or NULL) and the place of each.
RULES: tuple[tuple[str, str], ...] = (
    (
        "entries with what no entry has",
        f"""
        SELECT session, parent || name FROM entries
        WHERE {_NO_STAMPS} OR typeof(serial) <> 'integer' OR typeof(size) <> 'integer' OR size < 0
            OR is_readonly NOT IN (0, 1) OR is_directory NOT IN (0, 1)
            OR typeof(session) <> 'blob' OR length(session) <> 16
        """,  # noqa: S608 - made of constants
    ),
    (
        "entries whose path is none",
        """
        SELECT session, parent || name FROM entries
        WHERE typeof(parent) <> 'text' OR typeof(name) <> 'text' OR name IN ('', '.', '..')
            OR instr(name, '/') OR parent NOT LIKE '/%' OR parent NOT LIKE '%/'
            OR NOT is_text(CAST(parent || name AS BLOB))
        """,
    ),
    (
        "contents that are none",
        """
        SELECT NULL, 'content ' || serial FROM contents WHERE is_text NOT IN (0, 1) OR typeof(data) <> 'blob'
        """,
    ),
    (
        "files without content",
        """
        SELECT e.session, e.parent || e.name FROM temp.files e LEFT JOIN contents c ON c.serial = e.number
        WHERE c.serial IS NULL
        """,
    ),
    (
        "contents without a file",
        """
        SELECT t.session, 'content ' || c.serial
        FROM contents c LEFT JOIN trees t ON t.slot = c.serial >> {bits}
        WHERE c.serial NOT IN (SELECT number FROM temp.files)
        """,
    ),
    (
        "entries in no directory",
        """
        SELECT session, parent || name FROM entries WHERE parent <> '/' AND (session, parent) NOT IN
            (SELECT session, parent || name || '/' FROM entries WHERE is_directory)
        """,
    ),
    (
        "files whose size is not that of their content",
        """
        SELECT e.session, e.parent || e.name FROM temp.files e JOIN contents c ON c.serial = e.number
        WHERE e.size <> length(c.data) AND NOT (c.serial IN (SELECT number FROM temp.chunked)
            AND e.size = (SELECT size FROM temp.chunked WHERE number = c.serial))
        """,
    ),
    (
        "texts that are no text",
        """
        SELECT e.session, e.parent || e.name FROM temp.files e JOIN contents c ON c.serial = e.number
        WHERE c.is_text AND NOT is_text(c.data)
        """,
    ),
    (
        "entries that share their identity",
        """
        SELECT session, min(parent || name) FROM entries GROUP BY session, serial HAVING count(*) > 1
        """,
    ),
    (
        "entries of a session that is not counted, or counted wrongly",
        """
        SELECT e.session, e.parent || e.name FROM entries e LEFT JOIN trees t USING (session)
        WHERE t.slot IS NULL
        """,
    ),
    (
        "entries of numbers that are still to be given out",
        """
        SELECT e.session, e.parent || e.name FROM entries e JOIN trees t ON t.slot = e.serial >> {bits}
        WHERE e.serial & {mask} > t.last
        """,
    ),
    (
        "sessions whose usage is counted wrongly",
        """
        SELECT t.session, '/' FROM trees t LEFT JOIN (
            SELECT session, sum(NOT is_directory) AS files, sum(iif(is_directory, 0, size)) AS bytes
            FROM entries GROUP BY session
        ) e USING (session)
        WHERE t.files <> coalesce(e.files, 0) OR t.bytes <> coalesce(e.bytes, 0)
        """,
    ),
    (
        "sessions that share their place",
        "SELECT min(session), '/' FROM trees GROUP BY slot HAVING count(*) > 1",
    ),
    (
        "sessions that are not counted in numbers",
        """
        SELECT session, '/' FROM trees
        WHERE typeof(slot) <> 'integer' OR typeof(last) <> 'integer' OR typeof(session) <> 'blob'
        """,
    ),
    (
        "values that are no text",
        "SELECT session, key FROM pairs WHERE NOT is_text(value)",
    ),
    (
        "secrets that are no ciphertext",
        "SELECT session, key FROM secrets WHERE NOT is_text(value)",
    ),
    *(
        (
            f"{what} with what none has",
            f"""
            SELECT session, key FROM {table}
            WHERE {_NO_KEY} OR {_NO_STAMPS} OR typeof(expires) NOT IN ('null', 'integer')
            """,  # noqa: S608 - made of constants
        )
        for what, table in (("values", "pairs"), ("secrets", "secrets"))
    ),
    (
        "session records that are none",
        """
        SELECT id, 'its record' FROM sessions
        WHERE typeof(id) <> 'blob' OR length(id) <> 16 OR typeof(created) <> 'integer' OR created < 0
            OR typeof(updated) <> 'integer' OR updated < 0
            OR typeof(title) NOT IN ('null', 'text') OR NOT is_text(CAST(coalesce(title, '') AS BLOB))
        """,
    ),
    (
        "counters that were given out already",
        """
        SELECT NULL, 'counters' FROM counters
        WHERE slot < (SELECT coalesce(max(slot), 0) FROM trees)
        """,
    ),
)

# Counted since a later version of the schema, which a backup may be older than.
DIRECTORIES = (
    "sessions whose directories are counted wrongly",
    """
    SELECT session, '/' FROM trees t WHERE directories <>
        (SELECT count(*) FROM entries e WHERE e.session = t.session AND is_directory)
    """,
)

_EACH_LABEL = "json_each(iif(json_valid(labels), labels, '[]'))"
_KEPT_LABELS = f"""
    SELECT s.id, created, key, value FROM (SELECT * FROM sessions WHERE {SESSIONS}) s, {_EACH_LABEL}
"""  # noqa: S608 - made of constants
_INDEXED_LABELS = "SELECT session, created, name, text FROM labels"
LABELS: tuple[tuple[str, str], ...] = (
    (
        "session labels that are none",
        f"""
        SELECT id, 'its labels' FROM sessions WHERE labels IS NOT NULL AND (
            typeof(labels) <> 'text' OR json_type(iif(json_valid(labels), labels, '[]')) <> 'object'
            OR EXISTS (SELECT 1 FROM {_EACH_LABEL} WHERE type <> 'text')
        )
        """,  # noqa: S608 - made of constants
    ),
    (
        "labels that the index has otherwise than their records",
        f"""
        SELECT session, 'its labels' FROM ({_INDEXED_LABELS} EXCEPT {_KEPT_LABELS})
        UNION ALL SELECT id, 'its labels' FROM ({_KEPT_LABELS} EXCEPT {_INDEXED_LABELS})
        """,  # noqa: S608 - made of constants
    ),
)

PARENTS = (
    "session records whose parent is none",
    f"""
    SELECT id, 'its parent' FROM sessions
    WHERE (parent IS NOT NULL AND (typeof(parent) <> 'blob' OR length(parent) <> 16))
        OR (parent IS NULL AND {CHECKPOINTS})
    """,  # noqa: S608 - made of constants
)

LIMITS = (
    "limits of sessions that are none",
    """
    SELECT session, part FROM session_limits
    WHERE typeof(session) <> 'blob' OR length(session) <> 16 OR part NOT IN ('files', 'values')
        OR typeof(most) NOT IN ('null', 'integer') OR most < 1
        OR typeof(bytes) NOT IN ('null', 'integer') OR bytes < 1
    """,
)

INDEX_RULES: tuple[tuple[str, str], ...] = (
    (
        "rows of the search index that wait for a text that is gone",
        """
        SELECT NULL, 'content ' || serial FROM search_todo
        WHERE serial NOT IN (SELECT serial FROM contents)
        """,
    ),
    (
        "rows of the search index without a text",
        """
        SELECT NULL, 'content ' || doc FROM temp.indexed
        WHERE doc NOT IN (SELECT serial FROM contents WHERE is_text UNION ALL SELECT serial FROM search_stale)
        """,
    ),
    (
        "texts that the search index leaves out",
        """
        SELECT NULL, 'content ' || serial FROM contents
        WHERE is_text AND (length(CAST(data AS TEXT)) >= 3 OR serial IN (SELECT number FROM temp.chunked))
            AND serial NOT IN (SELECT doc FROM temp.indexed UNION ALL SELECT serial FROM search_todo)
        """,
    ),
)


# Of contents that entries share, and of chunks: since a later version of the schema.
SHARING: tuple[tuple[str, str], ...] = (
    (
        "entries whose content has no number",
        """
        SELECT session, parent || name FROM entries
        WHERE typeof(content) NOT IN ('null', 'integer') OR typeof(digest) NOT IN ('null', 'blob')
            OR (is_directory AND (content IS NOT NULL OR digest IS NOT NULL))
        """,
    ),
    (
        "contents of numbers that are still to be given out",
        """
        SELECT e.session, e.parent || e.name FROM temp.files e JOIN trees t ON t.slot = e.number >> {bits}
        WHERE e.number & {mask} > t.last
        """,
    ),
    (
        "contents of a place that their session does not know of",
        """
        SELECT e.session, e.parent || e.name FROM temp.files e JOIN trees t USING (session)
        WHERE e.number >> {bits} <> t.slot AND (e.session, e.number >> {bits}) NOT IN
            (SELECT session, slot FROM origins)
        """,
    ),
    (
        "contents and chunks that are not counted by how many have them",
        """
        SELECT NULL, 'number ' || number FROM (
            SELECT number, count(*) AS refs FROM temp.files GROUP BY number
            UNION ALL SELECT chunk, count(*) FROM pieces GROUP BY chunk
        ) AS had LEFT JOIN shares ON shares.content = had.number WHERE ifnull(shares.refs, 1) <> had.refs
        UNION ALL SELECT NULL, 'number ' || content FROM shares WHERE refs < 2 OR content NOT IN
            (SELECT number FROM temp.files UNION ALL SELECT chunk FROM pieces)
        """,
    ),
    (
        "chunks that are missing or none",
        """
        SELECT NULL, 'content ' || content FROM pieces LEFT JOIN chunks ON chunks.id = chunk
        WHERE typeof(data) <> 'blob' OR length(data) NOT BETWEEN 1 AND {chunk}
            OR (length(data) < {chunk} AND (content, number + 1) IN (SELECT content, number FROM pieces))
            OR number AND (content, number - 1) NOT IN (SELECT content, number FROM pieces)
        """,
    ),
    (
        "chunks without a content",
        """
        SELECT NULL, 'chunk ' || id FROM chunks WHERE id NOT IN (SELECT chunk FROM pieces)
        UNION ALL SELECT NULL, 'content ' || content FROM pieces WHERE content NOT IN
            (SELECT serial FROM contents UNION ALL SELECT number FROM temp.stale)
        """,
    ),
    (
        "chunks that are not what was written",
        """
        SELECT NULL, 'content ' || p.content FROM pieces p JOIN chunks ON id = p.chunk
        LEFT JOIN pieces q ON q.content = p.content AND q.number = p.number - 1
        WHERE hash(data) <> p.digest OR hash(CAST(ifnull(q.prefix, x'') || p.digest AS BLOB)) <> p.prefix
        """,
    ),
    (
        "contents that are not what was written",
        """
        SELECT e.session, e.parent || e.name FROM temp.files e JOIN contents c ON c.serial = e.number
        LEFT JOIN pieces p ON p.content = c.serial
            AND p.number = (SELECT max(number) FROM pieces WHERE content = c.serial)
        WHERE e.digest IS NOT NULL AND e.digest <> digest(ifnull(p.prefix, hash(c.data)), c.is_text)
        """,
    ),
)

VIEWS = (
    """
    CREATE TEMP VIEW files AS SELECT session, parent, name, size, ifnull(content, serial) AS number, digest
    FROM main.entries WHERE NOT is_directory
    """,
    """
    CREATE TEMP VIEW chunked AS SELECT content AS number, total(length(data)) AS size
    FROM main.pieces LEFT JOIN main.chunks ON id = chunk GROUP BY content
    """,
)
OLDER_VIEWS = (
    """
    CREATE TEMP VIEW files AS SELECT session, parent, name, size, serial AS number
    FROM main.entries WHERE NOT is_directory
    """,
    "CREATE TEMP VIEW chunked AS SELECT 0 AS number, 0 AS size WHERE 0",
)
STALE = "CREATE TEMP VIEW stale AS SELECT serial AS number FROM main.search_stale"
NO_STALE = "CREATE TEMP VIEW stale AS SELECT 0 AS number WHERE 0"
