"""A framework's own names of its sessions: any text, which becomes an id, and is kept as labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from everstore.arguments import MAX_LABEL_BYTES
from everstore.paths import session_id_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

    from everstore.models import Session
    from everstore.store import Store

__all__ = ["FRAMEWORK", "delete_named_session", "id_of_names", "is_label", "named_session"]

FRAMEWORK = "framework"
"""The label that says whose session it is; the others are the framework's words for its names."""


def id_of_names(framework: str, names: Mapping[str, str]) -> UUID:
    """The id of the session that a framework calls so; always the same, in every process."""
    return session_id_of(framework, *(part for name in names.items() for part in name))


def is_label(name: str) -> bool:
    """Whether a label can hold the name; lone surrogates are not looked for."""
    return "\0" not in name and len(name) <= MAX_LABEL_BYTES and len(name.encode()) <= MAX_LABEL_BYTES


async def named_session(store: Store, framework: str, names: Mapping[str, str], title: str = "") -> Session:
    """The record of the session that a framework calls so; made, with the names as labels, if there is none.

    Two clients that make it at the same moment make the same one. ``InvalidArgumentError`` for a name that no
    label can hold: longer than 1024 bytes in UTF-8, or with a NUL.
    """
    session_id = id_of_names(framework, names)
    found = await store.sessions.get_session(session_id)
    if found is not None:
        return found
    labels = {FRAMEWORK: framework, **names}
    return await store.create_session(title or None, session_id=session_id, labels=labels)


async def delete_named_session(store: Store, session_id: UUID) -> None:
    """Remove a session with all that it holds, beside others who may make it anew.

    The record goes first: who finds the session empty makes a record before anything else, and that stays.
    After a crash on the way, run it again: it finishes the job.
    """
    await store.sessions.delete_session(session_id)
    await store.file_system.purge_session(session_id)
    await store.storage.purge_session(session_id)
