"""Who listens is told that files changed: by these clients, and by whoever else works in the session."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio
from mcp import MCPError
from mcp.server.subscriptions import (
    InMemorySubscriptionBus,
    ListenHandler,
    ResourcesListChanged,
    ResourceUpdated,
)
from mcp_types import INTERNAL_ERROR, SubscriptionsListenResult

from everstore.errors import EverstoreError

if TYPE_CHECKING:
    from mcp.server import ServerRequestContext
    from mcp_types import SubscriptionFilter, SubscriptionsListenRequestParams

    from everstore.adapters.mcp.resources import SessionResources
    from everstore.session import BoundSession

__all__ = ["Listening"]

_INTERVAL = 1.0  # seconds between two looks; what changes through this server is looked at at once
_MOST_STREAMS = 256
_MOST_URIS = 256

State = dict[str | None, object]
"""What was there at a look: a file's revision by its URI; and by none, what all files amount to."""


class Listening:
    """The streams of clients that listen: each looks at what it is to tell of, as long as it is open."""

    def __init__(self, work: BoundSession, resources: SessionResources) -> None:
        """The files of this session, and their URIs."""
        self._files = work.files
        self._resources = resources
        self._streams: set[ListenHandler] = set()
        self._changed = anyio.Event()

    def look(self) -> None:
        """Look now: something may have changed."""
        self._changed.set()
        self._changed = anyio.Event()

    def end(self) -> None:
        """End every stream, in the protocol's way."""
        for stream in self._streams:
            stream.close()

    async def listen(
        self, context: ServerRequestContext[Any, Any], params: SubscriptionsListenRequestParams
    ) -> SubscriptionsListenResult:
        """Serve one stream, until the client or ``end`` ends it."""
        if len(self._streams) >= _MOST_STREAMS:
            raise MCPError(INTERNAL_ERROR, f"{_MOST_STREAMS} streams are open, and more are not served.")
        if len(params.notifications.resource_subscriptions or ()) > _MOST_URIS:
            raise MCPError(INTERNAL_ERROR, f"One stream tells of {_MOST_URIS} resources at most.")
        bus = InMemorySubscriptionBus()
        stream = ListenHandler(bus)
        answer = SubscriptionsListenResult()
        self._streams.add(stream)
        try:
            async with anyio.create_task_group() as tasks:
                await tasks.start(self._watch, params.notifications, bus)
                answer = await stream(context, params)
                tasks.cancel_scope.cancel()
        finally:
            self._streams.discard(stream)
        return answer

    async def _watch(
        self,
        wanted: SubscriptionFilter,
        bus: InMemorySubscriptionBus,
        *,
        task_status: anyio.abc.TaskStatus[None],
    ) -> None:
        known = await self._state(wanted)
        task_status.started()
        while True:
            changed = self._changed  # before the look: what changes during it makes for another one
            seen = await self._state(wanted)
            for uri, state in seen.items():
                if state != known.get(uri):
                    await bus.publish(ResourcesListChanged() if uri is None else ResourceUpdated(uri))
            known |= seen
            with anyio.move_on_after(_INTERVAL):
                await changed.wait()

    async def _state(self, wanted: SubscriptionFilter) -> State:
        """What is there now; nothing of what the storage does not tell, which the next look may."""
        state: State = {}
        try:
            if wanted.resources_list_changed:
                state[None] = await self._files.usage()
            for uri in wanted.resource_subscriptions or ():
                found = await self._resources.stat(uri)
                state[uri] = None if found is None else found.revision
        except EverstoreError:
            pass
        return state
