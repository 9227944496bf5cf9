"""Whether a database is sound: what SQLite says of its pages, and what everstore knows of its rows.

Only looks: nothing is written, and no log is played into the file, for a log that lies there may be
another database's. Findings name how many there are and one place, never what is stored there.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from everstore_sqlite import index
from everstore_sqlite.connecting import connect
from everstore_sqlite.contents import CHUNK_BYTES, digest_of
from everstore_sqlite.failures import code_of
from everstore_sqlite.holding import is_held, taken_away
from everstore_sqlite.schema import APPLICATION_ID, CHECKPOINTS, SESSIONS
from everstore_sqlite.stale import was_written_over
from everstore_sqlite.standing import Files
from everstore_sqlite.usage import SLOT_BITS

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["check", "counted", "is_ours", "looked_at", "problems_of", "torn"]

_SHOWN = 5  # of what SQLite finds

_NO_STAMPS = "(typeof(version) <> 'integer' OR typeof(created) <> 'integer' OR typeof(updated) <> 'integer')"
_NO_KEY = "(typeof(key) <> 'text' OR key = '' OR NOT is_text(CAST(key AS BLOB)) OR length(session) <> 16)"

# Each row: what is wrong, and a query for the session (or NULL) and the place of each.
_RULES: tuple[tuple[str, str], ...] = (
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
_DIRECTORIES = (
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
_LABELS: tuple[tuple[str, str], ...] = (
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

_PARENTS = (
    "session records whose parent is none",
    f"""
    SELECT id, 'its parent' FROM sessions
    WHERE (parent IS NOT NULL AND (typeof(parent) <> 'blob' OR length(parent) <> 16))
        OR (parent IS NULL AND {CHECKPOINTS})
    """,  # noqa: S608 - made of constants
)

_LIMITS = (
    "limits of sessions that are none",
    """
    SELECT session, part FROM session_limits
    WHERE typeof(session) <> 'blob' OR length(session) <> 16 OR part NOT IN ('files', 'values')
        OR typeof(most) NOT IN ('null', 'integer') OR most < 1
        OR typeof(bytes) NOT IN ('null', 'integer') OR bytes < 1
    """,
)

_INDEX_RULES: tuple[tuple[str, str], ...] = (
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
_SHARING: tuple[tuple[str, str], ...] = (
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

_VIEWS = (
    """
    CREATE TEMP VIEW files AS SELECT session, parent, name, size, ifnull(content, serial) AS number, digest
    FROM main.entries WHERE NOT is_directory
    """,
    """
    CREATE TEMP VIEW chunked AS SELECT content AS number, total(length(data)) AS size
    FROM main.pieces LEFT JOIN main.chunks ON id = chunk GROUP BY content
    """,
)
_OLDER_VIEWS = (
    """
    CREATE TEMP VIEW files AS SELECT session, parent, name, size, serial AS number
    FROM main.entries WHERE NOT is_directory
    """,
    "CREATE TEMP VIEW chunked AS SELECT 0 AS number, 0 AS size WHERE 0",
)
_STALE = "CREATE TEMP VIEW stale AS SELECT serial AS number FROM main.search_stale"
_NO_STALE = "CREATE TEMP VIEW stale AS SELECT 0 AS number WHERE 0"


def looked_at(path: Path, timeout: float = 30.0) -> sqlite3.Connection:
    """A connection that only looks, whatever may be written there."""
    log = Path(f"{path}-wal")
    # Who may write plays a log into the database when closing; where there is none, cleans up instead.
    mode = "mode=ro" if log.exists() and log.stat().st_size else "mode=rw"
    try:
        return _connected(path, mode, timeout)
    except sqlite3.OperationalError as error:
        if code_of(error) not in {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY} or mode == "mode=ro":
            raise
        return _connected(path, "mode=ro&immutable=1", timeout)  # a folder where nothing can be made


def _connected(path: Path, mode: str, timeout: float) -> sqlite3.Connection:
    connection = connect(path, mode, timeout=timeout)
    # What is no UTF-8 is found by a rule of its own, and must be told without a failure.
    connection.text_factory = lambda text: text.decode(errors="backslashreplace")
    try:
        connection.execute("PRAGMA temp_store = MEMORY")
        connection.execute("PRAGMA query_only = 1")
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection


def is_ours(connection: sqlite3.Connection) -> bool:
    """Whether the database is one of everstore's."""
    return bool(connection.execute("PRAGMA application_id").fetchone()[0] == APPLICATION_ID)


def counted(connection: sqlite3.Connection) -> str:
    """How much there is, in words."""
    files, values, secrets, records = connection.execute(
        "SELECT (SELECT count(*) FROM entries WHERE NOT is_directory), (SELECT count(*) FROM pairs),"
        " (SELECT count(*) FROM secrets), (SELECT count(*) FROM sessions)"
    ).fetchone()
    return f"{files} files, {values} values, {secrets} secrets, {records} session records"


def check(path: Path, *, deep: bool) -> list[str]:
    """What is wrong with the database at a path; ``[]`` when nothing is, or nothing is there yet."""
    found = [*taken_away(path)]
    if not path.exists():
        left = [suffix for suffix in ("-wal", "-shm") if Path(f"{path}{suffix}").exists()]
        if left:
            found.append(f"{str(path)!r} is gone, and its {' and '.join(left)} are left: it was removed")
        return found
    files = Files(path)
    stale = files.stale_log()
    if stale is not None:
        return [*found, stale]
    is_left = _has_left_log(files)
    if is_left and was_written_over(path, files.log):
        found.append(
            f"{str(path)!r} was written over after its log {str(files.log)!r}, which would damage it: put a "
            "backup there with 'everstore restore FILE'; if both were only copied here, open the store once"
        )
        return found
    deep |= is_left  # nobody is kept waiting, and the log may be of another database
    try:
        with closing(looked_at(path)) as connection:
            if not connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                return found  # nothing in it yet
            if not is_ours(connection):
                return [*found, f"{str(path)!r} is no database of everstore's"]
            connection.execute("BEGIN")  # one moment for everything that follows
            found += torn(connection, is_quick=not deep)
            if deep and not found:
                found += problems_of(connection)
    except sqlite3.DatabaseError as error:
        found.append(f"{str(path)!r} is damaged or cannot be read: {_name_of(error)}")
    return found


def _has_left_log(files: Files) -> bool:
    """Whether there is a log, and nobody who writes it: a process was killed, or files were copied."""
    is_there = files.log.exists() and files.log.stat().st_size > 0
    return is_there and not files.is_open_here() and not is_held(files.database)


def torn(connection: sqlite3.Connection, *, is_quick: bool = False) -> list[str]:
    """What SQLite finds wrong with the database's pages and indexes."""
    pragma = "quick_check" if is_quick else "integrity_check"
    try:
        rows = connection.execute(f"PRAGMA {pragma}({_SHOWN})").fetchall()
    except sqlite3.DatabaseError as error:
        return [f"pages are damaged: {_name_of(error)}"]
    return [f"pages are damaged: {' '.join(row[0].split())}" for row in rows if row[0] != "ok"]


def _name_of(error: sqlite3.DatabaseError) -> str:
    """What SQLite calls the failure; the driver's own ones have no name, and quote what is stored."""
    return getattr(error, "sqlite_errorname", type(error).__name__)


def problems_of(connection: sqlite3.Connection) -> list[str]:
    """What does not fit together, a line for each kind."""
    connection.create_function("is_text", 1, _is_text, deterministic=True)
    connection.create_function("hash", 1, _hash, deterministic=True)
    connection.create_function("digest", 2, _digest, deterministic=True)
    connection.execute("PRAGMA query_only = 0")  # for views and a list of its own, outside the database
    has_shares = bool(connection.execute("PRAGMA table_info(shares)").fetchone())
    for view in (
        *(_VIEWS if has_shares else _OLDER_VIEWS),
        _STALE if index.exists(connection) else _NO_STALE,
    ):
        connection.execute(view)
    rules = [*_RULES]
    if has_shares:
        rules += _SHARING
    columns = {row[1] for row in connection.execute("PRAGMA table_info(trees)")}
    if "directories" in columns:
        rules.append(_DIRECTORIES)
    if connection.execute("PRAGMA table_info(labels)").fetchone():
        rules += _LABELS
    if connection.execute("PRAGMA table_info(session_limits)").fetchone():
        rules.append(_LIMITS)
    if "parent" in {row[1] for row in connection.execute("PRAGMA table_info(sessions)")}:
        rules.append(_PARENTS)
    if index.exists(connection):
        # Which rows the index has only its terms tell.
        connection.execute("CREATE VIRTUAL TABLE temp.terms USING fts5vocab(main, search, instance)")
        connection.execute("CREATE TEMP TABLE indexed AS SELECT DISTINCT doc FROM temp.terms")
        rules += _INDEX_RULES
    return list(_broken(connection, rules))


def _broken(connection: sqlite3.Connection, rules: list[tuple[str, str]]) -> Iterator[str]:
    for what, query in rules:
        sql = query.format(bits=SLOT_BITS, mask=(1 << SLOT_BITS) - 1, chunk=CHUNK_BYTES)
        places = connection.execute(sql)
        first = places.fetchone()
        if first is not None:
            count = 1 + sum(1 for _ in places)
            yield f"{count} {what}: the first is {first[1]!r:.300}{_session(first[0])}"


def _session(key: bytes | None) -> str:
    if key is None:
        return ""
    is_id = isinstance(key, bytes) and len(key) == 16
    return f" in session {UUID(bytes=key)}" if is_id else " in a session without an id"


def _is_text(data: object) -> bool:
    try:
        return isinstance(data, bytes) and data.decode() is not None
    except UnicodeDecodeError:
        return False


def _hash(data: object) -> bytes:
    return sha256(data if isinstance(data, bytes) else b"").digest()


def _digest(hashed: bytes, is_text: object) -> bytes:
    return digest_of(hashed, is_text=is_text == 1)
