"""``EverstoreSaver``: LangGraph's checkpoints."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

from langgraph.checkpoint.base import BaseCheckpointSaver, CheckpointTuple

from everstore.adapters.calls import Calls
from everstore.adapters.langgraph.kept import Kept
from everstore.adapters.langgraph.reading import Reading
from everstore.adapters.langgraph.threads import Thread
from everstore.adapters.langgraph.writing import Writing
from everstore.compat import override

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping, Sequence

    from langchain_core.runnables import RunnableConfig
    from langgraph.checkpoint.base import (
        ChannelVersions,
        Checkpoint,
        CheckpointMetadata,
        DeltaChannelHistory,
    )
    from langgraph.checkpoint.serde.base import SerializerProtocol

    from everstore import sync
    from everstore.store import Store

__all__ = ["EverstoreSaver"]


class EverstoreSaver(BaseCheckpointSaver[str]):
    """LangGraph's checkpoints in a store, a session a thread.

    Over an ``everstore.Store`` the methods whose names begin with ``a`` are to be called on the loop that it
    was opened on; over an ``everstore.sync.Store`` all of them, from any loop and any thread. The store stays
    the caller's, who closes it.

    ``put`` is one step: a checkpoint is there with all its values, or not at all, and only those that changed
    are written. ``put_writes`` is one, too. A thread that is deleted or pruned while it is written is whole
    afterwards, or gone.
    """

    def __init__(self, store: Store | sync.Store, *, serde: SerializerProtocol | None = None) -> None:
        """Touches no backend; ``serde`` is LangGraph's, ``JsonPlusSerializer`` unless another is given."""
        super().__init__(serde=serde)
        self._calls = Calls(store)
        self._kept = Kept()
        self._random = Random()  # noqa: S311 - no secret; of its own, as a host may seed the shared one

    @property
    def _writing(self) -> Writing:
        return Writing(self._calls.store, self.serde, self._kept)  # a clone has a serde of its own

    @property
    def _reading(self) -> Reading:
        return Reading(self._calls.store, self.serde)

    def _thread(self, thread_id: str) -> Thread:
        return Thread(self._calls.store, str(thread_id))

    # -- what LangGraph calls with await ------------------------------------------------------------

    @override
    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Keep a checkpoint; the config that finds it. A checkpoint of the same id is replaced."""
        return await self._calls.go(self._writing.put(config, checkpoint, metadata, new_versions))

    @override
    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """Keep what a task wrote. A write that is there already stays; a special one is replaced."""
        await self._calls.go(self._writing.put_writes(config, writes, task_id, task_path))

    @override
    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """The checkpoint that the config names, or the latest; ``None`` when there is none."""
        return await self._calls.go(self._reading.get_tuple(config))

    @override
    async def alist(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,  # noqa: A002 - LangGraph's word
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[CheckpointTuple]:
        """The checkpoints of a thread, the newest first; without ``config`` thread by thread."""
        async for found in self._calls.each(self._reading.pages(config, filter or {}, before, limit)):
            yield found

    @override
    async def adelete_thread(self, thread_id: str) -> None:
        """Delete the thread's session: checkpoints, and whatever else is in it."""
        await self._calls.go(self._thread(thread_id).delete())

    @override
    async def adelete_for_runs(self, run_ids: Sequence[str]) -> None:
        """Delete the checkpoints of these runs, and what is written on them. It looks through all threads."""
        await self._calls.go(self._writing.delete_for_runs(run_ids))

    @override
    async def acopy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        """Copy all checkpoints and writes, in one step; those that the target has stay beside them."""
        await self._calls.go(self._thread(source_thread_id).copy_to(self._thread(target_thread_id)))

    @override
    async def aprune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        """Keep the latest checkpoint of each namespace (``keep_latest``), or nothing (``delete``).

        Those that the latest one's delta channels are made from are kept, too.
        """
        await self._calls.go(self._writing.prune(thread_ids, strategy))

    @override
    async def aget_delta_channel_history(
        self, *, config: RunnableConfig, channels: Sequence[str]
    ) -> Mapping[str, DeltaChannelHistory]:
        """What each channel got on the way to a checkpoint, since its last stored value, and that value."""
        return await self._calls.go(self._reading.history(config, channels))

    # -- the same without await ---------------------------------------------------------------------

    @override
    def put(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """See ``aput``."""
        return self._calls.wait(self._writing.put(config, checkpoint, metadata, new_versions))

    @override
    def put_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """See ``aput_writes``."""
        self._calls.wait(self._writing.put_writes(config, writes, task_id, task_path))

    @override
    def get_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """See ``aget_tuple``."""
        return self._calls.wait(self._reading.get_tuple(config))

    @override
    def list(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,  # noqa: A002 - LangGraph's word
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> Iterator[CheckpointTuple]:
        """See ``alist``."""
        return self._calls.each_waiting(self._reading.pages(config, filter or {}, before, limit))

    @override
    def delete_thread(self, thread_id: str) -> None:
        """See ``adelete_thread``."""
        self._calls.wait(self._thread(thread_id).delete())

    @override
    def delete_for_runs(self, run_ids: Sequence[str]) -> None:
        """See ``adelete_for_runs``."""
        self._calls.wait(self._writing.delete_for_runs(run_ids))

    @override
    def copy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        """See ``acopy_thread``."""
        self._calls.wait(self._thread(source_thread_id).copy_to(self._thread(target_thread_id)))

    @override
    def prune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        """See ``aprune``."""
        self._calls.wait(self._writing.prune(thread_ids, strategy))

    @override
    def get_delta_channel_history(
        self, *, config: RunnableConfig, channels: Sequence[str]
    ) -> Mapping[str, DeltaChannelHistory]:
        """See ``aget_delta_channel_history``."""
        return self._calls.wait(self._reading.history(config, channels))

    @override
    def get_next_version(self, current: str | None, channel: None) -> str:  # noqa: ARG002 - as LangGraph calls it
        """The next version of a channel; another one in every branch."""
        number = 0 if current is None else int(str(current).partition(".")[0])
        return f"{number + 1:032}.{self._random.random():.16f}"
