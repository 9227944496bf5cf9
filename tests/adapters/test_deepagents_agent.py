"""Agents of deepagents, whose model is a script, that work in a session's files."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from deepagents import FilesystemPermission, create_deep_agent
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, ToolMessage

from everstore import sync
from everstore.adapters.deepagents import EverstoreBackend
from everstore.adapters.naming import id_of_names

if TYPE_CHECKING:
    from collections.abc import Iterator

    from langchain_core.messages import BaseMessage


class Scripted(GenericFakeChatModel):
    """A model that says what it was given to say, whatever tools there are."""

    def bind_tools(self, tools: Any, **options: Any) -> Scripted:
        return self


def asks(*calls: tuple[str, dict[str, Any]]) -> AIMessage:
    named = [{"name": name, "args": args, "id": uuid4().hex} for name, args in calls]
    return AIMessage(content="", tool_calls=named)


def agent_of(backend: EverstoreBackend, *turns: AIMessage, **options: Any):
    model = Scripted(messages=iter([*turns, AIMessage(content="done")]))
    return create_deep_agent(model, backend=backend, **options)


def on(thread_id: str) -> dict[str, Any]:
    return {"configurable": {"thread_id": thread_id}}


def answers(result: dict[str, Any]) -> list[str]:
    messages: list[BaseMessage] = result["messages"]
    return [str(message.content) for message in messages if isinstance(message, ToolMessage)]


TASK = {"messages": [("user", "write, edit and read a file")]}
TURNS = [
    asks(("write_file", {"file_path": "/plan.md", "content": "one\ntwo\n"})),
    asks(("edit_file", {"file_path": "/plan.md", "old_string": "two", "new_string": "2"})),
    asks(("read_file", {"file_path": "/plan.md"}), ("grep", {"pattern": "2", "output_mode": "content"})),
    asks(("ls", {"path": "/"}), ("glob", {"pattern": "*.md"})),
]


async def test_an_agent_writes_edits_reads_and_searches(store):
    agent = agent_of(EverstoreBackend(store), *TURNS)
    told = answers(await agent.ainvoke(TASK, on("a/thread")))
    assert "one\n2" in told[2]
    assert "/plan.md" in told[3]
    assert "/plan.md" in told[4]
    assert "/plan.md" in told[5]
    session = id_of_names("deepagents", {"thread_id": "a/thread"})
    assert (await store.session(session).files.read_file("plan.md")).content == "one\n2\n"
    [record] = await store.sessions.list_sessions(labels={"framework": "deepagents", "thread_id": "a/thread"})
    assert record.id == session


@pytest.fixture
def blocking(environment) -> Iterator[sync.Store]:
    with sync.open_store() as opened:
        yield opened


def test_an_agent_works_without_await_and_on_another_loop(blocking):
    for run in (
        lambda agent: agent.invoke(TASK, on("b")),
        lambda agent: asyncio.run(agent.ainvoke(TASK, on("c"))),
    ):
        assert "one\n2" in answers(run(agent_of(EverstoreBackend(blocking), *TURNS)))[2]


async def test_agents_beside_each_other_that_edit_one_file_lose_nothing(store):
    """In one turn deepagents refuses a second edit of a file, which its own backends would lose; not here."""
    backend = EverstoreBackend(store, namespace=lambda _: ("team",))
    await backend.awrite("/log", "".join(f"<{line}>\n" for line in range(8)))
    edits = [{"file_path": "/log", "old_string": f"<{n}>", "new_string": f"<{n} done>"} for n in range(8)]
    agents = [agent_of(backend, asks(("edit_file", edit))) for edit in edits]
    await asyncio.gather(*(agent.ainvoke(TASK) for agent in agents))
    assert len((await backend.agrep("done")).matches) == 8


async def test_a_run_sees_what_its_user_may(store):
    """The namespace is made of the run's context; deepagents' rules hold for every spelling of a path."""
    backend = EverstoreBackend(store, namespace=lambda run: (run.context["user"],))
    secret = asks(("write_file", {"file_path": "/secrets/key", "content": "k"}))
    reads = asks(
        ("read_file", {"file_path": "/secrets/key"}),
        ("read_file", {"file_path": "/workspace/secrets/key"}),
        ("read_file", {"file_path": "//secrets/./key"}),
    )
    await agent_of(backend, secret, context_schema=dict).ainvoke(TASK, context={"user": "ada"})
    rules = [FilesystemPermission(operations=["read"], paths=["/secrets/**"], mode="deny")]
    for user in ("ada", "bob"):
        agent = agent_of(backend, reads, context_schema=dict, permissions=rules)
        told = answers(await agent.ainvoke(TASK, context={"user": user}))
        assert len(told) == 3
        assert all(answer.startswith("Error") for answer in told), told
    told = answers(await agent_of(backend, reads, context_schema=dict).ainvoke(TASK, context={"user": "bob"}))
    assert "not found" in told[0]
