"""Having a session be again what it was at one of its checkpoints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from everstore.branching.checkpoints import MAKING, state_of
from everstore.branching.undoing import LEFT, undone
from everstore.errors import CheckpointNotFoundError
from everstore.models import Session, new_checkpoint_id

if TYPE_CHECKING:
    from uuid import UUID

    from everstore.branching.checkpoints import Checkpoints
    from everstore.store import Roles

__all__ = ["Rewind"]


class Rewind:
    """A rewind: files, then values, each in one step with what is kept of the moment before."""

    def __init__(self, roles: Roles, checkpoints: Checkpoints) -> None:
        """Over roles that change checkpoints, too."""
        self._roles = roles
        self._checkpoints = checkpoints

    async def run(
        self, session_id: UUID, checkpoint: Session, before: Session, *, keep: bool
    ) -> Session | None:
        """What is kept of the moment before, by its record; ``None`` when it is not to be."""
        # The record comes first: what was there before is found again, whatever happens from here on.
        await self._roles.sessions.add_session(before)
        try:
            await self._roles.file_system.fork_session(checkpoint.id, session_id, replaced=before.id)
        except BaseException as error:
            await undone(error, [self._forget_unless_filled(before.id)], LEFT)
            raise
        try:
            await self._rewind_values(session_id, checkpoint, before.id)
        except BaseException as error:
            error.add_note(
                f"the files of session {session_id} are rewound, its values are not; rewind again for both"
            )
            raise
        try:
            await self._checkpoints.record_of(checkpoint.id, session_id)
        except CheckpointNotFoundError:  # it was deleted meanwhile, and perhaps before all of it was taken
            await self._bring_back(session_id, before.id)
            raise
        if not keep:
            await self._checkpoints.delete(before.id)
            return None
        await self._roles.sessions.update_session(before.id, labels={})
        return before

    async def _rewind_values(self, session_id: UUID, checkpoint: Session, before: UUID) -> None:
        storage = self._roles.storage
        if state_of(checkpoint) == "making" and not (await storage.usage(checkpoint.id)).values:
            # A crash came after the files and before the values: those that belong to it are still here.
            await storage.fork_session(session_id, before)
        else:
            await storage.fork_session(checkpoint.id, session_id, replaced=before)

    async def _bring_back(self, session_id: UUID, before: UUID) -> None:
        """Have a session be what it was before it was rewound; what was written since then is kept beside."""
        label = "what a rewind had made when its checkpoint was deleted"
        wrong = Session(new_checkpoint_id(), label, labels=MAKING, parent=session_id)
        await self._roles.sessions.add_session(wrong)
        for role in (self._roles.file_system, self._roles.storage):
            await role.fork_session(before, session_id, replaced=wrong.id)
        await self._roles.sessions.update_session(wrong.id, labels={})
        await self._checkpoints.delete(before)

    async def _forget_unless_filled(self, checkpoint: UUID) -> None:
        """Remove the record of a checkpoint, unless its files are there after all."""
        files = await self._roles.file_system.usage(checkpoint)
        if not files.files and not files.directories:
            await self._roles.sessions.delete_session(checkpoint)
