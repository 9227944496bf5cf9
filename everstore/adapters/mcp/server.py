"""What a client is answered: the tools, and the session's files as resources."""

from __future__ import annotations

import functools
import logging
from importlib import metadata
from typing import TYPE_CHECKING, Any, TypeVar

from mcp import MCPError
from mcp.server import Server, ServerRequestContext
from mcp.server.caching import CacheHint
from mcp_types import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    CallToolRequestParams,
    CallToolResult,
    ListResourcesResult,
    ListResourceTemplatesResult,
    ListToolsResult,
    PaginatedRequestParams,
    ReadResourceRequestParams,
    ReadResourceResult,
    TextContent,
    Tool,
    ToolAnnotations,
)

from everstore.adapters.mcp.clients import Clients
from everstore.adapters.mcp.resources import SessionResources
from everstore.adapters.mcp.subscriptions import Listening
from everstore.errors import BackendUnavailableError, EverstoreError
from everstore.tools import Toolbox

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from everstore.session import BoundSession
    from everstore.tools import Tool as OurTool

__all__ = ["SessionServer", "server_of"]

R = TypeVar("R")
Context = ServerRequestContext[dict[str, Any]]

_LOG = logging.getLogger(__name__)

_INSTRUCTIONS = (
    "A workspace of files that lasts: what is written is there in the next conversation, too. Paths are "
    "absolute, '/' is the root, and nothing of it is on the user's machine. The files are resources as well."
)
_READ_ONLY = " It is open for reading only."
_AN_HOUR = CacheHint(ttl_ms=3_600_000)

# What the hints of the protocol say of tools that change something: which only add, and which may be called
# again without adding anything.
_ONLY_ADD = {"append", "mkdir"}
_REPEATABLE = {"delete", "forget", "mkdir", "remember", "write"}


def server_of(work: BoundSession, *, read_only: bool = False) -> SessionServer:
    """The SDK's server of a session, to be run on any transport; the store has to stay open meanwhile."""
    return SessionServer(work, read_only=read_only)


class SessionServer(Server[dict[str, Any]]):
    """A server whose tools and resources are a session's."""

    def __init__(self, work: BoundSession, *, read_only: bool) -> None:
        """Made by ``server_of``."""
        self._tools = {tool.name: tool for tool in Toolbox(work, read_only=read_only)}
        self._clients = Clients(work, read_only=read_only)
        self._resources = SessionResources(work)
        self._listening = Listening(work, self._resources)
        super().__init__(
            "everstore",
            version=metadata.version("everstore"),
            instructions=_INSTRUCTIONS + (_READ_ONLY if read_only else ""),
            cache_hints={"tools/list": _AN_HOUR, "resources/templates/list": _AN_HOUR},
            get_tool_input_schema=self._schema_of,
            on_list_tools=self._list_tools,
            on_call_tool=_told(self._call_tool),
            on_list_resources=_told(self._list_resources),
            on_list_resource_templates=self._list_templates,
            on_read_resource=_told(self._read_resource),
            on_subscriptions_listen=self._listening.listen,
        )

    def end_streams(self) -> None:
        """End what clients listen to, so that they see that the server goes."""
        self._listening.end()

    def _schema_of(self, name: str) -> dict[str, Any] | None:
        tool = self._tools.get(name)
        return None if tool is None else tool.parameters

    async def _list_tools(self, _: Context, _params: PaginatedRequestParams | None) -> ListToolsResult:
        return ListToolsResult(tools=[_as_told(tool) for tool in self._tools.values()])

    async def _call_tool(self, context: Context, params: CallToolRequestParams) -> CallToolResult:
        tool = self._tools.get(params.name)
        if tool is None:
            raise MCPError(INVALID_PARAMS, f"Unknown tool: {params.name:.100}")
        try:
            answer = await self._clients.toolbox_of(context).call(params.name, params.arguments or {})
        finally:
            if not tool.reads_only:
                self._listening.look()
        return CallToolResult(content=[TextContent(text=answer.text)], is_error=answer.is_error)

    async def _list_resources(self, _: Context, params: PaginatedRequestParams | None) -> ListResourcesResult:
        return await self._resources.page(None if params is None else params.cursor)

    async def _list_templates(
        self, _: Context, _params: PaginatedRequestParams | None
    ) -> ListResourceTemplatesResult:
        return ListResourceTemplatesResult(resource_templates=[self._resources.template()])

    async def _read_resource(self, context: Context, params: ReadResourceRequestParams) -> ReadResourceResult:
        return await self._resources.read(params.uri, context.protocol_version)


def _as_told(tool: OurTool) -> Tool:
    return Tool(
        name=tool.name,
        description=tool.description,
        input_schema=tool.parameters,
        annotations=ToolAnnotations(
            read_only_hint=tool.reads_only,
            destructive_hint=not tool.reads_only and tool.name not in _ONLY_ADD,
            idempotent_hint=tool.reads_only or tool.name in _REPEATABLE,
            open_world_hint=False,
        ),
    )


def _told(answer: Callable[[Context, Any], Awaitable[R]]) -> Callable[[Context, Any], Awaitable[R]]:
    """The same, where what goes wrong in the storage is told without a word of how it is set up.

    The operator has it in the log, where the store's own call is.
    """

    @functools.wraps(answer)
    async def guarded(context: Context, params: Any) -> R:
        try:
            return await answer(context, params)
        except MCPError:
            raise
        except BackendUnavailableError:
            message = "The storage cannot be reached just now; try again."
        except EverstoreError as error:
            message = f"The storage failed ({error.code}); the server's log has more."
        except Exception:  # noqa: BLE001 - the SDK would tell the client what it says
            _LOG.exception("a request failed")
            message = "The server failed; its log has more."
        raise MCPError(INTERNAL_ERROR, message)

    return guarded
