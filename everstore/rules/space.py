"""A session's values, or its secrets, as the rules see them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Generic, TypeVar

import msgspec

from everstore.content import stored_size

if TYPE_CHECKING:
    from everstore.settings import Limits

__all__ = ["Held", "S", "Space", "Stamps"]


class Stamps(msgspec.Struct, frozen=True, gc=False):
    """What is kept of a value or secret beside its text; past ``expires_ns`` it counts as absent."""

    version: int
    created_ns: int
    updated_ns: int
    expires_ns: int | None


S = TypeVar("S", bound=Stamps)


class Held:
    """What a session's values and secrets have together, within one call: counted once, then kept right.

    Counting takes as long as there are keys, so of many changes only the first that grows may do it.
    """

    __slots__ = ("at", "usage")

    def __init__(self) -> None:
        """Nothing is counted yet."""
        self.usage: tuple[int, int] | None = None
        self.at = 0
        """What was past its time then, in nanoseconds, does not count."""

    def add(self, keys: int, size: int) -> None:
        """Note what is there more, or less, now."""
        if self.usage is not None:
            self.usage = self.usage[0] + keys, self.usage[1] + size


class Space(ABC, Generic[S]):
    """One session's values, or its secrets, within one transaction of a storage.

    ``S`` is what the storage tells of a key without more ado: its ``Stamps``, or a subclass that has its
    text, too. What is past its time is told like anything else; the rules know that it counts as absent.
    Damaged data is ``DataDamagedError`` from whichever method meets it.

    As with a ``Tree``, nothing is changed before it is known that the change is not refused.
    """

    __slots__ = ()

    limits: Limits | None
    """``None`` where values have no limit: ``context.limits.of_values``."""

    @abstractmethod
    def get(self, key: str, /) -> S | None:
        """What is kept under a key; ``None`` when nothing is."""

    def get_to_replace(self, key: str, /) -> S | None:
        """As ``get``, of what is about to be replaced, whatever it is.

        A storage that tells damage from absence finds nothing in a damaged entry here (§7.2.5).
        """
        return self.get(key)

    @abstractmethod
    def text(self, key: str, found: S) -> str:
        """The text under a key where ``get`` has found this."""

    def size(self, key: str, found: S) -> int:
        """How many bytes, in UTF-8, the text under a key has; asked for under a limit."""
        return stored_size(self.text(key, found), "text")

    @abstractmethod
    def usage(self, now: int) -> tuple[int, int]:
        """How many values and secrets the session has, both together, and their bytes with their keys.

        Asked for under a limit. What is past its time at ``now``, in nanoseconds, does not count.
        """

    @abstractmethod
    def next_version(self) -> int:
        """A number from 1 to 2**63 - 1 that no place ever had or will have as its version (§4.1)."""

    @abstractmethod
    def put(
        self, key: str, text: str, version: int, created_ns: int, updated_ns: int, expires_ns: int | None
    ) -> None:
        """Put a text and its stamps under a key, in place of what is there.

        A good place to let go of some that are past their time, of whatever session (§7.4.10).
        """

    @abstractmethod
    def remove(self, key: str, now: int) -> bool:
        """Remove what is under a key, damaged or not; whether anything was that is not past its time."""
