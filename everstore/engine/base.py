"""What an author writes: a transaction of bytes in order, and what runs one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, TypeVar

from everstore.interfaces import Capabilities

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["Engine", "Transaction"]

T = TypeVar("T")


class Transaction(ABC):
    """An ordered map of bytes as it was at one moment, with the changes of this transaction in it.

    Keys are ordered byte by byte, a prefix first. Only one thread uses it, and only while the work runs that
    it was given to.
    """

    @abstractmethod
    def get(self, key: bytes) -> bytes | None:
        """The value under a key; ``None`` when there is none. The empty value is one."""

    @abstractmethod
    def put(self, key: bytes, value: bytes) -> None:
        """Put a value under a key, in place of the one that is there."""

    @abstractmethod
    def delete(self, key: bytes) -> None:
        """Remove what is under a key, if there is anything."""

    @abstractmethod
    def scan(self, low: bytes, high: bytes, *, reverse: bool = False) -> Iterator[tuple[bytes, bytes]]:
        """The keys from ``low`` on that come before ``high``, in order, each with its value.

        ``reverse`` begins with the last. It may be left before its end; nothing is put or deleted before it
        is left or at its end. A generator that was left is closed before the work ends.
        """

    def delete_range(self, low: bytes, high: bytes) -> None:
        """Remove the keys from ``low`` on that come before ``high``; for a storage that does it at once."""
        for key in [key for key, _ in self.scan(low, high)]:
            self.delete(key)


class Engine(ABC):
    """An ordered map of bytes that keeps what transactions leave in it.

    Made by the hook ``everstore_engine``, which opens nothing yet: everstore calls ``open`` and everything
    else on its own threads, so all of it may block. Several threads may run transactions at once: one of
    them writes, the others only look.

    What goes wrong is raised as an error of ``everstore.errors`` where there is a fitting one:
    ``BackendUnavailableError`` for what may do better a moment later, ``happened=False`` where it is certain
    that nothing was kept; ``QuotaExceededError`` for a full storage, when nothing was kept;
    ``StorageReplacedError`` and ``DataDamagedError``. Anything else becomes a ``BackendError``.
    """

    capabilities: Capabilities = Capabilities()
    """What the backend claims. A time to live works on every engine."""

    longest_key: int
    """The most bytes that a key may have: 64 at least. Longer names are kept under a part and a digest."""

    largest_value: int
    """The most bytes that a value may have: 6144 at least. Larger contents are in pieces, of 64 KiB at most.

    A storage keeps to those two that it was begun with: everstore sets them, once it is open.
    """

    is_quick: bool = False
    """Whether a ``get`` takes microseconds, so that one look is done on the event loop's own thread."""

    @property
    def place(self) -> str | None:
        """Where the storage is, when a process must not open it twice at once: its stores share one then.

        ``None``, the default, when every store may open it by itself. A child that was forked while a store
        was open there is refused.
        """
        return None

    def open(self) -> None:
        """Make ready; ``SettingsError`` when the storage cannot be used as it is configured."""

    @abstractmethod
    def transact(self, work: Callable[[Transaction], T], *, write: bool) -> T:
        """What ``work`` answers, once all that it changed is kept: all of it, or nothing.

        It sees one moment; to others, it happened at one moment. When it raises, nothing is kept, and the
        error goes on as it is. ``work`` may be called again with a new transaction, after a conflict with
        another process say: it has no effect but on what it is given. Without ``write`` it changes nothing,
        and does not wait for who writes.

        A durable engine returns when a crash cannot undo it any more.
        """

    def close(self) -> None:
        """Let go of everything. No transaction runs, and none will."""
