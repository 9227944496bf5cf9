"""py-key-value over everstore: a store of its collections, for FastMCP and whoever else speaks its protocol.

::

    async with everstore.open_store() as store:
        kept = EverstoreKeyValueStore(store)
        await kept.put("alice", {"age": 30}, collection="users", ttl=3600)
        await kept.get("alice", collection="users")
"""

from __future__ import annotations

import json
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from everstore.adapters.naming import id_of_names, labels_of, named_session, names_of
from everstore.arguments import MAX_KEY_BYTES, MAX_TTL
from everstore.changes import DeleteValue
from everstore.compat import override
from everstore.content import utf8_size
from everstore.errors import RevisionConflictError
from everstore.installing import extra

with extra("py-key-value"):
    from key_value.aio.errors import InvalidTTLError
    from key_value.aio.stores.base import (
        BaseContextManagerStore,
        BaseCullStore,
        BaseDestroyCollectionStore,
        BaseDestroyStore,
        BaseEnumerateCollectionsStore,
        BaseEnumerateKeysStore,
        ManagedEntry,
    )

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from typing import SupportsFloat
    from uuid import UUID

    from everstore.session import BoundStorage
    from everstore.store import Store

__all__ = ["EverstoreKeyValueStore"]

_FRAMEWORK = "py-key-value"
_STORE = "store"
_COLLECTION = "collection"
_PAGE = 1000
_LEAST_TTL = 1e-6
_HASHED = "\x01"
"""What a key begins with that stands for one that everstore's cannot be."""


class EverstoreKeyValueStore(
    BaseEnumerateKeysStore,
    BaseEnumerateCollectionsStore,
    BaseDestroyCollectionStore,
    BaseDestroyStore,
    BaseCullStore,
    BaseContextManagerStore,
):
    """A key-value store in an open ``everstore.Store``; each collection is a session, found by its labels.

    Collections and keys are any text. What ``put_many`` puts, or ``delete_many`` deletes, is so at once: all
    of it or nothing. What is read at once is of one moment; what is past its time is gone. Stores with
    another ``name`` share nothing. The open store is its owner's to close.
    """

    def __init__(
        self,
        store: Store,
        *,
        name: str = "default",
        default_collection: str | None = None,
    ) -> None:
        """Nothing is asked of the store yet."""
        self._store = store
        self._name = name
        self._recorded: set[str] = set()
        self._bound: dict[str, BoundStorage] = {}
        super().__init__(client_provided_by_user=True, default_collection=default_collection, stable_api=True)

    # -- entries ------------------------------------------------------------------------------------

    @override
    async def _get_managed_entry(self, *, collection: str, key: str) -> ManagedEntry | None:
        text = await self._values(collection).get_value(_plain(key))
        return None if text is None else self._serialization_adapter.load_json(json_str=text)

    @override
    async def _get_managed_entries(
        self, *, collection: str, keys: Sequence[str]
    ) -> list[ManagedEntry | None]:
        found = await self._values(collection).get_values([_plain(key) for key in keys])
        load = self._serialization_adapter.load_json
        return [load(json_str=found[each]) if (each := _plain(key)) in found else None for key in keys]

    @override
    async def _put_managed_entry(self, *, collection: str, key: str, managed_entry: ManagedEntry) -> None:
        await self._put({key: managed_entry}, collection, managed_entry.ttl)

    @override
    async def _put_managed_entries(
        self,
        *,
        collection: str,
        keys: Sequence[str],
        managed_entries: Sequence[ManagedEntry],
        ttl: float | None,
        created_at: datetime,
        expires_at: datetime | None,
    ) -> None:
        del created_at, expires_at  # the entries have them, too
        await self._put(dict(zip(keys, managed_entries, strict=True)), collection, ttl)

    async def put_if_absent(
        self,
        key: str,
        value: Mapping[str, Any],
        *,
        collection: str | None = None,
        ttl: SupportsFloat | None = None,
    ) -> bool:
        """Store a value if nothing is there; whether it was stored. Of many at once one is."""
        collection = collection or self.default_collection
        await self.setup_collection(collection=collection)
        if ttl is not None and (isinstance(ttl, bool) or not float(ttl) > 0):
            raise InvalidTTLError(ttl=ttl)
        entry = ManagedEntry(value=value) if ttl is None else ManagedEntry.from_ttl(value=value, ttl=ttl)
        try:
            await self._put({key: entry}, collection, entry.ttl, if_absent=True)
        except RevisionConflictError:
            return False
        return True

    async def _put(
        self,
        entries: Mapping[str, ManagedEntry],
        collection: str,
        ttl: float | None,
        *,
        if_absent: bool = False,
    ) -> None:
        """Set all of them, or none, in one step."""
        values = {_plain(key): self._text(key, entry) for key, entry in entries.items()}
        await self._record(collection)
        if ttl is not None:  # who reads the entry looks at its own time, too
            ttl = max(ttl, _LEAST_TTL) if ttl <= MAX_TTL else None
        kept = self._values(collection)
        if len(values) == 1:
            [(key, text)] = values.items()
            await kept.set_value(key, text, ttl=ttl, if_absent=if_absent)
        else:
            await kept.set_values(values, ttl=ttl, if_absent=if_absent)

    def _text(self, key: str, entry: ManagedEntry) -> str:
        told = key if _plain(key) != key else None  # so that it can be listed
        return self._serialization_adapter.dump_json(entry=entry, key=told)

    @override
    async def _delete_managed_entry(self, *, key: str, collection: str) -> bool:
        return await self._values(collection).delete_value(_plain(key))

    @override
    async def _delete_managed_entries(self, *, keys: Sequence[str], collection: str) -> int:
        were_there = await self._values(collection).change_values([DeleteValue(_plain(key)) for key in keys])
        return were_there.count(True)

    @override
    async def _get_collection_keys(self, *, collection: str, limit: int | None = None) -> list[str]:
        values = self._values(collection)
        keys = [each.key for each in await values.list_keys(limit=limit)]
        hashed = await values.get_values([key for key in keys if key.startswith(_HASHED)])
        told = {key: json.loads(text)["key"] for key, text in hashed.items()}
        return [told.get(key, key) for key in keys if key in told or not key.startswith(_HASHED)]

    @override
    async def _cull(self) -> None:
        """Do nothing: what is past its time is gone already, and takes no room for good."""

    # -- collections --------------------------------------------------------------------------------

    def _values(self, collection: str) -> BoundStorage:
        found = self._bound.get(collection)
        if found is None:
            found = self._bound[collection] = self._store.session(self._id(collection)).storage
        return found

    def _id(self, collection: str) -> UUID:
        return id_of_names(_FRAMEWORK, self._names(collection))

    def _names(self, collection: str) -> dict[str, str]:
        return {_STORE: self._name, _COLLECTION: collection}

    async def _record(self, collection: str) -> None:
        """Have a collection listed, once it is written to."""
        if collection in self._recorded:
            return
        await named_session(self._store, _FRAMEWORK, self._names(collection))
        self._recorded.add(collection)

    async def _collections(self) -> dict[str, UUID]:
        """The ids of all collections, by their names."""
        found: dict[str, UUID] = {}
        labels, after = labels_of(_FRAMEWORK, {_STORE: self._name}), None
        while page := await self._store.sessions.list_sessions(limit=_PAGE, after=after, labels=labels):
            told = [(each.id, names_of(each, _STORE, _COLLECTION)) for each in page]
            found |= {names[_COLLECTION]: each for each, names in told if names is not None}
            after = page[-1]
        return found

    @override
    async def _get_collection_names(self, *, limit: int | None = None) -> list[str]:
        return sorted(await self._collections())[:limit]

    @override
    async def _delete_collection(self, *, collection: str) -> bool:
        self._recorded.discard(collection)
        return await self._store.delete_session(self._id(collection))

    @override
    async def _delete_store(self) -> bool:
        self._recorded.clear()
        for each in (await self._collections()).values():
            await self._store.delete_session(each)
        return True


def _plain(key: str) -> str:
    """The key under which a value is kept: itself, or what stands for it where it cannot be one."""
    size = utf8_size(key) or 0
    if 0 < size <= MAX_KEY_BYTES and "\0" not in key and not key.startswith(_HASHED):
        return key
    return _HASHED + sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
