"""What a session holds and which sessions there are: one statement each, which costs what it answers."""

from __future__ import annotations

import asyncio
import json
from uuid import UUID

import asyncpg
import pytest

import everstore
from everstore import Session

PARTS = ("file_system", "storage", "sessions")


@pytest.fixture
async def watched(settings):
    """A store, and the statements that it sends with their arguments."""
    sent = []

    async def watch(connection):
        connection.add_query_logger(lambda told: sent.append((told.query, told.args)))

    schema = settings["postgres_schema_name"]
    async with (
        asyncpg.create_pool(settings["postgres_url"], min_size=1, max_size=2, init=watch) as pool,
        everstore.open_store(
            pool, **{name: value for name, value in settings.items() if name != "postgres_url"}
        ) as store,
    ):
        await store.ping()
        yield store, sent, schema


async def fill(store, count, entries):
    """Sessions that hold so many files and values each, and a record; their ids, ascending."""
    ids = sorted(everstore.new_session_id() for _ in range(count))
    for session_id in ids:
        work = store.session(session_id)
        await asyncio.gather(
            *(work.files.write_file(f"d/{number}", "x") for number in range(entries)),
            *(work.storage.set_value(f"k{number}", "x") for number in range(entries)),
            work.storage.set_secret("s", "x"),
            store.sessions.add_session(Session(session_id)),
        )
    return ids


async def pages_read(database, statement, arguments):
    """How many pages of the server's a statement takes."""
    for _ in range(2):  # the first time, the catalogue is looked at, too
        told = await database.fetchval(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}", *arguments)
    [explained] = json.loads(told)
    return explained["Plan"]["Shared Hit Blocks"] + explained["Plan"]["Shared Read Blocks"]


@pytest.mark.parametrize("part", PARTS)
async def test_each_is_one_statement(watched, part):
    store, sent, schema = watched
    [session_id] = await fill(store, 1, 3)
    role = getattr(store, part)
    calls = [role.session_ids, lambda: role.session_ids(after=UUID(int=0))]
    calls += [] if part == "sessions" else [lambda: role.usage(session_id)]
    for call in calls:
        sent.clear()
        assert await call()
        assert len([query for query, _ in sent if schema in query]) == 1


@pytest.mark.parametrize("part", PARTS)
async def test_a_page_of_ids_costs_neither_what_they_hold_nor_the_others(watched, database, part):
    store, sent, _ = watched
    await database.execute("SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off")
    ids = await fill(store, 12, 1)
    sent.clear()
    assert await getattr(store, part).session_ids(after=ids[0], limit=5) == ids[1:6]
    [(statement, arguments)] = [each for each in sent if each[0].startswith("WITH")]
    few = await pages_read(database, statement, arguments)
    for session_id in ids[1:4]:
        work = store.session(session_id)
        await asyncio.gather(*(work.files.write_file(f"more/{number}", "x") for number in range(300)))
        await asyncio.gather(*(work.storage.set_value(f"more{number}", "x") for number in range(300)))
    await fill(store, 60, 1)
    await database.execute("VACUUM")
    assert await pages_read(database, statement, arguments) < 3 * few
