"""The search index: which texts may hold a literal, without reading them.

An FTS5 table of trigrams, without contents of its own. Indexing 8 KiB takes about 2 ms, forty times
what storing them takes, so no writer does it. Triggers only note what is to be done, in two plain
tables: ``search_todo`` (texts that the index does not cover) and ``search_stale`` (texts that it covers
and that are no more, which FTS5 wants back to forget them). The writer's thread works them off in
short slices whenever no call waits, a text of any size in pieces: a row of FTS5 for each, all of the same
number, which is nothing to FTS5 without contents of its own. No transaction is longer than a piece takes.

A search asks the index and adds all of ``search_todo``, so its answer never depends on how far that
work has come; nor on whether another process, which does not use the index, wrote in between: the
triggers are part of the database. Every candidate is read and searched, so the index may say too
much, but never too little.
"""

from __future__ import annotations

import sqlite3
import time
from typing import TYPE_CHECKING

from everstore.errors import SettingsError
from everstore_sqlite.usage import SLOT_BITS

if TYPE_CHECKING:
    from uuid import UUID

__all__ = ["candidates", "create", "remove", "tend"]

_TRIGRAM = 3
_MOST_TRIGRAMS = 8  # that a search asks for: more hardly tell more, and cost as much again
_SLICE_SECONDS = 0.02  # how long a call may have to wait for a slice of the work

_LONGEST_CHARACTER = 4  # bytes
_PIECE_BYTES = 1 << 18  # about 15 ms

# Of a text that was not yet indexed to its end, only what was is wanted back.
_STALE = """
    INSERT INTO search_stale (serial, data, until) SELECT OLD.serial, OLD.data, until
    FROM (SELECT coalesce(
        (SELECT position FROM search_todo WHERE serial = OLD.serial), length(CAST(OLD.data AS BLOB))
    ) AS until)
    WHERE OLD.is_text AND until;
    DELETE FROM search_todo WHERE serial = OLD.serial;
"""
_TODO = "INSERT INTO search_todo (serial) SELECT NEW.serial WHERE NEW.is_text;"

_CREATE = (
    # Contents are checked anyway, so positions would tell nothing; case is told apart, as by a search.
    """
    CREATE VIRTUAL TABLE search USING fts5 (
        data, content = '', columnsize = 0, detail = none, tokenize = 'trigram case_sensitive 1'
    )
    """,
    # A final row stays: a text with a NUL, where FTS5 would stop reading.
    """
    CREATE TABLE search_todo (
        serial INTEGER PRIMARY KEY, is_final INTEGER NOT NULL DEFAULT 0, position INTEGER NOT NULL DEFAULT 0
    )
    """,
    "CREATE INDEX search_todo_open ON search_todo (serial) WHERE NOT is_final",
    "CREATE TABLE search_stale (serial INTEGER PRIMARY KEY, data BLOB NOT NULL, until INTEGER NOT NULL)",
    # How far a stale text is forgotten: apart, for its own row is as long as the text.
    "CREATE TABLE search_forgotten (serial INTEGER PRIMARY KEY, position INTEGER NOT NULL)",
    "CREATE INDEX entries_by_serial ON entries (serial)",
    "INSERT INTO search_todo (serial) SELECT serial FROM contents WHERE is_text",
    f"CREATE TRIGGER search_added AFTER INSERT ON contents BEGIN {_TODO} END",
    f"CREATE TRIGGER search_changed AFTER UPDATE ON contents BEGIN {_STALE} {_TODO} END",
    f"CREATE TRIGGER search_removed AFTER DELETE ON contents BEGIN {_STALE} END",
)

_REMOVE = (
    "DROP TRIGGER search_added",
    "DROP TRIGGER search_changed",
    "DROP TRIGGER search_removed",
    "DROP INDEX entries_by_serial",
    "DROP TABLE IF EXISTS search_forgotten",
    "DROP TABLE search_stale",
    "DROP TABLE search_todo",
    "DROP TABLE search",
)

_EXISTS = "SELECT count(*) FROM sqlite_master WHERE name = 'search_todo'"
_IS_OLDER = "SELECT count(*) = 0 FROM sqlite_master WHERE name = 'search_forgotten'"
_ADD = "INSERT INTO search (rowid, data) VALUES (?, ?)"
_FORGET = "INSERT INTO search (search, rowid, data) VALUES ('delete', ?, ?)"
_NEXT_STALE = """
    SELECT serial, ifnull(position, 0), until
    FROM search_stale LEFT JOIN search_forgotten USING (serial) LIMIT 1
"""
_NEXT_TODO = "SELECT serial, position FROM search_todo WHERE NOT is_final LIMIT 1"
_HAS_NUL = "SELECT instr(data, x'00') OR typeof(data) != 'blob' FROM contents WHERE serial = ?"
_FILES = """
    SELECT parent || name, serial, size FROM entries WHERE serial IN (
        SELECT rowid FROM search WHERE search MATCH ? AND rowid BETWEEN ? AND ?
        UNION ALL SELECT serial FROM search_todo WHERE serial BETWEEN ? AND ?
    )
"""


def exists(connection: sqlite3.Connection) -> bool:
    """Whether the database has the index."""
    return bool(connection.execute(_EXISTS).fetchone()[0])


def create(connection: sqlite3.Connection) -> None:
    """Add the index to a database that has none; filling it is left to ``tend``.

    One that an earlier version made is begun anew: its texts were indexed whole.
    """
    try:
        if exists(connection) and connection.execute(_IS_OLDER).fetchone()[0]:
            remove(connection)
        _change(connection, _CREATE, wanted=True)
    except sqlite3.OperationalError as error:
        if "no such" not in str(error):
            raise
        raise SettingsError(
            "EVERSTORE_SQLITE_SEARCH_INDEX needs FTS5 with its trigram tokenizer, "
            f"which the SQLite {sqlite3.sqlite_version} of this Python lacks; turn it off"
        ) from error


def remove(connection: sqlite3.Connection) -> None:
    """Take the index out of a database that has it."""
    _change(connection, _REMOVE, wanted=False)


def _change(connection: sqlite3.Connection, statements: tuple[str, ...], *, wanted: bool) -> None:
    if exists(connection) == wanted:
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        if exists(connection) != wanted:  # unless another process was faster
            for statement in statements:
                connection.execute(statement)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def tend(connection: sqlite3.Connection) -> bool:
    """Do a slice of the work that waits, within a transaction; whether there may be more."""
    until = time.perf_counter() + _SLICE_SECONDS
    while time.perf_counter() < until:
        # What is stale goes first: its serial may be that of a text to be added.
        if not (_forget_one(connection) or _add_one(connection)):
            return False
    return True


def _forget_one(connection: sqlite3.Connection) -> bool:
    """Forget a piece of a stale text; whether there was one."""
    row = connection.execute(_NEXT_STALE).fetchone()
    if row is None:
        return False
    serial, position, until = row
    piece, following = _piece(connection, "search_stale", serial, position)
    connection.execute(_FORGET, (serial, piece))
    if following < until:
        connection.execute("REPLACE INTO search_forgotten VALUES (?, ?)", (serial, following))
    else:
        connection.execute("DELETE FROM search_stale WHERE serial = ?", (serial,))
        connection.execute("DELETE FROM search_forgotten WHERE serial = ?", (serial,))
    return True


def _add_one(connection: sqlite3.Connection) -> bool:
    """Index a piece of a text that waits; whether there was one."""
    row = connection.execute(_NEXT_TODO).fetchone()
    if row is None:
        return False
    serial, position = row
    if not position and (connection.execute(_HAS_NUL, (serial,)).fetchone() or (True,))[0]:
        connection.execute("UPDATE search_todo SET is_final = 1 WHERE serial = ?", (serial,))
        return True
    piece, following = _piece(connection, "contents", serial, position)
    if piece:
        connection.execute(_ADD, (serial, piece))
        connection.execute("UPDATE search_todo SET position = ? WHERE serial = ?", (following, serial))
    else:
        connection.execute("DELETE FROM search_todo WHERE serial = ?", (serial,))
    return True


def _piece(connection: sqlite3.Connection, table: str, serial: int, position: int) -> tuple[bytes, int]:
    """A piece of a text from a position on, and where the next one begins: the text's length at its end.

    The next one begins two characters before this one ends, so that every trigram is in one of them.
    """
    with connection.blobopen(table, "data", serial, readonly=True) as data:
        size = len(data)
        data.seek(position)
        piece = data.read(_PIECE_BYTES)
    if position + len(piece) == size:
        return piece, size
    end = _start_of_last(piece)
    following = _start_of_last(piece[: _start_of_last(piece[:end])])
    return piece[:end], position + following


def _start_of_last(text: bytes) -> int:
    """Where the last character of a text in UTF-8 begins, which may be incomplete."""
    start = len(text) - 1
    while start > len(text) - _LONGEST_CHARACTER and text[start] & 0xC0 == 0x80:
        start -= 1
    return start


def candidates(
    connection: sqlite3.Connection, session_id: UUID, literal: str | None
) -> list[tuple[str, int, int]] | None:
    """Path, serial and size of every file of a session that may hold a literal, in any order.

    ``None`` when the index cannot tell: the literal is too short, or there is no index.
    """
    if literal is None or len(literal) < _TRIGRAM or "\0" in literal or not exists(connection):
        return None
    row = connection.execute("SELECT slot FROM trees WHERE session = ?", (session_id.bytes,)).fetchone()
    if row is None or type(row[0]) is not int:  # no files, or a damaged count of them: look for yourself
        return None
    first = row[0] << SLOT_BITS
    serials = first, first | (1 << SLOT_BITS) - 1
    return connection.execute(_FILES, (_match(literal), *serials, *serials)).fetchall()


def _match(literal: str) -> str:
    """A literal's trigrams, all of which a text must have: an expression in FTS5's own language."""
    count = len(literal) - _TRIGRAM + 1
    step = -(-count // _MOST_TRIGRAMS)
    trigrams = {literal[at : at + _TRIGRAM].replace('"', '""') for at in range(0, count, step)}
    return " AND ".join(f'"{trigram}"' for trigram in sorted(trigrams))
