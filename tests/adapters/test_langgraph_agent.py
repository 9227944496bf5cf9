"""Agents of LangGraph, with a fake model, over ``EverstoreSaver`` and ``EverstoreStore``; one is killed."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE
from operator import add
from typing import Annotated, Any, TypedDict

from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langgraph.channels.delta import DeltaChannel
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.config import get_store
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.types import Command, interrupt

import everstore
from everstore import sync
from everstore.adapters.langgraph import EverstoreSaver, EverstoreStore

CONFIG: Any = {"configurable": {"thread_id": "a/thread \N{SNOWMAN}"}}
STEPS = 6


def answers() -> GenericFakeChatModel:
    call = {"name": "weather", "args": {"city": "Oslo"}, "id": "call 1"}
    return GenericFakeChatModel(
        messages=iter([AIMessage("", tool_calls=[call]), AIMessage("It rains in Oslo."), AIMessage("Bye.")])
    )


def agent(saver: Any, memory: Any, model: Any) -> Any:
    """A model that calls a tool, which asks a human first, and remembers what was asked."""

    async def think(state: MessagesState) -> dict[str, Any]:
        return {"messages": [await model.ainvoke(state["messages"])]}

    async def act(state: MessagesState) -> dict[str, Any]:
        [call] = state["messages"][-1].tool_calls
        allowed = interrupt({"may I": call["args"]["city"]})
        await get_store().aput(("asked",), call["args"]["city"], {"allowed": allowed})
        return {"messages": [ToolMessage("rain" if allowed else "no", tool_call_id=call["id"])]}

    def next_step(state: MessagesState) -> str:
        return "act" if state["messages"][-1].tool_calls else END

    graph = StateGraph(MessagesState)
    graph.add_node(think)
    graph.add_node(act)
    graph.add_edge(START, "think")
    graph.add_conditional_edges("think", next_step, ["act", END])
    graph.add_edge("act", "think")
    return graph.compile(checkpointer=saver, store=memory)


def texts(state: Any) -> list[str]:
    return [message.content for message in state.values["messages"]]


async def test_an_agent_stops_for_a_human_and_another_goes_on(store):
    memory, model = EverstoreStore(store), answers()
    first = await agent(EverstoreSaver(store), memory, model).ainvoke(
        {"messages": [HumanMessage("How is the weather?")]}, CONFIG
    )
    assert [each.value for each in first["__interrupt__"]] == [{"may I": "Oslo"}]
    graph = agent(EverstoreSaver(store), memory, model)  # as in another process
    last = await graph.ainvoke(Command(resume=True), CONFIG)
    assert [message.content for message in last["messages"]][-2:] == ["rain", "It rains in Oslo."]
    item = await memory.aget(("asked",), "Oslo")
    assert item is not None
    assert item.value == {"allowed": True}

    history = [state async for state in graph.aget_state_history(CONFIG)]
    assert [len(texts(state)) for state in history] == [4, 3, 2, 1, 0]
    asked = next(state for state in history if state.next == ("act",))
    again = await graph.ainvoke(
        None, asked.config
    )  # time travel: a branch, in which the human is asked again
    assert [each.value for each in again["__interrupt__"]] == [{"may I": "Oslo"}]
    refused = await graph.ainvoke(Command(resume=False), CONFIG)
    assert [message.content for message in refused["messages"]][-2:] == ["no", "Bye."]
    assert texts(await graph.aget_state(CONFIG))[-2:] == ["no", "Bye."]
    assert texts(await graph.aget_state(history[0].config))[-2:] == ["rain", "It rains in Oslo."]
    edited = await graph.aupdate_state(CONFIG, {"messages": [AIMessage("Edited.")]})
    assert texts(await graph.aget_state(edited))[-1] == "Edited."


class Done(TypedDict):
    done: Annotated[list[str], add]


def test_an_agent_without_await(environment):
    graph = StateGraph(Done)
    graph.add_node("one", lambda _: {"done": ["one"]})
    graph.add_node("two", lambda _: {"done": [interrupt("go on?")]})
    graph.add_edge(START, "one")
    graph.add_edge("one", "two")
    with sync.open_store() as store:
        compiled = graph.compile(checkpointer=EverstoreSaver(store), store=EverstoreStore(store))
        compiled.invoke({"done": []}, CONFIG)
        assert compiled.get_state(CONFIG).next == ("two",)
        assert compiled.invoke(Command(resume="yes"), CONFIG) == {"done": ["one", "yes"]}
        assert [state.values.get("done") for state in compiled.get_state_history(CONFIG)] == [
            ["one", "yes"],
            ["one"],
            [],
            [],
        ]
        assert asyncio.run(compiled.aget_state(CONFIG)).values == {"done": ["one", "yes"]}


def joined(state: list[str], writes: list[list[str]]) -> list[str]:
    return [*state, *(each for write in writes for each in write)]


class Talk(TypedDict):
    messages: Annotated[list[str], DeltaChannel(joined, snapshot_frequency=4)]


async def test_delta_channels_are_as_with_the_memory_saver_and_survive_pruning(store):
    graph = StateGraph(Talk)
    graph.add_node("left", lambda state: {"messages": [f"left {len(state['messages'])}"]})
    graph.add_node("right", lambda state: {"messages": [f"right {len(state['messages'])}"]})
    graph.add_edge(START, "left")
    graph.add_edge(START, "right")
    saver = EverstoreSaver(store)
    ours, theirs = graph.compile(checkpointer=saver), graph.compile(checkpointer=InMemorySaver())
    for turn in range(5):
        for compiled in (ours, theirs):
            await compiled.ainvoke({"messages": [f"turn {turn}"]}, CONFIG)
        expected = (await theirs.aget_state(CONFIG)).values
        assert len(expected["messages"]) == 3 * (turn + 1)
        assert (await ours.aget_state(CONFIG)).values == expected
        if turn % 2:
            before = len([each async for each in saver.alist(CONFIG)])
            await saver.aprune([CONFIG["configurable"]["thread_id"]])
            assert (await ours.aget_state(CONFIG)).values == expected
            assert len([each async for each in saver.alist(CONFIG)]) < before


# -- killed -----------------------------------------------------------------------------------------


class Work(TypedDict):
    done: Annotated[list[int], add]


def worker(saver: Any, *, stop_at: int | None) -> Any:
    """A graph of as many steps, which says so before it begins one, and stands still in one."""

    async def step(state: Work) -> dict[str, list[int]]:
        number = len(state["done"])
        print(number, flush=True)  # noqa: T201 - to who kills it
        if number == stop_at:
            await asyncio.Event().wait()
        return {"done": [number]}

    graph = StateGraph(Work)
    graph.add_node(step)
    graph.add_edge(START, "step")
    graph.add_conditional_edges("step", lambda state: "step" if len(state["done"]) < STEPS else END)
    return graph.compile(checkpointer=saver)


async def run_until_killed() -> None:
    async with everstore.open_store() as store:
        await worker(EverstoreSaver(store), stop_at=3).ainvoke({"done": []}, CONFIG, durability="sync")


async def test_an_agent_that_is_killed_in_the_middle_goes_on_in_another_process(environment):
    if environment["EVERSTORE_BACKEND"] == "memory":
        return  # it is gone with its process
    child = await asyncio.create_subprocess_exec(sys.executable, __file__, stdout=PIPE)
    assert child.stdout is not None
    for number in range(4):
        assert await child.stdout.readline() == f"{number}\n".encode()
    os.kill(child.pid, signal.SIGKILL)
    assert await child.wait() == -signal.SIGKILL
    async with everstore.open_store() as store:
        graph = worker(EverstoreSaver(store), stop_at=None)
        left = await graph.aget_state(CONFIG)
        assert (left.values, left.next) == ({"done": [0, 1, 2]}, ("step",))
        assert await graph.ainvoke(None, CONFIG) == {"done": list(range(STEPS))}


if __name__ == "__main__":
    asyncio.run(run_until_killed())
