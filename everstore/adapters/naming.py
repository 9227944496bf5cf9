"""A framework's own names of its sessions: any text, which becomes an id, and is kept as labels."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import TYPE_CHECKING

import msgspec

from everstore.arguments import MAX_LABEL_BYTES
from everstore.content import utf8_size
from everstore.paths import session_id_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

    from everstore.models import Session
    from everstore.store import Store

__all__ = [
    "FRAMEWORK",
    "delete_named_session",
    "id_of_names",
    "labels_of",
    "named_session",
    "names_of",
    "recorded_session",
]

FRAMEWORK = "framework"
"""The label that says whose session it is; the others are the framework's words for its names."""

_HASHED = "~#"
"""What a label begins with that stands for a name that no label can hold."""


def id_of_names(framework: str, names: Mapping[str, str]) -> UUID:
    """The id of the session that a framework calls so; always the same, in every process."""
    return session_id_of(framework, *(part for name in names.items() for part in name))


def labels_of(framework: str, names: Mapping[str, str]) -> dict[str, str]:
    """The labels by which a session with these names, or some of them, is found: the names themselves.

    In place of one that no label can hold, longer than 1024 bytes in UTF-8 or with a NUL, there is its hash.
    """
    return {FRAMEWORK: framework, **{word: _label(name) for word, name in names.items()}}


def names_of(session: Session, *words: str) -> dict[str, str] | None:
    """The names that a framework calls a session by, for all its words that the id is made of, in order.

    ``None`` where it is not the session of these names: a fork has the labels of another one, and somebody
    may have changed them, or the title, which has the names that no label can hold.
    """
    names = told_names(session)
    told = {word: names[word] for word in words if word in names}
    is_whole = FRAMEWORK in session.labels and len(told) == len(words)
    return told if is_whole and id_of_names(session.labels[FRAMEWORK], told) == session.id else None


def told_names(session: Session) -> Mapping[str, str]:
    """All that the record says of names; whether they are the session's own is not looked at."""
    if not any(label.startswith(_HASHED) for label in session.labels.values()):
        return session.labels
    try:
        unheld = msgspec.json.decode(session.title or "{}", type=dict[str, str])
    except msgspec.DecodeError:
        unheld = {}
    return {**session.labels, **unheld}


async def named_session(store: Store, framework: str, names: Mapping[str, str], title: str = "") -> Session:
    """The record of the session that a framework calls so; made, with the names as labels, if there is none.

    Two clients that make it at the same moment make the same one. Names that no label can hold are its title,
    in JSON. ``InvalidArgumentError`` for one with lone surrogates, which is no text.
    """
    return await recorded_session(store, id_of_names(framework, names), framework, names, title)


async def recorded_session(
    store: Store, session_id: UUID, framework: str, names: Mapping[str, str], title: str = ""
) -> Session:
    """The same of a session whose id is made of its names in another way."""
    found = await store.sessions.get_session(session_id)
    if found is not None:
        return found
    labels = labels_of(framework, names)
    unheld = {word: name for word, name in names.items() if labels[word] != name}
    told = json.dumps(unheld) if unheld else title or None
    return await store.create_session(told, session_id=session_id, labels=labels)


def _label(name: str) -> str:
    """The name, or its hash where no label can hold it; no two names have the same label."""
    size = utf8_size(name)
    if size is not None and size <= MAX_LABEL_BYTES and "\0" not in name and not name.startswith(_HASHED):
        return name
    return _HASHED + sha256(name.encode("utf-8", "surrogatepass")).hexdigest()


async def delete_named_session(store: Store, session_id: UUID) -> None:
    """Remove a session with all that it holds, beside others who may make it anew.

    The record goes first: who finds the session empty makes a record before anything else, and that stays.
    After a crash on the way, run it again: it finishes the job.
    """
    await store.sessions.delete_session(session_id)
    await store.file_system.purge_session(session_id)
    await store.storage.purge_session(session_id)
