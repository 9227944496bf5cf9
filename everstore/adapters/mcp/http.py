"""The transport over streamable HTTP: who may come in, and an end that waits for what is under way."""

from __future__ import annotations

import asyncio
import hmac
import re
import socket
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING

import anyio
import uvicorn
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.server.transport_security import TransportSecuritySettings
from mcp.shared.inbound import MCP_PROTOCOL_VERSION_HEADER
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse

from everstore.compat import override
from everstore.errors import InvalidArgumentError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pydantic import SecretStr
    from starlette.types import Message, Receive, Scope, Send

    from everstore.adapters.mcp.server import SessionServer

__all__ = ["Listener", "listening", "serve_http"]

_PATH = "/mcp"
_GRACE = 5  # seconds for the calls that are under way at the end
_MOST_BYTES = 64 * 1024 * 1024  # of a request: a large file as JSON, most of it escaped
_BACKLOG = 2048
_FIRST = HANDSHAKE_PROTOCOL_VERSIONS[0]  # whose clients do not tell a version
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]{16,}=*")  # as RFC 6750 has it
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


@dataclass(frozen=True)
class Listener:
    """A socket that listens, and what is asked of who comes: made by ``listening``."""

    host: str
    socket: socket.socket
    token: SecretStr | None

    @property
    def url(self) -> str:
        """Where clients find the server."""
        named = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{named}:{self.socket.getsockname()[1]}{_PATH}"


@contextmanager
def listening(host: str, port: int, token: SecretStr | None = None) -> Iterator[Listener]:
    """Listen at an address, of port 0 at a free one, until the end of the block.

    ``InvalidArgumentError`` where that cannot be, for a token that no client could show or anybody could
    guess, and for an address that other machines reach without a token.
    """
    if token is not None and not _TOKEN.fullmatch(token.get_secret_value()):
        raise InvalidArgumentError(
            "the token of the MCP server has to be 16 or more of the characters A-Z a-z 0-9 - . _ ~ + /; "
            "python -c 'import secrets; print(secrets.token_urlsafe(32))' makes one"
        )
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = found[0]
        is_loopback = ip_address(str(address[0]).partition("%")[0]).is_loopback
        if not is_loopback and token is None:
            raise InvalidArgumentError(
                f"{host} is reached from other machines, so clients have to show a token: put one into "
                "EVERSTORE_MCP_TOKEN, or a file with it into EVERSTORE_MCP_TOKEN_FILE; or serve at 127.0.0.1"
            )
        listener = socket.socket(family, kind, protocol)  # without the protocol, asyncio leaves Nagle's on
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(_BACKLOG)
        except OSError:
            listener.close()
            raise
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or "there is no such host"
        raise InvalidArgumentError(f"cannot listen at {host}:{port}: {reason}") from None
    with listener:
        yield Listener(host, listener, token)


async def serve_http(
    server: SessionServer,
    listener: Listener,
    ending: asyncio.Event | None = None,
    on_ready: Callable[[str], None] | None = None,
) -> None:
    """Serve any number of clients until ``ending`` is set."""
    modern, legacy = (
        StreamableHTTPSessionManager(
            server,
            json_response=is_legacy,
            security_settings=_security(listener),
            max_request_body_size=_MOST_BYTES,
        )
        for is_legacy in (False, True)
    )
    gate = _Gate(modern, legacy, listener.token)
    config = uvicorn.Config(
        gate,
        log_config=None,
        access_log=False,
        lifespan="off",
        ws="none",
        server_header=False,
        timeout_graceful_shutdown=_GRACE,
    )
    serving = _Uvicorn(config)
    async with modern.run(), legacy.run():
        task = asyncio.create_task(serving.serve(sockets=[listener.socket]))
        asked = asyncio.create_task((ending or asyncio.Event()).wait())
        if on_ready is not None:
            on_ready(f"at {listener.url}")
        try:
            await asyncio.wait({task, asked}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            asked.cancel()
            server.end_streams()
            gate.end_streams()
            serving.should_exit = True
            await task


class _Uvicorn(uvicorn.Server):
    @contextmanager
    @override
    def capture_signals(self) -> Iterator[None]:
        """Signals are the host's."""
        yield


def _security(listener: Listener) -> TransportSecuritySettings:
    """What the headers have to say, so that no page in a browser gets here under a name of its own.

    A token keeps these out by itself. Behind a proxy or beyond loopback a server does not know its names.
    """
    named = {*_LOOPBACK, f"[{listener.host}]" if ":" in listener.host else listener.host}
    return TransportSecuritySettings(
        enable_dns_rebinding_protection=listener.token is None,
        allowed_hosts=[*named, *(f"{name}:*" for name in named)],
        allowed_origins=[f"http://{name}{port}" for name in named for port in ("", ":*")],
    )


class _Gate:
    """Lets in who shows the token, and ends the streams that would otherwise never end.

    Clients of the handshake's versions are answered in plain JSON: as events, some take no large answer.
    Later ones are not, for then the SDK would not see a client go away, which is how they cancel a call.
    """

    def __init__(
        self,
        modern: StreamableHTTPSessionManager,
        legacy: StreamableHTTPSessionManager,
        token: SecretStr | None,
    ) -> None:
        self._modern = modern
        self._legacy = legacy
        self._expected = None if token is None else token.get_secret_value().encode()
        self._streams: set[anyio.CancelScope] = set()

    def end_streams(self) -> None:
        """End the streams that clients hold open to be told things."""
        for scope in self._streams:
            scope.cancel()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        headers = Headers(scope=scope)
        if not self._may_enter(headers):
            await _UNAUTHORIZED(scope, receive, send)
        elif scope["path"] != _PATH:
            await _NOT_FOUND(scope, receive, send)
        elif headers.get(MCP_PROTOCOL_VERSION_HEADER, _FIRST) not in HANDSHAKE_PROTOCOL_VERSIONS:
            await self._modern.handle_request(scope, receive, send)
        elif scope["method"] == "GET":
            await self._stream(scope, receive, send)
        else:
            await self._legacy.handle_request(scope, receive, send)

    def _may_enter(self, headers: Headers) -> bool:
        if self._expected is None:
            return True
        shown = headers.getlist("authorization")
        kind, _, token = shown[0].partition(" ") if len(shown) == 1 else ("", "", "")
        is_right = hmac.compare_digest(token.strip().encode(), self._expected)
        return is_right and kind.lower() == "bearer"

    async def _stream(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_open = False

        async def noted(message: Message) -> None:
            nonlocal is_open
            is_open = message["type"] == "http.response.start" or bool(message.get("more_body"))
            await send(message)

        with anyio.CancelScope() as stream:
            self._streams.add(stream)
            try:
                await self._legacy.handle_request(scope, receive, noted)
            finally:
                self._streams.discard(stream)
        if is_open and stream.cancelled_caught:
            await send({"type": "http.response.body", "body": b"", "more_body": False})


_NOT_FOUND = PlainTextResponse(f"the MCP server is at {_PATH}\n", status_code=404)
_UNAUTHORIZED = PlainTextResponse(
    "a token is needed: Authorization: Bearer TOKEN\n",
    status_code=401,
    headers={"WWW-Authenticate": 'Bearer realm="everstore"'},
)
