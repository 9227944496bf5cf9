"""Checkpoints found: what those methods of ``EverstoreSaver`` do that only look."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from langgraph.checkpoint.base import (
    CheckpointTuple,
    DeltaChannelHistory,
    get_checkpoint_id,
    writes_sort_key,
)

from everstore.adapters.langgraph import records
from everstore.adapters.langgraph.parts import part
from everstore.adapters.langgraph.places import config_of, place_of
from everstore.adapters.langgraph.threads import Found, Thread, all_threads
from everstore.errors import DataDamagedError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Collection, Mapping, Sequence

    from langchain_core.runnables import RunnableConfig
    from langgraph.checkpoint.base import PendingWrite
    from langgraph.checkpoint.serde.base import SerializerProtocol

    from everstore.adapters.langgraph.places import Place
    from everstore.adapters.langgraph.records import Typed
    from everstore.store import Store

__all__ = ["Reading"]

_ROWS = 64
_PAGE = 20  # checkpoints


class Reading:
    """What looks, on the loop of the store."""

    def __init__(self, store: Store, serde: SerializerProtocol) -> None:
        """Made for a call, or for several."""
        self._store = store
        self._serde = serde

    async def get_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """The checkpoint that the config names, or the latest; ``None`` when there is none."""
        place = place_of(config)
        return await self._look(Thread(self._store, place.thread_id), _prefix(place))

    async def _look(self, thread: Thread, prefix: str) -> CheckpointTuple | None:
        async with aclosing(thread.found(prefix)) as pages:
            async for found in pages:
                whole = await self._whole(thread, found, await thread.values(found.keys))
                if whole is not None:
                    return whole
        return None

    async def _whole(
        self, thread: Thread, found: Found, values: Mapping[str, Typed]
    ) -> CheckpointTuple | None:
        """The checkpoint with its values; ``None`` where it was deleted meanwhile, or is not yet put."""
        again: Found | None = found
        while again is not None:
            found = again
            missing = next((key for key in found.keys if key not in values), None)
            if missing is None:
                return self._tuple(thread, found, values)
            again = await thread.first(records.checkpoint_prefix(found.record.namespace, found.record.id))
            if again is not None and again.record == found.record:
                if found.record.relies_on not in {None, await thread.generation()}:
                    return None
                reason = "a checkpoint needs it, and it is gone"
                raise DataDamagedError.found(missing, reason, session_id=thread.id)
            values = {} if again is None else await thread.values(again.keys)
        return None

    async def pages(
        self,
        config: RunnableConfig | None,
        filter: Mapping[str, Any],  # noqa: A002 - LangGraph's word
        before: RunnableConfig | None,
        limit: int | None,
    ) -> AsyncGenerator[list[CheckpointTuple], None]:
        """The checkpoints that are asked for, a page at a time."""
        left = limit
        async for thread in self._threads(config):
            if left is not None and left <= 0:
                return
            async with aclosing(self._pages_of(thread, config, filter, before, left)) as pages:
                async for page in pages:
                    yield page
                    left = None if left is None else left - len(page)

    async def _threads(self, config: RunnableConfig | None) -> AsyncIterator[Thread]:
        if config is not None:
            yield Thread(self._store, place_of(config).thread_id)
            return
        async for thread in all_threads(self._store):
            yield thread

    async def _pages_of(
        self,
        thread: Thread,
        config: RunnableConfig | None,
        filter: Mapping[str, Any],  # noqa: A002 - LangGraph's word
        before: RunnableConfig | None,
        limit: int | None,
    ) -> AsyncGenerator[list[CheckpointTuple], None]:
        left = limit
        page: list[Found] = []
        wanted = _PAGE if limit is None else limit
        async with aclosing(_found(thread, config, before, wanted)) as checkpoints:
            async for found in checkpoints:
                if filter and not self._passes(found, filter):
                    continue
                page.append(found)
                if len(page) == (_PAGE if left is None else min(left, _PAGE)):
                    whole = await self._tuples(thread, page)
                    yield whole
                    page = []
                    left = None if left is None else left - len(whole)
                    if left == 0:
                        return
        yield await self._tuples(thread, page)

    def _passes(self, found: Found, filter: Mapping[str, Any]) -> bool:  # noqa: A002 - LangGraph's word
        metadata = self._serde.loads_typed(found.record.metadata)
        return all(metadata.get(name) == value for name, value in filter.items())

    async def _tuples(self, thread: Thread, page: list[Found]) -> list[CheckpointTuple]:
        """The tuples of a page, without those that were deleted meanwhile, or are not yet put."""
        values = await thread.values({key for found in page for key in found.keys})
        whole = [await self._whole(thread, found, values) for found in page]
        return [each for each in whole if each is not None]

    def _tuple(self, thread: Thread, found: Found, values: Mapping[str, Typed]) -> CheckpointTuple:
        record = found.record
        checkpoint = self._serde.loads_typed(record.checkpoint)
        for channel, key in zip(record.apart, found.keys, strict=True):
            checkpoint["channel_values"][channel] = self._serde.loads_typed(values[key])
        parent = None if record.parent is None else config_of(thread.name, record.namespace, record.parent)
        return CheckpointTuple(
            config=config_of(thread.name, record.namespace, record.id),
            checkpoint=checkpoint,
            metadata=self._serde.loads_typed(record.metadata),
            parent_config=parent,
            pending_writes=self._pending(found),
        )

    def _pending(self, found: Found, channels: Collection[str] | None = None) -> list[PendingWrite]:
        """What is written on a checkpoint, in LangGraph's order; to some channels."""
        ordered = sorted(
            (writes_sort_key(write.path, written.task, index), write)
            for written in found.written
            for index, write in written.writes.items()
            if channels is None or write.channel in channels
        )
        return [(key[1], write.channel, self._serde.loads_typed(write.value)) for key, write in ordered]

    async def history(
        self, config: RunnableConfig, channels: Sequence[str]
    ) -> Mapping[str, DeltaChannelHistory]:
        """What each channel got before a checkpoint, since its last stored value, and that value."""
        histories = {channel: DeltaChannelHistory(writes=[]) for channel in channels}
        open_channels = set(channels)
        thread = Thread(self._store, place_of(config).thread_id)
        async for found in self._ancestors(thread, config):
            if not open_channels:
                break
            for write in reversed(self._pending(found, open_channels)):
                histories[write[1]]["writes"].append(write)
            for channel, value in (await self._stored(thread, found, open_channels)).items():
                histories[channel]["seed"] = value
                open_channels.discard(channel)
        for history in histories.values():
            history["writes"].reverse()
        return histories

    async def _stored(self, thread: Thread, found: Found, channels: Collection[str]) -> dict[str, Any]:
        """The values that a checkpoint has for some channels, of those that it has one for."""
        within: dict[str, Any] = self._serde.loads_typed(found.record.checkpoint)["channel_values"]
        stored = {channel: within[channel] for channel in channels if channel in within}
        named = zip(found.record.apart, found.keys, strict=True)
        apart = {key: channel for channel, key in named if channel in channels}
        for key, value in (await thread.values(apart)).items():
            stored[apart[key]] = self._serde.loads_typed(value)
        return stored

    async def _ancestors(self, thread: Thread, config: RunnableConfig) -> AsyncIterator[Found]:
        """The parent of a checkpoint, the parent's parent, and so on."""
        place = place_of(config)
        prefix = records.namespace_prefix(place.namespace)
        target = await thread.first(_prefix(place))
        wanted = None if target is None else target.record.parent
        if wanted is None:
            return
        async for found in thread.found(prefix, prefix + part(wanted) + "0", _ROWS):  # "0" comes after "/"
            if found.record.id == wanted:
                yield found
                wanted = found.record.parent
                if wanted is None:
                    return


async def _found(
    thread: Thread, config: RunnableConfig | None, before: RunnableConfig | None, wanted: int
) -> AsyncGenerator[Found, None]:
    """The checkpoints of a thread that a config selects, the newest first."""
    last = None if before is None else get_checkpoint_id(before) or None  # it names no thread sometimes
    place = None if config is None else place_of(config)
    if place is None or place.said_namespace is None:
        checkpoint_id = None if place is None else place.checkpoint_id
        async with aclosing(thread.found_everywhere(None if last is None else part(last))) as checkpoints:
            async for found in checkpoints:
                if checkpoint_id is None or found.record.id == checkpoint_id:
                    yield found
        return
    prefix = records.namespace_prefix(place.namespace)
    before_key = None if last is None else prefix + part(last) + "/"
    rows = min(3 * wanted + 1, _ROWS)
    async with aclosing(thread.found(_prefix(place), before_key, rows)) as checkpoints:
        async for found in checkpoints:
            yield found


def _prefix(place: Place) -> str:
    """The beginning of the keys of the checkpoint that is named, or of all in the namespace."""
    if place.checkpoint_id is None:
        return records.namespace_prefix(place.namespace)
    return records.checkpoint_prefix(place.namespace, place.checkpoint_id)
