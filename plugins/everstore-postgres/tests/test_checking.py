"""What ``everstore check --deep`` finds in PostgreSQL."""

from __future__ import annotations

import pytest

import everstore
from everstore.opening import ask, configure


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE files SET size = size + 1 WHERE kind <> 'd'",
        "DELETE FROM files WHERE kind = 'd'",
        "INSERT INTO usage SELECT session_id, 77, 77 FROM files LIMIT 1",
    ],
)
async def test_a_deep_check_finds_what_does_not_fit(settings, database, damage):
    async with everstore.open_store(**settings) as store:
        await store.session(everstore.new_session_id()).files.write_file("a/b/c", "text")
    configuration = configure(settings)
    assert await ask(configuration, "postgres", "everstore_check", deep=True) == []
    await database.execute(damage)
    assert len(await ask(configuration, "postgres", "everstore_check", deep=True) or ()) == 1
