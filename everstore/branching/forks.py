"""Forks, checkpoints and rewinding, made of the ``fork_session`` of each role."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, TypeVar
from weakref import WeakValueDictionary

from everstore.arguments import check_session_id, plain_labels, plain_title
from everstore.branching.checkpoints import BASE, Checkpoints
from everstore.branching.merging import Merge
from everstore.branching.rewinding import Rewind
from everstore.branching.undoing import LEFT, asyncio_loop, changeable, seconds_left, undone
from everstore.errors import (
    CheckpointNotFoundError,
    InvalidArgumentError,
    SessionNotEmptyError,
    UnsupportedError,
    shown,
)
from everstore.models import (
    Checkpoint,
    Session,
    is_checkpoint,
    new_checkpoint_id,
    new_session_id,
)
from everstore.waiting import to_the_end

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping
    from typing import Any
    from uuid import UUID

    from everstore.models import Merged, Prefer
    from everstore.store import Roles

__all__ = ["Branches", "id_of"]

T = TypeVar("T")


def id_of(session: UUID | Session | Checkpoint) -> UUID:
    """The id of a session, that may be given by its record or, of a checkpoint, by itself."""
    session_id = session.id if isinstance(session, (Session, Checkpoint)) else session
    check_session_id(session_id)
    return session_id


class Branches:
    """Forks and checkpoints of one store's sessions."""

    def __init__(self, roles: Roles, backends: Mapping[str, str]) -> None:
        """Over roles that change checkpoints, too."""
        self._roles = roles
        self._backends = backends
        self._checkpoints = Checkpoints(roles)
        self._turns: WeakValueDictionary[tuple[asyncio.AbstractEventLoop, UUID], asyncio.Lock] = (
            WeakValueDictionary()
        )

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
            await self._require_empty(fork_id, secrets=secrets)
        made = [record.id] if fork_id is None else []
        try:
            await self._fork_all(source, record, made, base=base)
            if secrets:
                await self._copy_secrets(source, record.id)
            await self._checkpoints.require_still(source)
            await self._roles.sessions.add_session(record)
        except BaseException as error:
            if fork_id is not None:
                error.add_note(f"session {fork_id} may hold some of the fork by now")
            await undone(error, [*map(self._checkpoints.purge, made)], LEFT)
            raise
        return record

    async def _require_empty(self, fork: UUID, *, secrets: bool) -> None:
        """Each role refuses by itself; this keeps files away where values or secrets are in the way."""
        files = await self._roles.file_system.usage(fork)
        values = await self._roles.storage.usage(fork)
        if files.files or files.directories or values.values or (secrets and values.secrets):
            raise SessionNotEmptyError.of(fork)

    async def _described(self, source: UUID) -> Session:
        """The record of a session or, of a checkpoint, of what it is of; an empty one where there is none."""
        record = await self._roles.sessions.get_session(source)
        if is_checkpoint(source):
            if record is None or record.parent is None:
                raise CheckpointNotFoundError.of(source)
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
        if record.id not in made:  # it was given, and may be that of an earlier fork
            await self._checkpoints.forget_bases(record.id)
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
        label = plain_title(label, "label")
        self.require()
        record = Session(new_checkpoint_id(), label or None, parent=session_id)
        try:
            await self._roles.file_system.fork_session(session_id, record.id)
            await self._roles.storage.fork_session(session_id, record.id)
            await self._roles.sessions.add_session(record)
        except BaseException as error:
            await undone(error, [self._checkpoints.purge(record.id)], LEFT)
            raise
        return _checkpoint(record)

    async def list(
        self, session_id: UUID, limit: int | None, after: Checkpoint | UUID | None
    ) -> list[Checkpoint]:
        """``Store.list_checkpoints``."""
        self.require()
        last = None if after is None else await self._place_of(after, session_id)
        found: list[Checkpoint] = []
        async for record in self._checkpoints.records(session_id, last):
            if len(found) == limit:
                break
            if await self._checkpoints.is_whole(record):
                found.append(_checkpoint(record))
        return found

    async def _place_of(self, checkpoint: Checkpoint | UUID, session_id: UUID) -> Session:
        """A record that stands where this checkpoint does, or did; by its id alone that is not told."""
        if isinstance(checkpoint, Checkpoint):
            return Session(id_of(checkpoint), created_ns=checkpoint.created_ns)
        record = await self._roles.sessions.get_session(id_of(checkpoint))
        if record is None:
            raise CheckpointNotFoundError.of(checkpoint, session_id)
        return record

    async def merge(self, fork: UUID, into: UUID | None, prefer: Prefer | None) -> Merged:
        """``Store.merge``."""
        if prefer not in {None, "fork", "target"}:
            raise InvalidArgumentError(f"prefer is 'fork', 'target' or None, not {shown(prefer)}")
        if into is not None:
            changeable(into)
        self.require()
        base = await self._checkpoints.base_of(fork)
        target = into
        if target is None:
            record = await self._roles.sessions.get_session(fork)
            target = None if record is None else record.parent
        if target is None:
            raise InvalidArgumentError(f"session {fork} has no parent on record; say into= which")
        if target == fork:
            raise InvalidArgumentError("a fork is not merged into itself")
        still = partial(self._checkpoints.record_of, base, fork)
        return await Merge(self._roles, base, fork, target, prefer, still).run()

    async def delete(self, checkpoint: UUID) -> bool:
        """``Store.delete_checkpoint``: to the end, for what is left by half is no checkpoint."""
        if not is_checkpoint(checkpoint):
            raise InvalidArgumentError(f"{checkpoint} is no checkpoint; delete_session() removes a session")
        self.require()
        asyncio_loop("delete_checkpoint")
        return await _whole(self._checkpoints.delete(checkpoint))

    async def delete_all(self, session_id: UUID) -> bool:
        """Delete the checkpoints of a session; whether there were any."""
        if not self._roles.sessions.capabilities.forks:
            return False
        had = False
        async for record in self._checkpoints.records(session_id):
            had = await self._checkpoints.delete(record.id) or had
        return had

    # -- rewinding ----------------------------------------------------------------------------------

    async def rewind(self, session_id: UUID, checkpoint: UUID, *, keep: bool) -> Checkpoint | None:
        """``Store.rewind``: to the end, once it has begun."""
        changeable(session_id)
        self.require()
        async with self._turn(session_id):
            record = await self._checkpoints.record_of(checkpoint, session_id)
            rewind = Rewind(self._roles, self._checkpoints, session_id)
            kept = await _whole(rewind.run(record, keep=keep))
        return None if kept is None else _checkpoint(kept)

    def _turn(self, session_id: UUID) -> asyncio.Lock:
        """What one rewind of a session holds at a time, of those on this event loop."""
        return self._turns.setdefault((asyncio_loop("rewind"), session_id), asyncio.Lock())


async def _whole(work: Coroutine[Any, Any, T]) -> T:
    """What work gives that is not left half done: whoever is cancelled waits for its end."""
    return await to_the_end(asyncio.ensure_future(work))


def _checkpoint(record: Session) -> Checkpoint:
    """The checkpoint of which this is the record."""
    return Checkpoint(record.id, record.parent or record.id, record.title or "", record.created_ns)
