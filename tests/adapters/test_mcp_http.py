"""The MCP server over streamable HTTP, on loopback: many clients, who may come in, and how it ends."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import Implementation
from pydantic import SecretStr

import everstore
from everstore.adapters.mcp import listening, serve
from everstore.errors import InvalidArgumentError
from everstore.middleware import Middleware

TOKEN = "0123456789abcdef-A._~+/=="
PING = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
ACCEPT = {"Accept": "application/json, text/event-stream", "MCP-Protocol-Version": "2025-11-25"}
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


@asynccontextmanager
async def served(store, session_id, *, token=None, **options):
    """The URL of a server that runs until the end of the block, and what ends it."""
    ending = asyncio.Event()
    with listening("127.0.0.1", 0, None if token is None else SecretStr(token)) as address:
        task = asyncio.create_task(serve(store, session_id, http=address, ending=ending, **options))
        try:
            yield address.url, ending
        finally:
            ending.set()
            async with asyncio.timeout(30):
                await task


@pytest.fixture
def session_id():
    return everstore.new_session_id()


@pytest.fixture
async def memory():
    async with everstore.open_store(environment={}) as opened:
        yield opened


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_two_clients_edit_one_file(store, session_id, mode):
    lines = [f"line {number}\n" for number in range(20)]
    await store.session(session_id).files.write_file("/a.txt", "".join(lines))

    async def edit_each(client, numbers):
        calls = (
            client.call_tool("edit", {"path": "/a.txt", "old": lines[number], "new": f"edited {number}\n"})
            for number in numbers
        )
        return await asyncio.gather(*calls)

    async with (
        served(store, session_id) as (url, _),
        Client(url, mode=mode) as one,
        Client(url, mode=mode) as other,
    ):
        answers = await asyncio.gather(edit_each(one, range(0, 20, 2)), edit_each(other, range(1, 20, 2)))
        assert not [answer for some in answers for answer in some if answer.is_error]
    edited = (await store.session(session_id).files.read_file("/a.txt")).content
    assert edited == "".join(f"edited {number}\n" for number in range(20))


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_what_one_client_has_seen_no_other_has(memory, session_id, mode):
    async with (
        served(memory, session_id) as (url, _),
        Client(url, mode=mode, client_info=Implementation(name="one", version="1")) as one,
        Client(url, mode=mode, client_info=Implementation(name="two", version="1")) as other,
    ):
        assert not (await other.call_tool("write", {"path": "/a.txt", "content": "1"})).is_error
        assert not (await one.call_tool("read", {"path": "/a.txt"})).is_error
        assert not (await other.call_tool("write", {"path": "/a.txt", "content": "2"})).is_error
        assert (await one.call_tool("write", {"path": "/a.txt", "content": "3"})).is_error
        assert not (await one.call_tool("read", {"path": "/a.txt"})).is_error
        assert not (await one.call_tool("write", {"path": "/a.txt", "content": "3"})).is_error


async def test_sessions_of_the_older_protocol_are_clients_of_their_own(memory, session_id):
    async with (
        served(memory, session_id) as (url, _),
        Client(url, mode="legacy") as one,
        Client(url, mode="legacy") as other,
    ):
        await other.call_tool("write", {"path": "/a.txt", "content": "1"})
        await one.call_tool("read", {"path": "/a.txt"})
        await other.call_tool("write", {"path": "/a.txt", "content": "2"})
        assert (await one.call_tool("write", {"path": "/a.txt", "content": "3"})).is_error


async def test_many_clients_at_once(memory, session_id):
    async def work(url, number):
        async with Client(url, mode="legacy" if number % 2 else "auto") as client:
            for _ in range(3):
                answer = await client.call_tool("append", {"path": "/log.txt", "content": f"{number}\n"})
                assert not answer.is_error

    async with served(memory, session_id) as (url, _):
        await asyncio.gather(*(work(url, number) for number in range(20)))
    text = (await memory.session(session_id).files.read_file("/log.txt")).content
    assert sorted(text.split()) == sorted(str(number) for number in range(20) for _ in range(3))


async def test_a_token_has_to_be_shown(memory, session_id):
    async with served(memory, session_id, token=TOKEN) as (url, _), httpx2.AsyncClient() as http:
        for wrong in (
            None, "", "Bearer", f"Bearer {TOKEN[:-1]}", f"Bearer {TOKEN}x", f"Basic {TOKEN}", TOKEN,
            "Bearer \xe9",
        ):  # fmt: skip
            headers = ACCEPT if wrong is None else ACCEPT | {"Authorization": wrong.encode("latin-1")}
            answers = [
                await http.post(url, json=PING, headers=headers),
                await http.get(url, headers=headers),
                await http.delete(url, headers=headers),
                await http.get(url.replace("/mcp", "/nothing"), headers=headers),
            ]
            assert {answer.status_code for answer in answers} == {401}
            assert answers[0].headers["WWW-Authenticate"] == 'Bearer realm="everstore"'
            assert TOKEN not in answers[0].text
        twice = [*ACCEPT.items(), ("Authorization", f"Bearer {TOKEN}"), ("Authorization", "Bearer x")]
        assert (await http.post(url, json=PING, headers=twice)).status_code == 401
        for right in (f"Bearer {TOKEN}", f"bearer  {TOKEN}"):
            answer = await http.post(url, json=INITIALIZE, headers=ACCEPT | {"Authorization": right})
            assert answer.status_code == 200


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_a_client_with_the_token_works(memory, session_id, mode):
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with (
        served(memory, session_id, token=TOKEN) as (url, _),
        httpx2.AsyncClient(headers=headers) as http,
        Client(streamable_http_client(url, http_client=http), mode=mode) as client,
    ):
        assert not (await client.call_tool("mkdir", {"path": "/d"})).is_error


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Host": "evil.example"}, 421),
        ({"Host": "evil.example:80"}, 421),
        ({"Host": "127.0.0.1.evil.example:80"}, 421),
        ({"Host": "localhost:80"}, 200),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://localhost:3000"}, 200),
    ],
)
async def test_no_page_in_a_browser_gets_in_under_another_name(memory, session_id, headers, status):
    async with served(memory, session_id) as (url, _), httpx2.AsyncClient() as http:
        for version in ("2025-11-25", "2026-07-28"):
            sent = ACCEPT | {"MCP-Protocol-Version": version} | headers
            answer = await http.post(url, json=INITIALIZE, headers=sent)
            assert answer.status_code == (status if status != 200 or version < "2026" else 400)


async def test_behind_a_proxy_the_token_lets_in_under_any_name(memory, session_id):
    headers = ACCEPT | {"Host": "files.example.com", "Origin": "https://files.example.com"}
    async with served(memory, session_id, token=TOKEN) as (url, _), httpx2.AsyncClient() as http:
        for shown, status in (({"Authorization": f"Bearer {TOKEN}"}, 200), ({}, 401)):
            assert (await http.post(url, json=INITIALIZE, headers=headers | shown)).status_code == status


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "0", "::ffff:0.0.0.0"])
def test_beyond_loopback_a_token_is_needed(host):
    with pytest.raises(InvalidArgumentError, match="EVERSTORE_MCP_TOKEN"), listening(host, 0):
        pass
    with listening(host, 0, SecretStr(TOKEN)) as address:
        assert TOKEN not in repr(address)


@pytest.mark.parametrize("token", ["", "short", "x" * 15, "sixteen characters and more", "é" * 16, "=" * 20])
def test_a_token_that_is_none(token):
    with (
        pytest.raises(InvalidArgumentError, match="token_urlsafe") as caught,
        listening("127.0.0.1", 0, SecretStr(token)),
    ):
        pass
    assert not token or token not in str(caught.value)


def test_an_address_that_is_taken():
    with (
        listening("127.0.0.1", 0) as address,
        pytest.raises(InvalidArgumentError, match=r"^cannot listen at 127\.0\.0\.1:\d+: Address already"),
        listening("127.0.0.1", address.socket.getsockname()[1]),
    ):
        pass


@pytest.mark.parametrize(("host", "name"), [("localhost", "localhost"), ("::1", "[::1]")])
async def test_other_names_of_loopback(memory, session_id, host, name):
    with listening(host, 0) as address:
        assert address.url.startswith(f"http://{name}:")
        ending = asyncio.Event()
        task = asyncio.create_task(serve(memory, session_id, http=address, ending=ending))
        async with Client(address.url) as client:
            assert not (await client.call_tool("ls", {})).is_error
        ending.set()
        await task


class Slow(Middleware):
    """A storage in which a write waits until it may go on."""

    def __init__(self):
        self.begun = asyncio.Event()
        self.may_go_on = asyncio.Event()

    def wrap(self, verb, call):
        async def waited(*args, **kwargs):
            self.begun.set()
            await self.may_go_on.wait()
            return await call(*args, **kwargs)

        return waited if verb.name == "write_file" else call


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_a_call_under_way_at_the_end_is_answered(session_id, mode):
    slow = Slow()
    async with (
        everstore.open_store(environment={}, middleware=[slow]) as store,
        served(store, session_id) as (url, ending),
        Client(url, mode=mode) as client,
        asyncio.timeout(30),
    ):
        call = asyncio.create_task(client.call_tool("write", {"path": "/a", "content": "x"}))
        await slow.begun.wait()
        ending.set()
        slow.may_go_on.set()
        assert not (await call).is_error
        assert (await store.session(session_id).files.read_file("/a")).content == "x"


async def test_it_ends_under_clients_that_listen(memory, session_id):
    async with (
        asyncio.timeout(30),
        served(memory, session_id) as (url, ending),
        Client(url, mode="legacy"),  # which holds a stream open, too
        Client(url) as client,
        client.listen(resources_list_changed=True) as events,
    ):
        await client.call_tool("mkdir", {"path": "/d"})
        assert type(await anext(aiter(events))).__name__ == "ResourcesListChanged"
        ending.set()
        assert [event async for event in events] == []


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_what_is_large_comes_through(memory, session_id, mode):
    text = "\N{SNOWMAN}\0\n" * 1_000_000
    async with served(memory, session_id) as (url, _), Client(url, mode=mode) as client:
        assert not (await client.call_tool("write", {"path": "/a", "content": text})).is_error
        [resource] = (await client.list_resources()).resources
        assert (await client.read_resource(resource.uri)).contents[0].text == text


async def test_a_client_that_goes_away_cancels_its_call(session_id):
    slow = Slow()
    async with (
        everstore.open_store(environment={}, middleware=[slow]) as store,
        served(store, session_id) as (url, _),
        asyncio.timeout(30),
    ):
        async with Client(url) as client:
            call = asyncio.create_task(client.call_tool("write", {"path": "/a", "content": "x"}))
            await slow.begun.wait()
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
        async with Client(url) as client:
            await client.call_tool("ls", {})
            slow.may_go_on.set()
            await client.call_tool("mkdir", {"path": "/d"})
        assert await store.session(session_id).files.read_file("/a") is None
