"""The search index: which texts may hold a literal, without reading them.

An FTS5 table of trigrams, without contents of its own. Indexing 8 KiB takes about 2 ms, forty times
what storing them takes, so no writer does it. Triggers only note what is to be done, in two plain
tables: ``search_todo`` (texts that the index does not cover) and ``search_stale`` (texts that it covers
and that are no more, which FTS5 wants back to forget them). The writer's thread works them off in
short slices whenever no call waits, a text of any size in pieces: a row of FTS5, which each further piece
changes. No transaction is longer than a piece takes.

What FTS5 is told to forget meets one older entry of the row, and both are gone: of a trigram that was only
added twice, one would stay for good. So a further piece is forgotten and added in one step, which makes an
entry that says that there may be an older one. FTS5 also counts what it is told to add less what it is told
to forget, and calls a table damaged that has less than nothing: the row ``_BALLAST`` makes up for that.

A search asks the index and adds all of ``search_todo``, so its answer never depends on how far that
work has come; nor on whether another process, which does not use the index, wrote in between: the
triggers are part of the database. Every candidate is read and searched, so the index may say too
much, but never too little.

A content in chunks has no text in its own row, so whoever writes one tells what the triggers cannot see:
that it is longer (``note_longer``), and that it is gone (``keep_stale``): then its chunks stay, instead of a
copy of the text, until the index has forgotten them.
"""

from __future__ import annotations

import sqlite3
import time
from typing import TYPE_CHECKING

from everstore.errors import SettingsError
from everstore_sqlite.contents import CHUNK_BYTES, CONTENT, INLINE_BYTES, size_of
from everstore_sqlite.shares import free_pieces
from everstore_sqlite.usage import SLOT_BITS

if TYPE_CHECKING:
    from uuid import UUID

__all__ = ["candidates", "create", "exists", "keep_stale", "note_longer", "remove", "tend"]

_TRIGRAM = 3
_MOST_TRIGRAMS = 8  # that a search asks for: more hardly tell more, and cost as much again
_SLICE_SECONDS = 0.02  # how long a call may have to wait for a slice of the work

_LONGEST_CHARACTER = 4  # bytes
_BALLAST = 0  # no text has this number
_PIECE_BYTES = 1 << 17  # about 15 ms

_BY_CONTENT = f"CREATE INDEX IF NOT EXISTS entries_by_content ON entries ({CONTENT}, session)"

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
    # A final row stays: a text with a NUL, where FTS5 would stop reading, or one that lacks a part.
    """
    CREATE TABLE search_todo (
        serial INTEGER PRIMARY KEY, is_final INTEGER NOT NULL DEFAULT 0, position INTEGER NOT NULL DEFAULT 0
    )
    """,
    "CREATE INDEX search_todo_open ON search_todo (serial) WHERE NOT is_final",
    "CREATE TABLE search_stale (serial INTEGER PRIMARY KEY, data BLOB NOT NULL, until INTEGER NOT NULL)",
    # How far a stale text is forgotten: apart, for its own row is as long as the text.
    "CREATE TABLE search_forgotten (serial INTEGER PRIMARY KEY, position INTEGER NOT NULL)",
    _BY_CONTENT,
    "INSERT INTO search_todo (serial) SELECT serial FROM contents WHERE is_text",
    f"CREATE TRIGGER search_added AFTER INSERT ON contents BEGIN {_TODO} END",
    f"CREATE TRIGGER search_changed AFTER UPDATE ON contents BEGIN {_STALE} {_TODO} END",
    f"CREATE TRIGGER search_removed AFTER DELETE ON contents BEGIN {_STALE} END",
)

_REMOVE = (
    "DROP TRIGGER search_added",
    "DROP TRIGGER search_changed",
    "DROP TRIGGER search_removed",
    "DROP INDEX IF EXISTS entries_by_serial",
    "DROP INDEX IF EXISTS entries_by_content",
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
_IS_BLOB = "SELECT typeof(data) = 'blob' FROM contents WHERE serial = ?"
_LACKS = f"SELECT 1 FROM entries WHERE {CONTENT} = ? AND size > ?"  # noqa: S608 - made of constants
_NUL = b"\0"
_FIRST_PIECE = "SELECT min(number) FROM pieces WHERE content = ?"
_CHUNKS = """
    SELECT number, data FROM pieces JOIN chunks ON chunks.id = chunk
    WHERE content = ? AND number BETWEEN ? AND ? AND typeof(data) = 'blob' ORDER BY number
"""
# One whose last piece is indexed may still be in the table, and waits for nothing.
_NOTE_LONGER = """
    INSERT INTO search_todo (serial, position) VALUES (?, ?)
    ON CONFLICT (serial) DO UPDATE SET position = min(position, excluded.position)
"""
_STALE_LARGE = "SELECT serial FROM search_stale WHERE serial IN (SELECT content FROM pieces)"
_SLOTS = "SELECT slot FROM trees WHERE session = ?1 UNION ALL SELECT slot FROM origins WHERE session = ?1"
_IS_COUNTED = "SELECT count(*) FROM trees WHERE session = ?"
# A plus takes a column's affinity away, with which the index of an expression would be read from end to end.
_FILES = f"""
    SELECT parent || name, {CONTENT}, size FROM entries INDEXED BY entries_by_content
    WHERE session = ? AND {CONTENT} IN (
        SELECT +rowid FROM search WHERE search MATCH ? AND rowid BETWEEN ? AND ?
        UNION ALL SELECT +serial FROM search_todo WHERE serial BETWEEN ? AND ?
    )
"""  # noqa: S608 - made of constants


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
        connection.execute(_BY_CONTENT)
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
            if not wanted:
                for (content,) in connection.execute(_STALE_LARGE).fetchall():
                    free_pieces(connection, content)
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
    if piece:
        in_pieces = position > 0 or until > INLINE_BYTES  # or may have been
        _forget(connection, serial, _as_far(piece, until - position), in_pieces=in_pieces)
    if piece and following < until:
        connection.execute("REPLACE INTO search_forgotten VALUES (?, ?)", (serial, following))
    else:
        free_pieces(connection, serial)
        connection.execute("DELETE FROM search_stale WHERE serial = ?", (serial,))
        connection.execute("DELETE FROM search_forgotten WHERE serial = ?", (serial,))
    return True


def _forget(connection: sqlite3.Connection, serial: int, piece: bytes, *, in_pieces: bool) -> None:
    """Have FTS5 forget a piece, which the index may never have had as it is where a text is in several."""
    if in_pieces:
        connection.execute(_ADD, (_BALLAST, b"\x7f" * len(piece)))
    connection.execute(_FORGET, (serial, piece))


def _as_far(piece: bytes, length: int) -> bytes:
    """A piece without what was not indexed yet, where the next piece of the text was to begin in it.

    The two characters from there on were: they are where two pieces overlap.
    """
    end = length
    for _ in range(_TRIGRAM - 1):
        end += 1 + _start_of_first(piece[end + 1 :])
    return piece[:end] if length < len(piece) else piece


def _add_one(connection: sqlite3.Connection) -> bool:
    """Index a piece of a text that waits; whether there was one."""
    row = connection.execute(_NEXT_TODO).fetchone()
    if row is None:
        return False
    serial, position = row
    is_blob = (connection.execute(_IS_BLOB, (serial,)).fetchone() or (False,))[0]
    piece, following = _piece(connection, "contents", serial, position) if is_blob else (_NUL, position)
    if _NUL in piece or (not piece and connection.execute(_LACKS, (serial, following)).fetchone()):
        connection.execute("UPDATE search_todo SET is_final = 1 WHERE serial = ?", (serial,))
    elif piece:
        if position:
            _forget(connection, serial, piece, in_pieces=True)
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
        data.seek(min(position, size))
        piece = data.read(_PIECE_BYTES)
    if not size:
        size = size_of(connection, serial)
        piece = _piece_of_chunks(connection, serial, position)
    if position + len(piece) >= size or piece == _NUL:
        return piece, size
    end = _start_of_last(piece)
    return piece[:end], position + _start_of_overlap(piece[:end])


def _piece_of_chunks(connection: sqlite3.Connection, content: int, position: int) -> bytes:
    """The same of a text in chunks; a NUL, which no index covers, where chunks are missing."""
    first = position // CHUNK_BYTES
    last = (position + _PIECE_BYTES) // CHUNK_BYTES
    chunks = connection.execute(_CHUNKS, (content, first, last)).fetchall()
    whole = [(number, CHUNK_BYTES) for number in range(first, first + len(chunks) - 1)]
    if [(number, len(data)) for number, data in chunks[:-1]] != whole:
        return _NUL
    start = position - first * CHUNK_BYTES
    return b"".join([data for _, data in chunks])[start : start + _PIECE_BYTES]


def _start_of_overlap(text: bytes) -> int:
    """Where the last two characters of a text in UTF-8 begin: what follows it is indexed from there on."""
    for _ in range(_TRIGRAM - 1):
        text = text[: _start_of_last(text)] if text else text
    return len(text)


def _start_of_last(text: bytes) -> int:
    """Where the last character of a text in UTF-8 begins, which may be incomplete."""
    start = len(text) - 1
    while start > len(text) - _LONGEST_CHARACTER and text[start] & 0xC0 == 0x80:
        start -= 1
    return start


def _start_of_first(text: bytes) -> int:
    """Where the first character of a text in UTF-8 begins, of which a part may be missing before."""
    start = 0
    while start < len(text) and text[start] & 0xC0 == 0x80:
        start += 1
    return start


def candidates(
    connection: sqlite3.Connection, session_id: UUID, literal: str | None
) -> list[tuple[str, int, int]] | None:
    """Path, content and size of every file of a session that may hold a literal, in any order.

    ``None`` when the index cannot tell: the literal is too short, or there is no index.
    """
    if literal is None or len(literal) < _TRIGRAM or "\0" in literal or not exists(connection):
        return None
    key = session_id.bytes
    slots = {slot for (slot,) in connection.execute(_SLOTS, (key,))}
    is_counted = connection.execute(_IS_COUNTED, (key,)).fetchone()[0]
    if not is_counted or {*map(type, slots)} != {int}:  # no files, or a damaged count of them
        return None
    match = _match(literal)
    found: list[tuple[str, int, int]] = []
    for slot in slots:
        numbers = slot << SLOT_BITS, slot << SLOT_BITS | (1 << SLOT_BITS) - 1
        found += connection.execute(_FILES, (key, match, *numbers, *numbers))
    return found


def note_longer(connection: sqlite3.Connection, content: int, size: int) -> None:
    """A text in chunks of ``size`` bytes is about to get longer: what is new is to be indexed, too."""
    if not exists(connection):
        return
    start = max(size - (_TRIGRAM - 1) * _LONGEST_CHARACTER, 0)
    position = start + _start_of_overlap(_piece_of_chunks(connection, content, start))
    connection.execute(_NOTE_LONGER, (content, position))


def keep_stale(connection: sqlite3.Connection, content: int) -> bool:
    """A content in chunks is about to be deleted; whether its chunks are wanted until they are forgotten."""
    if not exists(connection):
        return False
    row = connection.execute("SELECT is_text FROM contents WHERE serial = ?", (content,)).fetchone()
    if row is None or not row[0] or connection.execute(_FIRST_PIECE, (content,)).fetchone()[0] is None:
        return False
    waiting = connection.execute("SELECT position FROM search_todo WHERE serial = ?", (content,)).fetchone()
    until = size_of(connection, content) if waiting is None else waiting[0]
    connection.execute("DELETE FROM search_todo WHERE serial = ?", (content,))
    if not until:
        return False
    connection.execute("INSERT INTO search_stale VALUES (?, x'', ?)", (content, until))
    return True


def _match(literal: str) -> str:
    """A literal's trigrams, all of which a text must have: an expression in FTS5's own language."""
    count = len(literal) - _TRIGRAM + 1
    step = -(-count // _MOST_TRIGRAMS)
    trigrams = {literal[at : at + _TRIGRAM].replace('"', '""') for at in range(0, count, step)}
    return " AND ".join(f'"{trigram}"' for trigram in sorted(trigrams))
