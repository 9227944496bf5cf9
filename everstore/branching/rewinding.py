"""Having a session be again what it was at one of its checkpoints.

A rewind takes two steps, files and then values, and two rewinds of one session may come between each other's.
In one process the one waits for the other. Of two processes neither can, for the other may be gone: so each
says by the record of what is kept before it begins what it is going back to. Whoever finds when he is through
that somebody began after him goes on to where that one goes, whose steps are the last then, whoever takes
them. So the session ends as one checkpoint has it.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING
from uuid import UUID

from everstore.branching.checkpoints import MAKING, UNDER_WAY_NS, state_of
from everstore.branching.undoing import LEFT, undone
from everstore.clock import now_ns
from everstore.errors import CheckpointNotFoundError, SessionNotEmptyError, SessionNotFoundError
from everstore.models import Session, new_checkpoint_id

if TYPE_CHECKING:
    from collections.abc import Mapping

    from everstore.branching.checkpoints import Checkpoints
    from everstore.store import Roles

__all__ = ["Rewind"]

_REWIND = {"rewind": "1"}
_NO_VALUES = {"values": "none"}
_TO = "to"
_STAYING = {*_REWIND, _TO}
_MOST_HALVES = 100  # at a time: each took a crash, or is on its way
_LONGEST_LABEL = 200  # characters: much less than a title may have


class Rewind:
    """One rewind: files, then values, each in one step with what is kept of the moment before."""

    def __init__(self, roles: Roles, checkpoints: Checkpoints, session_id: UUID) -> None:
        """Over roles that change checkpoints, too."""
        self._roles = roles
        self._checkpoints = checkpoints
        self._session_id = session_id

    async def run(self, checkpoint: Session, *, keep: bool) -> Session | None:
        """What is kept of the moment before, by its record; ``None`` when it is not to be."""
        label = f"before rewinding to {checkpoint.title or checkpoint.id}"[:_LONGEST_LABEL]
        last = await self._last()
        before = await self._begun(checkpoint, label, _REWIND, last.created_ns + 1 if last else 0)
        try:
            await self._roles.file_system.fork_session(checkpoint.id, self._session_id, replaced=before.id)
        except BaseException as error:
            await undone(error, [self._forget_unless_filled(before.id)], LEFT)
            raise
        try:
            await self._fill_halves(before)
            await self._rewind_values(checkpoint, before.id)
        except BaseException as error:
            error.add_note(
                f"the files of session {self._session_id} are rewound, its values are not; rewind again"
                " for both"
            )
            raise
        try:
            await self._checkpoints.record_of(checkpoint.id, self._session_id)
        except CheckpointNotFoundError:  # it was deleted meanwhile, and perhaps before all of it was taken
            await self._bring_back(before.id)
            raise
        await self._go_on(before, keep=keep)
        if keep:
            return await self._kept(before)
        await self._checkpoints.delete(before.id, keep_record=await self._is_beside(before))
        return None

    async def _begun(
        self, checkpoint: Session, label: str, labels: Mapping[str, str], after_ns: int = 0
    ) -> Session:
        """The record of what is kept, which comes first: it is found again, whatever happens from here on."""
        has_values = (await self._roles.storage.usage(self._session_id)).values > 0
        before = Session(
            new_checkpoint_id(),
            label,
            created_ns=max(now_ns(), after_ns),
            labels={**labels, **MAKING, **({} if has_values else _NO_VALUES), _TO: checkpoint.id.hex},
            parent=self._session_id,
        )
        await self._roles.sessions.add_session(before)
        return before

    async def _last(self) -> Session | None:
        """The record of the rewind that began last, by whichever clock."""
        found = await self._roles.sessions.list_sessions(
            limit=1, checkpoints_of=self._session_id, labels=_REWIND
        )
        return found[0] if found else None

    async def _fill_halves(self, before: Session) -> None:
        """Have what earlier rewinds kept take the values that they did not come to, before these go.

        Where a crash ended them nobody else will; and who is on his way still finds that he was overtaken.
        """
        found = await self._roles.sessions.list_sessions(
            limit=_MOST_HALVES, checkpoints_of=self._session_id, labels=MAKING
        )
        for record in found:
            is_earlier = (record.created_ns, record.id) < (before.created_ns, before.id)
            if not is_earlier or _TO not in record.labels or record.has_labels(_NO_VALUES):
                continue
            files = await self._roles.file_system.usage(record.id)
            if files.files or files.directories:  # else its rewind has not begun
                with suppress(SessionNotEmptyError):  # it came to its values
                    await self._roles.storage.fork_session(self._session_id, record.id)

    async def _rewind_values(self, checkpoint: Session, before: UUID) -> None:
        storage = self._roles.storage
        is_by_half = state_of(checkpoint) == "making" and not checkpoint.has_labels(_NO_VALUES)
        if is_by_half and not (await storage.usage(checkpoint.id)).values:
            # A crash came after the files and before the values: those that belong to it are still here.
            await storage.fork_session(self._session_id, before)
            return
        try:
            await storage.fork_session(checkpoint.id, self._session_id, replaced=before)
        except SessionNotEmptyError as error:
            if error.session_id != before:
                raise
            # Somebody goes back already to what was there before, and has begun after this.

    async def _go_on(self, before: Session, *, keep: bool) -> None:
        """Go where each rewind goes that began after this one."""
        done = before.id
        while last := await self._last():
            if last.id == done or (last.created_ns, last.id) < (before.created_ns, before.id):
                return
            target = await self._roles.sessions.get_session(UUID(hex=last.labels[_TO]))
            if target is None or not await self._checkpoints.is_whole(target):
                return  # it brings back what it found
            met = await self._begun(target, "what was there when two rewinds met", {})
            await self._roles.file_system.fork_session(target.id, self._session_id, replaced=met.id)
            await self._rewind_values(target, met.id)
            await (self._kept(met) if keep else self._checkpoints.delete(met.id))
            done = last.id

    async def _kept(self, before: Session) -> Session:
        """The record of what is a checkpoint from now on; a rewind that began earlier goes by it still."""
        labels = {name: text for name, text in before.labels.items() if name in _STAYING}
        try:
            return await self._roles.sessions.update_session(before.id, labels=labels)
        except SessionNotFoundError:  # somebody has deleted it already
            return before

    async def _is_beside(self, before: Session) -> bool:
        """Whether another rewind may be under way that has to find this one."""
        found = await self._roles.sessions.list_sessions(
            limit=2, checkpoints_of=self._session_id, labels={**_REWIND, **MAKING}
        )
        since_ns = now_ns() - UNDER_WAY_NS
        return any(each.id != before.id and each.created_ns > since_ns for each in found)

    async def _bring_back(self, before: UUID) -> None:
        """Have a session be what it was before it was rewound; what was written since then is kept beside."""
        label = "what a rewind had made when its checkpoint was deleted"
        wrong = Session(new_checkpoint_id(), label, labels=MAKING, parent=self._session_id)
        await self._roles.sessions.add_session(wrong)
        for role in (self._roles.file_system, self._roles.storage):
            await role.fork_session(before, self._session_id, replaced=wrong.id)
        await self._roles.sessions.update_session(wrong.id, labels={})
        await self._checkpoints.delete(before)

    async def _forget_unless_filled(self, checkpoint: UUID) -> None:
        """Remove the record of a checkpoint, unless its files are there after all."""
        files = await self._roles.file_system.usage(checkpoint)
        if not files.files and not files.directories:
            await self._roles.sessions.delete_session(checkpoint)
