"""The records of sessions."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from everstore.interfaces.capabilities import Capabilities

if TYPE_CHECKING:
    from uuid import UUID

    from everstore.models import Session

__all__ = ["SessionStore"]


class SessionStore(ABC):
    """Session records. Files, values and secrets need none: an unknown session is an empty one."""

    capabilities: Capabilities = Capabilities()

    @abstractmethod
    async def add_session(self, session: Session) -> None:
        """Insert a record, or replace the one with its id."""

    @abstractmethod
    async def get_session(self, session_id: UUID) -> Session | None:
        """The record; ``None`` when there is none."""

    @abstractmethod
    async def update_session_title(self, session_id: UUID, title: str) -> Session:
        """Set the title and move ``updated_at``; ``SessionNotFoundError`` when there is no record.

        ``record.retitled(title, now_ns())`` of ``everstore.clock`` moves it, also when the clock went back.
        """

    @abstractmethod
    async def list_sessions(self, *, limit: int = 100, after: Session | None = None) -> list[Session]:
        """A page of records, newest first (by ``created_at``, then id, both descending).

        For the next page pass the last record of this one as ``after``: it need not exist any
        more. Fewer than ``limit`` only when no more follow, ``[]`` when there are none.
        """

    @abstractmethod
    async def delete_session(self, session_id: UUID) -> bool:
        """Remove the record (only that); whether there was one."""

    async def close(self) -> None:
        """Release what this object holds. Called once, when the store closes."""
