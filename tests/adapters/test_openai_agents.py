"""The session of the OpenAI Agents SDK: its own sessions beside ours, races, and a run of an agent."""

from __future__ import annotations

import asyncio
import json
import random
import sys

import pytest
from agents import Agent, RunConfig, Runner, SQLiteSession, function_tool, set_tracing_disabled
from agents.items import ModelResponse
from agents.memory import Session, SessionSettings
from agents.models.interface import Model
from agents.usage import Usage
from openai.types.responses import (
    ResponseFunctionToolCall,
    ResponseOutputMessage,
    ResponseOutputText,
)

from everstore.adapters.openai_agents import EverstoreSession

set_tracing_disabled(True)


def message(text):
    return {"role": "user", "content": text}


async def contents(session, limit=None):
    return [item["content"] for item in await session.get_items(limit)]


# -- beside the SDK's own

ITEMS = (
    message("one"),
    message("\ud800 \U0001f600 \0"),
    {"type": "function_call_output", "call_id": "1", "output": {"a": [1, None, 1.5, True]}},
    {"type": "reasoning", "summary": []},
)


@pytest.mark.parametrize("seed", range(4))
async def test_calls_at_random_are_answered_as_the_sdks_own_session_does(store, seed):
    chance = random.Random(seed)
    settings = chance.choice([None, SessionSettings(limit=3), {"limit": 0}])
    theirs = SQLiteSession("s", session_settings=settings)
    for _ in range(60):
        ours = EverstoreSession(store, "s", session_settings=settings)
        call = chance.choice(["add", "add", "add", "get", "get", "pop", "clear"])
        if call == "add":
            items = [chance.choice(ITEMS) for _ in range(chance.randint(0, 3))]
            assert await ours.add_items(items) is await theirs.add_items(items)
        elif call == "get":
            limit = chance.choice([None, 0, 1, 2, 5, -1])
            assert await ours.get_items(limit) == await theirs.get_items(limit)
        elif call == "pop":
            assert await ours.pop_item() == await theirs.pop_item()
        elif chance.random() < 0.4:
            assert await ours.clear_session() is await theirs.clear_session()
        assert await ours.get_items(-1) == await theirs.get_items(-1)
    theirs.close()


async def test_it_is_a_session_to_the_sdk_and_keeps_its_settings(store):
    session = EverstoreSession(store, "s", session_settings={"limit": 2})
    assert isinstance(session, Session)
    assert session.session_settings == SessionSettings(limit=2)
    assert EverstoreSession(store, "s").session_settings == SessionSettings()


async def test_what_json_cannot_hold_is_refused_and_nothing_is_added(store):
    session = EverstoreSession(store, "s")
    with pytest.raises(TypeError):
        await session.add_items([message("one"), {"content": object()}])
    assert await session.get_items() == []


# -- races


async def test_fifty_adders_lose_nothing_and_nobody_comes_in_between(store):
    sessions = [EverstoreSession(store, "s") for _ in range(50)]
    for turn in range(3):
        await asyncio.gather(
            *(
                session.add_items([message(f"{number} {turn} {part}") for part in range(3)])
                for number, session in enumerate(sessions)
            )
        )
    added = [text.split() for text in await contents(sessions[0])]
    assert len(added) == 450
    assert all(
        added[n : n + 3] == [[*added[n][:2], str(part)] for part in range(3)] for n in range(0, 450, 3)
    )
    for number in range(50):
        assert [turn for who, turn, part in added if who == str(number) and part == "0"] == ["0", "1", "2"]


async def test_no_two_who_pop_get_the_same_and_adders_lose_nothing(store):
    session = EverstoreSession(store, "s")
    await session.add_items([message(str(number)) for number in range(30)])

    async def pop():
        found = await EverstoreSession(store, "s").pop_item()
        return found and found["content"]

    async def add(number):
        await EverstoreSession(store, "s").add_items([message(str(number))])

    popped = [*await asyncio.gather(*(pop() if n % 2 else add(100 + n) for n in range(50)))]
    popped = [each for each in popped if each is not None]
    left = await contents(session)
    assert len(popped) == 25
    assert sorted(map(int, popped + left)) == sorted([*range(30), *range(100, 150, 2)])
    rest = await asyncio.gather(*(pop() for _ in range(40)))
    assert [each for each in rest if each is not None] == left[::-1]
    assert rest[30:] == [None] * 10


async def test_who_clears_takes_all_or_what_was_added_first(store):
    for turn in range(10):
        session = EverstoreSession(store, f"s{turn}")
        await session.add_items([message("old")])
        adds = (EverstoreSession(store, f"s{turn}").add_items([message(str(n))] * 2) for n in range(5))
        await asyncio.gather(*adds, session.clear_session())
        left = await contents(session)
        assert "old" not in left
        assert all(left[n] == left[n + 1] for n in range(0, len(left), 2))
        listed = [found async for found in EverstoreSession.list_session_ids(store)]
        assert f"s{turn}" in listed or not left


async def test_who_gives_up_clearing_and_goes_on_is_still_listed(store):
    for ticks in range(12):
        session = EverstoreSession(store, f"s{ticks}")
        await session.add_items([message("old")])
        clearing = asyncio.ensure_future(session.clear_session())
        for _ in range(ticks):
            await asyncio.sleep(0)
        clearing.cancel()
        await asyncio.gather(clearing, return_exceptions=True)
        await session.add_items([message("new")])
        assert (await contents(session))[-1] == "new"
        assert [found async for found in EverstoreSession.list_session_ids(store)].count(f"s{ticks}") == 1


ADDS = """
import asyncio, sys
import everstore
from everstore.adapters.openai_agents import EverstoreSession

async def work(name):
    popped = []
    async with everstore.open_store() as store:
        session = EverstoreSession(store, "s")
        for turn in range(40):
            await session.add_items([{"content": f"{name} {turn} {part}"} for part in range(2)])
            if turn % 4 == 0:
                popped.append((await session.pop_item())["content"])
    print("\\n".join(popped))

asyncio.run(work(sys.argv[1]))
"""


async def test_another_process_adds_and_pops_and_nothing_is_lost_or_taken_twice(environment, store):
    if environment["EVERSTORE_BACKEND"] == "memory":  # which no two processes share
        return
    session = EverstoreSession(store, "s")
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", ADDS, "child", stdout=asyncio.subprocess.PIPE
    )
    ends = asyncio.create_task(child.communicate())
    popped, turns = [], 0
    while not ends.done():
        await session.add_items([message(f"here {turns} {part}") for part in range(2)])
        turns += 1
        if turns % 3 == 0:
            popped.append((await session.pop_item())["content"])
        await asyncio.sleep(0.02)
    output, _ = await ends
    assert child.returncode == 0
    left = await contents(session)
    added = [
        f"{name} {turn} {part}"
        for name, most in (("child", 40), ("here", turns))
        for turn in range(most)
        for part in range(2)
    ]
    assert sorted(popped + output.decode().splitlines() + left) == sorted(added)
    for name in ("child", "here"):
        mine = [tuple(map(int, text.split()[1:])) for text in left if text.startswith(name)]
        assert mine == sorted(mine)


# -- ids


@pytest.mark.parametrize("name", ["", "a/b/../c", "\U0001f600 é", "x" * 10_000, "a\0b", "~#", "history/next"])
async def test_ids_are_any_text_and_are_listed(store, name):
    session = EverstoreSession(store, name)
    await session.add_items([message("x")])
    await EverstoreSession(store, name + "other").add_items([message("y")])
    assert [found async for found in EverstoreSession.list_session_ids(store)] == [name + "other", name]
    assert await contents(EverstoreSession(store, name)) == ["x"]
    await session.clear_session()
    assert [found async for found in EverstoreSession.list_session_ids(store)] == [name + "other"]


async def test_what_else_the_session_holds_is_left_alone(store):
    session = EverstoreSession(store, "s")
    work = store.session(session.everstore_id)
    await work.storage.set_value("zebra", "mine")
    await work.storage.set_value("a", "mine")
    await session.add_items([message("x"), message("y")])
    assert await contents(session, 1) == ["y"]
    assert (await session.pop_item())["content"] == "y"
    await session.clear_session()
    assert [info.key for info in await work.storage.list_keys()] == ["a", "zebra"]


# -- a run


class FakeModel(Model):
    """Asks for the tool once, then answers with what the tool said and how much it was shown."""

    async def get_response(self, system_instructions, input, *_, **__):  # noqa: A002 - the SDK's name
        items = [input] if isinstance(input, str) else input
        output = [item for item in items if item.get("type") == "function_call_output"]
        last = items[-1]
        if last.get("role") == "user" and "weather" in last["content"]:
            call = ResponseFunctionToolCall(
                id="f1",
                call_id=f"c{len(items)}",
                type="function_call",
                name="weather",
                arguments='{"city": "Oslo"}',
            )
            return ModelResponse(output=[call], usage=Usage(), response_id=None)
        text = f"{len(items)} items; {output[-1]['output'] if output else 'no tool'}"
        content = [ResponseOutputText(text=text, type="output_text", annotations=[])]
        answer = ResponseOutputMessage(
            id="m", role="assistant", type="message", status="completed", content=content
        )
        return ModelResponse(output=[answer], usage=Usage(), response_id=None)

    def stream_response(self, *_, **__):
        raise NotImplementedError


@function_tool
def weather(city: str) -> str:
    """The weather in a city."""
    return f"{city}: rain"


async def test_an_agent_runs_over_it_as_over_the_sdks_own(store, tmp_path):
    agent = Agent("a", model=FakeModel(), tools=[weather])
    theirs = SQLiteSession("s", tmp_path / "own.db")
    ours = EverstoreSession(store, "s")
    for text in ("hello", "the weather, please", "thanks"):
        for session in (ours, theirs):
            await Runner.run(agent, text, session=session)
    items = await ours.get_items()
    assert items == await theirs.get_items()
    assert "Oslo: rain" in json.dumps(items)
    limited = RunConfig(session_settings=SessionSettings(limit=2))
    answers = [
        await Runner.run(agent, "short", session=session, run_config=limited) for session in (ours, theirs)
    ]
    assert answers[0].final_output == answers[1].final_output
    theirs.close()
