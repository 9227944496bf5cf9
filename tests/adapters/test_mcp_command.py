"""The command ``everstore mcp``: processes that clients start, kill and end, and what it says."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from mcp import Client, MCPError
from mcp.client.stdio import StdioServerParameters, stdio_client

import everstore
from everstore.cli.app import run

SCRIPT = str(Path(sys.executable).with_name("everstore"))
INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 0,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    },
}


def call(number, name, **arguments):
    params = {"name": name, "arguments": arguments}
    return {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params}


@pytest.fixture
def sqlite(tmp_path, monkeypatch):
    """Variables that name a database of this test's own."""
    for name in os.environ:
        if name.startswith("EVERSTORE_") and not name.startswith("EVERSTORE_TEST_"):
            monkeypatch.delenv(name)
    variables = {"EVERSTORE_BACKEND": "sqlite", "EVERSTORE_SQLITE_PATH": str(tmp_path / "everstore.db")}
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return variables


def parameters(*arguments, **variables):
    environment = {name: value for name, value in os.environ.items() if name.startswith(("EVERSTORE_", "PATH"))}
    return StdioServerParameters(command=SCRIPT, args=["mcp", *arguments], env=environment | variables)


@asynccontextmanager
async def started(*arguments, **variables):
    """A process whose stdin and stdout are the test's."""
    process = await asyncio.create_subprocess_exec(
        SCRIPT, "mcp", *arguments, env={**os.environ, **variables},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, limit=1 << 26,
    )  # fmt: skip
    try:
        async with asyncio.timeout(60):
            yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def said(process, message):
    process.stdin.write(json.dumps(message).encode() + b"\n")
    await process.stdin.drain()
    return json.loads(await process.stdout.readline())


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_a_client_works_over_stdio(sqlite, mode):
    session_id = everstore.new_session_id()
    async with Client(parameters("--session", str(session_id)), mode=mode) as client:
        assert not (await client.call_tool("write", {"path": "/a.txt", "content": "\u2028\r\n"})).is_error
        assert (await client.call_tool("edit", {"path": "/a.txt", "old": "x", "new": "y"})).is_error
        [resource] = (await client.list_resources()).resources
        assert (await client.read_resource(resource.uri)).contents[0].text == "\u2028\r\n"
        with pytest.raises(MCPError, match="Unknown tool"):
            await client.call_tool("nonsense", {})
    async with Client(parameters("--session", str(session_id), "--read-only"), mode=mode) as client:
        assert (await client.call_tool("ls", {})).content[0].text
        with pytest.raises(MCPError, match="Unknown tool"):
            await client.call_tool("write", {"path": "/b.txt", "content": ""})


async def test_a_killed_server_loses_nothing_that_it_acknowledged(sqlite):
    async with started("--session", "any text: \U0001f600/…") as process:
        await said(process, INITIALIZE)
        for number in range(1, 30):
            process.stdin.write(json.dumps(call(number, "append", path="/log", content=f"{number}\n")).encode() + b"\n")
        acknowledged = [json.loads(await process.stdout.readline())["id"] for _ in range(20)]
        process.kill()
        assert await process.wait() == -signal.SIGKILL
    async with Client(parameters("--session", "any text: \U0001f600/…")) as client:
        [resource] = (await client.list_resources()).resources
        lines = (await client.read_resource(resource.uri)).contents[0].text.splitlines()
        assert {*map(str, acknowledged)} <= {*lines}
        assert len({*lines}) == len(lines)
        assert not (await client.call_tool("append", {"path": "/log", "content": "30\n"})).is_error


async def test_two_servers_of_one_session(environment):
    if environment["EVERSTORE_BACKEND"] == "memory":
        environment = None
    session_id = str(everstore.new_session_id())
    ...
