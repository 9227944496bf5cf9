"""An MCP server of one session: the tools of ``everstore.tools``, and the session's files as resources.

``everstore mcp`` runs it. A host that has a store open runs it itself::

    async with everstore.open_store() as store:
        await serve(store, session_id)  # over stdin and stdout
        with listening("127.0.0.1", 8000) as address:
            await serve(store, session_id, http=address)

``server_of`` makes the SDK's server alone, for a host with a transport, or an application, of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from everstore.installing import extra

with extra("mcp"):
    from everstore.adapters.mcp.http import Listener, listening, serve_http
    from everstore.adapters.mcp.server import server_of
    from everstore.adapters.mcp.stdio import serve_stdio

if TYPE_CHECKING:
    from asyncio import Event
    from collections.abc import Callable
    from uuid import UUID

    from everstore.store import Store

__all__ = ["Listener", "listening", "serve", "server_of"]


async def serve(
    store: Store,
    session_id: UUID,
    *,
    read_only: bool = False,
    http: Listener | None = None,
    ending: Event | None = None,
    on_ready: Callable[[str], None] | None = None,
) -> None:
    """Serve a session until ``ending`` is set: over stdin and stdout, or over streamable HTTP.

    Over stdio it ends when stdin does, too. Calls that are under way then are answered, for which they have
    a few seconds. ``read_only`` leaves out the tools that change something. ``on_ready`` is told where it
    serves, once it does.
    """
    server = server_of(store.session(session_id), read_only=read_only)
    if http is None:
        await serve_stdio(server, ending, on_ready)
    else:
        await serve_http(server, http, ending, on_ready)
