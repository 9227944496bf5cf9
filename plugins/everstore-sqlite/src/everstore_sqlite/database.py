"""One database file, opened once: its writer, its readers, and how it is opened."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import ExitStack, asynccontextmanager, closing, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from everstore.errors import SettingsError
from everstore_sqlite import index
from everstore_sqlite.failures import code_of, translated
from everstore_sqlite.readers import Direct, Readers
from everstore_sqlite.schema import migrate
from everstore_sqlite.writer import Writer, patiently

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

    from everstore_sqlite.settings import SqliteSettings

__all__ = ["Database"]

T = TypeVar("T")

_OLDEST_SQLITE = (3, 35, 0)  # the first with RETURNING
# The log is checkpointed every 1000 pages, as SQLite does by itself: an fsync of a log that still grows
# takes half as long again as one of a log that is written over, so a longer one is no gain.
_WAL_BYTES = 64 << 20  # what the log file shrinks to after a long reader made it grow


class Database:
    """What the three stores of one everstore share: ways to read and to write.

    ``look``, ``read`` and ``search`` are those of ``Readers``.
    """

    def __init__(self, settings: SqliteSettings) -> None:
        """Open the file; blocks. ``SettingsError`` when it cannot be used."""
        self.has_index = settings.search_index is True
        path = _checked_path(settings.path)
        with _explained(), ExitStack() as opened:
            writing = opened.enter_context(closing(_connect(path, settings, _prepare_writing)))
            looking = None
            if settings.direct_reads:
                looking = opened.enter_context(closing(_connect(path, settings, _prepare_looking)))
            opened.pop_all()  # from here on, close() closes them
        connect = partial(_connect, path, settings, _prepare_reading)
        self._readers = Readers(connect, settings.readers, Direct(looking) if looking else None)
        chore = index.tend if self.has_index else None
        self._writer = Writer(writing, settings.busy_timeout, settings.max_bytes, chore)
        self._writer.start()
        self.look = self._readers.look
        self.read = self._readers.read
        self.search = self._readers.search

    @classmethod
    @asynccontextmanager
    async def opened(cls, settings: SqliteSettings) -> AsyncIterator[Database]:
        """The database, closed on the way out; opening and closing leave the event loop free.

        Whoever is cancelled meanwhile leaves nothing open.
        """
        opening = asyncio.ensure_future(asyncio.to_thread(cls, settings))
        try:
            database = await _to_the_end(opening)
        except asyncio.CancelledError:
            if opening.exception() is None:
                await asyncio.to_thread(opening.result().close)
            raise
        try:
            yield database
        finally:
            await _to_the_end(asyncio.ensure_future(asyncio.to_thread(database.close)))

    async def write(self, work: Callable[..., T], *arguments: Any) -> T:
        """What ``work(transaction, *arguments)`` answers, once it is committed.

        Work may be done more than once, so it has no effect but on the database.
        """
        answer: T = await self._writer.submit(work, *arguments).answer()
        return answer

    def close(self) -> None:
        """Finish what waits and close all connections, the writer's last; blocks until then."""
        self._readers.close()
        self._writer.close()


def _checked_path(path: Path) -> str:
    """The absolute path; ``SettingsError`` when no database can be there."""
    if str(path) == ":memory:":
        raise SettingsError("EVERSTORE_SQLITE_PATH is a file; EVERSTORE_BACKEND=memory keeps nothing on disk")
    path = path.expanduser().absolute()
    try:
        if path.is_dir():
            raise SettingsError(f"EVERSTORE_SQLITE_PATH is the folder {str(path)!r}; name a file in it")
        if not path.parent.is_dir():
            raise SettingsError(
                f"EVERSTORE_SQLITE_PATH: there is no folder {str(path.parent)!r}; make it first"
            )
    except OSError as error:
        raise SettingsError(f"EVERSTORE_SQLITE_PATH: {error.strerror}: {str(path)!r}") from error
    return str(path)


def _connect(
    path: str, settings: SqliteSettings, prepare: Callable[[sqlite3.Connection, SqliteSettings], None]
) -> sqlite3.Connection:
    """A connection that never waits for a lock, ``prepare`` done."""
    if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
        found = sqlite3.sqlite_version
        raise SettingsError(f"EVERSTORE_BACKEND=sqlite needs SQLite 3.35 or newer; this Python has {found}")
    connection = sqlite3.connect(
        path, timeout=0, isolation_level=None, check_same_thread=False, cached_statements=256
    )
    try:
        patiently(partial(prepare, connection, settings), settings.busy_timeout)
    except BaseException:
        connection.close()
        raise
    return connection


# What prepares a connection may be done again, when a lock was in the way.


def _prepare_writing(connection: sqlite3.Connection, settings: SqliteSettings) -> None:
    """Make the file what it has to be."""
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
    # A file that cannot be written to is to be told now, and not at the first write.
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("ROLLBACK")


def _prepare_looking(connection: sqlite3.Connection, settings: SqliteSettings) -> None:
    connection.execute(f"PRAGMA cache_size = -{settings.cache_bytes >> 10}")
    connection.execute("PRAGMA query_only = 1")


def _prepare_reading(connection: sqlite3.Connection, settings: SqliteSettings) -> None:
    _prepare_looking(connection, settings)
    connection.execute(f"PRAGMA busy_timeout = {round(settings.busy_timeout * 1000)}")


_OPENING = {
    sqlite3.SQLITE_NOTADB: "names a file that is no SQLite database; choose another",
    sqlite3.SQLITE_CANTOPEN: "names a file that cannot be opened; check the rights to it and its folder",
    sqlite3.SQLITE_READONLY: "names a file that cannot be written to; check the rights to it and its folder",
    sqlite3.SQLITE_PERM: "names a file that cannot be opened; check the rights to it",
}


@contextmanager
def _explained() -> Iterator[None]:
    """Say what is wrong with the setting, where SQLite's failure to open means that."""
    try:
        yield
    except sqlite3.Error as error:
        reason = _OPENING.get(code_of(error))
        raise (SettingsError(f"EVERSTORE_SQLITE_PATH {reason}") if reason else translated(error)) from error


async def _to_the_end(work: asyncio.Future[T]) -> T:
    """What ``work`` gives; a cancellation goes on only when it is done, for a thread cannot be stopped."""
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        await asyncio.wait([work])
        raise
