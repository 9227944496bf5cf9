"""Sessions from one store to another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal
from uuid import UUID

import msgspec

from everstore.branching.forks import id_of
from everstore.errors import (
    EverstoreError,
    InvalidArgumentError,
    SecretDecryptionError,
    SessionNotEmptyError,
    SessionNotFoundError,
)
from everstore.models import is_checkpoint
from everstore.transfer.digests import Digest
from everstore.transfer.items import Counts, Secret, Value, times_of
from everstore.transfer.source import Source, frozen, record_of
from everstore.transfer.target import held, is_kept, making, sealed, unmark

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from everstore.models import Session
    from everstore.store import Store
    from everstore.transfer.items import Item, Progress

__all__ = ["Copied", "copy_session", "copy_sessions"]

_PAGE = 100


class Copied(msgspec.Struct, frozen=True):
    """A session and what became of it: ``counts`` is what it holds.

    ``same`` is one that the target had already, with all of that; where it had all but secrets, which were
    added, it is ``copied``. ``refused`` is one that was not copied, for ``reason``: the target has another
    session under its id, a secret of it does not open, or there is none to copy.
    """

    session_id: UUID
    outcome: Literal["copied", "same", "refused"]
    counts: Counts
    reason: str | None = None


async def copy_session(
    source: Store,
    target: Store,
    session: UUID | Session,
    *,
    secrets: bool = False,
    progress: Progress | None = None,
) -> Copied:
    """Copy a session to another store, under its id, and read it back there; what became of it.

    What is copied is what ``export_session`` exports and ``import_session`` makes of it, of one moment. With
    ``secrets`` they come along: opened by the one store, sealed by the other, in memory only.

    A session that the target has already is compared: ``same`` when nothing differs, else
    ``SessionNotEmptyError``, and nothing of it is changed. Where nothing but secrets is missing, as after a
    copy without them, these are added. What a copy that was killed has left is removed, and copied anew.
    ``SessionNotFoundError`` when there is nothing to copy, ``SecretDecryptionError`` when a secret does not
    open: the session is not copied then, nor any part of it.
    """
    if source is target:
        raise InvalidArgumentError(
            "a session is copied to another store; fork_session() makes another session"
        )
    session_id = id_of(session)
    async with frozen(source, session_id) as reading:
        if await held(target, session_id) == "something":
            counts, lacking = await _compared(reading, target, secrets=secrets, progress=progress)
            added = [await sealed(target, session_id, secret) for secret in lacking]
            await unmark(target, session_id)
            return Copied(session_id, "copied" if any(added) else "same", counts)
        async with making(target, session_id) as made:
            async for item in reading.items(secrets=secrets):
                await made.add(item)
                if progress is not None and isinstance(item, bytes):
                    progress(len(item))
            await made.finish(reading.record)
    return Copied(session_id, "copied", made.counts)


async def copy_sessions(
    source: Store,
    target: Store,
    sessions: Iterable[UUID | Session] | None = None,
    *,
    secrets: bool = False,
    progress: Progress | None = None,
) -> AsyncIterator[Copied]:
    """Copy these sessions, or all that hold anything or have a record; each is told as soon as it is done.

    As ``copy_session`` copies one; one that the target has otherwise, or whose secrets do not open, is told
    as ``refused``, and the others are copied. Run again after whatever ended it, it goes on where it was:
    what is there is compared and told as ``same``. Checkpoints are not copied.
    """
    async for session_id in _all(source) if sessions is None else _these(sessions):
        try:
            done = await copy_session(source, target, session_id, secrets=secrets, progress=progress)
        except (SessionNotEmptyError, SessionNotFoundError) as error:
            done = Copied(session_id, "refused", Counts(), str(error))
        except SecretDecryptionError as error:
            done = Copied(session_id, "refused", Counts(), _not_opened(session_id, error))
        except EverstoreError as error:
            error.add_note(f"session {session_id} is not copied")
            raise
        yield done


def _not_opened(session_id: UUID, error: SecretDecryptionError) -> str:
    told = "; ".join([str(error), *getattr(error, "__notes__", ())])
    return (
        f"session {session_id} is not copied: {told}; copy it again when the keys of both stores have the one"
        " that sealed it, or without secrets"
    )


async def _these(sessions: Iterable[UUID | Session]) -> AsyncIterator[UUID]:
    for session in sessions:
        yield id_of(session)


async def _all(store: Store) -> AsyncIterator[UUID]:
    after = None
    while page := await store.session_ids(after, _PAGE):
        for session_id in page:
            if not is_checkpoint(session_id):
                yield session_id
        after = page[-1]


async def _compared(
    reading: Source, target: Store, *, secrets: bool, progress: Progress | None
) -> tuple[Counts, list[Secret]]:
    """What a session holds that is in the target, too, and the secrets that are missing there.

    ``SessionNotEmptyError`` when anything else differs.
    """
    session_id = reading.session_id
    there = Source(target, session_id, None, session_id, is_still=True)
    counts, one, other = Counts(), Digest(), Digest()
    infos = await target.storage.list_secrets(session_id) if secrets else []
    has = {info.name: times_of(info) for info in infos}
    lacking: list[Secret] = []
    is_same = await record_of(target, session_id) == reading.record
    if is_same:
        async for item in reading.items(secrets=secrets):
            counts.add(item)
            one.add(item)
            if isinstance(item, Secret) and item.name not in has:
                lacking.append(item)
            else:
                if isinstance(item, Secret):
                    is_same = is_same and has[item.name] == times_of(item)
                is_same = is_same and await _is_there(target, session_id, item)
            if progress is not None and isinstance(item, bytes):
                progress(len(item))
        async for item in there.items():
            other.add(item)
            is_same = is_same and await _is_there(reading.store, reading.reading, item)
    if not is_same or one.value() != other.value():
        raise SessionNotEmptyError(
            f"session {session_id} is in the target already and differs, so it stays as it is there;"
            " delete it there to copy it anew",
            session_id=session_id,
        )
    return counts, lacking


async def _is_there(store: Store, session_id: UUID, item: Item) -> bool:
    """Whether something is kept that no digest has; what ends by itself may be over."""
    if isinstance(item, Secret) or (isinstance(item, Value) and item.expires_ns is not None):
        return await is_kept(store, session_id, item)
    return True
