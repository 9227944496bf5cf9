"""What an MCP client is answered, by the official SDK's client, in both eras of the protocol."""

from __future__ import annotations

import asyncio
import base64
from uuid import uuid4

import anyio
import pytest
from mcp import Client, MCPError
from mcp_types import Implementation

import everstore
from everstore.adapters.mcp import clients, server_of, subscriptions
from everstore.adapters.mcp.resources import MOST_BYTES
from everstore.adapters.mcp.server import _ONLY_ADD, _REPEATABLE
from everstore.errors import BackendError
from everstore.middleware import Middleware
from everstore.tools import Toolbox

PAGE = 500
SECRET = "postgresql://user:password@host"


@pytest.fixture
async def work():
    """A session in memory, for what has nothing to do with the backend."""
    async with everstore.open_store(environment={}) as opened:
        yield opened.session(everstore.new_session_id())


@pytest.fixture
def kept(store):
    """A session on each of the backends."""
    return store.session(everstore.new_session_id())


@pytest.fixture(params=["auto", "legacy"])
def client(request, work):
    """A client, to be entered by the test: the SDK's scopes belong to one task."""
    return Client(server_of(work), mode=request.param)


def uri(session, path):
    return f"everstore://{session.id}{path}"


async def test_the_server_tells_who_it_is(client):
    async with client:
        assert client.server_info.name == "everstore"
        assert client.server_info.version == everstore.__version__
        assert "root" in client.instructions


async def test_tools_are_those_of_the_toolbox_with_hints(client, work):
    async with client:
        toolbox = {tool.name: tool for tool in Toolbox(work)}
        told = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert list(told) == list(toolbox)
        for name, tool in told.items():
            assert (tool.description, tool.input_schema) == (
                toolbox[name].description,
                toolbox[name].parameters,
            )
            assert tool.annotations.read_only_hint == toolbox[name].reads_only
            assert tool.annotations.open_world_hint is False
        assert (told["write"].annotations.destructive_hint, told["write"].annotations.idempotent_hint) == (
            True,
            True,
        )
        assert (told["edit"].annotations.destructive_hint, told["edit"].annotations.idempotent_hint) == (
            True,
            False,
        )
        assert (told["read"].annotations.destructive_hint, told["read"].annotations.idempotent_hint) == (
            False,
            True,
        )


async def test_a_tool_answers_and_refuses(client, work):
    async with client:
        done = await client.call_tool("write", {"path": "/a.txt", "content": "one\ntwo\n"})
        assert not done.is_error
        assert (await work.files.read_file("/a.txt")).content == "one\ntwo\n"
        refused = await client.call_tool("edit", {"path": "/a.txt", "old": "three", "new": "x"})
        assert refused.is_error
        misspelt = await client.call_tool("read", {"pth": "/a.txt"})
        assert misspelt.is_error
        assert "path" in misspelt.content[0].text


async def test_an_unknown_tool_is_an_error_of_the_protocol(client):
    async with client:
        with pytest.raises(MCPError, match="Unknown tool: nonsense") as caught:
            await client.call_tool("nonsense", {})
        assert caught.value.code == -32602


async def test_what_clients_have_seen_is_kept_of_those_heard_of_last(work, monkeypatch):
    monkeypatch.setattr(clients, "_MOST_KNOWN", 2)
    server = server_of(work)

    async def told(name, tool, **arguments):
        async with Client(server, client_info=Implementation(name=name, version="1")) as client:
            return (await client.call_tool(tool, {"path": "/a.txt", **arguments})).is_error

    await work.files.write_file("/a.txt", "1")
    for name in ("one", "two", "one", "three"):
        assert not await told(name, "read")
    await work.files.write_file("/a.txt", "2")
    assert await told("one", "write", content="3")
    assert not await told("two", "write", content="3")


async def test_read_only_leaves_out_what_changes(work):
    async with Client(server_of(work, read_only=True)) as client:
        tools = (await client.list_tools()).tools
        assert "read" in [tool.name for tool in tools]
        assert all(tool.annotations.read_only_hint for tool in tools)
        with pytest.raises(MCPError, match="Unknown tool: write"):
            await client.call_tool("write", {"path": "/a", "content": ""})


async def test_files_are_listed_by_pages(kept):
    async with Client(server_of(kept)) as client:
        await kept.files.create_directory("/empty")
        paths = [f"/d/{number:04}.txt" for number in range(2 * PAGE)]
        await kept.files.apply_changes([everstore.changes.Write(path, "x") for path in paths])
        seen, cursor, pages = [], None, 0
        while True:
            page = await client.list_resources(cursor=cursor)
            seen += page.resources
            pages += 1
            cursor = page.next_cursor
            if cursor is None:
                break
        assert [resource.uri for resource in seen] == [uri(kept, path) for path in paths]
        assert pages == 3
        assert (seen[0].name, seen[0].title, seen[0].size) == ("0000.txt", "/d/0000.txt", 1)
        for wrong in ("nonsense", f"everstore://{uuid4()}/d", uri(kept, "/workspace/workspace/d")):
            with pytest.raises(MCPError) as caught:
                await client.list_resources(cursor=wrong)
            assert caught.value.code == -32602


async def test_what_is_in_a_file(kept):
    async with Client(server_of(kept)) as client:
        texts = {"/a b#c?d%41.txt": "one\r\n\0 two \U0001f600", "/日本/x": "", "/page.html": "<p>"}
        for path, text in texts.items():
            await kept.files.write_file(path, text)
        data = bytes(range(256))
        await kept.files.write_bytes("/image.png", data)
        listed = {resource.title: resource.uri for resource in (await client.list_resources()).resources}
        assert set(listed) == {*texts, "/image.png"}
        for path, text in texts.items():
            [content] = (await client.read_resource(listed[path])).contents
            assert (content.text, content.uri) == (text, listed[path])
        assert (await client.read_resource(listed["/page.html"])).contents[0].mime_type == "text/html"
        [content] = (await client.read_resource(listed["/image.png"])).contents
        assert (base64.b64decode(content.blob), content.mime_type) == (data, "image/png")
        [template] = (await client.list_resource_templates()).resource_templates
        named = template.uri_template.replace("{+path}", "page.html")
        assert (await client.read_resource(named)).contents[0].text == "<p>"


async def test_where_the_root_has_no_alias_a_uri_is_of_the_path_that_is_listed():
    async with everstore.open_store(environment={}, workspace_alias=False) as store:
        work = store.session(everstore.new_session_id())
        paths = ["/a.txt", *(f"/workspace/{number:04}.txt" for number in range(PAGE)), "/workspace/a.txt"]
        await work.files.apply_changes([everstore.changes.Write(path, path) for path in paths])
        async with Client(server_of(work)) as client:
            first = await client.list_resources()
            rest = await client.list_resources(cursor=first.next_cursor)
            resources = first.resources + rest.resources
            assert [resource.title for resource in resources] == paths
            for resource in (resources[0], resources[-1]):
                assert (await client.read_resource(resource.uri)).contents[0].text == resource.title


async def test_a_resource_that_is_none(client, work):
    async with client:
        await work.files.write_file("/d/a.txt", "x")
        expected = -32602 if client.protocol_version.startswith("2026") else -32002
        absent = [
            "/b.txt",
            "/d",
            "/",
            "",
            "/d/../d/a.txt",
            "/%ff",
            "/d/a.txt/b",
            "/workspace/workspace/d/a.txt",
        ]
        for wrong in [
            *(uri(work, path) for path in absent),
            f"everstore://{uuid4()}/d/a.txt",
            "file:///etc/passwd",
            "nonsense",
        ]:
            with pytest.raises(MCPError) as caught:
                await client.read_resource(wrong)
            assert (caught.value.code, caught.value.message) == (expected, "Resource not found")
            assert caught.value.data == {"uri": wrong}


async def test_a_file_that_is_too_large_for_a_resource(client, work):
    async with client:
        await work.files.write_bytes("/large", bytes(MOST_BYTES + 1))
        with pytest.raises(MCPError, match="at most 16777216") as caught:
            await client.read_resource(uri(work, "/large"))
        assert caught.value.code == -32602


EVERY_TOOL = [
    ("write", {"path": "/src/app.py", "content": "import os\nprint(1)\nprint(2)\n"}),
    ("read", {"path": "/src/app.py", "start": 2}),
    ("tail", {"path": "/src/app.py", "lines": 1}),
    ("append", {"path": "/log.txt", "content": "began\n"}),
    ("edit", {"path": "/src/app.py", "old": "print(1)", "new": "print('one')"}),
    ("edit", {"path": "/src/app.py", "old": "print(", "new": "x"}),
    ("multi_edit", {"edits": [{"path": "/src/app.py", "old": "print(2)", "new": "print('two')"}]}),
    (
        "apply_patch",
        {"patch": "*** Begin Patch\n*** Add File: /new.txt\n+hello\n*** End Patch"},
    ),
    ("mkdir", {"path": "/empty"}),
    ("copy", {"source": "/src", "destination": "/copied"}),
    ("move", {"source": "/copied/app.py", "destination": "/moved.py"}),
    ("ls", {"path": "/"}),
    ("tree", {}),
    ("glob", {"pattern": "*.py"}),
    ("grep", {"pattern": "print"}),
    ("delete", {"path": "/new.txt"}),
    ("delete", {"path": "/new.txt"}),
    ("remember", {"key": "plan", "value": "first this, then that"}),
    ("recall", {"key": "plan"}),
    ("memories", {}),
    ("forget", {"key": "plan"}),
    ("recall", {"key": "plan"}),
]


async def test_every_tool_answers_what_the_toolbox_answers(store, kept):
    twin = Toolbox(store.session(everstore.new_session_id()))
    assert {name for name, _ in EVERY_TOOL} == {tool.name for tool in twin}
    assert {tool.name for tool in twin} >= _ONLY_ADD | _REPEATABLE
    async with Client(server_of(kept)) as client:
        for name, arguments in EVERY_TOOL:
            expected = await twin.call(name, arguments)
            answer = await client.call_tool(name, arguments)
            [content] = answer.content
            assert (content.text, answer.is_error) == (expected.text, expected.is_error)


async def test_a_big_answer_says_how_to_go_on(client, work):
    text = "".join(f"line {number}\n" for number in range(50_000))
    async with client:
        await client.call_tool("write", {"path": "/big.txt", "content": text})
        assert (await work.files.read_file("/big.txt")).content == text
        answer = await client.call_tool("read", {"path": "/big.txt"})
        assert 20_000 < len(answer.content[0].text) <= 30_000
        assert "start" in answer.content[0].text[-300:]
        [resource] = (await client.list_resources()).resources
        assert (await client.read_resource(resource.uri)).contents[0].text == text


class Waiting(Middleware):
    """A storage in which a write waits until it is cancelled."""

    def __init__(self):
        self.begun = asyncio.Event()
        self.cancelled = asyncio.Event()

    def wrap(self, verb, call):
        async def waited(*args, **kwargs):
            self.begun.set()
            try:
                await asyncio.Event().wait()
            finally:
                self.cancelled.set()

        return waited if verb.name == "write_file" else call


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_a_call_that_the_client_cancels_is_cancelled_in_the_store(mode):
    waiting = Waiting()
    async with (
        everstore.open_store(environment={}, middleware=[waiting]) as store,
        Client(server_of(store.session(everstore.new_session_id())), mode=mode) as client,
        asyncio.timeout(20),
    ):
        call = asyncio.create_task(client.call_tool("write", {"path": "/a", "content": ""}))
        await waiting.begun.wait()
        call.cancel()
        await waiting.cancelled.wait()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert not (await client.call_tool("ls", {})).is_error


class Failing(Middleware):
    """A storage that fails, and says more than a client may know."""

    def wrap(self, verb, call):
        async def failed(*args, **kwargs):
            raise self.error

        return failed


@pytest.mark.parametrize("error", [BackendError(SECRET), RuntimeError(SECRET)])
@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_a_storage_that_fails_tells_nothing_of_itself(mode, error, caplog):
    failing = Failing()
    failing.error = error
    async with (
        everstore.open_store(environment={}, middleware=[failing], log_level="off") as store,
        Client(server_of(store.session(everstore.new_session_id())), mode=mode) as client,
    ):
        with pytest.raises(MCPError) as listing:
            await client.list_resources()
        assert listing.value.code == -32603
        told = listing.value.message
        try:
            called = await client.call_tool("read", {"path": "/a"})
            told += called.content[0].text
            assert called.is_error
        except MCPError as failed:
            told += failed.message
        assert SECRET not in told
        assert "Traceback" not in told


async def test_who_listens_is_told_of_what_changes(kept, monkeypatch):
    monkeypatch.setattr(subscriptions, "_INTERVAL", 0.05)
    await kept.files.write_file("/a.txt", "1")
    uris = [uri(kept, path) for path in ("/workspace/workspace/never", "/a.txt")]
    async with (
        Client(server_of(kept)) as client,
        client.listen(resources_list_changed=True, resource_subscriptions=uris) as events,
    ):
        seen = set()

        async def told(*kinds):
            with anyio.fail_after(20):
                while not {*kinds} <= seen:
                    seen.add(type(await anext(aiter(events))).__name__)
            seen.clear()

        await client.call_tool("write", {"path": "/a.txt", "content": "2"})
        await told("ResourceUpdated", "ResourcesListChanged")
        await kept.files.write_file("/b.txt", "by somebody else")
        await told("ResourcesListChanged")
        await kept.files.delete_file("/a.txt")
        await told("ResourceUpdated", "ResourcesListChanged")
