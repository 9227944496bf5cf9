"""A transaction of LMDB's as everstore's engine wants it, and the folder that it is in."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

import lmdb

from everstore import Capabilities, errors
from everstore.compat import override
from everstore.engine import Engine, Transaction

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from everstore_lmdb.settings import LmdbSettings

__all__ = ["LmdbEngine"]

T = TypeVar("T")

_PERIOD = 0.001  # seconds between two looks at the files by those who only read
_MOST_READERS = 1024  # transactions that look at the same time, of all processes
_SPARE_TRANSACTIONS = 8
_UNAVAILABLE = {
    lmdb.DiskError: "no space is left for the storage at EVERSTORE_LMDB_PATH; free some and try again",
    lmdb.MapResizedError: "another process has a larger EVERSTORE_LMDB_MAX_BYTES; set it here, open it again",
    lmdb.ReadersFullError: f"more than {_MOST_READERS} transactions look at the storage at once; try again",
}
_UNUSED = b"\0"  # a key that everstore has no use for
_DAMAGED = (lmdb.CorruptedError, lmdb.PageNotFoundError, lmdb.InvalidError, lmdb.VersionMismatchError)


class _LmdbTransaction(Transaction):
    """A transaction of LMDB's."""

    def __init__(self, inner: lmdb.Transaction[bytes]) -> None:
        self._inner = inner

    @override
    def get(self, key: bytes) -> bytes | None:
        return self._inner.get(key)

    @override
    def put(self, key: bytes, value: bytes) -> None:
        self._inner.put(key, value)

    @override
    def delete(self, key: bytes) -> None:
        self._inner.delete(key)

    @override
    def scan(self, low: bytes, high: bytes, *, reverse: bool = False) -> Iterator[tuple[bytes, bytes]]:
        cursor = self._inner.cursor()
        if not reverse:
            for key, value in cursor if cursor.set_range(low) else ():
                if key >= high:
                    break
                yield key, value
        elif cursor.prev() if cursor.set_range(high) else cursor.last():
            for key, value in cursor.iterprev():
                if key < low:
                    break
                yield key, value

    @override
    def delete_range(self, low: bytes, high: bytes) -> None:
        cursor = self._inner.cursor()
        is_there = cursor.set_range(low)
        while is_there and cursor.key() < high:
            is_there = cursor.delete() and bool(cursor.key())


class LmdbEngine(Engine):
    """An LMDB environment: a folder with a file of data and one of locks."""

    capabilities = Capabilities(durable=True, shared=True)
    longest_key = 511
    largest_value = (8 << 12) - 16  # 8 pages that follow on one another, with a header of 16 bytes

    def __init__(self, settings: LmdbSettings) -> None:
        """Nothing is opened yet."""
        self._settings = settings
        self._folder = settings.path.absolute()
        self._files = [self._folder / name for name in ("data.mdb", "lock.mdb")]
        self._known: list[tuple[int, int]] = []
        self._next_look = 0.0
        self.is_quick = settings.direct_reads

    @property
    @override
    def place(self) -> str:
        return os.path.realpath(self._folder)

    @override
    def open(self) -> None:
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            self._environment = lmdb.open(
                str(self._folder),
                map_size=self._settings.max_bytes,
                mode=0o600,
                sync=self._settings.synchronous == "full",
                max_readers=_MOST_READERS,
                max_spare_txns=_SPARE_TRANSACTIONS,
            )
        except (lmdb.Error, OSError) as error:
            raise errors.SettingsError(
                f"EVERSTORE_LMDB_PATH: {str(self._folder)!r} cannot be opened by LMDB; name a folder of its"
                " own on a local disk, which this process may write to"
            ) from error
        self._environment.reader_check()  # what a process that was killed looked at takes room until then
        self._known = self._found()

    @override
    def close(self) -> None:
        self._environment.close()

    @override
    def transact(self, work: Callable[[Transaction], T], *, write: bool) -> T:
        try:
            return self._once(work, write=write)
        except lmdb.ReadersFullError:
            self._environment.reader_check()
        except lmdb.MapFullError:
            self._make_room()
        try:
            return self._once(work, write=write)
        except (lmdb.MapFullError, lmdb.ReadersFullError) as error:
            raise self._told(error) from error

    def _make_room(self) -> None:
        """Let go of what killed processes looked at, and of what the last transaction freed."""
        self._environment.reader_check()
        # What one transaction frees can be used by the next but one.
        with suppress(lmdb.MapFullError), self._environment.begin(write=True) as inner:
            inner.put(_UNUSED, b"")

    def _once(self, work: Callable[[Transaction], T], *, write: bool) -> T:
        is_committing = False
        try:
            with self._environment.begin(write=write) as inner:
                answer = work(_LmdbTransaction(inner))
                if write or time.monotonic() > self._next_look:
                    self._require()  # and not after: a commit could do harm to what is there instead
                is_committing = write
            if write:
                self._require()  # or it would be acknowledged though it is lost
        except (lmdb.MapFullError, lmdb.ReadersFullError):
            raise
        except lmdb.Error as error:
            raise self._told(error, is_committing=is_committing) from error
        return answer

    def _told(self, error: lmdb.Error, *, is_committing: bool = False) -> errors.EverstoreError:
        """The error that a caller sees for one of LMDB's."""
        self._require()
        happened = None if is_committing else False
        if isinstance(error, (lmdb.MapFullError, lmdb.TxnFullError)):
            most = self._settings.max_bytes
            message = f"the storage would exceed its limit of {most:,} bytes (EVERSTORE_LMDB_MAX_BYTES)"
            return errors.QuotaExceededError(message, limit="lmdb_max_bytes", allowed=most)
        if isinstance(error, _DAMAGED):
            return errors.DataDamagedError("the storage at EVERSTORE_LMDB_PATH is damaged; restore a backup")
        message = _UNAVAILABLE.get(type(error), f"LMDB failed with {type(error).__name__}; see the cause")
        return errors.BackendUnavailableError(message, backend="lmdb", happened=happened)

    def _require(self) -> None:
        """``StorageReplacedError`` unless the files are those that were opened.

        LMDB goes on with deleted ones, and processes with two files of locks write over each other.
        """
        if self._found() != self._known:
            self._known, self._next_look = [], 0.0  # once wrong, always wrong
            raise errors.StorageReplacedError(
                f"the files in {str(self._folder)!r} are not those that were opened: nothing is read or"
                " acknowledged any more; close the store, see to the folder, and open the store again",
                backend="lmdb",
                path=str(self._folder),
            )
        self._next_look = time.monotonic() + _PERIOD

    def _found(self) -> list[tuple[int, int]]:
        """The identities of the files, if all are there."""
        try:
            return [(found.st_dev, found.st_ino) for found in map(os.stat, self._files)]
        except OSError:
            return [(-1, -1)]
