"""Forks of values in a database that others write to, and what they leave there; records of checkpoints."""

from __future__ import annotations

import asyncio
import re
import sys
from contextlib import suppress
from uuid import UUID

import pytest

from everstore import Session, errors, new_session_id
from everstore.models import new_checkpoint_id
from everstore_sqlite.value_forks import _DIFFERENCES

SESSION_ID = UUID(int=7)

PROGRAM = """
import asyncio, sys, uuid
import everstore
from everstore.changes import DeleteValue, Increment, SetValue

async def main(path):
    async with everstore.open_store(backend="sqlite", sqlite_path=path, sqlite_synchronous="normal") as store:
        values = store.session(uuid.UUID(int=7)).storage
        print("ready", flush=True)
        for step in range(1 << 20):
            gone, come = ("here", "there") if step % 2 == 0 else ("there", "here")
            await values.change_values(
                [SetValue(f"new {step}", "x"), DeleteValue(gone), SetValue(come, "x"), Increment("count")]
            )
            print(step, flush=True)

asyncio.run(main(sys.argv[1]))
"""


async def texts(store, session_id):
    return {each.key: each.value for each in await store.storage.read_values(session_id)}


async def test_forks_and_rewinds_beside_another_process_lose_nothing(store, path):
    source = new_session_id()
    await store.storage.set_value(source, "source", "x")
    await store.storage.set_value(SESSION_ID, "here", "x")
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROGRAM, str(path), stdout=asyncio.subprocess.PIPE
    )
    assert await child.stdout.readline() == b"ready\n"
    replaced = []
    for _ in range(20):
        fork, kept = new_session_id(), new_session_id()
        await store.storage.fork_session(SESSION_ID, fork)
        found = await texts(store, fork)
        assert ("here" in found) != ("there" in found) or "source" in found
        await store.storage.fork_session(source, SESSION_ID, replaced=kept)
        replaced.append(kept)
    child.kill()
    told, _ = await child.communicate()
    steps = {f"new {line}" for line in told.decode().split("\n")[:-1]}
    kept = [await texts(store, each) for each in (*replaced, SESSION_ID)]
    assert [key for key in steps if sum(key in each for each in kept) != 1] == []
    counted = sum(int(each.get("count", 0)) for each in kept)
    assert counted in {len(steps), len(steps) + 1}  # one may not have been told of


async def test_a_fork_that_is_killed_has_happened_or_not(store, path):
    source = new_session_id()
    await store.storage.set_values(source, {f"key {number}": "x" * 500 for number in range(2000)})
    program = PROGRAM[: PROGRAM.index("        for step")] + (
        "        for step in range(1 << 20):\n"
        f"            source, kept = uuid.UUID({str(source)!r}), uuid.UUID(int=100 + step)\n"
        "            await store.storage.fork_session(source, uuid.UUID(int=7), replaced=kept)\n"
        "asyncio.run(main(sys.argv[1]))\n"
    )
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, str(path), stdout=asyncio.subprocess.PIPE
    )
    assert await child.stdout.readline() == b"ready\n"
    while len(await store.storage.session_ids()) < 5:
        pass
    child.kill()
    await child.communicate()
    sizes = [len(await store.storage.list_keys(each)) for each in await store.storage.session_ids()]
    assert set(sizes) == {2000}


async def test_what_is_over_is_not_taken_and_gone_in_time(store, raw):
    source, target, replaced = (new_session_id() for _ in range(3))
    for session_id in (source, target, replaced):
        await store.storage.set_value(session_id, "over", "x", ttl=0.001)
    await store.storage.set_value(source, "until", "x", ttl=0.3)
    await asyncio.sleep(0.01)
    await store.storage.fork_session(source, target, replaced=replaced)
    [taken] = await store.storage.list_keys(target)
    assert taken.expires_ns == (await store.storage.stat_value(source, "until")).expires_ns
    await store.storage.touch_value(target, "until", ttl=None)
    await asyncio.sleep(0.4)
    await store.storage.set_value(new_session_id(), "sweeps", "x")
    assert raw("SELECT session, expires FROM pairs WHERE key <> 'sweeps'") == [(target.bytes, None)]


async def test_two_sessions_are_compared_along_their_keys(store, raw):
    statement = re.sub(r":(?:a|b)\b", "x'00'", _DIFFERENCES)
    statement = re.sub(r":\w+", "0", statement)
    plan = " ".join(row[3] for row in raw(f"EXPLAIN QUERY PLAN {statement}"))
    assert "SCAN" not in plan
    assert plan.count("SEARCH") == 4


async def test_checkpoints_are_paged_when_they_are_of_one_moment(store, raw):
    sessions = store._trusted.sessions
    session = Session(labels={"a": "1"})
    await sessions.add_session(session)
    checkpoints = [
        Session(new_checkpoint_id(), str(number), 5, labels={"odd": str(number % 2)}, parent=session.id)
        for number in range(9)
    ]
    for record in checkpoints:
        await sessions.add_session(record)
    newest = sorted(checkpoints, key=lambda record: record.id.int, reverse=True)
    found = []
    while page := await sessions.list_sessions(
        checkpoints_of=session.id, limit=2, after=found[-1] if found else None
    ):
        found += page
    assert found == newest
    odd = await sessions.list_sessions(checkpoints_of=session.id, labels={"odd": "1"}, limit=3)
    assert odd == [record for record in newest if record.labels["odd"] == "1"][:3]
    assert await sessions.list_sessions(labels={"odd": "1"}) == []
    assert await sessions.list_sessions() == [session]
    assert raw("SELECT DISTINCT session FROM labels") == [(session.id.bytes,)]
    await sessions.update_session(newest[0].id, labels={"a": "1"})
    assert await sessions.list_sessions(labels={"a": "1"}) == [session]
    for record in checkpoints:
        assert await sessions.delete_session(record.id)
    assert await sessions.list_sessions(checkpoints_of=session.id) == []


@pytest.mark.parametrize("parent", ["'x'", "x'00'", "7"])
async def test_a_parent_that_is_none_is_told(store, raw, parent):
    session = await store.create_session()
    raw(f"UPDATE sessions SET parent = {parent}")
    for call in (store.sessions.get_session(session.id), store.sessions.list_sessions()):
        with pytest.raises(errors.DataDamagedError, match="what no record has"):
            await call
    with suppress(errors.DataDamagedError):
        await store.sessions.add_session(session)
    assert await store.sessions.get_session(session.id) == session
