"""No byte of the server's files holds a secret's text."""

from __future__ import annotations

import asyncpg

import everstore
from everstore.conformance.storage_scan import files_holding

SHOWN, HIDDEN = "a value is kept as it is, 71c2e0", "a secret is not, 93d5a1"


async def test_the_servers_files_hold_values_and_no_secret(own_server, own_settings):
    session_id = everstore.new_session_id()
    async with everstore.open_store(**own_settings) as store:
        for _ in range(2):
            await store.storage.set_value(session_id, "key", SHOWN)
            await store.storage.set_secret(session_id, "name", HIDDEN)
        connection = await asyncpg.connect(own_server.url)
        await connection.execute("CHECKPOINT")
        await connection.close()
        assert await store.storage.get_secret(session_id, "name") == HIDDEN
        assert len(files_holding(SHOWN, [own_server.folder])) > 1  # the table, and the write-ahead log
        assert files_holding(HIDDEN, [own_server.folder]) == []
