"""The transport over stdin and stdout, which can be ended at any moment, and then answers first.

The SDK's own waits in a thread for the next line, and cannot be ended before it comes; and it drops the calls
that are under way when stdin ends, so that ``printf ... | everstore mcp`` would answer nothing.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
import threading
from contextlib import contextmanager, suppress
from queue import SimpleQueue
from typing import TYPE_CHECKING, cast

import anyio
from mcp.shared.message import SessionMessage
from mcp_types import (
    INVALID_REQUEST,
    PARSE_ERROR,
    ErrorData,
    JSONRPCError,
    JSONRPCNotification,
    JSONRPCRequest,
    JSONRPCResponse,
    jsonrpc_message_adapter,
)
from pydantic import ValidationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
    from mcp_types import RequestId

    from everstore.adapters.mcp.server import SessionServer

__all__ = ["serve_stdio"]

_HALF = re.compile("[\ud800-\udfff]")
_GRACE = 5.0  # seconds for the calls that are under way at the end


async def serve_stdio(
    server: SessionServer, ending: asyncio.Event | None = None, on_ready: Callable[[str], None] | None = None
) -> None:
    """Serve the client at stdin and stdout until stdin ends, ``ending`` is set, or nobody reads any more."""
    with _standard_streams() as (source, target):
        if on_ready is not None:
            on_ready("over standard input and output")
        await _Pipe(server, source, target).serve(ending or asyncio.Event())


@contextmanager
def _standard_streams() -> Iterator[tuple[int, int]]:
    """The descriptors of stdin and stdout, for the protocol alone: what else is printed goes to stderr."""
    sys.stdout.flush()
    source, target = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    os.close(nothing)
    try:
        yield source, target
    finally:
        sys.stdout.flush()
        os.dup2(source, 0)
        os.dup2(target, 1)
        # Both duplicates stay open: a thread may still wait there, and their numbers must become nobody's.


class _Pipe:
    """Lines of JSON in and out, and which requests are not answered yet.

    Either side has a thread that may have to wait for the client, and that nobody waits for at the end.
    """

    def __init__(self, server: SessionServer, source: int, target: int) -> None:
        self._server = server
        self._source = source
        self._target = target
        self._loop = asyncio.get_running_loop()
        self._lines: asyncio.Queue[bytes | None] = asyncio.Queue()  # None is the end
        self._is_ending = False
        self._to_write: SimpleQueue[tuple[bytes, asyncio.Future[None]]] = SimpleQueue()
        self._unanswered: set[RequestId] = set()
        self._is_answered = asyncio.Event()

    async def serve(self, ending: asyncio.Event) -> None:
        incoming, requests = anyio.create_memory_object_stream[SessionMessage | Exception](0)
        answers, outgoing = anyio.create_memory_object_stream[SessionMessage](0)
        for work in (self._read_lines, self._write_lines):
            threading.Thread(target=work, daemon=True).start()
        async with outgoing, anyio.create_task_group() as tasks:
            tasks.start_soon(self._end_with, ending)
            tasks.start_soon(self._receive, incoming, answers.clone())
            tasks.start_soon(self._send, outgoing)
            await self._server.run(requests, answers, self._server.create_initialization_options())
            tasks.cancel_scope.cancel()

    def _read_lines(self) -> None:
        """On a thread: hand over every line, and the end."""
        with suppress(OSError, RuntimeError):  # the loop is closed: nobody listens any more
            with open(self._source, "rb", closefd=False) as lines:
                for line in lines:
                    self._loop.call_soon_threadsafe(self._lines.put_nowait, line)
            self._loop.call_soon_threadsafe(self._lines.put_nowait, None)

    def _write_lines(self) -> None:
        """On a thread: write what there is to write."""
        with suppress(RuntimeError):
            while True:
                line, written = self._to_write.get()
                error: OSError | None = None
                try:
                    rest = memoryview(line)
                    while rest:
                        rest = rest[os.write(self._target, rest) :]
                except OSError as failed:
                    error = failed
                self._loop.call_soon_threadsafe(_settle, written, error)

    async def _end_with(self, ending: asyncio.Event) -> None:
        await ending.wait()
        self._end()

    def _end(self) -> None:
        self._is_ending = True  # what waits in the queue is not begun any more
        self._lines.put_nowait(None)

    async def _receive(
        self,
        incoming: MemoryObjectSendStream[SessionMessage | Exception],
        answers: MemoryObjectSendStream[SessionMessage],
    ) -> None:
        """Hand over what the client says; after the end, nothing more until all is answered."""
        async with incoming, answers:
            while (line := await self._lines.get()) is not None and not self._is_ending:
                if not line.isspace():
                    await self._receive_line(line, incoming, answers)
            self._server.end_streams()
            with anyio.move_on_after(_GRACE):
                while self._unanswered:
                    self._is_answered.clear()
                    await self._is_answered.wait()

    async def _receive_line(
        self,
        line: bytes,
        incoming: MemoryObjectSendStream[SessionMessage | Exception],
        answers: MemoryObjectSendStream[SessionMessage],
    ) -> None:
        try:
            message = jsonrpc_message_adapter.validate_json(line, by_name=False)
        except ValidationError as error:
            await answers.send(SessionMessage(_refusal(line, error)))
            return
        if isinstance(message, JSONRPCRequest):
            self._unanswered.add(message.id)
        elif isinstance(message, JSONRPCNotification) and message.method == "notifications/cancelled":
            self._answered((message.params or {}).get("requestId"))
        await incoming.send(SessionMessage(message))

    async def _send(self, outgoing: MemoryObjectReceiveStream[SessionMessage]) -> None:
        async for sent in outgoing:
            line = sent.message.model_dump_json(by_alias=True, exclude_unset=True).encode() + b"\n"
            written: asyncio.Future[None] = self._loop.create_future()
            self._to_write.put((line, written))
            try:
                await written
            except OSError:  # nobody reads any more, and so nobody waits for an answer
                self._unanswered.clear()
                self._is_answered.set()
                self._end()
                return
            if isinstance(sent.message, JSONRPCResponse | JSONRPCError):
                self._answered(sent.message.id)

    def _answered(self, request: object) -> None:
        if isinstance(request, str | int):
            self._unanswered.discard(request)
            self._is_answered.set()


def _settle(written: asyncio.Future[None], error: OSError | None) -> None:
    if written.done():  # whoever waited was cancelled
        return
    if error is None:
        written.set_result(None)
    else:
        written.set_exception(error)


def _refusal(line: bytes, error: ValidationError) -> JSONRPCError:
    """What a line is answered that is no message: with its id, where that can be told, for somebody waits."""
    kind = "a line is one JSON-RPC message"
    first = error.errors(include_input=False)[0]
    if first["type"] == "json_invalid":
        reason = first.get("ctx", {}).get("error")
        data = ErrorData(code=PARSE_ERROR, message=f"Parse error: {kind}; {reason}")
    else:
        data = ErrorData(code=INVALID_REQUEST, message=f"Invalid request: {kind}")
    return JSONRPCError(jsonrpc="2.0", id=_id_of(line), error=data)


def _id_of(line: bytes) -> RequestId | None:
    """The id in a line that holds what no message may: half of a surrogate pair, of a cut emoji."""
    try:
        found: object = json.loads(line)["id"]
    except (LookupError, TypeError, ValueError, RecursionError):
        return None
    is_text = isinstance(found, str) and _HALF.search(found) is None
    return cast("RequestId", found) if is_text or type(found) is int else None
