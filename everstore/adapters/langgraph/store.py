"""``EverstoreStore``: LangGraph's long-term memory."""

from __future__ import annotations

import asyncio
import math
from contextlib import aclosing
from typing import TYPE_CHECKING

from langgraph.store.base import (
    BaseStore,
    GetOp,
    ListNamespacesOp,
    PutOp,
    SearchOp,
)

from everstore.adapters.calls import Calls
from everstore.adapters.langgraph import items
from everstore.adapters.langgraph.threads import LANGGRAPH
from everstore.adapters.langgraph.together import Together
from everstore.adapters.langgraph.vectors import Index, score
from everstore.adapters.naming import id_of_names, named_session
from everstore.changes import DeleteValue, SetValue
from everstore.compat import override

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Iterable

    from langgraph.store.base import IndexConfig, Item, Op, Result, SearchItem, TTLConfig

    from everstore import sync
    from everstore.adapters.langgraph.items import Content
    from everstore.changes import AnyValueChange
    from everstore.models import StoredValue
    from everstore.store import Store

__all__ = ["EverstoreStore"]

_STORE = "store"  # the label with its name
_ROWS = 200
_KEYS = 1000
_MINUTE = 60.0  # seconds


class EverstoreStore(BaseStore):
    """LangGraph's long-term memory in a store, as one session of it.

    Over an ``everstore.Store`` the methods whose names begin with ``a`` are to be called on the loop that it
    was opened on; over an ``everstore.sync.Store`` all of them, from any loop and any thread. The store stays
    the caller's, who closes it.

    Values are JSON. All that one ``batch`` puts is there in one step, which others of the same moment share;
    what it reads is from before. A search lists by namespace and key; with ``query``, by how near the meaning
    is, if there is an ``index``: it compares with all items that the filter leaves, so it is for thousands,
    not for millions. What has a time to live is absent from its end on, and needs no sweeper.
    """

    supports_ttl = True

    def __init__(
        self,
        store: Store | sync.Store,
        *,
        name: str = "store",
        index: IndexConfig | None = None,
        ttl: TTLConfig | None = None,
    ) -> None:
        """Touches no backend. ``name`` tells several memories in one store apart."""
        self._calls = Calls(store)
        self._names = {_STORE: name}
        session = self._calls.store.session(id_of_names(LANGGRAPH, self._names))
        self._storage = session.storage
        self._together = Together(session.storage)
        self._index = None if index is None else Index(index)
        self._is_known = False
        self.ttl_config = ttl

    @override
    def batch(self, ops: Iterable[Op]) -> list[Result]:
        """What each operation answers; see the class."""
        return self._calls.wait(self._batch(list(ops)))

    @override
    async def abatch(self, ops: Iterable[Op]) -> list[Result]:
        """What each operation answers; see the class."""
        return await self._calls.go(self._batch(list(ops)))

    async def _batch(self, ops: list[Op]) -> list[Result]:
        if len(ops) == 1 and isinstance(ops[0], PutOp):  # as nearly all that put
            await self._put([ops[0]])
            return [None]
        puts = {(op.namespace, op.key): op for op in ops if isinstance(op, PutOp)}
        looking = [place for place, op in enumerate(ops) if not isinstance(op, PutOp)]
        results: list[Result] = [None] * len(ops)
        if len(looking) == 1:  # by far the most
            results[looking[0]] = await self._look(ops[looking[0]])
        elif looking:
            found = await asyncio.gather(*(self._look(ops[place]) for place in looking))
            for place, result in zip(looking, found, strict=True):
                results[place] = result
        if puts:
            await self._put(list(puts.values()))
        return results

    async def _look(self, op: Op) -> Result:
        if isinstance(op, GetOp):
            return await self._get(op)
        if isinstance(op, SearchOp):
            return await self._search(op)
        if isinstance(op, ListNamespacesOp):
            return await self._list_namespaces(op)
        raise ValueError(f"Unknown operation type: {type(op)}")

    # -- putting ------------------------------------------------------------------------------------

    async def _put(self, puts: list[PutOp]) -> None:
        """Put items, and delete others, in one step, which those of others that come now are in, too."""
        changes: list[AnyValueChange] = []
        embedded = [[]] * len(puts) if self._index is None else await self._vectors(puts, self._index)
        for put, vectors in zip(puts, embedded, strict=True):
            key = items.item_key(put.namespace, put.key)
            if put.value is None:
                changes.append(DeleteValue(key))
                continue
            content = items.Content(put.namespace, put.key, dict(put.value), put.ttl, vectors)
            seconds = None if put.ttl is None else put.ttl * _MINUTE
            changes.append(SetValue(key, items.text_of(content), seconds))
        if not self._is_known and any(put.value is not None for put in puts):
            await named_session(self._calls.store, LANGGRAPH, self._names)
            self._is_known = True
        await self._together.change(changes)

    async def _vectors(self, puts: list[PutOp], index: Index) -> list[list[bytes]]:
        """The vectors of each item's texts; all texts are embedded in one go."""
        texts = [index.texts(put) for put in puts]
        vectors = iter(await index.packed([text for several in texts for text in several]))
        return [[next(vectors) for _ in several] for several in texts]

    # -- looking ------------------------------------------------------------------------------------

    async def _get(self, op: GetOp) -> Item | None:
        row = await self._storage.read_value(items.item_key(op.namespace, op.key))
        if row is None:
            return None
        content = items.content_of(row)
        if op.refresh_ttl and content.minutes is not None:
            await self._refresh(row, content.minutes)
        return items.item_of(row, content)

    async def _refresh(self, row: StoredValue, minutes: float) -> None:
        """Let an item stay as long again; one that was put meanwhile, as long as that put says."""
        seconds: float | None = minutes * _MINUTE
        revision = row.revision
        while await self._storage.touch_value(row.key, ttl=seconds):
            now = await self._storage.read_value(row.key)
            if now is None or now.revision == revision:
                return
            wanted = items.content_of(now).minutes
            seconds = None if wanted is None else wanted * _MINUTE
            revision = now.revision

    async def _search(self, op: SearchOp) -> list[SearchItem]:
        if op.query and self._index is not None:
            found = await self._nearest(op, self._index, op.query)
        else:
            found = []
            most = op.offset + op.limit
            async with aclosing(self._rows(op, most)) as rows:
                async for row, content in rows:
                    found.append((row, content, None))
                    if len(found) >= most:  # asked for one more, they would read a page for it
                        break
        page = found[op.offset : op.offset + op.limit]
        if op.refresh_ttl:
            expiring = [(row, content.minutes) for row, content, _ in page if content.minutes is not None]
            await asyncio.gather(*(self._refresh(row, minutes) for row, minutes in expiring))
        return [items.search_item_of(row, content, nearness) for row, content, nearness in page]

    async def _nearest(
        self, op: SearchOp, index: Index, query: str
    ) -> list[tuple[StoredValue, Content, float | None]]:
        """All items, the nearest first; those without a vector come last."""
        wanted = await index.query(query)
        rows = [each async for each in self._rows(op, _ROWS)]
        scores = await asyncio.to_thread(lambda: [score(wanted, content.vectors) for _, content in rows])
        found = [(row, content, nearness) for (row, content), nearness in zip(rows, scores, strict=True)]
        found.sort(key=lambda each: -math.inf if each[2] is None else each[2], reverse=True)
        return found

    async def _rows(self, op: SearchOp, wanted: int) -> AsyncGenerator[tuple[StoredValue, Content], None]:
        """The items below a namespace that pass the filter, in the order of their keys."""
        prefix, after = items.range_of(op.namespace_prefix), None
        size = _ROWS if op.filter else min(max(wanted, 1), _ROWS)
        while True:
            page = await self._storage.read_values(prefix, after=after, limit=size)
            for row in page:
                content = items.content_of(row)
                if not op.filter or items.matches(content.value, op.filter):
                    yield row, content
            if len(page) < size:
                return
            after, size = page[-1].key, _ROWS

    async def _list_namespaces(self, op: ListNamespacesOp) -> list[tuple[str, ...]]:
        conditions = op.match_conditions or ()
        found: set[tuple[str, ...]] = set()
        async for namespace in self._namespaces(items.least_range(conditions)):
            if all(items.fits(condition, namespace) for condition in conditions):
                found.add(namespace[: op.max_depth])
        return sorted(found)[op.offset : op.offset + op.limit]

    async def _namespaces(self, prefix: str) -> AsyncIterator[tuple[str, ...]]:
        """The namespaces that have items; what is left of one, after a page, is passed over."""
        after = None
        while True:
            page = await self._storage.list_keys(prefix, after=after, limit=_KEYS)
            for key in {items.namespace_end(info.key): info.key for info in page}.values():
                namespace = items.namespace_of(key)
                if namespace is None:
                    row = await self._storage.read_value(key)
                    if row is None:  # it was deleted meanwhile
                        continue
                    namespace = items.content_of(row).namespace
                yield namespace
            if len(page) < _KEYS:
                return
            after = items.namespace_end(page[-1].key)
