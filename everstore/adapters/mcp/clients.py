"""A toolbox for each client, as each has seen other files than the others."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from mcp.server.streamable_http import MCP_SESSION_ID_HEADER
from starlette.requests import Request

from everstore.tools import Toolbox

if TYPE_CHECKING:
    from collections.abc import Hashable

    from mcp.server import ServerRequestContext

    from everstore.session import BoundSession

__all__ = ["Clients"]

_MOST_KNOWN = 256


class Clients:
    """The toolboxes of a session's clients; those that were not heard of for longest are forgotten."""

    def __init__(self, work: BoundSession, *, read_only: bool) -> None:
        """The tools of this session."""
        self._work = work
        self._read_only = read_only
        self._toolboxes: OrderedDict[Hashable, Toolbox] = OrderedDict()

    def toolbox_of(self, context: ServerRequestContext[Any, Any]) -> Toolbox:
        """The toolbox of the client that asks."""
        client = _client_of(context)
        if client not in self._toolboxes:
            self._toolboxes[client] = Toolbox(self._work, read_only=self._read_only)
            if len(self._toolboxes) > _MOST_KNOWN:
                self._toolboxes.popitem(last=False)
        self._toolboxes.move_to_end(client)
        return self._toolboxes[client]


def _client_of(context: ServerRequestContext[Any, Any]) -> Hashable:
    """What tells a client from others.

    Until 2025-11-25 that is the protocol's session. Later the protocol has none, and there are only the name,
    version and address of a client: those that are alike in all of them count as one.
    """
    request = context.request
    host = None
    if isinstance(request, Request):
        if MCP_SESSION_ID_HEADER in request.headers:
            return request.headers[MCP_SESSION_ID_HEADER]
        host = request.client and request.client.host
    told = context.session.client_params
    return (host, told.client_info.name, told.client_info.version) if told else host
