"""Contents that sessions share: no file of the storage grows for them, and no kill leaves any behind."""

from __future__ import annotations

import asyncio
import sys
from uuid import UUID

import pytest

import everstore
from everstore.engine import check
from everstore_lmdb import LmdbEngine, LmdbSettings

BASE, FORK, COPY = UUID(int=7), UUID(int=8), UUID(int=9)
COUNT, SIZE = 300, 40_000
PROGRAM = """
import asyncio, itertools, sys, uuid
import everstore

BASE, FORK, COPY = (uuid.UUID(int=number) for number in (7, 8, 9))

async def main(path):
    async with everstore.open_store(backend="lmdb", lmdb_path=path, lmdb_synchronous="normal") as store:
        files = store.file_system
        print("ready", flush=True)
        for turn in itertools.count():
            await files.fork_session(BASE, FORK)
            await files.append_file(FORK, "/d/0", "x" * 100_000)
            await files.fork_session(BASE, FORK, replaced=COPY)
            await files.copy_file(FORK, "/d", "/e")
            await files.purge_session(FORK)
            await files.delete_file(COPY, "/d", recursive=True)

asyncio.run(main(*sys.argv[1:]))
"""

SEVERAL = """
import asyncio, sys, uuid
import everstore

async def main(path, number):
    async with everstore.open_store(backend="lmdb", lmdb_path=path, lmdb_synchronous="normal") as store:
        files, base = store.file_system, uuid.UUID(int=7)
        for turn in range(20):
            fork = uuid.UUID(int=1000 * int(number) + turn)
            await files.fork_session(base, fork)
            await files.append_file(fork, "/d/0", number)
            await files.append_file(base, "/d/1", number)
            if turn % 2:
                await files.purge_session(fork)

asyncio.run(main(*sys.argv[1:]))
"""


def faults(path):
    return check(LmdbEngine(LmdbSettings(path=path)), deep=True)


async def begin(store) -> None:
    changes = [everstore.changes.Write(f"/d/{number}", f"{number}" * (SIZE // 3)) for number in range(COUNT)]
    await store.session(BASE).files.apply_changes(changes)


@pytest.mark.parametrize("milliseconds", [20, 60, 150])
async def test_a_kill_leaves_nothing_that_nobody_has(milliseconds, opened, path):
    async with opened() as store:
        await begin(store)
        before = await store.file_system.diff_sessions(FORK, BASE)
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROGRAM, str(path), stdout=asyncio.subprocess.PIPE
    )
    assert await child.stdout.readline() == b"ready\n"
    await asyncio.sleep(milliseconds / 1000)
    child.kill()
    await child.wait()
    assert faults(path) == []
    async with opened() as store:
        files = store.file_system
        assert await files.diff_sessions(UUID(int=1), BASE) == before
        counts = [len(await files.list_tree(session)) for session in (FORK, COPY)]
        assert {*counts} <= {0, COUNT + 1, 2 * (COUNT + 1)}
        for session in (FORK, COPY, BASE):
            await files.purge_session(session)
    assert faults(path) == []


async def test_a_fork_takes_the_room_of_its_entries(opened, path):
    async with opened() as store:
        await begin(store)
        before = (path / "data.mdb").stat().st_blocks * 512
        for number in range(10):
            await store.file_system.fork_session(BASE, UUID(int=100 + number))
        assert (path / "data.mdb").stat().st_blocks * 512 - before < 10 * COUNT * 600 + (1 << 20)
        await store.file_system.purge_session(BASE)
        found = await store.file_system.read_file(UUID(int=109), "/d/7")
        assert found.content == "7" * (SIZE // 3)
    assert faults(path) == []


async def test_several_processes_share_what_they_fork(opened, path):
    async with opened() as store:
        await begin(store)
        children = [
            await asyncio.create_subprocess_exec(sys.executable, "-c", SEVERAL, str(path), f"{number}")
            for number in (1, 2, 3)
        ]
        assert [await child.wait() for child in children] == [0] * 3
        added = (await store.file_system.read_file(BASE, "/d/1")).content[-60:]
        assert sorted(added) == sorted("123" * 20)
        fork = await store.file_system.read_file(UUID(int=2000), "/d/0")
        assert fork.content == "0" * (SIZE // 3) + "2"
    assert faults(path) == []
