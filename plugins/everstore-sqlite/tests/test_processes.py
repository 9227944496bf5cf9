"""Several processes on one file: exact, exclusive, and each sees what another was told is done."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from contextlib import closing
from uuid import UUID

import pytest

from everstore import errors

PROGRAM = """
import asyncio, sys, uuid
import everstore

SESSION_ID = uuid.UUID(int=7)

async def main(path, number, index):
    settings = {"sqlite_path": path, "sqlite_synchronous": "normal", "sqlite_search_index": index == "index"}
    async with everstore.open_store(backend="sqlite", **settings) as store:
        work = store.session(SESSION_ID)
        print("ready", flush=True)
        sys.stdin.readline()
        won = 0
        for step in range(25):
            await asyncio.gather(*(work.storage.increment_value("count") for _ in range(4)))
            try:
                await work.files.write_file(f"won/{step}.txt", number, if_absent=True)
                won += 1
            except everstore.errors.RevisionConflictError:
                pass
            await work.files.append_file("log.txt", f"{number}-{step}\\n")
            await work.files.edit_file("shared.txt", f"<{number}:{step}>", f"<{number}:{step + 1}>")
            await work.files.write_file("rewritten.txt", "text " * 20)
            print("revision", (await work.files.stat_file("rewritten.txt")).revision, flush=True)
        print("won", won, flush=True)

asyncio.run(main(*sys.argv[1:]))
"""


async def start(path, number: int, index: str = "") -> asyncio.subprocess.Process:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROGRAM, str(path), str(number), index, stdin=pipe, stdout=pipe
    )
    assert await process.stdout.readline() == b"ready\n"
    return process


@pytest.mark.parametrize("index", ["", "index"])
async def test_four_processes(opened, path, index):
    session_id = UUID(int=7)
    async with opened(search_index=bool(index)) as store:
        work = store.session(session_id)
        await work.files.write_file("shared.txt", "".join(f"<{number}:0>\n" for number in range(4)))
        # Two of them know of the index, two do not: all keep it right.
        processes = [await start(path, number, index if number % 2 else "") for number in range(4)]
        told = await asyncio.gather(*(process.communicate(b"go\n") for process in processes))
        assert [process.returncode for process in processes] == [0] * 4
        lines = [line.split() for output, _ in told for line in output.decode().splitlines()]
        revisions = [revision for word, revision in lines if word == "revision"]
        assert sum(int(won) for word, won in lines if word == "won") == 25
        assert await work.storage.get_value("count") == "400"
        assert (await work.files.read_file("shared.txt")).content == "".join(f"<{n}:25>\n" for n in range(4))
        log = (await work.files.read_file("log.txt")).content.split()
        assert sorted(log) == sorted(f"{number}-{step}" for number in range(4) for step in range(25))
        assert len(set(revisions)) > 25
        assert [match.line_number for match in await work.files.grep_files("3-24", "log.txt")] == [
            log.index("3-24") + 1
        ]
        assert len(await work.files.grep_files("text text", "rewritten.txt")) == 1
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


async def test_what_one_store_acknowledged_the_other_reads(opened, session_id):
    async with opened() as one, opened() as other:
        for step in range(50):
            here, there = (one, other) if step % 2 else (other, one)
            await here.file_system.write_file(session_id, "a.txt", str(step))
            await here.storage.set_value(session_id, "key", str(step))
            assert (await there.file_system.read_file(session_id, "a.txt")).content == str(step)
            assert await there.storage.get_value(session_id, "key") == str(step)
            assert len(await there.file_system.list_directory(session_id)) == 1


async def test_one_of_two_stores_that_create_the_same_wins(opened, session_id):
    async with opened() as one, opened() as other:
        for step in range(20):
            calls = (
                store.file_system.write_file(session_id, f"{step}.txt", "mine", if_absent=True)
                for store in (one, other)
            )
            answers = await asyncio.gather(*calls, return_exceptions=True)
            assert sorted(type(answer) is errors.RevisionConflictError for answer in answers) == [False, True]


async def test_a_session_purged_by_one_store_is_new_to_the_other(opened, session_id):
    async with opened() as one, opened() as other:
        first = await one.file_system.write_file(session_id, "a/b.txt", "old")
        await other.delete_session(session_id)
        assert await one.file_system.read_file(session_id, "a/b.txt") is None
        second = await one.file_system.write_file(session_id, "a/b.txt", "new")
        assert second.id != first.id
        assert second.revision != first.revision
        assert (await other.file_system.read_file(session_id, "a/b.txt")).content == "new"
