"""The index of labels: what a list by labels costs, and that it holds whoever writes."""

from __future__ import annotations

import asyncio
import json

import pytest

from everstore import Session

PAGE = "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) SELECT * FROM labelled($1, $2, 10, $3, $4)"


async def add(store, count, labels, created_ns):
    records = (Session(created_ns=created_ns + number, labels=labels) for number in range(count))
    await asyncio.gather(*map(store.sessions.add_session, records))


async def pages_read(database, labels):
    """How many pages of the server's a page of ten records takes."""
    for _ in range(2):  # the first time, the catalogue is looked at, too
        told = await database.fetchval(
            PAGE, [*labels], [*labels.values()], (1 << 63) - 1, "ffffffff-ffff-ffff-ffff-ffffffffffff"
        )
    [explained] = json.loads(told)
    assert explained["Plan"]["Actual Rows"] == 10
    return explained["Plan"]["Shared Hit Blocks"] + explained["Plan"]["Shared Read Blocks"]


@pytest.mark.parametrize("labels", [{"rare": "1"}, {"rare": "1", "often": "1"}, {"often": "1", "rare": "1"}])
async def test_a_list_by_labels_costs_what_has_them(store, database, labels):
    await database.execute("SET enable_seqscan = off; SET plan_cache_mode = force_generic_plan")
    await add(store, 20, {"rare": "1", "often": "1"}, 5_000)
    few = await pages_read(database, labels)
    await add(store, 1000, {}, 4_000)
    await add(store, 1000, {"often": "1"}, 1_000)
    assert await pages_read(database, labels) < 3 * few


async def test_who_writes_without_labels_keeps_the_index(store, database):
    """A process of an older version that has the database open: its statements know no labels."""
    one, two = (Session(created_ns=age, labels={"a": "1"}) for age in (5, 4))
    for record in (one, two):
        await store.sessions.add_session(record)
    await database.execute("UPDATE sessions SET title = 'x', created_ns = 3 WHERE id = $1", one.id)
    assert [record.id for record in await store.sessions.list_sessions(labels={"a": "1"})] == [two.id, one.id]
    await database.execute("DELETE FROM sessions WHERE id = $1", two.id)
    assert [tuple(row) for row in await database.fetch("SELECT name, text, created_ns FROM labels")] == [
        ("a", "1", 3)
    ]
    await database.execute("DELETE FROM sessions WHERE id = $1", one.id)
    assert await database.fetch("SELECT * FROM labels") == []
