"""ADK's state: what of it belongs to the app, the user and the session, and how it is kept.

Each key of the state is a key of a session of everstore's, so of two who set different ones both count.
"""

from __future__ import annotations

import asyncio
import json
import logging
from typing import TYPE_CHECKING, Any, NamedTuple

from google.adk.sessions.state import State
from pydantic_core import PydanticSerializationError, to_jsonable_python

from everstore.adapters.naming import id_of_names, named_session
from everstore.changes import SetValue

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from everstore.models import StoredValue
    from everstore.store import Store

__all__ = ["NAME", "STATE", "Scopes", "SharedState", "changes_of", "scopes_of", "state_of"]

NAME = "google_adk"
STATE = "session/state/"

_logger = logging.getLogger(__name__)


class Scopes(NamedTuple):
    """The parts of a state, without the prefixes of their keys, in the form of JSON."""

    app: dict[str, Any]
    user: dict[str, Any]
    session: dict[str, Any]

    def merged(self) -> dict[str, Any]:
        """All of it, as ADK shows it to an agent."""
        return {
            **self.session,
            **{State.APP_PREFIX + key: value for key, value in self.app.items()},
            **{State.USER_PREFIX + key: value for key, value in self.user.items()},
        }


def scopes_of(state: Mapping[str, Any] | None) -> Scopes:
    """A state in its parts. What is temporary is left out; what JSON cannot hold is kept as its ``repr``."""
    parts = Scopes({}, {}, {})
    for key, value in (state or {}).items():
        if key.startswith(State.APP_PREFIX):
            parts.app[key.removeprefix(State.APP_PREFIX)] = value
        elif key.startswith(State.USER_PREFIX):
            parts.user[key.removeprefix(State.USER_PREFIX)] = value
        elif not key.startswith(State.TEMP_PREFIX):
            parts.session[key] = value
    try:
        return Scopes(*(to_jsonable_python(part) for part in parts))
    except (PydanticSerializationError, ValueError, TypeError):
        _logger.warning("the state has values that JSON cannot hold: their repr is kept instead")
        return Scopes(*(to_jsonable_python(part, serialize_unknown=True) for part in parts))


def changes_of(part: Mapping[str, Any]) -> list[SetValue]:
    """What keeps a part of a state."""
    return [SetValue(STATE + key, json.dumps(value)) for key, value in part.items()]


def state_of(values: Iterable[StoredValue]) -> dict[str, Any]:
    """The state that these values keep."""
    return {value.key.removeprefix(STATE): json.loads(value.value) for value in values}


class SharedState:
    """What the sessions of an app, or of a user of it, have in common."""

    def __init__(self, store: Store) -> None:
        """In this store."""
        self._store = store

    async def read(self, *names: str) -> dict[str, Any]:
        """The state of an app, or of an app and a user; empty when there is none."""
        session_id = id_of_names(NAME, _labels(*names))
        return state_of(await self._store.storage.read_values(session_id, STATE))

    async def update(self, app: str, user: str, delta: Scopes) -> None:
        """Set what a delta has of either. Each is one step; of one key the last who sets it counts."""
        await asyncio.gather(self._update(delta.app, app), self._update(delta.user, app, user))

    async def _update(self, part: dict[str, Any], *names: str) -> None:
        if not part:
            return
        labels = _labels(*names)
        # The record has it found, and kept when sessions without one are pruned.
        changing = self._store.storage.change_values(id_of_names(NAME, labels), changes_of(part))
        await asyncio.gather(named_session(self._store, NAME, labels), changing)


def _labels(*names: str) -> dict[str, str]:
    return dict(zip(("app", "user"), names, strict=False))
