"""The records of sessions."""

from __future__ import annotations

import heapq
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from msgspec import UNSET, UnsetType

from everstore.interfaces.capabilities import Capabilities

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

    from everstore.models import Session

__all__ = ["SessionStore"]

_ALL = (1 << 63) - 1  # a limit that every storage has an integer for


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
    async def update_session(
        self,
        session_id: UUID,
        *,
        title: str | UnsetType | None = UNSET,
        labels: Mapping[str, str] | UnsetType = UNSET,
    ) -> Session:
        """Set the title, or all the labels, or both, in one step; the record as it then is.

        ``title=None`` takes the title away, and labels that are not among the new ones go, all of them with
        ``labels={}``; what is not given stays. ``updated_at`` moves, ``created_at`` stays.
        ``SessionNotFoundError`` when there is no record, ``InvalidArgumentError`` when neither is given.

        ``record.updated(now_ns(), title=title, labels=labels)``, with the time of ``everstore.clock``, makes
        it, also when the clock went back.
        """

    async def update_session_title(self, session_id: UUID, title: str) -> Session:
        """``update_session`` with a title and nothing else."""
        return await self.update_session(session_id, title=title)

    @abstractmethod
    async def list_sessions(
        self,
        *,
        limit: int = 100,
        after: Session | None = None,
        labels: Mapping[str, str] | None = None,
        checkpoints_of: UUID | None = None,
    ) -> list[Session]:
        """A page of records, newest first (by ``created_at``, then id, both descending).

        No checkpoint is among them, and those that there are cost nothing. With ``checkpoints_of`` they are
        those of the checkpoints (``everstore.models.is_checkpoint``) whose ``parent`` is that session, and no
        others.

        With ``labels`` only those that have all of them (``record.has_labels``), found by an index: what the
        records without them cost is nothing.

        For the next page pass the last record of this one as ``after``: it need not exist any
        more. Fewer than ``limit`` only when no more follow, ``[]`` when there are none.
        """

    @abstractmethod
    async def delete_session(self, session_id: UUID) -> bool:
        """Remove the record (only that); whether there was one."""

    async def session_ids(self, *, after: UUID | None = None, limit: int = 100) -> list[UUID]:
        """A page of the ids of all sessions that have a record, ascending.

        For the next page pass the last id of this one as ``after``: it need not exist any more. Fewer than
        ``limit`` only when no more follow, ``[]`` when there are none.

        Implementers: the default reads all records at once, and knows of no checkpoints: it is for who claims
        no ``Capabilities.forks``.
        """
        ids = [session.id for session in await self.list_sessions(limit=_ALL)]
        return heapq.nsmallest(limit, ids if after is None else filter(after.__lt__, ids))

    async def close(self) -> None:
        """Release what this object holds. Called once, when the store closes."""
