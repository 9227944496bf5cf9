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

from everstore.wording import counted
from everstore_sqlite import index, soundness
from everstore_sqlite.connecting import connect
from everstore_sqlite.contents import CHUNK_BYTES, digest_of
from everstore_sqlite.failures import code_of
from everstore_sqlite.holding import is_held, taken_away
from everstore_sqlite.schema import APPLICATION_ID
from everstore_sqlite.stale import was_written_over
from everstore_sqlite.standing import Files
from everstore_sqlite.usage import SLOT_BITS

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["check", "contents", "is_ours", "looked_at", "problems_of", "torn"]

_SHOWN = 5  # of what SQLite finds


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


def contents(connection: sqlite3.Connection) -> str:
    """How much there is, in words."""
    numbers = connection.execute(
        "SELECT (SELECT count(*) FROM entries WHERE NOT is_directory), (SELECT count(*) FROM pairs),"
        " (SELECT count(*) FROM secrets), (SELECT count(*) FROM sessions)"
    ).fetchone()
    kinds = "file", "value", "secret", "session record"
    return ", ".join(counted(number, kind) for number, kind in zip(numbers, kinds, strict=True))


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
        *(soundness.VIEWS if has_shares else soundness.OLDER_VIEWS),
        soundness.STALE if index.exists(connection) else soundness.NO_STALE,
    ):
        connection.execute(view)
    rules = [*soundness.RULES]
    if has_shares:
        rules += soundness.SHARING
    columns = {row[1] for row in connection.execute("PRAGMA table_info(trees)")}
    if "directories" in columns:
        rules.append(soundness.DIRECTORIES)
    if connection.execute("PRAGMA table_info(labels)").fetchone():
        rules += soundness.LABELS
    if connection.execute("PRAGMA table_info(session_limits)").fetchone():
        rules.append(soundness.LIMITS)
    if "parent" in {row[1] for row in connection.execute("PRAGMA table_info(sessions)")}:
        rules.append(soundness.PARENTS)
    if index.exists(connection):
        # Which rows the index has only its terms tell.
        connection.execute("CREATE VIRTUAL TABLE temp.terms USING fts5vocab(main, search, instance)")
        connection.execute("CREATE TEMP TABLE indexed AS SELECT DISTINCT doc FROM temp.terms WHERE doc")
        rules += soundness.INDEX_RULES
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
