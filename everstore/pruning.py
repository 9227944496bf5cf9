"""Sessions that nobody needs any more: which they are, and their deletion, a page at a time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal
from uuid import UUID

import msgspec

from everstore.arguments import plain_count
from everstore.branching.checkpoints import BASE, UNDER_WAY_NS, state_of
from everstore.clock import now_ns
from everstore.errors import InvalidArgumentError, shown
from everstore.models import Session, SessionUsage, is_checkpoint, latest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from everstore.store import Store

__all__ = ["Pruned", "orphans", "prune", "prune_checkpoints", "require_choice"]

_PAGE = 100
_GREATEST = UUID(int=(1 << 128) - 1)


class Pruned(msgspec.Struct, frozen=True, gc=False):
    """A session, its record if it has one, what it holds or held, and what became of it.

    ``kept`` is one that was to be deleted, and was written to or labelled anew before its turn came.
    """

    id: UUID
    record: Session | None
    usage: SessionUsage
    outcome: Literal["deleted", "would be deleted", "kept"]


class _Choice(msgspec.Struct, frozen=True):
    """What is to go."""

    before_ns: int | None
    labels: Mapping[str, str]

    def takes(self, session_id: UUID, record: Session | None, *moments_ns: int | None) -> bool:
        """Whether a session with this record, that was last used then, is to go, as far as they tell."""
        if record is not None and not record.has_labels(self.labels):
            return False
        # What a fork or a checkpoint holds is as old as where it is from, until its record is there.
        stamps = (record.created_ns, record.updated_ns) if record else (_born_ns(session_id),)
        last_ns = latest(*stamps, *moments_ns)
        return self.before_ns is None or last_ns is None or last_ns < self.before_ns

    async def takes_all(
        self, store: Store, session_id: UUID, record: Session | None, usage: SessionUsage
    ) -> bool:
        """Whether it is to go, by its newest checkpoint, too: what was rewound is old."""
        if not self.takes(session_id, record, usage.last_write_ns):
            return False
        if self.before_ns is None or not store.sessions.capabilities.forks:
            return True
        newest = await store.sessions.list_sessions(limit=1, checkpoints_of=session_id)
        return self.takes(session_id, record, *[checkpoint.created_ns for checkpoint in newest])


def require_choice(idle: float | None, labels: Mapping[str, str], *, without_record: bool) -> None:
    """``InvalidArgumentError`` unless these say which sessions are to go, as ``prune`` is told."""
    if idle is None and not labels:
        raise InvalidArgumentError("which sessions are to go? give idle, labels or both")
    if without_record and (labels or idle is None):
        raise InvalidArgumentError("sessions without a record have no labels: give idle, and no labels")
    if idle is not None and not 0 < idle <= now_ns() / 1e9:
        raise InvalidArgumentError(
            f"idle is a number of seconds above 0, and no more than since 1970, not {shown(idle)}"
        )


async def prune(
    store: Store,
    *,
    idle: float | None = None,
    labels: Mapping[str, str] | None = None,
    without_record: bool = False,
    dry_run: bool = False,
) -> AsyncIterator[Pruned]:
    """Delete sessions, records and all that they hold; each is told as soon as it is gone.

    Those that have all of these ``labels``, and were neither created nor written to, record, files, values or
    secrets, nor checkpointed in the last ``idle`` seconds: give one of both at least
    (``InvalidArgumentError``). The checkpoints of a session go with it. With
    ``without_record`` those that have no record, and no other; that takes ``idle``, for a session may be
    about to get its record, and goes with no labels. With ``dry_run`` nothing is deleted.

    Each is looked at again right before it is deleted. Who leaves off, or is cancelled, leaves the rest; a
    session whose deletion was under way is finished by whoever deletes it again.
    """
    labels = labels or {}
    require_choice(idle, labels, without_record=without_record)
    choice = _Choice(None if idle is None else now_ns() - round(idle * 1e9), labels)
    found = _without(store, choice) if without_record else _with(store, choice)
    async for session_id, seen in found:
        yield await _turn(store, choice, session_id, seen, dry_run=dry_run)


async def orphans(store: Store, after: UUID | None = None) -> AsyncIterator[tuple[UUID, SessionUsage]]:
    """The sessions behind ``after`` that hold something and have no record, by id, and what they hold.

    A session that is being created is one of them until it has its record.
    """
    while page := await store.session_ids(after, _PAGE):
        # After the ids, so that what got its record in between is none. Most have theirs among as many; where
        # there are more by now, those of the last do not fit in, and each is asked for.
        recorded = {*await store.sessions.session_ids(after=after, limit=_PAGE)}
        for session_id in page:
            if session_id not in recorded and not await _has_record(store, session_id):
                usage = await store.usage(session_id)
                if usage != SessionUsage():  # or it was deleted in between
                    yield session_id, usage
        after = page[-1]
        if len(page) < _PAGE:
            return


async def _has_record(store: Store, session_id: UUID) -> bool:
    """Whether it has one; what is in it is not read, for it may be damaged."""
    before = UUID(int=session_id.int - 1) if session_id.int else None
    return session_id in await store.sessions.session_ids(after=before, limit=1)


async def _without(store: Store, choice: _Choice) -> AsyncIterator[tuple[UUID, Session | None]]:
    async for session_id, usage in orphans(store):
        if await choice.takes_all(store, session_id, None, usage):
            yield session_id, None


async def _with(store: Store, choice: _Choice) -> AsyncIterator[tuple[UUID, Session | None]]:
    after = None if choice.before_ns is None else Session(_GREATEST, created_ns=choice.before_ns)
    labels = choice.labels or None
    while page := await store.sessions.list_sessions(limit=_PAGE, after=after, labels=labels):
        for record in page:
            if choice.takes(record.id, record):
                usage = await store.usage(record.id)
                if await choice.takes_all(store, record.id, record, usage):
                    yield record.id, record
        after = page[-1]


async def _turn(
    store: Store, choice: _Choice, session_id: UUID, seen: Session | None, *, dry_run: bool
) -> Pruned:
    """What becomes of a session that was found; it is looked at once more."""
    usage = await store.usage(session_id)
    record = await store.sessions.get_session(session_id)
    if (record is None) != (seen is None) or not await choice.takes_all(store, session_id, record, usage):
        return Pruned(session_id, record, usage, "kept")
    if dry_run:
        return Pruned(session_id, record, usage, "would be deleted")
    if is_checkpoint(session_id):
        await store.delete_checkpoint(session_id)
    else:
        await store.delete_session(session_id)
    return Pruned(session_id, record, usage, "deleted")


def _born_ns(session_id: UUID) -> int:
    """When an id was made, if it tells."""
    tells = session_id.version == 7 or is_checkpoint(session_id)
    return (session_id.int >> 80) * 1_000_000 if tells else 0


async def prune_checkpoints(
    store: Store, *, idle: float | None = None, keep: int | None = None, dry_run: bool = False
) -> AsyncIterator[Pruned]:
    """Delete checkpoints; each is told as soon as it is gone.

    Those that were taken more than ``idle`` seconds ago and are not among the newest ``keep`` of their
    session; give one of both at least (``InvalidArgumentError``). What a deletion that a crash ended has left
    goes in any case; what a rewind or a fork may still be making stays for an hour, and the starting point
    of a fork as long as the fork. With ``dry_run`` nothing is deleted.
    """
    if idle is None and keep is None:
        raise InvalidArgumentError("which checkpoints are to go? give idle, keep or both")
    if idle is not None:
        require_choice(idle, {}, without_record=False)
    keep = 0 if keep is None else plain_count("keep", keep, 0)
    before_ns = now_ns() - round((idle or 0) * 1e9)
    newest: dict[UUID, set[UUID]] = {}
    async for record in _checkpoint_records(store):
        if state_of(record) != "deleting":
            is_base = record.has_labels(BASE)
            may_be_made = is_base or state_of(record) is not None
            limit_ns = min(before_ns, now_ns() - UNDER_WAY_NS) if may_be_made else before_ns
            if record.created_ns >= limit_ns or (is_base and await _is_there(store, record.parent)):
                continue
            session_id = record.parent or record.id
            if keep and session_id not in newest:
                listed = await store.list_checkpoints(session_id, limit=keep)
                newest[session_id] = {each.id for each in listed}
            if record.id in newest.get(session_id, ()):
                continue
        usage = await store.usage(record.id)
        if not dry_run:
            await store.delete_checkpoint(record.id)
        yield Pruned(record.id, record, usage, "would be deleted" if dry_run else "deleted")


async def _is_there(store: Store, session_id: UUID | None) -> bool:
    """Whether a session has a record, or holds anything."""
    if session_id is None:
        return False
    return await _has_record(store, session_id) or await store.usage(session_id) != SessionUsage()


async def _checkpoint_records(store: Store) -> AsyncIterator[Session]:
    after = None
    while page := await store.sessions.session_ids(after=after, limit=_PAGE):
        for session_id in filter(is_checkpoint, page):
            record = await store.sessions.get_session(session_id)
            if record is not None:
                yield record
        after = page[-1]
        if len(page) < _PAGE:
            return
