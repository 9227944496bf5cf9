"""Before a database is opened: is it there, may it be used as asked, and is nothing in the way."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, suppress
from functools import partial
from typing import TYPE_CHECKING

from everstore.errors import SettingsError, StorageReplacedError
from everstore_sqlite.connecting import connect
from everstore_sqlite.failures import code_of, is_busy
from everstore_sqlite.standing import Files
from everstore_sqlite.writer import patiently

if TYPE_CHECKING:
    from pathlib import Path

    from everstore_sqlite.settings import SqliteSettings

__all__ = ["explained", "found_files", "require_rights"]

_PATH = "EVERSTORE_SQLITE_PATH"
_OWN = 0o600  # a new database is its owner's alone; SQLite gives its log and shared memory the same rights


def found_files(settings: SqliteSettings) -> Files:
    """The files to open, the database there in any case; ``SettingsError`` when none can or may be."""
    path = settings.path
    if str(path) == ":memory:":
        raise SettingsError(f"{_PATH} is a file; EVERSTORE_BACKEND=memory keeps nothing on disk")
    path = path.expanduser().absolute()
    try:
        if path.is_dir():
            raise SettingsError(f"{_PATH} is the folder {str(path)!r}; name a file in it")
        if not path.parent.is_dir():
            raise SettingsError(f"{_PATH}: there is no folder {str(path.parent)!r}; make it first")
        files = Files(path)
        if not path.exists():
            _create(files, settings)
    except OSError as error:
        raise SettingsError(f"{_PATH}: {error.strerror}: {str(path)!r}") from error
    require_rights(files, read_only=settings.read_only)
    stale = files.stale_log()
    if stale is not None:
        raise StorageReplacedError(stale, backend="sqlite", path=str(path))
    if not settings.read_only:
        _require_whole(files, settings.busy_timeout)
    files.note_database()
    return files


def _create(files: Files, settings: SqliteSettings) -> None:
    place = str(files.database)
    for name in ("must_exist", "read_only"):
        if getattr(settings, name):
            raise SettingsError(
                f"{_PATH}: there is no file {place!r}, and EVERSTORE_SQLITE_{name.upper()} is true; is this"
                " the right path, and the right working directory?"
            )
    for left in (files.log, files.memory):
        if left.exists():  # SQLite would throw the log away, and what was acknowledged with it
            raise SettingsError(
                f"{_PATH}: {str(left)!r} is there without its database {place!r};"
                " put the database back, or move away what is left of it"
            )
    _require_room(files)
    with suppress(FileExistsError):  # another process was faster
        created = os.open(os.path.realpath(place), os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, _OWN)
        try:
            os.fchmod(created, _OWN)  # whatever the umask
        finally:
            os.close(created)


def require_rights(files: Files, *, read_only: bool) -> None:
    """``SettingsError`` that names the file or folder in the way, if there is one."""
    wanted = os.R_OK if read_only else os.R_OK | os.W_OK
    for path in files.all:
        if path.exists() and not _may(path, wanted):
            raise SettingsError(f"{_PATH}: {_refused(path, read_only=read_only or not _may(path, os.R_OK))}")
    if not (read_only or all(path.exists() for path in files.all)):
        _require_room(files)


def _require_room(files: Files) -> None:
    folder = files.log.parent
    if not _may(folder, os.W_OK | os.X_OK):
        raise SettingsError(
            f"{_PATH}: no file can be made in the folder {str(folder)!r}, and a log beside the database is"
            " needed; check the rights to it, or open what is there with EVERSTORE_SQLITE_READ_ONLY=true"
        )


def _refused(path: Path, *, read_only: bool) -> str:
    if read_only:
        return f"{str(path)!r} cannot be read; check the rights to it"
    return (
        f"{str(path)!r} cannot be written to; check the rights to it, or open it with"
        " EVERSTORE_SQLITE_READ_ONLY=true"
    )


def _may(path: Path, mode: int) -> bool:
    return os.access(path, mode, effective_ids=os.access in os.supports_effective_ids)


def _require_whole(files: Files, timeout: float) -> None:
    """``StorageReplacedError`` when a log or shared memory was removed under somebody who goes on.

    A crash or a copied file may leave one without the other, too; then nobody else has the database
    open, and an exclusive lock can be had.
    """
    try:
        patiently(partial(_look_alone, files), min(timeout, 1.0))
    except sqlite3.OperationalError as error:
        if not is_busy(error):
            return  # opening it will tell
        missing = files.memory if files.log.exists() else files.log
        raise StorageReplacedError(
            f"{str(missing)!r} was removed while another process has the database open; end that one first",
            backend="sqlite",
            path=str(files.database),
        ) from error


def _look_alone(files: Files) -> None:
    if files.log.exists() == files.memory.exists():
        return
    with closing(connect(files.database)) as connection:
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("SELECT count(*) FROM sqlite_master")


def explained(error: sqlite3.Error, files: Files, *, read_only: bool) -> SettingsError | None:
    """What is wrong with the setting, where SQLite's failure to open means that."""
    code = code_of(error)
    if code == sqlite3.SQLITE_NOTADB:
        return SettingsError(f"{_PATH} names a file that is no SQLite database; choose another")
    if code not in {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM}:
        return None
    try:
        require_rights(files, read_only=read_only)
    except SettingsError as found:
        return found
    what = "opened" if read_only or code == sqlite3.SQLITE_CANTOPEN else "written to"
    place = str(files.database)
    return SettingsError(f"{_PATH}: {place!r} cannot be {what}; check the rights to it and its folder")
