"""A copy of the database while writers write, and a database put back from one.

A copy is made by SQLite's own backup, in steps, of one moment that a read transaction holds: it neither
waits for writers nor begins again because of them. It is one plain file, without a log beside it.

What is restored is made ready and checked beside the database, and takes its place by one rename, so a
crash leaves the old or the new. First the old one's log is folded into it, so that the old file alone is
the old state: a log that is left behind would be played into whatever file lies beside it. Meanwhile the
lock that every open connection shares is held alone, so nobody has the database open; and the old file
is made unreadable once nobody but a waiting opener can get at it, who so never writes into what is gone.
"""

from __future__ import annotations

import os
import sqlite3
import tempfile
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from everstore.errors import (
    BackendUnavailableError,
    DataDamagedError,
    InvalidArgumentError,
    SettingsError,
    StorageReplacedError,
    UnsupportedError,
)
from everstore.wording import counted
from everstore_sqlite.checking import contents, is_ours, looked_at, problems_of, torn
from everstore_sqlite.connecting import connect
from everstore_sqlite.failures import code_of, is_busy, translated
from everstore_sqlite.schema import LATEST
from everstore_sqlite.standing import Files

try:
    import fcntl
except ImportError:  # Windows, which lets nobody replace a file that is open
    fcntl = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from everstore_sqlite.settings import SqliteSettings

__all__ = ["back_up", "place_of", "restore"]

_STEP = 256  # pages of a step: a cancellation waits for one at most
_LOCKS = 0x40000000, 512  # where SQLite locks a database file: pending, reserved, shared
_BESIDE = ("-wal", "-shm", "-journal")
_ATTEMPTS = 5


def place_of(settings: SqliteSettings) -> Path:
    """The database's file, links followed."""
    return Path(os.path.realpath(settings.path.expanduser()))


def back_up(
    settings: SqliteSettings, target: Path, place: Path, progress: Callable[[int, int], object]
) -> list[str]:
    """Copy the database into ``target``, an empty file, and check the copy; what was done, in words.

    ``SettingsError`` when there is no database, ``DataDamagedError`` when the copy is not sound, and
    ``InvalidArgumentError`` when ``place``, where it is to stand, is one of the database's own.
    """
    path = place_of(settings)
    _require_elsewhere(settings, place)
    if not path.is_file():
        raise SettingsError(f"EVERSTORE_SQLITE_PATH: there is no database at {str(path)!r} to back up")
    stale = Files(path).stale_log()
    if stale is not None:
        raise StorageReplacedError(stale, backend="sqlite", path=str(path))
    with _told(path), closing(looked_at(path, settings.busy_timeout)) as source:
        if not is_ours(source):
            raise SettingsError("EVERSTORE_SQLITE_PATH names another program's database; choose another file")
        _copy(source, target, progress)
    return [*_checked(target, "the database is damaged, and so would be its copy"), _size(target)]


def restore(settings: SqliteSettings, source: Path, progress: Callable[[int, int], object]) -> list[str]:
    """Put the database that ``source`` holds in the place of the configured one; what was done, in words.

    ``BackendUnavailableError`` while any process has the database open, ``InvalidArgumentError`` when
    ``source`` is no backup, ``DataDamagedError`` when it is not sound, ``UnsupportedError`` when the
    database is for reading only: then nothing changed.
    """
    path = place_of(settings)
    if settings.read_only:
        raise UnsupportedError(
            "the database would be replaced, and EVERSTORE_SQLITE_READ_ONLY is true; set it to false"
        )
    if not path.parent.is_dir():
        raise SettingsError(f"EVERSTORE_SQLITE_PATH: there is no folder {str(path.parent)!r}; make it first")
    if path.exists() and path.samefile(source):
        raise InvalidArgumentError(f"{str(source)!r} is the database itself, and no backup of it")
    with _told(source), closing(looked_at(source, settings.busy_timeout)) as original:
        _require_backup(original, source)
        with _draft(path) as draft:
            _copy(original, draft, progress)
            notes = _checked(draft, f"the backup {str(source)!r} is damaged; nothing was restored")
            _take_after(draft, path)
            _put_in_place(draft, path)
    return [*notes, *_checked(path, "what was restored is damaged"), _size(path)]


def _require_elsewhere(settings: SqliteSettings, place: Path) -> None:
    """``InvalidArgumentError`` for a place where SQLite would take the copy for a part of the database."""
    taken = (
        settings.path.expanduser().absolute(),
        *(Path(f"{place_of(settings)}{end}") for end in ("", *_BESIDE)),
    )
    asked = Path(os.path.realpath(place.parent)) / place.name  # a link there is replaced, not followed
    if any(asked == Path(os.path.realpath(each.parent)) / each.name for each in taken):
        raise InvalidArgumentError(f"{str(place)!r} belongs to the database itself; choose another place")


def _copy(source: sqlite3.Connection, target: Path, progress: Callable[[int, int], object]) -> None:
    (page_size,) = source.execute("PRAGMA page_size").fetchone()

    def told(_status: int, remaining: int, total: int) -> None:
        progress((total - remaining) * page_size, total * page_size)

    with closing(connect(target, timeout=5.0)) as copy:
        # One moment for the whole copy: without this, whoever writes makes it begin again.
        source.execute("BEGIN")
        try:
            source.execute("SELECT count(*) FROM sqlite_master").fetchone()
            source.backup(copy, pages=_STEP, progress=told, sleep=0.01)
        finally:
            source.execute("ROLLBACK")
        copy.execute("PRAGMA journal_mode = DELETE")  # a plain file, that can be read where none can be made
    _flush(target)


def _require_backup(original: sqlite3.Connection, source: Path) -> None:
    if not is_ours(original):
        raise InvalidArgumentError(f"{str(source)!r} is no database of everstore's")
    (version,) = original.execute("PRAGMA user_version").fetchone()
    if version > LATEST:
        raise InvalidArgumentError(
            f"{str(source)!r} is of schema version {version}, and this everstore-sqlite knows versions up to "
            f"{LATEST}; install a newer one"
        )


def _checked(path: Path, otherwise: str) -> list[str]:
    """What is worth knowing of a file that is sound; ``DataDamagedError`` of one that SQLite finds torn."""
    with closing(looked_at(path)) as connection:
        found = torn(connection)
        if found:
            raise DataDamagedError(f"{otherwise}: {found[0]}")
        return [f"note: {problem}" for problem in problems_of(connection)]


def _size(path: Path) -> str:
    with closing(looked_at(path)) as connection:
        return f"{contents(connection)}, {counted(path.stat().st_size, 'byte')}, checked"


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Say which file it is about, where SQLite cannot read it."""
    try:
        yield
    except sqlite3.Error as error:
        if code_of(error) in {sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT}:
            raise DataDamagedError(f"{str(path)!r} is damaged, or no SQLite database") from error
        raise translated(error) from error


@contextmanager
def _draft(path: Path) -> Iterator[Path]:
    """An empty file beside the database, for its owner only; gone afterwards."""
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    except OSError as error:
        raise SettingsError(
            f"EVERSTORE_SQLITE_PATH: nothing can be written to {str(path.parent)!r}: {error.strerror}"
        ) from error
    os.close(handle)
    try:
        yield Path(name)
    finally:
        for suffix in ("", *_BESIDE):
            Path(name + suffix).unlink(missing_ok=True)


def _take_after(draft: Path, path: Path) -> None:
    """Give the new file the rights that the old one has: whoever opened that must be able to open this."""
    with suppress(FileNotFoundError):
        old = path.stat()
        draft.chmod(old.st_mode & 0o777)
        with suppress(OSError, AttributeError):  # only root may give a file away
            os.chown(draft, old.st_uid, old.st_gid)


def _open_elsewhere(path: Path) -> BackendUnavailableError:
    ours = BackendUnavailableError(
        f"{str(path)!r} is open: close every store on it, in every process, and restore again",
        backend="sqlite",
    )
    ours.happened = False
    return ours


def _fold(path: Path) -> bool:
    """Put what the log holds into the database's file; whether that could be done.

    ``BackendUnavailableError`` when anybody has the database open.
    """
    if not path.exists() or path.stat().st_size == 0 or Files(path).stale_log():
        return False
    with closing(connect(path, "mode=rw")) as old:
        try:
            old.execute("PRAGMA locking_mode = EXCLUSIVE")
            old.execute("BEGIN EXCLUSIVE")
            old.execute("COMMIT")
            old.execute("PRAGMA journal_mode = DELETE")
        except sqlite3.Error as error:
            if is_busy(error):
                raise _open_elsewhere(path) from error
            if code_of(error) not in {sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT}:
                raise translated(error) from error
            return False  # damaged: there is no old state that could be kept whole
    return True


def _put_in_place(draft: Path, path: Path) -> None:
    if fcntl is None or not path.exists():
        _fold(path)
        _replace(draft, path)
        return
    for _ in range(_ATTEMPTS):
        is_whole = _fold(path)
        old = os.open(path, os.O_RDWR)
        try:
            try:
                fcntl.lockf(old, fcntl.LOCK_EX | fcntl.LOCK_NB, _LOCKS[1], _LOCKS[0])
            except OSError as error:
                raise _open_elsewhere(path) from error
            if is_whole and _has_log(path):  # somebody came and went in between
                continue
            _replace(draft, path)
            if os.fstat(old).st_nlink == 0:
                # Who opened it meanwhile waits for this lock, and must not find a database that is gone.
                os.pwrite(old, b"replaced by everstore restore".ljust(100), 0)
            return
        finally:
            os.close(old)
    raise _open_elsewhere(path)


def _has_log(path: Path) -> bool:
    log = Path(f"{path}-wal")
    return log.exists() and log.stat().st_size > 0


def _replace(draft: Path, path: Path) -> None:
    for suffix in _BESIDE:
        Path(f"{path}{suffix}").unlink(missing_ok=True)
    _flush(draft)
    draft.replace(path)
    _flush(path.parent)


def _flush(path: Path) -> None:
    """Put a file, or the names in a folder, on the disk."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except OSError:  # Windows opens no folders
        return
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
