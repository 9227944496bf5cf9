"""The memory tool of Anthropic's SDK, over the files of a session.

    async with everstore.open_store() as store:
        memory = EverstoreMemoryTool(store, everstore.session_id_of("user-42"))
        runner = client.beta.messages.tool_runner(tools=[memory], ...)

What the model calls ``/memories`` is the directory of that name in the session. The answers are those of the
SDK's own tool over local files, and what that answers with in two steps is one here: no edit, insertion or
new file of another agent, process or machine is lost.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from everstore.compat import override
from everstore.installing import extra

with extra("anthropic"):
    from anthropic.lib.tools import BetaAbstractMemoryTool, BetaAsyncAbstractMemoryTool

    from everstore.adapters.anthropic_memory.memory import Memory

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from typing import Any
    from uuid import UUID

    from anthropic.types.beta import (
        BetaCacheControlEphemeralParam,
        BetaMemoryTool20250818CreateCommand,
        BetaMemoryTool20250818DeleteCommand,
        BetaMemoryTool20250818InsertCommand,
        BetaMemoryTool20250818RenameCommand,
        BetaMemoryTool20250818StrReplaceCommand,
        BetaMemoryTool20250818ViewCommand,
    )

    from everstore import sync
    from everstore.store import Store

__all__ = ["EverstoreMemoryTool", "EverstoreSyncMemoryTool"]


class EverstoreMemoryTool(BetaAsyncAbstractMemoryTool):
    """The memory tool for ``AsyncAnthropic``, over an open store, which somebody else closes.

    ``session_id`` is whose memory it is: any number of tools, processes and machines may share it.
    """

    def __init__(
        self, store: Store, session_id: UUID, *, cache_control: BetaCacheControlEphemeralParam | None = None
    ) -> None:
        super().__init__(cache_control=cache_control)
        self._memory = Memory(store.session(session_id))

    @override
    async def view(self, command: BetaMemoryTool20250818ViewCommand) -> str:
        return await self._memory.told(self._memory.view(command))

    @override
    async def create(self, command: BetaMemoryTool20250818CreateCommand) -> str:
        return await self._memory.told(self._memory.create(command))

    @override
    async def str_replace(self, command: BetaMemoryTool20250818StrReplaceCommand) -> str:
        return await self._memory.told(self._memory.str_replace(command))

    @override
    async def insert(self, command: BetaMemoryTool20250818InsertCommand) -> str:
        return await self._memory.told(self._memory.insert(command))

    @override
    async def delete(self, command: BetaMemoryTool20250818DeleteCommand) -> str:
        return await self._memory.told(self._memory.delete(command))

    @override
    async def rename(self, command: BetaMemoryTool20250818RenameCommand) -> str:
        return await self._memory.told(self._memory.rename(command))

    @override
    async def clear_all_memory(self) -> str:
        return await self._memory.told(self._memory.clear_all_memory())


class EverstoreSyncMemoryTool(BetaAbstractMemoryTool):
    """The memory tool for ``Anthropic``, over a store of ``everstore.sync``; see ``EverstoreMemoryTool``."""

    def __init__(
        self,
        store: sync.Store,
        session_id: UUID,
        *,
        cache_control: BetaCacheControlEphemeralParam | None = None,
    ) -> None:
        super().__init__(cache_control=cache_control)
        self._store = store
        self._memory = Memory(store.asynchronous.session(session_id))

    def _told(self, doing: Coroutine[Any, Any, str]) -> str:
        return self._store.run(self._memory.told(doing))

    @override
    def view(self, command: BetaMemoryTool20250818ViewCommand) -> str:
        return self._told(self._memory.view(command))

    @override
    def create(self, command: BetaMemoryTool20250818CreateCommand) -> str:
        return self._told(self._memory.create(command))

    @override
    def str_replace(self, command: BetaMemoryTool20250818StrReplaceCommand) -> str:
        return self._told(self._memory.str_replace(command))

    @override
    def insert(self, command: BetaMemoryTool20250818InsertCommand) -> str:
        return self._told(self._memory.insert(command))

    @override
    def delete(self, command: BetaMemoryTool20250818DeleteCommand) -> str:
        return self._told(self._memory.delete(command))

    @override
    def rename(self, command: BetaMemoryTool20250818RenameCommand) -> str:
        return self._told(self._memory.rename(command))

    @override
    def clear_all_memory(self) -> str:
        return self._told(self._memory.clear_all_memory())
