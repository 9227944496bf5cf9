"""What a deep check finds in rows that do not fit one another."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from contextlib import closing

import pytest

DAMAGE = {
    "files without content": "DELETE FROM contents WHERE serial = (SELECT max(serial) FROM contents)",
    "contents without a file": "INSERT INTO contents VALUES (77 << 32, 1, x'61')",
    "in no directory": "DELETE FROM entries WHERE name = 'd3'",
    "whose size": "UPDATE entries SET size = size + 1 WHERE name = 'f7.txt'",
    "no text": "UPDATE contents SET data = CAST(x'ff' AS BLOB) WHERE serial > 0",
    "usage": "UPDATE trees SET files = files + 1",
    "directories": "UPDATE trees SET directories = directories + 1",
    "given out": "UPDATE counters SET slot = 0",
    "not counted": "DELETE FROM trees",
    "does not open": "UPDATE secrets SET key = 'another'",
    "no entry has": "UPDATE entries SET created = 'abc' WHERE name = 'f7.txt'",
    "entries with what": "UPDATE entries SET is_readonly = 9 WHERE name = 'f7.txt'",
    "whose path is none": "UPDATE entries SET name = CAST(x'ff66' AS TEXT) WHERE name = 'f7.txt'",
    "path is none": "UPDATE entries SET parent = CAST(x'2fff2f' AS TEXT) WHERE name = 'f7.txt'",
    "entries whose path": "UPDATE entries SET name = 'a/b' WHERE name = 'f7.txt'",
    "contents that are none": "UPDATE contents SET is_text = 7",
    "in numbers": "UPDATE trees SET last = 'abc'",
    "values with what": "UPDATE pairs SET expires = 'abc'",
    "values with what none": "UPDATE pairs SET key = CAST(x'ff' AS TEXT)",
    "secrets with what": "UPDATE secrets SET version = 'abc'",
    "records that are none": "INSERT INTO sessions VALUES (zeroblob(16), x'ff', 1, 1, NULL, NULL)",
    "limits of sessions": "INSERT INTO session_limits VALUES (zeroblob(16), 'files', 0, NULL)",
    "labels that are none": "INSERT INTO sessions VALUES (zeroblob(16), 'x', 1, 1, 'old', NULL)",
    "labels that the index": "INSERT INTO labels VALUES ('old', 'old', 1, zeroblob(16))",
    "the index has otherwise": "INSERT INTO sessions VALUES (zeroblob(16), NULL, 1, 1, '{\"old\": 1}', NULL)",
    "whose parent is none": "INSERT INTO sessions VALUES (zeroblob(16), NULL, 1, 1, NULL, 'old')",
    "parent is none": (
        "INSERT INTO sessions (id, created, updated) VALUES (x'01a21a6073fd8ec0ba5e056011da6008', 1, 1)"
    ),
}


async def fill(opened, session_id) -> None:
    async with opened() as store:
        work = store.session(session_id)
        for number in range(10):
            await work.files.write_file(f"d{number % 5}/f{number}.txt", f"old {number}\n" * 300)
        await work.storage.set_value("key", "old")
        await work.storage.set_secret("name", "old")


def test_a_deep_check_finds_nothing_in_what_fits(here, opened, session_id):
    asyncio.run(fill(opened, session_id))
    assert here("check", "--deep").returncode == 0


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_deep_check_finds_what_does_not_fit(here, opened, path, session_id, kind):
    asyncio.run(fill(opened, session_id))
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(DAMAGE[kind])
    done = here("check", "--deep", "--json")
    assert done.returncode == 4, done.stdout
    failed = [each["reason"] for each in json.loads(done.stdout) if each["outcome"] == "failed"]
    assert any(kind in reason for reason in failed), failed
    assert "old" not in done.stdout
