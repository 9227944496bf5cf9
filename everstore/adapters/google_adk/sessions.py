"""ADK's sessions, each one of the store's: its events one key each, its own state, and a head that counts."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import msgspec
from google.adk.errors import StaleSessionError
from google.adk.errors.already_exists_error import AlreadyExistsError
from google.adk.errors.session_not_found_error import SessionNotFoundError
from google.adk.events.event import Event
from google.adk.platform import time as platform_time
from google.adk.platform import uuid as platform_uuid
from google.adk.sessions.base_session_service import (
    BaseSessionService,
    GetSessionConfig,
    ListSessionsResponse,
)
from google.adk.sessions.session import Session

from everstore.adapters.google_adk.state import (
    NAME,
    Scopes,
    SharedState,
    changes_of,
    scopes_of,
    state_of,
)
from everstore.adapters.heads import entry_key, head_of
from everstore.adapters.naming import (
    delete_named_session,
    id_of_names,
    labels_of,
    named_session,
    names_of,
)
from everstore.changes import SetValue
from everstore.compat import override
from everstore.errors import RevisionConflictError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from uuid import UUID

    from everstore.models import KeyInfo, StoredValue
    from everstore.models import Session as Record
    from everstore.session import BoundStorage
    from everstore.store import Store

__all__ = ["EverstoreSessionService"]

# In this order, so that a page from any side begins or ends with the head.
_ALL = "session/"
_EVENTS = "session/event/"
_BEHIND_EVENTS = "session/event/\U0010ffff"
_HEAD = "session/head"

_PAGE = 100  # events read at once where it is not known how many are new enough


class _Head(msgspec.Struct, frozen=True):
    """How many events a session has had, and when it was last updated."""

    events: int
    updated: float

    def text(self) -> str:
        return msgspec.json.encode(self).decode()


def _head_in(value: StoredValue) -> _Head:
    return msgspec.json.decode(value.value, type=_Head)


class EverstoreSessionService(BaseSessionService):
    """Sessions that any number of processes share.

    An event and the session state that it changes are stored in one step, under the condition that the
    session is as the caller knows it: else ``StaleSessionError``, and nothing is stored. Then follows what it
    changes of the user's and the app's state, each in one step, key by key: sessions that change different
    keys of it at once lose nothing.
    """

    def __init__(self, store: Store) -> None:
        """Over an open store, which somebody else closes."""
        self._store = store
        self._shared = SharedState(store)

    @override
    def __repr__(self) -> str:
        return f"EverstoreSessionService({self._store!r})"

    @override
    async def create_session(
        self,
        *,
        app_name: str,
        user_id: str,
        state: dict[str, Any] | None = None,
        session_id: str | None = None,
    ) -> Session:
        if session_id is None:
            session_id = platform_uuid.new_uuid()
        delta = scopes_of(state)
        names = _names(app_name, user_id, session_id)
        record = await named_session(self._store, NAME, names)
        head = _Head(0, platform_time.get_time())
        changes = [SetValue(_HEAD, head.text(), if_absent=True), *changes_of(delta.session)]
        try:
            info = await self._change(record.id, changes)
        except RevisionConflictError:
            raise AlreadyExistsError(f"Session with id {session_id} already exists.") from None
        await self._shared.update(app_name, user_id, delta)
        app, user = await asyncio.gather(self._shared.read(app_name), self._shared.read(app_name, user_id))
        return _session(names, head, info, Scopes(app, user, delta.session), [])

    @override
    async def get_session(
        self,
        *,
        app_name: str,
        user_id: str,
        session_id: str,
        config: GetSessionConfig | None = None,
    ) -> Session | None:
        names = _names(app_name, user_id, session_id)
        storage = self._store.session(id_of_names(NAME, names)).storage
        found, app, user = await asyncio.gather(
            storage.read_values(_ALL, after=None if config is None else _BEHIND_EVENTS),
            self._shared.read(app_name),
            self._shared.read(app_name, user_id),
        )
        at = next((place for place, value in enumerate(found) if value.key == _HEAD), None)
        if at is None:
            return None
        head = _head_in(found[at])
        stored = found[:at] if config is None else await _recent(storage, head.events, config)
        events = [Event.model_validate_json(value.value) for value in stored]
        return _session(names, head, found[at], Scopes(app, user, state_of(found[at + 1 :])), events)

    @override
    async def list_sessions(self, *, app_name: str, user_id: str | None = None) -> ListSessionsResponse:
        app = await self._shared.read(app_name)
        users: dict[str, dict[str, Any]] = {}
        sessions: list[Session] = []
        async for names, values in self._stored(app_name, user_id):
            user = names["user"]
            if user not in users:
                users[user] = await self._shared.read(app_name, user)
            head, *state = values
            scopes = Scopes(app, users[user], state_of(state))
            sessions.append(_session(names, _head_in(head), head, scopes, []))
        sessions.sort(key=lambda session: (session.last_update_time, session.user_id, session.id))
        return ListSessionsResponse(sessions=sessions)

    @override
    async def delete_session(self, *, app_name: str, user_id: str, session_id: str) -> None:
        names = _names(app_name, user_id, session_id)
        await delete_named_session(self._store, id_of_names(NAME, names))

    @override
    async def get_user_state(self, *, app_name: str, user_id: str) -> dict[str, Any]:
        return await self._shared.read(app_name, user_id)

    @override
    async def append_event(self, session: Session, event: Event) -> Event:
        if event.partial:
            return event
        self._apply_temp_state(session, event)
        event = self._trim_temp_delta_state(event)
        delta = scopes_of(event.actions.state_delta)
        at = id_of_names(NAME, _names(session.app_name, session.user_id, session.id))
        known = head_of(self._store, at, _HEAD)  # held: as long as anybody waits, there is no other
        async with known.turn:  # branches of an agent share the session, and what it is known by
            revision, number = await self._position(at, session)
            head = _Head(number + 1, event.timestamp)
            changes = [
                SetValue(_HEAD, head.text(), if_revision=revision),
                SetValue(entry_key(_EVENTS, number), event.model_dump_json(exclude_none=True)),
                *changes_of(delta.session),
            ]
            try:
                info = await self._change(at, changes)
            except RevisionConflictError as error:
                raise _not_as_known(session, error) from None
            # Before the session is known to be as what is stored: where this fails, it has not got the event.
            await self._shared.update(session.app_name, session.user_id, delta)
            session.last_update_time = head.updated
            session._storage_update_marker = _marker(info, head)  # noqa: SLF001 - ADK keeps it for its services
        return self._commit_event_to_session(session, event)

    async def _change(self, at: UUID, changes: list[SetValue]) -> KeyInfo:
        """Make the changes; what is answered of the first one, the head."""
        info, *_ = await self._store.storage.change_values(at, changes)
        return info  # type: ignore[return-value]  # a SetValue is answered with it

    async def _position(self, at: UUID, session: Session) -> tuple[str, int]:
        """The revision of the head that the caller knows, and the number of its next event."""
        revision, _, number = (session._storage_update_marker or "").partition("/")  # noqa: SLF001 - ADK keeps it for its services
        if number.isdecimal():
            return revision, int(number)
        found = await self._store.storage.read_value(at, _HEAD)
        if found is None:
            raise _not_found(session)
        head = _head_in(found)
        if head.updated > session.last_update_time:  # made by hand: it may yet be as what is stored
            known = session.events[-1].id if session.events else None
            if known != await self._last_event_id(at, head):
                raise _stale()
        return found.revision, head.events

    async def _last_event_id(self, at: UUID, head: _Head) -> str | None:
        text = (
            await self._store.storage.get_value(at, entry_key(_EVENTS, head.events - 1))
            if head.events
            else None
        )
        return None if text is None else Event.model_validate_json(text).id

    async def _stored(
        self, app: str, user: str | None
    ) -> AsyncIterator[tuple[dict[str, str], list[StoredValue]]]:
        """The sessions of an app, or of a user of it: names, and head and state of each."""
        labels = labels_of(NAME, {"app": app} | ({} if user is None else {"user": user}))
        after: Record | None = None
        while page := await self._store.sessions.list_sessions(after=after, labels=labels):
            after = page[-1]
            named = [(record.id, names_of(record, "app", "user", "session")) for record in page]
            sessions = [(each, names) for each, names in named if names is not None]
            reads = (
                self._store.storage.read_values(each, _ALL, after=_BEHIND_EVENTS) for each, _ in sessions
            )
            for (_, names), values in zip(sessions, await asyncio.gather(*reads), strict=True):
                if values and values[0].key == _HEAD:  # else it was deleted just now, or never came to be
                    yield names, values


async def _recent(storage: BoundStorage, events: int, config: GetSessionConfig) -> list[StoredValue]:
    """The last of a session's first ``events`` events that are wanted, in their order."""
    most, since = config.num_recent_events, config.after_timestamp
    if most == 0:
        return []
    before = entry_key(_EVENTS, events)
    if since is None:
        return (await storage.read_values(_EVENTS, after=before, limit=most, reverse=True))[::-1]
    found: list[StoredValue] = []
    while most is None or len(found) < most:
        page = await storage.read_values(_EVENTS, after=before, limit=_PAGE, reverse=True)
        for value in page:
            if Event.model_validate_json(value.value).timestamp < since:
                return found[:most][::-1]
            found.append(value)
        if len(page) < _PAGE:
            break
        before = page[-1].key
    return found[:most][::-1]


def _names(app_name: str, user_id: str, session_id: str) -> dict[str, str]:
    return {"app": app_name, "user": user_id, "session": session_id}


def _marker(info: KeyInfo, head: _Head) -> str:
    """What a session is known by: the revision of its head, and the number of its next event."""
    return f"{info.revision}/{head.events}"


def _session(
    names: dict[str, str], head: _Head, info: KeyInfo, scopes: Scopes, events: list[Event]
) -> Session:
    session = Session(
        id=names["session"],
        app_name=names["app"],
        user_id=names["user"],
        state=scopes.merged(),
        events=events,
        last_update_time=head.updated,
    )
    session._storage_update_marker = _marker(info, head)  # noqa: SLF001 - ADK keeps it for its services
    return session


def _not_as_known(session: Session, conflict: RevisionConflictError) -> ValueError:
    return _stale() if conflict.current_revision is not None else _not_found(session)


def _not_found(session: Session) -> SessionNotFoundError:
    return SessionNotFoundError(f"Session {session.id} not found.")


def _stale() -> StaleSessionError:
    return StaleSessionError(
        "The session has been modified in storage since it was loaded. "
        "Get it again before you append more events."
    )
