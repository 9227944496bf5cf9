"""Checkpoints put, and removed: what those methods of ``EverstoreSaver`` do that change something."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from langgraph.checkpoint.base import WRITES_IDX_MAP, get_checkpoint_metadata
from msgspec.structs import replace

from everstore.adapters.langgraph import records
from everstore.adapters.langgraph.places import config_of, place_of
from everstore.adapters.langgraph.records import Record, Write, Written
from everstore.adapters.langgraph.threads import Thread, all_threads
from everstore.errors import InvalidArgumentError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from langchain_core.runnables import RunnableConfig
    from langgraph.checkpoint.base import ChannelVersions, Checkpoint, CheckpointMetadata
    from langgraph.checkpoint.serde.base import SerializerProtocol

    from everstore.adapters.langgraph.kept import Kept
    from everstore.store import Store

__all__ = ["Writing"]


class Writing:
    """What changes something, on the loop of the store."""

    def __init__(self, store: Store, serde: SerializerProtocol, kept: Kept) -> None:
        """Made for a call, or for several."""
        self._store = store
        self._serde = serde
        self._kept = kept

    async def put(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Keep a checkpoint, in one step.

        Values that its parent has, too, are not written again, unless they may be gone since. The generation
        tells that, which every checkpoint is put in: it is another one after every deletion. Until they are
        written, nobody sees the checkpoint.
        """
        thread = Thread(self._store, place_of(config).thread_id)
        is_known = self._kept.knows(thread)
        record = self._record(config, checkpoint, metadata)
        values = checkpoint["channel_values"]
        parent = self._kept.parent(thread, record)
        changed = [
            channel
            for channel, version in record.apart.items()
            if parent is None or channel in new_versions or parent.apart.get(channel) != version
        ]
        relies_on = None if parent is None or len(changed) == len(record.apart) else parent.generation
        rows = self._rows(replace(record, relies_on=relies_on), values, changed)
        generation = await thread.write(rows, is_new=not is_known)
        is_deleted = generation == 0
        if is_deleted or relies_on not in {None, generation}:
            generation = await thread.write(self._rows(record, values, record.apart), is_new=is_deleted)
        if is_deleted or not is_known:
            await thread.make_known()
        self._kept.remember(thread, record, generation)
        return config_of(thread.name, record.namespace, record.id)

    def _record(self, config: RunnableConfig, checkpoint: Checkpoint, metadata: CheckpointMetadata) -> Record:
        place = place_of(config)
        within: dict[str, Any] = {}
        apart: dict[str, str | int | float] = {}
        values = checkpoint["channel_values"]
        for channel, version in checkpoint["channel_versions"].items():
            if channel not in values:
                continue
            if records.is_small(values[channel]):
                within[channel] = values[channel]
            else:
                apart[channel] = version
        return Record(
            namespace=place.namespace,
            id=checkpoint["id"],
            parent=place.checkpoint_id,
            checkpoint=self._serde.dumps_typed({**checkpoint, "channel_values": within}),
            metadata=self._serde.dumps_typed(get_checkpoint_metadata(config, metadata)),
            apart=apart,
        )

    def _rows(self, record: Record, values: Mapping[str, Any], channels: Iterable[str]) -> dict[str, str]:
        rows = {records.record_key(record.namespace, record.id): records.text_of(record)}
        for channel in channels:
            key = records.channel_key(record.namespace, channel, record.apart[channel])
            rows[key] = records.text_of(self._serde.dumps_typed(values[channel]))
        return rows

    async def put_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str
    ) -> None:
        """Keep what a task wrote, in one step."""
        if not writes:
            return
        place = place_of(config)
        if place.checkpoint_id is None:
            raise InvalidArgumentError("writes are put on a checkpoint: the config has to name one")
        by_index: dict[int, Write] = {}
        for position, (channel, value) in enumerate(writes):
            index = WRITES_IDX_MAP.get(channel, position)
            by_index[index] = Write(channel, self._serde.dumps_typed(value), task_path)
        key = records.write_key(place.namespace, place.checkpoint_id, task_id)
        await Thread(self._store, place.thread_id).add_written(key, Written(task_id, by_index))

    async def delete_for_runs(self, run_ids: Sequence[str]) -> None:
        """Delete the checkpoints of these runs, in whatever threads they are."""
        runs = set(run_ids)

        def of_runs(there: list[Record]) -> list[Record]:
            return [each for each in there if self._serde.loads_typed(each.metadata).get("run_id") in runs]

        async for thread in all_threads(self._store):
            await thread.thin_out(of_runs)

    async def prune(self, thread_ids: Sequence[str], strategy: str) -> None:
        """Keep the latest checkpoint of each namespace, or nothing."""
        if strategy not in {"keep_latest", "delete"}:
            raise InvalidArgumentError(f"strategy is 'keep_latest' or 'delete', not {strategy!r}")
        for thread_id in thread_ids:
            thread = Thread(self._store, str(thread_id))
            if strategy == "delete":
                await thread.delete()
            else:
                await thread.thin_out(self._outdated)

    def _outdated(self, there: list[Record]) -> list[Record]:
        """All but the latest of each namespace, and those that its delta channels are made from."""
        by_place = {(each.namespace, each.id): each for each in there}
        needed: set[tuple[str, str]] = set()
        for latest in {each.namespace: each for each in sorted(there, key=lambda each: each.id)}.values():
            counters = self._serde.loads_typed(latest.metadata).get("counters_since_delta_snapshot") or {}
            unsettled = set(counters)
            record: Record | None = latest
            while record is not None:
                needed.add((record.namespace, record.id))
                unsettled -= {*record.apart, *self._serde.loads_typed(record.checkpoint)["channel_values"]}
                has_parent = unsettled and record.parent is not None
                record = by_place.get((record.namespace, cast("str", record.parent))) if has_parent else None
        return [each for place, each in by_place.items() if place not in needed]
