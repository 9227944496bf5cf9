"""A proxy that pools by transaction, as strict as one can be: no two transactions in one server session.

It speaks as much of the protocol as it must: it answers the start of a connection itself, and hands each
transaction of a client, statement by statement, to the server session that has been unused for longest.
"""

from __future__ import annotations

import asyncio
import struct
from collections import deque
from typing import Self
from urllib.parse import urlsplit

from proxy import Proxy

# What a pooler keeps for each client itself; anything else at the start is session state.
_KNOWN = {"user", "database", "client_encoding", "application_name", "datestyle", "timezone"}


async def _message(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    head = await reader.readexactly(5)
    return head[:1], head + await reader.readexactly(struct.unpack("!I", head[1:])[0] - 4)


class TransactionPooler(Proxy):
    """Clients share a few server sessions, one transaction at a time."""

    def __init__(self, url: str, sessions: int = 3) -> None:
        super().__init__(url)
        self._count = sessions
        self._sessions: deque[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = deque()
        self._greeting = b""
        self.transactions = 0

    async def __aenter__(self) -> Self:
        for _ in range(self._count):
            self._sessions.append(await self._session())
        self._free = asyncio.Semaphore(self._count)
        return await super().__aenter__()

    async def __aexit__(self, *error: object) -> None:
        await super().__aexit__(*error)
        for _, writer in self._sessions:
            writer.close()
            await writer.wait_closed()

    async def _session(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await self.connect()
        words = ["user", self._parts.username or "postgres", "database", urlsplit(self.url).path[1:], ""]
        body = struct.pack("!I", 196608) + b"".join(word.encode() + b"\0" for word in words)
        writer.write(struct.pack("!I", len(body) + 4) + body)
        greeting = b""
        kind = b""
        while kind != b"Z":
            kind, data = await _message(reader)
            assert kind != b"E", data
            greeting += data
        self._greeting = greeting
        return reader, writer

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._greet(reader, writer)
            while True:
                await self._transaction(reader, writer)
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()

    async def _greet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        body = await reader.readexactly(struct.unpack("!I", await reader.readexactly(4))[0] - 4)
        if struct.unpack("!I", body[:4])[0] == 80877103:  # is TLS spoken?
            writer.write(b"N")
            await self._greet(reader, writer)
            return
        names = {name.decode().lower() for name in body[4:].split(b"\0")[::2] if name}
        for name in sorted(names - _KNOWN):
            fields = ("SFATAL", "C08P01", f"Munsupported startup parameter: {name}", "")
            body = b"".join(field.encode() + b"\0" for field in fields)
            writer.write(b"E" + struct.pack("!I", len(body) + 4) + body)
            raise asyncio.IncompleteReadError(b"", None)
        writer.write(self._greeting)

    async def _transaction(self, client: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        kind, data = await _message(client)
        if kind == b"X":
            raise asyncio.IncompleteReadError(b"", None)
        async with self._free:
            session = self._sessions.popleft()
            self.transactions += 1
            try:
                while await self._exchange(session, kind, data, client, writer) != b"I":
                    kind, data = await _message(client)
            finally:
                self._sessions.append(session)

    async def _exchange(
        self,
        session: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        kind: bytes,
        data: bytes,
        client: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> bytes:
        """Pass messages on until the server is ready again; whether it then is in a transaction."""
        answer = asyncio.create_task(self._answer(session[0], writer))
        try:
            session[1].write(data)
            while kind not in {b"S", b"Q"}:
                kind, data = await _message(client)
                if kind == b"X":
                    raise asyncio.IncompleteReadError(b"", None)
                session[1].write(data)
        except BaseException:
            session[1].write(b"S\0\0\0\4")  # the client has gone halfway
            await answer
            raise
        return await answer

    @staticmethod
    async def _answer(server: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        while True:
            kind, data = await _message(server)
            writer.write(data)
            if kind == b"Z":
                return data[-1:]
