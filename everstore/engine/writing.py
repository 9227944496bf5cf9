"""A transaction as the calls that share it see it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from everstore.compat import override
from everstore.engine.base import Transaction

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Reading", "Writing"]

_LARGEST = (1 << 63) - 1


class Reading(Transaction):
    """A transaction whose scans end with it, at the latest.

    One that a call has left would else be open for as long as somebody keeps the error that the call ended
    with, whose traceback has it: with the cursor, snapshot or lock that a storage gives a scan.
    """

    __slots__ = ("_inner", "_scans")

    def __init__(self, inner: Transaction) -> None:
        """``close`` comes before the storage ends ``inner``."""
        self._inner = inner
        self._scans: list[Iterator[tuple[bytes, bytes]]] = []

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
        scan = self._inner.scan(low, high, reverse=reverse)
        self._scans.append(scan)
        return scan

    def close(self) -> None:
        """Close the scans that were begun, where they can be closed: generators can."""
        for scan in self._scans:
            close = getattr(scan, "close", None)
            if close is not None:
                close()


class Writing(Reading):
    """A transaction with versions, which knows how much was changed, and can undo the last call.

    Versions follow on a random number of 63 bits: no place ever had or will have one of them, a restored
    storage neither.
    """

    __slots__ = ("_undo", "_version", "changes", "is_swept")

    def __init__(self, inner: Transaction, *, can_undo: bool) -> None:
        """``can_undo`` costs a look at each change."""
        super().__init__(inner)
        self._undo: list[tuple[bytes, bytes | None]] | None = [] if can_undo else None
        self._version = int.from_bytes(os.urandom(8)) >> 1
        self.changes = 0
        """How often anything was changed."""
        self.is_swept = False
        """Whether what is past its time was looked for."""

    @override
    def put(self, key: bytes, value: bytes) -> None:
        self._note(key)
        super().put(key, value)

    @override
    def delete(self, key: bytes) -> None:
        self._note(key)
        super().delete(key)

    @override
    def delete_range(self, low: bytes, high: bytes) -> None:
        if self._undo is not None:
            super().delete_range(low, high)
        else:
            self.changes += 1
            self._inner.delete_range(low, high)

    def next_version(self) -> int:
        """A number that no place ever had or will have as its version."""
        self._version = self._version + 1 & _LARGEST or 1
        return self._version

    def begin_call(self) -> None:
        """What was changed so far stays."""
        if self._undo:
            self._undo.clear()

    def undo_call(self) -> bool:
        """Put back what was there before the last call; whether that can be done."""
        if self._undo is None:
            return False
        for key, value in reversed(self._undo):
            if value is None:
                self._inner.delete(key)
            else:
                self._inner.put(key, value)
        self._undo.clear()
        self.is_swept = False
        return True

    def _note(self, key: bytes) -> None:
        self.changes += 1
        if self._undo is not None:
            self._undo.append((key, self._inner.get(key)))
