"""What is in the file, version by version, and how an older file becomes a newer one.

``entries`` is the tree: one row a file or directory, keyed by session, parent and name, so that
one B-tree answers a look-up, a listing (all rows of a parent) and a subtree (a range of parents).
A parent is kept with its slash: the path is ``parent || name``, and all that is below ``/a``, at any
depth, has a parent from ``/a/`` to ``/a0``. The root has no row. Rows are small, many to a page, hence
``WITHOUT ROWID``.

``contents`` has the real bytes of files, by a rowid of our own: ``serial``, which is the session's
slot in the upper 31 bits and a number within the session in the lower 32, never given out twice. An entry's
is ``content``; where that is NULL, the entry's own serial. A fork's or a copy's entry has that of its source.
What more than one entry has is not changed, but written anew beside it. ``digest`` tells apart what two
entries have in chunks without reading it; what is in its own row is told apart by itself, though a version
in between made digests of these, too.

A content above ``contents.INLINE_BYTES`` has no bytes in its own row, but in ``pieces``: the numbers of rows
of ``chunks``, all of one size but the last, with a digest of each, and of all up to it. Contents may share
chunks.

``shares`` has how many entries have a content, or contents a chunk (their numbers are of one kind), where it
is more than one; what has no row there goes with who has it. ``origins`` has the slots, other than its own,
that numbers of a session's contents may be of: those of the sessions that it is a fork of.

``trees`` has what a session's limits on files are checked against, and its slot. ``counters`` has one row:
the last slot that was given out (``version`` is not counted any more).

``session_limits`` has what a session's own limits allow: a row for its ``files`` (``most`` entries) and one
for its ``values`` (``most`` values and secrets), where these have any.

``labels`` has a row for each label of a session's record, in the order that records are listed in: what
``sessions`` has of them in JSON is the record, this is the index, which triggers keep, whoever writes.
Checkpoints, whose ids say what they are, have records, but are in none of the indexes that sessions are
listed by.

Text is compared with SQLite's ``BINARY`` collation, byte by byte in UTF-8, which is by code point.
Contents and values are ``BLOB``: SQL's text functions end at a NUL, bytes do not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from everstore.errors import SettingsError, StorageReplacedError

if TYPE_CHECKING:
    import sqlite3

__all__ = [
    "APPLICATION_ID",
    "CHECKPOINTS",
    "LATEST",
    "MIGRATIONS",
    "SESSIONS",
    "migrate",
    "require_latest",
    "require_store",
    "require_unchanged",
]

APPLICATION_ID = 0x45565354  # "EVST", in the header of the file

_VERSION_1 = (
    """
    CREATE TABLE counters (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        version INTEGER NOT NULL,
        slot INTEGER NOT NULL
    )
    """,
    "INSERT INTO counters VALUES (1, 0, 0)",
    """
    CREATE TABLE trees (
        session BLOB PRIMARY KEY,
        slot INTEGER NOT NULL,
        last INTEGER NOT NULL,
        files INTEGER NOT NULL,
        bytes INTEGER NOT NULL
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE entries (
        session BLOB NOT NULL,
        parent TEXT NOT NULL,
        name TEXT NOT NULL,
        version INTEGER NOT NULL,
        created INTEGER NOT NULL,
        updated INTEGER NOT NULL,
        serial INTEGER NOT NULL,
        size INTEGER NOT NULL,
        is_readonly INTEGER NOT NULL,
        is_directory INTEGER NOT NULL,
        PRIMARY KEY (session, parent, name)
    ) WITHOUT ROWID
    """,
    "CREATE TABLE contents (serial INTEGER PRIMARY KEY, is_text INTEGER NOT NULL, data BLOB NOT NULL)",
    *(
        f"""
        CREATE TABLE {table} (
            session BLOB NOT NULL,
            key TEXT NOT NULL,
            version INTEGER NOT NULL,
            created INTEGER NOT NULL,
            updated INTEGER NOT NULL,
            expires INTEGER,
            value BLOB NOT NULL,
            PRIMARY KEY (session, key)
        ) WITHOUT ROWID
        """
        for table in ("pairs", "secrets")
    ),
    """
    CREATE TABLE sessions (
        id BLOB PRIMARY KEY,
        title TEXT,
        created INTEGER NOT NULL,
        updated INTEGER NOT NULL
    ) WITHOUT ROWID
    """,
    "CREATE INDEX sessions_by_age ON sessions (created, id)",
)

_VERSION_2 = (
    # What is past its time is found without looking at what is not.
    "CREATE INDEX pairs_by_expiry ON pairs (expires) WHERE expires IS NOT NULL",
    "CREATE INDEX secrets_by_expiry ON secrets (expires) WHERE expires IS NOT NULL",
)

_VERSION_3 = (
    # A session's directories count against its limit as its files do.
    "ALTER TABLE trees ADD COLUMN directories INTEGER NOT NULL DEFAULT 0",
    """
    UPDATE trees SET directories = (
        SELECT count(*) FROM entries WHERE entries.session = trees.session AND is_directory
    )
    """,
)

# A record without labels costs the triggers a look at the row. What is no JSON any more has no labels.
_LABELS = "json_each(iif(json_valid({0}.labels), {0}.labels, '[]'))"
_INDEX_LABELS = f"""
    INSERT OR IGNORE INTO labels (name, text, created, session)
        SELECT key, value, new.created, new.id FROM {_LABELS.format("new")};
"""  # noqa: S608 - made of constants
_FORGET_LABELS = f"""
    DELETE FROM labels WHERE (name, text, created, session) IN
        (SELECT key, value, old.created, old.id FROM {_LABELS.format("old")});
"""  # noqa: S608 - made of constants

_VERSION_4 = (
    "ALTER TABLE sessions ADD COLUMN labels TEXT",
    """
    CREATE TABLE labels (
        name TEXT NOT NULL,
        text TEXT NOT NULL,
        created INTEGER NOT NULL,
        session BLOB NOT NULL,
        PRIMARY KEY (name, text, created, session)
    ) WITHOUT ROWID
    """,
    f"""
    CREATE TRIGGER labels_added AFTER INSERT ON sessions WHEN new.labels IS NOT NULL
    BEGIN {_INDEX_LABELS} END
    """,
    f"""
    CREATE TRIGGER labels_changed AFTER UPDATE ON sessions
    WHEN old.labels IS NOT new.labels OR (new.labels IS NOT NULL AND old.created <> new.created)
    BEGIN {_FORGET_LABELS} {_INDEX_LABELS} END
    """,
    f"""
    CREATE TRIGGER labels_removed AFTER DELETE ON sessions WHEN old.labels IS NOT NULL
    BEGIN {_FORGET_LABELS} END
    """,
    """
    CREATE TABLE session_limits (
        session BLOB NOT NULL,
        part TEXT NOT NULL,
        most INTEGER,
        bytes INTEGER,
        PRIMARY KEY (session, part)
    ) WITHOUT ROWID
    """,
)

CHECKPOINTS, SESSIONS = "substr(id, 7, 4) = x'8ec0ba5e'", "substr(id, 7, 4) <> x'8ec0ba5e'"
"""Of which records these are (``everstore.models.is_checkpoint``), as their indexes say it."""

_IS_SESSION = "substr(new.id, 7, 4) <> x'8ec0ba5e'"

# Checkpoints are kept, and listed by whose they are; no list of sessions looks at one.
_CHECKPOINTS = (
    "ALTER TABLE sessions ADD COLUMN parent BLOB",
    "DROP INDEX sessions_by_age",
    f"CREATE INDEX sessions_by_age ON sessions (created, id) WHERE {SESSIONS}",
    f"CREATE INDEX checkpoints_by_age ON sessions (parent, created, id) WHERE {CHECKPOINTS}",
    "DROP TRIGGER labels_added",
    f"""
    CREATE TRIGGER labels_added AFTER INSERT ON sessions WHEN new.labels IS NOT NULL AND {_IS_SESSION}
    BEGIN {_INDEX_LABELS} END
    """,
    "DROP TRIGGER labels_changed",
    f"""
    CREATE TRIGGER labels_changed AFTER UPDATE ON sessions
    WHEN (old.labels IS NOT new.labels OR (new.labels IS NOT NULL AND old.created <> new.created))
        AND {_IS_SESSION}
    BEGIN {_FORGET_LABELS} {_INDEX_LABELS} END
    """,
)

_VERSION_5 = (
    # NULL where an older version wrote it: no row is rewritten.
    "ALTER TABLE entries ADD COLUMN content INTEGER",
    "ALTER TABLE entries ADD COLUMN digest BLOB",
    "CREATE TABLE shares (content INTEGER PRIMARY KEY, refs INTEGER NOT NULL)",
    "CREATE TABLE chunks (id INTEGER PRIMARY KEY, data BLOB NOT NULL)",
    """
    CREATE TABLE pieces (
        content INTEGER NOT NULL,
        number INTEGER NOT NULL,
        chunk INTEGER NOT NULL,
        digest BLOB NOT NULL,
        prefix BLOB NOT NULL,
        PRIMARY KEY (content, number)
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE origins (
        session BLOB NOT NULL,
        slot INTEGER NOT NULL,
        PRIMARY KEY (session, slot)
    ) WITHOUT ROWID
    """,
    *_CHECKPOINTS,
    "DROP INDEX IF EXISTS entries_by_serial",  # of the search index, which makes another one
)

MIGRATIONS = (_VERSION_1, _VERSION_2, _VERSION_3, _VERSION_4, _VERSION_5)
"""The statements that lead from each version to the next, the empty file's being version 0."""

LATEST = len(MIGRATIONS)


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the schema to the latest version, each step in one transaction.

    Safe when several processes open the file at once: whoever gets the lock second finds the work
    done. ``SettingsError`` for a newer schema, or a database that is not everstore's.
    """
    while (version := _version(connection)) < LATEST:
        connection.execute("BEGIN IMMEDIATE")
        try:
            if _version(connection) == version:
                for statement in MIGRATIONS[version]:
                    connection.execute(statement)
                connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                connection.execute(f"PRAGMA user_version = {version + 1}")
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


def require_store(connection: sqlite3.Connection) -> None:
    """``SettingsError`` when the file holds no store yet, but was to."""
    if not _version(connection):
        raise SettingsError(
            "EVERSTORE_SQLITE_PATH names a file that holds no store yet, and EVERSTORE_SQLITE_MUST_EXIST or"
            " EVERSTORE_SQLITE_READ_ONLY is true; is it the right file?"
        )


def require_latest(connection: sqlite3.Connection) -> None:
    """``SettingsError`` unless the schema is the latest, for whoever may not change it."""
    require_store(connection)
    version = _version(connection)
    if version < LATEST:
        raise SettingsError(
            f"EVERSTORE_SQLITE_PATH names a database of schema version {version}, which would have to become"
            f" {LATEST}; open it once without EVERSTORE_SQLITE_READ_ONLY"
        )


def require_unchanged(connection: sqlite3.Connection) -> None:
    """``StorageReplacedError`` when a newer version has updated the schema since the file was opened.

    What is written by the rules of an older schema takes away what is there by those of a newer one.
    """
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version != LATEST:
        raise StorageReplacedError(
            f"another version of everstore-sqlite has made the schema one of version {version} since the file"
            f" was opened, and this one knows {LATEST}: nothing is written any more; end this process, and"
            " use that version",
            backend="sqlite",
        )


def _version(connection: sqlite3.Connection) -> int:
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if application != APPLICATION_ID:
        (objects,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if application or version or objects:
            raise SettingsError("EVERSTORE_SQLITE_PATH names another program's database; choose another file")
    if version > LATEST:
        raise SettingsError(
            f"EVERSTORE_SQLITE_PATH names a database of schema version {version}, and this everstore-sqlite"
            f" knows versions up to {LATEST}; install a newer one"
        )
    return int(version)
