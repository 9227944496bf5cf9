"""The records of checkpoints.

A checkpoint is a session that nobody changes, known by its id. Its record is a ``Session`` with its label as
title and its session as ``parent``. A label says of some records what they are:

``base``   where a fork began: the checkpoint that merging needs, freed with the fork.
``state``  ``making``: what was there before a rewind that has not ended, or never will: a checkpoint when its
           data is there. ``deleting``: its data goes, or is gone, and nobody goes back to it any more.
``rewind`` what was there before a rewind, and ``to`` which checkpoint. ``values``: ``none`` when the session
           had no values then.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, cast

from everstore.errors import CheckpointNotFoundError, SessionNotFoundError
from everstore.models import SessionUsage, is_checkpoint

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from typing import Literal
    from uuid import UUID

    from everstore.models import Session
    from everstore.store import Roles

__all__ = ["BASE", "MAKING", "UNDER_WAY_NS", "Checkpoints", "state_of"]

BASE = {"base": "1"}
"""The label of the record of a fork's starting point."""

_STATE = "state"
MAKING = {_STATE: "making"}
"""The label of what is a checkpoint when its data is there."""

_DELETING = {_STATE: "deleting"}

UNDER_WAY_NS = 3_600_000_000_000
"""What is not whole after so long was left by a crash."""

_PAGE = 100


def state_of(checkpoint: Session) -> Literal["making", "deleting"] | None:
    """What is under way with the checkpoint of this record, or was when its process ended."""
    return cast("Literal['making', 'deleting'] | None", checkpoint.labels.get(_STATE))


class Checkpoints:
    """The checkpoints of one store's sessions, by their records."""

    def __init__(self, roles: Roles) -> None:
        """Over roles that change checkpoints, too."""
        self._roles = roles

    async def records(self, session_id: UUID, last: Session | None = None) -> AsyncIterator[Session]:
        """Those of a session, newest first, that follow one; whole or not."""
        while page := await self._roles.sessions.list_sessions(
            limit=_PAGE, after=last, checkpoints_of=session_id
        ):
            for record in page:
                yield record
            last = page[-1]
            if len(page) < _PAGE:
                return

    async def is_whole(self, record: Session) -> bool:
        """Whether this is the record of a checkpoint that one can go back to."""
        state = state_of(record)
        if state != "making":
            return state is None
        files = await self._roles.file_system.usage(record.id)
        values = await self._roles.storage.usage(record.id)
        return SessionUsage.of(files, values) != SessionUsage()

    async def base_of(self, fork: UUID) -> UUID:
        """Where a fork began, which it was made with; ``CheckpointNotFoundError`` when that was not kept."""
        found = await self._roles.sessions.list_sessions(limit=1, checkpoints_of=fork, labels=BASE)
        if not found:
            raise CheckpointNotFoundError(
                f"session {fork} has no starting point to be merged by; fork_session() keeps one unless told"
                " base=False",
                session_id=fork,
                checkpoint_id=None,
            )
        return found[0].id

    async def forget_bases(self, fork: UUID) -> None:
        """Have no checkpoint be where this fork began: what was kept under its id is of an earlier one."""
        while found := await self._roles.sessions.list_sessions(
            limit=_PAGE, checkpoints_of=fork, labels=BASE
        ):
            for record in found:
                with suppress(SessionNotFoundError):
                    await self._roles.sessions.update_session(record.id, labels={})

    async def require_still(self, source: UUID) -> None:
        """``CheckpointNotFoundError`` for a checkpoint that is not whole; of a session nothing is asked."""
        if is_checkpoint(source):
            await self.record_of(source)

    async def record_of(self, checkpoint: UUID, session_id: UUID | None = None) -> Session:
        """The record of a checkpoint (of this session): ``CheckpointNotFoundError`` unless it is whole."""
        record = await self._roles.sessions.get_session(checkpoint) if is_checkpoint(checkpoint) else None
        is_own = record is not None and session_id in {None, record.parent}
        if record is None or not is_own or not await self.is_whole(record):
            raise CheckpointNotFoundError.of(checkpoint, session_id)
        return record

    async def delete(self, checkpoint: UUID, *, keep_record: bool = False) -> bool:
        """Remove one, with its record or, for who goes by that still, without; whether there was anything."""
        # Nobody goes back to what is gone by half, not even after a crash.
        with suppress(SessionNotFoundError):
            labels = _DELETING
            if keep_record:
                record = await self._roles.sessions.get_session(checkpoint)
                labels = labels if record is None else {**record.labels, **labels}
            await self._roles.sessions.update_session(checkpoint, labels=labels)
        return await self.purge(checkpoint, keep_record=keep_record)

    async def purge(self, session_id: UUID, *, keep_record: bool = False) -> bool:
        """Remove all that a session has, record last; whether there was anything."""
        files = await self._roles.file_system.purge_session(session_id)
        values = await self._roles.storage.purge_session(session_id)
        record = not keep_record and await self._roles.sessions.delete_session(session_id)
        return files or values or record
