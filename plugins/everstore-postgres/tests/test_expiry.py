"""What is past its time leaves the database, too."""

from __future__ import annotations

import asyncio

import everstore
from everstore.clock import turned


async def test_expired_entries_of_sessions_that_nobody_uses_again_are_let_go(store, database):
    abandoned, used = everstore.new_session_id(), everstore.new_session_id()
    for number in range(50):
        await store.storage.set_value(abandoned, f"key {number}", "value", ttl=0.5)
        await store.storage.set_secret(abandoned, f"name {number}", "value", ttl=0.5)
    await store.storage.set_value(abandoned, "kept", "value")
    await store.storage.set_secret(abandoned, "kept longer", "value", ttl=3600)
    await asyncio.sleep(0.6)
    for number in range(5):
        await store.storage.set_value(used, f"key {number}", "value", ttl=3600)
    left = await database.fetch("SELECT key FROM entries WHERE session_id = $1 ORDER BY key", abandoned)
    assert [row["key"] for row in left] == ["kept", "kept longer"]


async def test_the_clock_of_the_server_is_turned_with_ours(store):
    work = store.session(everstore.new_session_id())
    with turned(86_400):
        ahead = await work.files.write_file("a", "1")
        await work.storage.set_value("k", "x")
    assert (await work.files.write_file("a", "2")).updated_at > ahead.updated_at
    await work.storage.set_value("k", "y", ttl=60)
    assert await work.storage.get_value("k") == "y"
    with turned(61):
        assert await work.storage.get_value("k") is None
