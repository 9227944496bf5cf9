"""The memory tool beside the SDK's own over local files: the same answers, and nothing lost."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from random import Random
from uuid import UUID

import httpx2 as httpx
import pytest
from anthropic import Anthropic, AsyncAnthropic
from anthropic.lib.tools import ToolError
from anthropic.lib.tools._beta_builtin_memory_tool import BetaAsyncLocalFilesystemMemoryTool

import everstore
from everstore import InitialFile, sync
from everstore.adapters.anthropic_memory import EverstoreMemoryTool, EverstoreSyncMemoryTool

SESSION = UUID(int=7 << 76 | 1)
NAMES = ["a", "b.md", "c d", ".hidden", "é"]
TEXTS = [
    "",
    "one\n",
    "one\ntwo\nthree\nfour\nfive\nsix",
    "aaa",
    "x\r\ny\r\n",
    "tab\there\n\n",
    "one",
    "\n",
    "two\n" * 3,
]


@pytest.fixture
async def memory(store):
    return EverstoreMemoryTool(store, SESSION)


async def answer(tool, command):
    """What a command answers, or that it is refused, without the sizes of directories, which differ."""
    try:
        told = await tool.call(command)
    except ToolError as error:
        return "refused", str(error)
    except OSError:  # the SDK's own has no words for it
        return "refused", None
    head, *lines = told.split("\n")
    if head.endswith("excluding hidden items:"):
        top, *rows = (line.split("\t") for line in lines)
        return head, top[1], [(None if name.endswith("/") else size, name) for size, name in rows]
    return told


def path_of(random):
    place = "/memories" + "".join(
        f"/{random.choice(NAMES)}" for _ in range(random.choice([0, 1, 1, 1, 2, 2, 3]))
    )
    odd = {
        "up": f"{place}/x/..",
        "out": "/memories/../memories",
        "else": "/tmp/a",
        "double": f"{place}//",
        "dot": f"{place}/.",
    }
    return place if random.random() < 0.93 else odd[random.choice(list(odd))]


def command_of(random):
    path, other, text = path_of(random), path_of(random), random.choice(TEXTS)
    span = random.choice([None, [1, 2], [2, -1], [0, 1], [3, 2], [9, 12], [1], [-3, -2]])
    return random.choice(
        [
            {"command": "view", "path": path, "view_range": span},
            {"command": "view", "path": random.choice(["/memories", "/memories/", path])},
            {"command": "create", "path": path, "file_text": text},
            {"command": "create", "path": path, "file_text": text},
            {
                "command": "str_replace",
                "path": path,
                "old_str": random.choice(["one", "two", "aa", "a", "e\nt", "", "x\r\n", "absent"]),
                "new_str": text,
            },
            {
                "command": "insert",
                "path": path,
                "insert_line": random.choice([-1, 0, 1, 2, 9]),
                "insert_text": text,
            },
            {"command": "delete", "path": path},
            {"command": "rename", "old_path": path, "new_path": other},
        ]
    )


@pytest.mark.parametrize("seed", range(3))
async def test_the_same_commands_have_the_same_answers(environment, memory, tmp_path, seed):
    random, own = Random(seed), BetaAsyncLocalFilesystemMemoryTool(str(tmp_path / "own"))
    for _ in range(150 if environment["EVERSTORE_BACKEND"] == "memory" else 40):
        command = command_of(random)
        folders = {folder for folder in (tmp_path / "own").rglob("*") if folder.is_dir()}
        expected, told = await answer(own, command), await answer(memory, command)
        if expected[0] == "refused":  # which leaves folders behind that it had made on the way
            made = {folder for folder in (tmp_path / "own").rglob("*") if folder.is_dir()} - folders
            for folder in sorted(made, reverse=True):
                folder.rmdir()
        if expected == ("refused", None):
            assert told[0] == "refused", command
        else:
            assert told == expected, command
    assert await answer(memory, {"command": "view", "path": "/memories"}) == await answer(
        own, {"command": "view", "path": "/memories"}
    )
    assert await memory.clear_all_memory() == await own.clear_all_memory()
    empty = {"command": "view", "path": "/memories"}
    assert await answer(memory, empty) == await answer(own, empty)


async def test_a_directory_s_size_is_that_of_what_is_in_it(memory):
    await memory.call({"command": "create", "path": "/memories/d/e/a", "file_text": "x" * 1536})
    await memory.call({"command": "create", "path": "/memories/d/b", "file_text": "x" * 512})
    told = await memory.call({"command": "view", "path": "/memories"})
    assert told.split("\n")[1:] == [
        "2K\t/memories",
        "2K\t/memories/d/",
        "512B\t/memories/d/b",
        "1.5K\t/memories/d/e/",
    ]


async def test_nothing_outside_of_the_memory_is_seen_or_changed(store, memory):
    files = store.session(SESSION).files
    await files.write_file("/secret", "x")
    await files.write_file("/memoriesx", "x")
    before = await files.list_tree()
    for path in (
        "/secret",
        "/memories/../secret",
        "/memories/a/../../secret",
        "/memoriesx",
        "memories/a",
        "",
        "/",
    ):
        for command in (
            {"command": "view", "path": path},
            {"command": "create", "path": path, "file_text": "x"},
            {"command": "str_replace", "path": path, "old_str": "x", "new_str": "y"},
            {"command": "insert", "path": path, "insert_line": 0, "insert_text": "y"},
            {"command": "delete", "path": path},
            {"command": "rename", "old_path": path, "new_path": "/memories/stolen"},
            {"command": "rename", "old_path": "/memories/a", "new_path": path},
        ):
            told = await answer(memory, command)
            assert told[0] == "refused"
            assert re.search("must start with /memories|would escape /memories", told[1])
    await memory.clear_all_memory()
    assert await files.list_tree() == before


async def test_twenty_at_once_lose_nothing(environment, store):
    # Two clients of one storage, where there can be two.
    async with everstore.open_store() as second:
        stores = [store, store if environment["EVERSTORE_BACKEND"] == "memory" else second]
        tools = [EverstoreMemoryTool(stores[number % 2], SESSION) for number in range(20)]
        text = "".join(f"line {number};\n" for number in range(20))
        [tool, *_] = tools
        await tool.call({"command": "create", "path": "/memories/a", "file_text": text})
        await asyncio.gather(
            *(
                tool.call(
                    {
                        "command": "str_replace",
                        "path": "/memories/a",
                        "old_str": f"line {number};",
                        "new_str": f"done {number};",
                    }
                )
                for number, tool in enumerate(tools)
            ),
            *(
                tool.call(
                    {
                        "command": "insert",
                        "path": "/memories/a",
                        "insert_line": 0,
                        "insert_text": f"new {number};",
                    }
                )
                for number, tool in enumerate(tools)
            ),
        )
        file = await store.session(SESSION).files.read_file("/memories/a")
        assert sorted(file.content.split("\n")[:-1]) == sorted(
            [f"done {number};" for number in range(20)] + [f"new {number};" for number in range(20)]
        )
        for command in (
            {"command": "create", "path": "/memories/one", "file_text": "x"},
            {"command": "rename", "old_path": "/memories/one", "new_path": "/memories/two"},
            {"command": "delete", "path": "/memories/two"},
        ):
            told = await asyncio.gather(*(answer(tool, command) for tool in tools))
            assert sum(each[0] != "refused" for each in told) == 1


_WORKER = """
import asyncio, sys, uuid, everstore
from everstore.adapters.anthropic_memory import EverstoreMemoryTool

async def main():
    async with everstore.open_store() as store:
        tool = EverstoreMemoryTool(store, uuid.UUID(sys.argv[1]))
        print("ready", flush=True)
        for number in range(20):
            at = {"command": "insert", "path": "/memories/a", "insert_line": 0}
            await tool.call({**at, "insert_text": f"theirs {number}"})

asyncio.run(main())
"""


async def test_two_processes_lose_nothing(environment, store, memory):
    if environment["EVERSTORE_BACKEND"] != "sqlite":
        return  # no other process has the memory, and PostgreSQL knows of clients only
    await memory.call({"command": "create", "path": "/memories/a", "file_text": ""})
    worker = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _WORKER, str(SESSION), stdout=asyncio.subprocess.PIPE
    )
    await worker.stdout.readline()
    for number in range(20):
        at = {"command": "insert", "path": "/memories/a", "insert_line": 0}
        await memory.call({**at, "insert_text": f"ours {number}"})
    assert await worker.wait() == 0
    file = await store.session(SESSION).files.read_file("/memories/a")
    lines = [f"{name} {number}" for name in ("ours", "theirs") for number in range(20)]
    assert sorted(file.content.split("\n")[:-1]) == sorted(lines)


async def test_what_the_store_refuses_is_told_in_words_for_a_model(environment):
    async with everstore.open_store(limits__session_entries=2, limits__file_bytes=10) as store:
        tool = EverstoreMemoryTool(store, SESSION)
        files = store.session(SESSION).files
        await store.file_system.seed_initial_file(
            SESSION, InitialFile("/memories/kept", "x", is_readonly=True)
        )
        refused = [
            {"command": "create", "path": "/memories/b", "file_text": "x"},
            {"command": "insert", "path": "/memories/kept", "insert_line": 0, "insert_text": "x"},
            {"command": "insert", "path": "/memories/kept", "insert_line": 0, "insert_text": "x" * 20},
            {"command": "str_replace", "path": "/memories/kept", "old_str": "x", "new_str": "y"},
            {"command": "delete", "path": "/memories/kept"},
            {"command": "rename", "old_path": "/memories/kept", "new_path": "/memories/b"},
            {"command": "create", "path": "/memories/a\0b", "file_text": "x"},
            {"command": "create", "path": "/memories/kept/b", "file_text": "x"},
            {"command": "view", "path": "/memories/" + "x" * 300},
        ]
        for command in refused:
            told = await answer(tool, command)
            assert told[0] == "refused"
            assert told[1]
            assert "EVERSTORE" not in told[1]
        with pytest.raises(ToolError):
            await tool.clear_all_memory()
        assert (await files.read_file("/memories/kept")).content == "x"


async def test_bytes_that_are_text_are_shown_and_others_are_told_of(store, memory):
    files = store.session(SESSION).files
    await files.write_bytes("/memories/text", "één\n".encode())
    await files.write_bytes("/memories/bytes", b"\xff\xfe")
    assert "één" in await memory.call({"command": "view", "path": "/memories/text"})
    told = await memory.call(
        {"command": "str_replace", "path": "/memories/text", "old_str": "één", "new_str": "twee"}
    )
    assert told.endswith("\ttwee\n     2\t")
    assert (await files.read_file("/memories/text")).content == "twee\n"
    with pytest.raises(ToolError, match="is not text"):
        await memory.call({"command": "view", "path": "/memories/bytes"})
    with pytest.raises(ToolError, match="is not text"):
        await memory.call(
            {"command": "insert", "path": "/memories/bytes", "insert_line": 0, "insert_text": "x"}
        )


def model(commands, seen):
    """A server that has the model use the tool once for each command, and then end its turn."""
    turns = iter(commands)

    def answered(request):
        seen.append(json.loads(request.content))
        command = next(turns, None)
        block = {"type": "text", "text": "Done."}
        if command is not None:
            block = {"type": "tool_use", "id": f"use_{len(seen)}", "name": "memory", "input": command}
        return httpx.Response(
            200,
            json={
                "id": f"msg_{len(seen)}",
                "type": "message",
                "role": "assistant",
                "model": "fake",
                "content": [block],
                "stop_reason": "end_turn" if command is None else "tool_use",
                "stop_sequence": None,
                "usage": {"input_tokens": 1, "output_tokens": 1},
            },
        )

    return httpx.MockTransport(answered)


TASK = [
    {"command": "view", "path": "/memories"},
    {"command": "create", "path": "/memories/tastes.md", "file_text": "Likes tea.\n"},
    {"command": "str_replace", "path": "/memories/tastes.md", "old_str": "tea", "new_str": "coffee"},
    {"command": "insert", "path": "/memories/none", "insert_line": 0, "insert_text": "x"},
]
ASKED = {"model": "fake", "max_tokens": 100, "messages": [{"role": "user", "content": "Remember: coffee."}]}


def check_task(seen):
    assert seen[0]["tools"] == [{"type": "memory_20250818", "name": "memory"}]
    results = [request["messages"][-1]["content"][0] for request in seen[1:]]
    assert [result.get("is_error", False) for result in results] == [False, False, False, True]
    assert results[2]["content"].endswith("     1\tLikes coffee.\n     2\t")


async def test_an_agent_of_the_sdk_remembers(store):
    seen = []
    async with httpx.AsyncClient(transport=model(TASK, seen)) as http:
        client = AsyncAnthropic(api_key="none", http_client=http)
        runner = client.beta.messages.tool_runner(tools=[EverstoreMemoryTool(store, SESSION)], **ASKED)
        message = await runner.until_done()
    assert message.content[0].text == "Done."
    check_task(seen)
    assert (await store.session(SESSION).files.read_file("/memories/tastes.md")).content == "Likes coffee.\n"


def test_an_agent_without_await_remembers(environment):
    seen = []
    with sync.open_store() as store, httpx.Client(transport=model(TASK, seen)) as http:
        tool = EverstoreSyncMemoryTool(store, SESSION, cache_control=None)
        client = Anthropic(api_key="none", http_client=http)
        client.beta.messages.tool_runner(tools=[tool], **ASKED).until_done()
        check_task(seen)
        assert store.session(SESSION).files.read_file("/memories/tastes.md").content == "Likes coffee.\n"
        tool.call({"command": "rename", "old_path": "/memories/tastes.md", "new_path": "/memories/b"})
        tool.call({"command": "insert", "path": "/memories/b", "insert_line": 1, "insert_text": "More."})
        tool.call({"command": "delete", "path": "/memories/b"})
        assert tool.clear_all_memory() == "All memory cleared"
