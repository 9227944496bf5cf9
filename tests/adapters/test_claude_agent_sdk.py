"""The store of the Claude Agent SDK: its suite whole, its own store beside ours, its own code over ours."""

from __future__ import annotations

import asyncio
import json
import random
import sys
from uuid import uuid4

import pytest
from claude_agent_sdk import (
    ClaudeAgentOptions,
    InMemorySessionStore,
    delete_session_via_store,
    fork_session_via_store,
    get_session_messages_from_store,
    get_subagent_messages_from_store,
    list_sessions_from_store,
    list_subagents_from_store,
    project_key_for_directory,
    rename_session_via_store,
    tag_session_via_store,
)
from claude_agent_sdk._internal.session_resume import materialize_resume_session
from claude_agent_sdk._internal.transcript_mirror_batcher import TranscriptMirrorBatcher
from claude_agent_sdk.testing import run_session_store_conformance

from everstore.adapters.claude_agent_sdk import EverstoreSessionStore
from everstore.adapters.naming import labels_of, names_of

DIRECTORY = "/srv/project"
PROJECT = project_key_for_directory(DIRECTORY)


async def test_the_sdks_own_suite_holds_whole(store):
    async def fresh():
        for session_id in await store.session_ids():
            await store.delete_session(session_id)
        return EverstoreSessionStore(store)

    await run_session_store_conformance(fresh)


# -- beside the SDK's own


def entry(chance, number):
    fields = {
        "type": chance.choice(["user", "assistant", "tag", "x"]),
        "n": number,
        "text": chance.choice(["", "é\n", "\ud800"]),
    }
    fields |= chance.choice(
        [{}, {"uuid": str(uuid4())}, {"uuid": str(uuid4()), "timestamp": "2026-01-01T00:00:00Z"}]
    )
    fields |= chance.choice(
        [{}, {"customTitle": f"title {number}"}, {"message": {"role": "user", "content": f"prompt {number}"}}]
    )
    return fields | chance.choice([{}, {"cwd": "/srv"}, {"tag": f"t{number}"}, {"gitBranch": "main"}])


def key(chance):
    found = {"project_key": chance.choice(["a", "b"]), "session_id": chance.choice(["1", "2"])}
    subpath = chance.choice([None, None, "subagents/agent-1", "subagents/workflows/7/agent-2"])
    return found if subpath is None else found | {"subpath": subpath}


async def everything(store):
    found = {}
    for project in ("a", "b"):
        found[project] = sorted(each["session_id"] for each in await store.list_sessions(project))
        found[project, "summaries"] = sorted(
            json.dumps([each["session_id"], each["data"]], sort_keys=True)
            for each in await store.list_session_summaries(project)
        )
        for session in "12":
            at = {"project_key": project, "session_id": session}
            subkeys = sorted(await store.list_subkeys(at))
            found[project, session] = subkeys
            found[project, session, ""] = await store.load(at)
            for subpath in subkeys:
                found[project, session, subpath] = await store.load(at | {"subpath": subpath})
    return found


@pytest.mark.parametrize("seed", range(3))
async def test_calls_at_random_are_answered_as_the_sdks_own_store_does(store, seed):
    chance = random.Random(seed)
    ours, theirs = EverstoreSessionStore(store), InMemorySessionStore()
    for number in range(40):
        at = key(chance)
        if chance.random() < 0.15:
            for each in (ours, theirs):
                await each.delete(at)
            continue
        entries = [entry(chance, number * 10 + place) for place in range(chance.randint(1, 3))]
        for each in (ours, theirs):
            await each.append(at, entries)
    assert await everything(ours) == await everything(theirs)


# -- what the SDK's own does not promise


async def test_what_is_sent_twice_is_read_once(store):
    ours = EverstoreSessionStore(store)
    at = {"project_key": "p", "session_id": "s"}
    sent = [{"type": "user", "uuid": "1"}, {"type": "title"}, {"type": "user", "uuid": "2"}]
    await ours.append(at, sent)
    await ours.append(at, [*sent[2:], {"type": "title"}, {"type": "user", "uuid": "3"}])
    assert await ours.load(at) == [*sent, {"type": "title"}, {"type": "user", "uuid": "3"}]


async def test_fifty_appends_at_once_are_all_kept_whole_and_so_is_the_summary(store):
    at = {"project_key": "p", "session_id": "s"}

    async def append(number):
        entries = [{"type": "tag", "tag": str(number), "part": part} for part in range(3)]
        await EverstoreSessionStore(store).append(at, entries)

    await asyncio.gather(*map(append, range(50)))
    ours = EverstoreSessionStore(store)
    tags = [(each["tag"], each["part"]) for each in await ours.load(at)]
    assert sorted(int(tag) for tag, part in tags if part == 0) == list(range(50))
    assert all(tags[n : n + 3] == [(tags[n][0], part) for part in range(3)] for n in range(0, 150, 3))
    [summary] = await ours.list_session_summaries("p")
    assert summary["data"]["tag"] == tags[-1][0]


APPENDS = """
import asyncio, sys
import everstore
from everstore.adapters.claude_agent_sdk import EverstoreSessionStore

async def append(name):
    async with everstore.open_store() as store:
        ours = EverstoreSessionStore(store)
        for turn in range(15):
            entries = [{"type": "tag", "tag": f"{name} {turn} {part}"} for part in range(2)]
            await ours.append({"project_key": "p", "session_id": "s"}, entries)

asyncio.run(append(sys.argv[1]))
"""


async def test_another_process_appends_to_the_same_transcript_and_nothing_is_lost(environment, store):
    if environment["EVERSTORE_BACKEND"] == "memory":  # which no two processes share
        return
    ours, at = EverstoreSessionStore(store), {"project_key": "p", "session_id": "s"}
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", APPENDS, "child")
    ends = asyncio.create_task(child.wait())
    turns = 0
    while not ends.done():
        await ours.append(at, [{"type": "tag", "tag": f"here {turns} {part}"} for part in range(2)])
        turns += 1
        await asyncio.sleep(0.02)
    assert await ends == 0
    tags = [each["tag"].split() for each in await ours.load(at)]
    for name, appended in (("child", 15), ("here", turns)):
        mine = [(int(turn), int(part)) for who, turn, part in tags if who == name]
        assert mine == [(turn, part) for turn in range(appended) for part in range(2)]
    assert all(tags[n][:2] == tags[n + 1][:2] for n in range(0, len(tags), 2))
    [summary] = await ours.list_session_summaries("p")
    assert summary["data"]["tag"] == " ".join(tags[-1])


@pytest.mark.parametrize(
    "text", ["", "a/b/../c", "/" * 20, "\U0001f600 é", "x" * 10_000, "a\0b", "head/main"]
)
async def test_names_are_any_text(store, text):
    ours = EverstoreSessionStore(store)
    at = {"project_key": text, "session_id": text + "s", "subpath": text + "a"}
    await ours.append(at, [{"type": "a"}])
    assert await ours.list_sessions(text) == []
    await ours.append({**at, "subpath": None}, [{"type": "main"}])
    assert [each["session_id"] for each in await ours.list_sessions(text)] == [text + "s"]
    assert await ours.list_subkeys(at) == [text + "a"]
    assert await ours.load(at) == [{"type": "a"}]
    [record] = await store.sessions.list_sessions(labels=labels_of("claude_agent_sdk", {"project_key": text}))
    assert names_of(record, "project_key", "session_id") == {"project_key": text, "session_id": text + "s"}


# -- the SDK's own code over it


def user(session, uuid, parent, text):
    return {
        "type": "user", "uuid": uuid, "parentUuid": parent, "sessionId": session, "cwd": DIRECTORY,
        "timestamp": "2026-01-01T00:00:00.000Z", "message": {"role": "user", "content": text},
    }  # fmt: skip


async def mirrored(store, session):
    """What the SDK does while its command runs: frames of two files are mirrored, in batches."""
    errors = []

    async def failed(at, message):
        errors.append((at, message))

    batcher = TranscriptMirrorBatcher(store, "/home/.claude/projects", failed)
    main = f"/home/.claude/projects/{PROJECT}/{session}"
    first, second = str(uuid4()), str(uuid4())
    batcher.enqueue(f"{main}.jsonl", [user(session, first, None, "write the report")])
    batcher.enqueue(f"{main}/subagents/agent-1.jsonl", [user(session, str(uuid4()), None, "look it up")])
    await batcher.flush()
    batcher.enqueue(f"{main}.jsonl", [user(session, second, first, "and print it")])
    await batcher.close()
    assert errors == []


async def test_the_sdk_mirrors_lists_renames_forks_resumes_and_deletes(store, tmp_path, monkeypatch):
    for name in ("CLAUDE_CONFIG_DIR", "HOME"):  # the SDK looks for its settings there
        monkeypatch.setenv(name, str(tmp_path))
    ours, session = EverstoreSessionStore(store), str(uuid4())
    await mirrored(ours, session)
    await rename_session_via_store(ours, session, "Report", DIRECTORY)
    await tag_session_via_store(ours, session, "done", DIRECTORY)
    [info] = await list_sessions_from_store(ours, DIRECTORY)
    assert (info.session_id, info.custom_title, info.tag) == (session, "Report", "done")
    assert info.first_prompt == "write the report"
    messages = await get_session_messages_from_store(ours, session, DIRECTORY)
    assert [each.message["content"] for each in messages] == ["write the report", "and print it"]
    [agent] = await list_subagents_from_store(ours, session, DIRECTORY)
    [message] = await get_subagent_messages_from_store(ours, session, agent, DIRECTORY)
    assert message.message["content"] == "look it up"
    fork = await fork_session_via_store(ours, session, DIRECTORY)
    copied = await get_session_messages_from_store(ours, fork.session_id, DIRECTORY)
    assert [each.message["content"] for each in copied] == ["write the report", "and print it"]
    resumed = await materialize_resume_session(
        ClaudeAgentOptions(session_store=ours, resume=session, cwd=DIRECTORY)
    )
    assert resumed is not None
    [transcript] = resumed.config_dir.glob(f"projects/*/{session}.jsonl")
    assert [json.loads(line) for line in transcript.read_text().splitlines()] == await ours.load(
        {"project_key": PROJECT, "session_id": session}
    )
    assert [*resumed.config_dir.glob(f"projects/*/{session}/subagents/agent-1.jsonl")]
    await resumed.cleanup()
    await delete_session_via_store(ours, session, DIRECTORY)
    assert [each.session_id for each in await list_sessions_from_store(ours, DIRECTORY)] == [fork.session_id]
