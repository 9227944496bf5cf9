"""A thread as a session: its rows written, found, thinned out, copied and deleted."""

from __future__ import annotations

from contextlib import aclosing
from functools import lru_cache
from secrets import randbits
from typing import TYPE_CHECKING, NamedTuple, cast

from everstore.adapters.langgraph import records
from everstore.adapters.naming import id_of_names, labels_of, named_session, names_of
from everstore.changes import DeleteValue, Increment, SetValue
from everstore.errors import RevisionConflictError

if TYPE_CHECKING:
    from collections.abc import (
        AsyncGenerator,
        AsyncIterator,
        Callable,
        Collection,
        Iterable,
        Mapping,
    )
    from uuid import UUID

    from everstore.adapters.langgraph.records import Record, Typed, Written
    from everstore.models import KeyInfo, StoredValue
    from everstore.store import Store

__all__ = ["LANGGRAPH", "Found", "Thread", "all_threads"]

LANGGRAPH = "langgraph"
"""The framework's name, in the label that says whose sessions these are."""

_THREAD = "thread"  # the label with its name
_FIRST_ROWS = 4  # the newest checkpoint, and what is written on it by now; what is older is read in vain
_ROWS = 64
_CHECKPOINTS = 20
_GENERATION_BITS = 32  # of a random step: enough never to meet a generation again, and for 2**31 steps


class Found(NamedTuple):
    """A checkpoint, the keys of its values that are rows of their own, and what is written on it."""

    record: Record
    keys: list[str]
    written: list[Written]


class Thread:
    """One thread of a store."""

    def __init__(self, store: Store, name: str) -> None:
        """Touches no backend."""
        self.name = name
        self.id = _id_of_thread(name)
        self._store = store
        self._storage = store.session(self.id).storage

    async def make_known(self) -> None:
        """Have a record of the session, with the thread's name, for who lists them."""
        await named_session(self._store, LANGGRAPH, {_THREAD: self.name})

    # -- writing ------------------------------------------------------------------------------------

    async def write(self, rows: Mapping[str, str], *, is_new: bool) -> int:
        """Write rows in one step; the generation that they are in, which is 0 where none was begun yet.

        ``is_new`` begins another one.
        """
        step = 1 + randbits(_GENERATION_BITS) if is_new else 0
        sets = [SetValue(key, value) for key, value in rows.items()]
        mark, *_ = await self._storage.change_values([Increment(records.GENERATION, step), *sets])
        return cast("int", mark)

    async def add_written(self, key: str, written: Written) -> None:
        """Add what a task writes to what it wrote before, in one step."""
        revision = None
        while True:
            text = records.text_of(written)
            try:
                await self._storage.set_value(key, text, if_revision=revision, if_absent=revision is None)
            except RevisionConflictError:
                before = await self._storage.read_value(key)
            else:
                return
            revision = None
            if before is not None:
                revision, old = before.revision, records.written_of(before.value)
                written = old.with_more(written.writes)
                if written == old:
                    return

    # -- finding ------------------------------------------------------------------------------------

    async def found(
        self, prefix: str, before: str | None = None, rows: int = _FIRST_ROWS
    ) -> AsyncGenerator[Found, None]:
        """The checkpoints at keys that begin with ``prefix``, before one key, from the last on."""
        written: list[StoredValue] = []
        while True:
            page = await self._storage.read_values(prefix, after=before, limit=rows, reverse=True)
            for row in page:
                if not records.is_record(row.key):
                    written.append(row)
                    continue
                beginning = row.key.removesuffix(records.RECORD)
                yield _found(row.value, [each.value for each in written if each.key.startswith(beginning)])
                written = []
            if len(page) < rows:
                return
            before, rows = page[-1].key, _ROWS

    async def first(self, prefix: str) -> Found | None:
        """The last checkpoint at keys that begin with ``prefix``."""
        async with aclosing(self.found(prefix)) as checkpoints:
            async for found in checkpoints:
                return found
        return None

    async def found_everywhere(self, before: str | None) -> AsyncGenerator[Found, None]:
        """The checkpoints of all namespaces, those with ids before one, the last id first."""
        keys = await self._checkpoint_keys()
        there = [each for each in keys if each + records.RECORD in keys[each]]
        there.sort(key=_id_of, reverse=True)
        if before is not None:
            there = [each for each in there if _id_of(each) < before]
        for start in range(0, len(there), _CHECKPOINTS):
            page = there[start : start + _CHECKPOINTS]
            texts = await self._storage.get_values([key for each in page for key in keys[each]])
            for each in page:
                record = texts.get(each + records.RECORD)
                if record is not None:  # or else it was deleted meanwhile
                    written = [
                        texts[key] for key in keys[each] if key in texts and not records.is_record(key)
                    ]
                    yield _found(record, written)

    async def values(self, keys: Collection[str]) -> dict[str, Typed]:
        """The values of channels at these keys; those that are there."""
        if not keys:
            return {}
        texts = await self._storage.get_values(keys)
        return {key: records.typed_of(text) for key, text in texts.items()}

    async def generation(self) -> int | None:
        """The generation that is now; ``None`` where something was deleted and nothing is put since."""
        mark = await self._storage.get_value(records.GENERATION)
        return None if mark is None else int(mark)

    async def _checkpoint_keys(self) -> dict[str, list[str]]:
        """The keys of each checkpoint's record and of what is written on it, by their beginning."""
        keys: dict[str, list[str]] = {}
        for info in await self._storage.list_keys(records.CHECKPOINTS):
            keys.setdefault("/".join(info.key.split("/", 3)[:3]) + "/", []).append(info.key)
        return keys

    async def _records(self, keys: Iterable[str]) -> list[Record]:
        """The checkpoints at keys of records; those that are there."""
        texts = await self._storage.get_values(list(keys))
        return [records.record_of(text) for text in texts.values()]

    # -- removing -----------------------------------------------------------------------------------

    async def thin_out(self, choose: Callable[[list[Record]], Iterable[Record]]) -> None:
        """Remove the checkpoints that are chosen with what is written on them, then values that none needs.

        Each of the two is one step. A checkpoint that is put meanwhile stays whole: what it needs and this
        may have removed is written again, because the generation is another one; and what is written again is
        no longer what was listed here, so it is not removed. One that is not wholly there yet is none to
        choose from.
        """
        there = {info.key for info in await self._storage.list_keys(records.CHANNELS)}
        keys = await self._checkpoint_keys()
        whole = [
            each
            for each in await self._records(beginning + records.RECORD for beginning in keys)
            if there.issuperset(each.channel_keys())
        ]
        doomed = [records.checkpoint_prefix(each.namespace, each.id) for each in choose(whole)]
        if not doomed:
            return
        gone = [records.GENERATION, *(key for beginning in doomed for key in keys[beginning])]
        await self._storage.change_values([DeleteValue(key) for key in gone])
        values = await self._storage.list_keys(records.CHANNELS)
        left = await self._records(beginning + records.RECORD for beginning in await self._checkpoint_keys())
        needed = {key for record in left for key in record.channel_keys()}
        await self._delete_unchanged([each for each in values if each.key not in needed])

    async def _delete_unchanged(self, values: list[KeyInfo]) -> None:
        """Delete what is at keys, in one step, but for what was written again or is gone."""
        changes = [DeleteValue(each.key, each.revision) for each in values]
        while changes:
            try:
                await self._storage.change_values(changes)
            except RevisionConflictError as error:
                del changes[error.index]
            else:
                return

    async def delete(self) -> None:
        """Delete the session, whatever is in it.

        Its record first: who writes afterwards sees a new generation, and makes the record anew.
        """
        await self._store.sessions.delete_session(self.id)
        await self._store.delete_session(self.id)

    async def copy_to(self, target: Thread) -> None:
        """Copy all checkpoints, as they are at one moment, in one step."""
        ours = records.CHECKPOINTS, records.CHANNELS
        rows = {row.key: row.value for row in await self._storage.read_values() if row.key.startswith(ours)}
        if rows:
            await target.write(rows, is_new=True)
            await target.make_known()


async def all_threads(store: Store) -> AsyncIterator[Thread]:
    """All threads that have a name, the newest first."""
    after = None
    while True:
        page = await store.sessions.list_sessions(after=after, labels=labels_of(LANGGRAPH, {}))
        for session in page:
            names = names_of(session, _THREAD)
            if names is not None:
                yield Thread(store, names[_THREAD])
        if not page:
            return
        after = page[-1]


@lru_cache(4096)
def _id_of_thread(name: str) -> UUID:
    return id_of_names(LANGGRAPH, {_THREAD: name})


def _id_of(beginning: str) -> str:
    """The part of the id in the beginning of a checkpoint's keys."""
    return beginning.split("/")[2]


def _found(text: str, written: Iterable[str]) -> Found:
    record = records.record_of(text)
    return Found(record, record.channel_keys(), [records.written_of(each) for each in written])
