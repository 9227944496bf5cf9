"""Claude Agent SDK: transcripts of sessions in an everstore ``Store``.

    async with everstore.open_store() as store:
        options = ClaudeAgentOptions(session_store=EverstoreSessionStore(store))

Each session of the SDK is a session of the store, whose labels ``project_key`` and ``session_id`` are the
SDK's own names. Its subagents' transcripts are in it, too, so it is deleted with all of them.
"""

from __future__ import annotations

import asyncio
import json
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple

from everstore.adapters.heads import entry_key, head_of
from everstore.adapters.naming import (
    delete_named_session,
    id_of_names,
    labels_of,
    named_session,
    names_of,
)
from everstore.changes import DeleteValue, SetValue
from everstore.compat import override
from everstore.installing import extra

with extra("claude-agent-sdk"):
    from claude_agent_sdk import SessionStore, fold_session_summary

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from claude_agent_sdk.types import (
        SessionKey,
        SessionListSubkeysKey,
        SessionStoreEntry,
        SessionStoreListEntry,
        SessionSummaryEntry,
    )

    from everstore.adapters.heads import Change, Head
    from everstore.models import Session, StoredValue
    from everstore.session import BoundStorage
    from everstore.store import Store

__all__ = ["EverstoreSessionStore"]

_NAME = "claude_agent_sdk"
_HEADS = "transcript/head/"
_MAIN = "main"


class _Transcript(NamedTuple):
    """Where a transcript is: its head, and what the keys of its batches begin with."""

    storage: BoundStorage
    head: Head
    batches: str


class EverstoreSessionStore(SessionStore):
    """Keeps the transcripts that the SDK mirrors. Any number of processes may use the same ones.

    What ``append`` is given is stored all or none, in one step, together with the session's summary: appends
    of several processes never mix. An entry whose ``uuid`` was stored before is read once, however often the
    SDK sends it.
    """

    def __init__(self, store: Store) -> None:
        """Over an open store, which somebody else closes."""
        self._store = store

    @override
    def __repr__(self) -> str:
        return f"EverstoreSessionStore({self._store!r})"

    @override
    async def append(self, key: SessionKey, entries: list[SessionStoreEntry]) -> None:
        if not entries:
            return
        batch = json.dumps(entries, separators=(",", ":"))
        at = self._transcript(key)
        subpath = key.get("subpath") or None

        def appended(text: str | None) -> Change:
            known: dict[str, Any] = {"batches": 0} if text is None else json.loads(text)
            number: int = known["batches"]
            head: dict[str, Any] = {"batches": number + 1, "subpath": subpath}
            if subpath is None:
                summary = _summary(key["session_id"], 0, known["summary"]) if "summary" in known else None
                head["summary"] = fold_session_summary(summary, key, entries)["data"]
            return json.dumps(head), [SetValue(entry_key(at.batches, number), batch)]

        async def begin() -> None:
            await named_session(self._store, _NAME, _names(key))

        await at.head.change(appended, begin)

    @override
    async def load(self, key: SessionKey) -> list[SessionStoreEntry] | None:
        at = self._transcript(key)
        entries = [
            entry for batch in await at.storage.read_values(at.batches) for entry in json.loads(batch.value)
        ]
        return _once(entries) or None

    @override
    async def list_sessions(self, project_key: str) -> list[SessionStoreListEntry]:
        return [
            {"session_id": session_id, "mtime": _milliseconds(head)}
            async for session_id, head in self._heads(project_key)
        ]

    @override
    async def list_session_summaries(self, project_key: str) -> list[SessionSummaryEntry]:
        return [
            _summary(session_id, _milliseconds(head), json.loads(head.value)["summary"])
            async for session_id, head in self._heads(project_key)
        ]

    @override
    async def delete(self, key: SessionKey) -> None:
        if key.get("subpath"):
            await self._delete_transcript(self._transcript(key))
            return
        await delete_named_session(self._store, id_of_names(_NAME, _names(key)))

    @override
    async def list_subkeys(self, key: SessionListSubkeysKey) -> list[str]:
        storage = self._store.session(id_of_names(_NAME, _names(key))).storage
        heads = [json.loads(head.value) for head in await storage.read_values(_HEADS)]
        return [head["subpath"] for head in heads if head["subpath"] is not None]

    def _transcript(self, key: SessionKey) -> _Transcript:
        session_id = id_of_names(_NAME, _names(key))
        subpath = key.get("subpath")
        name = f"sub/{sha256(subpath.encode()).hexdigest()}" if subpath else _MAIN
        storage = self._store.session(session_id).storage
        head = head_of(self._store, session_id, _HEADS + name)
        return _Transcript(storage, head, f"transcript/batch/{name}/")

    async def _heads(self, project_key: str) -> AsyncIterator[tuple[str, StoredValue]]:
        """The sessions of a project that have a main transcript, each with the head of it."""
        labels = labels_of(_NAME, {"project_key": project_key})
        after: Session | None = None
        while page := await self._store.sessions.list_sessions(after=after, labels=labels):
            after = page[-1]
            reads = (self._store.storage.read_value(record.id, _HEADS + _MAIN) for record in page)
            for record, head in zip(page, await asyncio.gather(*reads), strict=True):
                names = names_of(record, "project_key", "session_id")
                if head is not None and names is not None:
                    yield names["session_id"], head

    async def _delete_transcript(self, at: _Transcript) -> None:
        async with at.head.turn:
            while await at.head.read() is not None:
                batches = await at.storage.list_keys(at.batches)
                if await at.head.replace(None, [DeleteValue(batch.key) for batch in batches]):
                    return


def _names(key: SessionKey | SessionListSubkeysKey) -> dict[str, str]:
    return {"project_key": key["project_key"], "session_id": key["session_id"]}


def _summary(session_id: str, mtime: int, data: dict[str, Any]) -> SessionSummaryEntry:
    return {"session_id": session_id, "mtime": mtime, "data": data}


def _milliseconds(head: StoredValue) -> int:
    """When it was written, by the storage's clock."""
    return head.updated_ns // 1_000_000


def _once(entries: list[SessionStoreEntry]) -> list[SessionStoreEntry]:
    """The entries without those whose ``uuid`` came before."""
    seen: set[str] = set()
    kept: list[SessionStoreEntry] = []
    for entry in entries:
        name = entry.get("uuid")
        if name is not None and name in seen:
            continue
        if name is not None:
            seen.add(name)
        kept.append(entry)
    return kept
