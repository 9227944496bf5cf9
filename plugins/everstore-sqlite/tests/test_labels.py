"""The index of labels: what a list by labels costs, and that it holds whoever writes."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing

import pytest

from everstore import Session
from everstore_sqlite.sessions import _list_labelled


def steps_of(path, labels):
    """How many steps of SQLite's machine a page of ten takes."""
    steps = 0

    def count():
        nonlocal steps
        steps += 1

    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.set_progress_handler(count, 1)
        assert len(_list_labelled(connection, 10, None, labels)) == 10
    return steps


async def add(store, count, labels, created_ns):
    records = (Session(created_ns=created_ns + number, labels=labels) for number in range(count))
    await asyncio.gather(*map(store.sessions.add_session, records))


@pytest.mark.parametrize("labels", [{"rare": "1"}, {"rare": "1", "often": "1"}, {"often": "1", "rare": "1"}])
async def test_a_list_by_labels_costs_what_has_them(store, path, labels):
    await add(store, 20, {"rare": "1", "often": "1"}, 5_000)
    few = steps_of(path, labels)
    await add(store, 1000, {}, 4_500)
    await add(store, 1000, {"often": "1"}, 1_000)
    assert steps_of(path, labels) < 2 * few


async def test_who_writes_without_labels_keeps_the_index(store, raw):
    """A process of an older version that has the database open: its statements know no labels."""
    one, two = (Session(created_ns=age, labels={"a": "1"}) for age in (5, 4))
    for record in (one, two):
        await store.sessions.add_session(record)
    raw(f"UPDATE sessions SET title = 'x', created = 3 WHERE id = X'{one.id.hex}'")
    assert [record.id for record in await store.sessions.list_sessions(labels={"a": "1"})] == [two.id, one.id]
    raw(f"DELETE FROM sessions WHERE id = X'{two.id.hex}'")
    assert raw("SELECT name, text, created, session FROM labels") == [("a", "1", 3, one.id.bytes)]
    raw(f"DELETE FROM sessions WHERE id = X'{one.id.hex}'")
    assert raw("SELECT * FROM labels") == []
