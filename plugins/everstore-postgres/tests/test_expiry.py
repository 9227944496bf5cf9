"""What is past its time leaves the database, too."""

from __future__ import annotations

import asyncio

import everstore


async def test_expired_entries_of_sessions_that_nobody_uses_again_are_let_go(store, database):
    abandoned, used = everstore.new_session_id(), everstore.new_session_id()
    for number in range(50):
        await store.storage.set_value(abandoned, f"key {number}", "value", ttl=0.5)
    await store.storage.set_value(abandoned, "kept", "value")
    await store.storage.set_secret(abandoned, "kept longer", "value", ttl=3600)
    await asyncio.sleep(0.6)
    for number in range(5):
        await store.storage.set_value(used, f"key {number}", "value", ttl=3600)
    left = await database.fetch("SELECT key FROM entries WHERE session_id = $1 ORDER BY key", abandoned)
    assert [row["key"] for row in left] == ["kept", "kept longer"]
