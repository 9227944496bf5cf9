"""OpenAI Agents SDK: a session whose items are in an everstore ``Store``.

    async with everstore.open_store() as store:
        await Runner.run(agent, "Hello", session=EverstoreSession(store, "user-123"))

Each conversation is a session of the store, which has the label ``session`` with the SDK's own id of it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import msgspec

from everstore.adapters.heads import entry_key, head_of
from everstore.adapters.naming import id_of_names, labels_of, named_session, names_of
from everstore.changes import DeleteValue, SetValue
from everstore.compat import override
from everstore.installing import extra

with extra("openai-agents"):
    from agents.memory import SessionSettings
    from agents.memory.session_settings import coerce_session_settings, resolve_session_limit

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from agents.items import TResponseInputItem

    from everstore.adapters.heads import Change
    from everstore.models import Session, StoredValue
    from everstore.store import Store

__all__ = ["EverstoreSession"]

_NAME = "openai_agents"
_ALL = "history/"
_ITEMS = "history/item/"
_NEXT = "history/next"  # behind the items: who reads the last ones reads it, too

_text_of = json.JSONEncoder(separators=(",", ":")).encode


def _item_of(row: StoredValue) -> TResponseInputItem:
    item: TResponseInputItem
    try:
        item = msgspec.json.decode(row.value)
    except msgspec.DecodeError:  # lone surrogates and NaN, which Python's JSON has
        item = json.loads(row.value)
    return item


class EverstoreSession:
    """The history of one conversation, as ``agents.memory.Session`` wants it.

    Any number of these, in any number of processes, may be of the same conversation. ``add_items`` adds all
    or none, in their order and with nobody's in between. ``pop_item`` gives an item to one caller only.
    """

    session_id: str
    session_settings: SessionSettings | None

    def __init__(
        self,
        store: Store,
        session_id: str,
        *,
        session_settings: SessionSettings | dict[str, Any] | None = None,
    ) -> None:
        """The conversation ``session_id``, any text; nothing is read yet.

        ``session_settings.limit`` is how many items ``get_items`` answers with where it is not told.
        """
        self.session_id = session_id
        self.session_settings = coerce_session_settings(session_settings or SessionSettings())
        self._store = store
        self._names = {"session": session_id}
        self.everstore_id: Final = id_of_names(_NAME, self._names)
        """The id of the store's session, which may hold files and values of anybody's, too."""
        self._storage = store.session(self.everstore_id).storage
        self._head = head_of(store, self.everstore_id, _NEXT)

    @override
    def __repr__(self) -> str:
        return f"EverstoreSession({self.session_id!r})"

    @classmethod
    async def list_session_ids(cls, store: Store) -> AsyncIterator[str]:
        """The ids of all conversations in the store that have been added to and not cleared, newest first."""
        after: Session | None = None
        while page := await store.sessions.list_sessions(after=after, labels=labels_of(_NAME, {})):
            for record in page:
                names = names_of(record, "session")
                if names is not None:
                    yield names["session"]
            after = page[-1]

    async def get_items(self, limit: int | None = None) -> list[TResponseInputItem]:
        """The items in their order, all of one moment; with a limit the last ones.

        Without, ``session_settings.limit`` counts. A limit below 0 is none, as that of ``SQLiteSession``.
        """
        limit = resolve_session_limit(limit, self.session_settings)
        most = None if limit is None or limit < 0 else limit
        return [_item_of(item) for item in await self._read(most)]

    async def _read(self, most: int | None) -> Sequence[StoredValue]:
        """The last items; by the way, the head is known then."""
        if most is None:
            found = await self._storage.read_values(_ALL)
        else:
            found = (await self._storage.read_values(_ALL, limit=most + 1, reverse=True))[::-1]
        if not found:
            return ()
        *items, head = found
        if not self._head.turn.locked():  # else it is being changed, and this would be older
            self._head.note(head)
        return items

    async def add_items(self, items: list[TResponseInputItem]) -> None:
        """Add items at the end, all or none, in one step. ``TypeError`` for one that JSON cannot hold."""
        texts = [_text_of(item) for item in items]
        if not texts:
            return

        def added(head: str | None) -> Change:
            number = int(head or "0")
            return str(number + len(texts)), [
                SetValue(entry_key(_ITEMS, number + place), text) for place, text in enumerate(texts)
            ]

        await self._head.change(added, self._list)

    async def _list(self) -> None:
        await named_session(self._store, _NAME, self._names)

    async def pop_item(self) -> TResponseInputItem | None:
        """Take the last item away, and answer with it; ``None`` when there is none.

        Of many who pop at once no two get the same.
        """
        async with self._head.turn:
            while True:
                found = await self._storage.read_values(_ALL, limit=2, reverse=True)
                if len(found) < 2:
                    return None
                head, last = found
                self._head.note(head)
                if await self._head.replace(head.value, [DeleteValue(last.key)]):
                    return _item_of(last)

    async def clear_session(self) -> None:
        """Take all items away, in one step; then the conversation is not listed, until it is added to.

        After a crash in the midst of it, it may be listed without items: clear it again.
        """
        async with self._head.turn:
            while keys := await self._storage.list_keys(_ALL):
                *items, head = keys
                self._head.note(head)
                if await self._head.replace(None, [DeleteValue(item.key) for item in items]):
                    break
            await self._store.sessions.delete_session(self.everstore_id)
            if await self._head.read() is not None:  # another process added meanwhile, and was listed
                await self._list()
