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

import httpx2
import pytest
from mcp import Client, MCPError
from mcp.client.stdio import StdioServerParameters

import everstore
from everstore.adapters.mcp import server_of
from everstore.adapters.mcp.stdio import _Pipe
from everstore.cli.app import run
from everstore.cli.mcp import _session
from everstore.cli.running import AbsentError
from everstore.errors import InvalidArgumentError
from everstore.installing import command_to_install
from everstore.middleware import Middleware

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
    environment = {
        name: value for name, value in os.environ.items() if name.startswith(("EVERSTORE_", "PATH"))
    }
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


async def test_a_client_works_over_stdio(sqlite):
    session_id = everstore.new_session_id()
    async with Client(parameters("--session", str(session_id)), mode="legacy") as client:
        assert not (await client.call_tool("write", {"path": "/a.txt", "content": "\u2028\r\n"})).is_error
        assert (await client.call_tool("edit", {"path": "/a.txt", "old": "x", "new": "y"})).is_error
        [resource] = (await client.list_resources()).resources
        assert (await client.read_resource(resource.uri)).contents[0].text == "\u2028\r\n"
        with pytest.raises(MCPError, match="Unknown tool"):
            await client.call_tool("nonsense", {})
    async with Client(parameters("--session", str(session_id), "--read-only")) as client:
        assert (await client.call_tool("ls", {})).content[0].text
        with pytest.raises(MCPError, match="Unknown tool"):
            await client.call_tool("write", {"path": "/b.txt", "content": ""})


async def test_a_killed_server_loses_nothing_that_it_acknowledged(sqlite):
    async with started("--session", "any text: \U0001f600/…") as process:
        await said(process, INITIALIZE)
        for number in range(1, 30):
            process.stdin.write(
                json.dumps(call(number, "append", path="/log", content=f"{number}\n")).encode() + b"\n"
            )
        acknowledged = [json.loads(await process.stdout.readline())["id"] for _ in range(20)]
        process.kill()
        assert await process.wait() == -signal.SIGKILL
    async with Client(parameters("--session", "any text: \U0001f600/…")) as client:
        [resource] = (await client.list_resources()).resources
        lines = (await client.read_resource(resource.uri)).contents[0].text.splitlines()
        assert {*map(str, acknowledged)} <= {*lines}
        assert len({*lines}) == len(lines)
        assert not (await client.call_tool("append", {"path": "/log", "content": "30\n"})).is_error


@pytest.mark.parametrize("environment", ["sqlite", "postgres"], indirect=True)
async def test_two_servers_of_one_session(environment, store):
    lines = [f"line {number}\n" for number in range(20)]
    session = await store.create_session(labels={"thread": "42", "user": "a=b"})
    files = store.session(session.id).files
    await files.write_file("/a.txt", "".join(lines))

    async def edit_each(client, numbers):
        calls = (
            client.call_tool("edit", {"path": "/a.txt", "old": lines[number], "new": f"edited {number}\n"})
            for number in numbers
        )
        return [answer.is_error for answer in await asyncio.gather(*calls)]

    async with (
        Client(parameters("--label", "thread=42", "--label", "user=a=b")) as one,
        Client(parameters(EVERSTORE_SESSION=str(session.id))) as other,
    ):
        failed = await asyncio.gather(edit_each(one, range(0, 20, 2)), edit_each(other, range(1, 20, 2)))
        assert not any(map(any, failed))
    assert (await files.read_file("/a.txt")).content == "".join(f"edited {number}\n" for number in range(20))


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT, None])
async def test_it_ends_when_it_is_told_to(sqlite, end):
    async with started("--session", "s") as process:
        assert (await said(process, INITIALIZE))["result"]["serverInfo"]["name"] == "everstore"
        for number in range(1, 20):
            process.stdin.write(json.dumps(call(number, "mkdir", path=f"/{number}")).encode() + b"\n")
        await process.stdin.drain()
        answered = [json.loads(await process.stdout.readline())["id"]]
        if end is None:
            process.stdin.close()
        else:
            process.send_signal(end)
        rest, told = await process.communicate()
        assert process.returncode == 0
        answered += [json.loads(line)["id"] for line in rest.splitlines()]
        assert sorted(answered) == list(range(1, 1 + len(answered)))
        if end is None:
            assert len(answered) == 19
        assert re.fullmatch(
            rb"everstore: session [0-9a-f-]{36} is served over standard input and output\n", told
        )


async def test_it_ends_over_http_when_it_is_told_to(sqlite, tmp_path):
    token = tmp_path / "token"
    token.write_text("0123456789abcdef\n")
    async with started("--http", "127.0.0.1:0", EVERSTORE_MCP_TOKEN_FILE=str(token)) as process:
        new, served = [(await process.stderr.readline()).decode() for _ in range(2)]
        session = re.fullmatch(r"everstore: note: session (\S+) is new; --session \1 goes on with it\n", new)
        where = re.fullmatch(r"everstore: session (\S+) is served at (http://127\.0\.0\.1:\d+/mcp)\n", served)
        assert where[1] == session[1]
        async with httpx2.AsyncClient() as http:
            assert (await http.post(where[2], json=INITIALIZE)).status_code == 401
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0


async def test_a_client_that_stops_reading_and_goes_away(sqlite):
    async with started("--session", "s") as process:
        await said(process, INITIALIZE)
        process.stdin.write(json.dumps(call(1, "write", path="/a", content="x" * 1_000_000)).encode() + b"\n")
        process.stdin.close()
        process._transport.get_pipe_transport(1).close()
        assert await process.wait() == 0


async def test_what_it_did_not_begin_it_leaves_when_it_is_told_to_end(tmp_path):
    ending = asyncio.Event()
    lines = [json.dumps(call(number, "append", path="/log", content=f"{number}\n")) for number in range(3000)]
    (tmp_path / "in").write_text("\n".join([json.dumps(INITIALIZE | {"id": "first"}), *lines]))
    size = (tmp_path / "in").stat().st_size

    class Ends(Middleware):
        def wrap(self, verb, call):
            async def ended(*args, **kwargs):
                while not ending.is_set() and os.lseek(source.fileno(), 0, os.SEEK_CUR) < size:
                    pass  # nearly all lines wait to be handed over, then
                ending.set()
                return await call(*args, **kwargs)

            return ended if verb.name == "append_file" else call

    async with everstore.open_store(environment={}, middleware=[Ends()]) as store:
        work = store.session(everstore.new_session_id())
        with (tmp_path / "in").open("rb") as source, (tmp_path / "out").open("wb") as target:
            async with asyncio.timeout(60):
                await _Pipe(server_of(work), source.fileno(), target.fileno()).serve(ending)
        answers = [json.loads(line) for line in (tmp_path / "out").read_text().splitlines()]
        written = (await work.files.read_file("/log")).content.splitlines()
        assert 0 < len(written) < 500
        assert len(answers) == 1 + len(written)


async def test_the_session_that_labels_find_or_make(store):
    labels = {"thread": "42", "user": "日本"}
    made = await asyncio.gather(*(_session(store, None, labels, None) for _ in range(5)))
    assert len({*made}) == 1
    assert (await store.sessions.get_session(made[0])).labels == labels
    await store.sessions.update_session(made[0], labels={"thread": "43"})
    other = await _session(store, None, labels, None)
    assert other != made[0]
    await store.create_session(labels=labels)
    with pytest.raises(InvalidArgumentError, match=f"several sessions have these labels, .*{other}"):
        await _session(store, None, labels, None)


async def test_who_only_reads_makes_no_session(store):
    labels = {"thread": "42"}
    for named, wanted in ((None, {}), (None, labels)):
        with pytest.raises(AbsentError):
            await _session(store, named, wanted, None, read_only=True)
    read = await _session(store, "any text", {}, None, read_only=True)
    assert await store.session_ids() == []
    assert await _session(store, "any text", {}, None) == read
    made = await _session(store, None, labels, None)
    assert await _session(store, None, labels, None, read_only=True) == made
    assert await _session(store, None, {}, made, read_only=True) == made


async def test_the_session_that_is_named(store, capsys):
    in_force = everstore.new_session_id()
    assert await _session(store, None, {}, in_force) == in_force
    assert await _session(store, str(in_force), {}, None) == in_force
    named = [
        await _session(store, name, {}, in_force) for name in ("a/b \U0001f600", "a/b \U0001f600", "x" * 1000)
    ]
    assert named[0] == named[1] != named[2]
    assert (await store.sessions.get_session(named[0])).title == "a/b \U0001f600"
    assert capsys.readouterr().err == ""
    new = await _session(store, None, {}, None)
    assert f"session {new} is new" in capsys.readouterr().err
    assert await store.sessions.get_session(new) is not None


def test_what_is_no_message_is_answered_so(sqlite):
    ping = b'{"jsonrpc":"2.0","id":"a","method":"ping"}'
    lines = ping + b'\n\n{\n{"id":1}\n\xff\n{"jsonrpc":"2.0","id":2,"method":"x"}\n'
    lines += b'{"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"name":"ls","arguments":"\\ud83d"}}\n'
    lines += b'{"id":"\\ud83d"}\n{"jsonrpc":"2.0","id":[1],"method":"x\\ud83d"}\n'
    lines += b'{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":[]}}'
    done = subprocess.run([SCRIPT, "mcp", "--session", "s"], input=lines, capture_output=True, check=True)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    told = {
        answer["id"]: answer["error"]["code"] if "error" in answer else answer["result"] for answer in answers
    }
    assert told == {"a": {}, None: -32700, 1: -32600, 2: -32601, 3: -32700}
    assert [answer["id"] for answer in answers].count(None) == 4


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (
            ["--http", "8000"],
            "invalid_argument: --http takes HOST:PORT, 127.0.0.1:8000 for example, not '8000'",
        ),
        (["--http", "localhost:99999"], "invalid_argument: --http takes HOST:PORT"),
        (
            ["--http", "0.0.0.0:0"],
            "invalid_argument: 0.0.0.0 is reached from other machines, so clients have to",
        ),
        (["--http", "host.invalid:1"], "invalid_argument: cannot listen at host.invalid:1: "),
        (
            ["--session", "s", "--label", "a=b"],
            "invalid_argument: --session and --label both name the session",
        ),
        (["--label", "a"], "invalid_argument: a label is NAME=TEXT, not 'a'"),
        (
            ["--session", "0195c0de-0000-7000-8000-00000000000"],
            "invalid_session_id: a session id is written as",
        ),
        (["--session", "\udcff"], "invalid_argument: session_id_of takes text without lone surrogates"),
        (["--nonsense"], "usage: No such option: --nonsense; see 'everstore mcp --help'"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(sqlite, capsys, arguments, told):
    assert run(["mcp", *arguments]) in {2, 3}
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"everstore: error: {told}")
    assert err.count("\n") == 1


def test_without_the_extra_it_says_what_to_install(sqlite, capsys, monkeypatch):
    for name in [name for name in sys.modules if name.split(".")[0] == "mcp" or "adapters.mcp" in name]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "mcp", None)
    assert run(["mcp"]) == 2
    told = capsys.readouterr().err
    assert told.endswith(f"; it comes with an extra: {command_to_install('mcp')}\n")
    assert told.count("\n") == 1
