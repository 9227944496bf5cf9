"""What SQLite throws, and what a caller gets for it: the one table (contract §7.2).

A message of SQLite's may quote SQL but never values; still only its result code is told, and the
exception itself is the ``__cause__``.
"""

from __future__ import annotations

import sqlite3

from everstore.errors import (
    BackendError,
    BackendUnavailableError,
    DataDamagedError,
    EverstoreError,
    QuotaExceededError,
)

__all__ = ["code_of", "damaged_file", "is_busy", "translated"]

_PRIMARY = 0xFF  # the low byte of an extended result code is the primary one

_FAILURES: dict[int, tuple[type[BackendError], str]] = {
    sqlite3.SQLITE_BUSY: (
        BackendUnavailableError,
        "another process kept the database locked for longer than EVERSTORE_SQLITE_BUSY_TIMEOUT; try again",
    ),
    sqlite3.SQLITE_LOCKED: (BackendUnavailableError, "the database is in use by this process; try again"),
    sqlite3.SQLITE_FULL: (
        BackendUnavailableError,
        "no space is left for the database at EVERSTORE_SQLITE_PATH; free some and try again",
    ),
    sqlite3.SQLITE_NOMEM: (BackendUnavailableError, "SQLite ran out of memory; try again"),
    sqlite3.SQLITE_PROTOCOL: (
        BackendUnavailableError,
        "too many processes opened the file at once; try again",
    ),
    sqlite3.SQLITE_INTERRUPT: (BackendUnavailableError, "the call was interrupted; try again"),
    sqlite3.SQLITE_IOERR: (
        BackendUnavailableError,
        "the disk of EVERSTORE_SQLITE_PATH failed or is full; see the cause, then try again",
    ),
    sqlite3.SQLITE_CANTOPEN: (BackendError, "the file at EVERSTORE_SQLITE_PATH cannot be opened any more"),
    sqlite3.SQLITE_READONLY: (BackendError, "the database at EVERSTORE_SQLITE_PATH cannot be written to"),
    sqlite3.SQLITE_PERM: (BackendError, "the rights to the database at EVERSTORE_SQLITE_PATH are missing"),
    **dict.fromkeys(
        (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT, sqlite3.SQLITE_CONSTRAINT),
        (DataDamagedError, "the database at EVERSTORE_SQLITE_PATH is damaged; restore a backup"),
    ),
}

# What SQLite and its driver have no result code for.
_DAMAGE = ("Could not decode to UTF-8", "no such table", "no such column")


def damaged_file(reason: str) -> DataDamagedError:
    """The error of a database that lacks what every one has."""
    return DataDamagedError(f"the database at EVERSTORE_SQLITE_PATH is damaged: {reason}; restore a backup")


def code_of(error: BaseException) -> int:
    """SQLite's primary result code; 0 when it was not SQLite that failed."""
    return getattr(error, "sqlite_errorcode", 0) & _PRIMARY


def is_busy(error: BaseException) -> bool:
    """Whether somebody else held a lock, so that the same call may do a moment later."""
    return code_of(error) in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL}


# Of a COMMIT that fails with these, nothing was kept; of one that fails otherwise, the log on the disk
# may hold all, and whoever opens the database after a crash would find it there.
_NOT_COMMITTED = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL}


def translated(
    error: Exception, max_bytes: int | None = None, *, is_committing: bool = False
) -> EverstoreError:
    """The error that a caller sees, with ``error`` as its cause; one of everstore's own stays as it is.

    ``max_bytes`` is the limit that the operator gave the file: then that, and not the disk, is
    what is full. Anything but a COMMIT (``is_committing``) that fails has certainly not happened.
    """
    if isinstance(error, EverstoreError):
        return error
    code = code_of(error)
    ours: EverstoreError
    if code == sqlite3.SQLITE_FULL and max_bytes is not None:
        message = f"the database would exceed its limit of {max_bytes} bytes (EVERSTORE_SQLITE_MAX_BYTES)"
        ours = QuotaExceededError(message, limit="sqlite_max_bytes", allowed=max_bytes)
    elif code == sqlite3.SQLITE_TOOBIG or isinstance(error, OverflowError):
        message = "SQLite keeps at most 1,000,000,000 bytes in one value"
        ours = QuotaExceededError(message, limit="sqlite_length", allowed=1_000_000_000)
    elif isinstance(error, sqlite3.OperationalError) and str(error).startswith(_DAMAGE):
        # The driver's words quote what it could not decode, so they go no further.
        return damaged_file("it holds text that is no UTF-8, or lacks a table")
    elif code in _FAILURES:
        kind, message = _FAILURES[code]
        facts: dict[str, object] = {"backend": "sqlite"}
        if kind is BackendUnavailableError:
            facts["happened"] = None if is_committing and code not in _NOT_COMMITTED else False
        ours = kind(message, **facts)
    else:
        ours = BackendError(f"sqlite: the call failed with {type(error).__name__}", backend="sqlite")
    ours.__cause__ = error
    return ours
