"""Calls of ``everstore mcp`` on SQLite by the official SDK's client, beside other ways to do the same.

``python tests/adapters/benchmarks/mcp_bench.py [INDEX.js]``: beside the same tools called in this process,
beside a server of the SDK whose tools do nothing, and beside the protocol's reference server for files,
when ``dist/index.js`` of the npm package ``@modelcontextprotocol/server-filesystem`` is named. Each task has
a file of its own.
"""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import tempfile
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mcp import Client
from mcp.client.stdio import StdioServerParameters
from timing import header, row

import everstore
from everstore.tools import Toolbox

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

SCRIPT = str(Path(sys.executable).with_name("everstore"))
TEXT = "a line of forty characters, or nearly so\n" * 50
TASKS = (1, 50)
NOTHING = """
from mcp.server.mcpserver import MCPServer

server = MCPServer("nothing")


@server.tool()
async def write(path: str, content: str) -> None: ...


@server.tool()
async def read(path: str) -> str:
    return TEXT


server.run()
"""


class Server:
    """A server, and what its tools and their arguments are called."""

    def __init__(self, client: Client, read: str, write: str, root: str = "") -> None:
        """Files are below ``root``."""
        self._client = client
        self._read = read
        self._write = write
        self._root = root

    async def _call(self, tool: str, task: int, **arguments: object) -> None:
        path = f"{self._root}/file-{task}.txt"
        answer = await self._client.call_tool(tool, {"path": path, **arguments})
        assert not answer.is_error, answer

    async def write(self, task: int, _: int) -> None:
        """Write a file anew."""
        await self._call(self._write, task, content=TEXT)

    async def read(self, task: int, _: int) -> None:
        """Read it."""
        await self._call(self._read, task)


class InProcess:
    """The same tools without a server."""

    def __init__(self, toolbox: Toolbox) -> None:
        """Of a session."""
        self._toolbox = toolbox

    async def write(self, task: int, _: int) -> None:
        """Write a file anew."""
        await self._toolbox.call("write", {"path": f"/file-{task}.txt", "content": TEXT})

    async def read(self, task: int, _: int) -> None:
        """Read it."""
        await self._toolbox.call("read", {"path": f"/file-{task}.txt"})


@asynccontextmanager
async def over_http(environment: dict[str, str]) -> AsyncIterator[Client]:
    """A client of a server of its own over HTTP."""
    process = await asyncio.create_subprocess_exec(
        SCRIPT, "mcp", "--session", "http", "--http", "127.0.0.1:0", env=environment, stderr=subprocess.PIPE
    )
    try:
        told: Any = process.stderr
        async with Client(re.findall(r"http://\S+", (await told.readline()).decode())[0]) as client:
            yield client
    finally:
        process.terminate()
        await process.wait()


async def measure(folder: str, reference: str | None) -> None:
    """Print the table."""
    environment = os.environ | {
        "EVERSTORE_BACKEND": "sqlite",
        "EVERSTORE_SQLITE_PATH": f"{folder}/everstore.db",
    }
    async with AsyncExitStack() as stack:
        command = StdioServerParameters(command=SCRIPT, args=["mcp", "--session", "stdio"], env=environment)
        stdio = Server(await stack.enter_async_context(Client(command)), "read", "write")
        http = Server(await stack.enter_async_context(over_http(environment)), "read", "write")
        store = await stack.enter_async_context(everstore.open_store(environment=environment))
        others: dict[str, tuple[Any, Any]] = {}
        inside = InProcess(Toolbox(store.session(everstore.new_session_id())))
        others |= {"stdio beside in process": (stdio, inside), "HTTP beside in process": (http, inside)}
        program = f"TEXT = {TEXT!r}\n{NOTHING}"
        nothing = Client(StdioServerParameters(command=sys.executable, args=["-c", program]))
        floor = Server(await stack.enter_async_context(nothing), "read", "write")
        others["stdio beside a server that does nothing"] = stdio, floor
        if reference is not None:
            root = f"{folder}/files"
            node = StdioServerParameters(command="node", args=[reference, root])
            files = Server(
                await stack.enter_async_context(Client(node)), "read_text_file", "write_file", root
            )
            others |= {
                "stdio beside the reference server": (stdio, files),
                "HTTP beside the reference server": (http, files),
            }
        header()
        for verb in ("write", "read"):
            for told, (ours, theirs) in others.items():
                for tasks in TASKS:
                    await row(f"{verb}, {told}", getattr(ours, verb), getattr(theirs, verb), tasks=tasks)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as directory:
        Path(directory, "files").mkdir()
        asyncio.run(measure(directory, sys.argv[1] if len(sys.argv) > 1 else None))
