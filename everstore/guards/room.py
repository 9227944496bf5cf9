"""What is too large, and a revision that is another: refused before a backend is asked."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, TypeVar

from everstore.errors import (
    QuotaExceededError,
    RevisionConflictError,
)

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from everstore.models import (
        FileStat,
        KeyInfo,
    )

    T = TypeVar("T")
    Answer = Coroutine[Any, Any, T]

__all__ = ["Room", "require_revision"]


class Room:
    """The bytes that one place may hold: the lower of the configured limit and the backend's own."""

    def __init__(self, what: str, limit: int | None, capability: int | None) -> None:
        self._what = what
        self._limit = sys.maxsize if limit is None else limit
        self._capability = sys.maxsize if capability is None else capability
        self.bytes = min(self._limit, self._capability)

    def refusal(self, size: int, place: str, what: str | None = None) -> QuotaExceededError:
        """What is told to who wants more at a place, of which ``what`` is told when it is not this room's."""
        if size > self._limit:
            return QuotaExceededError.over(f"{self._what}_bytes", size, self._limit, place, what)
        return QuotaExceededError.beyond(f"max_{self._what}_bytes", size, self._capability, place, what)


def require_revision(place: str, wanted: str | None, found: FileStat | KeyInfo | None) -> None:
    """``RevisionConflictError`` unless this revision is there, or with ``None`` nothing."""
    current = None if found is None else found.revision
    if current != wanted:
        raise RevisionConflictError.found(place, wanted, current)
