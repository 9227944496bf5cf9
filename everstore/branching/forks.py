"""Forks, checkpoints and rewinding, made of the ``fork_session`` of each role.

A checkpoint is a session that nobody changes, known by its id. Its record is a ``Session`` with its label as
title and its session as ``parent``. A label says of some records what they are:

``base``   where a fork began: the checkpoint that merging needs, freed with the fork.
``state``  ``making``: what was there before a rewind that has not ended, or never will: a checkpoint when its
           data is there. ``deleting``: its data goes, or is gone, and nobody goes back to it any more.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, TypeVar, cast

from everstore.arguments import check_session_id, plain_labels, plain_title
from everstore.branching.merging import Merge
from everstore.branching.undoing import changeable, seconds_left, undone
from everstore.errors import (
    CheckpointNotFoundError,
    InvalidArgumentError,
    SessionNotEmptyError,
    SessionNotFoundError,
    UnsupportedError,
    shown,
)
from everstore.models import (
    Checkpoint,
    Session,
    SessionUsage,
    is_checkpoint,
    new_checkpoint_id,
    new_session_id,
)
from everstore.waiting import to_the_end

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine, Mapping
    from typing import Any, Literal
    from uuid import UUID

    from everstore.models import Merged, Prefer
    from everstore.store import Roles

__all__ = ["BASE", "Branches", "id_of", "state_of"]

T = TypeVar("T")

BASE = {"base": "1"}
"""The label of the record of a fork's starting point."""

_STATE = "state"
_MAKING, _DELETING = {_STATE: "making"}, {_STATE: "deleting"}
_PAGE = 100


def id_of(session: UUID | Session | Checkpoint) -> UUID:
    """The id of a session, that may be given by its record or, of a checkpoint, by itself."""
    session_id = session.id if isinstance(session, (Session, Checkpoint)) else session
    check_session_id(session_id)
    return session_id


def state_of(checkpoint: Session) -> Literal["making", "deleting"] | None:
    """What is under way with the checkpoint of this record, or was when its process ended."""
    return cast("Literal['making', 'deleting'] | None", checkpoint.labels.get(_STATE))


class Branches:
    """Forks and checkpoints of one store's sessions."""

    def __init__(self, roles: Roles, backends: Mapping[str, str]) -> None:
        """Over roles that change checkpoints, too."""
        self._roles = roles
        self._backends = backends

    def require(self) -> None:
        """``UnsupportedError`` unless all backends can fork: then nothing has happened."""
        for name, role in self._roles._asdict().items():
            if not role.capabilities.forks:
                raise UnsupportedError(
                    f"backend {self._backends.get(name, name)!r} ({name}) cannot fork sessions, and claims no"
                    " Capabilities.forks; choose another one"
                )

    # -- forks --------------------------------------------------------------------------------------

    async def fork(
        self,
        source: UUID,
        fork_id: UUID | None,
        title: str | None,
        labels: Mapping[str, str] | None,
        *,
        secrets: bool,
        base: bool,
    ) -> Session:
        """``Store.fork_session``."""
        self.require()
        of = await self._described(source)
        record = Session(
            new_session_id() if fork_id is None else changeable(fork_id),
            of.title if title is None else plain_title(title),
            labels=of.labels if labels is None else plain_labels(labels),
            parent=of.id,
        )
        if record.id == source:
            raise InvalidArgumentError("a fork is another session; give it another session_id, or none")
        if fork_id is not None:
            await self._require_empty(fork_id)
        made = [record.id] if fork_id is None else []
        try:
            await self._fork_all(source, record, made, base=base)
            if secrets:
                await self._copy_secrets(source, record.id)
            await self._require_still(source)
            await self._roles.sessions.add_session(record)
        except BaseException as error:
            if fork_id is not None:
                error.add_note(f"session {fork_id} may hold some of the fork by now")
            await undone(error, [*map(self._purge, made)], _LEFT)
            raise
        return record

    async def _require_empty(self, fork: UUID) -> None:
        """Each role refuses by itself; this keeps files from coming where values are in the way."""
        files = await self._roles.file_system.usage(fork)
        values = await self._roles.storage.usage(fork)
        if files.files or files.directories or values.values:
            raise SessionNotEmptyError.of(fork)

    async def _described(self, source: UUID) -> Session:
        """The record of a session or, of a checkpoint, of what it is of; an empty one where there is none."""
        record = await self._roles.sessions.get_session(source)
        if is_checkpoint(source):
            if record is None or record.parent is None:
                raise _no_checkpoint(source)
            of = await self._roles.sessions.get_session(record.parent)
            return of or Session(record.parent)
        return record or Session(source)

    async def _fork_all(self, source: UUID, record: Session, made: list[UUID], *, base: bool) -> None:
        """Fill a fork, by its starting point where that is kept: so both are of one moment."""
        start = new_checkpoint_id() if base else source
        if base:
            made.append(start)
        for role in (self._roles.file_system, self._roles.storage):
            if base:
                await role.fork_session(source, start)
            await role.fork_session(start, record.id)
        if base:
            await self._roles.sessions.add_session(Session(start, "base", labels=BASE, parent=record.id))

    async def _copy_secrets(self, source: UUID, target: UUID) -> None:
        """Set each secret anew: what was sealed for one place opens in no other."""
        storage = self._roles.storage
        for secret in await storage.list_secrets(source):
            text = await storage.get_secret(source, secret.name)
            if text is not None:
                left = seconds_left(secret.expires_ns)
                if left is None or left > 0:
                    await storage.set_secret(target, secret.name, text, ttl=left)

    # -- checkpoints --------------------------------------------------------------------------------

    async def checkpoint(self, session_id: UUID, label: str) -> Checkpoint:
        """``Store.checkpoint``."""
        changeable(session_id)
        label = plain_title(label)
        self.require()
        record = Session(new_checkpoint_id(), label or None, parent=session_id)
        try:
            await self._roles.file_system.fork_session(session_id, record.id)
            await self._roles.storage.fork_session(session_id, record.id)
            await self._roles.sessions.add_session(record)
        except BaseException as error:
            await undone(error, [self._purge(record.id)], _LEFT)
            raise
        return _checkpoint(record)

    async def list(self, session_id: UUID, limit: int | None, after: UUID | None) -> list[Checkpoint]:
        """``Store.list_checkpoints``."""
        self.require()
        last = None if after is None else await self._roles.sessions.get_session(after)
        if after is not None and last is None:
            raise _no_checkpoint(after, session_id)
        found: list[Checkpoint] = []
        async for record in self._records(session_id, last):
            if len(found) == limit:
                break
            if await self._is_whole(record):
                found.append(_checkpoint(record))
        return found

    async def _records(self, session_id: UUID, last: Session | None = None) -> AsyncIterator[Session]:
        while page := await self._roles.sessions.list_sessions(
            limit=_PAGE, after=last, checkpoints_of=session_id
        ):
            for record in page:
                yield record
            last = page[-1]
            if len(page) < _PAGE:
                return

    async def _is_whole(self, record: Session) -> bool:
        """Whether this is the record of a checkpoint that one can go back to."""
        state = state_of(record)
        if state != "making":
            return state is None
        files = await self._roles.file_system.usage(record.id)
        values = await self._roles.storage.usage(record.id)
        return SessionUsage.of(files, values) != SessionUsage()

    async def _base_of(self, fork: UUID) -> UUID:
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

    async def merge(self, fork: UUID, into: UUID | None, prefer: Prefer | None) -> Merged:
        """``Store.merge``."""
        if prefer not in {None, "fork", "target"}:
            raise InvalidArgumentError(f"prefer is 'fork', 'target' or None, not {shown(prefer)}")
        if into is not None:
            changeable(into)
        self.require()
        base = await self._base_of(fork)
        target = into
        if target is None:
            record = await self._roles.sessions.get_session(fork)
            target = None if record is None else record.parent
        if target is None:
            raise InvalidArgumentError(f"session {fork} has no parent on record; say into= which")
        if target == fork:
            raise InvalidArgumentError("a fork is not merged into itself")
        still = partial(self._record_of, base, fork)
        return await Merge(self._roles, base, fork, target, prefer, still).run()

    async def delete(self, checkpoint: UUID) -> bool:
        """``Store.delete_checkpoint``: to the end, for what is left by half is no checkpoint."""
        if not is_checkpoint(checkpoint):
            raise InvalidArgumentError(f"{checkpoint} is no checkpoint; delete_session() removes a session")
        self.require()
        return await _whole(self._delete(checkpoint))

    async def _delete(self, checkpoint: UUID) -> bool:
        # Nobody goes back to what is gone by half, not even after a crash.
        with suppress(SessionNotFoundError):
            await self._roles.sessions.update_session(checkpoint, labels=_DELETING)
        return await self._purge(checkpoint)

    async def delete_all(self, session_id: UUID) -> bool:
        """Delete the checkpoints of a session; whether there were any."""
        if not self._roles.sessions.capabilities.forks:
            return False
        had = False
        async for record in self._records(session_id):
            had = await self._delete(record.id) or had
        return had

    async def _purge(self, session_id: UUID) -> bool:
        files = await self._roles.file_system.purge_session(session_id)
        values = await self._roles.storage.purge_session(session_id)
        record = await self._roles.sessions.delete_session(session_id)
        return files or values or record

    # -- rewinding ----------------------------------------------------------------------------------

    async def rewind(self, session_id: UUID, checkpoint: UUID, *, keep: bool) -> Checkpoint | None:
        """``Store.rewind``: to the end, once it has begun."""
        changeable(session_id)
        self.require()
        record = await self._record_of(checkpoint, session_id)
        before = Session(
            new_checkpoint_id(),
            f"before rewinding to {record.title or checkpoint}"[:_LONGEST_LABEL],
            labels=_MAKING,
            parent=session_id,
        )
        return await _whole(self._rewind(session_id, record, before, keep=keep))

    async def _rewind(
        self, session_id: UUID, checkpoint: Session, before: Session, *, keep: bool
    ) -> Checkpoint | None:
        # The record comes first: what was there before is found again, whatever happens from here on.
        await self._roles.sessions.add_session(before)
        try:
            await self._roles.file_system.fork_session(checkpoint.id, session_id, replaced=before.id)
        except BaseException as error:
            await undone(error, [self._forget_unless_filled(before.id)], _LEFT)
            raise
        try:
            await self._rewind_values(session_id, checkpoint, before.id)
        except BaseException as error:
            error.add_note(
                f"the files of session {session_id} are rewound, its values are not; rewind again for both"
            )
            raise
        try:
            await self._record_of(checkpoint.id, session_id)
        except CheckpointNotFoundError:  # it was deleted meanwhile, and perhaps before all of it was taken
            await self._bring_back(session_id, before.id)
            raise
        if not keep:
            await self._delete(before.id)
            return None
        await self._roles.sessions.update_session(before.id, labels={})
        return _checkpoint(before)

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
        wrong = Session(new_checkpoint_id(), label, labels=_MAKING, parent=session_id)
        await self._roles.sessions.add_session(wrong)
        for role in (self._roles.file_system, self._roles.storage):
            await role.fork_session(before, session_id, replaced=wrong.id)
        await self._roles.sessions.update_session(wrong.id, labels={})
        await self._delete(before)

    async def _require_still(self, source: UUID) -> None:
        """``CheckpointNotFoundError`` for a checkpoint that is not whole; of a session nothing is asked."""
        if is_checkpoint(source):
            await self._record_of(source)

    async def _record_of(self, checkpoint: UUID, session_id: UUID | None = None) -> Session:
        """The record of a checkpoint (of this session): ``CheckpointNotFoundError`` unless it is whole."""
        record = await self._roles.sessions.get_session(checkpoint) if is_checkpoint(checkpoint) else None
        is_own = record is not None and session_id in {None, record.parent}
        if record is None or not is_own or not await self._is_whole(record):
            raise _no_checkpoint(checkpoint, session_id)
        return record

    async def _forget_unless_filled(self, checkpoint: UUID) -> None:
        """Remove the record of a checkpoint, unless its files are there after all."""
        files = await self._roles.file_system.usage(checkpoint)
        if not files.files and not files.directories:
            await self._roles.sessions.delete_session(checkpoint)


_LONGEST_LABEL = 200  # characters: much less than a title may have
_LEFT = "what it had made by then could not be removed again; 'everstore prune' does it"


async def _whole(work: Coroutine[Any, Any, T]) -> T:
    """What work gives that is not left half done: whoever is cancelled waits for its end."""
    return await to_the_end(asyncio.ensure_future(work))


def _checkpoint(record: Session) -> Checkpoint:
    """The checkpoint of which this is the record."""
    return Checkpoint(record.id, record.parent or record.id, record.title or "", record.created_ns)


def _no_checkpoint(checkpoint: UUID, session_id: UUID | None = None) -> CheckpointNotFoundError:
    return CheckpointNotFoundError.of(checkpoint, session_id)
