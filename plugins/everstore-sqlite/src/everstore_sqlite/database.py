"""One database file, opened once: its writer, its readers, and how it is opened."""

from __future__ import annotations

import sqlite3
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from everstore.errors import SettingsError, StorageReplacedError, UnsupportedError
from everstore.waiting import Opened
from everstore_sqlite import index, own_limits
from everstore_sqlite.access import explained, found_files
from everstore_sqlite.connecting import connect
from everstore_sqlite.failures import code_of, is_busy, translated
from everstore_sqlite.readers import Direct, Readers
from everstore_sqlite.schema import migrate, require_latest, require_store
from everstore_sqlite.writer import Writer, patiently

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from uuid import UUID

    from everstore_sqlite.settings import SqliteSettings
    from everstore_sqlite.standing import Files

__all__ = ["Database"]

T = TypeVar("T")

_OLDEST_SQLITE = (3, 35, 0)  # the first with RETURNING
_READING = "mode=ro"
# The log is checkpointed every 1000 pages, as SQLite does by itself: an fsync of a log that still grows
# takes half as long again as one of a log that is written over, so a longer one is no gain.
_WAL_BYTES = 64 << 20  # what the log file shrinks to after a long reader made it grow


class Database:
    """What the three stores of one everstore share: ways to read and to write.

    ``look``, ``look_at_some``, ``read`` and ``search`` are those of ``Readers``.
    """

    def __init__(self, settings: SqliteSettings) -> None:
        """Open the file; blocks. ``SettingsError`` when it cannot be used."""
        self.has_index = settings.search_index is True
        self._files = files = found_files(settings)
        self._writer: Writer | None = None
        with _explained(files, settings), ExitStack() as opened:
            opened.callback(files.let_go)
            if settings.read_only:
                how, looking = _only_reading(files, settings)
                opened.enter_context(closing(looking))
            else:
                writing = opened.enter_context(closing(_connect(files, "", settings, _prepare_writing)))
                how = _READING
                looking = opened.enter_context(closing(_connect(files, how, settings, _prepare_looking)))
            files.note_all()
            opened.pop_all()  # from here on, close() closes them
        self._looking = Direct(looking, files)
        connect = partial(_connect_standing, files, how, settings)
        direct = self._looking if settings.direct_reads else None
        self._readers = Readers(connect, files, settings.readers, direct)
        if not settings.read_only:
            chore = index.tend if self.has_index else None
            self._writer = Writer(
                writing, files, self._looking, settings.busy_timeout, settings.max_bytes, chore
            )
            self._writer.start()
        self.look = self._readers.look
        self.look_at_some = self._readers.look_at_some
        self.read = self._readers.read
        self.search = self._readers.search

    @classmethod
    def opened(cls, settings: SqliteSettings) -> Opened[Database]:
        """The database, closed on the way out; opening and closing leave the event loop free.

        Whoever is cancelled meanwhile, however often, leaves nothing open.
        """
        return Opened(partial(cls, settings), cls.close)

    async def write(self, work: Callable[..., T], *arguments: Any) -> T:
        """What ``work(transaction, *arguments)`` answers, once it is committed.

        Work may be done more than once, so it has no effect but on the database. ``UnsupportedError``
        when the database was opened for reading only.
        """
        if self._writer is None:
            raise UnsupportedError("the store was opened for reading only (EVERSTORE_SQLITE_READ_ONLY=true)")
        answer: T = await self._writer.submit(work, *arguments).answer()
        return answer

    async def limit_session(
        self, part: str, session_id: UUID, limits: tuple[int | None, int | None] | None
    ) -> None:
        """Keep limits of a part of a session, or none; where there are none, that is a look only."""
        if limits is not None or await self.look(own_limits.is_limited, part, session_id):
            await self.write(own_limits.keep, part, session_id, limits)

    def close(self) -> None:
        """Finish what waits and close all connections; blocks until then."""
        self._readers.close()
        if self._writer is not None:
            self._writer.close()
        self._looking.close()
        self._files.let_go()


def _connect(
    files: Files,
    how: str,
    settings: SqliteSettings,
    prepare: Callable[[sqlite3.Connection, SqliteSettings], None],
) -> sqlite3.Connection:
    """A connection that never waits for a lock, ``prepare`` done."""
    if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
        found = sqlite3.sqlite_version
        raise SettingsError(f"EVERSTORE_BACKEND=sqlite needs SQLite 3.35 or newer; this Python has {found}")
    connection = connect(files.database, how, cached_statements=256)
    try:
        patiently(partial(prepare, connection, settings), settings.busy_timeout)
    except BaseException:
        connection.close()
        raise
    return connection


def _connect_standing(files: Files, how: str, settings: SqliteSettings) -> sqlite3.Connection:
    """A further connection to what was opened, and to nothing that took its place."""
    files.require()
    connection = _connect(files, how, settings, _prepare_reading)
    try:
        files.require()
    except BaseException:
        connection.close()
        raise
    return connection


def _only_reading(files: Files, settings: SqliteSettings) -> tuple[str, sqlite3.Connection]:
    """How a database for reading only is opened, and a connection to it.

    Beside a live log, it is read like any reader does. Where no log can be made, as on a read-only
    mount, it is opened as what nobody changes; what was left in a log cannot be read there.
    """
    if settings.search_index == "remove":
        raise SettingsError(
            "EVERSTORE_SQLITE_SEARCH_INDEX=remove would write, and EVERSTORE_SQLITE_READ_ONLY is true"
        )
    try:
        return _READING, _connect(files, _READING, settings, _prepare_only_reading)
    except sqlite3.OperationalError as error:
        if code_of(error) not in {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY}:
            raise
        if files.log.exists() and files.log.stat().st_size:
            raise SettingsError(
                f"EVERSTORE_SQLITE_PATH: {str(files.log)!r} holds a part of the database, which cannot be"
                " read without writing beside it; copy both to a folder that can be written to"
            ) from error
    files.is_immutable = True
    files.note_database()
    how = f"{_READING}&immutable=1"
    return how, _connect(files, how, settings, _prepare_only_reading)


# What prepares a connection may be done again, when a lock was in the way.


def _prepare_writing(connection: sqlite3.Connection, settings: SqliteSettings) -> None:
    """Make the file what it has to be. Where it is that already, nothing waits for another writer."""
    if settings.must_exist:
        require_store(connection)
    migrate(connection)
    (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
    if mode != "wal":
        raise SettingsError("EVERSTORE_SQLITE_PATH: no write-ahead log is possible there; name a local disk")
    connection.execute(f"PRAGMA cache_size = -{settings.cache_bytes >> 10}")
    connection.execute(f"PRAGMA synchronous = {settings.synchronous}")
    connection.execute(f"PRAGMA journal_size_limit = {_WAL_BYTES}")
    if settings.max_bytes is not None:
        (page_size,) = connection.execute("PRAGMA page_size").fetchone()
        connection.execute(f"PRAGMA max_page_count = {settings.max_bytes // page_size}")
    if settings.search_index is True:
        index.create(connection)
    elif settings.search_index == "remove":
        index.remove(connection)
    # A file that cannot be written to is to be told now, and not at the first write; one that somebody
    # else is writing to can be.
    try:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("ROLLBACK")
    except sqlite3.OperationalError as error:
        if not is_busy(error):
            raise


def _prepare_looking(connection: sqlite3.Connection, settings: SqliteSettings) -> None:
    connection.execute(f"PRAGMA cache_size = -{settings.cache_bytes >> 10}")
    # Reading anything opens the log and the shared memory, and keeps them from being removed.
    connection.execute("SELECT count(*) FROM sqlite_master").fetchone()


def _prepare_reading(connection: sqlite3.Connection, settings: SqliteSettings) -> None:
    _prepare_looking(connection, settings)
    connection.execute(f"PRAGMA busy_timeout = {round(settings.busy_timeout * 1000)}")


def _prepare_only_reading(connection: sqlite3.Connection, settings: SqliteSettings) -> None:
    _prepare_looking(connection, settings)
    require_latest(connection)


@contextmanager
def _explained(files: Files, settings: SqliteSettings) -> Iterator[None]:
    """Say what is wrong with the setting, where SQLite's failure to open means that."""
    try:
        yield
    except sqlite3.Error as error:
        try:
            files.require()
        except StorageReplacedError as replaced:  # by everstore restore, say, which this waited for
            raise replaced from error
        ours = explained(error, files, read_only=settings.read_only)
        raise (ours or translated(error)) from error
