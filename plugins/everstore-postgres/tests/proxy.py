"""A wire between client and server that a test can cut; ``pooler.py`` and ``tls.py`` have others."""

from __future__ import annotations

import asyncio
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Self
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from types import TracebackType


class Proxy:
    """Passes bytes on between clients and a server, until it is told to swallow them."""

    def __init__(self, url: str) -> None:
        self._parts = urlsplit(url)
        self._passing = asyncio.Event()
        self._stranded = 0
        self._folder = tempfile.TemporaryDirectory(prefix="everstore-proxy-")
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """Where clients connect to, instead."""
        query = f"host={self._folder.name}"
        return self._parts._replace(netloc=f"{self._parts.username or 'postgres'}@", query=query).geturl()

    def swallow(self) -> None:
        self._passing.clear()

    def pass_on(self) -> None:
        self._passing.set()

    def strand(self) -> None:
        """Pass on nothing more over the connections that there are; new ones work."""
        self._stranded += 1

    async def __aenter__(self) -> Self:
        self.pass_on()
        path = Path(self._folder.name, ".s.PGSQL.5432")
        self._server = await asyncio.start_unix_server(self._accept, str(path))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._folder.cleanup()

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection to the server itself."""
        query = parse_qs(self._parts.query)
        [host] = query.get("host", [self._parts.hostname or "localhost"])
        [port] = query.get("port", [self._parts.port or 5432])
        if host.startswith("/"):
            return await asyncio.open_unix_connection(f"{host}/.s.PGSQL.{port}")
        return await asyncio.open_connection(host, port)

    async def _accept(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, first: bytes = b""
    ) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        to_server = None
        try:
            if not self._passing.is_set():
                await asyncio.Event().wait()  # accepted, and never answered
            from_server, to_server = await self.connect()
            to_server.write(first)
            await asyncio.gather(self._pump(reader, to_server), self._pump(from_server, writer))
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            for each in (writer, to_server):
                if each is not None:
                    each.close()
                    with suppress(OSError):
                        await each.wait_closed()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        stranded = self._stranded
        while data := await reader.read(65536):
            if self._passing.is_set() and stranded == self._stranded:
                writer.write(data)
                await writer.drain()
        writer.close()
