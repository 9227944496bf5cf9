"""What was acknowledged survives ``kill -9`` at any moment; the rest is there wholly or not at all."""

from __future__ import annotations

import asyncio
import json
import os
import random
import runpy
import signal
import sqlite3
import sys
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

from everstore_sqlite.checking import looked_at, problems_of

CHILD = Path(__file__).with_name("writing_child.py")
BRANCHING = Path(__file__).with_name("branching_child.py")
SESSION_ID, body = map(runpy.run_path(str(CHILD)).get, ("SESSION_ID", "body"))

KILLS = 20  # for each of the two modes


@asynccontextmanager
async def nursery(path: Path, synchronous: str, child: Path = CHILD):
    """What gives birth to children, to be killed: ``await run_and_kill(nurse, turn, after)``."""
    pipe = asyncio.subprocess.PIPE
    beside = {**os.environ, "PYTHONPATH": str(child.parent)}  # where one child's module finds another's
    nurse = await asyncio.create_subprocess_exec(
        sys.executable, child, str(path), synchronous, stdin=pipe, stdout=pipe, limit=1 << 26, env=beside
    )
    try:
        yield nurse
    finally:
        nurse.stdin.close()
        await nurse.wait()


async def run_and_kill(nurse: asyncio.subprocess.Process, turn: int, after: float) -> list[list]:
    """What a child acknowledged before it was killed, ``after`` seconds from its first word."""
    nurse.stdin.write(f"{turn}\n".encode())
    _, child = json.loads(await nurse.stdout.readline())
    reading = asyncio.create_task(nurse.stdout.readuntil(b"null\n"))
    await asyncio.sleep(after)
    os.kill(child, signal.SIGKILL)
    return [json.loads(line) for line in (await reading).splitlines()[:-1]]


async def check(opened, acknowledged: list[list]) -> None:
    """Everything acknowledged is there or was changed since by the same task, and nothing is torn."""
    last = {(kind, name): step for kind, name, step in (line for line in acknowledged if len(line) == 3)}
    async with opened() as store:
        work = store.session(SESSION_ID)
        for info in await work.files.glob_files("**/*.txt"):
            name, step, size, rest = (await work.files.read_file(info.path)).content.split(":", 3)
            assert rest == "x" * int(size)
            assert body(name, int(step)) == f"{name}:{step}:{size}:{rest}"
        for (kind, name), step in last.items():
            if kind == "file":
                found = (await work.files.read_file(f"{name}/deep/file.txt")).content
                assert found in {body(name, step), body(name, step + 1)}
            elif kind == "counter":
                assert int(await work.storage.get_value(name)) in {step, step + 1}
            elif kind == "line":
                lines = (await work.files.read_file(f"{name}.log")).content.split()
                assert lines in ([str(n) for n in range(step + 1)], [str(n) for n in range(step + 2)])
            elif kind == "tree":
                await check_tree(work, name, last)


async def check_tree(work, name: str, last: dict) -> None:
    listed = [info.name for info in await work.files.list_directory(name)]
    assert listed in ([], ["a.txt", "b.txt"])
    made, gone = last["tree", name], last.get(("no tree", name), -1)
    if listed:
        assert (await work.files.read_file(f"{name}/a.txt")).content in {
            body(name, made),
            body(name, gone + 1),
        }


def check_file(path: Path) -> None:
    """The file is sound, and its counts are those of its rows."""
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        counted = connection.execute("SELECT files, bytes FROM trees").fetchall()
        summed = connection.execute(
            "SELECT count(*), sum(size) FROM entries WHERE NOT is_directory"
        ).fetchall()
        assert counted == summed
        orphans = "SELECT count(*) FROM contents WHERE serial NOT IN (SELECT serial FROM entries)"
        assert connection.execute(orphans).fetchone() == (0,)
        parents = "SELECT count(*) FROM entries AS child WHERE parent != '/' AND NOT EXISTS"
        parents += " (SELECT 1 FROM entries WHERE is_directory AND parent || name || '/' = child.parent)"
        assert connection.execute(parents).fetchone() == (0,)


@pytest.mark.parametrize("synchronous", ["full", "normal"])
async def test_kill(opened, path, synchronous):
    chance = random.Random(synchronous)
    acknowledged = 0
    async with nursery(path, synchronous) as nurse:
        for turn in range(KILLS):
            told = await run_and_kill(nurse, turn, chance.uniform(0, 0.15))
            acknowledged += len(told)
            await check(opened, told)
    check_file(path)
    assert acknowledged > KILLS * 10


async def test_kill_while_the_search_index_is_filled(opened, path):
    """The index is behind, or not; its answers are those of a search without it."""
    async with opened(search_index=True):
        pass
    async with nursery(path, "normal") as nurse:
        for turn in range(5):
            await run_and_kill(nurse, turn, 0.1)
            found = []
            for use in (True, False):
                async with opened(search_index=use) as store:
                    await asyncio.sleep(0.05 * use)
                    found.append(await store.file_system.grep_files(SESSION_ID, ":3:"))
                    found.append(await store.file_system.grep_files(SESSION_ID, "xxx", limit=50))
            assert found[:2] == found[2:]
    check_file(path)


async def check_branches(store) -> None:
    """Each session, also one that nobody was told of, has all files of one moment, or none."""
    for session in await store.file_system.session_ids(limit=10_000):
        files = store.session(session).files
        found = [(await files.read_file(name)).content for name in ("a.txt", "b.txt", "log.txt")]
        assert found[0] == found[1]
        assert found[2].count("\n") == found[2].count(":") == int(found[0].split(":")[0]) + 1


@pytest.mark.parametrize("index", [False, True])
async def test_kill_while_sessions_are_forked_rewound_and_purged(opened, path, index):
    """Each is done wholly or not at all, and nothing is left that nobody has."""
    async with opened(search_index=index):
        pass
    chance = random.Random(index)
    done: list[list] = []
    async with nursery(path, "normal", BRANCHING) as nurse:
        for turn in range(6):
            done += await run_and_kill(nurse, turn, chance.uniform(0.05, 0.3))
            async with opened(search_index=index) as store:
                await check_branches(store)
            with closing(looked_at(path)) as connection:
                assert problems_of(connection) == []
    assert done
    async with opened(search_index=index) as store:
        for session in await store.file_system.session_ids(limit=10_000):
            await store.file_system.purge_session(session)
        while index and sqlite3_of(path, "SELECT 1 FROM search_stale LIMIT 1"):  # noqa: ASYNC110 - a thread
            await asyncio.sleep(0.01)
    for table in ("entries", "contents", "shares", "pieces", "chunks", "origins", "trees"):
        assert sqlite3_of(path, f"SELECT count(*) FROM {table}") == [(0,)]


def sqlite3_of(path: Path, sql: str) -> list[tuple]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql).fetchall()
