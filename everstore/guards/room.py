"""What is too large is refused before a backend is asked."""

from __future__ import annotations

import sys

from everstore.errors import QuotaExceededError

__all__ = ["Room"]


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
