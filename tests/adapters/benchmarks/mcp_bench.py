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
CALLS = 1000
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


def servers(folder: str, reference: str | None) -> dict[str, tuple[StdioServerParameters, str, str, str]]:
    """How each server over stdio is started, what it calls reading and writing, and where its files are."""
    ours = StdioServerParameters(command=SCRIPT, args=["mcp", "--session", "stdio"], env=variables(folder))
    program = f"TEXT = {TEXT!r}\n{NOTHING}"
    nothing = StdioServerParameters(command=sys.executable, args=["-c", program])
    found = {
        "everstore mcp": (ours, "read", "write", ""),
        "a server that does nothing": (nothing, "read", "write", ""),
    }
    if reference is not None:
        root = f"{folder}/files"
        node = StdioServerParameters(command="node", args=[reference, root])
        found["the reference server"] = node, "read_text_file", "write_file", root
    return found


def variables(folder: str) -> dict[str, str]:
    """The environment of a server."""
    named = {"EVERSTORE_BACKEND": "sqlite", "EVERSTORE_SQLITE_PATH": f"{folder}/everstore.db"}
    return os.environ | named


async def measure(folder: str, reference: str | None) -> None:
    """Print how long calls take, turn by turn."""
    async with AsyncExitStack() as stack:
        stdio: dict[str, Any] = {}
        for name, (command, *names) in servers(folder, reference).items():
            stdio[name] = Server(await stack.enter_async_context(Client(command)), *names)
        environment = variables(folder)
        http = Server(await stack.enter_async_context(over_http(environment)), "read", "write")
        store = await stack.enter_async_context(everstore.open_store(environment=environment))
        inside = InProcess(Toolbox(store.session(everstore.new_session_id())))
        ours = stdio.pop("everstore mcp")
        pairs = {f"stdio beside {name}": (ours, server) for name, server in stdio.items()}
        pairs |= {"stdio beside the call in process": (ours, inside)}
        pairs |= {"HTTP beside the call in process": (http, inside)}
        header()
        for verb in ("write", "read"):
            for told, (one, other) in pairs.items():
                for tasks in TASKS:
                    await row(f"{verb}, {told}", getattr(one, verb), getattr(other, verb), tasks=tasks)


async def measure_processor_time(folder: str, reference: str | None) -> None:
    """Print how much processor time of the server a call takes, which hardly depends on other work."""
    sys.stdout.write(
        "\n| server over stdio, processor us a call | write | 50 | read | 50 |\n|---|---|---|---|---|\n"
    )
    for name, (command, *names) in servers(folder, reference).items():
        async with Client(command) as client:
            process = children().split()[-1]
            server = Server(client, *names)
            took = []
            for verb in (server.write, server.read):
                for tasks in TASKS:
                    await verb(0, 0)
                    before = ticks(process)
                    for turn in range(CALLS // tasks):
                        await asyncio.gather(*(verb(task, turn) for task in range(tasks)))
                    took.append((ticks(process) - before) * 1_000_000 / os.sysconf("SC_CLK_TCK") / CALLS)
            sys.stdout.write(f"| {name} | " + " | ".join(f"{each:.0f}" for each in took) + " |\n")


def children() -> str:
    """The ids of the processes that this one has started, in their order."""
    return Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text()


def ticks(process: str) -> int:
    """How long a process has computed."""
    words = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return int(words[11]) + int(words[12])


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as directory:
        Path(directory, "files").mkdir()
        for each in (measure_processor_time, measure):
            asyncio.run(each(directory, sys.argv[1] if len(sys.argv) > 1 else None))
