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

    from everstore.errors import EverstoreError
    from everstore_lmdb.settings import LmdbSettings

__all__ = ["LmdbEngine"]

T = TypeVar("T")

_PERIOD = 0.001  # seconds between two looks at the files by those who only read
_MOST_READERS = 1024  # transactions that look at the same time, of all processes
_FILLED = 3 / 4  # how much of the storage may be in use; the rest is for changing it, and for deleting
_WORDS: dict[type, str] = {
    lmdb.DiskError: "no space is left for the storage at EVERSTORE_LMDB_PATH; free some and try again",
    lmdb.MapResizedError: "another process has a larger EVERSTORE_LMDB_MAX_BYTES; set it here, too",
    lmdb.ReadersFullError: f"more than {_MOST_READERS} transactions look at the storage at once; try again",
}
_DAMAGE = (lmdb.CorruptedError, lmdb.PageNotFoundError, lmdb.InvalidError, lmdb.VersionMismatchError)


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
        self._folder = settings.path.expanduser().absolute()
        self._files = [self._folder / name for name in ("data.mdb", "lock.mdb")]
        self._next_look = 0.0
        self.is_quick = settings.direct_reads

    @property
    @override
    def place(self) -> str:
        return os.path.realpath(self._folder)

    @override
    def open(self) -> None:
        settings = self._settings
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            self._environment = lmdb.open(
                str(self._folder),
                map_size=settings.max_bytes,
                mode=0o600,
                sync=settings.synchronous == "full",
                max_readers=_MOST_READERS,
                max_spare_txns=8,
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
        is_last = False
        while True:
            is_committing = False
            try:
                with self._environment.begin(write=write) as inner:
                    before = self._used(inner) if write else 0
                    answer = work(_LmdbTransaction(inner))
                    if write and max(before, _FILLED * self._settings.max_bytes) < self._used(inner):
                        raise self._full()
                    if write or time.monotonic() > self._next_look:
                        self._require()  # and not after: a commit could do harm to what is there instead
                    is_committing = write
                if write:
                    self._require()  # or it would be acknowledged though it is lost
                return answer  # noqa: TRY300 - what follows is for a failure
            except lmdb.Error as error:
                if is_last or not isinstance(error, (lmdb.MapFullError, lmdb.ReadersFullError)):
                    raise self._told(error, is_committing=is_committing) from error
            self._make_room()
            is_last = True

    def _make_room(self) -> None:
        """Let go of what killed processes looked at, and of what was freed: the next but one may use it."""
        self._environment.reader_check()
        with suppress(lmdb.Error), self._environment.begin(write=True) as inner:
            inner.put(b"\0", b"")  # a key that everstore has no use for

    def _told(self, error: lmdb.Error, *, is_committing: bool) -> EverstoreError:
        """The error that a caller sees for one of LMDB's."""
        self._require()
        if isinstance(error, (lmdb.MapFullError, lmdb.TxnFullError)):
            return self._full()
        if isinstance(error, _DAMAGE):
            return errors.DataDamagedError("the storage at EVERSTORE_LMDB_PATH is damaged; restore a backup")
        words = f"LMDB failed with {type(error).__name__}; see the cause, then try again"
        words, happened = _WORDS.get(type(error), words), None if is_committing else False
        return errors.BackendUnavailableError(words, backend="lmdb", happened=happened)

    def _full(self) -> EverstoreError:
        most = self._settings.max_bytes
        words = f"the storage would exceed its limit of {most:,} bytes (EVERSTORE_LMDB_MAX_BYTES)"
        return errors.QuotaExceededError(words, limit="lmdb_max_bytes", allowed=most)

    def _used(self, inner: lmdb.Transaction[bytes]) -> int:
        """How many bytes are in pages that hold anything."""
        found = inner.stat()
        return found["psize"] * (found["branch_pages"] + found["leaf_pages"] + found["overflow_pages"])

    def _require(self) -> None:
        """``StorageReplacedError`` unless the files are those that were opened: LMDB goes on without them."""
        if self._found() != self._known:
            self._known, self._next_look = [], 0.0  # once wrong, always wrong
            raise errors.StorageReplacedError(
                f"the files in {str(self._folder)!r} are not those that were opened: nothing is read or"
                " acknowledged any more; close the store, see to the folder, and open the store again"
            )
        self._next_look = time.monotonic() + _PERIOD

    def _found(self) -> list[tuple[int, int]]:
        """The identities of the files, if all are there."""
        try:
            return [(found.st_dev, found.st_ino) for found in map(os.stat, self._files)]
        except OSError:
            return [(-1, -1)]
