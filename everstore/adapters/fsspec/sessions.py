"""The sessions of a store as directories: which there are, and what their names are."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from everstore.adapters.fsspec.urls import segment_of
from everstore.adapters.naming import labels_of, recorded_session, told_names
from everstore.paths import session_id_of

if TYPE_CHECKING:
    from everstore.models import Session
    from everstore.store import Store

__all__ = ["forget_session", "is_session", "keep_session", "segments"]

_FRAMEWORK = "fsspec"
_LABELS = labels_of(_FRAMEWORK, {})
_NAME = "session"
_PAGE = 1000


async def segments(store: Store) -> dict[UUID, str]:
    """The sessions that hold anything or have a record, as paths name them, in the order of their ids.

    By the text that named them here, where it is known and theirs: a fork has that of another one. By their
    id else.
    """
    ids: list[UUID] = []
    while page := await store.session_ids(ids[-1] if ids else None, _PAGE):
        ids += page
    names: dict[UUID, str] = {}
    last: Session | None = None
    while records := await store.sessions.list_sessions(limit=_PAGE, after=last, labels=_LABELS):
        told = ((each.id, told_names(each).get(_NAME)) for each in records)
        names |= {each: name for each, name in told if name is not None and session_id_of(name) == each}
        last = records[-1]
    return {each: segment_of(names[each]) if each in names else str(each) for each in ids}


async def is_session(store: Store, session_id: UUID) -> bool:
    """Whether the session holds anything, or has a record."""
    before = UUID(int=session_id.int - 1) if session_id.int else None
    return await store.session_ids(before, 1) == [session_id]


async def keep_session(store: Store, session_id: UUID, name: str | None) -> None:
    """Give the session a record if it has none, with its name where it has one."""
    await recorded_session(store, session_id, _FRAMEWORK, {} if name is None else {_NAME: name})


async def forget_session(store: Store, session_id: UUID) -> None:
    """Remove the record of a session that was made here, once it holds nothing."""
    record = await store.sessions.get_session(session_id)
    if record is None or not record.has_labels(_LABELS):
        return
    usage = await store.usage(session_id)
    if not (usage.files or usage.directories or usage.values or usage.secrets):
        await store.sessions.delete_session(session_id)
