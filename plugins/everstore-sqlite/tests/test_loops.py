"""Cancelled thrice, other loops and forks."""

from __future__ import annotations

import asyncio
import os
import threading

import pytest

import everstore
from everstore import new_session_id


def left() -> tuple[int, int]:
    threads = [t for t in threading.enumerate() if t.name.startswith("everstore-sqlite")]
    return len(threads), len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - counted, not looked into


@pytest.mark.parametrize("turns", range(1, 6))
async def test_whoever_is_cancelled_thrice_while_opening_leaves_nothing(turns, tmp_path):
    async def use():
        async with everstore.open_store(environment={}, backend="sqlite", sqlite_path=tmp_path / "x.db"):
            await asyncio.sleep(60)

    before = None
    for _ in range(3):
        task = asyncio.ensure_future(use())
        for _ in range(3):
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        before = before or left()
    assert left() == before


def test_a_store_goes_on_on_a_second_event_loop(tmp_path):
    session_id = new_session_id()
    opening = everstore.open_store(environment={}, backend="sqlite", sqlite_path=tmp_path / "x.db")

    async def first():
        store = await opening.__aenter__()
        await store.storage.set_value(session_id, "k", "v")
        return store

    store = asyncio.run(first())

    async def second():
        assert await store.storage.increment_value(session_id, "n") == 1
        assert await store.storage.get_value(session_id, "k") == "v"
        await opening.__aexit__(None, None, None)

    asyncio.run(second())
